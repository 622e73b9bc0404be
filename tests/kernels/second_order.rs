//! What comes before and after the product in SAM's second-order term, against `lowland_reference::ascent`.

use lowland::rng::{Rng, Stream};
use lowland_reference::ascent;
use lowland_shaders::params::{NormSquares, SecondOrder};
use lowland_shaders::{NORM_SQUARES, SECOND_ORDER_ADD, SECOND_ORDER_DIRECTION, SECOND_ORDER_DOT, SECOND_ORDER_LOG};
use lowland_tests::bench::Bench;
use lowland_tests::compare::{Tolerance, Want, check, near, within};
use lowland_tests::lanes::{LANES, TABLE, doubles, schedule};
use lowland_tests::layer::uniform;
use lowland_tests::{any_gpu, coverage::covers};

/// A tree of sums, a root, a division and a difference of numbers near 1.
const DIRECTION: Tolerance = within(1e-6, 1e-5);
/// Three terms.
const SUM: Tolerance = within(3e-7, 1e-6);
const COSINE: Tolerance = within(3e-7, 1e-6);
/// Lanes 2 and 1, whose work is counted from 0; those of the other passes, where it is the lane.
const ROWS: [[u32; 4]; 2] = [[2, 0, 0, 2], [1, 0, 1, 1]];
const ALL_ROWS: [[u32; 4]; 2] = [[2, 0, 2, 2], [1, 0, 1, 1]];
const RING: usize = 5;
const STEP: usize = 4;
/// A group's part of its batch, and what the groups before it came to.
const SHARE: f32 = 0.25;
const BEFORE: f32 = 0.5;

fn rho(lane: usize) -> f32 {
    0.05 * lane as f32
}

/// Gradients near `scale`, those at w + e a half of them different; false without a device.
fn run(floats: usize, scale: f32) -> bool {
    let Some(gpu) = any_gpu() else { return false };
    let rng = &mut Rng::new(floats as u32, Stream::Data, 0);
    let mut drawn = |slots: usize| -> Vec<f32> { (0..slots * floats).map(|_| uniform(rng)).collect() };
    let scaled = |values: Vec<f32>| -> Vec<f32> { values.into_iter().map(|g| scale * g).collect() };
    let by_lane = scaled(drawn(LANES));
    let first: Vec<f32> = ROWS.iter().flat_map(|row| by_lane[row[3] as usize * floats..][..floats].to_vec()).collect();
    let at_ascent: Vec<f32> = by_lane.iter().zip(scaled(drawn(LANES))).map(|(g, other)| g + 0.5 * other).collect();
    let products = [scaled(drawn(2)), scaled(drawn(2))];

    let size4 = (floats / 4) as u32;
    let per_slice = size4.div_ceil(256).max(1024);
    let slices = size4.div_ceil(per_slice);
    let mut bench = Bench::default();
    let (rows, all) = (bench.table(&ROWS), bench.table(&ALL_ROWS));
    let squares = bench.output("squares", LANES * 512);
    let gradients = bench.input("gradients", &by_lane);
    let first = bench.input("first", &first);
    let grads = bench.changed("grads", &at_ascent);
    let scheduled = schedule(|t, lane| [9.0, if t == STEP % TABLE { rho(lane) } else { 7.0 }, 9.0, 9.0]);
    let scheduled = bench.input("scheduled", scheduled.as_flattened());
    let clock = bench.input("clock", &[STEP as u32, 99, 0]);
    let dots = bench.output("dots", 2 * 256);
    let directions = bench.output("directions", LANES * floats);
    let [product, cross] = products.each_ref().map(|product| bench.input("product", product));
    let cosines = bench.output("cosines", 2 * 4 * 256);
    let ring = bench.changed("ring", &[BEFORE; RING * LANES * 12]);
    let p = NormSquares { size4, per_slice, stride: size4, slices };
    bench.launch(&NORM_SQUARES, &[], &p, all, &[gradients, squares], slices as usize);
    let p = SecondOrder {
        size4,
        per_slice,
        stride: size4,
        slices,
        lanes: LANES as u32,
        table: TABLE as u32,
        ring: RING as u32,
        share: SHARE,
    };
    bench.launch(&SECOND_ORDER_DOT, &[], &p, rows, &[first, grads, squares, dots], slices as usize);
    let buffers = [first, grads, squares, dots, scheduled, clock, directions];
    bench.launch(&SECOND_ORDER_DIRECTION, &[], &p, rows, &buffers, size4.div_ceil(1024) as usize);
    bench.launch(&SECOND_ORDER_ADD, &[], &p, rows, &[product, cross, grads, cosines], slices as usize);
    bench.launch(&SECOND_ORDER_LOG, &[], &p, rows, &[cosines, clock, ring], 1);
    let ran = bench.run(gpu, 1);

    let name = format!("{floats} floats near {scale:e}");
    let lane_of = |values: &[f32], lane: usize| doubles(&values[lane * floats..][..floats]);
    let mut want = vec![Want::Untouched; LANES * floats];
    let mut sums: Vec<Want> = at_ascent.iter().map(|g| Want::Exactly(*g)).collect();
    let mut records = vec![Want::Exactly(BEFORE); RING * LANES * 12];
    for [_, _, work, lane] in ROWS.map(|row| row.map(|column| column as usize)) {
        let (g, g_s) = (lane_of(&by_lane, lane), lane_of(&at_ascent, lane));
        let v = ascent::dropped_direction(&g, &g_s, f64::from(rho(lane)));
        want[lane * floats..][..floats].copy_from_slice(&near(&v));
        let [product, cross] = products.each_ref().map(|product| lane_of(product, work));
        let whole: Vec<f64> = (0..floats).map(|i| g_s[i] + product[i] + cross[i]).collect();
        let scaled: Vec<f64> = whole.iter().map(|value| value / f64::from(scale).max(1e-30)).collect();
        sums[lane * floats..][..floats].copy_from_slice(&near(&whole));
        let cosine = ascent::cosine(&scaled, &g_s);
        records[(STEP % RING * LANES + lane) * 12 + 10] = Want::Near(f64::from(BEFORE) + f64::from(SHARE) * cosine);
    }
    check(&format!("direction of {name}"), ran.bits(directions), &want, DIRECTION);
    check(&format!("whole gradient of {name}"), ran.bits(grads), &sums, SUM);
    check(&format!("cosine of {name}"), ran.bits(ring), &records, COSINE);
    true
}

#[test]
fn the_second_order_term_equals_its_twin() {
    // Below, at and above a slice; and gradients that are tiny or nothing.
    let cases = [(4, 1.0), (4096, 1.0), (4100, 1.0), (50_000, 1.0), (300, 1e-12), (300, 0.0)];
    if cases.into_iter().all(|(floats, scale)| run(floats, scale)) {
        covers("second-order term");
    }
}
