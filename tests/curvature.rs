//! Products with the Hessian and the Gauss-Newton matrix of whole networks against their f64 twins, and what theory says of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::config::{Activation, Norm};
use lowland::data::{Dataset, Inputs, Scaling, Shape, Split};
use lowland::gpu::{Family, Gpu};
use lowland::model::{Model, Style};
use lowland::probe::{Curvature, Examples, Product, Subject};
use lowland::rng::{Rng, Stream};
use lowland::train::LaneState;
use lowland_reference::batch_norm::Statistics;
use lowland_reference::conv::Conv;
use lowland_reference::network::{Layer, Mode};
use lowland_reference::pool::{AvgPool, MaxPool};
use lowland_reference::{Network, Tensor};
use lowland_tests::compare::{Tolerance, check, near};
use lowland_tests::layer::{draw, uniform};
use lowland_tests::{FAMILIES, any_gpu, gpu, twin};
use serde_json::json;

/// Of the largest entry of a product: some twenty f32 operations one after the other, each a sum of some hundred products.
const PRODUCT: f64 = 2e-5;

/// A network, its twin, examples and two lanes of weights and directions.
struct Case {
    name: String,
    model: Model,
    network: Network,
    data: Dataset,
    x: Tensor,
    labels: Vec<usize>,
    states: Vec<LaneState>,
    directions: Vec<f32>,
}

const POINTS: Shape = Shape { channels: 2, height: 1, width: 1 };
const IMAGES: Shape = Shape { channels: 3, height: 6, width: 5 };
const CLASSES: usize = 3;

impl Case {
    fn new(name: &str, model: Model, network: Network, shape: Shape, examples: usize) -> Self {
        let rng = &mut Rng::new(11, Stream::Data, examples as u32);
        let x = draw(rng, &[examples, shape.channels, shape.height, shape.width], |rng| 2.0 * uniform(rng));
        let labels: Vec<usize> = (0..examples).map(|_| rng.below(CLASSES as u32) as usize).collect();
        let split = Split {
            inputs: Inputs::Floats(x.to_f32()),
            labels: labels.iter().map(|label| *label as u16).collect(),
            flipped: Vec::new(),
        };
        let scaling = Scaling { mean: vec![0.0; shape.channels], std: vec![1.0; shape.channels] };
        let data = Dataset {
            name: "drawn".into(),
            shape,
            classes: CLASSES,
            train: split.clone(),
            val: None,
            test: split,
            scaling,
        };
        let mut arena = |tensors: &[lowland::model::Tensor], floats: usize, low: f32| {
            let mut arena = vec![0.0; floats];
            for tensor in tensors {
                let count = tensor.kind.len();
                // Weights as wide as an initialisation has them.
                let wide = if tensor.name.ends_with("weight") { 1.8 / (count as f32).powf(0.25) } else { 0.5 };
                let values: Vec<f32> = (0..count).map(|_| low + wide * uniform(rng)).collect();
                tensor.pack(&values, &mut arena);
            }
            arena
        };
        let (weights, running) = (model.parameter_floats(), model.running_floats());
        let states = (0..2).map(|_| LaneState {
            weights: arena(model.parameters(), weights, 0.0),
            running: arena(model.running(), running, 1.0),
            moments: Vec::new(),
        });
        let states = states.collect();
        let directions = (0..2).flat_map(|_| arena(model.parameters(), weights, 0.0)).collect();
        Self { name: name.into(), model, network, data, x, labels, states, directions }
    }

    fn tensors(&self, arena: &[f32]) -> Vec<Tensor> {
        let tensor = |t: &lowland::model::Tensor| Tensor::from_f32(&t.kind.shape(), &t.unpack(arena));
        self.model.parameters().iter().map(tensor).collect()
    }

    fn statistics(&self, lane: usize) -> Vec<Statistics> {
        let unpack =
            |t: &lowland::model::Tensor| t.unpack(&self.states[lane].running).into_iter().map(f64::from).collect();
        self.model.running().chunks(2).map(|t| Statistics { mean: unpack(&t[0]), variance: unpack(&t[1]) }).collect()
    }

