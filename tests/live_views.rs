//! What live pictures are made of, against the evaluations that tables are made of.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lowland::data::Inputs;
use lowland::gpu::Gpu;
use lowland::probe::Examples;
use lowland::train::{Evaluator, Part, Trainer};
use lowland::view::{Field, Sweep};
use lowland_tests::any_gpu;
use lowland_tests::training::{Job, LONG, Story, follow};
use serde_json::{Value, json};
use std::time::Duration;

fn points() -> Value {
    json!({
        "data": "moons", "label_noise": 0.2, "test_limit": 300, "model": "mlp:32,32,32", "steps": 40, "lr": 0.05,
        "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.1"],
    })
}

/// A network with running statistics and more examples than a batch of an evaluation has.
fn images() -> Value {
    json!({
        "data": "fashion-sample", "train_limit": 620, "test_limit": 290, "model": "cnn:5,6", "batch": 31, "steps": 6,
        "lr": 0.05, "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.1"],
    })
}

/// A network whose first layer is dense and has many inputs: its outputs are computed once for all points.
fn dense() -> Value {
    json!({
        "data": "fashion-sample", "train_limit": 610, "test_limit": 290, "model": "mlp:40,12", "activation": "gelu",
        "batch": 31, "steps": 6, "lr": 0.05, "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.1"],
    })
}

fn trained(gpu: &Gpu, job: &Job) -> (Trainer, Story) {
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    let story = follow(gpu, &mut trainer, LONG);
    (trainer, story)
}

fn refresh(gpu: &Gpu, field: &mut Field, trainer: &Trainer) -> Vec<Vec<f32>> {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    field.refresh(&mut encoder, &[trainer.slot(1), trainer.slot(0)]);
    gpu.queue().submit([encoder.finish()]);
    logits(gpu, field)
}

fn logits(gpu: &Gpu, field: &mut Field) -> Vec<Vec<f32>> {
    assert!(field.request(gpu));
    assert!(!field.request(gpu), "one at a time");
    loop {
        if let Some(logits) = field.take(gpu).unwrap() {
            return logits;
        }
        gpu.wait(Duration::from_millis(1));
    }
}

fn same(what: &str, found: &[f32], wanted: &[f32]) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((found - wanted).abs() <= 1e-5 * wanted.abs().max(1.0), "{what} {i}: {found} for {wanted}");
    }
}

#[test]
fn a_field_has_the_logits_of_an_evaluation() {
    let Some(gpu) = any_gpu() else { return };
    for settings in [points(), images()] {
        let job = Job::new(&settings);
        let (trainer, story) = trained(gpu, &job);
        let test = &job.data.test;
        let mut whole = pollster::block_on(Field::new(gpu, &job.model, &job.data, &test.inputs, 2)).unwrap();
        let bytes = whole.bytes();
        let found = refresh(gpu, &mut whole, &trainer);
        let evaluator = |lane: usize| {
            pollster::block_on(Evaluator::new(gpu, &job.model, &job.data, &story.end().lanes[lane])).unwrap()
        };
        for (row, lane) in [(0, 1), (1, 0)] {
            let wanted = pollster::block_on(evaluator(lane).test_logits(gpu)).unwrap();
            same(&format!("row {row}"), &found[row], &wanted);
        }
        assert_eq!(whole.bytes(), bytes);
        let places = [7, 3, 120];
        let chosen = Field::examples(gpu, &job.model, &job.data, test, &places, 2);
        let some = refresh(gpu, &mut pollster::block_on(chosen).unwrap(), &trainer);
        let classes = whole.classes();
        for (i, place) in places.iter().enumerate() {
            same("chosen", &some[0][i * classes..][..classes], &found[0][place * classes..][..classes]);
        }
        // A factor of 1 gives a set of weights back; the middle of two that are the same is the same.
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let (sgd, sam) = (trainer.slot(0), trainer.slot(1));
        whole.mix(gpu, &mut encoder, [sgd, sgd, sam], &[[0.0, 0.0, 1.0], [0.25, 0.75, 0.0]]);
        while !whole.step(&mut encoder) {}
        gpu.queue().submit([encoder.finish()]);
        let mixed = logits(gpu, &mut whole);
        same("a source", &mixed[0], &found[0]);
        let close = mixed[1].iter().zip(&found[1]).all(|(a, b)| (a - b).abs() < 1e-3);
        assert!(close, "the sum of two halves");
    }
}

#[test]
fn a_large_field_goes_through_in_batches() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&json!({
        "data": "fashion-sample", "train_limit": 64, "test_limit": 250, "model": "cnn:64,64", "batch": 16, "steps": 1,
        "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.1"],
    }));
    let (trainer, story) = trained(gpu, &job);
    let mut field = pollster::block_on(Field::new(gpu, &job.model, &job.data, &job.data.test.inputs, 2)).unwrap();
    assert!(field.batches() > 1, "one batch");
    let found = refresh(gpu, &mut field, &trainer);
    let state = &story.end().lanes[1];
    let evaluator = pollster::block_on(Evaluator::new(gpu, &job.model, &job.data, state)).unwrap();
    same("row 0", &found[0], &pollster::block_on(evaluator.test_logits(gpu)).unwrap());
}

