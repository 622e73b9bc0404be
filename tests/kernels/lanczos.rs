//! Extensions of Lanczos bases and Ritz vectors against `lowland_reference::lanczos`.

use lowland::rng::{Rng, Stream};
use lowland_reference::lanczos::{dots, extend, subtract};
use lowland_reference::probe::climb;
use lowland_shaders::params::{Climb, Lanczos, LanczosRitz};
use lowland_shaders::{CLIMB, LANCZOS_COEFFICIENTS, LANCZOS_DOTS, LANCZOS_EXTEND, LANCZOS_RITZ, LANCZOS_SUBTRACT};
use lowland_tests::bench::Bench;
use lowland_tests::compare::{Tolerance, Want, check, near, within};
use lowland_tests::lanes::{blank, doubles};
use lowland_tests::layer::uniform;
use lowland_tests::{any_gpu, coverage::covers};

/// Lanes 2 and 0 of three.
const ROWS: [[u32; 4]; 2] = [[9, 9, 9, 2], [9, 9, 9, 0]];
const LANES: usize = 3;
const SLOTS: usize = 6;
const SLICES: usize = 256;
const LENGTH: Tolerance = within(2e-6, 2e-5);

fn values(rng: &mut Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| uniform(rng)).collect()
}

/// `counts[lane]` orthonormal vectors of lane 0 and 2; sentinels everywhere else.
fn basis(rng: &mut Rng, n: usize, counts: [usize; LANES]) -> Vec<Vec<f32>> {
    let mut all = vec![vec![blank(); n]; SLOTS * LANES];
    for (lane, count) in counts.into_iter().enumerate().filter(|(lane, _)| *lane != 1) {
        let mut own: Vec<Vec<f64>> = Vec::new();
        for j in 0..count {
            let before: Vec<&[f64]> = own.iter().map(Vec::as_slice).collect();
            let (_, _, next) = extend(&before, &doubles(&values(rng, n)));
            all[j * LANES + lane] = next.iter().map(|v| *v as f32).collect();
            own.push(next);
        }
    }
    all
}

/// One extension of lanes whose bases have `counts` vectors; that of lane 0 by a vector in their span where it `repeats`.
fn extension(gpu: &lowland::gpu::Gpu, n: usize, counts: [usize; LANES], repeats: bool) {
    let rng = &mut Rng::new(n as u32, Stream::Data, 7);
    let basis = basis(rng, n, counts);
    let mut vectors = values(rng, LANES * n);
    if repeats {
        let newest = &basis[(counts[0] - 1) * LANES];
        vectors[..n].iter_mut().zip(newest).for_each(|(v, b)| *v = 3.0 * b);
    }
    let state: Vec<[u32; 4]> = counts.iter().map(|count| [77, *count as u32, 0, 5]).collect();
    let slices = (n / 4).div_ceil(256).max(1);
    let p = Lanczos {
        size4: n as u32 / 4,
        slots: SLOTS as u32,
        lanes: LANES as u32,
        slices: slices as u32,
        per_slice: (n / 4).div_ceil(slices) as u32,
    };
    let mut bench = Bench::default();
    let rows = bench.table(&ROWS);
    let state = bench.changed("state", state.as_flattened());
    let vectors_id = bench.changed("vectors", &vectors);
    let basis_id = bench.changed("basis", &basis.concat());
    let sums = bench.output("sums", LANES * SLOTS * SLICES);
    let coefficients = bench.output("coefficients", LANES * SLOTS);
    let tridiagonal = bench.changed("tridiagonal", &[0.25f32; 2 * LANES * SLOTS]);
    for first in [1.0, 0.0] {
        let first = [("FIRST", first)];
        bench.launch(&LANCZOS_DOTS, &first, &p, rows, &[state, vectors_id, basis_id, sums], SLOTS * slices);
        bench.launch(&LANCZOS_COEFFICIENTS, &first, &p, rows, &[sums, state, coefficients, tridiagonal], 1);
        let to = [state, coefficients, basis_id, vectors_id, sums];
        bench.launch(&LANCZOS_SUBTRACT, &[], &p, rows, &to, slices);
    }
    bench.launch(&LANCZOS_EXTEND, &[], &p, rows, &[state, vectors_id, sums, basis_id, tridiagonal], slices);
    let ran = bench.run(gpu, 1);

    let what = format!("{n} values, {counts:?} vectors");
    let mut want_basis: Vec<Vec<Want>> =
        basis.iter().map(|vector| vector.iter().map(|v| Want::Exactly(*v)).collect()).collect();
    let mut want_matrix = vec![Want::Exactly(0.25); 2 * LANES * SLOTS];
    let found_state = ran.bits(state);
    for lane in [0, 2] {
        let count = counts[lane];
        let own: Vec<Vec<f64>> = (0..count).map(|j| doubles(&basis[j * LANES + lane])).collect();
        let own: Vec<&[f64]> = own.iter().map(Vec::as_slice).collect();
        let (alpha, beta, next) = extend(&own, &doubles(&vectors[lane * n..][..n]));
        want_basis[count * LANES + lane] = near(&next);
        let row = &mut want_matrix[2 * lane * SLOTS..][..2 * SLOTS];
        if count > 0 {
            row[2 * (count - 1)] = Want::Near(alpha);
        }
        row[2 * count + 1] = Want::Near(beta);
        assert_eq!(found_state[4 * lane..][..2], [count as u32, count as u32 + 1], "{what}: the number of vectors");
        assert_eq!(found_state[4 * lane + 3], 5, "nobody's word");
    }
    check(&format!("{what}: matrix"), ran.bits(tridiagonal), &want_matrix, LENGTH);
    check(&format!("{what}: basis"), ran.bits(basis_id), &want_basis.concat(), LENGTH);
}

