//! Compiled kernels, one per (kernel, override values), made on first use.

use lowland_shaders::{Access, KERNELS, Kernel};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A compiled kernel and the layout of its bind group.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

/// A kernel is known by its source: two may share a name.
type Key = (&'static str, Vec<(&'static str, u64)>);

#[derive(Debug, Default)]
pub(super) struct Pipelines {
    compiled: Mutex<HashMap<Key, Arc<Pipeline>>>,
}

impl Pipelines {
    pub(super) fn get(
        &self,
        device: &wgpu::Device,
        kernel: &'static Kernel,
        overrides: &[(&'static str, f64)],
    ) -> Arc<Pipeline> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            compiled.entry(key(kernel, overrides)).or_insert_with(|| Arc::new(compile(device, kernel, overrides))),
        )
    }

    /// Those of `wanted` that are not compiled yet, each once.
    #[cfg(target_family = "wasm")]
    pub(super) fn missing<'a>(&self, wanted: impl Iterator<Item = &'a super::Dispatch>) -> Vec<&'a super::Dispatch> {
        let compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = std::collections::HashSet::new();
        wanted
            .filter(|d| {
                !compiled.contains_key(&key(d.kernel, &d.overrides)) && seen.insert(key(d.kernel, &d.overrides))
            })
            .collect()
    }
}

fn key(kernel: &Kernel, overrides: &[(&'static str, f64)]) -> Key {
    (kernel.source, overrides.iter().map(|(name, value)| (*name, value.to_bits())).collect())
}

fn compile(device: &wgpu::Device, kernel: &Kernel, constants: &[(&str, f64)]) -> Pipeline {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(kernel.name),
        source: wgpu::ShaderSource::Wgsl(kernel.source.into()),
    };
    let ours = KERNELS.iter().any(|known| std::ptr::eq(*known, kernel));
    let module = if cfg!(debug_assertions) || !ours {
        device.create_shader_module(descriptor)
    } else {
        // SAFETY: every index of our own kernels is bounded by sizes that the plan computed, and the tests run the same
        // kernels with the checks on. Those of others keep the checks.
        unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
    };
    let entries: Vec<_> = kernel
        .bindings
        .iter()
        .zip(0..)
        .map(|(binding, index)| wgpu::BindGroupLayoutEntry {
            binding: index,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match binding.access {
                    Access::Uniform => wgpu::BufferBindingType::Uniform,
                    Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                    Access::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
                },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    let layout = device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name), entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(kernel.name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel.name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions { constants, zero_initialize_workgroup_memory: false },
        cache: None,
    });
    Pipeline { pipeline, layout }
}
