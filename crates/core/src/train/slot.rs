//! Where sets of weights lie on the device.

/// One set of weights and running statistics on the device. It is a source of copies (`copy_buffer_to_buffer`) and nothing
/// else: a [`crate::model::Model`] tells how much of it there is, 4 bytes for each of `parameter_floats` and
/// `running_floats`.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// The buffer of the weights.
    pub weights: &'a wgpu::Buffer,
    /// Where they begin, in bytes.
    pub weights_offset: u64,
    /// The buffer of the running statistics.
    pub running: &'a wgpu::Buffer,
    /// Where they begin, in bytes.
    pub running_offset: u64,
}
