//! `cargo xtask coverage`: do the intervals of `dyno bench` hold what a repetition later gives? By real repetitions.
//!
//! Runs the same benchmark again and again, spread over a period, calm or beside a neighbour; keeps every record at once, so that a
//! stopped series goes on where it was; then counts how often the interval of one run held the figure of a later one.

mod figures;
mod neighbour;

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dyno_types::RunRecord;

use neighbour::Neighbour;

const USAGE: &str = "\
usage: cargo xtask coverage FOLDER [OPTIONS]
  FOLDER               where records are kept; a stopped series goes on there
  --model MODEL        what is measured [default: builtin:nano]
  --repetitions N      how often, those already in FOLDER included [default: 200]
  --minutes N          spread over this time, from now on [default: 60]
  --neighbour PERCENT  beside a program that uses so much of one processor [default: 0, calm]
  --dyno FILE          the command [default: target/release/dyno]
A calm series and one with a neighbour go into folders of their own.";

/// Records of a series, one a line.
const RECORDS: &str = "records.jsonl";
/// How the series is measured; a folder holds one way.
const PLAN: &str = "plan.txt";
/// The history that intervals rest on.
const HISTORY: &str = "history.sqlite";

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
struct Options {
    folder: PathBuf,
    model: String,
    repetitions: usize,
    minutes: f64,
    neighbour_percent: u32,
    dyno: PathBuf,
}

/// Runs the command with the arguments after its name.
///
/// # Errors
/// For unknown arguments, a folder of another series, and when a run fails.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    if arguments.first().is_none_or(|first| first == "--help") {
        println!("{USAGE}");
        return Ok(());
    }
    let options = Options::parse(root, arguments)?;
    std::fs::create_dir_all(&options.folder)
        .with_context(|| format!("{} cannot be made", options.folder.display()))?;
    options.claim_folder()?;
    let mut records = read_records(&options.folder.join(RECORDS))?;
    println!("{} of {} repetitions are there", records.len(), options.repetitions);
    let neighbour = Neighbour::start(options.neighbour_percent);
    let (begun, first) = (Instant::now(), records.len());
    while records.len() < options.repetitions {
        let due = due(records.len() - first, options.repetitions - first, options.minutes);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let record = options.measure()?;
        keep(&options.folder.join(RECORDS), &record)?;
        println!("{} of {}: {}", records.len() + 1, options.repetitions, figures::line(&record));
        records.push(record);
    }
    drop(neighbour);
    print!("{}", figures::report(&records));
    Ok(())
}

/// When a repetition begins, counted from the start of this session: evenly over the period.
fn due(done: usize, planned: usize, minutes: f64) -> Duration {
    Duration::from_secs_f64(minutes * 60.0 * done as f64 / planned.max(1) as f64)
}

impl Options {
    fn parse(root: &Path, arguments: &[String]) -> anyhow::Result<Self> {
        let Some((folder, rest)) = arguments.split_first() else { bail!("{USAGE}") };
        ensure!(!folder.starts_with('-'), "the folder comes first\n{USAGE}");
        let mut options = Self {
            folder: PathBuf::from(folder),
            model: "builtin:nano".to_owned(),
            repetitions: 200,
            minutes: 60.0,
            neighbour_percent: 0,
            dyno: root.join("target/release/dyno"),
        };
        let mut rest = rest.iter();
        while let Some(name) = rest.next() {
            let value = rest.next().with_context(|| format!("{name} needs a value\n{USAGE}"))?;
            let refused = || format!("{name} {value:?} is no number that makes sense here\n{USAGE}");
            match name.as_str() {
                "--model" => options.model.clone_from(value),
                "--repetitions" => options.repetitions = value.parse().with_context(refused)?,
                "--minutes" => options.minutes = value.parse().with_context(refused)?,
                "--neighbour" => options.neighbour_percent = value.parse().with_context(refused)?,
                "--dyno" => options.dyno = PathBuf::from(value),
                _ => bail!("unknown option {name}\n{USAGE}"),
            }
        }
        let minutes_fit = (0.0..=100_000.0).contains(&options.minutes);
        ensure!(
            options.repetitions >= 2 && minutes_fit,
            "ask for at least 2 repetitions and 0 to 100000 minutes"
        );
        ensure!(options.neighbour_percent <= 100, "a neighbour uses 0 to 100 % of one processor");
        Ok(options)
    }

