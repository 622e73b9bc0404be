//! The pictures of a probe: the chart of a line, and of each surface the contours and a view in three dimensions.

use super::files::Folder;
use super::name;
use crate::args::{Height, SurfaceArgs};
use lowland::gpu::Gpu;
use lowland::probe::{Line, Surface};
use lowland::view::{Camera, HeightField, Picture};
use lowland::{Error, Result};
use lowland_report::{Contour, HeightScale, InterpolationPoint, ReliefLabels, interpolation_svg, relief_svg};
use std::path::PathBuf;

/// Isolines of the view in three dimensions.
const LEVELS: u32 = 12;

pub fn line(line: &Line, [a, b]: [&PathBuf; 2]) -> String {
    let points: Vec<InterpolationPoint> = line
        .rows
        .iter()
        .map(|row| InterpolationPoint {
            alpha: row.alpha,
            train_loss: row.train_loss.into(),
            train_accuracy: row.train_accuracy.into(),
            test_loss: row.test_loss.into(),
            test_accuracy: row.test_accuracy.into(),
        })
        .collect();
    interpolation_svg(&points, [&name(a), &name(b)])
}

/// Writes the pictures of surfaces that share one scale of heights and colours.
pub fn surfaces(gpu: &Gpu, folder: &Folder, surfaces: &[(String, Surface)], args: &SurfaceArgs) -> Result<()> {
    let losses = surfaces.iter().flat_map(|(_, surface)| surface.loss.iter().flatten());
    let log = args.height.map(|height| matches!(height, Height::Log));
    let scale = HeightScale::of(losses.map(|loss| f64::from(*loss)), args.cap, log).unwrap_or_default();
    let last = surfaces.len() - 1;
    for (i, (stem, surface)) in surfaces.iter().enumerate() {
        let points = surface.directions == "points";
        let title = if points { "the plane through three networks".to_owned() } else { name(&args.files[i.min(last)]) };
        let names = args.files.iter().map(|file| name(file));
        let names: Vec<String> = if points { names.collect() } else { vec![String::new()] };
        let marks: Vec<(f64, f64, String)> =
            surface.points.iter().zip(names).map(|(point, name)| (point.x, point.y, name)).collect();
        let losses: Vec<f64> = surface.loss.iter().flatten().map(|loss| f64::from(*loss)).collect();
        let axes = if points { ["distance along u", "distance along v"] } else { ["direction 1", "direction 2"] };
        let contour =
            Contour { title: &title, axes, x: &surface.x, y: &surface.y, losses: &losses, scale, points: &marks };
        folder.write(&format!("{stem}.svg"), contour.to_svg().as_bytes())?;

        let field = height_field(surface, &losses, &scale);
        let camera = Camera { width: args.pixels, height: args.pixels * 4 / 5, ..Camera::default() };
        let png = png(&pollster::block_on(field.render(gpu, &camera))?)?;
        folder.write(&format!("{stem}-3d.png"), &png)?;
        // The labels' sizes are those of a picture of the usual size, which the SVG element scales.
        let labels = ReliefLabels { title: &title, axes, ..labels(&Camera::default(), &field, &scale) };
        folder.write(&format!("{stem}-3d.svg"), relief_svg(&png, &labels).as_bytes())?;
    }
    Ok(())
}

/// Where what is written around a picture of `camera` goes.
pub fn labels(camera: &Camera, field: &HeightField, scale: &HeightScale) -> ReliefLabels<'static> {
    let at = |x: f32, y: f32, height: f32| camera.project(field, [x, y, height]).map(f64::from);
    let ticks = scale.ticks().into_iter();
    ReliefLabels {
        title: "",
        axes: ["direction 1", "direction 2"],
        size: (camera.width as f64, camera.height as f64),
        heights: ticks.map(|(loss, text)| (at(-1.0, -1.0, scale.height(loss) as f32), text)).collect(),
        middles: [at(0.0, -1.0, 0.0), at(1.0, 0.0, 0.0)],
        corners: [at(-1.0, -1.0, 0.0), at(1.0, -1.0, 0.0), at(1.0, 1.0, 0.0)],
    }
}

/// The surface as heights by `scale`.
pub fn height_field(surface: &Surface, losses: &[f64], scale: &HeightScale) -> HeightField {
    let ends = |places: &[f64]| (places[0], places[places.len() - 1]);
    let across = |at: f64, (from, to): (f64, f64)| (2.0 * (at - from) / (to - from) - 1.0) as f32;
    let (x, y) = (ends(&surface.x), ends(&surface.y));
    let marks = surface.points.iter().filter(|point| point.loss.is_finite());
    HeightField {
        grid: surface.grid,
        heights: losses.iter().map(|loss| scale.height(*loss) as f32).collect(),
        marks: marks.map(|p| [across(p.x, x), across(p.y, y), scale.height(p.loss.into()) as f32]).collect(),
        levels: LEVELS,
        scale: 1.1,
        ink: 0.35,
    }
}

pub fn png(picture: &Picture) -> Result<Vec<u8>> {
    let failed = |e: png::EncodingError| Error::run(format!("a picture could not be written: {e}."));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width as u32, picture.height as u32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&picture.rgba).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
