//! The ground that the duel walks on: the loss on a plane through both ways, measured a slice a frame while training goes on,
//! and drawn from where the measurement left it on the device.
//!
//! A round: freeze the moment's weights (a copy), ask where everything lies on the plane (a few numbers come back), sweep the
//! grid and the marked points, draw; then the straight line between both sides. The picture shows the last whole round.

mod around;
mod draw;
mod line;
mod plane;
mod round;
mod surface;

pub use draw::{Laid, camera};
pub use line::{BEYOND, Line};
pub use plane::{Plane, Square};
pub use surface::{Face, Mark, Scale, Subject, Surface, What};

use super::weights::Weights;
use super::{Duel, FORMAT, Job, Picture};
use crate::state::{PlaneKind, View};
use around::Sharpest;
use egui_wgpu::RenderState;
use line::LineSweep;
use lowland::data::Dataset;
use lowland::gpu::Gpu;
use lowland::model::Model;
use lowland::probe::Examples;
use lowland::train::{Axes, Coordinates, History, Slot, Snapshot};
use lowland::view::{Sweep, Terrain, TerrainCamera, TerrainStyle};
use lowland::{Error, Result};
use std::rc::Rc;

/// What measurements are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    gpu: Rc<Gpu>,
    model: Rc<Model>,
    data: Rc<Dataset>,
}

/// The moment that is shown: the present, or one that is looked back at.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Steps done.
    pub step: u64,
    /// The weights of the left and of the right side.
    pub sides: [Slot<'a>; 2],
    /// The lanes of both sides in the history.
    pub lanes: [usize; 2],
    /// Whether it is what the trainer has at present.
    pub present: bool,
    /// Before, at the top of, and after the SAM step that slow motion shows.
    pub unfolded: Option<[Slot<'a>; 3]>,
    /// Whether that step climbs.
    pub climbs: bool,
}

/// What a frame brings.
pub struct Frame<'a> {
    /// egui's side of the device.
    pub render: &'a RenderState,
    /// The duel.
    pub duel: &'a Duel,
    /// Its path.
    pub history: &'a mut History,
    /// The newest state that the host has.
    pub snapshot: Option<&'a Snapshot>,
    /// The camera, the plane, how heights are.
    pub view: &'a View,
    /// For a dark page.
    pub dark: bool,
    /// Whether training goes on.
    pub playing: bool,
    /// The pixels that the picture may have.
    pub pixels: [u32; 2],
}

/// The ground of a duel.
#[derive(Debug)]
pub struct Ground {
    parts: Parts,
    start: Weights,
    frozen: Weights,
    examples: usize,
    job: Option<Job<Result<Tools>>>,
    tools: Option<Tools>,
    second: Option<Job<Result<Sweep>>>,
    phase: Phase,
    shown: Option<Surface>,
    line: Option<Line>,
    pictures: [Picture; 2],
    drawn: Option<Drawn>,
    laid: Option<(Scale, Vec<Laid>)>,
    /// Rounds so far.
    round: u64,
    trouble: Option<String>,
    /// Whether a round was to begin at the last moment of rest.
    waiting: bool,
    /// What has no surface at a step, so that it is not tried again there.
    failed: Option<(Subject, u64)>,
}

#[derive(Debug)]
struct Tools {
    /// One for each face; the second is made when it is first needed.
    sweeps: Vec<Sweep>,
    line: LineSweep,
    terrain: Terrain,
}

/// Where a round stands.
#[derive(Debug)]
enum Phase {
    Rest,
    /// The directions of the paths are on their way.
    Principal(Begun),
    /// The directions in which the losses bend most are being looked for.
    Sharpest(Begun, Job<Result<Sharpest>>),
    /// The places of everything are on their way.
    Places(Begun),
    /// The grid is being measured.
    Sweep {
        surface: Surface,
        values: Vec<Option<Vec<[f32; 2]>>>,
    },
    /// The line is.
    Line,
}

/// A round that has begun.
#[derive(Clone, Copy, Debug)]
struct Begun {
    subject: Subject,
    step: u64,
    grid: usize,
    lanes: [usize; 2],
    present: bool,
    climbs: bool,
    variance: Option<[f64; 2]>,
    curvatures: Option<[[f64; 2]; 2]>,
    same: bool,
}

/// What the picture shows.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Drawn {
    round: u64,
    camera: TerrainCamera,
    log: bool,
    dark: bool,
    stale: bool,
    size: [u32; 2],
}

/// Points along each side: at first, while training, and at rest.
const GRIDS: [usize; 3] = [13, 25, 51];
const MARKS: usize = 4;
const LINE_POINTS: usize = 35;
/// Places of the frozen sets: three for each face, then both sides.
const LEFT: u64 = 6;
const RIGHT: u64 = 7;