#[test]
fn a_grid_begins_at_the_upper_left_corner() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&points());
    let (trainer, _) = trained(gpu, &job);
    let grid = Field::grid(gpu, &job.model, &job.data, [-1.0, 2.0, -0.5, 1.5], [4, 3], 1);
    let found = refresh(gpu, &mut pollster::block_on(grid).unwrap(), &trainer);
    let corners = Inputs::Floats(vec![-1.0, 1.5, 2.0, 1.5, 2.0, -0.5]);
    let corners = Field::new(gpu, &job.model, &job.data, &corners, 1);
    let wanted = refresh(gpu, &mut pollster::block_on(corners).unwrap(), &trainer);
    for (i, place) in [0, 3, 11].into_iter().enumerate() {
        same("corner", &found[0][2 * place..][..2], &wanted[0][2 * i..][..2]);
    }
    let wrong = Field::grid(gpu, &job.model, &job.data, [0.0; 4], [1, 3], 1);
    assert!(pollster::block_on(wrong).unwrap_err().is_input());
}

fn values(gpu: &Gpu, sweep: &mut Sweep) -> Vec<[f32; 2]> {
    loop {
        if let Some(values) = sweep.take(gpu).unwrap() {
            return values;
        }
        gpu.wait(Duration::from_millis(1));
    }
}

#[test]
fn a_sweep_measures_what_an_evaluation_measures() {
    let Some(gpu) = any_gpu() else { return };
    for settings in [points(), images(), dense()] {
        let job = Job::new(&settings);
        let (trainer, story) = trained(gpu, &job);
        let (sgd, sam) = (trainer.slot(0), trainer.slot(1));
        for (examples, part) in [(Examples::Train, Part::Train), (Examples::Test, Part::Test)] {
            let sweep = Sweep::new(gpu, &job.model, &job.data, examples, usize::MAX, 700);
            let mut sweep = pollster::block_on(sweep).unwrap();
            let bytes = sweep.bytes();
            let count = sweep.lanes() + 5;
            let points: Vec<[f32; 3]> = (0..count)
                .map(|i| match i {
                    0 => [1.0, 0.0, 0.0],
                    _ if i == count - 1 => [0.0, 0.0, 1.0],
                    _ => [0.5, 0.25, 0.25],
                })
                .collect();
            assert_eq!((sweep.shown(), sweep.progress()), (0, 1.0));
            sweep.begin(gpu, [sgd, sgd, sam], &points).unwrap();
            let mut slices = 0;
            while !sweep.advance(gpu, 1) {
                slices += 1;
                assert!((0.0..=1.0).contains(&sweep.progress()));
            }
            assert!(slices >= 1, "a slice at a time");
            assert_eq!(sweep.shown(), count);
            let found = values(gpu, &mut sweep);
            assert_eq!(found.len(), count);
            for (place, lane) in [(0, 0), (count - 1, 1)] {
                let wanted = story.last_on(part, lane);
                let [loss, accuracy] = found[place];
                assert!((loss - wanted.loss).abs() <= 1e-6 * wanted.loss, "{loss} for {}", wanted.loss);
                assert!((accuracy - wanted.accuracy).abs() <= 1e-6, "{accuracy} for {}", wanted.accuracy);
            }
            assert!(found[1..count - 1].iter().all(|point| *point == found[1]), "equal points have equal bits");
            assert_ne!(found[1], found[0]);
            // The same again, given up half way and begun with other sources.
            sweep.begin(gpu, [sgd, sgd, sam], &points).unwrap();
            sweep.advance(gpu, 1);
            sweep.begin(gpu, [sam, sam, sgd], &points).unwrap();
            while !sweep.advance(gpu, 1000) {}
            let turned = values(gpu, &mut sweep);
            assert_eq!((turned[0], turned[count - 1]), (found[count - 1], found[0]));
            assert_eq!(sweep.bytes(), bytes);
            assert!(sweep.begin(gpu, [sgd, sgd, sam], &[[0.0; 3]; 701]).unwrap_err().is_input());
        }
    }
}

/// How long the surface of the opening duel takes: `cargo nextest run -p lowland-tests --run-ignored all surface --no-capture`.
#[test]
#[ignore = "a measurement"]
fn time_of_a_surface() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&points());
    let (trainer, _) = trained(gpu, &job);
    let (sgd, sam) = (trainer.slot(0), trainer.slot(1));
    let sweep = Sweep::new(gpu, &job.model, &job.data, Examples::Train, 200, 700);
    let mut sweep = pollster::block_on(sweep).unwrap();
    for side in [13, 25] {
        let points: Vec<[f32; 3]> = (0..side * side).map(|i| [1.0, i as f32 * 1e-3, 0.1]).collect();
        for _ in 0..3 {
            sweep.begin(gpu, [sgd, sgd, sam], &points).unwrap();
            let begin = std::time::Instant::now();
            let mut slices = 0;
            while !sweep.advance(gpu, 1) {
                slices += 1;
            }
            values(gpu, &mut sweep);
            let ms = begin.elapsed().as_secs_f64() * 1e3;
            println!("{side} a side, {} lanes: {} slices in {ms:.1} ms", sweep.lanes(), slices + 1);
        }
    }
    let field = Field::grid(gpu, &job.model, &job.data, [-2.0, 3.0, -1.5, 2.0], [96, 72], 2);
    let mut field = pollster::block_on(field).unwrap();
    refresh(gpu, &mut field, &trainer);
    let begin = std::time::Instant::now();
    (0..10).for_each(|_| drop(refresh(gpu, &mut field, &trainer)));
    println!("a field of 96x72 for two rows: {:.2} ms", begin.elapsed().as_secs_f64() * 100.0);
}
