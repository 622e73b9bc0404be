//! Random points, Keskar's box, random subspaces and the learning of a posterior against `lowland_reference::sharpness`.

use lowland::rng::{Rng, Stream, gaussian, symmetric};
use lowland_reference::sharpness::transposed;
use lowland_reference::sharpness::{Posterior as Twin, box_start, box_step, half_width, perturb, point, unit_columns};
use lowland_shaders::params::{BoxStep, ClipOutcomes, NoiseSquares, Perturb, Posterior, Subspace};
use lowland_shaders::{
    BOX_STEP, CLIP_OUTCOMES, NOISE_SQUARES, PERTURB, POSTERIOR_STEP, POSTERIOR_SUMS, SUBSPACE_DOTS, SUBSPACE_POINT,
    SUBSPACE_SUM,
};
use lowland_tests::bench::{Bench, SENTINEL};
use lowland_tests::compare::{Tolerance, Want, check, exactly, near, within};
use lowland_tests::layer::uniform;
use lowland_tests::{any_gpu, coverage::covers};

/// Rows that use slots 2 and 0 of weights, 1 and 2 of work, 0 and 3 of lanes.
const ROWS: [[u32; 4]; 2] = [[2, 0, 1, 0], [0, 0, 2, 3]];
const SLOTS: usize = 4;
const PADDING: u32 = u32::MAX >> 1;
const WEIGHT: u32 = 1 << 31;

/// A normal number from f32 logarithm, root and cosine, which WGSL allows an absolute error of 2^-11 on some adapters.
const NORMAL: Tolerance = within(2e-5, 2e-5);

/// Places in another order than the floats; the last of every 7 vec4s is half padding, every second one no weight.
fn places(n: usize) -> Vec<u32> {
    let place = |i: usize| match i {
        i if i / 4 % 7 == 6 && i % 4 > 1 => PADDING,
        i if i / 4 % 2 == 0 => (n - i) as u32 | WEIGHT,
        i => (n - i) as u32,
    };
    (0..n).map(place).collect()
}

fn draw(seed: u32, which: u32, scale: f32, epsilon: f32) -> [u32; 4] {
    [seed, which, scale.to_bits(), epsilon.to_bits()]
}

fn noise(places: &[u32], seed: u32, which: u32, of: impl Fn(u32, u32, u32) -> f64) -> Vec<f64> {
    places.iter().map(|p| if p & PADDING == PADDING { 0.0 } else { of(seed, which, p & PADDING) }).collect()
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn values(rng: &mut Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| uniform(rng)).collect()
}

#[test]
fn random_points_are_those_of_the_twin() {
    let Some(gpu) = any_gpu() else { return };
    for n in [4, 252, 1028, 9000] {
        let places = places(n);
        let w = values(&mut Rng::new(n as u32, Stream::Data, 1), n);
        let size4 = (n / 4) as u32;
        let (per_slice, slices) = (64u32, size4.div_ceil(64));
        for (scaling, unit) in [(0u32, false), (1, false), (2, true)] {
            let draws = [draw(7, 5, 0.3, 0.01), draw(9, 9, 9.0, 9.0), draw(9, 9, 9.0, 9.0), draw(8, 6, -0.2, 0.5)];
            let mut bench = Bench::default();
            let rows = bench.table(&ROWS);
            let draws = bench.input("draws", draws.as_flattened());
            let layout = bench.input("places", &places);
            let centre = bench.input("centre", &w);
            let squares = bench.output("squares", SLOTS * 256 * 2);
            let out = bench.output("out", SLOTS * n);
            let p = NoiseSquares { size4, per_slice };
            bench.launch(&NOISE_SQUARES, &[], &p, rows, &[draws, layout, squares], slices as usize);
            let p = Perturb { size4, slices };
            let overrides = [("SCALING", f64::from(scaling)), ("UNIT", f64::from(u8::from(unit)))];
            let buffers = [draws, layout, centre, squares, out];
            bench.launch(&PERTURB, &overrides, &p, rows, &buffers, (size4 as usize).div_ceil(256));
            let ran = bench.run(gpu, 1);
            let mut want = vec![Want::Untouched; SLOTS * n];
            for (slot, seed, which, scale, epsilon) in [(2, 7, 5, 0.3f32, 0.01f32), (0, 8, 6, -0.2, 0.5)] {
                let xi = noise(&places, seed, which, gaussian);
                let t: Vec<f64> = (0..n)
                    .map(|i| match scaling {
                        2 => f64::from(w[i].abs()) + f64::from(epsilon),
                        1 if places[i / 4 * 4] & WEIGHT != 0 => f64::from(w[i].abs()) + f64::from(epsilon),
                        _ => 1.0,
                    })
                    .collect();
                want[slot * n..][..n].copy_from_slice(&near(&perturb(&doubles(&w), &t, &xi, f64::from(scale), unit)));
            }
            check(&format!("{n} floats, scaling {scaling}, unit {unit}"), ran.bits(out), &want, NORMAL);
        }
    }
    covers("random points");
}

