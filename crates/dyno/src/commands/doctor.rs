//! `dyno doctor`.

use dyno_app::{AppError, CheckStatus, Work};

use crate::cli::DoctorArgs;
use crate::printer;

/// Runs every check; fails when one found a problem.
pub(super) async fn run(work: &Work, args: &DoctorArgs) -> anyhow::Result<()> {
    let report = work.doctor(args.measure).await?.worded(crate::next_step::WORDS);
    if args.format == "json" {
        printer::print_json(&report)?;
    } else {
        let mut text = String::new();
        for check in &report.checks {
            let mark = match check.status {
                CheckStatus::Ok => "ok     ",
                CheckStatus::Warning => "warning",
                CheckStatus::Problem => "PROBLEM",
            };
            text.push_str(&format!("{mark}  {}: {}\n", check.subject, check.finding));
            if let Some(remedy) = &check.remedy {
                text.push_str(&format!("         → {remedy}\n"));
            }
        }
        printer::print(&text)?;
    }
    let problems = report.checks.iter().filter(|check| check.status == CheckStatus::Problem).count();
    if problems == 0 { Ok(()) } else { Err(AppError::Unhealthy { problems }.into()) }
}
