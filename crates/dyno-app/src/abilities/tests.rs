//! Keeping abilities: round trip, damage, another machine, another disk, disturbance.

use std::sync::{Arc, Mutex};

use dyno_types::ValidityFlag;

use super::*;
use crate::testing::{app, job_heard_by, work};

const MACHINE: &str = "0123abcd";
const NOW: i64 = 1_700_000_000_000;

fn sample(threads: u32, bytes_per_s: f64) -> BandwidthSample {
    BandwidthSample { threads, bytes_per_s, rounds: 10, variation: 0.01 }
}

fn abilities() -> MachineAbilities {
    MachineAbilities {
        machine: MACHINE.to_owned(),
        measured_unix_ms: NOW,
        memory_read: vec![sample(1, 1.25e10), sample(2, 2.8e10)],
        memory_copy: vec![sample(1, 1e10), sample(2, 1.9e10)],
        cache_read_bytes_per_s: 9e10,
        disk: "/dev/disk".to_owned(),
        flags: Vec::new(),
        disk_read_bytes_per_s: Some(1.5e9),
    }
}

fn disturbed() -> MachineAbilities {
    MachineAbilities { flags: vec![ValidityFlag::ForeignLoad], ..abilities() }
}

/// Remembers what it is told.
#[derive(Default)]
struct Heard(Mutex<Vec<Event>>);

impl EventSink for Heard {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Heard {
    fn remarks(&self) -> Vec<String> {
        let remark = |event: &Event| match event {
            Event::Note(text) | Event::Warning(text) | Event::Advice { text, .. } => Some(text.clone()),
            _ => None,
        };
        self.0.lock().unwrap().iter().filter_map(remark).collect()
    }
}

#[test]
fn what_is_kept_comes_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/abilities.json");
    assert_eq!(read(&file, MACHINE), Ok(None));
    kept::write(&file, SCHEMA, &abilities()).unwrap();
    assert_eq!(read(&file, MACHINE), Ok(Some(abilities())));
    assert!(read(&file, "another").unwrap_err().contains("another machine"));
}

