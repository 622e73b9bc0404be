//! `lowland report`.

use crate::args::ReportArgs;
use crate::landscape::{self, Outcome};
use crate::print::out;
use anyhow::Result;
use lowland::Error;
use lowland_report::FolderKind;
use std::process::ExitCode;

pub fn report(args: &ReportArgs) -> Result<ExitCode> {
    let input = |e: lowland_report::Error| Error::input(e.to_string());
    let kind = lowland_report::kind_of(&args.dir);
    if args.metric.is_some() && kind != FolderKind::Sweep {
        let dir = args.dir.display();
        return Err(Error::input(format!("{dir} is no sweep; --metric is what the page of a sweep shows.")).into());
    }
    let mut measured = Outcome::Done;
    let (text, mut document, path) = match kind {
        FolderKind::Sweep => {
            // Read before anything is written: what cannot be read is bad input.
            let summary = lowland_report::summarize_sweep(&args.dir, args.metric).map_err(input)?;
            return crate::sweep::print(&args.dir, summary.metric, &args.common);
        }
        FolderKind::Runs => {
            let scatter = lowland_report::summarize_runs(&args.dir).map_err(input)?;
            let path = lowland_report::write_runs(&args.dir)?;
            (scatter.to_text(), serde_json::to_value(&scatter)?, path)
        }
        FolderKind::Run => {
            let summary = lowland_report::summarize(&args.dir).map_err(input)?;
            if !args.no_landscape {
                let stop = crate::train::stop_on_ctrl_c();
                measured = landscape::update(&args.dir, None, &args.common, None, &stop);
            }
            let path = lowland_report::write_report(&args.dir)?;
            (summary.to_text(), serde_json::to_value(&summary)?, path)
        }
    };
    if args.common.json {
        document["report"] = path.display().to_string().into();
        out(&format!("{document:#}"))?;
    } else {
        out(&format!("{text}\nReport: {}", path.display()))?;
    }
    Ok(landscape::exit_code(measured))
}