    /// Refuses a folder that holds another series; says in it what this one is.
    fn claim_folder(&self) -> anyhow::Result<()> {
        let plan = format!("{} beside a neighbour at {} %\n", self.model, self.neighbour_percent);
        let file = self.folder.join(PLAN);
        match std::fs::read_to_string(&file) {
            Ok(there) => ensure!(
                there == plan,
                "{} holds another series ({}); give this one a folder of its own",
                self.folder.display(),
                there.trim()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => std::fs::write(&file, plan)
                .with_context(|| format!("{} cannot be written", file.display()))?,
            Err(error) => bail!("{} cannot be read: {error}", file.display()),
        }
        Ok(())
    }

    /// One repetition, as anybody would run it.
    fn measure(&self) -> anyhow::Result<RunRecord> {
        let mut command = Command::new(&self.dyno);
        command.args(["bench", &self.model, "--contexts", "256,512", "--format", "json", "--quiet"]);
        command.arg("--history").arg(self.folder.join(HISTORY));
        command.arg("--page").arg(self.folder.join("latest.html"));
        let ended = command.output().with_context(|| format!("{} cannot be started", self.dyno.display()))?;
        if !ended.status.success() {
            bail!(
                "{} ended with {}: {}",
                self.dyno.display(),
                ended.status,
                String::from_utf8_lossy(&ended.stderr)
            );
        }
        serde_json::from_slice(&ended.stdout).context("dyno bench printed no record")
    }
}

/// Records so far. A last line that was cut off by a kill is measured again.
fn read_records(file: &Path) -> anyhow::Result<Vec<RunRecord>> {
    let Ok(lines) = File::open(file) else { return Ok(Vec::new()) };
    let lines: Vec<String> = BufReader::new(lines).lines().collect::<Result<_, _>>()?;
    let mut records = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            Err(_) if index + 1 == lines.len() => {
                let whole: String = lines[..index].iter().map(|line| format!("{line}\n")).collect();
                std::fs::write(file, whole)
                    .with_context(|| format!("{} cannot be written", file.display()))?;
            }
            Err(error) => bail!("{}, line {}: {error}", file.display(), index + 1),
        }
    }
    Ok(records)
}

fn keep(file: &Path, record: &RunRecord) -> anyhow::Result<()> {
    let line = serde_json::to_string(record)? + "\n";
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    Ok(file.write_all(line.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> anyhow::Result<Options> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Options::parse(Path::new("root"), &arguments)
    }

    #[test]
    fn arguments_are_read_and_nonsense_is_refused() {
        let read = options(&["f", "--neighbour", "20", "--repetitions", "5", "--minutes", "0.5"]).unwrap();
        assert_eq!((read.neighbour_percent, read.repetitions, read.minutes), (20, 5, 0.5));
        assert_eq!(options(&["f"]).unwrap().repetitions, 200);
        for refused in [
            &["--model", "x"][..],
            &["f", "--repetitions", "1"],
            &["f", "--minutes", "-1"],
            &["f", "--minutes", "NaN"],
            &["f", "--neighbour", "101"],
            &["f", "--neighbour"],
            &["f", "--nonsense", "1"],
        ] {
            assert!(options(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn repetitions_are_spread_evenly() {
        let at: Vec<u64> = (0..4).map(|done| due(done, 4, 60.0).as_secs()).collect();
        assert_eq!(at, [0, 900, 1800, 2700]);
    }

    #[test]
    fn a_killed_series_goes_on_and_another_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(RECORDS);
        let record = |id: &str| RunRecord { id: id.to_owned(), ..RunRecord::default() };
        keep(&file, &record("a")).unwrap();
        keep(&file, &record("b")).unwrap();
        let mut cut = OpenOptions::new().append(true).open(&file).unwrap();
        cut.write_all(b"{\"schema\": \"dyn").unwrap();
        let ids = |records: Vec<RunRecord>| records.into_iter().map(|record| record.id).collect::<Vec<_>>();
        assert_eq!(ids(read_records(&file).unwrap()), ["a", "b"]);
        keep(&file, &record("c")).unwrap();
        assert_eq!(ids(read_records(&file).unwrap()), ["a", "b", "c"]);
        let path = folder.path().to_str().unwrap();
        options(&[path]).unwrap().claim_folder().unwrap();
        options(&[path]).unwrap().claim_folder().unwrap();
        let error = options(&[path, "--neighbour", "20"]).unwrap().claim_folder().unwrap_err().to_string();
        assert!(error.contains("holds another series"), "{error}");
    }
}
