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
    /// Bytes a second, read and written together, of a sum over two arrays of each of [`Peaks::ARRAYS`] bytes: small ones
    /// stay in a cache.
    pub bytes_per_second: [f64; 4],
    /// Seconds of a dispatch that does nothing but wait for the one before.
    pub dispatch_seconds: f64,
}

const CHAIN: usize = 200;

impl Peaks {
    /// Sizes of the arrays that bandwidth is measured with.
    pub const ARRAYS: [usize; 4] = [256 << 10, 2 << 20, 16 << 20, 64 << 20];

    /// Measures, in about a second.
    ///
    /// # Errors
    /// [`crate::Error::Run`] where the device is lost, [`crate::Error::Input`] where it has no room.
    pub async fn measure(gpu: &Gpu) -> Result<Self> {
        let mut r = Recording::default();
        let rows = r.table(vec![[0; 4]]);
        let (groups, rounds) = if gpu.is_software() { (64u32, 1024u32) } else { (4096, 4096) };
        let out = r.buffer("sums", 16 * 64 * u64::from(groups));
        let [x, y] = ["x", "y"].map(|name| r.buffer(name, Self::ARRAYS[3] as u64));
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
        let stream = |bytes: usize| {
            let size4 = (bytes / 16) as u32;
            vec![dispatch(&STREAM, bytemuck::bytes_of(&Stream { size4 }), vec![x, y], size4.div_ceil(1024))]
        };
        let touch = dispatch(&TOUCH, bytemuck::bytes_of(&Touch { by: 1.0 }), vec![count], 1);
        let mut segments = vec![vec![sums], vec![touch; CHAIN]];
        segments.extend(Self::ARRAYS.map(stream));
        let program = Program::new(gpu, &r, &segments).await?;
        let mut bytes_per_second = [0.0; 4];
        for (i, bytes) in Self::ARRAYS.into_iter().enumerate() {
            bytes_per_second[i] = 3.0 * bytes as f64 / seconds(gpu, &program, 2 + i, 5).await?;
        }
        let operations = f64::from(groups) * 64.0 * f64::from(rounds) * 4.0 * 16.0 * 2.0;
        Ok(Self {
            flops: operations / seconds(gpu, &program, 0, 5).await?,
            bytes_per_second,
            dispatch_seconds: seconds(gpu, &program, 1, 5).await? / CHAIN as f64,
        })
    }

    /// The bandwidth of work on `bytes` bytes: that of the arrays which are as large together, or the next larger ones.
    pub fn bandwidth(&self, bytes: f64) -> f64 {
        let fits = Self::ARRAYS.iter().position(|array| bytes <= 2.0 * *array as f64);
        self.bytes_per_second[fits.unwrap_or(3)]
    }

    /// The least time that work of these sizes takes: T = max(operations / peak, bytes / bandwidth) + dispatches t.
    pub fn floor(&self, operations: f64, bytes: f64, dispatches: usize) -> f64 {
        (operations / self.flops).max(bytes / self.bandwidth(bytes)) + dispatches as f64 * self.dispatch_seconds
    }
}
