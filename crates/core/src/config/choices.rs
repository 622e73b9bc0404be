//! The settings that are a choice from a list, and their text.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How inputs are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Normalize {
    /// As they are.
    None,
    /// x / 255.
    Unit,
    /// x / 255, minus the mean over the standard deviation per channel of the training images used.
    Standard,
}

/// In which order an epoch visits the examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// A new permutation each epoch, the short rest dropped.
    Shuffle,
    /// Step t takes examples t * batch .. t * batch + batch - 1, modulo the set.
    File,
}

/// Activation functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(z, 0)
    Relu,
    /// max(z, 0.01 z)
    LeakyRelu,
    /// z Phi(z), with the exact normal distribution
    Gelu,
    /// z / (1 + exp(-z))
    Silu,
    /// tanh z
    Tanh,
}

/// Normalisation layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// No normalisation.
    None,
    /// Batch normalisation (Ioffe and Szegedy 2015).
    Batch,
    /// Group normalisation (Wu and He 2018), up to 8 groups.
    Group,
}

/// Base optimizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam (Kingma and Ba 2015), with decay added to the gradient.
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    #[cfg_attr(feature = "clap", value(name = "adamw"))]
    AdamW,
    /// RMSprop (Tieleman and Hinton 2012).
    #[cfg_attr(feature = "clap", value(name = "rmsprop"))]
    RmsProp,
}

/// Learning-rate schedules. As text: `constant`, `cosine`, `step:0.1,30,60`, `exponential:0.95`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Schedule {
    /// The same all along.
    #[default]
    Constant,
    /// Half a cosine over the lane's steps, down to 0.
    Cosine,
    /// Times `factor` at the start of each of these epochs (PyTorch's `MultiStepLR`).
    Step {
        /// Factor.
        factor: f64,
        /// Epochs, from 0, rising.
        epochs: Vec<u64>,
    },
    /// Times `factor` at the start of each epoch but the first (PyTorch's `ExponentialLR`).
    Exponential {
        /// Factor.
        factor: f64,
    },
}

impl std::str::FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let forms =
                "constant, cosine, step:FACTOR,EPOCH,EPOCH... (epochs rising) or exponential:FACTOR, factors above 0";
            Error::input(format!("there is no schedule '{text}'; write {forms}"))
        };
        let factor = |text: &str| text.parse().ok().filter(|f: &f64| f.is_finite() && *f > 0.0).ok_or_else(wrong);
        match text.split_once(':') {
            None if text == "constant" => Ok(Self::Constant),
            None if text == "cosine" => Ok(Self::Cosine),
            Some(("exponential", rest)) => Ok(Self::Exponential { factor: factor(rest)? }),
            Some(("step", rest)) => {
                let (first, epochs) = rest.split_once(',').ok_or_else(wrong)?;
                let epochs: Option<Vec<u64>> = epochs.split(',').map(|n| n.trim().parse().ok()).collect();
                let epochs = epochs.filter(|list| list.is_sorted_by(|a, b| a < b)).ok_or_else(wrong)?;
                Ok(Self::Step { factor: factor(first)?, epochs })
            }
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Cosine => f.write_str("cosine"),
            Self::Step { factor, epochs } => {
                write!(f, "step:{factor}")?;
                epochs.iter().try_for_each(|epoch| write!(f, ",{epoch}"))
            }
            Self::Exponential { factor } => write!(f, "exponential:{factor}"),
        }
    }
}

impl TryFrom<String> for Schedule {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

/// The p of a p-norm, from 1 to infinity. JSON has a number, or the text `inf`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ExponentForm", into = "ExponentForm")]
pub struct Exponent(f32);

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a number from 1 on, or inf, is expected")]
enum ExponentForm {
    Number(f32),
    Text(String),
}

impl Exponent {
    /// `p`, where it is one of a norm.
    ///
    /// # Errors
    /// [`Error::Input`] for a number below 1 and for NaN.
    pub fn new(p: f32) -> Result<Self> {
        if p >= 1.0 { Ok(Self(p)) } else { Err(Error::input(format!("p is {p}; a norm has a p from 1 to inf"))) }
    }

    /// The number; infinity for the maximum norm.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl Default for Exponent {
    fn default() -> Self {
        Self(2.0)
    }
}

impl std::fmt::Display for Exponent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::str::FromStr for Exponent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number =
            text.trim().parse().map_err(|_| Error::input(format!("p '{text}' is not a number from 1 to inf")))?;
        Self::new(number)
    }
}

impl TryFrom<ExponentForm> for Exponent {
    type Error = Error;

    fn try_from(form: ExponentForm) -> Result<Self> {
        match form {
            ExponentForm::Number(number) => Self::new(number),
            ExponentForm::Text(text) => text.parse(),
        }
    }
}

impl From<Exponent> for ExponentForm {
    fn from(exponent: Exponent) -> Self {
        if exponent.0.is_finite() { Self::Number(exponent.0) } else { Self::Text(exponent.to_string()) }
    }
}

/// Decay rates of Adam's first and second moment.
///
/// JSON has them as two numbers, flags and lanes as `0.9,0.999`; both are read everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BetasForm", into = "(f32, f32)")]
pub struct Betas(pub f32, pub f32);

#[derive(Deserialize)]
#[serde(untagged, expecting = "two numbers, such as [0.9, 0.999], are expected")]
enum BetasForm {
    Pair(f32, f32),
    Text(String),
}

impl TryFrom<BetasForm> for Betas {
    type Error = Error;

    fn try_from(form: BetasForm) -> Result<Self> {
        match form {
            BetasForm::Pair(first, second) => Ok(Self(first, second)),
            BetasForm::Text(text) => text.parse(),
        }
    }
}

impl From<Betas> for (f32, f32) {
    fn from(betas: Betas) -> Self {
        (betas.0, betas.1)
    }
}

impl Default for Betas {
    fn default() -> Self {
        Self(0.9, 0.999)
    }
}

impl std::fmt::Display for Betas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", self.0, self.1)
    }
}

impl std::str::FromStr for Betas {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Option<Vec<f32>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some([first, second]) => Ok(Self(*first, *second)),
            _ => Err(Error::input(format!("betas '{text}' are not two numbers; write them as 0.9,0.999"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_survive_their_text() {
        for text in ["constant", "cosine", "step:0.1,30,60", "step:0.2,5", "exponential:0.95"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "cosin",
            "step",
            "step:0.1",
            "step:0.1,",
            "step:0.1,5,5",
            "step:0.1,6,5",
            "step:0,5",
            "step:x,5",
            "exponential",
            "exponential:",
            "exponential:-1",
            "exponential:nan",
            "cosine:3",
            "step:0.1,1.5",
        ] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_exponent_of_a_norm_is_1_to_infinity() {
        for (text, p) in [("1", 1.0), ("2", 2.0), ("1.5", 1.5), ("inf", f32::INFINITY), ("Inf", f32::INFINITY)] {
            assert_eq!(text.parse::<Exponent>().unwrap().get(), p);
        }
        for text in ["", "0.99", "0", "-1", "-inf", "nan", "two"] {
            assert!(text.parse::<Exponent>().is_err(), "{text}");
        }
        let json = |p: f32| serde_json::to_string(&Exponent::new(p).unwrap()).unwrap();
        assert_eq!((json(3.0), json(f32::INFINITY)), ("3.0".into(), "\"inf\"".into()));
        assert_eq!(serde_json::from_str::<Exponent>("\"inf\"").unwrap().get(), f32::INFINITY);
    }
}
