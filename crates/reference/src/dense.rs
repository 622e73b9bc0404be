//! Dense layer: `y = x W^T + b`.
use crate::Tensor;

/// `y[n,o] = sum_i x[n,i] w[o,i] + b[o]`.
pub fn forward(x: &Tensor, w: &Tensor, b: &Tensor) -> Tensor {
    let [examples, inputs] = x.dims();
    let [outputs, w_inputs] = w.dims();
    assert_eq!(inputs, w_inputs);
    assert_eq!(b.dims(), [outputs]);

    let mut y = Tensor::zeros(&[examples, outputs]);
    for n in 0..examples {
        for o in 0..outputs {
            let mut sum = b.data[o];
            for i in 0..inputs {
                sum += x.data[n * inputs + i] * w.data[o * inputs + i];
            }
            y.data[n * outputs + o] = sum;
        }
    }
    y
}

/// `dx[n,i] = sum_o dy[n,o] w[o,i]`.
pub fn grad_input(dy: &Tensor, w: &Tensor) -> Tensor {
    let [examples, outputs] = dy.dims();
    let [w_outputs, inputs] = w.dims();
    assert_eq!(outputs, w_outputs);

    let mut dx = Tensor::zeros(&[examples, inputs]);
    for n in 0..examples {
        for i in 0..inputs {
            for o in 0..outputs {
                dx.data[n * inputs + i] += dy.data[n * outputs + o] * w.data[o * inputs + i];
            }
        }
    }
    dx
}

/// `dw[o,i] = sum_n dy[n,o] x[n,i]`.
pub fn grad_weight(x: &Tensor, dy: &Tensor) -> Tensor {
    let [examples, inputs] = x.dims();
    let [dy_examples, outputs] = dy.dims();
    assert_eq!(examples, dy_examples);

    let mut dw = Tensor::zeros(&[outputs, inputs]);
    for o in 0..outputs {
        for i in 0..inputs {
            for n in 0..examples {
                dw.data[o * inputs + i] += dy.data[n * outputs + o] * x.data[n * inputs + i];
            }
        }
    }
    dw
}

/// `db[o] = sum_n dy[n,o]`.
pub fn grad_bias(dy: &Tensor) -> Tensor {
    let [examples, outputs] = dy.dims();

    let mut db = Tensor::zeros(&[outputs]);
    for n in 0..examples {
        for o in 0..outputs {
            db.data[o] += dy.data[n * outputs + o];
        }
    }
    db
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, check_gradient};

    #[test]
    fn forward_of_a_case_done_by_hand() {
        let x = Tensor::new(&[2, 3], vec![1.0, 2.0, 3.0, -1.0, 0.0, 1.0]);
        let w = Tensor::new(&[2, 3], vec![1.0, 0.0, -1.0, 2.0, 1.0, 0.5]);
        let b = Tensor::new(&[2], vec![10.0, 20.0]);
        assert_eq!(forward(&x, &w, &b), Tensor::new(&[2, 2], vec![8.0, 25.5, 8.0, 18.5]));
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let mut random = Random::new(1);
        for [examples, inputs, outputs] in [[1, 1, 1], [3, 5, 4], [4, 2, 7]] {
            let x = random.tensor(&[examples, inputs]);
            let w = random.tensor(&[outputs, inputs]);
            let b = random.tensor(&[outputs]);
            let dy = random.tensor(&[examples, outputs]);
            check_gradient("dx", &x, &grad_input(&dy, &w), |x| forward(x, &w, &b).dot(&dy));
            check_gradient("dw", &w, &grad_weight(&x, &dy), |w| forward(&x, w, &b).dot(&dy));
            check_gradient("db", &b, &grad_bias(&dy), |b| forward(&x, &w, b).dot(&dy));
        }
    }
}
