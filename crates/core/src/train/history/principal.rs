//! The plane that a path spreads most in: principal component analysis of the entries.

use super::History;
use crate::eigen::eigen;
use crate::gpu::Gpu;
use crate::plan::{HistorySegment, MOST_CHOSEN};
use crate::train::Slot;
use crate::{Error, Result};

/// The first two principal directions of a path, which [`History::directions`] then holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// The share of the entries' variance along each.
    pub variance: [f64; 2],
    /// The newest step that is in them.
    pub step: u64,
    /// Sets of weights that they are made of.
    pub sets: usize,
}

/// The sets that were asked for.
#[derive(Debug)]
pub(super) struct Path {
    /// Places in the buffer of weights.
    places: Vec<u32>,
    /// Index of the last set of the first lane.
    last: usize,
    step: u64,
    course: u64,
}

impl Path {
    /// Whether a set of the entry at `place` is among them.
    pub(super) fn has_entry(&self, place: usize, lanes: usize) -> bool {
        self.places.iter().any(|set| *set as usize / lanes == place)
    }
}

const NONE: u32 = u32::MAX;

impl History {
    /// Asks for the principal directions of the path of `lanes`, all entries in common, evenly thinned to at most 64 sets of
    /// weights; [`History::take_principal`] has the answer some frames later. False, and nothing is asked, while an answer
    /// is on its way, and where there are fewer than three sets.
    pub fn ask_principal(&mut self, gpu: &Gpu, lanes: &[usize]) -> bool {
        let lanes: Vec<usize> = lanes.iter().copied().filter(|lane| *lane < self.lanes).collect();
        // Half of the square of sets, times the parameters, is the work of one dispatch.
        let affordable = (2.0 * self.work as f64 / self.parameters.max(1) as f64).sqrt() as usize;
        let each = affordable.clamp(3, MOST_CHOSEN) / lanes.len().max(1);
        let count = each.min(self.entries.len());
        if self.path.is_some() || count < 2 || count * lanes.len() < 3 {
            return false;
        }
        let chosen = |i: usize| self.entries[i * (self.entries.len() - 1) / (count - 1)];
        let step = chosen(count - 1).step;
        let mut places = Vec::with_capacity(count * lanes.len());
        for lane in lanes {
            places.extend((0..count).map(|i| (chosen(i).place * self.lanes + lane) as u32));
        }
        let mut list = places.clone();
        list.resize(MOST_CHOSEN, NONE);
        self.program.write(gpu, self.plan.buffers.chosen, bytemuck::cast_slice(&list));
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let segment = self.plan.index(HistorySegment::Gram);
        self.program.prepare(gpu, segment);
        self.program.encode(&mut encoder.begin_compute_pass(&Default::default()), segment);
        let gram = self.plan.buffers.gram;
        let bytes = self.plan.recording.size(gram);
        self.products.copy(&mut encoder, self.program.buffer(gram), 0, 0, bytes);
        gpu.queue.submit([encoder.finish()]);
        self.products.map(bytes);
        self.path = Some(Path { last: count - 1, step, course: self.course, places });
        true
    }

    /// The answer to [`History::ask_principal`], once it has arrived; it never waits. With it the directions are made, of the
    /// entries as they were when it was asked for.
    ///
    /// # Errors
    /// [`Error::Input`] where the entries lie on one line or are no numbers; [`Error::Run`] where the device is lost.
    pub fn take_principal(&mut self, gpu: &Gpu) -> Result<Option<Principal>> {
        gpu.poll();
        gpu.check()?;
        if self.path.is_none() {
            return Ok(None);
        }
        let Some(bytes) = self.products.take()? else { return Ok(None) };
        let Some(path) = self.path.take() else { return Ok(None) };
        if path.course != self.course {
            return Ok(None);
        }
        let lower: Vec<f32> = bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect();
        let n = path.places.len();
        let product = |i: usize, j: usize| f64::from(lower[i.max(j) * MOST_CHOSEN + i.min(j)]);
        let gram: Vec<f64> = (0..n * n).map(|at| product(at / n, at % n)).collect();
        let (factors, variance) = principal_factors(&gram, n, path.last)?;
        let mut table = vec![0.0f32; 2 * MOST_CHOSEN];
        for (to, from) in table.chunks_mut(MOST_CHOSEN).zip(&factors) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from as f32);
        }
        self.program.write(gpu, self.plan.buffers.factors, bytemuck::cast_slice(&table));
        let segment = self.plan.index(HistorySegment::Directions);
        self.program.prepare(gpu, segment);
        self.program.run(gpu, segment);
        Ok(Some(Principal { variance, step: path.step, sets: n }))
    }

    /// The directions of the last [`Principal`], each of length 1; zero before the first one.
    pub fn directions(&self) -> [Slot<'_>; 2] {
        [0, 1].map(|which| Slot {
            weights: self.program.buffer(self.plan.buffers.directions),
            weights_offset: (4 * which * self.parameters) as u64,
            running: self.program.buffer(self.plan.buffers.directions_running),
            running_offset: (4 * which * self.running) as u64,
        })
    }
}