#[test]
fn the_box_of_keskar_is_that_of_the_twin() {
    let Some(gpu) = any_gpu() else { return };
    for n in [4, 260, 5000] {
        let rng = &mut Rng::new(n as u32, Stream::Data, 2);
        let places = places(n);
        let (x, v, mut g) = (values(rng, n), values(rng, n), values(rng, n));
        g[1] = 0.0;
        let b: Vec<f64> = (0..n)
            .map(|i| if places[i] & PADDING == PADDING { 0.0 } else { half_width(0.25, f64::from(v[i])) })
            .collect();
        let u = noise(&places, 3, 4, symmetric);
        // Corners and steps are exact but for the rounding of one product and two sums.
        let exact = within(3e-7, 3e-7);
        let mut bench = Bench::default();
        let rows = bench.table(&[[0; 4]]);
        let groups = (n / 4).div_ceil(64);
        let layout = bench.input("places", &places);
        let [centre, widths, grads] = [("centre", &x), ("widths", &v), ("grads", &g)].map(|(l, of)| bench.input(l, of));
        let points = [true, false].map(|start| {
            let scale = if start { 1.0 } else { 0.7 };
            let draws = bench.input("draw", &draw(3, 4, scale, 0.25));
            let y: Vec<f32> = box_start(&doubles(&x), &b, &u, 0.8).iter().map(|y| *y as f32).collect();
            let point = bench.changed("point", &y);
            let buffers = [draws, layout, centre, widths, grads, point];
            let overrides = [("START", f64::from(u8::from(start)))];
            bench.launch(&BOX_STEP, &overrides, &BoxStep { size4: (n / 4) as u32 }, rows, &buffers, groups);
            (point, y)
        });
        let ran = bench.run(gpu, 1);
        let want = near(&box_start(&doubles(&x), &b, &u, 1.0));
        check(&format!("start of {n}"), ran.bits(points[0].0), &want, exact);
        let want = near(&box_step(&doubles(&x), &b, &doubles(&g), &doubles(&points[1].1), f64::from(0.7f32)));
        check(&format!("step of {n}"), ran.bits(points[1].0), &want, exact);
    }
    covers("box of Keskar");
}

#[test]
fn random_subspaces_are_those_of_the_twin() {
    let Some(gpu) = any_gpu() else { return };
    for (n, count) in [(20, 3), (1000, 64), (2060, 70)] {
        let rng = &mut Rng::new(n as u32, Stream::Data, 3);
        let places = places(n);
        let (v, x, z) = (values(rng, n), values(rng, n), values(rng, count));
        let columns: Vec<Vec<f64>> = (0..count).map(|j| noise(&places, 11, j as u32, gaussian)).collect();
        let columns = unit_columns(&columns);
        let size4 = (n / 4) as u32;
        let (per_slice, slices) = (48, size4.div_ceil(48));
        let p = Subspace { size4, per_slice, slices, columns: count as u32, seed: 11 };
        let mut bench = Bench::default();
        let rows = bench.table(&[[0; 4]]);
        let layout = bench.input("places", &places);
        let [v_id, x_id, z_id] = [("values", &v), ("centre", &x), ("z", &z)].map(|(l, of)| bench.input(l, of));
        let spare = bench.input("spare", &[0.0f32; 4]);
        let partial = bench.output("sums", slices as usize * count);
        let [inverse, products] = ["inverse", "products"].map(|label| bench.output(label, count));
        let out = bench.output("out", n);
        let (groups, few) = (slices as usize * count.div_ceil(64), count.div_ceil(64));
        let squares = [("SQUARES", 1.0)];
        bench.launch(&SUBSPACE_DOTS, &squares, &p, rows, &[layout, v_id, partial], groups);
        bench.launch(&SUBSPACE_SUM, &squares, &p, rows, &[partial, spare, inverse], few);
        bench.launch(&SUBSPACE_DOTS, &[], &p, rows, &[layout, v_id, partial], groups);
        bench.launch(&SUBSPACE_SUM, &[], &p, rows, &[partial, inverse, products], few);
        let buffers = [layout, inverse, z_id, x_id, out];
        bench.launch(&SUBSPACE_POINT, &[], &p, rows, &buffers, (size4 as usize).div_ceil(64));
        let ran = bench.run(gpu, 1);
        let name = format!("{count} columns of {n}");
        check(&name, ran.bits(products), &near(&transposed(&columns, &doubles(&v))), within(1e-4, 1e-4));
        check(&name, ran.bits(out), &near(&point(&doubles(&x), &columns, &doubles(&z))), within(1e-4, 1e-4));
    }
    covers("random subspaces");
}