    fn subject<'a>(&'a self, gpu: &'a Gpu) -> Subject<'a> {
        Subject { gpu, model: &self.model, data: &self.data, examples: Examples::Train }
    }

    /// The twin's product of `lane`.
    fn twin(&self, product: Product, lane: usize) -> Vec<f64> {
        let floats = self.model.parameter_floats();
        let parameters = self.tensors(&self.states[lane].weights);
        let direction = self.tensors(&self.directions[lane * floats..(lane + 1) * floats]);
        let statistics = self.statistics(lane);
        let mode = Mode::Inference(&statistics);
        let found = match product {
            Product::Hessian => self.network.hessian_vector(&parameters, &direction, &self.x, &self.labels, mode, 0.0),
            Product::GaussNewton => self.network.gauss_newton_vector(&parameters, &direction, &self.x, mode),
        };
        found.into_iter().flat_map(|tensor| tensor.data).collect()
    }

    /// Checks the products of both lanes against the twins'.
    fn check(&self, gpu: &Gpu, curvature: &Curvature, how: &str) -> Vec<Vec<f32>> {
        let floats = self.model.parameter_floats();
        let products = [Product::Hessian, Product::GaussNewton, Product::Hessian];
        let each = products.map(|product| {
            let found = pollster::block_on(curvature.product(gpu, product, &self.directions)).unwrap();
            for (lane, arena) in found.chunks(floats).enumerate() {
                let wanted = self.twin(product, lane);
                let largest = wanted.iter().fold(0.0f64, |most, value| most.max(value.abs()));
                assert!(largest > 1e-3, "{}: nothing to measure", self.name);
                let own: Vec<u32> = self.tensors(arena).iter().flat_map(Tensor::to_f32).map(f32::to_bits).collect();
                let tolerance = Tolerance { absolute: PRODUCT * largest, relative: PRODUCT };
                let what = format!("{product:?} of {} in {how}, lane {lane}, {:?}", self.name, gpu.family());
                check(&what, &own, &near(&wanted), tolerance);
                let padding = arena.iter().filter(|value| **value != 0.0).count();
                assert!(padding <= wanted.len(), "{what}: padding is not zero");
            }
            found
        });
        assert_eq!(each[0], each[2], "{} in {how}: products in between change it", self.name);
        each.into()
    }
}

fn style(activation: Activation) -> Style {
    Style { activation, norm: Some(Norm::None), dropout: 0.0 }
}

fn mlp(activation: Activation, examples: usize) -> Case {
    let model = Model::parse("mlp:9,6", POINTS, CLASSES, style(activation)).unwrap();
    let network = Network::mlp(2, &[9, 6], CLASSES, twin(activation), false);
    Case::new(&format!("mlp {activation:?}"), model, network, POINTS, examples)
}

fn cnn(activation: Activation) -> Case {
    let model = Model::parse("cnn:5,8", IMAGES, CLASSES, style(activation)).unwrap();
    // Without norm the engine's convolutions have a bias no more than with it.
    let network = Network::cnn(3, &[5, 8], CLASSES, twin(activation), false);
    Case::new(&format!("cnn {activation:?}"), model, network, IMAGES, 7)
}

/// Batch norm behind dense layers, whose running statistics are constants.
fn normed(name: &str, activation: Activation) -> Case {
    let style = Style { activation, norm: Some(Norm::Batch), dropout: 0.0 };
    let (shape, sizes) = if name.starts_with("mlp") { (POINTS, [9, 6]) } else { (IMAGES, [5, 8]) };
    let network = match name {
        "mlp:9,6" => Network::mlp(2, &sizes, CLASSES, twin(activation), true),
        _ => Network::cnn(3, &sizes, CLASSES, twin(activation), true),
    };
    let model = Model::parse(name, shape, CLASSES, style).unwrap();
    Case::new(&format!("{name} {activation:?} with batch norm"), model, network, shape, 7)
}

