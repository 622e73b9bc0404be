//! What an app does with a trainer while it trains: a device of its own, weights where they lie, settings that change.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::data::Inputs;
use lowland::gpu::Gpu;
use lowland::optim::Optimizer;
use lowland::train::{Event, Part, Slot, Trainer};
use lowland_tests::any_gpu;
use lowland_tests::training::{Job, LONG, SHORT, Story, bits, follow, same_bits};
use serde_json::{Value, json};
use std::time::Duration;

fn settings() -> Value {
    json!({
        "data": "moons", "label_noise": 0.2, "test_limit": 100, "model": "mlp:16,9", "steps": 30, "eval_every": 10,
        "checkpoint_every": 7, "lr": 0.05, "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.1"],
    })
}

/// A network with running statistics.
fn with_batch_norm() -> Value {
    json!({
        "data": "fashion-sample", "train_limit": 90, "test_limit": 50, "model": "cnn:5,6", "batch": 16, "steps": 6,
        "lr": 0.05, "lane": ["sgd: optimizer=sgd", "sam: optimizer=sam rho=0.1"],
    })
}

/// A device that an interface would have opened.
fn foreign(gpu: &Gpu) -> (wgpu::AdapterInfo, wgpu::Device, wgpu::Queue) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let adapter = adapters.into_iter().find(|adapter| adapter.get_info().name == gpu.info().name).unwrap();
    let (device, queue) = pollster::block_on(adapter.request_device(&Gpu::device_descriptor(&adapter))).unwrap();
    (adapter.get_info(), device, queue)
}

/// The weights and running statistics of a slot.
fn read(gpu: &Gpu, job: &Job, slot: Slot<'_>) -> [Vec<u32>; 2] {
    let [weights, running] = [job.model.parameter_floats(), job.model.running_floats()].map(|floats| 4 * floats as u64);
    let floats = |buffer, offset, bytes| {
        let bytes: Vec<u8> = pollster::block_on(gpu.read(buffer, offset, bytes)).unwrap();
        bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect::<Vec<u32>>()
    };
    [floats(slot.weights, slot.weights_offset, weights), floats(slot.running, slot.running_offset, running)]
}

/// Trains on until just `steps` steps are done; all that was told on the way.
fn reach(gpu: &Gpu, trainer: &mut Trainer, steps: u64) -> Vec<Event> {
    trainer.allow(steps - trainer.submitted());
    let mut told = Vec::new();
    while trainer.submitted() < steps || !trainer.is_idle() {
        told.extend(trainer.tick(gpu, LONG).unwrap());
        gpu.wait(Duration::from_millis(20));
    }
    told
}

#[test]
fn a_wrapped_device_trains_to_the_same_bits() {
    let Some(own) = any_gpu() else { return };
    let (info, device, queue) = foreign(own);
    let wrapped = Gpu::from_parts(info, device.clone(), queue, None);
    assert_eq!((wrapped.family(), wrapped.is_software()), (own.family(), own.is_software()));
    assert_eq!((wrapped.max_binding(), wrapped.device()), (own.max_binding(), &device));
    let job = Job::new(&settings());
    let [own, wrapped] = [own, &wrapped].map(|gpu| job.run_as(gpu, job.setup.clone(), None, LONG));
    for lane in 0..2 {
        same_bits("on a wrapped device", &wrapped.bits(lane, 0), &own.bits(lane, 0));
    }
}

#[test]
fn a_lost_device_is_told() {
    let Some(own) = any_gpu() else { return };
    let (info, device, queue) = foreign(own);
    let gpu = Gpu::from_parts(info, device.clone(), queue, None);
    let job = Job::new(&settings());
    let mut trainer = job.trainer(&gpu, job.setup.clone(), None);
    trainer.tick(&gpu, LONG).unwrap();
    assert!(!gpu.lost() && gpu.check().is_ok());
    device.destroy();
    let mut told = Ok(Vec::new());
    for _ in 0..100 {
        told = trainer.tick(&gpu, LONG);
        if told.is_err() {
            break;
        }
        gpu.wait(Duration::from_millis(10));
    }
    assert!(told.unwrap_err().to_string().contains("lost"));
    assert!(gpu.lost());
    assert!(gpu.check().unwrap_err().to_string().contains("the device was lost"));
}

