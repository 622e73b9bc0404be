//! Training: the trainer that replays a plan, what it tells, and the state that goes on from run to run.

mod arrive;
mod evaluate;
mod event;
mod history;
mod live;
mod profile;
#[cfg(not(target_family = "wasm"))]
mod run;
mod slot;
mod state;
mod submit;
mod trainer;
mod work;

pub use crate::plan::Lane;
pub use evaluate::{Evaluator, initial_weights};
pub use event::{Evaluation, Event, Part, StepMetrics, Trouble};
pub(crate) use history::principal_factors;
pub use history::{Axes, Coordinates, Entry, History, Place, Principal};
pub use profile::Timing;
pub use slot::Slot;
pub use state::{LaneState, Snapshot, read_metadata, read_tensors, write_direction, write_tensors};
pub(crate) use state::{entries, read_lane, serialize};
pub use trainer::{Setup, Trainer};
pub(crate) use work::{Record, ring_ranges};
