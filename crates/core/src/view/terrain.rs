//! The landscape in three dimensions, drawn from the losses where a sweep has left them.

use super::camera::TerrainCamera;
use super::height::HeightScale;
use super::pages::{ALIGN, PAGES, Pages};
use crate::gpu::{Gpu, Pipeline, Recording, fold};
use crate::{Error, Result};
use lowland_shaders::params::{RefineHeights, Terrain as Params};
use lowland_shaders::{REFINE_HEIGHTS, TERRAIN};
use std::sync::Arc;

/// How a terrain looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TerrainStyle {
    /// Where it is seen from.
    pub camera: TerrainCamera,
    /// From losses to heights.
    pub scale: HeightScale,
    /// Contour lines between raw heights 0 and 1; 0 for none.
    pub levels: f32,
    /// Their width in pixels.
    pub line_width: f32,
    /// For a dark page.
    pub dark: bool,
    /// Whether it shows an earlier moment than the rest of the page: hatched, and greyer.
    pub stale: bool,
}

impl TerrainStyle {
    /// A style with contour lines, of what is up to date.
    pub fn new(camera: TerrainCamera, scale: HeightScale, dark: bool) -> Self {
        Self { camera, scale, levels: 20.0, line_width: 1.0, dark, stale: false }
    }
}

/// Points of a grid along each side at most.
const MOST_GRID: usize = 101;
/// Points of the refined lattice along each side at most.
const MOST_FINE: usize = 2 * (MOST_GRID - 1) + 1;
const DEPTH: wgpu::TextureFormat = wgpu::TextureFormat::Depth32Float;
/// Where the rows' table begins in a page of the refinement.
const TABLE: u64 = ALIGN;
const TABLE_BYTES: u64 = 16 * Recording::TABLE_ROWS as u64;
const REFINE_BYTES: u64 = size_of::<RefineHeights>() as u64;
const PARAMS_BYTES: u64 = size_of::<Params>() as u64;

/// Draws landscapes into textures of one format.
#[derive(Debug)]
pub struct Terrain {
    refine: Arc<Pipeline>,
    refine_pages: Pages,
    /// The losses that were drawn last, and their bind groups.
    losses: Option<(wgpu::Buffer, Vec<wgpu::BindGroup>)>,
    fine: wgpu::Buffer,
    pipeline: wgpu::RenderPipeline,
    pages: Pages,
    bind_groups: Vec<wgpu::BindGroup>,
    targets: Option<Targets>,
    format: wgpu::TextureFormat,
    samples: u32,
    /// Points of the refined lattice along each side, about.
    side: usize,
}

/// What is drawn into on the way, as large as the picture.
#[derive(Debug)]
struct Targets {
    size: [u32; 2],
    colour: Option<wgpu::TextureView>,
    depth: wgpu::TextureView,
}