#[test]
fn slots_are_where_the_weights_lie() {
    let Some(gpu) = any_gpu() else { return };
    for settings in [settings(), with_batch_norm()] {
        let job = Job::new(&settings);
        let mut trainer = job.trainer(gpu, job.setup.clone(), None);
        assert!(trainer.ascent_slot(1).is_none(), "no step, no ascent");
        reach(gpu, &mut trainer, 4);
        let before = pollster::block_on(trainer.snapshot(gpu)).unwrap();
        assert_eq!((before.step, trainer.submitted()), (4, 4));
        for (lane, state) in before.lanes.iter().enumerate() {
            let slot = read(gpu, &job, trainer.slot(lane));
            assert_eq!(slot, [bits(&state.weights), bits(&state.running)], "lane {lane}");
        }
        reach(gpu, &mut trainer, before.step + 1);
        assert!(trainer.ascent_slot(0).is_none(), "SGD does not climb");
        let [ascent, _] = read(gpu, &job, trainer.ascent_slot(1).unwrap());
        let e = ascent.iter().zip(&before.lanes[1].weights).map(|(a, w)| f64::from(f32::from_bits(*a)) - f64::from(*w));
        let rho = e.map(|e| e * e).sum::<f64>().sqrt();
        assert!((rho - 0.1).abs() < 1e-5, "|e| is {rho}");
    }
}

/// The bits of everything from step `from` on.
fn same_end(what: &str, found: &Story, wanted: &Story, lanes: usize, from: u64) {
    for lane in 0..lanes {
        same_bits(&format!("{what}: lane {lane}"), &found.bits(lane, from), &wanted.bits(lane, from));
    }
}

const KINDS: [&str; 5] = [
    "sgd: optimizer=sgd",
    "sam: optimizer=sam rho=0.1",
    "asam: optimizer=asam p=3 rho=0.5 ascent_steps=2",
    "adamw: optimizer=adamw lr=0.01",
    "clipped: optimizer=sgd clip_norm=1",
];
/// The same kinds with other numbers.
const RETUNED: [&str; 5] = [
    "sgd: optimizer=sgd lr=0.02 momentum=0.5 weight_decay=0.01 schedule=cosine",
    "sam: optimizer=sam rho=0.3 nesterov=true",
    "asam: optimizer=asam p=4 rho=0.2 ascent_steps=2 lr=0.1",
    "adamw: optimizer=adamw lr=0.003 betas=0.8,0.99",
    "clipped: optimizer=sgd clip_norm=0.2",
];

fn optimizers(job: &Job) -> Vec<Optimizer> {
    job.setup.lanes.iter().map(|lane| lane.optimizer.clone()).collect()
}

#[test]
fn settings_change_at_a_step_as_if_the_run_had_been_resumed_there() {
    let Some(gpu) = any_gpu() else { return };
    let [old, new] = [KINDS, RETUNED].map(|lanes| {
        let mut settings = settings();
        settings["lane"] = json!(lanes);
        Job::new(&settings)
    });
    let whole = old.run(gpu);

    // The same numbers again: the same bits.
    let mut trainer = old.trainer(gpu, old.setup.clone(), None);
    reach(gpu, &mut trainer, 12);
    trainer.retune(gpu, &optimizers(&old)).unwrap();
    trainer.allow(u64::MAX);
    same_end("the same numbers", &follow(gpu, &mut trainer, LONG), &whole, 5, 12);

    // Other numbers: what a new trainer makes of the state there.
    let mut trainer = old.trainer(gpu, old.setup.clone(), None);
    reach(gpu, &mut trainer, 12);
    let there = pollster::block_on(trainer.snapshot(gpu)).unwrap();
    assert!(trainer.can_retune(&optimizers(&new)));
    trainer.retune(gpu, &optimizers(&new)).unwrap();
    assert_eq!(trainer.setup().lanes[1].optimizer, new.setup.lanes[1].optimizer);
    trainer.allow(u64::MAX);
    let changed = follow(gpu, &mut trainer, LONG);
    same_end("other numbers", &changed, &new.run_as(gpu, new.setup.clone(), Some(&there), LONG), 5, 12);
    for lane in 0..5 {
        assert_ne!(changed.bits(lane, 12), whole.bits(lane, 12), "lane {lane} did change");
    }
}

/// Steps on their way are told with the numbers that they were made with.
#[test]
fn a_step_is_told_with_its_own_learning_rate() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&settings());
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    trainer.tick(gpu, SHORT).unwrap();
    let mut sent = trainer.submitted();
    while sent == 0 {
        trainer.tick(gpu, SHORT).unwrap();
        sent = trainer.submitted();
    }
    let mut other = optimizers(&job);
    other[1].ascent.rho = 0.7;
    other.iter_mut().for_each(|optimizer| optimizer.schedule.lr = 0.011);
    trainer.retune(gpu, &other).unwrap();
    let story = follow(gpu, &mut trainer, SHORT);
    assert!(story.steps.iter().any(|step| step.step < sent), "some were on their way");
    for step in &story.steps {
        let early = step.step < sent;
        let rho = if step.lane == 0 {
            0.0
        } else if early {
            0.1
        } else {
            0.7
        };
        assert_eq!((step.lr, step.rho), (if early { 0.05 } else { 0.011 }, rho), "{step:?}");
    }
}