/// The first pass alone: products, and what is left.
fn first_pass(gpu: &lowland::gpu::Gpu, n: usize) {
    let rng = &mut Rng::new(n as u32, Stream::Data, 8);
    let counts = [2, 0, 3];
    let basis = basis(rng, n, counts);
    let vectors = values(rng, LANES * n);
    let state: Vec<[u32; 4]> = counts.iter().map(|count| [*count as u32, *count as u32, 0, 0]).collect();
    let p =
        Lanczos { size4: n as u32 / 4, slots: SLOTS as u32, lanes: LANES as u32, slices: 1, per_slice: n as u32 / 4 };
    let mut bench = Bench::default();
    let rows = bench.table(&ROWS);
    let (state, vectors_id) = (bench.changed("state", state.as_flattened()), bench.changed("vectors", &vectors));
    let basis_id = bench.input("basis", &basis.concat());
    let sums = bench.output("sums", LANES * SLOTS * SLICES);
    let coefficients = bench.output("coefficients", LANES * SLOTS);
    let tridiagonal = bench.changed("tridiagonal", &[0.0f32; 2 * LANES * SLOTS]);
    let first = [("FIRST", 1.0)];
    bench.launch(&LANCZOS_DOTS, &first, &p, rows, &[state, vectors_id, basis_id, sums], SLOTS);
    bench.launch(&LANCZOS_COEFFICIENTS, &first, &p, rows, &[sums, state, coefficients, tridiagonal], 1);
    bench.launch(&LANCZOS_SUBTRACT, &[], &p, rows, &[state, coefficients, basis_id, vectors_id, sums], 1);
    let ran = bench.run(gpu, 1);
    let mut want_products = vec![Want::Untouched; LANES * SLOTS];
    let mut want = lowland_tests::compare::exactly(&vectors);
    for lane in [0, 2] {
        let own: Vec<Vec<f64>> = (0..counts[lane]).map(|j| doubles(&basis[j * LANES + lane])).collect();
        let own: Vec<&[f64]> = own.iter().map(Vec::as_slice).collect();
        let vector = doubles(&vectors[lane * n..][..n]);
        let products = dots(&own, &vector);
        want_products[lane * SLOTS..][..products.len()].copy_from_slice(&near(&products));
        want[lane * n..][..n].copy_from_slice(&near(&subtract(&own, &products, &vector)));
    }
    check(&format!("{n} values: products"), ran.bits(coefficients), &want_products, LENGTH);
    check(&format!("{n} values: what is left"), ran.bits(vectors_id), &want, LENGTH);
}

