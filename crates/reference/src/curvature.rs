//! Exact products of the Hessian and of the Gauss-Newton matrix of a [`Network`]'s mean loss with a direction.
//!
//! Pearlmutter's R-operator (1994): `R f(w) = d/dr f(w + r v)` at r = 0. Its forward pass gives the tangent of every layer's
//! input; its backward pass is the backward pass differentiated once more, so that the tangent of the gradient is `H v`.
//! What is linear where it stands (relu, max pool with its winners) has no second derivative, so products are exact there
//! as well. The Gauss-Newton product `J^T (d2 loss / d logits2) J v` is the same backward pass with a gradient of 0: then
//! only the tangent that the loss makes from `J v` is left.
use crate::batch_norm::{self, Direction, Statistics};
use crate::network::{Layer, Mode};
use crate::pool;
use crate::{Network, Tensor, conv, dense, group_norm, loss};

impl Network {
    /// `H v` of the mean loss at `parameters`, one tensor per parameter; `direction` is v, in the same shapes.
    pub fn hessian_vector(
        &self,
        parameters: &[Tensor],
        direction: &[Tensor],
        x: &Tensor,
        labels: &[usize],
        mode: Mode<'_>,
        smoothing: f64,
    ) -> Vec<Tensor> {
        let (logits, inputs) = self.forward(parameters, mode, x);
        let dy = loss::grad_logits(&logits, labels, smoothing);
        self.product(parameters, direction, &logits, &inputs, mode, dy)
    }

    /// `G v` of the mean loss, `G = sum_n J_n^T (diag p_n - p_n p_n^T) J_n / examples` with the Jacobian J of the logits. Labels and
    /// smoothing are not in it.
    pub fn gauss_newton_vector(
        &self,
        parameters: &[Tensor],
        direction: &[Tensor],
        x: &Tensor,
        mode: Mode<'_>,
    ) -> Vec<Tensor> {
        let (logits, inputs) = self.forward(parameters, mode, x);
        let dy = Tensor::zeros(&logits.shape);
        self.product(parameters, direction, &logits, &inputs, mode, dy)
    }

    fn product(
        &self,
        parameters: &[Tensor],
        direction: &[Tensor],
        logits: &Tensor,
        inputs: &[Tensor],
        mode: Mode<'_>,
        dy: Tensor,
    ) -> Vec<Tensor> {
        let shapes = |tensors: &[Tensor]| tensors.iter().map(|tensor| tensor.shape.clone()).collect::<Vec<_>>();
        assert_eq!(shapes(parameters), shapes(direction));
        let statistics = self.statistics(inputs, mode);
        let (rlogits, rinputs) = self.tangents(parameters, direction, inputs, mode, &statistics);
        let rdy = loss::grad_logits_tangent(logits, &rlogits);
        let mut back = Back { dy, rdy };

        let mut end = parameters.len();
        let mut product = Vec::new(); // last parameter first
        let mut branches: Vec<Option<Back>> = vec![None; self.layers.len()]; // of the outputs, by later additions
        for place in (0..self.layers.len()).rev() {
            let (layer, x, rx) = (&self.layers[place], &inputs[place], &rinputs[place]);
            if let Some(branch) = &branches[place] {
                back = back.plus(branch);
            }
            let Back { dy, rdy } = &back;
            let begin = end - layer.parameters().len();
            let (own, v) = (&parameters[begin..end], &direction[begin..end]);
            end = begin;
            back = match layer {
                Layer::Dense { .. } => {
                    product.push(dense::grad_bias(rdy));
                    product.push(sum(&dense::grad_weight(rx, dy), &dense::grad_weight(x, rdy)));
                    let rdx = sum(&dense::grad_input(rdy, &own[0]), &dense::grad_input(dy, &v[0]));
                    Back { dy: dense::grad_input(dy, &own[0]), rdy: rdx }
                }
                Layer::Conv { conv, bias, .. } => {
                    if *bias {
                        product.push(conv::grad_bias(rdy));
                    }
                    let shape = &own[0].shape;
                    product.push(sum(&conv.grad_weight(rx, dy, shape), &conv.grad_weight(x, rdy, shape)));
                    let grad = |dy, w| conv.grad_input(dy, w, &x.shape);
                    Back { dy: grad(dy, &own[0]), rdy: sum(&grad(rdy, &own[0]), &grad(dy, &v[0])) }
                }
                Layer::BatchNorm { .. } => {
                    let (Some(statistics), by_batch) = (&statistics[place], by_batch(mode)) else { unreachable!() };
                    let v = Direction { x: rx, gamma: &v[0], beta: &v[1] };
                    let found = batch_norm::backward_tangent(x, &own[0], statistics, v, [dy, rdy], by_batch);
                    product.push(found.dbeta);
                    product.push(found.dgamma);
                    let backward = if by_batch { batch_norm::backward } else { batch_norm::inference_backward };
                    Back { dy: backward(x, &own[0], statistics, dy).dx, rdy: found.dx }
                }
                Layer::GroupNorm { groups, .. } => {
                    let v = Direction { x: rx, gamma: &v[0], beta: &v[1] };
                    let found = group_norm::backward_tangent(x, *groups, &own[0], v, [dy, rdy]);
                    product.push(found.dbeta);
                    product.push(found.dgamma);
                    Back { dy: group_norm::backward(x, *groups, &own[0], dy).dx, rdy: found.dx }
                }
                Layer::Activation(activation) => {
                    let slope = x.map(|z| activation.derivative(z));
                    let bend = x.zip(rx, |z, rz| activation.second_derivative(z) * rz);
                    Back { dy: times(dy, &slope), rdy: sum(&times(rdy, &slope), &times(dy, &bend)) }
                }
                Layer::Add { from } => {
                    let so_far = branches[*from].take();
                    branches[*from] = Some(so_far.map_or_else(|| back.clone(), |other| other.plus(&back)));
                    back
                }
                // What is linear gives the tangent the gradient's way back.
                Layer::Dropout(mask) => back.through(|dy| mode.drop(mask, dy)),
                Layer::AvgPool(pool) => back.through(|dy| pool.grad_input(dy, &x.shape)),
                Layer::MaxPool(pool) => {
                    let winners = pool.forward(x).1;
                    back.through(|dy| pool::max_grad_input(dy, &winners, &x.shape))
                }
                Layer::GlobalAveragePool => back.through(|dy| pool::global_average_grad_input(dy, &x.shape)),
                Layer::Flatten => back.through(|dy| dy.reshaped(&x.shape)),
            };
        }
        product.reverse();
        product
    }