/// All kinds of layers without norms: strides and a bias, overlapping pools of both kinds, two additions of one edge whose
/// activation bends, one of an edge whose activation has a kink, dropout (idle in inference mode), flatten.
fn list() -> Case {
    let text = json!({"layers": [
        {"type": "conv", "outputs": 6, "kernel": 3, "padding": 1},
        {"type": "activation", "function": "gelu"},
        {"type": "avg_pool", "kernel": 2, "stride": 1},
        {"type": "conv", "outputs": 6, "kernel": 3, "padding": 1, "bias": false},
        {"type": "activation", "function": "tanh"},
        {"type": "conv", "outputs": 6, "kernel": 3, "padding": 1},
        {"type": "add", "from": "layers.4"},
        {"type": "activation", "function": "silu"},
        {"type": "add", "from": "layers.4"},
        {"type": "activation", "function": "relu"},
        {"type": "dropout", "p": 0.3},
        {"type": "add", "from": "layers.9"},
        {"type": "max_pool", "kernel": 2, "stride": 1},
        {"type": "flatten"},
        {"type": "dense", "outputs": 8},
        {"type": "activation", "function": "leaky-relu"},
        {"type": "dense", "outputs": "classes"},
    ]});
    let plain = Style { norm: None, ..style(Activation::Relu) };
    let model = Model::parse(&text.to_string(), IMAGES, CLASSES, plain).unwrap();
    let name = |index: usize| format!("layers.{index}");
    let conv = |index, inputs, bias| {
        let conv = Conv { stride: 1, padding: 1 };
        Layer::Conv { name: name(index), inputs, outputs: 6, kernel: 3, conv, bias }
    };
    let act = |activation| Layer::Activation(twin(activation));
    let layers = vec![
        conv(0, 3, true),
        act(Activation::Gelu),
        Layer::AvgPool(AvgPool { kernel: 2, stride: 1 }),
        conv(3, 6, false),
        act(Activation::Tanh),
        conv(5, 6, true),
        Layer::Add { from: 4 },
        act(Activation::Silu),
        Layer::Add { from: 4 },
        act(Activation::Relu),
        Layer::Add { from: 9 },
        Layer::MaxPool(MaxPool { kernel: 2, stride: 1 }),
        Layer::Flatten,
        Layer::Dense { name: name(14), inputs: 6 * 4 * 3, outputs: 8 },
        act(Activation::LeakyRelu),
        Layer::Dense { name: name(16), inputs: 8, outputs: CLASSES },
    ];
    Case::new("a list of layers", model, Network { layers }, IMAGES, 5)
}

fn states(case: &Case) -> Vec<&LaneState> {
    case.states.iter().collect()
}

#[test]
fn products_of_whole_networks_are_those_of_their_twins() {
    let mut cases: Vec<Case> = Vec::new();
    for activation in [Activation::Relu, Activation::LeakyRelu, Activation::Gelu, Activation::Silu, Activation::Tanh] {
        cases.push(mlp(activation, 23));
    }
    cases.extend([
        cnn(Activation::Relu),
        normed("cnn:5,8", Activation::Tanh),
        normed("mlp:9,6", Activation::Gelu),
        list(),
    ]);
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        for case in cases.iter().filter(|case| family == Family::Register || !case.name.starts_with("mlp")) {
            let curvature = pollster::block_on(Curvature::new(&case.subject(gpu), &states(case))).unwrap();
            assert_eq!((curvature.slices(), curvature.keeps()), (1, true));
            case.check(gpu, &curvature, "one batch");
        }
    }
}

