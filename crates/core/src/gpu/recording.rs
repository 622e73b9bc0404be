//! Work for the device as plain data: buffers, tables and dispatches. It can be printed, counted and tested without one.

use lowland_shaders::Kernel;
use std::fmt;

/// A buffer of a [`Recording`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BufferId(pub(super) usize);

/// A table of a [`Recording`]: up to [`Recording::TABLE_ROWS`] entries of four numbers in a uniform buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TableId(pub(super) usize);

/// One kernel launch: its sizes (binding 0), the table of its z axis (binding 1) and the buffers that follow.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// Which kernel.
    pub kernel: &'static Kernel,
    /// Its pipeline constants.
    pub overrides: Vec<(&'static str, f64)>,
    /// The bytes of its uniform struct.
    pub params: Vec<u8>,
    /// The table of the z axis.
    pub table: TableId,
    /// Storage buffers, in order.
    pub buffers: Vec<BufferId>,
    /// Workgroups.
    pub groups: [u32; 3],
}

/// The buffers and tables that dispatches name.
#[derive(Debug, Default)]
pub struct Recording {
    pub(super) buffers: Vec<(String, u64)>,
    pub(super) tables: Vec<Vec<[u32; 4]>>,
}

impl Recording {
    /// Entries of a table; `Rows` in `shaders/shared/rows.wgsl` has as many.
    pub const TABLE_ROWS: usize = 256;

    /// Declares a buffer of `bytes` bytes, zero at the start.
    pub fn buffer(&mut self, label: impl Into<String>, bytes: u64) -> BufferId {
        self.buffers.push((label.into(), bytes));
        BufferId(self.buffers.len() - 1)
    }

    /// Makes `buffer` at least `bytes` bytes large.
    pub fn grow(&mut self, buffer: BufferId, bytes: u64) {
        let size = &mut self.buffers[buffer.0].1;
        *size = (*size).max(bytes);
    }

    /// Bytes of `buffer`.
    pub fn size(&self, buffer: BufferId) -> u64 {
        self.buffers[buffer.0].1
    }

    /// What `buffer` is called.
    pub fn label(&self, buffer: BufferId) -> &str {
        &self.buffers[buffer.0].0
    }

    /// Declares a table.
    pub fn table(&mut self, rows: Vec<[u32; 4]>) -> TableId {
        debug_assert!(rows.len() <= Self::TABLE_ROWS);
        self.tables.push(rows);
        TableId(self.tables.len() - 1)
    }

    /// Number of rows of `table`: the z axis of a dispatch over it.
    pub fn rows(&self, table: TableId) -> u32 {
        self.tables[table.0].len() as u32
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> u64 {
        self.buffers.iter().map(|(_, bytes)| *bytes).sum()
    }

    /// The largest buffer: its name and bytes.
    pub fn largest(&self) -> (&str, u64) {
        self.buffers.iter().max_by_key(|(_, bytes)| *bytes).map_or(("", 0), |(label, bytes)| (label, *bytes))
    }
}

/// `count` workgroups as x and y: WebGPU has at most 65,535 in a direction, so more go on in y. Kernels find their place
/// with `shaders/shared/index.wgsl` and leave what is beyond their sizes alone.
pub(crate) fn fold(count: usize) -> [u32; 2] {
    let y = count.div_ceil(65_535).max(1);
    [count.div_ceil(y) as u32, y as u32]
}

impl fmt::Display for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y, z] = self.groups;
        write!(f, "{} {x}x{y}x{z}", self.kernel.name)?;
        for (name, value) in &self.overrides {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}
