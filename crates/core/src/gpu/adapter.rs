//! Finding and choosing an adapter.

use crate::{Error, Result};
use wgpu::DeviceType;

/// What `lowland doctor` tells of an adapter.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AdapterReport {
    /// The adapter's name.
    pub name: String,
    /// discrete, integrated, virtual, software or other.
    pub kind: &'static str,
    /// Vulkan, Metal, DX12 or WebGPU.
    pub backend: String,
    /// Driver and version.
    pub driver: String,
    /// Largest storage binding in bytes.
    pub max_binding_bytes: u64,
    /// Largest buffer in bytes.
    pub max_buffer_bytes: u64,
    /// Storage buffers per kernel.
    pub storage_bindings: u32,
    /// Workgroup memory in bytes.
    pub workgroup_bytes: u32,
    /// Optional features that make kernels faster where they are there.
    pub features: Vec<&'static str>,
}

/// What the kernels run on. An interface in the same program may bring OpenGL, which has too few storage buffers.
const BACKENDS: wgpu::Backends = wgpu::Backends::PRIMARY;

fn instance() -> wgpu::Instance {
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    wgpu::Instance::new(wgpu::InstanceDescriptor { backends: BACKENDS, ..descriptor })
}

fn rank(adapter: &wgpu::Adapter) -> u8 {
    match adapter.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    }
}

async fn found() -> Vec<wgpu::Adapter> {
    let instance = instance();
    #[cfg(not(target_family = "wasm"))]
    let mut adapters = instance.enumerate_adapters(BACKENDS).await;
    #[cfg(target_family = "wasm")]
    let mut adapters: Vec<_> = instance.request_adapter(&Default::default()).await.into_iter().collect();
    adapters.sort_by_key(rank);
    adapters
}

/// All adapters of this machine, the best first.
pub async fn adapters() -> Vec<AdapterReport> {
    found().await.iter().map(report).collect()
}

fn report(adapter: &wgpu::Adapter) -> AdapterReport {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let optional = [
        (wgpu::Features::SUBGROUP, "subgroups"),
        (wgpu::Features::SHADER_F16, "f16"),
        (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
        (wgpu::Features::PIPELINE_CACHE, "pipeline cache"),
    ];
    AdapterReport {
        name: info.name,
        kind: match info.device_type {
            DeviceType::DiscreteGpu => "discrete",
            DeviceType::IntegratedGpu => "integrated",
            DeviceType::VirtualGpu => "virtual",
            DeviceType::Cpu => "software",
            DeviceType::Other => "other",
        },
        backend: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        max_binding_bytes: limits.max_storage_buffer_binding_size,
        max_buffer_bytes: limits.max_buffer_size,
        storage_bindings: limits.max_storage_buffers_per_shader_stage,
        workgroup_bytes: limits.max_compute_workgroup_storage_size,
        features: optional.into_iter().filter(|(f, _)| features.contains(*f)).map(|(_, name)| name).collect(),
    }
}

/// The best adapter whose name contains `wanted`.
pub(super) async fn choose(wanted: Option<&str>) -> Result<wgpu::Adapter> {
    let adapters = found().await;
    if adapters.is_empty() {
        return Err(Error::input(
            "no GPU adapter found: neither Vulkan, Metal nor DX12 answers. Install the driver of your graphics card, or a \
             software driver (Debian and Ubuntu: apt-get install mesa-vulkan-drivers; Fedora: dnf install \
             mesa-vulkan-drivers); `lowland doctor` shows what is there.",
        ));
    }
    let Some(wanted) = wanted else {
        return adapters.into_iter().next().ok_or_else(|| Error::input("no GPU adapter found."));
    };
    let names: Vec<String> = adapters.iter().map(|a| a.get_info().name).collect();
    adapters
        .into_iter()
        .find(|a| a.get_info().name.to_lowercase().contains(&wanted.to_lowercase()))
        .ok_or_else(|| Error::input(format!("no adapter is called '{wanted}'; there are: {}.", names.join(", "))))
}
