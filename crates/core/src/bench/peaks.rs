//! The adapter's own peaks.

use super::seconds;
use crate::Result;
use crate::gpu::{Dispatch, Gpu, Program, Recording};
use lowland_shaders::params::{Rounds, Stream, Touch};
use lowland_shaders::{MULTIPLY_ADD, STREAM, TOUCH};

/// What the adapter can do at best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peaks {
    /// Multiplies and adds in registers, in operations a second (a multiply-add is two).
    pub flops: f64,
    /// Bytes a second, read and written together, of a sum over two arrays of 64 MiB.
    pub bytes_per_second: f64,
    /// Seconds of a dispatch that does nothing but wait for the one before.
    pub dispatch_seconds: f64,
}

const ARRAY: usize = 64 << 20;
const CHAIN: usize = 200;

impl Peaks {
    /// Measures, in about a second.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost, [`crate::Error::Input`] where it has no room.
    pub async fn measure(gpu: &Gpu) -> Result<Self> {
        let mut r = Recording::default();
        let rows = r.table(vec![[0; 4]]);
        let (groups, rounds) = if gpu.is_software() { (64u32, 1024u32) } else { (4096, 4096) };
        let out = r.buffer("sums", 16 * 64 * u64::from(groups));
        let [x, y] = ["x", "y"].map(|name| r.buffer(name, ARRAY as u64));
        let count = r.buffer("count", 16);
        let dispatch = |kernel, params: &[u8], buffers: Vec<_>, groups: u32| Dispatch {
            kernel,
            overrides: Vec::new(),
            params: params.to_vec(),
            table: rows,
            buffers,
            groups: [groups, 1, 1],
        };
        let sums = dispatch(&MULTIPLY_ADD, bytemuck::bytes_of(&Rounds { rounds }), vec![out], groups);
        let size4 = (ARRAY / 16) as u32;
        let stream = dispatch(&STREAM, bytemuck::bytes_of(&Stream { size4 }), vec![x, y], size4.div_ceil(1024));
        let touch = dispatch(&TOUCH, bytemuck::bytes_of(&Touch { by: 1.0 }), vec![count], 1);
        let program = Program::new(gpu, &r, &[vec![sums], vec![stream], vec![touch; CHAIN]]).await?;
        let operations = f64::from(groups) * 64.0 * f64::from(rounds) * 4.0 * 16.0 * 2.0;
        Ok(Self {
            flops: operations / seconds(gpu, &program, 0, 5).await?,
            bytes_per_second: 3.0 * ARRAY as f64 / seconds(gpu, &program, 1, 5).await?,
            dispatch_seconds: seconds(gpu, &program, 2, 5).await? / CHAIN as f64,
        })
    }

    /// The least time that work of these sizes takes: T = max(operations / peak, bytes / bandwidth) + dispatches t.
    pub fn floor(&self, operations: f64, bytes: f64, dispatches: usize) -> f64 {
        (operations / self.flops).max(bytes / self.bytes_per_second) + dispatches as f64 * self.dispatch_seconds
    }
}
