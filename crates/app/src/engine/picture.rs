//! Textures that the engine draws into and egui shows.

use egui::TextureId;
use egui::mutex::RwLock;
use egui_wgpu::{RenderState, Renderer};
use std::sync::Arc;

/// A texture known to egui, until it is dropped.
pub struct Picture {
    texture: wgpu::Texture,
    id: TextureId,
    renderer: Arc<RwLock<Renderer>>,
}

/// The format of pictures: their texels are sRGB values as egui takes them.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

impl Picture {
    /// An empty picture of `size` pixels.
    pub fn new(render: &RenderState, label: &str, size: [u32; 2]) -> Self {
        let texture = texture(render, label, size);
        let view = texture.create_view(&Default::default());
        let id = render.renderer.write().register_native_texture(&render.device, &view, wgpu::FilterMode::Linear);
        Self { texture, id, renderer: Arc::clone(&render.renderer) }
    }

    /// Makes it `size` pixels large; true where it is another, empty picture now.
    pub fn resize(&mut self, render: &RenderState, label: &str, size: [u32; 2]) -> bool {
        if self.size() == size {
            return false;
        }
        self.texture = texture(render, label, size);
        let view = self.texture.create_view(&Default::default());
        let mut renderer = render.renderer.write();
        renderer.update_egui_texture_from_wgpu_texture(&render.device, &view, wgpu::FilterMode::Linear, self.id);
        true
    }

    /// The texture.
    pub fn texture(&self) -> &wgpu::Texture {
        &self.texture
    }

    /// Its name in egui.
    pub fn id(&self) -> TextureId {
        self.id
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [u32; 2] {
        [self.texture.width(), self.texture.height()]
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        self.renderer.write().free_texture(&self.id);
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture").field("id", &self.id).field("size", &self.size()).finish_non_exhaustive()
    }
}

fn texture(render: &RenderState, label: &str, [width, height]: [u32; 2]) -> wgpu::Texture {
    render.device.create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width: width.max(1), height: height.max(1), depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::TEXTURE_BINDING
            | wgpu::TextureUsages::COPY_DST
            | wgpu::TextureUsages::COPY_SRC
            | wgpu::TextureUsages::RENDER_ATTACHMENT,
        view_formats: &[],
    })
}
