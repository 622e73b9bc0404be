//! The pictures of a probe: the chart of a line or valley, and of each surface contours, heat map and a view in three dimensions.

use super::files::Folder;
use super::name;
use super::plane::Group;
use crate::args::{Height, Show, SurfaceArgs};
use lowland::gpu::Gpu;
use lowland::probe::{Asymmetry, Line, Marked, Side, Surface, Valley};
use lowland::view::{Camera, HeightField, Picture};
use lowland::{Error, Result};
use lowland_report::{
    Contour, HeightScale, InterpolationPoint, Legend, ReliefLabels, ValleySide, interpolation_svg, relief_with,
    valley_svg,
};
use serde_json::Value;
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
pub fn surfaces(gpu: &Gpu, folder: &Folder, surfaces: &[(Group, Surface, Value)], args: &SurfaceArgs) -> Result<()> {
    let errors = args.show == Show::Error;
    // Where the loss is not finite the answers mean nothing either.
    let value = |loss: f32, accuracy: f32| match errors {
        true if loss.is_finite() => 100.0 * (1.0 - f64::from(accuracy)),
        _ => f64::from(loss),
    };
    let values = |surface: &Surface| -> Vec<f64> {
        let pairs = surface.loss.iter().flatten().zip(surface.accuracy.iter().flatten());
        pairs.map(|(loss, accuracy)| value(*loss, *accuracy)).collect()
    };
    let log = args.height.map(|height| matches!(height, Height::Log)).or(errors.then_some(false));
    let all = surfaces.iter().flat_map(|(_, surface, _)| values(surface));
    let scale = HeightScale::of(all, args.cap, log).unwrap_or_default();
    let quantity = if errors { "error, %" } else { "loss" };
    for (Group { stem, title, names, .. }, surface, _) in surfaces {
        let path = surface.directions == "pca";
        let (axes, note) = (axes(surface), note(surface));
        let legend = Legend { quantity, note: &note, path };
        let marks: Vec<(f64, f64, String)> =
            surface.points.iter().zip(names).map(|(point, name)| (point.x, point.y, name.clone())).collect();
        let losses = values(surface);
        let axes = [axes[0].as_str(), axes[1].as_str()];
        let contour = Contour { title, axes, x: &surface.x, y: &surface.y, losses: &losses, scale, points: &marks };
        folder.write(&format!("{stem}.svg"), contour.contours(&legend).as_bytes())?;
        folder.write(&format!("{stem}-heat.svg"), contour.heat_map(&legend).as_bytes())?;

        let height = |point: &Marked| scale.height(value(point.loss, point.accuracy)) as f32;
        let mut field = height_field(surface, &losses, &scale);
        let placed: Vec<[f32; 3]> = surface.points.iter().map(|p| place(surface, p, height(p))).collect();
        // Of a path the ends; the line joins all.
        let ends = [placed.first(), placed.last()].into_iter().flatten().copied();
        let marks: Vec<[f32; 3]> = if path { ends.collect() } else { placed.clone() };
        field.marks = marks.into_iter().filter(|mark| mark[2].is_finite()).collect();
        let camera = Camera { width: args.pixels, height: args.pixels * 4 / 5, ..Camera::default() };
        let png = png(&pollster::block_on(field.render(gpu, &camera))?)?;
        folder.write(&format!("{stem}-3d.png"), &png)?;
        // The labels' sizes are those of a picture of the usual size, which the SVG element scales.
        let usual = Camera::default();
        let labels = ReliefLabels { title, axes, ..labels(&usual, &field, &scale) };
        let over = placed.iter().filter(|mark| path && mark[2].is_finite());
        let over: Vec<[f64; 2]> = over.map(|mark| usual.project(&field, *mark).map(f64::from)).collect();
        let lost = match surface.non_finite {
            0 => String::new(),
            lost => {
                let before = if note.is_empty() { "" } else { "; " };
                format!("{before}not finite at {lost} of {} points (hatched)", losses.len())
            }
        };
        let legend = Legend { note: &(note.clone() + &lost), ..legend };
        folder.write(&format!("{stem}-3d.svg"), relief_with(&png, &labels, &legend, &over).as_bytes())?;
    }
    Ok(())
}

