//! How fast this adapter is, how fast the kernels are on it, and how close a whole step comes to what is possible.
//!
//! Every figure is a fraction of peaks that [`Peaks::measure`] finds on the adapter at hand with kernels of its own; nothing
//! is taken from a data sheet.

mod curvature;
mod kernels;
mod peaks;
mod step;
mod surface;

pub use curvature::{CurvatureBench, CurvatureTime};
pub use kernels::{KernelTime, time_kernels};
pub use peaks::Peaks;
pub use step::{StepBench, StepTime, Steps, dataset};
pub use surface::{SurfaceBench, SurfaceTime};

use crate::Result;
use crate::gpu::{Gpu, Program};
use web_time::Instant;

/// A measurement lasts about this long, which drowns the cost of a submission.
const LONG_ENOUGH: f64 = 0.03;

/// Seconds of one run of `segment`: the median of `samples` submissions of as many runs as last long enough.
async fn seconds(gpu: &Gpu, program: &Program, segment: usize, samples: usize) -> Result<f64> {
    // The first run compiles.
    timed(gpu, program, segment, 1).await?;
    let mut runs = 1;
    while runs < 1 << 16 && timed(gpu, program, segment, runs).await? < 0.5 * LONG_ENOUGH {
        runs *= 2;
    }
    let mut times = Vec::new();
    for _ in 0..samples {
        times.push(timed(gpu, program, segment, runs).await? / runs as f64);
    }
    Ok(median(&mut times))
}

async fn timed(gpu: &Gpu, program: &Program, segment: usize, runs: usize) -> Result<f64> {
    let start = Instant::now();
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    for _ in 0..runs {
        program.encode(&mut pass, segment);
    }
    drop(pass);
    let done = program.end_of(gpu, encoder).await;
    done.map(|()| start.elapsed().as_secs_f64())
}

/// The value in the middle; the larger one of two. 0 for none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
