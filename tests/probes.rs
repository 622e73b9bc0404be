//! Probes against values recorded from PyTorch in float64, against evaluation, and against what theory says of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::bench::SurfaceBench;
use lowland::config::Activation;
use lowland::data::{Dataset, Shape};
use lowland::gpu::{Family, Gpu};
use lowland::model::{BatchNorm, Dense, Flatten, Model, Style};
use lowland::probe::{
    Axes, Curve, Examples, Interpolation, Normalisation, SharpnessOptions, Side, Statistics, Subject, Surface,
    SurfaceOptions, ValleyDirection, ValleyOptions,
};
use lowland::train::{Evaluator, LaneState};
use lowland_tests::fixture::Fixture;
use lowland_tests::{FAMILIES, any_gpu, gpu};
use serde_json::Value;

/// Losses of at most 1,300 examples in f32, relative.
const LOSS: f64 = 2e-5;
/// Sharpness is a small difference of losses; relative.
const SHARPNESS: f64 = 1e-3;

const RECORDED: [&str; 3] = ["probe-mlp-relu", "probe-mlp-tanh", "probe-cnn"];

fn model(fixture: &Fixture, data: &Dataset) -> Model {
    let text = |key: &str| fixture.network[key].as_str().unwrap();
    let activation = if text("activation") == "tanh" { Activation::Tanh } else { Activation::Relu };
    Model::parse(text("model"), data.shape, data.classes, style(activation)).unwrap()
}

fn style(activation: Activation) -> Style {
    Style { activation, norm: None, dropout: 0.0 }
}

fn near(what: &str, found: f64, wanted: f64, relative: f64) {
    let off = (found - wanted).abs() / wanted.abs();
    assert!(off <= relative, "{what}: {found}, PyTorch has {wanted}, off by {off:.1e}, allowed {relative:.0e}");
}

fn silent(_: usize, _: usize) {}

fn subject<'a>(gpu: &'a Gpu, model: &'a Model, data: &'a Dataset) -> Subject<'a> {
    Subject { gpu, model, data, examples: Examples::Train }
}

#[test]
fn sharpness_is_that_of_pytorch() {
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        for name in RECORDED.iter().filter(|name| family == Family::Register || **name == "probe-cnn") {
            let fixture = Fixture::read(name);
            let data = fixture.data();
            let model = model(&fixture, &data);
            let state = fixture.state(&model, "a");
            let mut worst: f64 = 0.0;
            for (i, case) in fixture.sharpness.iter().enumerate() {
                let number = |key: &str| case[key].as_f64().unwrap_or(f64::INFINITY);
                let options = SharpnessOptions {
                    rho: number("rho"),
                    p: number("p"),
                    ascent_steps: number("ascent_steps") as u32,
                    m: Some(number("m") as usize).filter(|m| *m > 0),
                    ..Default::default()
                };
                let subject = subject(gpu, &model, &data);
                let found = pollster::block_on(options.measure(&subject, &state, &mut silent)).unwrap();
                let recorded = |key: &str| fixture.values(&format!("sharpness/{i}/{key}"))[0];
                let what = format!("{name} {family:?} {case}");
                near(&format!("{what} loss"), found.loss, recorded("loss"), LOSS);
                let wanted = recorded("sam_loss") - recorded("loss");
                near(&format!("{what} sharpness"), found.sharpness, wanted, SHARPNESS);
                worst = worst.max((found.sharpness / wanted - 1.0).abs());
            }
            println!("{name} {family:?}: sharpness off by at most {worst:.1e}");
        }
    }
}

