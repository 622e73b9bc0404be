//! The path of a training, kept on the device: what is kept, within which bytes, and where it lies on a plane.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::gpu::Gpu;
use lowland::train::{Axes, Coordinates, History, Principal, Slot, Snapshot, Trainer};
use lowland_tests::any_gpu;
use lowland_tests::training::{Job, LONG, bits};
use serde_json::{Value, json};
use std::time::Duration;

fn settings() -> Value {
    json!({
        "data": "moons", "label_noise": 0.2, "test_limit": 100, "model": "mlp:16,9", "steps": 400, "eval_every": 400,
        "checkpoint_every": 400, "lr": 0.05, "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.1"],
    })
}

/// A network with running statistics.
fn with_batch_norm() -> Value {
    json!({
        "data": "fashion-sample", "train_limit": 90, "test_limit": 50, "model": "cnn:5,6", "batch": 16, "steps": 40,
        "lr": 0.05, "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.1"],
    })
}

fn history(gpu: &Gpu, job: &Job, max_bytes: u64) -> History {
    pollster::block_on(History::new(gpu, &job.model, job.setup.lanes.len(), max_bytes)).unwrap()
}

/// Trains on until just `steps` steps are done.
fn reach(gpu: &Gpu, trainer: &mut Trainer, steps: u64) {
    trainer.allow(steps - trainer.submitted());
    while trainer.submitted() < steps || !trainer.is_idle() {
        trainer.tick(gpu, LONG).unwrap();
        gpu.wait(Duration::from_millis(20));
    }
}

fn snapshot(gpu: &Gpu, trainer: &Trainer) -> Snapshot {
    pollster::block_on(trainer.snapshot(gpu)).unwrap()
}

fn floats(gpu: &Gpu, buffer: &wgpu::Buffer, offset: u64, floats: usize) -> Vec<f32> {
    let bytes = pollster::block_on(gpu.read(buffer, offset, 4 * floats as u64)).unwrap();
    bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect()
}

