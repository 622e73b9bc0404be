//! What is on the device: as many bytes after a thousand steps as before them, and data sets larger than one binding.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lowland::config::{Activation, Order};
use lowland::data::{Dataset, Inputs, Scaling, Shape, Split};
use lowland::model::{Dense, Model};
use lowland::train::{Evaluator, Event, LaneState, Setup, Snapshot};
use lowland_tests::any_gpu;
use lowland_tests::training::{Job, LONG};
use serde_json::json;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The tests of this file one after the other, where they share a process and so its memory.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Bytes of memory that this process has in use.
#[cfg(target_os = "linux")]
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

#[cfg(not(target_os = "linux"))]
fn resident_bytes() -> Option<u64> {
    None
}

/// The trainer's own count never changes. What it cannot count (a buffer made on the way, in the engine or below it)
/// shows in the process's memory, where a software driver has its buffers too.
#[test]
fn a_thousand_steps_take_no_more_memory() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&json!({
        "data": "moons", "model": "mlp:16,16", "steps": 1400, "eval_every": 50, "checkpoint_every": 20, "test_limit": 300,
        "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam", "sam-adamw: optimizer=sam base=adamw"],
    }));
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    let bytes = trainer.gpu_bytes();
    let (mut done, mut warm) = (0, None);
    while !trainer.is_finished() {
        for event in trainer.tick(gpu, Duration::from_millis(5)).unwrap() {
            if let Event::Step(step) = event {
                done = step.step;
            }
        }
        assert_eq!(trainer.gpu_bytes(), bytes, "after step {done}");
        if done >= 400 && warm.is_none() {
            warm = resident_bytes();
        }
        gpu.wait(Duration::from_millis(5));
    }
    assert_eq!(done, 1399);
    let (Some(warm), Some(end)) = (warm, resident_bytes()) else { return };
    println!("{bytes} bytes on the device; the process had {warm} bytes after 400 steps, {end} after 1400");
    // A megabyte and a half is 1.5 KB a step: less than one buffer or bind group kept in each.
    assert!(end < warm + (3 << 19), "{warm} bytes after 400 steps, {end} after 1400");
}

const TRAIN: u32 = 48_000;
const TEST: u32 = 2_000;
const BATCH: u32 = 500;
/// Example in which the first 128 MiB end.
const SEAM: u32 = (128 << 20) / 3072;

/// The digits of a number to the base 16.
fn digits(number: u32) -> [u8; 4] {
    [12, 8, 4, 0].map(|shift| (number >> shift & 15) as u8)
}

/// The place of the first largest digit.
fn class(number: u32) -> usize {
    let digits = digits(number);
    (0..4).rev().max_by_key(|class| digits[*class]).unwrap()
}

/// Cross-entropy where the digits are the logits and the class is the label.
fn loss(number: u32) -> f64 {
    let logits = digits(number).map(f64::from);
    logits.iter().map(|logit| logit.exp()).sum::<f64>().ln() - logits[class(number)]
}

/// Examples as CIFAR-10 has them, 147 MiB in all: more than the 128 MiB that WebGPU binds at least. Four pixels of each
/// are the digits of its number, and the network's four logits are those pixels.
#[test]
fn every_example_of_a_set_in_pieces_is_found() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(gpu) = any_gpu() else { return };
    let shape = Shape { channels: 3, height: 32, width: 32 };
    let features = shape.len();
    let places = [0, 1023, 1024, features - 1];
    let split = |first: u32, count: u32| {
        // What is no digit is above all digits: a wrong pixel is a wrong logit.
        let mut pixels = vec![200u8; count as usize * features];
        for (example, number) in pixels.chunks_mut(features).zip(first..) {
            for (place, digit) in places.into_iter().zip(digits(number)) {
                example[place] = digit;
            }
        }
        let labels = (first..first + count).map(|number| class(number) as u16).collect();
        Split { inputs: Inputs::Bytes(pixels), labels, flipped: Vec::new() }
    };
    let data = Dataset {
        name: "numbered".into(),
        shape,
        classes: 4,
        train: split(0, TRAIN),
        val: None,
        test: split(TRAIN, TEST),
        scaling: Scaling { mean: vec![0.0; 3], std: vec![1.0; 3] },
    };
    let bytes = u64::from(TRAIN + TEST) * features as u64;
    assert!(bytes > 128 << 20);
    println!("{bytes} bytes of examples, bindings of at most {}", gpu.max_binding());

    let dense = Dense { outputs: 4, activation: None::<Activation>, gain: 1.0 };
    let model = Model::flat("picks", shape, 4).with("layers.0", dense).unwrap();
    let mut picks = vec![0.0; 4 * features];
    for (class, place) in places.into_iter().enumerate() {
        picks[class * features + place] = 1.0;
    }
    let mut state =
        LaneState { weights: vec![0.0; model.parameter_floats()], running: Vec::new(), moments: Vec::new() };
    model.parameters()[0].pack(&picks, &mut state.weights);

    let evaluator = pollster::block_on(Evaluator::new(gpu, &model, &data, &state)).unwrap();
    let check = |logits: &[f32], first: u32, count: u32| {
        assert_eq!(logits.len(), 4 * count as usize);
        for (logits, number) in logits.chunks(4).zip(first..) {
            assert_eq!(logits, digits(number).map(f32::from), "example {number}");
        }
    };
    check(&pollster::block_on(evaluator.train_logits(gpu)).unwrap(), 0, TRAIN);
    check(&pollster::block_on(evaluator.test_logits(gpu)).unwrap(), TRAIN, TEST);
    drop(evaluator);

    // Training batches at lr 0: in order over the seam of the pieces, and shuffled over all of them into a new epoch.
    let settings = json!({
        "optimizer": "sgd", "lr": 0, "batch": BATCH, "steps": 1, "eval_every": 1000, "checkpoint_every": 1000,
    });
    let job = Job { model, ..Job::on(&settings, data) };
    let seam = u64::from(SEAM / BATCH);
    for (order, from, to) in [(Order::File, seam - 2, seam + 3), (Order::Shuffle, 92, 100)] {
        let setup = Setup { order, steps: to, ..job.setup.clone() };
        let story = job.run_as(gpu, setup, Some(&Snapshot { step: from, lanes: vec![state.clone()] }), LONG);
        assert_eq!(story.steps.len() as u64, to - from);
        for step in &story.steps {
            assert_eq!(step.accuracy, 1.0, "{order:?}: pixels and labels of one example: {step:?}");
            if order == Order::File {
                let first = step.step as u32 * BATCH;
                let wanted = (first..first + BATCH).map(loss).sum::<f64>() / f64::from(BATCH);
                assert!((f64::from(step.loss) / wanted - 1.0).abs() < 1e-5, "{step:?} for {wanted}");
            }
        }
        let examples: Vec<u64> = story.evaluations.iter().map(|e| e.examples).collect();
        assert_eq!(examples, [u64::from(TRAIN), u64::from(TEST)], "{:?}", story.evaluations);
        assert!(story.evaluations.iter().all(|e| e.accuracy == 1.0 && e.top5 == 1.0), "{:?}", story.evaluations);
    }
}