#[test]
fn lines_and_planes_are_those_of_pytorch() {
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        for name in RECORDED.iter().filter(|name| family == Family::Register || **name == "probe-cnn") {
            let fixture = Fixture::read(name);
            let data = fixture.data();
            let model = model(&fixture, &data);
            let [a, b, c] = ["a", "b", "c"].map(|prefix| fixture.state(&model, prefix));
            let subject = subject(gpu, &model, &data);
            for statistics in [Statistics::Recompute, Statistics::Interpolate] {
                let key = if statistics == Statistics::Recompute { "recompute" } else { "interpolate" };
                let line = Interpolation { from: -0.5, to: 1.5, points: 9, statistics };
                let found = pollster::block_on(line.measure(&subject, &a, &b, &mut silent)).unwrap();
                let mut compared = 0;
                for row in &found.rows {
                    let place = fixture.values("line/alpha").iter().position(|alpha| *alpha == row.alpha);
                    let Some(place) = place else { continue };
                    compared += 1;
                    let recorded = |part: &str| fixture.values(&format!("line/{key}/{part}"))[place];
                    let what = format!("{name} {family:?} {key} at {}", row.alpha);
                    near(&what, row.loss.into(), recorded("loss"), LOSS);
                    near(&what, row.accuracy.into(), recorded("accuracy"), 1.01 / data.train.len() as f64);
                    assert_eq!((row.loss, row.accuracy), (row.train_loss, row.train_accuracy), "{what}");
                    assert_eq!(row.train_loss, row.test_loss, "the fixtures test on what they train on");
                }
                assert_eq!(compared, 7);
            }
            let options = SurfaceOptions { grid: 3, range: 0.25, statistics: Statistics::Recompute };
            let surface = pollster::block_on(options.through(&subject, [&a, &b, &c], &mut silent)).unwrap();
            for (place, wanted) in fixture.values("plane/loss").iter().enumerate().take(2) {
                near(&format!("{name} corner {place}"), surface.points[place].loss.into(), *wanted, LOSS);
            }
            let wide = fixture.values("plane/x")[1];
            near(&format!("{name} distance"), surface.points[1].x, wide, 1e-6);
            for point in &surface.points {
                let inside = |at: f64, places: &[f64]| places[0] < at && at < places[places.len() - 1];
                assert!(inside(point.x, &surface.x) && inside(point.y, &surface.y), "{point:?} is on the picture");
            }
        }
    }
}

/// A network, its data and some weights with running statistics.
fn given(model: &str) -> (Model, Dataset, LaneState) {
    let fixture = Fixture::read("probe-cnn");
    let data = fixture.data();
    let model = Model::parse(model, data.shape, data.classes, style(Activation::Relu)).unwrap();
    let mut rng = lowland::rng::Rng::new(5, lowland::rng::Stream::Data, 3);
    let mut weights = vec![0.0; model.parameter_floats()];
    for tensor in model.parameters() {
        let scale = if tensor.kind.shape().len() > 1 { 0.3 } else { 0.1 };
        let values: Vec<f32> = (0..tensor.kind.len()).map(|_| scale * rng.normal()).collect();
        tensor.pack(&values, &mut weights);
    }
    let mut running = vec![0.0; model.running_floats()];
    for tensor in model.running() {
        tensor.pack(&vec![0.7; tensor.kind.len()], &mut running);
    }
    (model, data, LaneState { weights, running, moments: Vec::new() })
}

fn random(gpu: &Gpu, model: &Model, data: &Dataset, state: &LaneState, grid: usize) -> Surface {
    let options = SurfaceOptions { grid, range: 0.8, statistics: Statistics::Interpolate };
    pollster::block_on(options.random(&subject(gpu, model, data), state, 3, &mut silent)).unwrap()
}

#[test]
fn middle_and_ends_are_what_an_evaluation_measures() {
    let Some(gpu) = any_gpu() else { return };
    // The first layer of the second one is dense: its outputs are sums of outputs.
    for name in ["cnn:6,8", "mlp:12,9"] {
        middle_and_ends(gpu, name);
    }
}

fn middle_and_ends(gpu: &Gpu, name: &str) {
    let (model, data, state) = given(name);
    let other = LaneState { weights: state.weights.iter().map(|w| 0.5 * w).collect(), ..state.clone() };
    let evaluate = |state: &LaneState| {
        let evaluator = pollster::block_on(Evaluator::new(gpu, &model, &data, state)).unwrap();
        pollster::block_on(evaluator.train(gpu)).unwrap()[0]
    };
    let (here, there) = (evaluate(&state), evaluate(&other));
    let surface = random(gpu, &model, &data, &state, 5);
    assert_eq!((surface.loss[2][2], surface.accuracy[2][2]), (here.loss, here.accuracy));
    assert_eq!((surface.points[0].loss, surface.points[0].accuracy), (here.loss, here.accuracy));
    assert!(surface.loss.iter().flatten().any(|loss| *loss != here.loss));

    let line = Interpolation { from: 0.0, to: 1.0, points: 4, statistics: Statistics::Interpolate };
    for path in [Curve::Straight, Curve::Curved] {
        let subject = subject(gpu, &model, &data);
        let measured = pollster::block_on(line.along(path, &subject, [&state, &other], &mut silent)).unwrap();
        assert_eq!((measured.rows[0].loss, measured.rows[3].loss), (here.loss, there.loss));
        let barrier = measured.barrier.unwrap();
        let chord = |alpha: f64| (1.0 - alpha) * f64::from(here.loss) + alpha * f64::from(there.loss);
        let above = |i: usize| f64::from(measured.rows[i].loss) - chord(measured.rows[i].alpha);
        // The last bit of an f64 is the compiler's.
        assert!((barrier.loss.unwrap() - above(1).max(above(2)).max(0.0)).abs() < 1e-12);
    }
}

