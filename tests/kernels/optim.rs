//! Norm, ascent, base steps and the log against `lowland_reference::optim`.

use lowland::rng::{Rng, Stream};
use lowland_reference::optim::{AdamW, Moments, Sgd, l2_norm, sam_ascent};
use lowland_shaders::params::{Ascend, Log, NormSquares, Update};
use lowland_shaders::{ADAMW, ASCEND, LOG, NORM_SQUARES, SGD};
use lowland_tests::bench::{Bench, SENTINEL};
use lowland_tests::compare::{Tolerance, Want, check, exactly, near, within};
use lowland_tests::layer::uniform;
use lowland_tests::{any_gpu, coverage::covers};

const LANES: usize = 4;
/// Lanes 2 and 1, on slots of work 0 and 2; steps run through a table of 3.
const ROWS: [[u32; 4]; 2] = [[0, 0, 0, 2], [0, 0, 2, 1]];
const TABLE: usize = 3;

/// w + e: e has the relative error of a norm (a tree of sums, a root) and a division; w one rounding.
const ASCENT: Tolerance = within(1e-7, 3e-6);
/// A few roundings of values near 1.
const STEP: Tolerance = within(3e-7, 1e-6);

fn blank() -> f32 {
    f32::from_bits(SENTINEL)
}

/// Values by slot, sentinels in the slots that no row uses by `column`.
fn slots(rng: &mut Rng, column: usize, floats: usize, values: impl Fn(&mut Rng) -> f32) -> Vec<f32> {
    let used = |slot| ROWS.iter().any(|row| row[column] as usize == slot);
    (0..LANES)
        .flat_map(|slot| (0..floats).map(|_| if used(slot) { values(rng) } else { blank() }).collect::<Vec<_>>())
        .collect()
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// What holds the lanes of `ROWS`, untouched elsewhere.
fn by_lane(floats: usize, column: usize, want: impl Fn(usize, usize) -> Vec<Want>) -> Vec<Want> {
    let mut all = vec![Want::Untouched; LANES * floats];
    for row in ROWS {
        let slot = row[column] as usize;
        all[slot * floats..][..floats].copy_from_slice(&want(row[2] as usize, row[3] as usize));
    }
    all
}

/// (lr, rho, correction1, correction2) of each step and lane; sentinels for the lanes without a row.
fn schedule(entry: impl Fn(usize, usize) -> [f32; 4]) -> Vec<[f32; 4]> {
    let used = |lane| ROWS.iter().any(|row| row[3] as usize == lane);
    let lanes = |step| (0..LANES).map(move |lane| (step, lane));
    (0..TABLE).flat_map(lanes).map(|(step, lane)| if used(lane) { entry(step, lane) } else { [blank(); 4] }).collect()
}

/// Norm and ascent of one size and scale of gradients; false without a device.
fn ascend(floats: usize, scale: f32) -> bool {
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
    let clock = bench.input("clock", &[step as u32, 99]);
    let ascent = bench.output("ascent", LANES * floats);
    let p = NormSquares { size4, per_slice, stride: size4, slices };
    bench.launch(&NORM_SQUARES, &[], &p, rows, &[grads, squares], slices as usize);
    let p = Ascend { size4, stride: size4, slices, lanes: LANES as u32, table: TABLE as u32 };
    let buffers = [weights, grads, squares, scheduled, clock, ascent];
    bench.launch(&ASCEND, &[], &p, rows, &buffers, size4.div_ceil(1024) as usize);
    let ran = bench.run(gpu, 1);

    let name = format!("{floats} floats near {scale:e}");
    let want = by_lane(floats, 3, |work, lane| {
        let (w, g) = (&w[lane * floats..][..floats], &g[work * floats..][..floats]);
        if scale == 0.0 {
            return exactly(w);
        }
        let e = sam_ascent(&doubles(g), f64::from(rho(lane)));
        near(&doubles(w).iter().zip(e).map(|(w, e)| w + e).collect::<Vec<_>>())
    });
    check(&format!("ascent of {name}"), ran.bits(ascent), &want, ASCENT);

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
        if !ascend(floats, 1.0) {
            return;
        }
    }
    for scale in [0.0, 1e-30, 1e-25, 1e-20, 1e-12, 1e-9, 1e-5, 1e6, 1e15] {
        ascend(4100, scale);
    }
    // More slices than the buffer could hold if they stayed at 1024 vec4s.
    ascend(4 * (256 * 1024 + 3), 1.0);
    covers("norm and ascent");
}

