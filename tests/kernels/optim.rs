//! Base steps, clipping, sums over groups and the log against `lowland_reference::optim`.

use lowland::rng::{Rng, Stream};
use lowland_reference::optim::{Adam, Moments, RmsProp, Sgd, clip};
use lowland_shaders::params::{Accumulate, Clip, Log, NormSquares, Update};
use lowland_shaders::{ACCUMULATE, ADAM, CLIP, LOG, NORM_SQUARES, RMSPROP, SGD};
use lowland_tests::bench::Bench;
use lowland_tests::compare::{Tolerance, Want, check, near, within};
use lowland_tests::lanes::{LANES, ROWS, TABLE, blank, by_lane, doubles, schedule, slots};
use lowland_tests::layer::uniform;
use lowland_tests::{any_gpu, coverage::covers};

/// A few roundings of values near 1.
const STEP: Tolerance = within(3e-7, 1e-6);
/// The same of RMSprop's first steps, which are 1 / sqrt(1 - alpha) = 10 long.
const LONG_STEP: Tolerance = within(3e-6, 1e-6);

/// Three steps of a base optimizer on one gradient.
struct Steps {
    floats: usize,
    hyper: [[f32; 12]; LANES],
    overrides: &'static [(&'static str, f64)],
    scheduled: Vec<[f32; 4]>,
    moments: usize,
    tolerance: Tolerance,
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
        let Self { floats, hyper, scheduled, moments, overrides, tolerance } = self;
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
            let clock = bench.input("clock", &[step, 99, 0]);
            let mut buffers = vec![grads, hyper, scheduled, clock, weights];
            buffers.extend(&moments);
            bench.launch(kernel, overrides, &p, rows, &buffers, size4.div_ceil(64) as usize);
        }
        let ran = bench.run(gpu, 1);
        let state = |work: usize, lane: usize| {
            let mut weights = doubles(&w[lane * floats..][..floats]);
            let moments = twin(lane, &mut weights, &doubles(&g[work * floats..][..floats]));
            (weights, moments)
        };
        let name = format!("{} of {floats} floats", kernel.name);
        let want = by_lane(floats, 3, |work, lane| near(&state(work, lane).0));
        check(&format!("weights by {name}"), ran.bits(weights), &want, *tolerance);
        for (index, id) in moments.iter().enumerate() {
            let own = |work, lane| state(work, lane).1.get(index).map(|moment| near(moment));
            // A twin without momentum keeps no buffer; what ours holds then is nobody's business.
            let want = by_lane(floats, 3, |work, lane| {
                let anything = |i: usize| Want::Exactly(ran.floats(*id)[lane * floats + i]);
                own(work, lane).unwrap_or_else(|| (0..floats).map(anything).collect())
            });
            check(&format!("moment {index} by {name}"), ran.bits(*id), &want, *tolerance);
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
        let row = |first: [f32; 4]| std::array::from_fn(|i| first.get(i).copied().unwrap_or(blank()));
        let own = row([momentum, dampening, f32::from(u8::from(nesterov)), decay]);
        let steps = Steps {
            floats: [4, 252, 256, 1028][index % 4],
            hyper: [[blank(); 12], own, row([0.5, 0.0, 0.0, 0.1]), [blank(); 12]],
            overrides: &[],
            scheduled: schedule(|step, lane| [lr(step, lane), blank(), 1.0, 1.0]),
            moments: 1,
            tolerance: STEP,
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
fn adam_and_adamw_equal_their_twin_over_three_steps() {
    for (floats, eps, decay, decoupled) in
        [(4, 1e-8, 0.0, true), (252, 1e-8, 0.1, true), (1028, 1e-3, 0.01, true), (252, 1e-8, 0.1, false)]
    {
        let b = blank();
        let row = |decay| [b, b, b, decay, 0.9, 0.999, eps, b, b, b, b, b];
        let correction = |beta: f32, step: usize| (1.0 - f64::from(beta).powi(step as i32 + 1)) as f32;
        let steps = Steps {
            floats,
            hyper: [[b; 12], row(decay), row(0.2), [b; 12]],
            overrides: if decoupled { &[("DECOUPLED", 1.0)] } else { &[("DECOUPLED", 0.0)] },
            scheduled: schedule(|step, lane| [lr(step, lane), b, correction(0.9, step), correction(0.999, step)]),
            moments: 2,
            tolerance: STEP,
        };
        let ran = steps.run(&ADAM, |lane, weights, gradient| {
            let row = steps.hyper[lane].map(f64::from);
            let adam = Adam { betas: [row[4], row[5]], eps: row[6], weight_decay: row[3], decoupled };
            let mut moments = Moments::default();
            for step in 0..TABLE {
                adam.step(f64::from(lr(step, lane)), weights, gradient, &mut moments);
            }
            vec![moments.first, moments.second]
        });
        if ran.is_none() {
            return;
        }
    }
    covers("adam");
}

#[test]
fn rmsprop_equals_its_twin_over_three_steps() {
    for (floats, momentum, decay) in [(4, 0.0, 0.0), (252, 0.9, 0.1), (1028, 0.5, 0.01)] {
        let b = blank();
        let row = |decay| [momentum, b, b, decay, b, 0.99, 1e-8, b, b, b, b, b];
        let steps = Steps {
            floats,
            hyper: [[b; 12], row(decay), row(0.2), [b; 12]],
            overrides: &[],
            scheduled: schedule(|step, lane| [lr(step, lane), b, b, b]),
            moments: 2,
            tolerance: LONG_STEP,
        };
        let ran = steps.run(&RMSPROP, |lane, weights, gradient| {
            let row = steps.hyper[lane].map(f64::from);
            let rmsprop = RmsProp { alpha: row[5], eps: row[6], momentum: row[0], weight_decay: row[3] };
            let mut moments = Moments::default();
            for step in 0..TABLE {
                rmsprop.step(f64::from(lr(step, lane)), weights, gradient, &mut moments);
            }
            vec![moments.first, moments.second]
        });
        if ran.is_none() {
            return;
        }
    }
    covers("rmsprop");
}

#[test]
fn gradients_are_clipped_to_their_norm() {
    let Some(gpu) = any_gpu() else { return };
    for (floats, most) in [(4, [0.1, 100.0]), (4100, [0.5, 3.0]), (300_000, [1.0, 1e6])] {
        let rng = &mut Rng::new(floats as u32, Stream::Data, 4);
        let g = slots(rng, 2, floats, uniform);
        let size4 = (floats / 4) as u32;
        let per_slice = size4.div_ceil(256).max(1024);
        let slices = size4.div_ceil(per_slice);
        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let grads = bench.changed("grads", &g);
        let squares = bench.output("squares", LANES * 256 * 2);
        let b = blank();
        let row = |most| [b, b, b, b, b, b, b, b, most, b, b, b];
        let hyper = bench.input("hyper", [[b; 12], row(most[0]), row(most[1])].as_flattened());
        let norm = NormSquares { size4, per_slice, stride: size4, slices };
        bench.launch(&NORM_SQUARES, &[], &norm, rows, &[grads, squares], slices as usize);
        let p = Clip { size4, stride: size4, slices };
        bench.launch(&CLIP, &[], &p, rows, &[squares, hyper, grads], size4.div_ceil(1024) as usize);
        let ran = bench.run(gpu, 1);
        let want = by_lane(floats, 2, |work, lane| {
            let mut own = doubles(&g[work * floats..][..floats]);
            clip(&mut own, f64::from(most[lane - 1]));
            near(&own)
        });
        check(&format!("{floats} floats clipped to {most:?}"), ran.bits(grads), &want, STEP);
    }
    covers("clip");
}

#[test]
fn gradients_of_groups_add_up_to_their_mean() {
    let Some(gpu) = any_gpu() else { return };
    for floats in [4, 252, 4100] {
        let rng = &mut Rng::new(floats as u32, Stream::Data, 5);
        let groups: Vec<_> = (0..3).map(|_| slots(rng, 2, floats, uniform)).collect();
        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let total = bench.output("total", LANES * floats);
        let size4 = (floats / 4) as u32;
        for (number, group) in groups.iter().enumerate() {
            let grads = bench.input("grads", group);
            let clock = bench.input("clock", &[5u32, 5, 8 * number as u32]);
            let p = Accumulate { size4, stride: size4, scale: 1.0 / 3.0 };
            bench.launch(&ACCUMULATE, &[], &p, rows, &[grads, clock, total], size4.div_ceil(1024) as usize);
        }
        let ran = bench.run(gpu, 1);
        let want = by_lane(floats, 2, |work, _| {
            let sum = |i: usize| groups.iter().map(|group| f64::from(group[work * floats + i])).sum::<f64>();
            near(&(0..floats).map(|i| sum(i) / 3.0).collect::<Vec<_>>())
        });
        check(&format!("mean of groups of {floats} floats"), ran.bits(total), &want, STEP);
    }
    covers("accumulate");
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
        let clock = bench.changed("clock", &[step, step, 0]);
        let records = bench.output("ring", ring * LANES * 12);
        let (batch32, whole) = (batch as u32, batch as u32);
        let p = Log {
            batch: batch32,
            whole,
            ascent_offset: examples as u32,
            slices,
            lanes: LANES as u32,
            ring: ring as u32,
        };
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
