//! Where a path lies on a plane of weights.

use super::{Entry, History, copy};
use crate::gpu::Gpu;
use crate::plan::HistorySegment;
use crate::train::{Slot, Trainer};
use crate::{Error, Result};

/// The axes of a plane.
#[derive(Clone, Copy, Debug)]
pub enum Axes<'a> {
    /// From the origin to these two sets of weights.
    Through([Slot<'a>; 2]),
    /// Along these two directions.
    Along([Slot<'a>; 2]),
}

/// The foot of a set of weights on a plane: it is origin + x b1 + y b2, and `off` is the distance from there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// Part of the first axis.
    pub x: f64,
    /// Part of the second axis.
    pub y: f64,
    /// Distance from the plane.
    pub off: f64,
}

/// Where a path lies on a plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinates {
    /// The step of each entry and the places of its lanes.
    pub entries: Vec<(u64, Vec<Place>)>,
    /// The same of the weights at present, where a trainer was given.
    pub present: Option<(u64, Vec<Place>)>,
    /// w + e of the last step, for lanes that climb.
    pub ascent: Vec<Option<Place>>,
    /// The products b1 . b1, b1 . b2 and b2 . b2 of the axes.
    pub axes: [f64; 3],
}

/// What was asked for and is on its way.
#[derive(Debug)]
pub(super) struct Asked {
    entries: Vec<Entry>,
    present: Option<u64>,
    climbs: Vec<bool>,
    course: u64,
}

impl History {
    /// Asks where all entries, and the present weights of `trainer`, lie on the plane through `origin` with these axes;
    /// [`History::take_coordinates`] has the answer some frames later. False, and nothing is asked, while an answer is on
    /// its way.
    ///
    /// # Errors
    /// [`Error::Input`] where the trainer's lanes or network are others.
    pub fn ask_coordinates(
        &mut self,
        gpu: &Gpu,
        origin: Slot<'_>,
        axes: Axes<'_>,
        trainer: Option<&Trainer>,
    ) -> Result<bool> {
        trainer.map_or(Ok(()), |trainer| self.check(trainer))?;
        if self.asked.is_some() {
            return Ok(false);
        }
        let (b, size) = (self.plan.buffers, self.parameters);
        let (axes, segment) = match axes {
            Axes::Through(axes) => (axes, HistorySegment::DotsThrough),
            Axes::Along(axes) => (axes, HistorySegment::DotsAlong),
        };
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        for (i, slot) in [origin, axes[0], axes[1]].into_iter().enumerate() {
            let plane = self.program.buffer(b.plane);
            copy(&mut encoder, (slot.weights, slot.weights_offset), (plane, i * size), size);
        }
        let mut climbs = vec![false; self.lanes];
        for (lane, climbs) in climbs.iter_mut().enumerate() {
            let Some(trainer) = trainer else { break };
            let ascent = trainer.ascent_slot(lane);
            *climbs = ascent.is_some();
            for (set, slot) in [Some(trainer.slot(lane)), ascent].into_iter().enumerate() {
                let Some(slot) = slot else { continue };
                let to = ((self.capacity + set) * self.lanes + lane) * size;
                let weights = self.program.buffer(b.weights);
                copy(&mut encoder, (slot.weights, slot.weights_offset), (weights, to), size);
            }
        }
        let segment = self.plan.index(segment);
        self.program.prepare(gpu, segment);
        self.program.encode(&mut encoder.begin_compute_pass(&Default::default()), segment);
        let [dots, axes] =
            [b.dots, b.axes].map(|buffer| (self.program.buffer(buffer), self.plan.recording.size(buffer)));
        self.coordinates.copy(&mut encoder, dots.0, 0, 0, dots.1);
        self.coordinates.copy(&mut encoder, axes.0, 0, dots.1, axes.1);
        gpu.queue.submit([encoder.finish()]);
        self.coordinates.map(dots.1 + axes.1);
        let present = trainer.map(Trainer::submitted);
        self.asked = Some(Asked { entries: self.entries.clone(), present, climbs, course: self.course });
        Ok(true)
    }

    /// The answer to [`History::ask_coordinates`], once it has arrived; it never waits.
    ///
    /// # Errors
    /// [`Error::Input`] where both axes lie on one line, so that there is no plane; [`Error::Run`] where the device is lost.
    pub fn take_coordinates(&mut self, gpu: &Gpu) -> Result<Option<Coordinates>> {
        gpu.poll();
        gpu.check()?;
        if self.asked.is_none() {
            return Ok(None);
        }
        let Some(bytes) = self.coordinates.take()? else { return Ok(None) };
        let Some(asked) = self.asked.take() else { return Ok(None) };
        if asked.course != self.course {
            return Ok(None);
        }
        let products: Vec<[f64; 3]> = bytes
            .chunks_exact(16)
            .map(bytemuck::pod_read_unaligned::<[f32; 4]>)
            .map(|[first, second, square, _]| [first, second, square].map(f64::from))
            .collect();
        let after = products.len() - 3;
        let axes = [products[after + 1][0], products[after + 1][1], products[after + 2][1]];
        let [a, b, c] = axes;
        let determinant = a * c - b * b;
        // Sums in f32 cannot tell more.
        if !(determinant > 1e-6 * a * c && determinant.is_finite()) {
            return Err(Error::input("the axes of the plane lie on one line, so there is no plane through them."));
        }
        let place = |[first, second, square]: [f64; 3]| {
            let x = (c * first - b * second) / determinant;
            let y = (a * second - b * first) / determinant;
            Place { x, y, off: (square - x * first - y * second).max(0.0).sqrt() }
        };
        let set = |number: usize| products[number * self.lanes..][..self.lanes].iter().copied().map(place).collect();
        let ascent: Vec<Place> = set(self.capacity + 1);
        Ok(Some(Coordinates {
            entries: asked.entries.iter().map(|entry| (entry.step, set(entry.place))).collect(),
            present: asked.present.map(|step| (step, set(self.capacity))),
            ascent: asked.climbs.iter().zip(ascent).map(|(climbs, place)| climbs.then_some(place)).collect(),
            axes,
        }))
    }
}

impl Coordinates {
    /// The place in lengths of weights, on perpendicular axes: the first along b1, the second on the side of b2. Distances
    /// between places are then those between weights.
    pub fn in_lengths(&self, place: Place) -> [f64; 2] {
        let [a, b, c] = self.axes;
        let along = b / a;
        [a.sqrt() * (place.x + along * place.y), (c - along * b).max(0.0).sqrt() * place.y]
    }
}
