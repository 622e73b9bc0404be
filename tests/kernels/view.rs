//! Rendered pictures against `lowland_reference::height_field`.

use lowland_reference::height_field::HeightField as Twin;
use lowland_shaders::HEIGHT_FIELD;
use lowland_shaders::params::HeightField;
use lowland_tests::bench::{Bench, SENTINEL};
use lowland_tests::{any_gpu, coverage::covers};

/// Largest difference of a channel, of 255, in pixels that no edge runs through.
const CHANNEL: f64 = 3.0;
/// Pixels that an edge, an isoline or a step of the march may put on the other side in f32.
const STRAY: f64 = 0.01;

#[test]
fn a_height_field_is_drawn_as_its_twin_draws_it() {
    let Some(gpu) = any_gpu() else { return };
    let cases = [
        (5, 0.6, 0.55, 2, [61, 47], false),
        (21, -0.9, 0.3, 1, [64, 40], true),
        (40, 2.5, 1.2, 3, [33, 35], true),
        (17, 4.0, 0.15, 1, [50, 41], false),
    ];
    for (points, azimuth, elevation, samples, size, hole) in cases {
        let place = |i: usize| 2.0 * (i as f64) / (points - 1) as f64 - 1.0;
        let height = |i: usize| {
            let (x, y) = (place(i % points), place(i / points));
            let bowl: f64 = 0.1 + 0.3 * (x * x + 0.6 * y * y) + 0.12 * (4.0 * x + 1.0).sin() * (3.0 * y).cos();
            if hole && x > 0.3 && y > 0.5 { -1.0 } else { f64::from(bowl.clamp(0.0, 1.0) as f32) }
        };
        let [width, rows] = size;
        let twin = Twin {
            size,
            samples,
            points,
            heights: (0..points * points).map(height).collect(),
            marks: vec![[0.25, -0.5, 0.5, 0.0625], [-0.5, 0.5, 0.25, 0.125]],
            levels: 8.0,
            scale: 1.0,
            azimuth: f64::from(azimuth as f32),
            elevation: f64::from(elevation as f32),
            distance: 5.0,
            zoom: 0.3125,
            target_z: 0.375,
            ink: 0.5,
            steepest: 1.25,
        };
        let p = |first_row: usize, rows: usize| HeightField {
            width: width as u32,
            height: size[1] as u32,
            first_row: first_row as u32,
            rows: rows as u32,
            samples: samples as u32,
            points: points as u32,
            marks: 2,
            levels: 8.0,
            scale: 1.0,
            azimuth: azimuth as f32,
            elevation: elevation as f32,
            distance: 5.0,
            zoom: 0.3125,
            target_z: 0.375,
            ink: 0.5,
            steepest: 1.25,
        };
        // Slot 1 of 2, in two bands of which the second is longer than what is left.
        let single = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        let blank = |n: usize| vec![f32::from_bits(SENTINEL); n];
        let mut bench = Bench::default();
        let table = bench.table(&[[0, 0, 1, 0]]);
        let heights = bench.input("heights", &[blank(points * points), single(&twin.heights)].concat());
        let marks = bench.input("marks", &[blank(8), single(twin.marks.as_flattened())].concat());
        let image = bench.output("image", 2 * width * rows);
        for (first, count) in [(0, 20), (20, rows)] {
            let groups = (width * count).div_ceil(64);
            bench.launch(&HEIGHT_FIELD, &[], &p(first, count), table, &[heights, marks, image], groups);
        }
        let ran = bench.run(gpu, 1);
        let bits = ran.bits(image);
        assert!(bits[..width * rows].iter().all(|pixel| *pixel == SENTINEL), "the other slot is untouched");
        assert!(bits[2 * width * rows..].iter().all(|pixel| *pixel == SENTINEL), "nothing behind the end");

        let (mut stray, mut covered) = (0, 0);
        for (i, pixel) in bits[width * rows..2 * width * rows].iter().enumerate() {
            let found = pixel.to_le_bytes().map(|byte| f64::from(byte) / 255.0);
            let wanted = twin.pixel(i % width, i / width);
            covered += usize::from(wanted[3] > 0.99);
            // What can be seen: the colour as far as it covers.
            let seen = |p: [f64; 4], k: usize| if k == 3 { p[3] } else { p[k] * p[3] };
            let off = (0..4).map(|k| (seen(found, k) - seen(wanted, k)).abs()).fold(0.0, f64::max);
            stray += usize::from(255.0 * off > CHANNEL);
        }
        let pixels = (width * rows) as f64;
        assert!(covered as f64 > 0.05 * pixels, "{points} points: the surface is in the picture");
        assert!(stray as f64 <= STRAY * pixels, "{points} points: {stray} of {pixels} pixels differ");
    }
    covers("height field");
}
