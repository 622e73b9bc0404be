//! Tensors: PyTorch's names, shapes and layouts outside, vec4-padded arenas inside.

/// How a tensor lies in PyTorch, and so how it lies in an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[outputs, inputs]` or `[outputs, inputs, height, width]` outside; `[tap][input][output]` inside, inputs and
    /// outputs padded to multiples of 4.
    Matrix {
        /// Outputs.
        outputs: usize,
        /// Inputs.
        inputs: usize,
        /// Kernel height and width; `None` for a dense layer.
        kernel: Option<(usize, usize)>,
    },
    /// `[n]`, padded to a multiple of 4 inside.
    Vector(usize),
}

/// Initial values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normal with this deviation.
    Normal(f32),
    /// All the same.
    Constant(f32),
}

/// A tensor that a layer asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name within the layer, for instance `weight`.
    pub name: &'static str,
    /// Layout.
    pub kind: Kind,
    /// Initial values.
    pub init: Init,
}

/// A tensor with its place in an arena.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// PyTorch's name.
    pub name: String,
    /// Layout.
    pub kind: Kind,
    /// Initial values.
    pub init: Init,
    /// First float in the lane's part of the arena; a multiple of 4.
    pub offset: usize,
}

/// The next multiple of 4: channels are padded to whole vec4s.
pub(crate) fn padded(n: usize) -> usize {
    n.next_multiple_of(4)
}

impl Kind {
    /// Shape in PyTorch.
    pub fn shape(self) -> Vec<usize> {
        match self {
            Self::Matrix { outputs, inputs, kernel: None } => vec![outputs, inputs],
            Self::Matrix { outputs, inputs, kernel: Some((h, w)) } => vec![outputs, inputs, h, w],
            Self::Vector(n) => vec![n],
        }
    }

    /// Number of values.
    pub fn len(self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there are no values.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Floats in an arena.
    pub(crate) fn padded_len(self) -> usize {
        match self {
            Self::Matrix { outputs, inputs, kernel } => {
                let (h, w) = kernel.unwrap_or((1, 1));
                h * w * padded(inputs) * padded(outputs)
            }
            Self::Vector(n) => padded(n),
        }
    }

    /// For each value in PyTorch's order, its place in the padded layout.
    fn places(self) -> impl Iterator<Item = usize> {
        let (outputs, inputs, taps) = match self {
            Self::Matrix { outputs, inputs, kernel } => (outputs, inputs, kernel.map_or(1, |(h, w)| h * w)),
            Self::Vector(n) => (n, 1, 1),
        };
        let (wide, deep) = (padded(outputs), padded(inputs));
        (0..outputs * inputs * taps).map(move |i| {
            let (output, input, tap) = (i / (inputs * taps), i / taps % inputs, i % taps);
            (tap * deep + input) * wide + output
        })
    }
}

impl Tensor {
    /// The places in a lane's part of an arena, in PyTorch's order.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.kind.places().map(|place| self.offset + place)
    }

    /// Writes `values` (PyTorch's order) to their places in a lane's part of an arena.
    pub fn pack(&self, values: &[f32], arena: &mut [f32]) {
        for (place, value) in self.kind.places().zip(values) {
            arena[self.offset + place] = *value;
        }
    }

    /// Reads the values in PyTorch's order from a lane's part of an arena.
    pub fn unpack(&self, arena: &[f32]) -> Vec<f32> {
        self.kind.places().map(|place| arena[self.offset + place]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_and_unpack_are_inverse_and_leave_the_padding_alone() {
        for kind in [
            Kind::Matrix { outputs: 5, inputs: 3, kernel: Some((3, 2)) },
            Kind::Matrix { outputs: 10, inputs: 7, kernel: None },
            Kind::Vector(6),
        ] {
            let tensor = Tensor { name: "t".into(), kind, init: Init::Constant(0.0), offset: 8 };
            let values: Vec<f32> = (1..=kind.len()).map(|i| i as f32).collect();
            let mut arena = vec![0.0; 8 + kind.padded_len()];
            tensor.pack(&values, &mut arena);
            assert_eq!(tensor.unpack(&arena), values);
            assert_eq!(arena.iter().filter(|v| **v == 0.0).count(), arena.len() - kind.len());
        }
    }

    #[test]
    fn a_matrix_lies_tap_input_output() {
        let kind = Kind::Matrix { outputs: 2, inputs: 1, kernel: Some((1, 2)) };
        let tensor = Tensor { name: "t".into(), kind, init: Init::Constant(0.0), offset: 0 };
        let mut arena = vec![0.0; kind.padded_len()];
        tensor.pack(&[1.0, 2.0, 3.0, 4.0], &mut arena);
        assert_eq!(arena[..2], [1.0, 3.0], "tap 0, input 0: both outputs");
        assert_eq!(arena[16..18], [2.0, 4.0], "tap 1");
    }
}