#[test]
fn losses_are_cut_off_at_1() {
    let Some(gpu) = any_gpu() else { return };
    let batch = 70;
    let losses = [0.5, 1.0, 7.0, f32::NAN, f32::INFINITY, 0.0];
    let before: Vec<[f32; 4]> = (0..SLOTS * batch).map(|i| [losses[i % 6], 1.0, 0.0, 2.0]).collect();
    let mut bench = Bench::default();
    let rows = bench.table(&ROWS);
    let outcome = bench.changed("outcome", before.as_flattened());
    bench.launch(&CLIP_OUTCOMES, &[], &ClipOutcomes { batch: batch as u32 }, rows, &[outcome], batch.div_ceil(64));
    let ran = bench.run(gpu, 1);
    let after: Vec<[f32; 4]> = before
        .iter()
        .enumerate()
        .map(|(i, o)| {
            let loss = if o[0] < 1.0 { o[0] } else { 1.0 };
            if [1, 2].contains(&(i / batch)) { [loss, o[1], o[2], o[3]] } else { *o }
        })
        .collect();
    check("clipped", ran.bits(outcome), &exactly(after.as_flattened()), within(0.0, 0.0));
    covers("clipped outcomes");
}

#[test]
fn steps_of_a_posterior_are_those_of_the_twin() {
    let Some(gpu) = any_gpu() else { return };
    for n in [8, 2060] {
        let rng = &mut Rng::new(n as u32, Stream::Data, 4);
        // Without padding: it counts as no parameter.
        let places: Vec<u32> = (0..n as u32).collect();
        let (g, prior) = (values(rng, n), values(rng, n));
        let mean: Vec<f32> = prior.iter().map(|p| p + 0.02 * uniform(rng)).collect();
        let (sigma, size4) = (0.03f32, (n / 4) as u32);
        let (per_slice, slices) = (64, size4.div_ceil(64));
        let p = Posterior {
            size4,
            per_slice,
            slices,
            parameters: n as u32,
            examples: 900.0,
            logs: 12.0,
            grid_c: 0.1,
            grid_b: 100.0,
            surrogate: 1.5,
            lr: 0.01,
        };
        let mut bench = Bench::default();
        let rows = bench.table(&[[0; 4]]);
        let draws = bench.changed("draw", &draw(21, 0, sigma, 0.0));
        let layout = bench.input("places", &places);
        let [grads, from] = [("grads", &g), ("prior", &prior)].map(|(label, of)| bench.input(label, of));
        let moving = bench.changed("mean", &mean);
        let sums = bench.output("sums", 2 * 256);
        let learned = bench.changed("learned", &[sigma.ln(), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let [first, second] = ["first", "second"].map(|label| bench.changed(label, &vec![0.0f32; n]));
        let reduced = [draws, layout, grads, moving, from, sums];
        bench.launch(&POSTERIOR_SUMS, &[], &p, rows, &reduced, slices as usize);
        let buffers = [sums, grads, from, learned, draws, moving, first, second];
        bench.launch(&POSTERIOR_STEP, &[], &p, rows, &buffers, (size4 as usize).div_ceil(64));
        bench.launch(&POSTERIOR_STEP, &[("SIGMA", 1.0)], &p, rows, &buffers, 1);
        let steps = 3;
        let ran = bench.run(gpu, steps);

        let mut twin = Twin {
            examples: 900.0,
            logs: 12.0,
            grid: [0.1, 100.0],
            surrogate: 1.5,
            lr: f64::from(0.01f32),
            prior: doubles(&prior),
            mean: doubles(&mean),
            log_sigma: f64::from(sigma).ln(),
            step: 0,
            moments: [vec![0.0; n + 1], vec![0.0; n + 1]],
        };
        let mut bound = [0.0; 4];
        for step in 0..steps {
            bound = twin.bound();
            twin.step(&doubles(&g), &noise(&places, 21, step as u32, gaussian));
        }
        // The correction 1 - 0.999^t of the first steps has four digits in f32.
        check(&format!("mean of {n}"), ran.bits(moving), &near(&twin.mean), within(3e-5, 1e-5));
        let found = ran.floats(learned);
        assert!((f64::from(found[0]) - twin.log_sigma).abs() < 1e-4, "{} for {}", found[0], twin.log_sigma);
        assert_eq!(found[3], steps as f32);
        for (found, want) in [(found[5], bound[1]), (found[6], bound[2]), (found[7], bound[3])] {
            assert!((f64::from(found) / want - 1.0).abs() < 1e-3, "{found} for {want}");
        }
        let next = ran.bits(draws);
        assert_eq!((next[0], next[1]), (21, steps as u32));
        assert!((f64::from(f32::from_bits(next[2])) / twin.log_sigma.exp() - 1.0).abs() < 1e-4);
        assert_eq!(next[4], SENTINEL);
    }
    covers("posterior");
}