/// The factors of the sets in the first two principal directions, and their shares of the variance. `gram` are the products
/// of the differences to the first set. Along each direction the set `last` lies ahead of the first one.
pub(crate) fn principal_factors(gram: &[f64], n: usize, last: usize) -> Result<([Vec<f64>; 2], [f64; 2])> {
    // Around the mean instead of the first set.
    let means: Vec<f64> = gram.chunks(n).map(|row| row.iter().sum::<f64>() / n as f64).collect();
    let mean = means.iter().sum::<f64>() / n as f64;
    let centred = (0..n * n).map(|at| gram[at] - means[at / n] - means[at % n] + mean).collect();
    let pairs = eigen(centred, n);
    let total: f64 = pairs.iter().map(|(value, _)| value.max(0.0)).sum();
    let [(first, _), (second, _)] = [&pairs[0], &pairs[1]];
    // Sums in f32 cannot tell more.
    if !(*second > 1e-6 * first && total.is_finite()) {
        return Err(Error::input(
            "the path lies on one line, so no plane is its own; train on, or take another plane.",
        ));
    }
    let direction = |(value, vector): &(f64, Vec<f64>)| {
        let mean = vector.iter().sum::<f64>() / n as f64;
        let sign = if vector[last] < vector[0] { -1.0 } else { 1.0 };
        vector.iter().map(|v| sign * (v - mean) / value.sqrt()).collect()
    };
    Ok(([direction(&pairs[0]), direction(&pairs[1])], [first / total, second / total]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of an ellipse with half-axes 3 and 1 that is turned and moved in four dimensions.
    #[test]
    fn the_axes_of_an_ellipse() {
        let (e1, e2) = ([0.6, 0.8, 0.0, 0.0], [0.0, 0.0, 0.8, -0.6]);
        let n = 16;
        let point = |i: usize| -> Vec<f64> {
            let (y, x) = (i as f64 * std::f64::consts::TAU / n as f64).sin_cos();
            (0..4).map(|k| 7.0 + 3.0 * x * e1[k] + y * e2[k]).collect()
        };
        let points: Vec<_> = (0..n).map(point).collect();
        let minus = |i: usize, k: usize| points[i][k] - points[0][k];
        let product = |at: usize| (0..4).map(|k| minus(at / n, k) * minus(at % n, k)).sum();
        let gram: Vec<f64> = (0..n * n).map(product).collect();
        let (factors, variance) = principal_factors(&gram, n, 8).unwrap();
        assert!((variance[0] - 0.9).abs() < 1e-12 && (variance[1] - 0.1).abs() < 1e-12, "{variance:?}");
        let direction = |f: &[f64]| -> Vec<f64> { (0..4).map(|k| (0..n).map(|i| f[i] * minus(i, k)).sum()).collect() };
        // Point 8 lies opposite the first, against e1.
        let (u, v) = (direction(&factors[0]), direction(&factors[1]));
        assert!(u.iter().zip(e1).all(|(u, e)| (u + e).abs() < 1e-12), "{u:?}");
        assert!(v.iter().zip(e2).all(|(v, e)| (v.abs() - f64::abs(e)).abs() < 1e-12), "{v:?}");
    }

    #[test]
    fn a_line_has_no_plane() {
        let gram: Vec<f64> = (0..25).map(|at| ((at / 5) * (at % 5)) as f64).collect();
        assert!(principal_factors(&gram, 5, 4).unwrap_err().is_input());
        assert!(principal_factors(&[0.0; 9], 3, 2).is_err());
        assert!(principal_factors(&[f64::NAN; 9], 3, 2).is_err());
    }
}
