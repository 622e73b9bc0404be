//! The flags, and what they ask for.

use super::autosave;
use clap::Parser;
use clap::parser::ValueSource;
use lowland::config::{Command, Config};
use lowland::gpu::adapters;
use lowland::{Error, Result};
use lowland_app::Start;
use lowland_app::window_text as text;
use std::path::PathBuf;

/// Watch SAM and SGD train side by side.
#[derive(Debug, Parser)]
#[command(
    name = "lowland-app",
    version,
    allow_negative_numbers = true,
    max_term_width = 110,
    after_help = text::EXAMPLE
)]
pub struct Args {
    /// What to open: configurations (JSON), checkpoints (safetensors), run folders, tables of data (CSV)
    pub files: Vec<PathBuf>,
    /// Show what a link of the page shows
    #[arg(long, value_name = "LINK")]
    link: Option<String>,
    /// Take settings from this JSON file; flags override it
    #[arg(long = "config", id = "config_file", value_name = "FILE", help_heading = "Run")]
    config_file: Option<PathBuf>,
    /// Use the adapter whose name contains this
    #[arg(long, value_name = "NAME", help_heading = "Device")]
    pub adapter: Option<String>,
    /// Go on where the app stood last
    #[arg(long)]
    pub go_on: bool,
    #[command(flatten)]
    config: Config,
}

/// What flags and files ask for.
///
/// # Errors
/// [`Error::Input`] for flags and files that cannot be used.
pub fn start(args: &Args, matches: &clap::ArgMatches) -> Result<Start> {
    let found = pollster::block_on(adapters());
    let wanted = args.adapter.as_deref().unwrap_or("").to_lowercase();
    if !found.iter().any(|adapter| adapter.name.to_lowercase().contains(&wanted)) {
        let names: Vec<&str> = found.iter().map(|adapter| adapter.name.as_str()).collect();
        return Err(Error::input(text::no_adapter(&wanted, &names)));
    }
    if let Some(missing) = args.files.iter().find(|file| !file.exists()) {
        return Err(Error::input(text::not_there(missing.display())));
    }
    let given = |key: &String| matches.value_source(key).is_some_and(|source| source == ValueSource::CommandLine);
    let flags: serde_json::Map<_, _> =
        args.config.to_object().into_iter().filter(|(key, _)| key != "changes" && given(key)).collect();
    let base = match &args.config_file {
        None => None,
        Some(file) => {
            let source = file.display().to_string();
            let json = std::fs::read_to_string(file).map_err(|e| Error::input(text::no_config(&source, e)))?;
            Some(Config::from_json(&json, &source)?)
        }
    };
    let config = match (base, flags.is_empty()) {
        (None, true) => None,
        (base, _) => Some(base.unwrap_or_default().with(flags, text::THE_FLAGS)?),
    };
    if let Some(config) = &config {
        // Before a window is there: what cannot be trained ends here, and not in a message over another race.
        let lanes = config.lanes(Command::Compare)?;
        let data = lowland::data::load(config)?;
        config.setups(&lanes, &data, &config.model(data.shape, data.classes)?)?;
    }
    let snapshot = if args.go_on { autosave::read_last() } else { None };
    Ok(Start { link: args.link.clone().unwrap_or_default(), config, snapshot, ..Start::default() })
}
