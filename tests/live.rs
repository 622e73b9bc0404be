//! What an app does with a trainer while it trains: a device of its own, weights where they lie, settings that change.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lowland::gpu::Gpu;
use lowland::train::{Event, Slot, Trainer};
use lowland_tests::any_gpu;
use lowland_tests::training::{Job, LONG, bits, same_bits};
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
