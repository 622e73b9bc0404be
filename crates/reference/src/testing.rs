//! What the unit tests share: random numbers and central differences.
use crate::Tensor;

/// A linear congruential generator (Knuth's MMIX constants).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d)
    }

    /// Uniform on [-1, 1).
    pub fn value(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((self.value() + 1.0) / 2.0 * n as f64) as usize
    }

    pub fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let count = shape.iter().product();
        Tensor::new(shape, (0..count).map(|_| self.value()).collect())
    }
}

impl Tensor {
    /// `sum a_i b_i`: a scalar of a tensor-valued function, whose gradient is the backward pass of `other`.
    pub fn dot(&self, other: &Tensor) -> f64 {
        self.zip(other, |a, b| a * b).data.iter().sum()
    }
}

/// Checks a gradient against `(f(x + h) - f(x - h)) / 2h` in every coordinate.
pub fn check_gradient(what: &str, at: &Tensor, gradient: &Tensor, function: impl Fn(&Tensor) -> f64) {
    let h = 1e-5;
    assert_eq!(at.shape, gradient.shape, "{what}: shape of the gradient");
    for index in 0..at.data.len() {
        let shifted = |by: f64| {
            let mut moved = at.clone();
            moved.data[index] += by;
            function(&moved)
        };
        let expected = (shifted(h) - shifted(-h)) / (2.0 * h);
        let found = gradient.data[index];
        assert!((found - expected).abs() <= 1e-8 * (1.0 + expected.abs()), "{what}[{index}]: {found} for {expected}");
    }
}

/// Checks the derivative at 0 of a function of one number, by central differences of fourth order.
pub fn check_tangent(what: &str, tangent: &[f64], function: impl Fn(f64) -> Vec<f64>) {
    let h = 1e-3;
    let [a, b, c, d] = [-2.0 * h, -h, h, 2.0 * h].map(&function);
    assert_eq!(tangent.len(), a.len(), "{what}");
    for (index, found) in tangent.iter().enumerate() {
        let expected = (a[index] - 8.0 * b[index] + 8.0 * c[index] - d[index]) / (12.0 * h);
        assert!((found - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{what}[{index}]: {found} for {expected}");
    }
}

pub fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance, "[{index}]: {a} for {b}");
    }
}
