//! Activation functions, their derivatives, and the error function behind GELU.
use std::f64::consts::{PI, SQRT_2};

/// Slope of the leaky ReLU below 0.
pub const LEAKY_SLOPE: f64 = 0.01;

/// A function applied to each value. Kinks take the derivative from the left, as PyTorch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `max(z, 0)`
    Relu,
    /// `z` above 0, `0.01 z` below
    LeakyRelu,
    /// `z Phi(z)`, Phi the normal distribution (exact, not the tanh formula)
    Gelu,
    /// `z / (1 + exp(-z))`
    Silu,
    /// `tanh z`
    Tanh,
}

impl Activation {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Relu, Self::LeakyRelu, Self::Gelu, Self::Silu, Self::Tanh];

    /// The name that `--activation` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky-relu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Tanh => "tanh",
        }
    }

    /// The function at `z`.
    pub fn value(self, z: f64) -> f64 {
        match self {
            Self::Relu if z > 0.0 => z,
            Self::Relu => 0.0,
            Self::LeakyRelu if z > 0.0 => z,
            Self::LeakyRelu => LEAKY_SLOPE * z,
            Self::Gelu => z * normal_cdf(z),
            Self::Silu => z * sigmoid(z),
            Self::Tanh => z.tanh(),
        }
    }

    /// Its derivative at `z`:
    /// GELU `Phi(z) + z phi(z)`, SiLU `s + z s (1 - s)` with the sigmoid `s`, tanh `1 - tanh^2 z`.
    pub fn derivative(self, z: f64) -> f64 {
        match self {
            Self::Relu if z > 0.0 => 1.0,
            Self::Relu => 0.0,
            Self::LeakyRelu if z > 0.0 => 1.0,
            Self::LeakyRelu => LEAKY_SLOPE,
            Self::Gelu => normal_cdf(z) + z * (-0.5 * z * z).exp() / (2.0 * PI).sqrt(),
            Self::Silu => {
                let s = sigmoid(z);
                s + z * s * (1.0 - s)
            }
            Self::Tanh => 1.0 - z.tanh().powi(2),
        }
    }

    /// Its second derivative at `z`, 0 at kinks:
    /// GELU `phi(z) (2 - z^2)`, SiLU `s (1 - s) (2 + z (1 - 2 s))`, tanh `-2 tanh z (1 - tanh^2 z)`.
    pub fn second_derivative(self, z: f64) -> f64 {
        match self {
            Self::Relu | Self::LeakyRelu => 0.0,
            Self::Gelu => (-0.5 * z * z).exp() / (2.0 * PI).sqrt() * (2.0 - z * z),
            Self::Silu => {
                let s = sigmoid(z);
                s * (1.0 - s) * (2.0 + z * (1.0 - 2.0 * s))
            }
            Self::Tanh => -2.0 * z.tanh() * (1.0 - z.tanh().powi(2)),
        }
    }
}

/// `1 / (1 + exp(-z))`.
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// `Phi(z) = erfc(-z / sqrt 2) / 2`.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// The error function, `2 / sqrt(pi)` times the integral of `exp(-t^2)` from 0 to `x`.
///
/// Up to 2 by `2 / sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (1 3 5 ... (2n+1))`, whose terms all have one sign.
pub fn erf(x: f64) -> f64 {
    if x.abs() > 2.0 {
        return 1.0f64.copysign(x) * (1.0 - erfc(x.abs()));
    }
    let mut term = x;
    let mut sum = x;
    for n in 1..100 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}

/// `1 - erf(x)`, precise in its tail.
///
/// Beyond 2 by the continued fraction `exp(-x^2) / sqrt(pi) / (x + 1/2 / (x + 2/2 / (x + 3/2 / ...)))`.
pub fn erfc(x: f64) -> f64 {
    if x <= 2.0 {
        return 1.0 - erf(x);
    }
    let mut fraction = x;
    for k in (1..=200).rev() {
        fraction = x + 0.5 * f64::from(k) / fraction;
    }
    (-x * x).exp() / PI.sqrt() / fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, assert_close, check_gradient};

    /// Values and derivatives that PyTorch gives at -6, -2, -0.5, 0, 0.75, 3.
    #[test]
    fn values_are_those_of_pytorch() {
        let z = [-6.0, -2.0, -0.5, 0.0, 0.75, 3.0];
        let check = |activation: Activation, value: [f64; 6], derivative: [f64; 6]| {
            assert_close(&z.map(|z| activation.value(z)), &value, 1e-15);
            assert_close(&z.map(|z| activation.derivative(z)), &derivative, 1e-15);
        };
        check(Activation::Relu, [0.0, 0.0, 0.0, 0.0, 0.75, 3.0], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
        check(Activation::LeakyRelu, [-0.06, -0.02, -0.005, 0.0, 0.75, 3.0], [0.01, 0.01, 0.01, 0.01, 1.0, 1.0]);
        check(
            Activation::Gelu,
            [
                -5.919525869479969e-9,
                -0.04550026389635842,
                -0.15426876936299344,
                0.0,
                0.5800294857173489,
                2.99595030590511,
            ],
            [
                -3.546870945402639e-8,
                -0.08523180107819692,
                0.13250487534383712,
                0.5,
                0.9992257217392352,
                1.011945647204184,
            ],
        );
        check(
            Activation::Silu,
            [
                -0.014835738939808647,
                -0.2384058440442351,
                -0.1887703343990727,
                0.0,
                0.5093840243815447,
                2.8577223804672998,
            ],
            [
                -0.012326432591525513,
                -0.09078424878489547,
                0.2600388126973482,
                0.5,
                0.8425999444967536,
                1.0881041060151693,
            ],
        );
        check(
            Activation::Tanh,
            [
                -0.9999877116507956,
                -0.9640275800758169,
                -0.46211715726000974,
                0.0,
                0.6351489523872873,
                0.9950547536867305,
            ],
            [
                2.4576547405302974e-5,
                0.07065082485316443,
                0.7864477329659274,
                1.0,
                0.5965858082813315,
                0.009866037165440166,
            ],
        );
    }

    #[test]
    fn derivatives_are_those_of_central_differences() {
        let z = Random::new(5).tensor(&[40]).map(|z| 4.0 * z);
        for activation in Activation::ALL {
            let derivative = z.map(|z| activation.derivative(z));
            check_gradient(activation.name(), &z, &derivative, |z| z.data.iter().map(|&z| activation.value(z)).sum());
            let second = z.map(|z| activation.second_derivative(z));
            check_gradient(activation.name(), &z, &second, |z| z.data.iter().map(|&z| activation.derivative(z)).sum());
        }
    }

    #[test]
    fn the_error_function_agrees_with_the_c_library() {
        let table = [
            (0.0, 0.0, 1.0),
            (0.1, 0.1124629160182849, 0.8875370839817152),
            (0.5, 0.5204998778130465, 0.4795001221869535),
            (1.0, 0.8427007929497149, 0.15729920705028513),
            (1.5, 0.9661051464753108, 0.033894853524689274),
            (1.99, 0.995111413199617, 0.004888586800383003),
            (2.01, 0.9955248493552482, 0.004475150644751763),
            (3.0, 0.9999779095030014, 2.2090496998585438e-5),
            (6.0, 1.0, 2.1519736712498916e-17),
        ];
        for (x, value, complement) in table {
            assert_close(&[erf(x), erf(-x), erfc(x), erfc(-x)], &[value, -value, complement, 1.0 + value], 1e-15);
            assert!((erfc(x) / complement - 1.0).abs() < 1e-12, "erfc({x})");
        }
    }
}
