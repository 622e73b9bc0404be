//! The decision boundaries of both sides, drawn from the weights that training writes.

use super::{Duel, Job, Picture};
use crate::state::State;
use crate::tokens;
use egui_wgpu::RenderState;
use lowland::data::{Dataset, Inputs};
use lowland::gpu::Gpu;
use lowland::train::Slot;
use lowland::view::{Field, FieldPainter, FieldStyle};
use std::rc::Rc;
use web_time::{Duration, Instant};

/// The pictures of two-dimensional data: a map of the network's answer for each side.
#[derive(Debug)]
pub struct Boundary {
    area: [f32; 4],
    job: Option<Job<lowland::Result<(Field, FieldPainter)>>>,
    field: Option<(Field, FieldPainter)>,
    pictures: [Picture; 2],
    drawn: Option<Drawn>,
    every: Duration,
}

/// What the pictures show.
#[derive(Debug)]
struct Drawn {
    moment: Moment,
    theme: egui::Theme,
    at: Instant,
}

/// What the weights of a picture are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// Those after this step, of training as it goes on.
    Present(u64),
    /// Those that are looked back at.
    Past(u64),
    /// A mixture of three, in slow motion.
    Mixed([f32; 3]),
}

/// Where the weights of both sides come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// From these.
    Slots([Slot<'a>; 2]),
    /// The right side is a sum of three, with these factors; the left side is as it is.
    Mix([Slot<'a>; 3], [f32; 3]),
}

/// Width over height of the area that is shown.
pub const ASPECT: f32 = 1.25;

impl Boundary {
    /// Pictures for `duel`; nothing where its data has not two dimensions.
    pub fn new(render: &RenderState, gpu: &Rc<Gpu>, duel: &Duel) -> Option<Self> {
        let area = Self::area_of(duel.data())?;
        let software = gpu.is_software();
        let (lattice, pixels) = if software { ([60, 48], [192, 154]) } else { ([240, 192], [640, 512]) };
        let (gpu, model, data) = (Rc::clone(gpu), Rc::clone(duel.model()), Rc::clone(duel.data()));
        let job = Job::new(async move {
            let field = Field::grid(&gpu, &model, &data, area, lattice, 2).await?;
            let painter = FieldPainter::new(&gpu, &field, (pixels[0] * pixels[1]) as usize)?;
            Ok((field, painter))
        });
        Some(Self {
            area,
            job: Some(job),
            field: None,
            pictures: ["left", "right"].map(|name| Picture::new(render, name, pixels)),
            drawn: None,
            every: Duration::from_millis(if software { 320 } else { 30 }),
        })
    }

    /// The area that pictures of `data` show, where it has two dimensions.
    pub fn area_of(data: &Dataset) -> Option<[f32; 4]> {
        match &data.train.inputs {
            Inputs::Floats(points) if data.shape.len() == 2 => Some(area(points)),
            _ => None,
        }
    }

    /// The area that is shown: x0, x1, y0, y1.
    pub fn area(&self) -> [f32; 4] {
        self.area
    }

    /// The picture of a side, once it is drawn.
    pub fn picture(&self, side: usize) -> Option<&Picture> {
        self.drawn.as_ref().and_then(|_| self.pictures.get(side))
    }

    /// What the pictures show, once they are drawn.
    pub fn moment(&self) -> Option<Moment> {
        self.drawn.as_ref().map(|drawn| drawn.moment)
    }

    /// Whether it is not there yet.
    pub fn is_preparing(&self) -> bool {
        self.job.is_some()
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        self.field.as_ref().map_or(0, |(field, _)| field.bytes())
    }

    /// Draws what has changed, if it is time to.
    pub fn tick(
        &mut self,
        (render, gpu): (&RenderState, &Gpu),
        moment: Moment,
        source: Source<'_>,
        state: &mut State,
        theme: egui::Theme,
    ) {
        if let Some(job) = &mut self.job {
            match job.poll() {
                None => return,
                Some(Ok(field)) => self.field = Some(field),
                Some(Err(error)) => state.warn(error.to_string()),
            }
            self.job = None;
        }
        let Some((field, painter)) = &mut self.field else { return };
        let due = match &self.drawn {
            None => true,
            Some(drawn) => drawn.theme != theme || drawn.moment != moment && drawn.at.elapsed() >= self.every,
        };
        if !due {
            return;
        }
        let mut encoder = render.device.create_command_encoder(&Default::default());
        match source {
            Source::Slots(slots) => field.refresh(&mut encoder, &slots),
            Source::Mix(slots, factors) => {
                field.mix(gpu, &mut encoder, slots, &[[1.0, 0.0, 0.0], factors]);
                while !field.step(&mut encoder) {}
            }
        }
        let style = style(theme);
        for (row, picture) in self.pictures.iter().enumerate() {
            if let Err(error) = painter.paint(gpu, &mut encoder, row, picture.texture(), &style) {
                state.warn(error.to_string());
            }
        }
        render.queue.submit([encoder.finish()]);
        self.drawn = Some(Drawn { moment, theme, at: Instant::now() });
    }
}

/// How fields look in `theme`.
pub fn style(theme: egui::Theme) -> FieldStyle {
    let c = tokens::colors(theme);
    let rgb = |color: egui::Color32| [color.r(), color.g(), color.b()].map(|v| f32::from(v) / 255.0);
    let [r, g, b] = rgb(c.decision);
    FieldStyle {
        classes: c.class_areas.iter().map(|color| rgb(*color)).collect(),
        neutral: rgb(c.class_neutral),
        line: [r, g, b, 1.0],
        line_width: 1.6,
        isolines: 0.0,
    }
}

/// The area that holds all points, with a margin.
fn area(points: &[f32]) -> [f32; 4] {
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for point in points.chunks_exact(2) {
        for i in 0..2 {
            low[i] = low[i].min(point[i]);
            high[i] = high[i].max(point[i]);
        }
    }
    let half = 0.55 * (high[1] - low[1]).max((high[0] - low[0]) / ASPECT).max(1e-3);
    let middle = [0, 1].map(|i| f32::midpoint(low[i], high[i]));
    [middle[0] - ASPECT * half, middle[0] + ASPECT * half, middle[1] - half, middle[1] + half]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_holds_all_points_and_keeps_its_shape() {
        let [x0, x1, y0, y1] = area(&[-1.0, 0.0, 3.0, 1.0]);
        assert!(x0 < -1.0 && x1 > 3.0 && y0 < 0.0 && y1 > 1.0);
        assert!(((x1 - x0) / (y1 - y0) - ASPECT).abs() < 1e-5);
    }
}
