//! `lowland report`.

use crate::args::ReportArgs;
use crate::print::out;
use anyhow::Result;
use lowland::Error;
use std::process::ExitCode;

pub fn report(args: &ReportArgs) -> Result<ExitCode> {
    let summary = lowland_report::summarize(&args.dir).map_err(|e| Error::input(e.to_string()))?;
    let path = lowland_report::write_report(&args.dir)?;
    if args.common.json {
        let mut document = serde_json::to_value(&summary)?;
        document["report"] = path.display().to_string().into();
        out(&format!("{document:#}"))?;
    } else {
        out(&format!("{}\nReport: {}", summary.to_text(), path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
