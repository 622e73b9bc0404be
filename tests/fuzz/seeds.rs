//! Writes the corpora that fuzzing starts from: `corpus/READER/seed-N`, small valid files.

use lowland::data::fuzzing::{READERS, seeds};
use std::path::Path;

fn main() -> std::io::Result<()> {
    for (name, _) in READERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        std::fs::create_dir_all(&folder)?;
        for (i, seed) in seeds(name).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{i}")), seed)?;
        }
    }
    Ok(())
}
