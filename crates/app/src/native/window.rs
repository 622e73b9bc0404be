//! How the window is made: the device behind it and its icon.

use eframe::egui;
use egui_wgpu::{WgpuSetup, WgpuSetupCreateNew};
use lowland::gpu::Gpu;
use lowland_app::window_text as text;
use std::sync::Arc;

/// Our device on the adapter that is asked for, or the best one: discrete, then integrated, software last.
pub fn setup(wanted: Option<String>) -> WgpuSetup {
    let wanted = wanted.unwrap_or_default().to_lowercase();
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(Gpu::device_descriptor);
    setup.native_adapter_selector = Some(Arc::new(move |adapters, surface| {
        let fits = adapters.iter().filter(|adapter| {
            let named = adapter.get_info().name.to_lowercase().contains(&wanted);
            named && surface.is_none_or(|surface| adapter.is_surface_supported(surface))
        });
        let rank = |adapter: &&wgpu::Adapter| match adapter.get_info().device_type {
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            wgpu::DeviceType::VirtualGpu => 2,
            wgpu::DeviceType::Other => 3,
            wgpu::DeviceType::Cpu => 4,
        };
        fits.min_by_key(rank).cloned().ok_or_else(|| text::NO_ADAPTER_DRAWS.to_owned())
    }));
    WgpuSetup::CreateNew(setup)
}

/// The two valleys of the logo.
pub fn icon() -> egui::IconData {
    const SIDE: u32 = 64;
    let mut rgba = Vec::new();
    for pixel in 0..SIDE * SIDE {
        let (x, y) = ((pixel % SIDE) as f32 / 32.0 - 1.0, (pixel / SIDE) as f32 / 32.0 - 1.0);
        // Distance to a parabola, by its slope.
        let far =
            |width: f32| (y - 0.6 + 1.3 * (x / width).powi(2)).abs() / (1.0 + (2.6 * x / width.powi(2)).powi(2)).sqrt();
        let color = match () {
            () if far(0.3) < 0.09 && y > -0.7 => [0xf5, 0xa0, 0x3a, 0xff],
            () if far(0.9) < 0.09 => [0x58, 0xb4, 0xf2, 0xff],
            () => [0x0d, 0x14, 0x17, 0xff],
        };
        rgba.extend(color);
    }
    egui::IconData { rgba, width: SIDE, height: SIDE }
}
