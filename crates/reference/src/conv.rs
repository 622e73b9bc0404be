//! Two-dimensional convolution (cross-correlation, as PyTorch has it), zero padding.
//!
//! `y[n,o,r,c] = b[o] + sum_{i,u,v} x[n, i, r s + u - p, c s + v - p] w[o,i,u,v]` with stride `s` and padding `p`; terms
//! outside the image are 0. The three passes are one list of products, each read in another direction.
use crate::Tensor;

/// Step and border, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Pixels between neighbouring windows.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
}

impl Conv {
    /// Length of the output for this length of image and kernel: `floor((size + 2 p - k) / s) + 1`.
    pub fn output(self, size: usize, kernel: usize) -> usize {
        assert!(self.stride > 0 && size + 2 * self.padding >= kernel, "a kernel of {kernel} on {size} pixels");
        (size + 2 * self.padding - kernel) / self.stride + 1
    }

    /// Shape of the output for these shapes of input and weight.
    pub fn output_shape(self, x: &[usize], w: &[usize]) -> [usize; 4] {
        assert_eq!((x.len(), w.len()), (4, 4));
        assert_eq!(x[1], w[1], "channels of input and weight");
        [x[0], w[0], self.output(x[2], w[2]), self.output(x[3], w[3])]
    }

    /// `y`, with the bias where there is one.
    pub fn forward(self, x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Tensor {
        let shape = self.output_shape(&x.shape, &w.shape);
        let mut y = Tensor::zeros(&shape);
        if let Some(b) = b {
            assert_eq!(b.shape, [shape[1]]);
            let inner = shape[2] * shape[3];
            for (index, value) in y.data.iter_mut().enumerate() {
                *value = b.data[index / inner % shape[1]];
            }
        }
        self.each_product(&x.shape, &w.shape, |xi, wi, yi| y.data[yi] += x.data[xi] * w.data[wi]);
        y
    }

    /// `dx[n,i,..]`: the sum of `dy w` over all windows that see the pixel.
    pub fn grad_input(self, dy: &Tensor, w: &Tensor, x_shape: &[usize]) -> Tensor {
        assert_eq!(dy.shape, self.output_shape(x_shape, &w.shape));
        let mut dx = Tensor::zeros(x_shape);
        self.each_product(x_shape, &w.shape, |xi, wi, yi| dx.data[xi] += dy.data[yi] * w.data[wi]);
        dx
    }

    /// `dw[o,i,u,v]`: the sum of `dy x` over examples and windows.
    pub fn grad_weight(self, x: &Tensor, dy: &Tensor, w_shape: &[usize]) -> Tensor {
        assert_eq!(dy.shape, self.output_shape(&x.shape, w_shape));
        let mut dw = Tensor::zeros(w_shape);
        self.each_product(&x.shape, w_shape, |xi, wi, yi| dw.data[wi] += dy.data[yi] * x.data[xi]);
        dw
    }

    /// Calls `visit(index in x, index in w, index in y)` for each product of the sum.
    fn each_product(self, x: &[usize], w: &[usize], mut visit: impl FnMut(usize, usize, usize)) {
        let [examples, outputs, y_height, y_width] = self.output_shape(x, w);
        let (inputs, height, width) = (x[1], x[2], x[3]);
        let (k_height, k_width) = (w[2], w[3]);
        for n in 0..examples {
            for o in 0..outputs {
                for r in 0..y_height {
                    for c in 0..y_width {
                        let y_index = ((n * outputs + o) * y_height + r) * y_width + c;
                        for i in 0..inputs {
                            for u in 0..k_height {
                                let Some(row) = self.pixel(r, u, height) else { continue };
                                for v in 0..k_width {
                                    let Some(column) = self.pixel(c, v, width) else { continue };
                                    let x_index = ((n * inputs + i) * height + row) * width + column;
                                    let w_index = ((o * inputs + i) * k_height + u) * k_width + v;
                                    visit(x_index, w_index, y_index);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The row (or column) of the image that tap `tap` of window `window` reads, if it is inside.
    fn pixel(self, window: usize, tap: usize, size: usize) -> Option<usize> {
        (window * self.stride + tap).checked_sub(self.padding).filter(|&pixel| pixel < size)
    }
}

/// `db[o]`: the sum of `dy` over examples and pixels.
pub fn grad_bias(dy: &Tensor) -> Tensor {
    let [examples, outputs, inner] = dy.channels();

    let mut db = Tensor::zeros(&[outputs]);
    for n in 0..examples {
        for o in 0..outputs {
            for s in 0..inner {
                db.data[o] += dy.data[(n * outputs + o) * inner + s];
            }
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
        // Two input channels, a 2x2 kernel on 2x3 pixels.
        let x = Tensor::new(&[1, 2, 2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        let w = Tensor::new(&[1, 2, 2, 2], vec![1.0, 10.0, 100.0, 1000.0, 1.0, 2.0, 3.0, 4.0]);
        let b = Tensor::new(&[1], vec![0.5]);
        let plain = Conv { stride: 1, padding: 0 }.forward(&x, &w, Some(&b));
        assert_eq!(plain, Tensor::new(&[1, 1, 1, 2], vec![5421.0 + 5.0 + 0.5, 6532.0 + 5.0 + 0.5]));
        // Stride 2 and a border of 1: windows see one, two, one and two pixels of each channel.
        let strided = Conv { stride: 2, padding: 1 }.forward(&x, &w, None);
        assert_eq!(strided, Tensor::new(&[1, 1, 2, 2], vec![1004.0, 3204.0, 40.0, 66.0]));
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let mut random = Random::new(2);
        let cases = [
            ([1, 1, 3, 3], [1, 1, 3, 3], Conv { stride: 1, padding: 1 }),
            ([2, 3, 5, 4], [4, 3, 3, 3], Conv { stride: 1, padding: 1 }),
            ([2, 2, 6, 7], [3, 2, 2, 3], Conv { stride: 2, padding: 1 }),
            ([1, 2, 7, 5], [2, 2, 5, 1], Conv { stride: 3, padding: 0 }),
            ([2, 3, 4, 4], [2, 3, 1, 1], Conv { stride: 2, padding: 0 }),
            ([1, 1, 2, 2], [1, 1, 3, 3], Conv { stride: 1, padding: 2 }),
        ];
        for (x_shape, w_shape, conv) in cases {
            let x = random.tensor(&x_shape);
            let w = random.tensor(&w_shape);
            let b = random.tensor(&w_shape[..1]);
            let dy = random.tensor(&conv.output_shape(&x_shape, &w_shape));
            check_gradient("dx", &x, &conv.grad_input(&dy, &w, &x.shape), |x| conv.forward(x, &w, None).dot(&dy));
            check_gradient("dw", &w, &conv.grad_weight(&x, &dy, &w.shape), |w| conv.forward(&x, w, None).dot(&dy));
            check_gradient("db", &b, &grad_bias(&dy), |b| conv.forward(&x, &w, Some(b)).dot(&dy));
        }
    }
}
