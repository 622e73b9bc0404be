//! Norm and ascent against `lowland_reference::ascent`.

use lowland::rng::{Rng, Stream};
use lowland_reference::{ascent, optim::l2_norm};
use lowland_shaders::params::{Ascend, NormSquares};
use lowland_shaders::{ASCEND, ASCEND_P, ASCENT_EXTREMES, ASCENT_POWERS, NORM_SQUARES};
use lowland_tests::bench::{Bench, SENTINEL};
use lowland_tests::compare::{Tolerance, check, exactly, near, within};
use lowland_tests::lanes::{LANES, ROWS, TABLE, blank, by_lane, doubles, schedule, slots};
use lowland_tests::layer::uniform;
use lowland_tests::{any_gpu, coverage::covers};

/// w + e: e has the relative error of a norm (a tree of sums, a root) and a division; w one rounding.
const ASCENT: Tolerance = within(1e-7, 3e-6);
/// With powers: an exponent's rounding times the logarithm of the smallest value against the largest.
const POWERS: Tolerance = within(2e-7, 2e-5);

/// Norm and `steps` equal steps of the ascent, of one size and scale of gradients; false without a device.
fn ascend(floats: usize, scale: f32, steps: usize) -> bool {
    let Some(gpu) = any_gpu() else { return false };
    let rng = &mut Rng::new(floats as u32, Stream::Data, 0);
    let w = slots(rng, 3, floats, uniform);
    let g = slots(rng, 2, floats, |rng| scale * uniform(rng));
    let size4 = (floats / 4) as u32;
    let per_slice = size4.div_ceil(256).max(1024);
    let slices = size4.div_ceil(per_slice);
    let step = 4usize;
    let rho = |lane: usize| 0.05 * lane as f32;

    let mut bench = Bench::default();
    let rows = bench.table(&ROWS);
    let weights = bench.input("weights", &w);
    let grads = bench.input("grads", &g);
    let squares = bench.output("squares", LANES * 256 * 2);
    let scheduled = schedule(|t, lane| [9.0, if t == step % TABLE { rho(lane) } else { 7.0 }, 9.0, 9.0]);
    let scheduled = bench.input("scheduled", scheduled.as_flattened());
    let clock = bench.input("clock", &[step as u32, 99, 0]);
    let climbed = bench.output("ascent", LANES * floats);
    let p = NormSquares { size4, per_slice, stride: size4, slices };
    bench.launch(&NORM_SQUARES, &[], &p, rows, &[grads, squares], slices as usize);
    let p = Ascend { size4, per_slice, stride: size4, slices, lanes: LANES as u32, table: TABLE as u32 };
    let buffers = [weights, grads, squares, scheduled, clock, climbed];
    let groups = size4.div_ceil(1024) as usize;
    bench.launch(&ASCEND, &[], &p, rows, &buffers, groups);
    if steps == 2 {
        bench.launch(&ASCEND, &[("FIRST", 0.0)], &p, rows, &buffers, groups);
    }
    let ran = bench.run(gpu, 1);

    let name = format!("{floats} floats near {scale:e}");
    let want = by_lane(floats, 3, |work, lane| {
        let (w, g) = (&w[lane * floats..][..floats], &g[work * floats..][..floats]);
        if scale == 0.0 {
            return exactly(w);
        }
        let e = ascent::sam(&doubles(g), steps as f64 * f64::from(rho(lane)));
        near(&doubles(w).iter().zip(e).map(|(w, e)| w + e).collect::<Vec<_>>())
    });
    check(&format!("ascent of {name}"), ran.bits(climbed), &want, ASCENT);

    // |e| is rho, whatever the gradient. Small steps drown in w, so this holds them by the norm that was found.
    let squares = ran.floats(squares);
    for [_, _, work, _] in ROWS {
        let own = &squares[work as usize * 512..][..2 * slices as usize];
        let (plain, scaled): (Vec<_>, Vec<_>) = own.chunks(2).map(|s| (f64::from(s[0]), f64::from(s[1]))).unzip();
        let (plain, scaled) = (plain.iter().sum::<f64>(), scaled.iter().sum::<f64>());
        let norm = if plain < 1e-20 { scaled.sqrt() / 2f64.powi(64) } else { plain.sqrt() };
        let wanted = l2_norm(&doubles(&g[work as usize * floats..][..floats]));
        assert!((norm - wanted).abs() <= 1e-6 * wanted, "norm of {name}: {norm:e} for {wanted:e}");
    }
    let rest = squares[512..1024].iter().chain(&squares[2 * slices as usize..512]);
    assert!(rest.into_iter().all(|s| s.to_bits() == SENTINEL), "squares of {name} outside its slices");
    true
}

#[test]
fn the_ascent_has_length_rho_for_any_gradient() {
    for floats in [4, 256, 4096, 4100, 300_000] {
        if !ascend(floats, 1.0, 1) {
            return;
        }
    }
    for scale in [0.0, 1e-30, 1e-25, 1e-20, 1e-12, 1e-9, 1e-5, 1e6, 1e15] {
        ascend(4100, scale, 1);
    }
    // More slices than the buffer could hold if they stayed at 1024 vec4s.
    ascend(4 * (256 * 1024 + 3), 1.0, 1);
    ascend(4100, 1.0, 2);
    covers("norm and ascent");
}