/// A network that begins with a layer that only moves values about, and has a norm behind its first dense layer.
fn odd_network(inputs: Shape, wide: usize) -> Model {
    let dense = |outputs, activation| Dense { outputs, activation, gain: 1.0 };
    Model::new("odd", inputs, 3)
        .with("flatten", Flatten)
        .and_then(|model| model.with("first", dense(wide, None)))
        .and_then(|model| model.with("norm", BatchNorm { activation: Some(Activation::Tanh) }))
        .and_then(|model| model.with("second", dense(7, Some(Activation::Gelu))))
        .and_then(|model| model.with("head", dense(3, None)))
        .unwrap()
}

#[test]
fn a_surface_by_the_linearity_of_the_first_layer_is_the_same_surface() {
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        let inputs = Shape { channels: 2, height: 4, width: 5 };
        let parse = |name: &str, activation| Model::parse(name, inputs, 3, style(activation)).unwrap();
        let cases = [
            (parse("mlp:20,9", Activation::Relu), 260, true),
            (parse("mlp:18", Activation::Gelu), 40, true),
            (odd_network(inputs, 13), 60, true),
            (parse("cnn:5,6", Activation::Relu), 20, false),
        ];
        for (model, examples, linear) in &cases {
            let time =
                pollster::block_on(SurfaceBench { examples: *examples, grid: 3, repeat: 1 }.run(gpu, model, || None));
            let time = time.unwrap();
            let what = format!("{} on {family:?}: {time:?}", model.name());
            assert_eq!(time.linear, *linear, "{what}");
            assert!(time.difference <= if *linear { 2e-6 } else { 0.0 }, "{what}");
        }
    }
}

#[test]
fn outputs_that_have_no_room_at_once_are_computed_in_turn() {
    let Some(gpu) = any_gpu() else { return };
    // 12288 outputs of 250 examples under three sources take 37 MB; there is room for one such batch.
    let inputs = Shape { channels: 16, height: 1, width: 1 };
    let model = Model::parse("mlp:12288", inputs, 2, style(Activation::Relu)).unwrap();
    let time =
        pollster::block_on(SurfaceBench { examples: 251, grid: 3, repeat: 1 }.run(gpu, &model, || None)).unwrap();
    assert!(time.linear && time.difference <= 2e-6, "{time:?}");
}

#[test]
fn a_valley_is_what_a_line_measures() {
    let Some(gpu) = any_gpu() else { return };
    let (model, data, state) = given("mlp:12,9");
    let other = LaneState { weights: state.weights.iter().map(|w| 0.5 * w).collect(), ..state.clone() };
    let subject = subject(gpu, &model, &data);
    let options = ValleyOptions { reach: 2.0, zeta: 0.5, points: 9, statistics: Statistics::Recompute };
    let measure = |direction: ValleyDirection<'_>| {
        pollster::block_on(options.measure(&subject, &state, direction, &mut |_, _| ()))
    };
    let to = measure(ValleyDirection::To(&other)).unwrap();
    let line = Interpolation { from: -2.0, to: 2.0, points: 9, statistics: Statistics::Recompute };
    let line = pollster::block_on(line.measure(&subject, &state, &other, &mut silent)).unwrap();
    assert!(
        to.rows.iter().zip(&line.rows).all(|(a, b)| (a.alpha, a.loss, a.test_loss) == (b.alpha, b.loss, b.test_loss))
    );
    let long: f64 = state.weights.iter().map(|w| f64::from(0.5 * w).powi(2)).sum::<f64>().sqrt();
    near("its direction", to.direction_norm, long, 1e-6);
    let flat = if to.rows[8].loss <= to.rows[0].loss { Side::Forward } else { Side::Backward };
    assert_eq!(to.asymmetry.flat, flat);

    let random = measure(ValleyDirection::Positive { seed: 1 }).unwrap();
    assert_eq!((random.rows[4].loss, random.rows[4].distance), (to.rows[4].loss, 0.0));
    assert!(measure(ValleyDirection::To(&state)).unwrap_err().is_input());
}

