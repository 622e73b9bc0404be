//! A bench for kernels: buffers with contents, outputs full of sentinels, launches through the engine's own recordings.

use crate::coverage;
use lowland::gpu::{BufferId, Dispatch, Gpu, Program, Recording, TableId};
use lowland_shaders::Kernel;
use std::sync::{Mutex, PoisonError};

/// What outputs are full of before a kernel runs: a quiet NaN that no kernel computes.
pub const SENTINEL: u32 = 0x7FC5_A5A5;
/// Floats behind the end of each output, which nobody may write.
pub const GUARD: usize = 32;

/// Whose turn it is on the device. wgpu-core 30 panics where one thread's wait runs out while another empties the queue
/// ("If the queue is empty, the current submission index ..."), so tests of one process take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Buffers and launches.
#[derive(Debug, Default)]
pub struct Bench {
    /// Buffers and tables.
    pub recording: Recording,
    contents: Vec<(BufferId, Vec<u32>)>,
    /// Buffers of others that should be full of sentinels.
    pub scratch: Vec<BufferId>,
    /// The launches, run in order.
    pub dispatches: Vec<Dispatch>,
}

/// A bench that has run.
#[derive(Debug)]
pub struct Ran {
    contents: Vec<(BufferId, Vec<u32>)>,
}

impl Bench {
    /// A buffer that holds `values` and nothing more.
    pub fn input<T: bytemuck::Pod>(&mut self, label: &str, values: &[T]) -> BufferId {
        self.bits(label, bytemuck::cast_slice(values).to_vec())
    }

    /// A buffer of `floats` sentinels and a guard.
    pub fn output(&mut self, label: &str, floats: usize) -> BufferId {
        self.bits(label, vec![SENTINEL; floats + GUARD])
    }

    /// A buffer that a kernel changes: `values` and a guard.
    pub fn changed<T: bytemuck::Pod>(&mut self, label: &str, values: &[T]) -> BufferId {
        let mut bits: Vec<u32> = bytemuck::cast_slice(values).to_vec();
        bits.extend([SENTINEL; GUARD]);
        self.bits(label, bits)
    }

    /// Reads a buffer of somebody else's after the run, too; it is full of sentinels before.
    pub fn watch(&mut self, buffer: BufferId) {
        let floats = self.recording.size(buffer) as usize / 4;
        self.contents.push((buffer, vec![SENTINEL; floats]));
    }

    fn bits(&mut self, label: &str, bits: Vec<u32>) -> BufferId {
        let id = self.recording.buffer(label, 4 * bits.len() as u64);
        self.contents.push((id, bits));
        id
    }

    /// A table of the z axis.
    pub fn table(&mut self, rows: &[[u32; 4]]) -> TableId {
        self.recording.table(rows.to_vec())
    }

    /// Adds a launch over `x` workgroups and the rows of `table`.
    pub fn launch(
        &mut self,
        kernel: &'static Kernel,
        overrides: &[(&'static str, f64)],
        params: &impl bytemuck::Pod,
        table: TableId,
        buffers: &[BufferId],
        x: usize,
    ) {
        self.dispatches.push(Dispatch {
            kernel,
            overrides: overrides.to_vec(),
            params: bytemuck::bytes_of(params).to_vec(),
            table,
            buffers: buffers.to_vec(),
            groups: [x as u32, 1, self.recording.rows(table)],
        });
    }

    /// Runs the launches, `times` times over.
    ///
    /// # Panics
    /// Where the device refuses them.
    pub fn run(self, gpu: &Gpu, times: usize) -> Ran {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        coverage::launched(self.dispatches.iter().map(|dispatch| dispatch.kernel.name));
        let program = pollster::block_on(Program::new(gpu, &self.recording, &[self.dispatches])).unwrap();
        for (id, bits) in &self.contents {
            program.write(gpu, *id, bytemuck::cast_slice(bits));
        }
        for id in &self.scratch {
            let floats = program.buffer(*id).size() as usize / 4;
            program.write(gpu, *id, bytemuck::cast_slice(&vec![SENTINEL; floats]));
        }
        for _ in 0..times {
            program.run(gpu, 0);
        }
        let read = |(id, bits): &(BufferId, Vec<u32>)| {
            let bytes = pollster::block_on(program.read(gpu, *id, 4 * bits.len() as u64)).unwrap();
            (*id, bytemuck::pod_collect_to_vec(&bytes))
        };
        let contents = self.contents.iter().map(read).collect();
        gpu.check().unwrap();
        Ran { contents }
    }
}

impl Ran {
    /// The bits of a buffer, its guard included.
    ///
    /// # Panics
    /// Where the buffer is not of this bench.
    pub fn bits(&self, id: BufferId) -> &[u32] {
        &self.contents.iter().find(|(own, _)| *own == id).expect("a buffer of this bench").1
    }

    /// The buffer as floats, its guard included.
    pub fn floats(&self, id: BufferId) -> Vec<f32> {
        self.bits(id).iter().map(|bits| f32::from_bits(*bits)).collect()
    }
}
