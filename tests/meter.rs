//! The live meter against the probes that measure the same at rest.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::config::Activation;
use lowland::gpu::Gpu;
use lowland::model::{Model, Style};
use lowland::probe::{Adaptive, Curvature, Examples, HessianOptions, Meter, Reading, SharpnessOptions, Subject};
use lowland::train::Slot;
use lowland_tests::any_gpu;
use lowland_tests::fixture::Fixture;

/// Advances until the reading has come back; how often that took.
fn read(gpu: &Gpu, meter: &mut Meter, slots: &[Slot<'_>], radii: &[[f32; 2]]) -> (Vec<Reading>, usize) {
    assert!(meter.begin(gpu, slots, radii).unwrap());
    assert!(!meter.begin(gpu, slots, radii).unwrap(), "one reading at a time");
    let mut before = 0.0;
    for frame in 1..100_000 {
        meter.advance(gpu, 3).unwrap();
        let progress = meter.progress();
        assert!(progress >= before && progress <= 1.0, "{progress} after {before}");
        before = progress;
        if let Some(reading) = meter.take(gpu).unwrap() {
            assert!(!meter.is_reading() && meter.take(gpu).unwrap().is_none(), "told once");
            return (reading, frame);
        }
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
    panic!("the reading never came");
}

#[test]
fn a_meter_reads_what_probes_measure() {
    let Some(gpu) = any_gpu() else { return };
    for (name, activation) in [("probe-mlp-relu", Activation::Relu), ("probe-cnn", Activation::Relu)] {
        let fixture = Fixture::read(name);
        let data = fixture.data();
        let style = Style { activation, norm: None, dropout: 0.0 };
        let model = Model::parse(fixture.network["model"].as_str().unwrap(), data.shape, data.classes, style).unwrap();
        let states = ["a", "b"].map(|key| fixture.state(&model, key));
        let limit = 200;
        let some = data.thinned(limit, 0);
        let subject = Subject { gpu, model: &model, data: &some, examples: Examples::Train };
        // Where the weights lie meanwhile.
        let source = pollster::block_on(Curvature::new(&subject, &[&states[0], &states[1]])).unwrap();
        let slots = [source.slot(0), source.slot(1)];
        let mut meter = pollster::block_on(Meter::new(gpu, &model, &data, limit, 2)).unwrap();
        assert_eq!((meter.examples(), meter.lanes()), (limit, 2));
        let bytes = meter.bytes();
        let radii = [[0.05, 0.02], [0.2, 0.1]];
        let (readings, frames) = read(gpu, &mut meter, &slots, &radii);
        assert!(frames >= 9, "27 slices, 3 a frame: {frames}");
        for ((state, reading), radii) in states.iter().zip(&readings).zip(radii) {
            let near = |what: &str, found: f64, wanted: f64, part: f64| {
                assert!((found - wanted).abs() <= part * wanted.abs(), "{name} {what}: {found} is {wanted}");
            };
            let options = HessianOptions { top: 1, trace_probes: 0, ..HessianOptions::default() };
            let hessian = pollster::block_on(options.measure(&subject, state, &mut |_, _| {})).unwrap();
            near("lambda_1", reading.lambda_1, hessian.eigenvalues[0], 5e-3);
            assert!(reading.lambda_1 <= hessian.eigenvalues[0] * (1.0 + 1e-4), "from below");
            assert!(reading.residual < 0.2 * reading.lambda_1 && reading.lambda_min < 0.0);
            for (adaptive, rho, found) in [
                (None, radii[0], reading.sam_sharpness),
                (Some(Adaptive { eta: 0.0, everywhere: true }), radii[1], reading.adaptive_sharpness),
            ] {
                let options = SharpnessOptions { rho: rho.into(), adaptive, ..SharpnessOptions::default() };
                let wanted = pollster::block_on(options.measure(&subject, state, &mut |_, _| {})).unwrap();
                near("sharpness", found, wanted.sharpness, 2e-3);
                near("loss", reading.loss, wanted.loss, 1e-5);
                near("gradient", reading.grad_norm, wanted.grad_norm, 1e-4);
            }
        }
        // The same again, and with the lanes the other way round.
        assert_eq!(read(gpu, &mut meter, &slots, &[[0.05, 0.02], [0.2, 0.1]]).0, readings);
        let turned = read(gpu, &mut meter, &[source.slot(1), source.slot(0)], &[[0.2, 0.1], [0.05, 0.02]]).0;
        assert_eq!(turned, [readings[1], readings[0]]);
        assert_eq!(meter.bytes(), bytes);
        assert!(meter.begin(gpu, &slots[..1], &[[0.1, 0.1]]).unwrap_err().is_input());
    }
}