/// Weights and running statistics of a slot.
fn read(gpu: &Gpu, job: &Job, slot: Slot<'_>) -> [Vec<f32>; 2] {
    [
        floats(gpu, slot.weights, slot.weights_offset, job.model.parameter_floats()),
        floats(gpu, slot.running, slot.running_offset, job.model.running_floats()),
    ]
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Polls as frames would.
fn wait<T>(gpu: &Gpu, mut take: impl FnMut() -> lowland::Result<Option<T>>) -> lowland::Result<T> {
    for _ in 0..2000 {
        if let Some(answer) = take()? {
            return Ok(answer);
        }
        gpu.wait(Duration::from_millis(10));
    }
    panic!("no answer");
}

fn coordinates(
    gpu: &Gpu,
    history: &mut History,
    origin: Slot<'_>,
    axes: Axes<'_>,
    trainer: Option<&Trainer>,
) -> lowland::Result<Coordinates> {
    assert!(history.ask_coordinates(gpu, origin, axes, trainer)?);
    assert!(!history.ask_coordinates(gpu, origin, axes, trainer)?, "one answer at a time");
    wait(gpu, || history.take_coordinates(gpu))
}

fn principal(gpu: &Gpu, history: &mut History, lanes: &[usize]) -> lowland::Result<Principal> {
    assert!(history.ask_principal(gpu, lanes));
    assert!(!history.ask_principal(gpu, lanes), "one answer at a time");
    wait(gpu, || history.take_principal(gpu))
}

#[test]
fn entries_equal_the_snapshots_and_stay_within_the_bound() {
    let Some(gpu) = any_gpu() else { return };
    for (settings, every) in [(settings(), 5), (with_batch_norm(), 1)] {
        let job = Job::new(&settings);
        let set = 4 * 2 * (job.model.parameter_floats() + job.model.running_floats()) as u64;
        let max_bytes = (64 << 10) + 20 * set;
        let mut history = history(gpu, &job, max_bytes);
        let (bytes, capacity) = (history.bytes(), history.capacity());
        assert!(bytes <= max_bytes && bytes + 2 * set + (8 << 10) > max_bytes, "{bytes} of {max_bytes}");
        assert_eq!((history.max_bytes(), history.entries().len(), history.nearest(3)), (max_bytes, 0, None));
        assert!((8..32).contains(&capacity), "{capacity}");

        let mut trainer = job.trainer(gpu, job.setup.clone(), None);
        let mut snapshots = Vec::new();
        let steps = job.setup.steps;
        for step in (0..=steps).step_by(every) {
            reach(gpu, &mut trainer, step);
            if history.record(gpu, &trainer).unwrap() {
                snapshots.push(snapshot(gpu, &trainer));
            }
            assert!(!history.record(gpu, &trainer).unwrap(), "a step is kept once");
            assert!(history.entries().len() <= capacity);
            assert_eq!(history.bytes(), bytes, "constant");
        }
        let entries: Vec<u64> = history.entries().iter().map(|entry| entry.step).collect();
        assert_eq!(entries[0], 0, "the first stays");
        assert!(entries.windows(2).all(|pair| pair[0] < pair[1]), "{entries:?}");
        assert!(entries.len() >= capacity / 2 && history.interval() > every as u64, "{entries:?}");
        assert!(steps - entries[entries.len() - 1] < history.interval(), "{entries:?}");
        let widest = entries.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest <= 2 * history.interval(), "evenly: {entries:?}");
        for (number, step) in entries.iter().enumerate() {
            assert_eq!(history.nearest(*step), Some(number));
            let kept = snapshots.iter().find(|snapshot| snapshot.step == *step).unwrap();
            for (lane, state) in kept.lanes.iter().enumerate() {
                let [weights, running] = read(gpu, &job, history.slot(number, lane).unwrap());
                assert_eq!(bits(&weights), bits(&state.weights), "step {step}, lane {lane}");
                assert_eq!(bits(&running), bits(&state.running), "step {step}, lane {lane}");
            }
        }
        assert!(history.slot(entries.len(), 0).is_none() && history.slot(0, 2).is_none());
        assert_eq!(history.nearest(u64::MAX), Some(entries.len() - 1));

        // Recording leaves the training alone.
        reach(gpu, &mut trainer, steps);
        assert_eq!(snapshot(gpu, &trainer), *job.run(gpu).end());

        // A trainer that begins again from an earlier step is on another course.
        let middle = entries.len() / 2;
        let start = snapshots.iter().find(|snapshot| snapshot.step == entries[middle]).unwrap();
        let again = job.trainer(gpu, job.setup.clone(), Some(start));
        assert!(!history.record(gpu, &again).unwrap(), "the step is there already");
        assert_eq!(history.entries().len(), middle + 1);
        history.clear();
        assert_eq!((history.entries().len(), history.interval()), (0, 1));
    }
}