#[test]
fn a_filter_normalised_surface_does_not_see_a_rescaled_network() {
    let Some(gpu) = any_gpu() else { return };
    let (model, data, state) = given("mlp:12,9");
    let mut scaled = state.clone();
    // A ReLU layer times 8, the next one by 8: the same function of its inputs.
    for tensor in model.parameters() {
        let factor = match tensor.name.as_str() {
            "layers.0.weight" | "layers.0.bias" => 8.0,
            "layers.1.weight" => 0.125,
            _ => 1.0,
        };
        let values: Vec<f32> = tensor.unpack(&state.weights).iter().map(|w| factor * w).collect();
        tensor.pack(&values, &mut scaled.weights);
    }
    let (one, other) = (random(gpu, &model, &data, &state, 5), random(gpu, &model, &data, &scaled, 5));
    let losses = one.loss.iter().flatten().zip(other.loss.iter().flatten());
    for (one, other) in losses {
        near("a rescaled network", (*other).into(), (*one).into(), 1e-5);
    }
    // So is one of layers' lengths; a direction that is not fitted to the weights does see it.
    for (normalisation, sees) in [(Normalisation::Layer, false), (Normalisation::None, true)] {
        let range = if sees { 3.0 } else { 0.8 };
        let options = SurfaceOptions { grid: 3, range, statistics: Statistics::Interpolate };
        let [one, other] = [&state, &scaled].map(|state| {
            let axes = Axes::random(&model, state, normalisation, 3);
            let subject = subject(gpu, &model, &data);
            pollster::block_on(options.along(&subject, state, &axes, &mut silent)).unwrap()
        });
        let pairs = one.loss.iter().flatten().zip(other.loss.iter().flatten());
        let most = pairs.map(|(one, other)| (other / one - 1.0).abs()).fold(0.0, f32::max);
        assert!(if sees { most > 0.05 } else { most < 1e-5 }, "{normalisation:?}: losses differ by {most}");
        assert_eq!(one.unit, if sees { "weights" } else { "layer" });
    }
    // Sharpness does see it, too.
    let options = SharpnessOptions::default();
    let [one, other] = [&state, &scaled].map(|state| {
        let subject = subject(gpu, &model, &data);
        pollster::block_on(options.measure(&subject, state, &mut silent)).unwrap().sharpness
    });
    assert!((one / other - 1.0).abs() > 0.1, "{one} and {other}");
}

#[test]
fn what_is_not_finite_is_counted_and_spoils_no_neighbour() {
    let Some(gpu) = any_gpu() else { return };
    let (model, data, state) = given("cnn:6,8");
    let subject = subject(gpu, &model, &data);
    let options = SurfaceOptions { grid: 5, range: 1e6, statistics: Statistics::Interpolate };
    let mut huge = state.clone();
    // Only the last layer: an activation may well make a 0 of a NaN.
    for tensor in model.parameters().iter().filter(|tensor| tensor.name == "head.weight") {
        let values: Vec<f32> = tensor.unpack(&state.weights).iter().map(|w| 1e36 * w).collect();
        tensor.pack(&values, &mut huge.weights);
    }
    let surface = pollster::block_on(options.random(&subject, &huge, 0, &mut silent)).unwrap();
    let lost = surface.loss.iter().flatten().filter(|loss| !loss.is_finite()).count();
    assert_eq!(surface.non_finite, lost);
    assert!(lost > 0, "{:?}", surface.loss);
    let document = serde_json::to_value(&surface).unwrap();
    assert!(document["loss"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap()).any(Value::is_null));
    // Sane weights before and after infinite ones, as lanes of one sampler.
    let mut broken = state.clone();
    broken.weights.iter_mut().for_each(|w| *w = f32::INFINITY);
    let line = Interpolation { from: -1.0, to: 1.0, points: 3, statistics: Statistics::Recompute };
    let rows = pollster::block_on(line.measure(&subject, &state, &broken, &mut silent)).unwrap().rows;
    assert!(rows[1].loss.is_finite() && !rows[2].loss.is_finite(), "{rows:?}");
}
