//! The pictures of a probe.
use super::files::Folder;
use crate::args::SurfaceArgs;
use anyhow::Result;
use lowland::gpu::Gpu;
use lowland::probe::{Line, Surface};
use std::path::PathBuf;

pub fn line(_line: &Line, _files: [&PathBuf; 2]) -> String {
    String::new()
}

pub fn surfaces(_gpu: &Gpu, _folder: &Folder, _surfaces: &[(String, Surface)], _args: &SurfaceArgs) -> Result<()> {
    Ok(())
}
