//! Activation functions: their codes in the kernels, what they save, and the gain of their initialisation.

use crate::config::Activation;

impl Activation {
    /// The number in `shaders/shared/activation.wgsl`.
    pub(crate) fn code(self) -> f64 {
        match self {
            Self::Relu => 1.0,
            Self::LeakyRelu => 2.0,
            Self::Gelu => 3.0,
            Self::Silu => 4.0,
            Self::Tanh => 5.0,
        }
    }

    /// Whether the derivative needs the input z; the others have it from the output.
    pub(crate) fn saves_input(self) -> bool {
        matches!(self, Self::Gelu | Self::Silu)
    }

    /// Whether its second derivative is other than 0 anywhere (but at a kink, where it counts as 0).
    pub(crate) fn bends(self) -> bool {
        matches!(self, Self::Gelu | Self::Silu | Self::Tanh)
    }

    /// The gain of He initialisation: the deviation of a weight is gain / sqrt(fan in) (PyTorch's `calculate_gain`; gelu
    /// and silu, which it does not know, as relu).
    pub fn gain(self) -> f32 {
        match self {
            Self::Relu | Self::Gelu | Self::Silu => std::f32::consts::SQRT_2,
            Self::LeakyRelu => (2.0f32 / (1.0 + 0.01 * 0.01)).sqrt(),
            Self::Tanh => 5.0 / 3.0,
        }
    }
}