#[test]
fn a_damaged_file_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("abilities.json");
    kept::write(&file, SCHEMA, &abilities()).unwrap();
    let whole = std::fs::read_to_string(&file).unwrap();
    let cases: [(String, &str); 11] = [
        (whole[..whole.len() / 2].to_owned(), "EOF"),
        (String::new(), "EOF"),
        ("[]".to_owned(), "invalid length"),
        (r#"{"schema":7}"#.to_owned(), "integer"),
        (whole.replace("dyno.abilities/1", "dyno.abilities/2"), "dyno.abilities/2"),
        (format!(r#"{{"schema":"{SCHEMA}"}}"#), "value"),
        (whole.replace("12500000000.0", "-1.0"), "no measurement gives"),
        (whole.replace("12500000000.0", "0.0"), "no measurement gives"),
        (whole.replace("12500000000.0", "1e999"), "number out of range"),
        (whole.replace("\"threads\": 1,", "\"threads\": 0,"), "no measurement gives"),
        (" ".repeat(2 << 20), "more than 1048576 bytes"),
    ];
    for (text, reason) in cases {
        assert_ne!(text, whole, "{reason}");
        std::fs::write(&file, text).unwrap();
        let found = read(&file, MACHINE).unwrap_err();
        assert!(found.contains(reason), "{found} should say {reason}");
    }
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(read(&file, MACHINE).unwrap_err().contains("UTF-8"));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(read(&file, MACHINE).is_err(), "a folder in its place");
    let none = MachineAbilities { memory_read: Vec::new(), ..abilities() };
    assert!(check(&none, MACHINE).unwrap_err().contains("0 memory figures"));
}

#[test]
fn only_what_is_needed_is_measured() {
    let later = NOW + 24 * 3_600_000;
    assert_eq!(need(None, "/dev/disk", false, later), Need::All(None));
    assert_eq!(need(Some(abilities()), "/dev/disk", false, later), Need::Nothing(abilities()));
    assert_eq!(need(Some(abilities()), "/dev/disk", true, later), Need::All(Some(abilities())));
    assert_eq!(need(Some(abilities()), "/dev/other", false, later), Need::Disk(abilities()));
    assert_eq!(need(Some(disturbed()), "/dev/disk", false, NOW + 60_000), Need::Nothing(disturbed()));
    assert_eq!(need(Some(disturbed()), "/dev/disk", false, later), Need::All(Some(disturbed())));
    assert_eq!(need(Some(disturbed()), "/dev/disk", false, NOW - 1), Need::All(Some(disturbed())));
}

#[test]
fn disturbance_only_slows_so_the_better_figure_wins() {
    let now = MachineAbilities {
        memory_read: vec![sample(1, 1.3e10), sample(2, 2e10), sample(4, 1.0)],
        memory_copy: vec![sample(1, 2e10)],
        measured_unix_ms: NOW + 1,
        ..disturbed()
    };
    let both = better(disturbed(), now.clone());
    assert_eq!(both.memory_read, [sample(1, 1.3e10), sample(2, 2.8e10), sample(4, 1.0)]);
    assert_eq!(both.memory_copy, [sample(1, 2e10)]);
    assert_eq!((both.flags.len(), both.measured_unix_ms), (1, NOW + 1));
    let calm = MachineAbilities { flags: Vec::new(), ..now };
    assert_eq!(better(disturbed(), calm.clone()), calm);
}

/// This machine with one usable processor, which is measured in the shortest time.
fn this_machine() -> HardwareProfile {
    HardwareProfile { cores_usable: 1, on_battery: None, ..dyno_hardware::profile() }
}

#[test]
fn this_machine_is_measured_after_damage_and_not_when_it_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    let work = app(folder.path()).work(job_heard_by(heard.clone()));
    let machine = this_machine();
    let fingerprint = dyno_hardware::fingerprint(&machine);
    let file = work.abilities_file(&fingerprint).unwrap();
    let disk = dyno_hardware::disk_name(work.cache_dir().unwrap());
    let known = MachineAbilities { machine: fingerprint.clone(), disk, ..abilities() };
    kept::write(&file, SCHEMA, &known).unwrap();
    assert_eq!(work.abilities_of(&machine, false).unwrap(), known);
    assert_eq!(heard.0.lock().unwrap().len(), 0, "nothing was measured");

    std::fs::write(&file, "damaged").unwrap();
    let measured = work.abilities_of(&machine, false).unwrap();
    let remarks = heard.remarks();
    assert!(remarks.len() == 1 && remarks[0].contains("not used"), "{remarks:?}");
    assert_eq!((measured.machine.as_str(), &measured.disk), (fingerprint.as_str(), &known.disk));
    assert!(measured.measured_unix_ms > known.measured_unix_ms);
    for figure in measured.memory_read.iter().chain(&measured.memory_copy) {
        assert!(figure.bytes_per_s.is_finite() && figure.bytes_per_s > 0.0, "{figure:?}");
    }
    assert_eq!(read(&file, &fingerprint), Ok(Some(measured)));
}

#[test]
fn another_machine_is_measured_beside_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let app = work(folder.path());
    let machine = this_machine();
    let first = MachineAbilities { machine: dyno_hardware::fingerprint(&machine), ..abilities() };
    kept::write(&app.abilities_file(&first.machine).unwrap(), SCHEMA, &first).unwrap();
    let other = HardwareProfile { cpu: "Made Up 9000".to_owned(), ..machine };
    let second = app.abilities_of(&other, false).unwrap();
    assert_ne!(second.machine, first.machine);
    assert_eq!(read(&app.abilities_file(&first.machine).unwrap(), &first.machine), Ok(Some(first)));
    assert!(app.abilities_file(&second.machine).unwrap().exists());
}

#[test]
fn stopping_keeps_nothing_and_a_refused_write_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let stopped = work(folder.path());
    stopped.job.cancel.cancel();
    let machine = this_machine();
    assert!(matches!(stopped.abilities_of(&machine, false), Err(AppError::Cancelled)));
    assert!(!folder.path().join("history").exists());

    std::fs::write(folder.path().join("history"), "a file in the place of the folder").unwrap();
    let heard = Arc::new(Heard::default());
    app(folder.path()).work(job_heard_by(heard.clone())).abilities_of(&machine, false).unwrap();
    let remarks = heard.remarks();
    assert!(remarks.iter().any(|remark| remark.contains("is not kept")), "{remarks:?}");
}
