//! Lowland's compute kernels: WGSL text, and what `build.rs` read out of it with naga.
//!
//! Every kernel is one file under `data/`, `layers/`, `optim/`, `probe/` or `view/`, has the entry point `main` and binds group 0.
//! [`KERNELS`] lists them all, and [`RENDER_SHADERS`] the few shaders that draw, whose entry points are `vertex` and
//! `fragment`; each also has a constant of its own name. The uniform structs that they declare are here as Rust structs of
//! the same name and layout ([`params`]), so neither side can drift from the other.

/// One compute kernel.
#[derive(Debug)]
pub struct Kernel {
    /// The file's name without ending, for instance `softmax_cross_entropy`.
    pub name: &'static str,
    /// WGSL with all imports resolved.
    pub source: &'static str,
    /// Invocations per workgroup (workgroups are one-dimensional).
    pub workgroup_size: u32,
    /// What group 0 binds, in order of the binding index.
    pub bindings: &'static [Binding],
    /// Names of the pipeline-overridable constants.
    pub overrides: &'static [&'static str],
}

/// A shader that draws: its entry points are `vertex` and `fragment`.
#[derive(Debug)]
pub struct RenderShader {
    /// The file's name without ending.
    pub name: &'static str,
    /// WGSL with all imports resolved.
    pub source: &'static str,
    /// What group 0 binds, in order of the binding index.
    pub bindings: &'static [Binding],
}

/// One entry of a kernel's bind group.
#[derive(Debug)]
pub struct Binding {
    /// The variable's name in WGSL.
    pub name: &'static str,
    /// How the kernel uses it.
    pub access: Access,
}

/// How a kernel uses a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A uniform buffer.
    Uniform,
    /// A storage buffer that is only read.
    Read,
    /// A storage buffer that is written.
    ReadWrite,
}

#[allow(missing_docs, reason = "the WGSL beside each constant says what it is")]
mod generated {
    use super::{Access, Binding, Kernel, RenderShader};
    include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
}
pub use generated::*;