#[test]
fn other_kernels_are_not_a_change_of_numbers() {
    let Some(gpu) = any_gpu() else { return };
    let mut settings = settings();
    settings["lane"] = json!(["a: optimizer=sam rho=0.1"]);
    let job = Job::new(&settings);
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    for (lane, fits) in [
        ("optimizer=sam rho=0.2 lr=1 weight_decay=1 schedule=exponential:0.9 warmup=9", true),
        ("optimizer=sam rho=0", false),
        ("optimizer=sgd", false),
        ("optimizer=sam p=3", false),
        ("optimizer=asam", false),
        ("optimizer=sam ascent_steps=2", false),
        ("optimizer=sam base=adam", false),
        ("optimizer=sam clip_norm=1", false),
    ] {
        settings["lane"] = json!([format!("a: {lane}")]);
        let new = optimizers(&Job::new(&settings));
        assert_eq!(trainer.can_retune(&new), fits, "{lane}");
        assert_eq!(trainer.retune(gpu, &new).is_ok(), fits, "{lane}");
    }
    assert!(!trainer.can_retune(&[]) && !trainer.can_retune(&[optimizers(&job), optimizers(&job)].concat()));
}

/// A new trainer goes on from the old one's weights with another batch, m, ascent and base step.
#[test]
fn a_rebuilt_trainer_keeps_the_weights() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&settings());
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    reach(gpu, &mut trainer, 10);
    let there = pollster::block_on(trainer.snapshot(gpu)).unwrap();
    let lanes = |a: &str, b: &str| json!([format!("sgd: optimizer={a}"), format!("sam: optimizer={b}")]);
    for (what, changes, momentum) in [
        ("batch", json!({"batch": 8}), [true, true]),
        ("m", json!({"m": 5}), [true, true]),
        ("labels", json!({"label_noise": 0.0}), [true, true]),
        ("rho 0", json!({"lane": lanes("sgd", "sam rho=0")}), [true, true]),
        ("SGD to SAM", json!({"lane": lanes("sam rho=0.1", "sgd")}), [true, true]),
        ("SGD to AdamW", json!({"lane": lanes("adamw", "sam base=rmsprop")}), [false, false]),
    ] {
        let mut settings = settings();
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let new = Job::new(&settings);
        let start = there.clone().for_setup(&job.setup, &new.setup);
        let mut trainer = new.trainer(gpu, new.setup.clone(), Some(&start));
        assert_eq!(trainer.submitted(), 10);
        let state = pollster::block_on(trainer.snapshot(gpu)).unwrap();
        for (lane, (old, new)) in there.lanes.iter().zip(&state.lanes).enumerate() {
            assert_eq!(bits(&new.weights), bits(&old.weights), "{what}: weights of lane {lane}");
            let zero = new.moments.iter().flatten().all(|moment| *moment == 0.0);
            assert_eq!(
                (new.moments[0] == old.moments[0], zero),
                (momentum[lane], !momentum[lane]),
                "{what}: lane {lane}"
            );
        }
        let story = follow(gpu, &mut trainer, LONG);
        assert_eq!((story.end().step, story.steps[0].step), (30, 10), "{what}");
        assert!(story.steps.iter().all(|step| step.loss.is_finite()), "{what}");
        assert_ne!(story.end().lanes[0].weights, there.lanes[0].weights, "{what}: it trains");
    }
}

/// Adam's first step after it took over is as long as its very first step: lr in each direction, since its moments start at
/// zero there.
#[test]
fn adam_counts_from_where_it_took_over() {
    let Some(gpu) = any_gpu() else { return };
    let with = |lane: &str| {
        let mut settings = settings();
        settings["lane"] = json!([lane]);
        Job::new(&settings)
    };
    let (old, new) = (with("a: optimizer=sgd"), with("a: optimizer=adam lr=0.01"));
    let mut trainer = old.trainer(gpu, old.setup.clone(), None);
    reach(gpu, &mut trainer, 10);
    let there = pollster::block_on(trainer.snapshot(gpu)).unwrap().for_setup(&old.setup, &new.setup);
    let mut trainer = new.trainer(gpu, new.setup.clone(), Some(&there));
    reach(gpu, &mut trainer, 11);
    let after = pollster::block_on(trainer.snapshot(gpu)).unwrap();
    let moved = after.lanes[0].weights.iter().zip(&there.lanes[0].weights).map(|(a, b)| (a - b).abs());
    let most = moved.fold(0.0, f32::max);
    assert!((most - 0.01).abs() < 1e-4, "{most}");
}