    /// What each batch norm normalises with; none for other layers.
    fn statistics(&self, inputs: &[Tensor], mode: Mode<'_>) -> Vec<Option<Statistics>> {
        let mut norm = 0;
        let of = |(layer, x): (&Layer, &Tensor)| {
            matches!(layer, Layer::BatchNorm { .. }).then(|| {
                norm += 1;
                match mode {
                    Mode::Training => Statistics::of_batch(x),
                    Mode::Inference(running) => running[norm - 1].clone(),
                }
            })
        };
        self.layers.iter().zip(inputs).map(of).collect()
    }

    /// Tangents of the logits and of each layer's input; that of the network's input is 0.
    fn tangents(
        &self,
        parameters: &[Tensor],
        direction: &[Tensor],
        inputs: &[Tensor],
        mode: Mode<'_>,
        statistics: &[Option<Statistics>],
    ) -> (Tensor, Vec<Tensor>) {
        let (mut tangents, mut rx) = (Vec::new(), Tensor::zeros(&inputs[0].shape));
        let mut begin = 0;
        for (place, layer) in self.layers.iter().enumerate() {
            let x = &inputs[place];
            let end = begin + layer.parameters().len();
            let (own, v) = (&parameters[begin..end], &direction[begin..end]);
            begin = end;
            let ry = match layer {
                Layer::Dense { outputs, .. } => {
                    let no_bias = Tensor::zeros(&[*outputs]);
                    sum(&dense::forward(&rx, &own[0], &no_bias), &dense::forward(x, &v[0], &v[1]))
                }
                Layer::Conv { conv, .. } => sum(&conv.forward(&rx, &own[0], None), &conv.forward(x, &v[0], v.get(1))),
                Layer::BatchNorm { .. } => {
                    let Some(statistics) = &statistics[place] else { unreachable!() };
                    let v = Direction { x: &rx, gamma: &v[0], beta: &v[1] };
                    batch_norm::tangent(x, &own[0], statistics, v, by_batch(mode))
                }
                Layer::GroupNorm { groups, .. } => {
                    let v = Direction { x: &rx, gamma: &v[0], beta: &v[1] };
                    group_norm::tangent(x, *groups, &own[0], v)
                }
                Layer::Activation(activation) => x.zip(&rx, |z, rz| activation.derivative(z) * rz),
                Layer::Add { from } => sum(&rx, tangents.get(from + 1).unwrap_or(&rx)),
                Layer::Dropout(mask) => mode.drop(mask, &rx),
                Layer::AvgPool(pool) => pool.forward(&rx),
                Layer::MaxPool(pool) => {
                    let (y, winners) = pool.forward(x);
                    Tensor::new(&y.shape, winners.into_iter().map(|winner| rx.data[winner]).collect())
                }
                Layer::GlobalAveragePool => pool::global_average(&rx),
                Layer::Flatten => rx.reshaped(&[rx.shape[0], rx.data.len() / rx.shape[0]]),
            };
            tangents.push(std::mem::replace(&mut rx, ry));
        }
        (rx, tangents)
    }
}

