//! A run: a configuration, its tables, its checkpoints, in one folder that survives being killed at any moment.

mod checkpoint;
mod folder;
mod outline;
mod session;
mod spectrum;
mod table;

pub use checkpoint::{CHECKPOINT_KEY, Checkpoint};
pub(crate) use folder::create_folder;
pub use folder::{RunFolder, write_atomically};
pub(crate) use outline::{Outline, is_complete, outline};
pub use session::{Progress, STEP_KEY, Session};