#[test]
fn coordinates_are_those_of_the_weights() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&settings());
    let mut history = history(gpu, &job, 1 << 24);
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    let mut snapshots = Vec::new();
    for step in [0, 10, 40, 150] {
        reach(gpu, &mut trainer, step);
        assert!(history.record(gpu, &trainer).unwrap());
        snapshots.push(snapshot(gpu, &trainer));
    }
    reach(gpu, &mut trainer, 151);
    let present = snapshot(gpu, &trainer);
    let ascent = read(gpu, &job, trainer.ascent_slot(1).unwrap())[0].clone();
    let at = |snapshot: &Snapshot, lane: usize| doubles(&snapshot.lanes[lane].weights);

    // Axes as points, then two rows of other weights as directions: neither perpendicular nor of length 1.
    for through in [true, false] {
        let twin = job.trainer(gpu, job.setup.clone(), Some(&snapshots[2]));
        let start = job.trainer(gpu, job.setup.clone(), Some(&snapshots[0]));
        let slots = [trainer.slot(0), trainer.slot(1)];
        let (axes, vectors) = if through {
            let start = at(&snapshots[0], 0);
            (Axes::Through(slots), [0, 1].map(|lane| minus(&at(&present, lane), &start)))
        } else {
            let directions = [trainer.slot(0), twin.slot(1)];
            (Axes::Along(directions), [at(&present, 0), at(&snapshots[2], 1)])
        };
        let found = coordinates(gpu, &mut history, start.slot(0), axes, Some(&trainer)).unwrap();
        assert_eq!(found.entries.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 10, 40, 150]);
        let long = dot(&vectors[0], &vectors[0]).sqrt();
        let compare = |what: &str, weights: &[f64], place: lowland::train::Place| {
            // The difference to the foot is perpendicular to both axes and as long as it says.
            let d = minus(weights, &at(&snapshots[0], 0));
            let foot: Vec<f64> = vectors[0].iter().zip(&vectors[1]).map(|(a, b)| place.x * a + place.y * b).collect();
            let rest = minus(&d, &foot);
            let size = dot(&d, &d).sqrt();
            for vector in &vectors {
                let cosine = dot(&rest, vector) / dot(vector, vector).sqrt();
                assert!(cosine.abs() < 1e-4 * (size + 1e-3 * long), "{what}: {cosine} of {size}");
            }
            let off = dot(&rest, &rest).sqrt();
            assert!((off - place.off).abs() < 2e-3 * (size + 1e-3 * long), "{what}: {off} and {}", place.off);
            let [u, v] = found.in_lengths(place);
            assert!((u.hypot(v) - dot(&foot, &foot).sqrt()).abs() < 1e-4 * (size + 1e-3 * long), "{what}: lengths");
        };
        for (snapshot, (step, places)) in snapshots.iter().zip(&found.entries) {
            for (lane, place) in places.iter().enumerate() {
                compare(&format!("step {step}, lane {lane}"), &at(snapshot, lane), *place);
            }
        }
        let (step, places) = found.present.as_ref().unwrap();
        assert_eq!(*step, 151);
        for (lane, place) in places.iter().enumerate() {
            compare(&format!("present, lane {lane}"), &at(&present, lane), *place);
        }
        assert!(found.ascent[0].is_none());
        compare("w + e", &doubles(&ascent), found.ascent[1].unwrap());
        if through {
            let [sgd, sam] = [places[0], places[1]];
            assert!((sgd.x - 1.0).abs() < 1e-4 && sgd.y.abs() < 1e-4, "{sgd:?}");
            assert!(sam.x.abs() < 1e-4 && (sam.y - 1.0).abs() < 1e-4, "{sam:?}");
            assert_eq!(found.entries[0].1[0], lowland::train::Place::default(), "the start is the origin");
        }
    }

    let line = Axes::Through([trainer.slot(0), trainer.slot(0)]);
    let origin = job.trainer(gpu, job.setup.clone(), None);
    let error = coordinates(gpu, &mut history, origin.slot(0), line, None).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("line"), "{error}");
    let fine = Axes::Through([trainer.slot(0), trainer.slot(1)]);
    let found = coordinates(gpu, &mut history, origin.slot(0), fine, None).unwrap();
    assert!(found.present.is_none() && found.ascent.iter().all(Option::is_none), "and it goes on after an error");
}

