//! Rendered pictures, and what live ones are made of, against `lowland_reference::height_field` and `live`.

use lowland::rng::{Rng, Stream};
use lowland_reference::height_field::HeightField as Twin;
use lowland_reference::live;
use lowland_shaders::params::{HeightField, PaintField, RefineHeights, SweepMeans};
use lowland_shaders::{HEIGHT_FIELD, PAINT_FIELD, REFINE_HEIGHTS, SWEEP_MEANS};
use lowland_tests::bench::{Bench, SENTINEL};
use lowland_tests::compare::{Want, check, near, within};
use lowland_tests::layer::uniform;
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

#[test]
fn means_go_to_the_places_of_their_points() {
    let Some(gpu) = any_gpu() else { return };
    for batches in [1, 2, 7] {
        let (lanes, points) = (5, 9);
        let rng = &mut Rng::new(batches as u32, Stream::Data, 1);
        // Sums of loss and hits, and a count, of both kinds of examples; what follows is not read.
        let record = |rng: &mut Rng| {
            let mut record = [f32::from_bits(SENTINEL); 12];
            for kind in [0, 4] {
                record[kind] = 40.0 + 30.0 * uniform(rng);
                record[kind + 1] = 17.0 + kind as f32;
                record[kind + 3] = 50.0 + kind as f32;
            }
            record
        };
        let ring: Vec<[f32; 12]> = (0..batches * lanes).map(|_| record(rng)).collect();
        // Three lanes with places, one without, one whose place is beyond the end.
        let places = [3.0, 0.0, 8.0, -1.0, 9.0];
        let factors: Vec<[f32; 4]> = places.iter().map(|place| [0.5, 0.5, 0.5, *place]).collect();
        let mut bench = Bench::default();
        let rows: Vec<[u32; 4]> = (0..lanes as u32).map(|lane| [lane, 0, lane, lane]).collect();
        let rows = bench.table(&rows);
        let buffers = [
            bench.input("factors", factors.as_flattened()),
            bench.input("ring", ring.as_flattened()),
            bench.output("means", 2 * points),
        ];
        let p = SweepMeans { batches: batches as u32, lanes: lanes as u32, points: points as u32 };
        bench.launch(&SWEEP_MEANS, &[], &p, rows, &buffers, 1);
        let ran = bench.run(gpu, 1);
        let mut want = vec![Want::Untouched; 2 * points];
        for (lane, place) in [(0, 3), (1, 0), (2, 8)] {
            let records: Vec<[f64; 8]> =
                (0..batches).map(|b| std::array::from_fn(|i| f64::from(ring[b * lanes + lane][i]))).collect();
            want[2 * place..][..2].copy_from_slice(&near(&live::sweep_means(&records)));
        }
        check(&format!("means of {batches} batches"), ran.bits(buffers[2]), &want, within(1e-7, 1e-6));
    }
    covers("means of a sweep");
}

