//! The map of rho and learning rate: each cell a training in a lane of its own, all from the same start on the same batches.

use super::{Boundary, Duel, Job, Picture, boundary};
use egui_wgpu::RenderState;
use lowland::Result;
use lowland::config::{Command, Config, LaneConfig};
use lowland::data::Dataset;
use lowland::gpu::Gpu;
use lowland::model::Model;
use lowland::train::{Event, Part, Setup, Slot, Trainer, Trouble};
use lowland::view::{Field, FieldPainter};
use std::collections::VecDeque;
use std::rc::Rc;
use web_time::{Duration, Instant};

/// Radii, and learning rates, of a map.
pub const SIDE: usize = 5;
/// Pixels of a cell's picture.
const PIXELS: [u32; 2] = [64, 52];
/// Points of its lattice.
const LATTICE: [usize; 2] = [32, 26];

/// A training of the map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Radius of its ascent; 0 is the base optimizer.
    pub rho: f32,
    /// Its learning rate.
    pub lr: f32,
    /// Steps that its accuracy is of.
    pub step: u64,
    /// Accuracy on the test set, once it is measured.
    pub accuracy: Option<f32>,
    /// How it went wrong, if it did.
    pub trouble: Option<Trouble>,
}

/// The map: in training, done, or stopped.
#[derive(Debug)]
pub struct RhoMap {
    config: Config,
    steps: u64,
    cells: Vec<Cell>,
    data: Rc<Dataset>,
    model: Rc<Model>,
    /// Parts that fit the device one after the other: the first cell of each.
    waiting: VecDeque<(usize, Setup)>,
    job: Option<Job<Result<Trainer>>>,
    trainer: Option<Trainer>,
    /// The first cell of the part at work.
    first: usize,
    pictures: Option<Pictures>,
    running: bool,
}

/// A small picture of each cell's decision.
#[derive(Debug)]
struct Pictures {
    job: Option<Job<Result<(Field, FieldPainter)>>>,
    field: Option<(Field, FieldPainter)>,
    pictures: Vec<Picture>,
    /// Whether they show something.
    drawn: bool,
    at: Option<Instant>,
    /// What they show.
    shown: Option<(u64, egui::Theme)>,
}

impl RhoMap {
    /// A map round the rho and the learning rate of `config`, each cell trained for `steps` steps.
    ///
    /// # Errors
    /// [`lowland::Error::Input`] for what cannot be trained.
    pub fn new(render: &RenderState, gpu: &Rc<Gpu>, duel: &Duel, config: &Config, steps: u64) -> Result<Self> {
        let (data, model) = (Rc::clone(duel.data()), Rc::clone(duel.model()));
        let (rhos, lrs) = axes(config);
        let cells: Vec<Cell> = rhos
            .iter()
            .flat_map(|rho| lrs.map(|lr| Cell { rho: *rho, lr, step: 0, accuracy: None, trouble: None }))
            .collect();
        let of = climbing(config)?;
        let lane = |(i, cell): (usize, &Cell)| LaneConfig {
            label: format!("cell-{i}"),
            config: Config {
                rho: Some(cell.rho),
                lr: Some(cell.lr),
                steps: Some(steps),
                epochs: None,
                seeds: 1,
                lane: Vec::new(),
                equal_compute: false,
                log_every: steps,
                eval_every: Some((steps / 5).max(1)),
                checkpoint_every: Some(u64::from(u32::MAX / 4)),
                ..of.clone()
            },
        };
        let lanes: Vec<LaneConfig> = cells.iter().enumerate().map(lane).collect();
        let whole = lanes.first().map_or_else(|| of.clone(), |lane| lane.config.clone());
        let setups = whole.setups(&lanes, &data, &model)?;
        let mut waiting = VecDeque::new();
        for setup in setups.into_iter().flat_map(|setup| Trainer::split(&model, &data, setup)) {
            let first = waiting.back().map_or(0, |(first, last): &(usize, Setup)| first + last.lanes.len());
            waiting.push_back((first, setup));
        }
        let area = Boundary::area_of(&data).filter(|_| waiting.len() == 1);
        let pictures = area.map(|area| Pictures::new(render, gpu, (&data, &model), area, cells.len()));
        Ok(Self {
            config: config.clone(),
            steps,
            cells,
            data,
            model,
            waiting,
            job: None,
            trainer: None,
            first: 0,
            pictures,
            running: true,
        })
    }