/// An ascent in the norms `p` of both lanes (by number), ASAM's where `adaptive`; false without a device.
fn ascend_p(floats: usize, scale: f32, p: [f32; LANES], adaptive: bool, steps: usize) -> bool {
    let Some(gpu) = any_gpu() else { return false };
    let rng = &mut Rng::new(floats as u32, Stream::Data, 1);
    let w = slots(rng, 3, floats, uniform);
    // Few different values, so that the largest is there several times, and zeros.
    let g = slots(rng, 2, floats, |rng| scale * (6.0 * uniform(rng)).round() / 6.0);
    let size4 = (floats / 4) as u32;
    let per_slice = size4.div_ceil(256).max(1024);
    let slices = size4.div_ceil(per_slice);
    let is_weight = |i: usize| (i / 8).is_multiple_of(2);
    // PyTorch's order is another one than the arena's: here, backwards.
    let places: Vec<u32> =
        (0..floats).map(|i| (floats - 1 - i) as u32 | if is_weight(i) { 1 << 31 } else { 0 }).collect();
    let power = |p: f32| if p == 1.0 { -1.0 } else { (1.0 / (f64::from(p) - 1.0)) as f32 };
    let rho = 0.3;

    let mut bench = Bench::default();
    let rows = bench.table(&ROWS);
    let weights = bench.input("weights", &w);
    let grads = bench.input("grads", &g);
    let extremes = bench.output("extremes", LANES * 256 * 4);
    let places = bench.input("places", &places);
    let b = blank();
    let flag = f32::from(u8::from(adaptive));
    let hyper = p.map(|p| [b, b, b, b, b, b, b, b, b, power(p), flag, b]);
    let hyper = bench.input("hyper", hyper.as_flattened());
    let scheduled = bench.input("scheduled", schedule(|_, _| [b, rho / steps as f32, b, b]).as_flattened());
    let clock = bench.input("clock", &[2u32, 99, 0]);
    let climbed = bench.output("ascent", LANES * floats);
    let params = Ascend { size4, per_slice, stride: size4, slices, lanes: LANES as u32, table: TABLE as u32 };
    let reduced = [weights, grads, hyper, places, extremes];
    bench.launch(&ASCENT_EXTREMES, &[], &params, rows, &reduced, slices as usize);
    bench.launch(&ASCENT_POWERS, &[], &params, rows, &reduced, slices as usize);
    let buffers = [weights, grads, extremes, places, hyper, scheduled, clock, climbed];
    for step in 0..steps {
        let first = [("FIRST", if step == 0 { 1.0 } else { 0.0 })];
        bench.launch(&ASCEND_P, &first, &params, rows, &buffers, size4.div_ceil(1024) as usize);
    }
    let ran = bench.run(gpu, 1);

    let want = by_lane(floats, 3, |work, lane| {
        let (w, mut g) = (&w[lane * floats..][..floats], doubles(&g[work * floats..][..floats]));
        if scale == 0.0 {
            return exactly(w);
        }
        let mut t: Vec<f64> = w
            .iter()
            .enumerate()
            .map(|(i, w)| if adaptive && is_weight(i) { f64::from(w.abs()) + 0.01 } else { 1.0 })
            .collect();
        // The device's h is in f32, and which of two nearly equal ones is the largest is its to say.
        if p[lane] == 1.0 && adaptive {
            t = t.iter().map(|t| f64::from(*t as f32)).collect();
        }
        g.reverse();
        t.reverse();
        let mut e = ascent::general(&g, &t, f64::from(rho), f64::from(p[lane]));
        e.reverse();
        near(&doubles(w).iter().zip(e).map(|(w, e)| w + e).collect::<Vec<_>>())
    });
    check(
        &format!("ascent of {floats} floats near {scale:e}, p {p:?}, adaptive {adaptive}"),
        ran.bits(climbed),
        &want,
        POWERS,
    );
    true
}

#[test]
fn the_ascent_in_any_norm_equals_its_twin() {
    let inf = f32::INFINITY;
    for (floats, p) in [
        (4, [0.0, 1.0, inf, 0.0]),
        (252, [0.0, 3.0, 1.0, 0.0]),
        (4100, [0.0, inf, 1.5, 0.0]),
        (300_000, [0.0, 1.0, 4.0, 0.0]),
        (1028, [0.0, 2.0, 1.1, 0.0]),
    ] {
        for adaptive in [false, true] {
            if !ascend_p(floats, 1.0, p, adaptive, 1) {
                return;
            }
        }
    }
    for scale in [0.0, 1e-30, 1e-12, 1e6, 1e15] {
        ascend_p(4100, scale, [0.0, 3.0, 1.25, 0.0], false, 1);
        ascend_p(4100, scale, [0.0, 1.0, inf, 0.0], false, 1);
    }
    ascend_p(4 * (256 * 1024 + 3), 1.0, [0.0, 3.0, 1.0, 0.0], false, 1);
    ascend_p(1028, 1.0, [0.0, 3.0, 2.0, 0.0], true, 2);
    covers("ascent in any norm");
}
