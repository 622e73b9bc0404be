//! `lowland doctor`.

use crate::args::DoctorArgs;
use crate::print::out;
use anyhow::Result;
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

pub fn doctor(args: &DoctorArgs) -> Result<ExitCode> {
    let adapters = pollster::block_on(lowland::gpu::adapters());
    // Opening it is the proof that it works, and says what to install where there is none.
    let gpu = args.common.gpu()?;
    let chosen = gpu.info();
    let (kernels, what) = match gpu.family() {
        lowland::gpu::Family::Shared => ("gpu", "workgroup memory"),
        lowland::gpu::Family::Register => ("cpu", "registers only"),
        lowland::gpu::Family::Subgroup => ("cpu", "registers and subgroups"),
    };
    if args.common.json {
        out(&format!("{:#}", json!({"adapters": adapters, "chosen": chosen.name, "kernels": kernels})))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for adapter in &adapters {
        let mark = if adapter.name == chosen.name && adapter.backend == chosen.backend.to_string() { "*" } else { " " };
        let _ = writeln!(text, "{mark} {} ({}, {})", adapter.name, adapter.kind, adapter.backend);
        let _ = writeln!(text, "    driver: {}", adapter.driver);
        let _ = writeln!(
            text,
            "    binding up to {} MiB, buffer up to {} MiB, {} storage bindings, {} KiB workgroup memory",
            adapter.max_binding_bytes >> 20,
            adapter.max_buffer_bytes >> 20,
            adapter.storage_bindings,
            adapter.workgroup_bytes >> 10
        );
        let features = if adapter.features.is_empty() { "none".into() } else { adapter.features.join(", ") };
        let _ = writeln!(text, "    optional features: {features}");
    }
    let _ = write!(
        text,
        "\nChosen: {} with the {kernels} kernels ({what}); --adapter NAME takes another one.",
        chosen.name
    );
    if gpu.is_software() {
        text.push_str("\nIt computes on the CPU. If this machine has a graphics card, its Vulkan driver is missing.");
    }
    out(&text)?;
    Ok(ExitCode::SUCCESS)
}