#[test]
fn batches_and_what_is_kept_of_them_do_not_matter() {
    let Some(gpu) = any_gpu() else { return };
    let case = mlp(Activation::Tanh, 23);
    let mut found = Vec::new();
    for keep in [true, false] {
        // Four of 5 and one of 3.
        let subject = case.subject(gpu);
        let curvature = pollster::block_on(Curvature::in_batches(&subject, &states(&case), 5, keep)).unwrap();
        assert_eq!(curvature.keeps(), keep);
        let products = case.check(gpu, &curvature, "batches");
        let (gradients, losses) = pollster::block_on(curvature.gradient(gpu)).unwrap();
        for (lane, arena) in gradients.chunks(curvature.floats()).enumerate() {
            let parameters = case.tensors(&case.states[lane].weights);
            let twin = case.network.evaluate(&parameters, &case.x, &case.labels, Mode::Inference(&[]), 0.0);
            assert!((losses[lane] / twin.loss - 1.0).abs() < 1e-5, "{} {}", losses[lane], twin.loss);
            let own: Vec<u32> = case.tensors(arena).iter().flat_map(Tensor::to_f32).map(f32::to_bits).collect();
            let wanted: Vec<f64> = twin.gradient.into_iter().flat_map(|tensor| tensor.data).collect();
            let tolerance = Tolerance { absolute: 1e-5, relative: PRODUCT };
            check(&format!("gradient, lane {lane}"), &own, &near(&wanted), tolerance);
        }
        found.push((products, gradients));
    }
    assert!(found[0] == found[1], "what is kept changes bits");
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn the_matrices_are_symmetric_and_products_linear() {
    let Some(gpu) = any_gpu() else { return };
    let case = cnn(Activation::Relu);
    let state = &case.states[0];
    let curvature = pollster::block_on(Curvature::new(&case.subject(gpu), &[state])).unwrap();
    let (u, v) = case.directions.split_at(curvature.floats());
    let both: Vec<f32> = u.iter().zip(v).map(|(u, v)| 0.5 * u - 2.0 * v).collect();
    for product in [Product::Hessian, Product::GaussNewton] {
        let [hu, hv, hb] = [u, v, &both].map(|v| pollster::block_on(curvature.product(gpu, product, v)).unwrap());
        let size = (dot(&hu, &hu) * dot(v, v)).sqrt();
        let off = (dot(v, &hu) - dot(u, &hv)).abs() / size;
        assert!(off < 1e-6, "{product:?} is not symmetric: {off}");
        for ((hu, hv), hb) in hu.iter().zip(&hv).zip(&hb) {
            let off = (0.5 * hu - 2.0 * hv - hb).abs();
            assert!(f64::from(off) < 1e-5 * size, "{product:?} is not linear: {off}");
        }
        if product == Product::GaussNewton {
            assert!(dot(u, &hu) > 0.0 && dot(v, &hv) > 0.0, "it is positive semidefinite");
        }
    }
}

#[test]
fn weights_are_copied_on_the_device() {
    let Some(gpu) = any_gpu() else { return };
    let case = normed("mlp:9,6", Activation::Tanh);
    let from = pollster::block_on(Curvature::new(&case.subject(gpu), &states(&case))).unwrap();
    let live = Curvature::of_slots(gpu, &case.model, &case.data, Examples::Train, 2);
    let live = pollster::block_on(live).unwrap();
    let want = case.check(gpu, &from, "its own place");
    // First the wrong way round: what is kept of those weights must not outlive them.
    for lanes in [[1, 0], [0, 1]] {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        lanes.into_iter().enumerate().for_each(|(to, lane)| live.copy_weights(&mut encoder, to, &from.slot(lane)));
        gpu.queue().submit([encoder.finish()]);
        let found = pollster::block_on(live.product(gpu, Product::Hessian, &case.directions)).unwrap();
        assert_eq!(found == want[0], lanes == [0, 1]);
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let Some(gpu) = any_gpu() else { return };
    let (case, other) = (mlp(Activation::Relu, 8), cnn(Activation::Relu));
    let new = |subject: &Subject<'_>, states: &[&LaneState]| {
        pollster::block_on(Curvature::new(subject, states)).map(drop).unwrap_err()
    };
    let subject = case.subject(gpu);
    for (states, says) in [
        (vec![], "from 1 to 256"),
        (vec![&case.states[0]; 257], "257 sets of weights"),
        (vec![&other.states[0]], "not those of mlp:9,6"),
    ] {
        let error = new(&subject, &states);
        assert!(error.is_input() && error.to_string().contains(says), "{error}");
    }
    let error = new(&Subject { examples: Examples::Val, ..subject }, &[&case.states[0]]);
    assert!(error.is_input() && error.to_string().contains("validation"), "{error}");
    let (one, two) = (Curvature::bytes(&subject, 1).unwrap(), Curvature::bytes(&subject, 2).unwrap());
    assert!(one < two && two < 2 * one, "{one} {two}");
}
