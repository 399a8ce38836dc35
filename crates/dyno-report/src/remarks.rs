//! Remarks about several runs in a terminal: each stands once, with the runs it is about.

use dyno_types::RunRecord;

use crate::sentences::{self, Remark};
use crate::terminal::{Color, Ink};
use crate::text::plain;

/// Which runs are not to be compared, and every remark on any of them, voiding ones first; nothing where there is nothing to say.
pub(crate) fn of_several(records: &[RunRecord], color: Color) -> String {
    let invalid: Vec<String> =
        records.iter().filter(|record| !record.validity.valid).map(|record| plain(&record.id)).collect();
    let mut text = match invalid.len() {
        0 => String::new(),
        all if all == records.len() => {
            let verdict = "None of these runs is valid: do not compare their figures.";
            format!("\n{}\n", color.paint(Ink::Bad, verdict))
        }
        _ => {
            let verdict = format!("Not valid, do not compare the figures of {}:", invalid.join(", "));
            format!("\n{}\n", color.paint(Ink::Bad, &verdict))
        }
    };
    let grouped = grouped(records);
    if text.is_empty() && !grouped.is_empty() {
        text = format!("\n{}\n", color.paint(Ink::Warning, "Valid, with remarks."));
    }
    for (remark, runs) in grouped {
        let marker = if remark.voids { "!" } else { "-" };
        let about =
            if runs.len() == records.len() { String::new() } else { format!(" ({})", runs.join(", ")) };
        text += &format!("  {marker} {}{about}\n", remark.text);
    }
    text
}

/// Every remark once, voiding ones first, with the ids of the runs it is about.
fn grouped(records: &[RunRecord]) -> Vec<(Remark, Vec<String>)> {
    let mut grouped: Vec<(Remark, Vec<String>)> = Vec::new();
    for record in records {
        for remark in sentences::remarks(&record.validity, &record.model, &record.notes) {
            let id = plain(&record.id);
            match grouped.iter_mut().find(|(known, _)| *known == remark) {
                Some((_, runs)) => runs.push(id),
                None => grouped.push((remark, vec![id])),
            }
        }
    }
    grouped.sort_by_key(|(remark, _)| !remark.voids);
    grouped
}

#[cfg(test)]
mod tests {
    use dyno_types::{Validity, ValidityFlag};

    use super::*;

    fn run(id: &str, flags: &[ValidityFlag]) -> RunRecord {
        let validity = Validity::from_flags(flags.to_vec());
        RunRecord { id: id.to_owned(), validity, ..RunRecord::default() }
    }

    #[test]
    fn every_reason_is_said_once_with_the_runs_it_is_about() {
        let (debug, warm) = (ValidityFlag::DebugBuild, ValidityFlag::NotWarm);
        let said = |runs: &[RunRecord]| of_several(runs, Color::Never);
        assert_eq!(said(&[run("a", &[]), run("b", &[])]), "");
        let remarked = said(&[run("a", &[warm]), run("b", &[])]);
        assert_eq!(remarked, format!("\nValid, with remarks.\n  - {} (a)\n", warm.explain()));
        let none = said(&[run("a", &[debug, warm]), run("b", &[debug])]);
        let expected = format!("  ! {}\n  - {} (a)\n", debug.explain(), warm.explain());
        assert_eq!(none, format!("\nNone of these runs is valid: do not compare their figures.\n{expected}"));
        let one = said(&[run("a", &[warm]), run("b", &[debug, warm]), run("c", &[])]);
        let expected = format!("  ! {} (b)\n  - {} (a, b)\n", debug.explain(), warm.explain());
        assert_eq!(one, format!("\nNot valid, do not compare the figures of b:\n{expected}"));
    }
}