/// Three steps of a base optimizer on one gradient.
struct Steps {
    floats: usize,
    hyper: [[f32; 8]; LANES],
    scheduled: Vec<[f32; 4]>,
    moments: usize,
}

impl Steps {
    /// Checks weights and moments against `twin`, which steps a lane's weights in f64 and gives its moments; None without
    /// a device.
    fn run(
        &self,
        kernel: &'static lowland_shaders::Kernel,
        twin: impl Fn(usize, &mut Vec<f64>, &[f64]) -> Vec<Vec<f64>>,
    ) -> Option<()> {
        let gpu = any_gpu()?;
        let Self { floats, hyper, scheduled, moments } = self;
        let floats = *floats;
        let rng = &mut Rng::new(floats as u32, Stream::Data, 3);
        let w = slots(rng, 3, floats, uniform);
        let g = slots(rng, 2, floats, uniform);
        let zeros: Vec<f32> = slots(rng, 3, floats, |_| 0.0);

        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let grads = bench.input("grads", &g);
        let hyper = bench.input("hyper", hyper.as_flattened());
        let scheduled = bench.input("scheduled", scheduled.as_flattened());
        let weights = bench.changed("weights", &w);
        let moments: Vec<_> = (0..*moments).map(|_| bench.changed("moment", &zeros)).collect();
        let size4 = (floats / 4) as u32;
        let p = Update { size4, stride: size4, lanes: LANES as u32, table: TABLE as u32 };
        for step in 0..TABLE as u32 {
            let clock = bench.input("clock", &[step, 99]);
            let mut buffers = vec![grads, hyper, scheduled, clock, weights];
            buffers.extend(&moments);
            bench.launch(kernel, &[], &p, rows, &buffers, size4.div_ceil(64) as usize);
        }
        let ran = bench.run(gpu, 1);
        let state = |work: usize, lane: usize| {
            let mut weights = doubles(&w[lane * floats..][..floats]);
            let moments = twin(lane, &mut weights, &doubles(&g[work * floats..][..floats]));
            (weights, moments)
        };
        let name = format!("{} of {floats} floats", kernel.name);
        let want = by_lane(floats, 3, |work, lane| near(&state(work, lane).0));
        check(&format!("weights by {name}"), ran.bits(weights), &want, STEP);
        for (index, id) in moments.iter().enumerate() {
            let own = |work, lane| state(work, lane).1.get(index).map(|moment| near(moment));
            // A twin without momentum keeps no buffer; what ours holds then is nobody's business.
            let want = by_lane(floats, 3, |work, lane| {
                let anything = |i: usize| Want::Exactly(ran.floats(*id)[lane * floats + i]);
                own(work, lane).unwrap_or_else(|| (0..floats).map(anything).collect())
            });
            check(&format!("moment {index} by {name}"), ran.bits(*id), &want, STEP);
        }
        Some(())
    }
}

/// Learning rates that differ by step and lane.
fn lr(step: usize, lane: usize) -> f32 {
    0.1 / (1 + step + 2 * lane) as f32
}

#[test]
fn sgd_equals_its_twin_over_three_steps() {
    let settings = [
        (0.0, 0.0, false, 0.0),
        (0.9, 0.0, false, 0.0),
        (0.9, 0.0, false, 0.01),
        (0.9, 0.3, false, 0.01),
        (0.9, 0.0, true, 0.01),
        (0.0, 0.5, false, 0.01),
    ];
    for (index, (momentum, dampening, nesterov, decay)) in settings.into_iter().enumerate() {
        let row = [momentum, dampening, f32::from(u8::from(nesterov)), decay, blank(), blank(), blank(), blank()];
        let other = [0.5, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0];
        let steps = Steps {
            floats: [4, 252, 256, 1028][index % 4],
            hyper: [[blank(); 8], row, other, [blank(); 8]],
            scheduled: schedule(|step, lane| [lr(step, lane), blank(), 1.0, 1.0]),
            moments: 1,
        };
        let ran = steps.run(&SGD, |lane, weights, gradient| {
            let row = steps.hyper[lane].map(f64::from);
            let sgd = Sgd { momentum: row[0], dampening: row[1], nesterov: row[2] > 0.0, weight_decay: row[3] };
            let mut buffer = None;
            for step in 0..TABLE {
                sgd.step(f64::from(lr(step, lane)), weights, gradient, &mut buffer);
            }
            buffer.into_iter().collect()
        });
        if ran.is_none() {
            return;
        }
    }
    covers("sgd");
}

