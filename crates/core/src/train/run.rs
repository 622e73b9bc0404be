//! Training in one call, for programs without a loop of their own.

use super::{Event, Snapshot, Trainer};
use crate::Result;
use crate::gpu::Gpu;
use web_time::Duration;

/// How long a chunk keeps the device busy.
const CHUNK: Duration = Duration::from_millis(50);
/// How long to wait for the device between two looks.
const PAUSE: Duration = Duration::from_millis(5);

impl Trainer {
    /// Trains to the end and returns the state there; `on_event` is told what happens on the way.
    ///
    /// It waits for the device. A program with a loop of its own (a window, a page) calls [`Trainer::tick`] there instead.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost.
    pub async fn run(&mut self, gpu: &Gpu, mut on_event: impl FnMut(Event)) -> Result<Snapshot> {
        while !self.is_finished() {
            self.tick(gpu, CHUNK)?.into_iter().for_each(&mut on_event);
            gpu.wait(PAUSE);
        }
        self.snapshot(gpu).await
    }
}