/// What the axes are called.
fn axes(surface: &Surface) -> [String; 2] {
    let name = |which: usize| match (surface.directions, surface.unit) {
        ("points", _) => format!("distance along {}", ["u", "v"][which]),
        ("pca", _) => format!("distance along principal direction {}", which + 1),
        ("hessian", _) => format!("distance along eigenvector {}", which + 1),
        (_, "weights") => format!("distance along direction {}", which + 1),
        (_, "layer") => format!("direction {}, in lengths of the layers", which + 1),
        _ => format!("direction {}", which + 1),
    };
    [name(0), name(1)]
}

/// What was found out about the axes.
fn note(surface: &Surface) -> String {
    match (surface.variance_explained, surface.eigenvalues) {
        (Some([a, b]), _) => {
            let n = surface.points.len();
            format!("{n} checkpoints; {:.1} % and {:.1} % of the variance of the path", 100.0 * a, 100.0 * b)
        }
        (_, Some([a, b])) => format!("the Hessian's eigenvectors to {a:.4} and {b:.4}"),
        _ => String::new(),
    }
}

/// Where a network is in the box.
fn place(surface: &Surface, point: &Marked, height: f32) -> [f32; 3] {
    let ends = |places: &[f64]| (places[0], places[places.len() - 1]);
    let across = |at: f64, (from, to): (f64, f64)| (2.0 * (at - from) / (to - from) - 1.0) as f32;
    [across(point.x, ends(&surface.x)), across(point.y, ends(&surface.y)), height]
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

/// The surface as heights by `scale`, with its networks.
pub fn height_field(surface: &Surface, losses: &[f64], scale: &HeightScale) -> HeightField {
    let marks = surface.points.iter().filter(|point| point.loss.is_finite());
    HeightField {
        grid: surface.grid,
        heights: losses.iter().map(|loss| scale.height(*loss) as f32).collect(),
        marks: marks.map(|p| place(surface, p, scale.height(p.loss.into()) as f32)).collect(),
        levels: LEVELS,
        scale: 1.1,
        ink: 0.35,
    }
}

/// The two sides of a valley, the flat one first.
pub fn valley(valley: &Valley, title: &str, names: [&str; 2]) -> String {
    let side = |side: Side| -> Vec<(f64, f64)> {
        let rows =
            valley.rows.iter().filter(|row| row.distance == 0.0 || (row.distance > 0.0) == (side == Side::Forward));
        let mut points: Vec<(f64, f64)> = rows.map(|row| (row.distance.abs(), row.loss.into())).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let Asymmetry { flat, steep, .. } = valley.asymmetry;
    let named = |side: Side| names[usize::from(side == Side::Backward)];
    let (flat_name, steep_name) = (format!("flat side: {}", named(flat)), format!("steep side: {}", named(steep)));
    let flat = ValleySide { name: &flat_name, points: side(flat) };
    let steep = ValleySide { name: &steep_name, points: side(steep) };
    valley_svg(title, &asymmetry_in_words(&valley.asymmetry), &flat, &steep)
}

/// Whether the definition holds, and with which numbers.
pub fn asymmetry_in_words(a: &Asymmetry) -> String {
    let numbers = |p: f64, c: f64| format!("({:.4}, {p:.4}, {c:.2}, {:.4})", a.r, a.zeta);
    match (a.p, a.c, a.asymmetric) {
        (Some(p), Some(c), true) => format!("(r, p, c, zeta)-asymmetric with {}", numbers(p, c)),
        (Some(p), Some(c), false) => format!("not asymmetric: (r, p, c, zeta) = {}, c is not above 1", numbers(p, c)),
        _ => "not asymmetric: the steep side does not rise all the way, or a loss is not finite".into(),
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