fn ritz(gpu: &lowland::gpu::Gpu, n: usize) {
    let rng = &mut Rng::new(n as u32, Stream::Data, 9);
    let basis = basis(rng, n, [0, 0, 3]);
    // Vectors 2 and 0 of lane 2; slots without a factor hold sentinels.
    let factors = [[0.5, 0.0, -2.0, 0.0, 0.0, 0.0], [blank(); SLOTS], [0.25, 1.5, 0.125, 0.0, 0.0, 0.0]];
    let mut bench = Bench::default();
    let rows = bench.table(&[[2, 9, 9, 2], [0, 9, 9, 2]]);
    let inputs = [bench.input("factors", factors.as_flattened()), bench.input("basis", &basis.concat())];
    let out = bench.output("out", 3 * n);
    let p = LanczosRitz { size4: n as u32 / 4, slots: SLOTS as u32, lanes: LANES as u32 };
    bench.launch(&LANCZOS_RITZ, &[], &p, rows, &[inputs[0], inputs[1], out], n.div_ceil(256));
    let ran = bench.run(gpu, 1);
    let own: Vec<Vec<f64>> = (0..3).map(|j| doubles(&basis[j * LANES + 2])).collect();
    let own: Vec<&[f64]> = own.iter().map(Vec::as_slice).collect();
    let mut want = vec![Want::Untouched; 3 * n];
    for r in [0, 2] {
        let minus: Vec<f64> = factors[r][..3].iter().map(|f| -f64::from(*f)).collect();
        want[r * n..][..n].copy_from_slice(&near(&subtract(&own, &minus, &vec![0.0; n])));
    }
    check(&format!("Ritz vectors of {n} values"), ran.bits(out), &want, LENGTH);
}

#[test]
fn points_of_an_ascent() {
    let Some(gpu) = any_gpu() else { return };
    for n in [4, 2044, 2048, 2052] {
        let rng = &mut Rng::new(n as u32, Stream::Data, 10);
        let (weights, vectors) = (values(rng, LANES * n), values(rng, LANES * n));
        let radii = [[0.5f32, 0.25], [blank(); 2], [0.125, 2.0]];
        for (adaptive, climbed) in [(false, true), (true, true), (true, false)] {
            let mut bench = Bench::default();
            let rows = bench.table(&ROWS);
            let inputs = [bench.input("radii", radii.as_flattened()), bench.input("weights", &weights)];
            let (from, out) = (bench.input("vectors", &vectors), bench.output("out", LANES * n));
            let overrides = [("ADAPTIVE", f64::from(u8::from(adaptive))), ("CLIMBED", f64::from(u8::from(climbed)))];
            let p = Climb { size4: n as u32 / 4 };
            bench.launch(&CLIMB, &overrides, &p, rows, &[inputs[0], inputs[1], from, out], n.div_ceil(2048));
            let ran = bench.run(gpu, 1);
            let mut want = vec![Want::Untouched; LANES * n];
            for lane in [0, 2] {
                let part = lane * n..(lane + 1) * n;
                let rho = f64::from(radii[lane][usize::from(adaptive)]);
                let (w, v) = (doubles(&weights[part.clone()]), doubles(&vectors[part.clone()]));
                want[part].copy_from_slice(&near(&climb(&w, &v, rho, adaptive, climbed)));
            }
            check(&format!("{n} values, adaptive {adaptive}, climbed {climbed}"), ran.bits(out), &want, LENGTH);
        }
    }
    covers("points of an ascent");
}

#[test]
fn bases_grow_by_what_is_orthogonal_to_them() {
    let Some(gpu) = any_gpu() else { return };
    for n in [8, 252, 256, 1028, 9000] {
        extension(gpu, n, [1, 0, 5], false);
        extension(gpu, n, [0, 0, 3], false);
        extension(gpu, n, [4, 0, 2], true);
        first_pass(gpu, n);
        ritz(gpu, n);
    }
    covers("lanczos");
}