    /// The configuration that it is a map of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Steps of each cell.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The cells: a row for each rho, from 0 on, learning rates from the smallest on.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The small picture of a cell, where the data has two dimensions.
    pub fn picture(&self, cell: usize) -> Option<&Picture> {
        self.pictures.as_ref().filter(|pictures| pictures.drawn).and_then(|pictures| pictures.pictures.get(cell))
    }

    /// Whether it is in training.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// The share of all steps that is done.
    pub fn progress(&self) -> f32 {
        let lanes = self.trainer.as_ref().map_or(0, |trainer| trainer.setup().lanes.len());
        let now = self.trainer.as_ref().map_or(0, Trainer::submitted) * lanes as u64;
        let all = self.steps * self.cells.len() as u64;
        (self.steps * self.first as u64 + now) as f32 / all.max(1) as f32
    }

    /// Trains no further; what is measured stays.
    pub fn stop(&mut self) {
        self.running = false;
        (self.job, self.trainer) = (None, None);
        self.waiting.clear();
    }

    /// Bytes on the device.
    pub fn gpu_bytes(&self) -> u64 {
        let field = self.pictures.as_ref().and_then(|pictures| pictures.field.as_ref());
        self.trainer.as_ref().map_or(0, Trainer::gpu_bytes) + field.map_or(0, |(field, _)| field.bytes())
    }

    /// Once a frame: trains what fits `budget`, takes what has arrived, and draws now and then. Never waits.
    ///
    /// # Errors
    /// Those of the trainer; the map is stopped then.
    pub fn tick(&mut self, render: &RenderState, gpu: &Rc<Gpu>, budget: Duration, theme: egui::Theme) -> Result<()> {
        let outcome = self.train(gpu, budget);
        if outcome.is_err() {
            self.stop();
        }
        let (first, trainer) = (self.first, self.trainer.as_ref());
        if let Some(pictures) = &mut self.pictures {
            pictures.tick(render, gpu, trainer.filter(|_| first == 0), theme)?;
        }
        if self.trainer.as_ref().is_some_and(Trainer::is_finished)
            && self.pictures.as_ref().is_none_or(|pictures| pictures.is_done(self.steps))
        {
            self.first += self.trainer.take().map_or(0, |trainer| trainer.setup().lanes.len());
            self.running = !self.waiting.is_empty();
        }
        outcome
    }

