//! The straight line from the left side's weights to the right one's: its training and test loss.

use super::super::Duel;
use lowland::Result;
use lowland::gpu::Gpu;
use lowland::probe::Examples;
use lowland::train::Slot;
use lowland::view::Sweep;

/// The losses on the line, of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Steps done at its moment.
    pub step: u64,
    /// Parts of the way: 0 is the left side, 1 the right one.
    pub places: Vec<f32>,
    /// Training loss.
    pub train: Vec<f32>,
    /// Test loss.
    pub test: Vec<f32>,
}

/// Measures lines.
#[derive(Debug)]
pub struct LineSweep {
    sweeps: [Sweep; 2],
    places: Vec<f32>,
    /// The step of the line that is measured, and the losses that have come back.
    measuring: Option<(u64, [Option<Vec<f32>>; 2])>,
}

/// How far the line goes on beyond both ends.
pub const BEYOND: f32 = 0.35;

impl LineSweep {
    /// Prepares lines of `points` points over `limit` training and test examples.
    ///
    /// # Errors
    /// Those of [`Sweep::new`].
    pub async fn new(gpu: &Gpu, parts: &super::Parts, limit: usize, points: usize) -> Result<Self> {
        let sweep = |examples| Sweep::new(gpu, &parts.model, &parts.data, examples, limit, points);
        let sweeps = [sweep(Examples::Train).await?, sweep(Examples::Test).await?];
        // The two ends are among the points, exactly.
        let mut places: Vec<f32> =
            (0..points).map(|i| (1.0 + 2.0 * BEYOND) * i as f32 / (points - 1) as f32 - BEYOND).collect();
        for end in [0.0, 1.0] {
            let nearest = (0..points).min_by(|a, b| (places[*a] - end).abs().total_cmp(&(places[*b] - end).abs()));
            if let Some(nearest) = nearest {
                places[nearest] = end;
            }
        }
        Ok(Self { sweeps, places, measuring: None })
    }

    /// Begins with the line between these two.
    ///
    /// # Errors
    /// Those of [`Sweep::begin`].
    pub fn begin(&mut self, gpu: &Gpu, step: u64, ends: [Slot<'_>; 2]) -> Result<()> {
        let factors: Vec<[f32; 3]> = self.places.iter().map(|t| [1.0 - t, *t, 0.0]).collect();
        for sweep in &mut self.sweeps {
            sweep.begin(gpu, [ends[0], ends[1], ends[1]], &factors)?;
        }
        self.measuring = Some((step, [None, None]));
        Ok(())
    }

    /// Submits the next slice, and returns the line once it is whole. Never waits.
    ///
    /// # Errors
    /// [`lowland::Error::Run`] where the device is lost.
    pub fn advance(&mut self, gpu: &Gpu) -> Result<Option<Line>> {
        let Some((_, found)) = &mut self.measuring else { return Ok(None) };
        for (sweep, found) in self.sweeps.iter_mut().zip(found.iter_mut()) {
            let whole = sweep.advance(gpu, 1);
            if let Some(values) = sweep.take(gpu)?.filter(|_| whole) {
                *found = Some(values.into_iter().map(|[loss, _]| loss).collect());
            }
            if !whole {
                break;
            }
        }
        if found.iter().any(Option::is_none) {
            return Ok(None);
        }
        let Some((step, [Some(train), Some(test)])) = self.measuring.take() else { return Ok(None) };
        Ok(Some(Line { step, places: self.places.clone(), train, test }))
    }

    /// Whether a line is being measured.
    pub fn is_busy(&self) -> bool {
        self.measuring.is_some()
    }

    /// Bytes on the device.
    pub fn bytes(&self) -> u64 {
        self.sweeps.iter().map(Sweep::bytes).sum()
    }
}

/// Examples that measurements use: all that the adapter can go through in good time.
pub fn examples(gpu: &Gpu, duel: &Duel) -> usize {
    const FEWEST: usize = 64;
    // Multiply-adds of a 13 x 13 sweep: a few seconds of slices between frames on a software adapter.
    let work: u64 = if gpu.is_software() { 1 << 32 } else { 1 << 40 };
    let most = if duel.data().shape.len() == 2 { 2000 } else { 512 };
    let each = 169 * duel.model().multiply_adds().max(1);
    usize::try_from(work / each).unwrap_or(usize::MAX).clamp(FEWEST, most)
}