#[test]
fn a_field_is_painted_as_its_twin_paints_it() {
    let Some(gpu) = any_gpu() else { return };
    let cases = [
        (2, [9, 7], [64, 33], 4.0),
        (3, [2, 2], [40, 41], 6.0),
        (5, [24, 31], [65, 50], 3.0),
        (10, [12, 12], [128, 9], 9.0),
    ];
    for (classes, grid, size, swing) in cases {
        let rng = &mut Rng::new(classes, Stream::Data, 2);
        let [width, height] = size;
        let (count, padded) = (grid[0] * grid[1], (classes as usize).next_multiple_of(4));
        let logits: Vec<Vec<f32>> = (0..classes).map(|_| (0..count).map(|_| swing * uniform(rng)).collect()).collect();
        let colour = |i: u32| [0.1 + 0.08 * i as f32, 0.9 - 0.07 * i as f32, (0.3 * i as f32).fract()];
        let [neutral, line] = [[0.5, 0.45, 0.55], [1.0, 0.0, 0.25]];
        let doubles = |colour: [f32; 3]| colour.map(f64::from);
        let twin = live::PaintField {
            size,
            grid,
            logits: logits.iter().map(|class| class.iter().map(|v| f64::from(*v)).collect()).collect(),
            colours: (0..classes).map(|i| doubles(colour(i))).collect(),
            neutral: doubles(neutral),
            line: [1.0, 0.0, 0.25, 0.75],
            line_width: 1.5,
            isolines: 0.5,
        };
        // Slot 1 of 2, classes padded by what nobody may read.
        let mut values = vec![f32::from_bits(SENTINEL); 2 * count * padded];
        for (class, logits) in logits.iter().enumerate() {
            for (i, logit) in logits.iter().enumerate() {
                values[(count + i) * padded + class] = *logit;
            }
        }
        let opaque = |c: [f32; 3]| [c[0], c[1], c[2], 1.0];
        let colours = [opaque(neutral), [line[0], line[1], line[2], 0.75]].into_iter();
        let colours: Vec<[f32; 4]> = colours.chain((0..classes).map(|i| opaque(colour(i)))).collect();
        let p = PaintField {
            width: width as u32,
            height: height as u32,
            grid_width: grid[0] as u32,
            grid_height: grid[1] as u32,
            classes,
            classes4: (padded / 4) as u32,
            stride: (count * padded / 4) as u32,
            line_width: 1.5,
            isolines: 0.5,
        };
        let mut bench = Bench::default();
        let table = bench.table(&[[0, 0, 1, 0]]);
        let from = [bench.input("logits", &values), bench.input("colours", colours.as_flattened())];
        let image = bench.output("image", width * height);
        let groups = (width * height).div_ceil(64);
        bench.launch(&PAINT_FIELD, &[], &p, table, &[from[0], from[1], image], groups);
        // The same with a logit that is not a number: hatched around it.
        let mut damaged = values.clone();
        damaged[count * padded] = f32::NAN;
        let damaged = bench.input("damaged", &damaged);
        let hatched = bench.output("hatched", width * height);
        bench.launch(&PAINT_FIELD, &[], &p, table, &[damaged, from[1], hatched], groups);
        let ran = bench.run(gpu, 1);
        let mut nan = twin.clone();
        nan.logits[0][0] = f64::NAN;
        for (image, twin) in [(image, &twin), (hatched, &nan)] {
            let bits = ran.bits(image);
            assert!(bits[width * height..].iter().all(|pixel| *pixel == SENTINEL), "nothing behind the end");
            let mut stray = 0;
            for (i, pixel) in bits[..width * height].iter().enumerate() {
                let found = pixel.to_le_bytes();
                assert_eq!(found[3], 255, "opaque");
                let wanted = twin.pixel(i % width, i / width);
                let off = (0..3).map(|k| (f64::from(found[k]) - 255.0 * wanted[k]).abs()).fold(0.0, f64::max);
                stray += usize::from(off > CHANNEL);
            }
            let pixels = (width * height) as f64;
            assert!(stray as f64 <= STRAY * pixels, "{classes} classes: {stray} of {pixels} pixels differ");
        }
    }
    covers("painted field");
}

#[test]
fn heights_are_refined_as_their_twin_refines_them() {
    let Some(gpu) = any_gpu() else { return };
    for (points, by, log, hole) in [(2, 2, false, false), (5, 7, true, true), (13, 3, false, true), (9, 2, true, false)]
    {
        let rng = &mut Rng::new(points as u32, Stream::Data, 3);
        let mut losses: Vec<f32> = (0..points * points).map(|_| 1.1 + uniform(rng)).collect();
        if hole {
            losses[points + 2] = f32::NAN;
            losses[points * points - 1] = f32::INFINITY;
            losses[3] = 1e20;
        }
        let twin = live::RefineHeights {
            points,
            by,
            log,
            low: f64::from(0.25f32),
            high: 1.5,
            losses: losses.iter().map(|v| f64::from(*v)).collect(),
        };
        let side = (points - 1) * by + 1;
        let p = RefineHeights { points: points as u32, by: by as u32, log: u32::from(log), low: 0.25, high: 1.5 };
        let pairs: Vec<[f32; 2]> = losses.iter().map(|loss| [*loss, f32::from_bits(SENTINEL)]).collect();
        let mut bench = Bench::default();
        let table = bench.table(&[[0; 4]]);
        let losses = bench.input("losses", pairs.as_flattened());
        let fine = bench.output("fine", 4 * side * side);
        bench.launch(&REFINE_HEIGHTS, &[], &p, table, &[losses, fine], (side * side).div_ceil(64));
        let ran = bench.run(gpu, 1);
        let mut holes = 0;
        let want: Vec<Want> = (0..side * side)
            .flat_map(|i| {
                let point = twin.point(i % side, i / side);
                holes += usize::from(point.is_none());
                near(&point.unwrap_or([-100.0, 0.0, 0.0, 0.0]))
            })
            .collect();
        assert_eq!(holes > 0, hole, "{points} points");
        // Slopes are differences of heights, times half the points.
        check(&format!("{points} points by {by}"), ran.bits(fine), &want, within(3e-5, 1e-5));
    }
    covers("refined heights");
}