    fn train(&mut self, gpu: &Rc<Gpu>, budget: Duration) -> Result<()> {
        if let Some(outcome) = self.job.as_mut().and_then(Job::poll) {
            self.job = None;
            self.trainer = Some(outcome?);
        }
        let Some(trainer) = &mut self.trainer else {
            if let (None, Some((first, setup))) = (&self.job, self.waiting.pop_front()) {
                self.first = first;
                let (gpu, model, data) = (Rc::clone(gpu), Rc::clone(&self.model), Rc::clone(&self.data));
                self.job = Some(Job::new(async move { Trainer::new(&gpu, &model, &data, setup, None).await }));
            }
            return Ok(());
        };
        if trainer.is_finished() {
            return Ok(());
        }
        for event in trainer.tick(gpu, budget)? {
            match event {
                Event::Evaluation(e) if e.part == Part::Test => {
                    if let Some(cell) = self.cells.get_mut(self.first + e.lane) {
                        (cell.accuracy, cell.step) = (Some(e.accuracy), e.step);
                    }
                }
                Event::Trouble { lane, trouble, .. } => {
                    if let Some(cell) = self.cells.get_mut(self.first + lane) {
                        cell.trouble = Some(trouble);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Pictures {
    fn new(
        render: &RenderState,
        gpu: &Rc<Gpu>,
        (data, model): (&Rc<Dataset>, &Rc<Model>),
        area: [f32; 4],
        cells: usize,
    ) -> Self {
        let (gpu, model, data) = (Rc::clone(gpu), Rc::clone(model), Rc::clone(data));
        let job = Job::new(async move {
            let field = Field::grid(&gpu, &model, &data, area, LATTICE, cells).await?;
            let painter = FieldPainter::new(&gpu, &field, (PIXELS[0] * PIXELS[1]) as usize)?;
            Ok((field, painter))
        });
        let pictures = (0..cells).map(|_| Picture::new(render, "cell", PIXELS)).collect();
        Self { job: Some(job), field: None, pictures, drawn: false, at: None, shown: None }
    }

    fn tick(&mut self, render: &RenderState, gpu: &Gpu, trainer: Option<&Trainer>, theme: egui::Theme) -> Result<()> {
        // All cells at once take a software adapter some 30 ms.
        const EVERY: Duration = Duration::from_millis(700);
        if let Some(outcome) = self.job.as_mut().and_then(Job::poll) {
            self.job = None;
            self.field = Some(outcome?);
        }
        let Some((field, painter)) = &mut self.field else { return Ok(()) };
        let now = trainer.map(Trainer::submitted).or(self.shown.map(|(step, _)| step));
        let Some(step) = now.filter(|step| self.shown != Some((*step, theme))) else { return Ok(()) };
        if trainer.is_some_and(|trainer| !trainer.is_finished()) && self.at.is_some_and(|at| at.elapsed() < EVERY) {
            return Ok(());
        }
        let mut encoder = render.device.create_command_encoder(&Default::default());
        if let Some(trainer) = trainer {
            let slots: Vec<Slot<'_>> = (0..self.pictures.len()).map(|lane| trainer.slot(lane)).collect();
            field.refresh(&mut encoder, &slots);
        }
        let style = boundary::style(theme);
        // A submission may hold 16 pictures.
        for (chunk, pictures) in self.pictures.chunks(16).enumerate() {
            for (row, picture) in pictures.iter().enumerate() {
                painter.paint(gpu, &mut encoder, 16 * chunk + row, picture.texture(), &style)?;
            }
            let next = render.device.create_command_encoder(&Default::default());
            render.queue.submit([std::mem::replace(&mut encoder, next).finish()]);
        }
        (self.at, self.drawn, self.shown) = (Some(Instant::now()), true, Some((step, theme)));
        Ok(())
    }

    /// Whether the last step of a training is drawn, or nothing will be.
    fn is_done(&self, steps: u64) -> bool {
        self.field.is_none() && self.job.is_none() || self.shown.is_some_and(|(step, _)| step == steps)
    }
}

/// The lane that climbs, whose rho is changed; plain SAM where none does.
fn climbing(config: &Config) -> Result<Config> {
    let lanes = config.lanes(Command::Compare)?;
    let climbs = |lane: &&LaneConfig| matches!(lane.config.optimizer.as_deref(), Some("sam" | "asam"));
    let found = lanes.iter().find(climbs).map(|lane| lane.config.clone());
    Ok(found.unwrap_or_else(|| Config { optimizer: Some("sam".into()), ..config.clone() }))
}

/// Radii from 0 on, and learning rates, round those of `config`, which are among them.
fn axes(config: &Config) -> ([f32; SIDE], [f32; SIDE]) {
    let rho = config.rho.filter(|rho| *rho > 0.0).unwrap_or(0.1);
    let lr = config.lr.filter(|lr| *lr > 0.0).unwrap_or(0.05);
    let around =
        |factors: [f32; SIDE], middle: f32| factors.map(|f| if f == 1.0 { middle } else { rounded(f * middle) });
    (around([0.0, 0.25, 0.5, 1.0, 2.0], rho), around([0.25, 0.5, 1.0, 2.0, 4.0], lr))
}

/// The number to two digits that count.
fn rounded(value: f32) -> f32 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_holds_the_present_settings_and_none() {
        let config = Config { rho: Some(0.2), lr: Some(0.05), ..Config::default() };
        assert_eq!(axes(&config), ([0.0, 0.05, 0.1, 0.2, 0.4], [0.013, 0.025, 0.05, 0.1, 0.2]));
        let (rhos, lrs) = axes(&Config { rho: Some(0.0), lr: None, ..Config::default() });
        assert!(rhos[0] == 0.0 && rhos[1] > 0.0 && lrs[0] > 0.0);
    }

    #[test]
    fn the_lane_that_climbs_is_changed() {
        let of = |optimizer: &str| climbing(&Config { optimizer: Some(optimizer.into()), ..Config::default() });
        assert_eq!(of("sgd,asam").unwrap().optimizer.as_deref(), Some("asam"));
        assert_eq!(of("sgd,adam").unwrap().optimizer.as_deref(), Some("sam"));
    }
}