#[test]
fn principal_directions_are_those_of_the_path() {
    let Some(gpu) = any_gpu() else { return };
    for settings in [settings(), with_batch_norm()] {
        let job = Job::new(&settings);
        let mut history = history(gpu, &job, 1 << 24);
        let mut trainer = job.trainer(gpu, job.setup.clone(), None);
        assert!(!history.ask_principal(gpu, &[0, 1]), "nothing is there");
        let mut sets: Vec<Vec<Vec<f64>>> = vec![Vec::new(); 2];
        let mut running = Vec::new();
        for step in (0..=40).step_by(4) {
            reach(gpu, &mut trainer, step);
            assert!(history.record(gpu, &trainer).unwrap());
            let there = snapshot(gpu, &trainer);
            (0..2).for_each(|lane| sets[lane].push(doubles(&there.lanes[lane].weights)));
            running.push(doubles(&there.lanes[0].running));
        }
        let found = principal(gpu, &mut history, &[0, 1]).unwrap();
        assert_eq!((found.step, found.sets), (40, 22));
        let all: Vec<&Vec<f64>> = sets.iter().flatten().collect();
        let n = all[0].len();
        let mean: Vec<f64> = (0..n).map(|k| all.iter().map(|set| set[k]).sum::<f64>() / 22.0).collect();
        let centred: Vec<Vec<f64>> = all.iter().map(|set| minus(set, &mean)).collect();
        let total: f64 = centred.iter().map(|set| dot(set, set)).sum();
        let directions = history.directions().map(|slot| read(gpu, &job, slot));
        let [u, v] = [0, 1].map(|which| doubles(&directions[which][0]));
        assert!((dot(&u, &u) - 1.0).abs() < 1e-3 && (dot(&v, &v) - 1.0).abs() < 1e-3, "of length 1");
        assert!(dot(&u, &v).abs() < 1e-3, "perpendicular");
        for (direction, share) in [&u, &v].into_iter().zip(found.variance) {
            let along: f64 = centred.iter().map(|set| dot(set, direction).powi(2)).sum::<f64>() / total;
            assert!((along - share).abs() < 1e-3, "{along} and {share}");
            // An eigenvector: the covariance keeps its direction.
            let mut image = vec![0.0; n];
            for set in &centred {
                let factor = dot(set, direction);
                image.iter_mut().zip(set).for_each(|(image, value)| *image += factor * value);
            }
            let rest: Vec<f64> = image.iter().zip(direction).map(|(i, d)| i - share * total * d).collect();
            assert!(dot(&rest, &rest).sqrt() < 2e-3 * total, "{}", dot(&rest, &rest).sqrt() / total);
        }
        assert!(found.variance[0] >= found.variance[1] && found.variance.iter().sum::<f64>() <= 1.0 + 1e-9);
        let ahead = dot(&minus(&sets[0][10], &sets[0][0]), &u);
        assert!(ahead > 0.0, "SGD goes along the first direction");

        // Running statistics go the way of the weights: those of the first direction are the same sum.
        let scores: Vec<f64> = centred.iter().map(|set| dot(set, &u)).collect();
        let squares = dot(&scores, &scores);
        for (k, value) in directions[0][1].iter().enumerate() {
            let state = |i: usize| if i < 11 { running[i][k] } else { read_running(gpu, &job, &history, i - 11)[k] };
            let wanted: f64 = (0..22).map(|i| scores[i] / squares * (state(i) - running[0][k])).sum();
            assert!(
                (wanted - f64::from(*value)).abs() < 1e-3 * (1.0 + wanted.abs()),
                "statistic {k}: {value}, {wanted}"
            );
        }

        // The plane is one that coordinates can be asked on.
        let mut places = history;
        let [first, second] = directions.map(|direction| direction[0].clone());
        let state = |weights: &[f32]| lowland::train::LaneState {
            weights: weights.to_vec(),
            ..snapshot(gpu, &trainer).lanes[0].clone()
        };
        let axes = Snapshot { step: 1, lanes: vec![state(&first), state(&second)] };
        let axes = job.trainer(gpu, job.setup.clone(), Some(&axes));
        let origin = job.trainer(gpu, job.setup.clone(), None);
        let along = Axes::Along([axes.slot(0), axes.slot(1)]);
        let found = coordinates(gpu, &mut places, origin.slot(0), along, None).unwrap();
        let (_, last) = found.entries.last().unwrap();
        assert!((last[0].x - ahead).abs() < 1e-3 * ahead.abs(), "{last:?} and {ahead}");
    }
}

fn read_running(gpu: &Gpu, job: &Job, history: &History, entry: usize) -> Vec<f64> {
    doubles(&read(gpu, job, history.slot(entry, 1).unwrap())[1])
}

#[test]
fn what_does_not_fit_is_refused() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&settings());
    let new = |lanes, bytes| pollster::block_on(History::new(gpu, &job.model, lanes, bytes));
    let error = new(2, 1000).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("1000") && error.to_string().contains("bytes"), "{error}");
    assert!(new(0, 1 << 24).unwrap_err().is_input() && new(257, 1 << 24).unwrap_err().is_input());
    let mut three = new(3, 1 << 24).unwrap();
    let trainer = job.trainer(gpu, job.setup.clone(), None);
    assert!(three.record(gpu, &trainer).unwrap_err().is_input());
    let same = Axes::Along([trainer.slot(0), trainer.slot(1)]);
    assert!(three.ask_coordinates(gpu, trainer.slot(0), same, Some(&trainer)).unwrap_err().is_input());

    // An answer about a training that was forgotten does not come.
    let mut history = new(2, 1 << 24).unwrap();
    history.record(gpu, &trainer).unwrap();
    assert!(history.ask_coordinates(gpu, trainer.slot(0), same, None).unwrap());
    history.clear();
    for _ in 0..20 {
        assert_eq!(history.take_coordinates(gpu).unwrap(), None);
        gpu.wait(Duration::from_millis(10));
    }
    assert!(history.ask_coordinates(gpu, trainer.slot(0), same, None).unwrap(), "the next one may be asked for");
}