impl Terrain {
    /// Makes the pipelines. A software adapter gets one sample a pixel and a coarser mesh. egui takes
    /// [`wgpu::TextureFormat::Rgba8Unorm`].
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat) -> Self {
        let samples = if gpu.is_software() { 1 } else { 4 };
        let side = if gpu.is_software() { 96 } else { 160 };
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let fine = gpu.buffer("refined heights", (16 * MOST_FINE * MOST_FINE) as u64, usage);
        let (pipeline, layout) = pipeline(gpu, format, samples);
        let pages = Pages::new(gpu, &[PARAMS_BYTES]);
        let bind_group = |page: usize| {
            let resources = [pages.part(page, 0, PARAMS_BYTES), fine.as_entire_binding()];
            bind(gpu, TERRAIN.name, &layout, resources)
        };
        Self {
            refine: gpu.pipeline(&REFINE_HEIGHTS, &[]),
            refine_pages: Pages::new(gpu, &[REFINE_BYTES, TABLE_BYTES]),
            losses: None,
            bind_groups: (0..PAGES).map(bind_group).collect(),
            fine,
            pipeline,
            pages,
            targets: None,
            format,
            samples,
            side,
        }
    }

    /// Records the picture of a grid of `grid` x `grid` losses into `target`, a view of `size` pixels of a texture with usage
    /// `RENDER_ATTACHMENT`: row by row from y = -1 on, the loss first in each pair, as [`super::Sweep::losses`] has them. The
    /// picture is transparent where there is no ground, its alpha premultiplied. One submission may hold 16 pictures.
    ///
    /// # Errors
    /// [`Error::Input`] for a grid of fewer than 2 or more than 101 points a side, or more than `losses` has.
    #[allow(clippy::too_many_arguments, reason = "what is drawn, how, and where to")]
    pub fn draw(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        target: &wgpu::TextureView,
        size: [u32; 2],
        losses: &wgpu::Buffer,
        grid: usize,
        style: &TerrainStyle,
    ) -> Result<()> {
        if !(2..=MOST_GRID).contains(&grid) || losses.size() < 8 * (grid * grid) as u64 {
            return Err(Error::input(format!(
                "a landscape of {grid} x {grid} points; 2 to {MOST_GRID} a side are possible."
            )));
        }
        if size.contains(&0) {
            return Err(Error::input("a picture of the landscape without pixels."));
        }
        let fine = self.refine(gpu, encoder, losses, grid, &style.scale);
        let page = self.pages.write(gpu, &[(0, bytemuck::bytes_of(&params(style, size, fine)))]);
        self.fit(gpu, size);
        let Some(Targets { colour, depth, .. }) = &self.targets else { return Ok(()) };
        let attachment = wgpu::RenderPassColorAttachment {
            view: colour.as_ref().unwrap_or(target),
            depth_slice: None,
            resolve_target: colour.is_some().then_some(target),
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                store: if colour.is_some() { wgpu::StoreOp::Discard } else { wgpu::StoreOp::Store },
            },
        };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some(TERRAIN.name),
            color_attachments: &[Some(attachment)],
            depth_stencil_attachment: Some(wgpu::RenderPassDepthStencilAttachment {
                view: depth,
                depth_ops: Some(wgpu::Operations { load: wgpu::LoadOp::Clear(1.0), store: wgpu::StoreOp::Discard }),
                stencil_ops: None,
            }),
            ..Default::default()
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_groups[page], &[]);
        let squares = (fine - 1) as u32;
        pass.draw(0..6 * (squares * squares + 4 * squares), 0..1);
        Ok(())
    }

    /// Records the heights on the finer lattice; how many points it has a side.
    fn refine(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        losses: &wgpu::Buffer,
        grid: usize,
        scale: &HeightScale,
    ) -> usize {
        if self.losses.as_ref().is_none_or(|(known, _)| known != losses) {
            let bind_group = |page: usize| {
                let resources = [
                    self.refine_pages.part(page, 0, REFINE_BYTES),
                    self.refine_pages.part(page, TABLE, TABLE_BYTES),
                    losses.as_entire_binding(),
                    self.fine.as_entire_binding(),
                ];
                bind(gpu, REFINE_HEIGHTS.name, &self.refine.layout, resources)
            };
            self.losses = Some((losses.clone(), (0..PAGES).map(bind_group).collect()));
        }
        // Two at least: a square of a cell that is a hole has a corner inside it.
        let by = (self.side / (grid - 1)).max(2);
        let params = RefineHeights {
            points: grid as u32,
            by: by as u32,
            log: u32::from(scale.log),
            low: scale.low,
            high: scale.high,
        };
        let fine = (grid - 1) * by + 1;
        let page = self.refine_pages.write(gpu, &[(0, bytemuck::bytes_of(&params)), (TABLE, &[0; 16])]);
        let [x, y] = fold((fine * fine).div_ceil(64));
        if let Some((_, bind_groups)) = &self.losses {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.refine.pipeline);
            pass.set_bind_group(0, &bind_groups[page], &[]);
            pass.dispatch_workgroups(x, y, 1);
        }
        fine
    }

    /// Makes textures of the picture's size, where those at hand are of another.
    fn fit(&mut self, gpu: &Gpu, size: [u32; 2]) {
        if self.targets.as_ref().is_some_and(|targets| targets.size == size) {
            return;
        }
        let texture = |format: wgpu::TextureFormat| {
            let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
                label: Some(TERRAIN.name),
                size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: self.samples,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
                view_formats: &[],
            });
            texture.create_view(&Default::default())
        };
        let colour = (self.samples > 1).then(|| texture(self.format));
        self.targets = Some(Targets { size, colour, depth: texture(DEPTH) });
    }

    /// Bytes on the device: constant, but for textures that are as large as the picture.
    pub fn bytes(&self) -> u64 {
        let pixels = self.targets.as_ref().map_or(0, |t| u64::from(t.size[0]) * u64::from(t.size[1]));
        let textures = pixels * u64::from(self.samples) * if self.samples > 1 { 8 } else { 4 };
        self.fine.size() + self.pages.buffer.size() + self.refine_pages.buffer.size() + textures
    }
}

