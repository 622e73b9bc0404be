//! Planes around each side by itself: two random directions, or the two in which its loss bends most.

use super::surface::What;
use super::*;
use crate::text::messages;
use lowland::probe::{Drawn, HessianOptions, Product, Subject as About, random_direction};
use lowland::train::LaneState;

/// The eigenvectors of both sides' Hessians with the two largest eigenvalues, and the weights where they are that.
#[derive(Debug)]
pub(super) struct Sharpest {
    states: [LaneState; 2],
    directions: [[Vec<f32>; 2]; 2],
    values: [[f64; 2]; 2],
}

/// What both sides are looked at along: w + x d1 + y d2, without making the two orthogonal. Directions that go with the
/// weights so make a picture that goes with them (Li et al. 2018).
struct Side {
    directions: [Vec<f32>; 2],
    /// The most that x and y are.
    reach: f64,
}

impl Ground {
    /// Random directions, as long as the plane's kind has them.
    pub(super) fn random(&mut self, frame: &mut Frame<'_>, begun: Begun, moment: &Moment<'_>) -> Result<()> {
        let Subject::Plane(kind) = begun.subject else { return Ok(()) };
        let (Some(snapshot), Some(normalisation)) = (frame.snapshot, kind.normalisation()) else { return Ok(()) };
        if !self.has_second() {
            return Ok(());
        }
        let mut sides = Vec::new();
        for lane in begun.lanes {
            let Some(state) = snapshot.lanes.get(lane) else { return Ok(()) };
            let draw = |which| {
                let (model, seed) = (&self.parts.model, frame.view.plane_seed);
                random_direction(model, &state.weights, Drawn::Normal, normalisation, seed, which)
            };
            sides.push(Side { directions: [0, 1].map(draw), reach: 1.0 });
        }
        let mut encoder = self.parts.gpu.device().create_command_encoder(&Default::default());
        for (side, slot) in moment.sides.into_iter().enumerate() {
            self.frozen.copy(&mut encoder, 3 * side as u64, slot);
        }
        self.parts.gpu.queue().submit([encoder.finish()]);
        self.measure_around(begun, &sides)
    }

    /// Whether there is a sweep for the second face; begins with it otherwise.
    fn has_second(&mut self) -> bool {
        let Some(tools) = &self.tools else { return false };
        if tools.sweeps.len() < 2 && self.second.is_none() {
            let (with, limit) = (self.parts.clone(), self.examples);
            let points = tools.sweeps[0].most_points();
            self.second = Some(Job::new(async move {
                Sweep::new(&with.gpu, &with.model, &with.data, Examples::Train, limit, points).await
            }));
        }
        tools.sweeps.len() >= 2
    }

    /// Begins to look for the directions in which the losses of both sides bend most, at the newest weights on the host.
    pub(super) fn ask_sharpest(&mut self, frame: &mut Frame<'_>, begun: Begun) -> Result<()> {
        if !begun.present {
            let error = Error::input(messages::PRESENT_ONLY);
            return self.without(begun, error);
        }
        let Some(snapshot) = frame.snapshot.filter(|snapshot| frame.playing || snapshot.step == begun.step) else {
            return Ok(());
        };
        let states = begun.lanes.map(|lane| snapshot.lanes.get(lane).cloned());
        let [Some(left), Some(right)] = states else { return Ok(()) };
        if !self.has_second() {
            return Ok(());
        }
        let with = self.parts.clone();
        let job = Job::new(async move {
            let about = About { gpu: &with.gpu, model: &with.model, data: &with.data, examples: Examples::Train };
            let options = HessianOptions {
                top: 2,
                trace_probes: 0,
                product: Product::Hessian,
                iterations: 120,
                tolerance: 1e-3,
                ..HessianOptions::default()
            };
            let states = [left, right];
            let (mut directions, mut values) = (Vec::new(), Vec::new());
            for state in &states {
                let found = options.measure(&about, state, &mut |_, _| {}).await?;
                let two = <[Vec<f32>; 2]>::try_from(found.vectors);
                directions.push(two.map_err(|_| Error::run(messages::TWO_DIRECTIONS))?);
                values.push([0, 1].map(|i| found.eigenvalues.get(i).copied().unwrap_or(f64::NAN)));
            }
            let whole = || Error::run(messages::NO_DIRECTIONS);
            Ok(Sharpest {
                states,
                directions: directions.try_into().map_err(|_| whole())?,
                values: values.try_into().map_err(|_| whole())?,
            })
        });
        self.phase = Phase::Sharpest(Begun { step: snapshot.step, ..begun }, job);
        Ok(())
    }

    /// The directions are known: measures along them, as far on both sides as takes the sharper one up by about 2.
    pub(super) fn along(&mut self, begun: Begun, sharpest: Sharpest) -> Result<()> {
        let Sharpest { states, directions, values } = sharpest;
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        let length = |state: &LaneState| state.weights.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
        let longest = states.iter().map(length).fold(1e-3, f64::max);
        let half = (4.0 / most.max(1e-9)).sqrt().min(longest);
        let gpu = Rc::clone(&self.parts.gpu);
        for (side, state) in states.iter().enumerate() {
            self.frozen.write(gpu.queue(), 3 * side as u64, &state.weights, &state.running);
        }
        let sides: Vec<Side> = directions.into_iter().map(|directions| Side { directions, reach: half }).collect();
        self.measure_around(Begun { curvatures: Some(values), ..begun }, &sides)
    }

    /// Begins with the losses around both sides, whose weights lie in their places.
    fn measure_around(&mut self, begun: Begun, sides: &[Side]) -> Result<()> {
        let gpu = Rc::clone(&self.parts.gpu);
        let mut faces = Vec::new();
        for (side, Side { directions, reach }) in sides.iter().enumerate() {
            let length = |d: &Vec<f32>| d.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            let [length, other] = [0, 1].map(|which| length(&directions[which]));
            if !(length > 0.0 && other > 0.0 && length.is_finite() && other.is_finite()) {
                return self.without(begun, Error::input(messages::ZERO_FILTERS));
            }
            let first = 3 * side as u64;
            for (set, direction) in directions.iter().enumerate() {
                self.frozen.write_direction(gpu.queue(), first + 1 + set as u64, direction);
            }
            let square = Square { middle: [0.0; 2], half: *reach };
            let mut points: Vec<[f32; 3]> = square.grid(begun.grid).map(|[x, y]| [1.0, x as f32, y as f32]).collect();
            points.push([1.0, 0.0, 0.0]);
            let sources = [0, 1, 2].map(|set| self.frozen.slot(first + set));
            if let Some(sweep) = self.tools.as_mut().and_then(|tools| tools.sweeps.get_mut(side)) {
                sweep.begin(&gpu, sources, &points)?;
            }
            let marks = vec![Mark { what: What::Side(side), at: [0.0; 2], loss: f32::NAN }];
            faces.push(Face { losses: Vec::new(), half: (reach * length) as f32, marks, paths: Default::default() });
        }
        self.begin_line(begun)?;
        self.phase = Phase::Sweep { surface: begun.surface(faces), values: vec![None, None] };
        Ok(())
    }
}