#[test]
fn examples_change_as_if_the_run_had_been_resumed_there() {
    let Some(gpu) = any_gpu() else { return };
    // Several batches of an evaluation.
    let mut many = settings();
    many["data_size"] = 1200.into();
    let [job, mut moved] = [&many, &many].map(Job::new);
    let Inputs::Floats(values) = &mut moved.data.train.inputs else { panic!("points are floats") };
    values[..2].copy_from_slice(&[3.0, -2.0]);
    moved.data.train.labels[0] = 1 - moved.data.train.labels[0];
    moved.data.train.labels[5] = 1 - moved.data.train.labels[5];

    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    reach(gpu, &mut trainer, 12);
    let there = pollster::block_on(trainer.snapshot(gpu)).unwrap();
    assert!(trainer.set_data(gpu, &moved.data));
    trainer.allow(u64::MAX);
    let story = follow(gpu, &mut trainer, LONG);
    let wanted = moved.run_as(gpu, moved.setup.clone(), Some(&there), LONG);
    same_end("moved points", &story, &wanted, 2, 12);
    assert_ne!(story.bits(0, 12), job.run(gpu).bits(0, 12));

    // Whatever part of the evaluation at step 0 was under way begins again.
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    trainer.allow(0);
    trainer.tick(gpu, SHORT).unwrap();
    assert!(!trainer.is_idle() && trainer.set_data(gpu, &moved.data));
    trainer.allow(u64::MAX);
    let story = follow(gpu, &mut trainer, SHORT);
    let whole = moved.run(gpu);
    same_end("moved at once", &story, &whole, 2, 0);
    let at_start = |story: &Story| {
        let at_start = story.evaluations.iter().filter(|e| e.step == 0 && e.part == Part::Train);
        at_start.map(|e| (e.lane, e.loss.to_bits())).collect::<Vec<_>>()
    };
    assert_eq!(at_start(&story), at_start(&whole));

    many["data_size"] = 1201.into();
    assert!(!trainer.set_data(gpu, &Job::new(&many).data), "another size takes another plan");
    assert!(!trainer.set_data(gpu, &Job::new(&with_batch_norm()).data), "other examples, too");
}

#[test]
fn a_trainer_rests_steps_and_looks_when_told_to() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&settings());
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    let told = reach(gpu, &mut trainer, 3);
    assert_eq!(told.iter().filter(|event| matches!(event, Event::Step(_))).count(), 2 * 3);
    trainer.evaluate_soon();
    trainer.evaluate_soon();
    trainer.checkpoint_soon();
    let told = reach(gpu, &mut trainer, 3);
    let evaluations: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::Evaluation(e) if e.part == Part::Test => Some((e.lane, e.step)),
            _ => None,
        })
        .collect();
    assert_eq!(evaluations, [(0, 3), (1, 3)], "asked twice, told once");
    assert!(told.iter().any(|event| matches!(event, Event::Checkpoint(snapshot) if snapshot.step == 3)));
    assert!(!told.iter().any(|event| matches!(event, Event::Finished)) && !trainer.is_finished());
    assert_eq!(reach(gpu, &mut trainer, 4).len(), 2, "a single step of two lanes");
    trainer.allow(u64::MAX);
    let story = follow(gpu, &mut trainer, LONG);
    same_end("after a rest", &story, &job.run(gpu), 2, 4);
    let mut trainer = job.trainer(gpu, job.setup.clone(), None);
    reach(gpu, &mut trainer, 2);
    trainer.stop();
    trainer.tick(gpu, LONG).unwrap();
    assert!(trainer.is_finished(), "a stop ends a rest, too");
}

#[test]
fn a_step_that_is_timed_is_a_step_like_others() {
    let Some(gpu) = any_gpu() else { return };
    let mut settings = settings();
    settings["log_every"] = json!(3);
    let job = Job::new(&settings);
    let mut plain = job.trainer(gpu, job.setup.clone(), None);
    reach(gpu, &mut plain, 20);
    let mut timed = job.trainer(gpu, job.setup.clone(), None);
    if !timed.profile(gpu) {
        assert!(!gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY));
        return;
    }
    let mut timings = None;
    while timed.submitted() < 20 || !timed.is_idle() {
        timed.allow(20 - timed.submitted());
        timed.tick(gpu, SHORT).unwrap();
        gpu.wait(Duration::from_millis(20));
        timings = timings.or(timed.take_profile(gpu).unwrap());
    }
    for lane in 0..2 {
        assert_eq!(read(gpu, &job, plain.slot(lane)), read(gpu, &job, timed.slot(lane)));
    }
    let timings = timings.unwrap();
    for part in ["data", "forward", "backward", "ascend", "update"] {
        let seconds: f64 = timings.iter().filter(|timing| timing.part == part).map(|timing| timing.seconds).sum();
        assert!(seconds > 0.0 && seconds < 1.0, "{part} takes {seconds} s");
    }
}