#[test]
fn adamw_equals_its_twin_over_three_steps() {
    for (floats, eps, decay) in [(4, 1e-8, 0.0), (252, 1e-8, 0.1), (1028, 1e-3, 0.01)] {
        let row = |decay| [blank(), blank(), blank(), decay, 0.9, 0.999, eps, blank()];
        let correction = |beta: f32, step: usize| (1.0 - f64::from(beta).powi(step as i32 + 1)) as f32;
        let steps = Steps {
            floats,
            hyper: [[blank(); 8], row(decay), row(0.2), [blank(); 8]],
            scheduled: schedule(|step, lane| [lr(step, lane), blank(), correction(0.9, step), correction(0.999, step)]),
            moments: 2,
        };
        let ran = steps.run(&ADAMW, |lane, weights, gradient| {
            let row = steps.hyper[lane].map(f64::from);
            let adamw = AdamW { betas: [row[4], row[5]], eps: row[6], weight_decay: row[3] };
            let mut moments = Moments::default();
            for step in 0..TABLE {
                adamw.step(f64::from(lr(step, lane)), weights, gradient, &mut moments);
            }
            vec![moments.first, moments.second]
        });
        if ran.is_none() {
            return;
        }
    }
    covers("adamw");
}

#[test]
fn the_log_sums_each_kind_and_moves_the_clock() {
    let Some(gpu) = any_gpu() else { return };
    for (batch, slices, step) in [(1usize, 1u32, 0u32), (63, 3, 4), (64, 64, 5), (65, 65, 6), (300, 256, 7)] {
        let ring = 5;
        let rng = &mut Rng::new(batch as u32, Stream::Data, 9);
        let kind = |i: usize| [0.0, 1.0, -1.0][i % 3];
        let examples = LANES * batch;
        let mut draw = |first: usize| -> Vec<[f32; 4]> {
            (0..examples).map(|i| [rng.uniform(), (i % 2) as f32, 1.0, kind(i % batch + first)]).collect()
        };
        // The outcomes of pass 2 follow those of pass 1; its kinds must not matter.
        let outcomes = [draw(0), draw(1)].concat();
        let squares: Vec<[f32; 2]> = (0..LANES * 256)
            .map(|i| if i % 256 < slices as usize { [rng.uniform(), blank()] } else { [blank(); 2] })
            .collect();
        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let outcome = bench.input("outcome", outcomes.as_flattened());
        let squares_id = bench.input("squares", squares.as_flattened());
        let clock = bench.changed("clock", &[step, step]);
        let records = bench.output("ring", ring * LANES * 12);
        let p =
            Log { batch: batch as u32, ascent_offset: examples as u32, slices, lanes: LANES as u32, ring: ring as u32 };
        bench.launch(&LOG, &[], &p, rows, &[outcome, squares_id, clock, records], 1);
        let ran = bench.run(gpu, 1);

        assert_eq!(ran.bits(clock)[..2], [step, step + 1]);
        let mut want = vec![Want::Untouched; ring * LANES * 12];
        for [_, _, work, lane] in ROWS.map(|row| row.map(|slot| slot as usize)) {
            let own = &outcomes[work * batch..][..batch];
            let of_kind = |kind: f32, column: usize| {
                own.iter()
                    .filter(|o| o[3] == kind)
                    .map(|o| if column == 3 { 1.0 } else { f64::from(o[column]) })
                    .sum::<f64>()
            };
            let mut record: Vec<f64> = (0..4).map(|column| of_kind(0.0, column)).collect();
            record.extend((0..4).map(|column| of_kind(1.0, column)));
            record.push(squares[work * 256..][..slices as usize].iter().map(|s| f64::from(s[0])).sum::<f64>().sqrt());
            record.push(outcomes[examples + work * batch..][..batch].iter().map(|o| f64::from(o[0])).sum());
            record.extend([0.0, 0.0]);
            let place = (step as usize % ring * LANES + lane) * 12;
            want[place..place + 12].copy_from_slice(&near(&record));
        }
        // Sums of up to 300 values below 1, by a tree.
        check(&format!("ring, batch {batch}, {slices} slices"), ran.bits(records), &want, within(1e-6, 1e-6));
    }
    covers("log");
}