impl Ground {
    /// The ground of `duel`, whose weights are the start, or that of `before` where the duel goes on from there.
    pub fn new(render: &RenderState, gpu: &Rc<Gpu>, duel: &Duel, before: Option<Self>) -> Self {
        let parts = Parts { gpu: Rc::clone(gpu), model: Rc::clone(duel.model()), data: Rc::clone(duel.data()) };
        let examples = line::examples(gpu, duel);
        let before = before.filter(|before| before.start.fits(&parts.model));
        let (start, shown, line, laid, pictures, round) = match before {
            Some(Self { start, shown, line, laid, pictures, round, .. }) => (start, shown, line, laid, pictures, round),
            None => {
                let start = Weights::new(gpu, &parts.model, 1);
                let mut encoder = render.device.create_command_encoder(&Default::default());
                start.copy(&mut encoder, 0, duel.slot(0));
                render.queue.submit([encoder.finish()]);
                let pictures = ["ground", "other-ground"].map(|label| Picture::new(render, label, [64, 64]));
                (start, None, None, None, pictures, 0)
            }
        };
        let with = parts.clone();
        let points = GRIDS[2] * GRIDS[2] + MARKS;
        let job = Job::new(async move {
            let (gpu, limit) = (&with.gpu, examples);
            Ok(Tools {
                sweeps: vec![Sweep::new(gpu, &with.model, &with.data, Examples::Train, limit, points).await?],
                line: LineSweep::new(gpu, &with, limit, LINE_POINTS).await?,
                terrain: Terrain::new(gpu, FORMAT),
            })
        });
        Self {
            frozen: Weights::new(gpu, &parts.model, 8),
            parts,
            start,
            examples,
            job: Some(job),
            tools: None,
            second: None,
            phase: Phase::Rest,
            shown,
            line,
            pictures,
            drawn: None,
            laid,
            round,
            trouble: None,
            waiting: false,
            failed: None,
        }
    }

    /// The last whole surface.
    pub fn surface(&self) -> Option<&Surface> {
        self.shown.as_ref()
    }

    /// The last whole line.
    pub fn line(&self) -> Option<&Line> {
        self.line.as_ref()
    }

    /// Training examples that the losses are means of.
    pub fn examples(&self) -> usize {
        self.examples.min(self.parts.data.train.len())
    }

    /// The scale of the picture, and what lies on each of its faces.
    pub fn laid(&self) -> Option<&(Scale, Vec<Laid>)> {
        self.laid.as_ref()
    }

    /// The picture of a face, where it has been drawn.
    pub fn picture(&self, face: usize) -> Option<&Picture> {
        self.laid.as_ref().filter(|(_, faces)| face < faces.len())?;
        self.pictures.get(face)
    }

    /// How much of the round in progress is done; nothing where none is.
    pub fn progress(&self) -> Option<f32> {
        match (&self.phase, &self.tools) {
            (Phase::Rest | Phase::Line, _) | (_, None) => None,
            (Phase::Sweep { surface, .. }, Some(tools)) => {
                let of = surface.faces.len().max(1);
                Some(tools.sweeps.iter().take(of).map(Sweep::progress).sum::<f32>() / of as f32)
            }
            _ => Some(0.0),
        }
    }

    /// Whether there is more to measure, or to prepare, at this moment.
    pub fn is_busy(&self) -> bool {
        self.job.is_some() || self.second.is_some() || self.waiting || !matches!(self.phase, Phase::Rest)
    }

    /// Why there is no surface.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        let tools = self.tools.as_ref();
        let sweeps = tools.map_or(0, |t| t.sweeps.iter().map(Sweep::bytes).sum::<u64>() + t.line.bytes());
        let pictures = self.pictures.iter().map(|p| 4 * u64::from(p.size()[0]) * u64::from(p.size()[1]));
        sweeps
            + tools.map_or(0, |t| t.terrain.bytes())
            + self.start.bytes()
            + self.frozen.bytes()
            + pictures.sum::<u64>()
    }

    /// Moves the round on by what fits a frame, and draws what has changed. Never waits.
    ///
    /// # Errors
    /// What a sweep or the device refuses.
    pub fn tick(&mut self, frame: &mut Frame<'_>, moment: &Moment<'_>) -> Result<()> {
        if let Some(job) = &mut self.job {
            let Some(tools) = job.poll() else { return Ok(()) };
            self.job = None;
            self.tools = Some(tools?);
        }
        if let (Some(job), Some(tools)) = (&mut self.second, &mut self.tools)
            && let Some(sweep) = job.poll()
        {
            self.second = None;
            tools.sweeps.push(sweep?);
        }
        self.advance(frame, moment)?;
        self.draw(frame, moment)
    }
}
