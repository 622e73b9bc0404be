//! Products and sums along a path of weights against `lowland_reference::probe`.

use lowland::rng::{Rng, Stream};
use lowland_reference::probe::{dots, gram, weighted_sum};
use lowland_shaders::params::{Dots, Gram, WeightedSum};
use lowland_shaders::{DOTS, GRAM, WEIGHTED_SUM};
use lowland_tests::bench::Bench;
use lowland_tests::compare::{Tolerance, Want, check, near, within};
use lowland_tests::lanes::{blank, doubles};
use lowland_tests::layer::uniform;
use lowland_tests::{any_gpu, coverage::covers};

const NONE: u32 = u32::MAX;
/// Sums of products near 1, 64 at a time in a tree.
const PRODUCT: Tolerance = within(1e-5, 1e-4);
const SUM: Tolerance = within(5e-7, 2e-6);

/// Rows of lanes 2 and 0 out of 3; 4 sets of each.
const ROWS: [[u32; 4]; 2] = [[0, 0, 1, 2], [0, 0, 0, 0]];
const LANES: usize = 3;
const SETS: usize = 4;

fn values(rng: &mut Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| uniform(rng)).collect()
}

fn path(gpu: &lowland::gpu::Gpu, n: usize) {
    let rng = &mut Rng::new(n as u32, Stream::Data, 2);
    let size4 = (n / 4) as u32;
    // Nobody looks at lane 1.
    let sets: Vec<Vec<f32>> =
        (0..SETS * LANES).map(|place| if place % LANES == 1 { vec![blank(); n] } else { values(rng, n) }).collect();
    let sets64: Vec<Vec<f64>> = sets.iter().map(|set| doubles(set)).collect();
    let plane = [values(rng, n), values(rng, n), values(rng, n)];
    let plane64 = plane.each_ref().map(|set| doubles(set));

    for (through, from_origin) in [(true, true), (false, true), (false, false)] {
        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let inputs = [bench.input("points", &sets.concat()), bench.input("plane", &plane.concat())];
        let out = bench.output("out", 4 * SETS * LANES);
        let flag = |on| f64::from(u8::from(on));
        let overrides = [("THROUGH", flag(through)), ("FROM_ORIGIN", flag(from_origin))];
        let p = Dots { size4, lanes: LANES as u32 };
        bench.launch(&DOTS, &overrides, &p, rows, &[inputs[0], inputs[1], out], SETS);
        let ran = bench.run(gpu, 1);
        let mut want = vec![Want::Untouched; 4 * SETS * LANES];
        for place in (0..SETS * LANES).filter(|place| place % LANES != 1) {
            let plane = plane64.each_ref().map(Vec::as_slice);
            let [first, second, square] = dots(&sets64[place], plane, through, from_origin);
            want[4 * place..][..4].copy_from_slice(&near(&[first, second, square, 0.0]));
        }
        check(&format!("{n} values, through {through}, from the origin {from_origin}"), ran.bits(out), &want, PRODUCT);
    }

    // Sets 5, 0 and 9 out of twelve, in a list of four; set 1 would be sentinels.
    let (chosen, most) = ([5u32, 0, 9, NONE], 4u32);
    let list: Vec<&[f64]> = chosen[..3].iter().map(|place| sets64[*place as usize].as_slice()).collect();
    let factors = [[blank(), 0.5, -2.0, blank()], [blank(), 1.5, 0.25, blank()]];
    let mut bench = Bench::default();
    let (one, two) = (bench.table(&[[0; 4]]), bench.table(&[[1, 0, 0, 0], [0; 4]]));
    let inputs = [bench.input("chosen", &chosen), bench.input("points", &sets.concat())];
    let table = bench.input("factors", factors.as_flattened());
    let (products, sums) = (bench.output("products", 16), bench.output("sums", 2 * n));
    bench.launch(&GRAM, &[], &Gram { size4, most }, one, &[inputs[0], inputs[1], products], 16);
    let p = WeightedSum { size4, most };
    bench.launch(&WEIGHTED_SUM, &[], &p, two, &[inputs[0], table, inputs[1], sums], n.div_ceil(256));
    let ran = bench.run(gpu, 1);
    let all = near(&gram(&list));
    let mut want = vec![Want::Untouched; 16];
    for i in 0..3 {
        want[4 * i..][..=i].copy_from_slice(&all[3 * i..][..=i]);
    }
    check(&format!("products of {n} values"), ran.bits(products), &want, PRODUCT);
    let directions: Vec<f64> =
        factors.iter().flat_map(|row| weighted_sum(&[0.0, f64::from(row[1]), f64::from(row[2])], &list)).collect();
    check(&format!("sums of {n} values"), ran.bits(sums), &near(&directions), SUM);
}

#[test]
fn products_and_sums_along_a_path() {
    let Some(gpu) = any_gpu() else { return };
    for n in [4, 252, 256, 260, 2244, 9000] {
        path(gpu, n);
    }
    covers("paths");
}
