//! Networks that compute the same with other weights: in front of an activation that lets positive factors through, a layer's
//! weights and biases may grow c-fold where the weights of the next one shrink c-fold (Dinh et al. 2017, "Sharp minima can
//! generalize for deep nets"). The largest eigenvalue of the Hessian can so be made as large as one likes.

use super::tensor::{Kind, Tensor};
use super::{Model, Place};
use crate::config::Activation;
use crate::train::LaneState;
use crate::{Error, Result};
use std::ops::Range;

/// Two layers between which a factor may be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescaling {
    /// Their names: the first grows, the second shrinks.
    pub layers: [String; 2],
    /// The tensors of the first.
    up: Range<usize>,
    /// The weight of the second.
    down: usize,
}

impl Model {
    /// The pairs of neighbouring layers between which a factor may be moved, from the input on.
    ///
    /// # Errors
    /// [`Error::Input`] where there are none, with what stands in the way.
    pub fn rescalings(&self) -> Result<Vec<Rescaling>> {
        let mut found = Vec::new();
        let mut why = None;
        for first in 0..self.layers.len() {
            if self.matrix(first).is_none() {
                continue;
            }
            match self.next_of(first) {
                Ok(Some((second, down))) => found.push(Rescaling {
                    layers: [first, second].map(|place| self.layers[place].name.clone()),
                    up: self.layers[first].parameters.clone(),
                    down,
                }),
                Ok(None) => {}
                Err(reason) => why = why.or(Some(reason)),
            }
        }
        if found.is_empty() {
            let why = why.unwrap_or_else(|| "it has only one layer with weights".to_owned());
            return Err(Error::input(format!("{} cannot be rescaled: {why}.", self.name)));
        }
        Ok(found)
    }

    /// The weight of the layer at `place`, if it has one.
    fn matrix(&self, place: usize) -> Option<usize> {
        self.layers[place]
            .parameters
            .clone()
            .find(|tensor| matches!(self.parameters[*tensor].kind, Kind::Matrix { .. }))
    }

    /// The next layer with a weight behind `first`, and that weight; nothing behind the last. Or what keeps a factor from
    /// getting there.
    fn next_of(&self, first: usize) -> std::result::Result<Option<(usize, usize)>, String> {
        let lets_through = |place: &Place| match place.layer.activation() {
            None | Some(Activation::Relu | Activation::LeakyRelu) => Ok(()),
            Some(other) => {
                let name = format!("{other:?}").to_lowercase();
                Err(format!("{name} of {} does not let a factor through, as relu does", place.name))
            }
        };
        if (first + 1..self.layers.len()).all(|place| self.matrix(place).is_none()) {
            return Ok(None);
        }
        for place in first..self.layers.len() {
            let here = &self.layers[place];
            if place > first {
                if here.branch.is_some() {
                    return Err(format!("{} adds another layer's output, which would have to grow as well", here.name));
                }
                if let Some(weight) = self.matrix(place) {
                    return Ok(Some((place, weight)));
                }
                if !here.layer.passes_scale() {
                    return Err(format!("{} normalises, so that a factor before it is lost", here.name));
                }
            }
            lets_through(here)?;
            if let Some(other) = self.layers.iter().find(|other| other.branch == Some(place)) {
                return Err(format!("{} takes the output of {}, too", other.name, here.name));
            }
        }
        Ok(None)
    }
}

impl Rescaling {
    /// Multiplies the first layer's weights and biases by `factor` and divides the second's weights by it. Gradients change
    /// the other way, so the moments do.
    ///
    /// # Errors
    /// [`Error::Input`] for a factor that is not a positive number.
    pub fn apply(&self, model: &Model, state: &mut LaneState, factor: f32) -> Result<()> {
        if !(factor.is_finite() && (1e-6..=1e6).contains(&factor)) {
            return Err(Error::input(format!("the factor is {factor}; it must be from 1e-6 to 1e6.")));
        }
        let mut scale = |tensor: &Tensor, factor: f32| {
            let times = |arena: &mut [f32], factor: f32| {
                tensor.places().for_each(|place| arena[place] *= factor);
            };
            times(&mut state.weights, factor);
            // Momentum and Adam's first moment go with the gradient, Adam's second one with its square.
            for (order, moment) in (1..).zip(&mut state.moments) {
                times(moment, factor.powi(-order));
            }
        };
        model.parameters[self.up.clone()].iter().for_each(|tensor| scale(tensor, factor));
        scale(&model.parameters[self.down], 1.0 / factor);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::model::{Model, Style};

    fn model(name: &str, activation: Activation, norm: Option<crate::config::Norm>) -> Model {
        let shape = Shape { channels: 3, height: 8, width: 8 };
        Model::parse(name, shape, 3, Style { activation, norm, dropout: 0.0 }).unwrap()
    }

    #[test]
    fn a_factor_goes_through_relus_and_pools_but_not_through_norms_and_tanh() {
        let pairs = model("mlp:6,5", Activation::Relu, None).rescalings().unwrap();
        assert_eq!(pairs.len(), 2, "{pairs:?}");
        assert!(
            !model("cnn:4,4", Activation::LeakyRelu, Some(crate::config::Norm::None)).rescalings().unwrap().is_empty()
        );
        let tanh = model("mlp:6,5", Activation::Tanh, None).rescalings().unwrap_err();
        assert!(tanh.is_input() && tanh.to_string().contains("tanh"), "{tanh}");
        let norm = model("cnn:4,4", Activation::Relu, Some(crate::config::Norm::Batch)).rescalings().unwrap_err();
        assert!(norm.to_string().contains("normalises"), "{norm}");
    }

    #[test]
    fn a_factor_and_its_inverse_leave_everything_as_it_was() {
        let model = model("mlp:6,5", Activation::Relu, None);
        let floats = model.parameter_floats();
        let weights: Vec<f32> = (0..floats).map(|i| (i % 7) as f32 - 3.0).collect();
        let before = LaneState { moments: vec![weights.clone(), weights.clone()], weights, running: Vec::new() };
        let mut state = before.clone();
        let pair = &model.rescalings().unwrap()[0];
        pair.apply(&model, &mut state, 8.0).unwrap();
        let first = &model.parameters()[0];
        assert_eq!(first.unpack(&state.weights)[1], 8.0 * first.unpack(&before.weights)[1]);
        assert_eq!(first.unpack(&state.moments[0])[1], first.unpack(&before.moments[0])[1] / 8.0);
        assert_eq!(first.unpack(&state.moments[1])[1], first.unpack(&before.moments[1])[1] / 64.0);
        let bias = &model.parameters()[3];
        assert_eq!(bias.unpack(&state.weights), bias.unpack(&before.weights), "the next bias stays");
        pair.apply(&model, &mut state, 0.125).unwrap();
        assert_eq!(state, before);
        assert!(pair.apply(&model, &mut state, f32::NAN).unwrap_err().is_input());
        assert!(pair.apply(&model, &mut state, -2.0).unwrap_err().is_input());
    }
}
