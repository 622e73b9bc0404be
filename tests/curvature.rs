//! Products with the Hessian and the Gauss-Newton matrix of whole networks against their f64 twins, and what theory says of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::config::{Activation, Norm};
use lowland::data::{Dataset, Inputs, Scaling, Shape, Split};
use lowland::gpu::{Family, Gpu};
use lowland::model::{Model, Style};
use lowland::probe::{Curvature, Examples, Product, Subject};
use lowland::rng::{Rng, Stream};
use lowland::train::LaneState;
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

    fn subject<'a>(&'a self, gpu: &'a Gpu) -> Subject<'a> {
        Subject { gpu, model: &self.model, data: &self.data, examples: Examples::Train }
    }

    /// The twin's product of `lane`.
    fn twin(&self, product: Product, lane: usize) -> Vec<f64> {
        let floats = self.model.parameter_floats();
        let parameters = self.tensors(&self.states[lane].weights);
        let direction = self.tensors(&self.directions[lane * floats..(lane + 1) * floats]);
        // Norms have tests of their own.
        let mode = Mode::Inference(&[]);
        let found = match product {
            Product::Hessian => self.network.hessian_vector(&parameters, &direction, &self.x, &self.labels, mode, 0.0),
            Product::GaussNewton => self.network.gauss_newton_vector(&parameters, &direction, &self.x, mode),
        };
        found.into_iter().flat_map(|tensor| tensor.data).collect()
    }

    /// Checks the products of both lanes against the twins'.
    fn check(&self, gpu: &Gpu, curvature: &Curvature, how: &str) {
        let floats = self.model.parameter_floats();
        for product in [Product::Hessian, Product::GaussNewton, Product::Hessian] {
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
        }
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
    cases.extend([cnn(Activation::Relu), cnn(Activation::Tanh), list()]);
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        for case in cases.iter().filter(|case| family == Family::Register || !case.name.starts_with("mlp")) {
            let curvature = pollster::block_on(Curvature::new(&case.subject(gpu), &states(case))).unwrap();
            assert_eq!((curvature.slices(), curvature.keeps()), (1, true));
            case.check(gpu, &curvature, "one batch");
        }
    }
}
