//! What `dyno tune` prints: plans and findings, as plain text or as Markdown.

use dyno_app::{PlannedTask, StartComparison, TaskTuning, TriedRound, TriedSetting, TuneResult};

/// Settings of a round that are shown; the others are in the JSON.
const SETTINGS_SHOWN: usize = 3;

/// Cells under headings. Columns are as wide as their widest cell; all but the last are aligned to the left.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn text(&self, markdown: bool) -> String {
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            let line = if markdown {
                format!("| {} |", cells.join(" | "))
            } else {
                format!("  {}", cells.join("  "))
            };
            format!("{}\n", line.trim_end())
        };
        let mut lines: Vec<String> = self.rows.iter().map(line).collect();
        if markdown {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            lines.insert(1, format!("| {} |\n", rule.join(" | ")));
        }
        lines.concat()
    }
}

fn heading(text: &str, markdown: bool) -> String {
    if markdown { format!("## {text}\n\n") } else { format!("{text}\n") }
}

/// What would be asked.
pub(super) fn planned(tasks: &[PlannedTask], markdown: bool) -> String {
    let mut text = String::new();
    for task in tasks {
        let title = format!("{}: {} questions from {}", task.task, task.items, task.suites.join(", "));
        text += &heading(&title, markdown);
        let mut settings = Table::new(&["#", "setting"]);
        for (index, choice) in task.candidates.iter().enumerate() {
            let name = if index == 0 { "start".to_owned() } else { index.to_string() };
            settings.row([name, choice.to_string()]);
        }
        text += &settings.text(markdown);
        text.push('\n');
        let mut rounds = Table::new(&["round", "settings", "answers each"]);
        for (index, round) in task.rounds.iter().enumerate() {
            let last = index + 1 == task.rounds.len();
            let name = if last { "fresh questions".to_owned() } else { (index + 1).to_string() };
            rounds.row([name, round.settings.to_string(), round.answers_each.to_string()]);
        }
        text += &rounds.text(markdown);
        text.push('\n');
    }
    text
}

/// What was found.
pub(super) fn found(result: &TuneResult, markdown: bool) -> String {
    let mut text = String::new();
    for task in &result.tasks {
        let title = format!("{}: {} questions from {}", task.task, task.items, task.suites.join(", "));
        text += &heading(&title, markdown);
        text += &verdict(task, markdown);
        for (index, round) in task.rounds.iter().enumerate() {
            text += &tried(index + 1, round, markdown);
        }
        for note in &task.notes {
            text += &format!("note: {note}\n");
        }
        text.push('\n');
    }
    if let Some(judge) = result.judge.as_ref().filter(|_| result.tasks.iter().any(|task| task.rated)) {
        text += &format!("Open answers rated by {}: 1 to 10, counted as 0.1 to 1 of quality.\n", judge.model);
    }
    for skipped in &result.skipped {
        text += &format!("{} was left out: {}\n", skipped.task, skipped.reason);
    }
    let (quality, speed) = (result.weights.quality, result.weights.speed);
    text += &format!(
        "Objective: {quality} x quality + {speed} x speed (tokens/s over 20, at most 1); strategy {}, seed {}.\n\
         Speed is that of each answer, with up to {} written side by side.\n",
        result.strategy, result.seed, result.sequences
    );
    text
}

/// Start and winner, and what that means.
fn verdict(task: &TaskTuning, markdown: bool) -> String {
    let mut table = Table::new(&["", "setting", "quality", "tokens/s", "objective", "answers"]);
    let row = |name: &str, standing: &dyno_app::Standing| {
        let (quality, speed, objective) = (standing.quality, standing.decode_tps, standing.objective);
        figures(name, &standing.choice.to_string(), (quality, speed, objective), standing.answers)
    };
    let mut text = String::new();
    match &task.comparison {
        Some(comparison) => {
            table.row(row("start", &comparison.start));
            table.row(row("winner", &comparison.winner));
            text += &table.text(markdown);
            text += &format!("\n{}\n", difference(comparison));
        }
        None => {
            table.row(row("start", &task.winner));
            text += &format!("{}\n", table.text(markdown));
        }
    }
    text += &format!("{} ({} answers in all).\n", capital(&task.sentence), task.generations);
    text += &format!("Preset: {}\n", task.recommended);
    if let Some(file) = &task.kept_in {
        text += &format!("kept in {}; dyno generate --preset {} uses it\n", file.display(), task.task);
    }
    text.push('\n');
    text
}

fn difference(comparison: &StartComparison) -> String {
    let [low, high] = comparison.quality_difference_ci95;
    format!(
        "Quality, winner minus start on {} fresh answers each: {:+.1} points, 95 % interval [{:.1}, {:.1}].",
        comparison.start.answers,
        comparison.quality_difference * 100.0,
        low * 100.0,
        high * 100.0
    )
}

fn tried(number: usize, round: &TriedRound, markdown: bool) -> String {
    let what = if round.fresh { "on fresh questions" } else { "search" };
    let mut text = format!(
        "Round {number} ({what}): {} settings, {} answers each\n",
        round.settings.len(),
        round.answers_each
    );
    if markdown {
        text.push('\n');
    }
    let mut table = Table::new(&["#", "setting", "quality", "tokens/s", "objective", "scored"]);
    // The start is always shown: it is what the others are measured by.
    let shown = |(place, setting): &(usize, &TriedSetting)| *place < SETTINGS_SHOWN || setting.candidate == 0;
    for (_, setting) in round.settings.iter().enumerate().filter(shown) {
        let name = if setting.candidate == 0 { "start".to_owned() } else { setting.candidate.to_string() };
        let measured = (setting.quality, setting.decode_tps, setting.objective);
        table.row(figures(&name, &setting.choice.to_string(), measured, setting.scored));
    }
    text += &table.text(markdown);
    if markdown {
        text.push('\n');
    }
    text
}

fn figures(
    name: &str,
    setting: &str,
    (quality, speed, objective): (f64, f64, f64),
    answers: usize,
) -> [String; 6] {
    [
        name.to_owned(),
        setting.to_owned(),
        format!("{:.1} %", quality * 100.0),
        format!("{speed:.1}"),
        format!("{objective:.3}"),
        answers.to_string(),
    ]
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
