//! Paints the classes that a field sees into a texture.

use super::Field;
use super::pages::{ALIGN, PAGES, Pages};
use crate::gpu::{Gpu, Pipeline, Recording, fold};
use crate::{Error, Result};
use lowland_shaders::PAINT_FIELD;
use lowland_shaders::params::PaintField;
use std::sync::Arc;

/// How a field looks. Colours are sRGB from 0 to 1, as a theme has them, and are mixed as such.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldStyle {
    /// A colour for each class, where the network is sure of it; further classes begin again.
    pub classes: Vec<[f32; 3]>,
    /// Where the network is unsure.
    pub neutral: [f32; 3],
    /// The line between classes, and how opaque it is.
    pub line: [f32; 4],
    /// Its width in pixels.
    pub line_width: f32,
    /// How opaque the lines are where the higher of two classes has 90 and 99 %; 0 for none.
    pub isolines: f32,
}

/// Draws the rows of one grid [`Field`], as they are on the device.
#[derive(Debug)]
pub struct FieldPainter {
    pipeline: Arc<Pipeline>,
    pages: Pages,
    bind_groups: Vec<wgpu::BindGroup>,
    image: wgpu::Buffer,
    params: PaintField,
    rows: usize,
    colours: u64,
}

/// Where the rows' table and the colours begin in a page, and the bytes of the table.
const TABLE: u64 = ALIGN;
const TABLE_BYTES: u64 = 16 * Recording::TABLE_ROWS as u64;
const COLOURS: u64 = TABLE + TABLE_BYTES;

impl FieldPainter {
    /// A painter of pictures of `field` with up to `most_pixels` pixels.
    ///
    /// # Errors
    /// [`Error::Input`] for a field that is no grid, and for pictures that do not fit the adapter.
    pub fn new(gpu: &Gpu, field: &Field, most_pixels: usize) -> Result<Self> {
        let Some([grid_width, grid_height]) = field.size() else {
            return Err(Error::input("only a field over a grid can be painted."));
        };
        let bytes = 4 * most_pixels as u64;
        if bytes > gpu.max_binding() {
            return Err(Error::input(format!("a picture of {most_pixels} pixels does not fit the adapter.")));
        }
        let classes4 = field.classes().div_ceil(4);
        let colours = 16 * (field.classes() as u64 + 2);
        let pages = Pages::new(gpu, &[size_of::<PaintField>() as u64, TABLE_BYTES, colours]);
        let image = gpu.buffer("painted field", bytes, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
        let pipeline = gpu.pipeline(&PAINT_FIELD, &[]);
        let bind_group = |page: usize| {
            let resources = [
                pages.part(page, 0, size_of::<PaintField>() as u64),
                pages.part(page, TABLE, TABLE_BYTES),
                field.logits().as_entire_binding(),
                pages.part(page, COLOURS, colours),
                image.as_entire_binding(),
            ];
            let entries = resources.into_iter().zip(0..);
            let entries: Vec<_> =
                entries.map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource }).collect();
            gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(PAINT_FIELD.name),
                layout: &pipeline.layout,
                entries: &entries,
            })
        };
        let bind_groups = (0..PAGES).map(bind_group).collect();
        let params = PaintField {
            grid_width: grid_width as u32,
            grid_height: grid_height as u32,
            classes: field.classes() as u32,
            classes4: classes4 as u32,
            stride: (field.inputs() * classes4) as u32,
            ..PaintField::default()
        };
        Ok(Self { pipeline, pages, bind_groups, image, params, rows: field.rows(), colours })
    }

    /// Records the picture of `row` into `texture`: opaque, in the format that egui takes
    /// ([`wgpu::TextureFormat::Rgba8Unorm`], usages `COPY_DST` and `TEXTURE_BINDING`), its width a multiple of 64. One
    /// submission may hold 16 pictures.
    ///
    /// # Errors
    /// [`Error::Input`] for a row that is not there, or a texture of another width or more pixels than the painter paints.
    pub fn paint(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        row: usize,
        texture: &wgpu::Texture,
        style: &FieldStyle,
    ) -> Result<()> {
        let (width, height) = (texture.width(), texture.height());
        let pixels = width as usize * height as usize;
        if row >= self.rows || !width.is_multiple_of(64) || 4 * pixels as u64 > self.image.size() {
            let (rows, most) = (self.rows, self.image.size() / 4);
            return Err(Error::input(format!(
                "a picture of {width}x{height} of row {row}; there are {rows} rows, and pictures have a width that is a \
                 multiple of 64 and at most {most} pixels."
            )));
        }
        let params =
            PaintField { width, height, line_width: style.line_width, isolines: style.isolines, ..self.params };
        let opaque = |[r, g, b]: [f32; 3]| [r, g, b, 1.0];
        let classes = style.classes.iter().cycle().map(|colour| opaque(*colour));
        let colours = [opaque(style.neutral), style.line].into_iter().chain(classes);
        let colours: Vec<[f32; 4]> = colours.take((self.colours / 16) as usize).collect();
        let table = [0, 0, row as u32, 0];
        let parts: [(u64, &[u8]); 3] = [
            (0, bytemuck::bytes_of(&params)),
            (TABLE, bytemuck::cast_slice(&table)),
            (COLOURS, bytemuck::cast_slice(&colours)),
        ];
        let page = self.pages.write(gpu, &parts);
        let [x, y] = fold(pixels.div_ceil(64));
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind_groups[page], &[]);
        pass.dispatch_workgroups(x, y, 1);
        drop(pass);
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * width), rows_per_image: None };
        encoder.copy_buffer_to_texture(
            wgpu::TexelCopyBufferInfo { buffer: &self.image, layout },
            texture.as_image_copy(),
            texture.size(),
        );
        Ok(())
    }

    /// Bytes on the device, constant.
    pub fn bytes(&self) -> u64 {
        self.pages.buffer.size() + self.image.size()
    }
}
