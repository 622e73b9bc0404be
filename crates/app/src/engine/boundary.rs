//! The decision boundaries of both sides, drawn from the weights that training writes.

use super::{Duel, Job, Picture};
use crate::state::State;
use crate::tokens;
use egui_wgpu::RenderState;
use lowland::data::Inputs;
use lowland::gpu::Gpu;
use lowland::view::Field; //PAINT
use std::rc::Rc;
use web_time::{Duration, Instant};

/// The pictures of two-dimensional data: a map of the network's answer for each side.
#[derive(Debug)]
pub struct Boundary {
    area: [f32; 4],
    job: Option<Job<lowland::Result<(Field, ())>>>,
    field: Option<(Field, ())>,
    pictures: [Picture; 2],
    drawn: Option<Drawn>,
    every: Duration,
}

/// What the pictures show.
#[derive(Debug, PartialEq)]
struct Drawn {
    step: u64,
    theme: egui::Theme,
    at: Instant,
}

impl Boundary {
    /// Pictures for `duel`; nothing where its data has not two dimensions.
    pub fn new(render: &RenderState, gpu: &Rc<Gpu>, duel: &Duel) -> Option<Self> {
        let Inputs::Floats(points) = &duel.data().train.inputs else { return None };
        if duel.data().shape.len() != 2 {
            return None;
        }
        let area = area(points);
        let software = gpu.is_software();
        let (lattice, pixels) = if software { (56, 192) } else { (192, 512) };
        let (gpu, model, data) = (Rc::clone(gpu), Rc::clone(duel.model()), Rc::clone(duel.data()));
        let job = Job::new(async move {
            let field = Field::grid(&gpu, &model, &data, area, [lattice, lattice], 2).await?;
            let painter = ();
            Ok((field, painter))
        });
        Some(Self {
            area,
            job: Some(job),
            field: None,
            pictures: ["left", "right"].map(|name| Picture::new(render, name, [pixels, pixels])),
            drawn: None,
            every: Duration::from_millis(if software { 240 } else { 30 }),
        })
    }

    /// The area that is shown: x0, x1, y0, y1.
    pub fn area(&self) -> [f32; 4] {
        self.area
    }

    /// The picture of a side.
    pub fn picture(&self, side: usize) -> Option<&Picture> {
        self.drawn.as_ref().and_then(|_| self.pictures.get(side))
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        self.field.as_ref().map_or(0, |(field, _)| field.bytes())
    }

    /// Draws what has changed, if it is time to.
    pub fn tick(&mut self, render: &RenderState, gpu: &Gpu, duel: &Duel, state: &mut State, theme: egui::Theme) {
        if let Some(job) = &mut self.job {
            match job.poll() {
                None => return,
                Some(Ok(field)) => self.field = Some(field),
                Some(Err(error)) => state.warn(error.to_string()),
            }
            self.job = None;
        }
        let Some((field, painter)) = &mut self.field else { return };
        let step = duel.submitted();
        let due = match &self.drawn {
            None => true,
            Some(drawn) => drawn.theme != theme || drawn.step != step && drawn.at.elapsed() >= self.every,
        };
        if !due {
            return;
        }
        let c = tokens::colors(theme);
        //PAINT let style = FieldStyle { classes: &c.class_areas, line: c.decision, ..FieldStyle::default() };
        let mut encoder = render.device.create_command_encoder(&Default::default());
        field.refresh(&mut encoder, &[duel.slot(0), duel.slot(1)]);
        for (row, picture) in self.pictures.iter().enumerate() {
            //PAINT painter.paint(gpu, &mut encoder, row, picture.texture(), &style);
        }
        render.queue.submit([encoder.finish()]);
        self.drawn = Some(Drawn { step, theme, at: Instant::now() });
    }
}

/// The square that holds all points, with a margin.
fn area(points: &[f32]) -> [f32; 4] {
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for point in points.chunks_exact(2) {
        for i in 0..2 {
            low[i] = low[i].min(point[i]);
            high[i] = high[i].max(point[i]);
        }
    }
    let half = 0.56 * (high[0] - low[0]).max(high[1] - low[1]).max(1e-3);
    let middle = [0, 1].map(|i| f32::midpoint(low[i], high[i]));
    [middle[0] - half, middle[0] + half, middle[1] - half, middle[1] + half]
}