fn params(style: &TerrainStyle, [width, height]: [u32; 2], fine: usize) -> Params {
    let camera = &style.camera;
    let view = camera.view([width as f32, height as f32]);
    // From the upper left of the picture, wherever the eye is.
    let turn = camera.azimuth - 0.85;
    let lamp = [turn.sin(), -turn.cos(), 1.15];
    let length = lamp.iter().map(|v| v * v).sum::<f32>().sqrt();
    let [lamp_x, lamp_y, lamp_z] = lamp.map(|v| v / length);
    Params {
        right_x: view.right[0],
        right_y: view.right[1],
        up_x: view.up[0],
        up_y: view.up[1],
        up_z: view.up[2],
        back_x: view.back[0],
        back_y: view.back[1],
        back_z: view.back[2],
        unit_x: view.unit[0],
        unit_y: view.unit[1],
        pan_x: view.pan[0],
        pan_y: view.pan[1],
        perspective: view.perspective,
        depth: view.depth,
        relief: camera.relief,
        middle: view.middle,
        lamp_x,
        lamp_y,
        lamp_z,
        levels: style.levels,
        line: style.line_width,
        fine: fine as u32,
        dark: f32::from(u8::from(style.dark)),
        stale: f32::from(u8::from(style.stale)),
    }
}

fn bind<const N: usize>(
    gpu: &Gpu,
    label: &str,
    layout: &wgpu::BindGroupLayout,
    resources: [wgpu::BindingResource<'_>; N],
) -> wgpu::BindGroup {
    let entries: Vec<_> =
        resources.into_iter().zip(0..).map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource }).collect();
    gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout, entries: &entries })
}

fn pipeline(gpu: &Gpu, format: wgpu::TextureFormat, samples: u32) -> (wgpu::RenderPipeline, wgpu::BindGroupLayout) {
    let device = &gpu.device;
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(TERRAIN.name),
        source: wgpu::ShaderSource::Wgsl(TERRAIN.source.into()),
    });
    let entry = |binding: u32, visibility, ty| wgpu::BindGroupLayoutEntry {
        binding,
        visibility,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(TERRAIN.name),
        entries: &[
            entry(0, wgpu::ShaderStages::VERTEX_FRAGMENT, wgpu::BufferBindingType::Uniform),
            entry(1, wgpu::ShaderStages::VERTEX, wgpu::BufferBindingType::Storage { read_only: true }),
        ],
    });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(TERRAIN.name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(TERRAIN.name),
        layout: Some(&pipeline_layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("vertex"),
            compilation_options: Default::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: Some(wgpu::DepthStencilState {
            format: DEPTH,
            depth_write_enabled: Some(true),
            depth_compare: Some(wgpu::CompareFunction::Less),
            stencil: Default::default(),
            bias: Default::default(),
        }),
        multisample: wgpu::MultisampleState { count: samples, ..Default::default() },
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("fragment"),
            compilation_options: Default::default(),
            targets: &[Some(format.into())],
        }),
        multiview_mask: None,
        cache: None,
    });
    (pipeline, layout)
}
