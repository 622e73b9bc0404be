//! Max pooling, average pooling and global average pooling.
use crate::Tensor;

/// Square windows without padding; what does not fill a window at the right and bottom edge is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Side of a window.
    pub kernel: usize,
    /// Pixels between neighbouring windows.
    pub stride: usize,
}

impl MaxPool {
    /// Length of the output: `floor((size - kernel) / stride) + 1`.
    pub fn output(self, size: usize) -> usize {
        assert!(self.kernel > 0 && self.stride > 0 && size >= self.kernel, "{self:?} on {size} pixels");
        (size - self.kernel) / self.stride + 1
    }

    /// The maximum of each window, and where in `x` (a flat index) it was found. Of equal maxima the first in
    /// row-column order wins.
    pub fn forward(self, x: &Tensor) -> (Tensor, Vec<usize>) {
        let [examples, channels, height, width] = x.dims();
        let (y_height, y_width) = (self.output(height), self.output(width));

        let mut y = Tensor::zeros(&[examples, channels, y_height, y_width]);
        let mut winners = Vec::with_capacity(y.data.len());
        for plane in 0..examples * channels {
            for r in 0..y_height {
                for c in 0..y_width {
                    let index =
                        |u: usize, v: usize| (plane * height + r * self.stride + u) * width + c * self.stride + v;
                    let mut winner = index(0, 0);
                    for u in 0..self.kernel {
                        for v in 0..self.kernel {
                            if x.data[index(u, v)] > x.data[winner] {
                                winner = index(u, v);
                            }
                        }
                    }
                    y.data[winners.len()] = x.data[winner];
                    winners.push(winner);
                }
            }
        }
        (y, winners)
    }
}

/// Gives each window's gradient to the pixel that won it; windows that overlap add up.
pub fn max_grad_input(dy: &Tensor, winners: &[usize], x_shape: &[usize]) -> Tensor {
    assert_eq!(dy.data.len(), winners.len());

    let mut dx = Tensor::zeros(x_shape);
    for (&winner, &gradient) in winners.iter().zip(&dy.data) {
        dx.data[winner] += gradient;
    }
    dx
}

/// The mean of each window: square windows without padding, as [`MaxPool`] has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool {
    /// Side of a window.
    pub kernel: usize,
    /// Pixels between neighbouring windows.
    pub stride: usize,
}

impl AvgPool {
    /// `y[n,c,r,q] = sum_{u,v < kernel} x[n, c, r s + u, q s + v] / kernel^2`.
    pub fn forward(self, x: &Tensor) -> Tensor {
        let [examples, channels, height, width] = x.dims();
        let along = MaxPool { kernel: self.kernel, stride: self.stride };
        let mut y = Tensor::zeros(&[examples, channels, along.output(height), along.output(width)]);
        for (to, from) in self.terms(&x.shape, &y.shape) {
            y.data[to] += x.data[from] / (self.kernel * self.kernel) as f64;
        }
        y
    }

    /// The transposed sum: each pixel of a window has its share.
    pub fn grad_input(self, dy: &Tensor, x_shape: &[usize]) -> Tensor {
        let mut dx = Tensor::zeros(x_shape);
        for (to, from) in self.terms(x_shape, &dy.shape) {
            dx.data[from] += dy.data[to] / (self.kernel * self.kernel) as f64;
        }
        dx
    }

    /// Places in `y` and `x` of each term of the sum.
    fn terms(self, x: &[usize], y: &[usize]) -> Vec<(usize, usize)> {
        let mut terms = Vec::new();
        for to in 0..y.iter().product() {
            let (plane, r, q) = (to / (y[2] * y[3]), to / y[3] % y[2], to % y[3]);
            for u in 0..self.kernel {
                for v in 0..self.kernel {
                    terms.push((to, (plane * x[2] + r * self.stride + u) * x[3] + q * self.stride + v));
                }
            }
        }
        terms
    }
}

/// `y[n,c]`: the mean over the pixels of a channel.
pub fn global_average(x: &Tensor) -> Tensor {
    let [examples, channels, inner] = x.channels();

    let mut y = Tensor::zeros(&[examples, channels]);
    for plane in 0..examples * channels {
        let sum: f64 = x.data[plane * inner..(plane + 1) * inner].iter().sum();
        y.data[plane] = sum / inner as f64;
    }
    y
}

/// `dx[n,c,..] = dy[n,c] / pixels`.
pub fn global_average_grad_input(dy: &Tensor, x_shape: &[usize]) -> Tensor {
    let mut dx = Tensor::zeros(x_shape);
    let [examples, channels, inner] = dx.channels();
    assert_eq!(dy.dims(), [examples, channels]);
    for (index, value) in dx.data.iter_mut().enumerate() {
        *value = dy.data[index / inner] / inner as f64;
    }
    dx
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, check_gradient};

    #[test]
    fn the_first_of_equal_maxima_wins() {
        let pool = MaxPool { kernel: 2, stride: 2 };
        let x = Tensor::new(
            &[1, 1, 3, 5],
            vec![
                1.0, 7.0, 2.0, 2.0, 9.0, //
                7.0, 7.0, 2.0, 2.0, 9.0, //
                9.0, 9.0, 9.0, 9.0, 9.0,
            ],
        );
        let (y, winners) = pool.forward(&x);
        assert_eq!(y, Tensor::new(&[1, 1, 1, 2], vec![7.0, 2.0]));
        assert_eq!(winners, [1, 2]);
        let dx = max_grad_input(&Tensor::new(&[1, 1, 1, 2], vec![3.0, 4.0]), &winners, &x.shape);
        assert_eq!(dx.data, [0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_mean_of_a_window_by_hand() {
        let x = Tensor::new(&[1, 1, 3, 3], (1..=9).map(f64::from).collect());
        assert_eq!(AvgPool { kernel: 2, stride: 1 }.forward(&x).data, [3.0, 4.0, 6.0, 7.0]);
        assert_eq!(AvgPool { kernel: 2, stride: 2 }.forward(&x).data, [3.0]);
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let mut random = Random::new(3);
        for (kernel, stride, height, width) in [(2, 2, 4, 6), (2, 2, 5, 7), (3, 2, 7, 5), (3, 1, 4, 4), (1, 2, 3, 3)] {
            let pool = MaxPool { kernel, stride };
            let x = random.tensor(&[2, 3, height, width]);
            let (y, winners) = pool.forward(&x);
            let dy = random.tensor(&y.shape);
            check_gradient("max", &x, &max_grad_input(&dy, &winners, &x.shape), |x| pool.forward(x).0.dot(&dy));
            let pool = AvgPool { kernel, stride };
            check_gradient("windows", &x, &pool.grad_input(&dy, &x.shape), |x| pool.forward(x).dot(&dy));
            let dy = random.tensor(&[2, 3]);
            let dx = global_average_grad_input(&dy, &x.shape);
            check_gradient("average", &x, &dx, |x| global_average(x).dot(&dy));
        }
    }
}
