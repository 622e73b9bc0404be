//! Numbers with a shape.

/// A dense tensor, the last axis contiguous.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Length of each axis, outermost first.
    pub shape: Vec<usize>,
    /// `shape.iter().product()` values.
    pub data: Vec<f64>,
}

impl Tensor {
    /// A tensor of these values.
    pub fn new(shape: &[usize], data: Vec<f64>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "{} values do not fill {shape:?}", data.len());
        Self { shape: shape.to_vec(), data }
    }

    /// A tensor of f32 values, as a device has them.
    pub fn from_f32(shape: &[usize], data: &[f32]) -> Self {
        Self::new(shape, data.iter().map(|&value| f64::from(value)).collect())
    }

    /// A tensor of zeros.
    pub fn zeros(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] }
    }

    /// The values rounded to f32, as a device takes them.
    pub fn to_f32(&self) -> Vec<f32> {
        self.data.iter().map(|&value| value as f32).collect()
    }

    /// The shape as `N` numbers.
    pub fn dims<const N: usize>(&self) -> [usize; N] {
        assert_eq!(self.shape.len(), N, "{:?} has not {N} axes", self.shape);
        std::array::from_fn(|axis| self.shape[axis])
    }

    /// Examples, channels and values per channel: `[n, c, ...]` read as `[n, c, inner]`.
    pub fn channels(&self) -> [usize; 3] {
        assert!(self.shape.len() >= 2, "{:?} has no channels", self.shape);
        [self.shape[0], self.shape[1], self.shape[2..].iter().product()]
    }

    /// Some of the examples of `[n, ...]`.
    pub fn examples(&self, range: std::ops::Range<usize>) -> Self {
        let size = self.data.len() / self.shape[0].max(1);
        let mut shape = self.shape.clone();
        shape[0] = range.len();
        Self::new(&shape, self.data[range.start * size..range.end * size].to_vec())
    }

    /// A copy with `function` applied to each value.
    pub fn map(&self, function: impl Fn(f64) -> f64) -> Self {
        Self { shape: self.shape.clone(), data: self.data.iter().map(|&value| function(value)).collect() }
    }

    /// A copy with `function` applied to each value and its counterpart in `other`.
    pub fn zip(&self, other: &Self, function: impl Fn(f64, f64) -> f64) -> Self {
        assert_eq!(self.shape, other.shape);
        let data = self.data.iter().zip(&other.data).map(|(&a, &b)| function(a, b)).collect();
        Self { shape: self.shape.clone(), data }
    }

    /// The same values under another shape.
    pub fn reshaped(&self, shape: &[usize]) -> Self {
        Self::new(shape, self.data.clone())
    }

    /// The values of several tensors one after the other, as an arena holds them.
    pub fn concat(tensors: &[Self]) -> Vec<f64> {
        tensors.iter().flat_map(|tensor| tensor.data.iter().copied()).collect()
    }
}
