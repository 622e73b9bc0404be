//! Where sets of weights lie on the device, for those who copy them there.

/// One set of weights and running statistics on the device, in the arenas' layout: `Model::parameter_floats` and
/// `Model::running_floats` floats. A slot is only ever the source of copies.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// The buffer of the weights.
    pub weights: &'a wgpu::Buffer,
    /// Where they begin in it, in bytes.
    pub weights_offset: u64,
    /// The buffer of the running statistics.
    pub running: &'a wgpu::Buffer,
    /// Where they begin in it, in bytes.
    pub running_offset: u64,
}