/// A gradient on its way back, and its tangent.
#[derive(Clone)]
struct Back {
    dy: Tensor,
    rdy: Tensor,
}

impl Back {
    fn plus(&self, other: &Self) -> Self {
        Self { dy: sum(&self.dy, &other.dy), rdy: sum(&self.rdy, &other.rdy) }
    }

    fn through(&self, linear: impl Fn(&Tensor) -> Tensor) -> Self {
        Self { dy: linear(&self.dy), rdy: linear(&self.rdy) }
    }
}

fn by_batch(mode: Mode<'_>) -> bool {
    matches!(mode, Mode::Training)
}

fn sum(a: &Tensor, b: &Tensor) -> Tensor {
    a.zip(b, |a, b| a + b)
}

fn times(a: &Tensor, b: &Tensor) -> Tensor {
    a.zip(b, |a, b| a * b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;
    use crate::conv::Conv;
    use crate::pool::{AvgPool, MaxPool};
    use crate::testing::{Random, assert_close, check_tangent};

    struct Case {
        network: Network,
        parameters: Vec<Tensor>,
        direction: Vec<Tensor>,
        running: Vec<Statistics>,
        x: Tensor,
        labels: Vec<usize>,
    }

    impl Case {
        fn new(network: Network, x_shape: &[usize]) -> Self {
            let mut random = Random::new(21);
            let x = random.tensor(x_shape);
            let labels = (0..x_shape[0]).map(|_| random.below(3)).collect();
            let mut draw = || network.parameters().iter().map(|(_, shape)| random.tensor(shape)).collect();
            let (parameters, direction) = (draw(), draw());
            let running = network.norms().into_iter().map(|(_, channels)| Statistics {
                mean: random.tensor(&[channels]).data,
                variance: random.tensor(&[channels]).map(|v| 0.6 + 0.5 * v).data,
            });
            let running = running.collect();
            Self { network, parameters, direction, running, x, labels }
        }

        fn moved(&self, h: f64) -> Vec<Tensor> {
            self.parameters.iter().zip(&self.direction).map(|(w, v)| w.zip(v, |w, v| w + h * v)).collect()
        }

        fn modes(&self) -> [Mode<'_>; 2] {
            [Mode::Training, Mode::Inference(&self.running)]
        }

        /// `H v` against differences of the gradient along v, `u . H v = v . H u`, and `G v = J^T A J v` against differences of
        /// logits and of a linear function of them.
        fn check(&self, what: &str, smoothing: f64) {
            let Self { network, parameters, direction, x, labels, .. } = self;
            for mode in self.modes() {
                let product = |v: &[Tensor]| network.hessian_vector(parameters, v, x, labels, mode, smoothing);
                let found = Tensor::concat(&product(direction));
                check_tangent(what, &found, |h| {
                    Tensor::concat(&network.evaluate(&self.moved(h), x, labels, mode, smoothing).gradient)
                });
                let gauss_newton = |v: &[Tensor]| network.gauss_newton_vector(parameters, v, x, mode);
                let other: Vec<Tensor> = direction.iter().rev().map(|v| v.map(|v| (7.0 * v).cos())).rev().collect();
                for product in [&product as &dyn Fn(&[Tensor]) -> Vec<Tensor>, &gauss_newton] {
                    let (a, b) = (dot(&other, &product(direction)), dot(direction, &product(&other)));
                    assert!((a - b).abs() < 1e-12 * (1.0 + a.abs()), "{what}: {a} and {b}");
                }
                // v . G v = sum_n (J_n v)^T (diag p - p p^T) (J_n v) / examples.
                let logits = |h: f64| network.forward(&self.moved(h), mode, x).0;
                let h = 1e-4;
                let jv = logits(h).zip(&logits(-h), |a, b| (a - b) / (2.0 * h));
                let expected = jv.dot(&loss::grad_logits_tangent(&logits(0.0), &jv));
                let found = dot(direction, &gauss_newton(direction));
                assert!((found - expected).abs() < 1e-6 * expected, "{what}: {found} for {expected}");
            }
        }
    }

    fn dot(a: &[Tensor], b: &[Tensor]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a.dot(b)).sum()
    }

    #[test]
    fn products_are_differences_of_gradients() {
        for activation in [Activation::Gelu, Activation::Silu, Activation::Tanh] {
            for norm in [false, true] {
                let mlp = Network::mlp(12, &[5, 4], 3, activation, norm);
                Case::new(mlp, &[6, 1, 3, 4]).check(activation.name(), 0.1);
                // Away from ties of max pool its winners stay along the way.
                let cnn = Network::cnn(2, &[3, 4], 3, activation, norm);
                Case::new(cnn, &[4, 2, 6, 5]).check(activation.name(), 0.0);
            }
        }
    }

    #[test]
    fn products_of_a_list_of_layers() {
        let mut random = Random::new(9);
        let name = |index: usize| format!("layers.{index}");
        let conv = |index, inputs, bias| {
            let conv = Conv { stride: 1, padding: 1 };
            Layer::Conv { name: name(index), inputs, outputs: 4, kernel: 3, conv, bias }
        };
        let mask = random.tensor(&[3, 4, 4, 3]).map(|value| if value > 0.0 { 2.0 } else { 0.0 });
        let layers = vec![
            conv(0, 2, true),
            Layer::GroupNorm { name: name(1), channels: 4, groups: 2 },
            Layer::Activation(Activation::Tanh),
            conv(3, 4, false),
            Layer::BatchNorm { name: name(4), channels: 4 },
            Layer::Add { from: 2 },
            Layer::Dropout(mask),
            Layer::Add { from: 2 },
            Layer::Add { from: 7 },
            Layer::AvgPool(AvgPool { kernel: 2, stride: 1 }),
            Layer::Flatten,
            Layer::Dense { name: name(11), inputs: 24, outputs: 3 },
        ];
        Case::new(Network { layers }, &[3, 2, 4, 3]).check("list", 0.1);
    }

    /// Kinks are far from these weights along the way, so that differences hold for relu and max pool too.
    #[test]
    fn relu_and_max_pool_are_linear_where_they_stand() {
        let layers = vec![
            Layer::Dense { name: "a".into(), inputs: 2, outputs: 2 },
            Layer::Activation(Activation::Relu),
            Layer::Dense { name: "b".into(), inputs: 2, outputs: 3 },
        ];
        let mut case = Case::new(Network { layers }, &[2, 2]);
        let tensor = |shape: &[usize], data: &[f64]| Tensor::new(shape, data.to_vec());
        case.x = tensor(&[2, 2], &[1.0, 2.0, -1.0, 1.0]);
        case.parameters[0] = tensor(&[2, 2], &[1.0, 0.5, -1.0, 0.25]);
        case.parameters[1] = tensor(&[2], &[0.1, -0.2]);
        case.check("relu", 0.0);

        let convolution = Conv { stride: 1, padding: 0 };
        let layers = vec![
            Layer::Conv { name: "a".into(), inputs: 1, outputs: 1, kernel: 1, conv: convolution, bias: true },
            Layer::MaxPool(MaxPool { kernel: 2, stride: 1 }),
            Layer::Activation(Activation::Tanh),
            Layer::Flatten,
            Layer::Dense { name: "b".into(), inputs: 2, outputs: 3 },
        ];
        let mut case = Case::new(Network { layers }, &[1, 1, 2, 3]);
        case.x = tensor(&[1, 1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 0.0, 1.0]);
        case.parameters[0] = tensor(&[1, 1, 1, 1], &[0.5]);
        case.check("max pool", 0.0);
    }

    /// Softmax regression: `H = sum_n (diag p_n - p_n p_n^T) kron (x_n, 1) (x_n, 1)^T / n`; the Gauss-Newton matrix is the same.
    #[test]
    fn a_linear_model_has_the_hessian_of_the_formula() {
        let case = Case::new(Network::mlp(4, &[], 3, Activation::Relu, false), &[5, 4]);
        let Case { network, parameters, direction, x, labels, .. } = &case;
        let (logits, _) = network.forward(parameters, Mode::Training, x);
        let mut expected = vec![0.0; 15];
        for n in 0..5 {
            let z = &logits.data[3 * n..3 * n + 3];
            let total: f64 = z.iter().map(|z| z.exp()).sum();
            let p: Vec<f64> = z.iter().map(|z| z.exp() / total).collect();
            let input: Vec<f64> = x.data[4 * n..4 * n + 4].iter().copied().chain([1.0]).collect();
            let v = |k: usize, i: usize| if i < 4 { direction[0].data[4 * k + i] } else { direction[1].data[k] };
            for j in 0..3 {
                for k in 0..3 {
                    let curvature = (if j == k { p[j] } else { 0.0 } - p[j] * p[k]) / 5.0;
                    let along: f64 = (0..5).map(|i| v(k, i) * input[i]).sum();
                    for i in 0..5 {
                        expected[if i < 4 { 4 * j + i } else { 12 + j }] += curvature * along * input[i];
                    }
                }
            }
        }
        let hessian = network.hessian_vector(parameters, direction, x, labels, Mode::Training, 0.0);
        assert_close(&Tensor::concat(&hessian), &expected, 1e-15);
        let gauss_newton = network.gauss_newton_vector(parameters, direction, x, Mode::Training);
        assert_close(&Tensor::concat(&gauss_newton), &expected, 1e-15);
    }
}
