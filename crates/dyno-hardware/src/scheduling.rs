//! What the scheduler let a process have: run time, run-queue wait and involuntary switches of its threads, steal, pressure.

use std::path::Path;

use dyno_types::{PressureTimes, Scheduling, ThreadTimes};

use crate::{Sources, processor};

/// Counts so far of a running process, of this one as its front, and of the machine; `None` where the system does not count the
/// wait of threads (anything but Linux, and a Linux without schedstat), or there is no such process.
#[must_use]
pub fn scheduling(pid: u32) -> Option<Scheduling> {
    scheduling_from(&Sources::system(), pid, rustix::param::clock_ticks_per_second())
}

fn scheduling_from(sources: &Sources, pid: u32, ticks_per_second: u64) -> Option<Scheduling> {
    let threads = threads(sources, &Path::new("proc").join(pid.to_string()));
    if threads.is_empty() {
        return None;
    }
    let front = self::threads(sources, Path::new("proc/self"));
    let (_, steal_ticks) = processor::busy_and_steal_ticks(sources);
    Some(Scheduling {
        threads,
        front_cpu_ms: front.iter().map(|thread| thread.ran_ns).sum::<u64>() as f64 / 1e6,
        stolen_ms: steal_ticks as f64 * 1e3 / ticks_per_second.max(1) as f64,
        pressure: pressure(sources),
    })
}

/// Threads of a process, those that end while they are read left out.
fn threads(sources: &Sources, process: &Path) -> Vec<ThreadTimes> {
    let folder = process.join("task");
    let found = folder.to_str().map(|folder| sources.numbered(folder, "")).unwrap_or_default();
    found.into_iter().filter_map(|thread| thread_times(sources, &thread)).collect()
}

fn thread_times(sources: &Sources, folder: &Path) -> Option<ThreadTimes> {
    // Time on a processor, time waiting for one, turns; a kernel that counts nothing writes zeros for a thread that has run.
    let schedstat = sources.line(folder.join("schedstat"))?;
    let mut counts = schedstat.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(ran_ns)), Some(Ok(waited_ns)), Some(Ok(turns))) =
        (counts.next(), counts.next(), counts.next())
    else {
        return None;
    };
    if (ran_ns, waited_ns, turns) == (0, 0, 0) {
        return None;
    }
    let status = sources.text(folder.join("status")).unwrap_or_default();
    let switches = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    Some(ThreadTimes {
        id: folder.file_name()?.to_str()?.parse().ok()?,
        name: sources.name(folder.join("comm")).unwrap_or_default(),
        ran_ns,
        waited_ns,
        involuntary_switches: switches.and_then(|count| count.trim().parse().ok()).unwrap_or(0),
    })
}

/// Pressure on the whole machine; `None` where it is not counted.
fn pressure(sources: &Sources) -> Option<PressureTimes> {
    let stalled_ms = |resource: &str| {
        let text = sources.text(Path::new("proc/pressure").join(resource))?;
        let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
        let total_us = some.split_whitespace().find_map(|word| word.strip_prefix("total="))?;
        Some(total_us.parse::<u64>().ok()? as f64 / 1e3)
    };
    Some(PressureTimes {
        cpu_ms: stalled_ms("cpu")?,
        memory_ms: stalled_ms("memory")?,
        io_ms: stalled_ms("io")?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        folder
    }

    const FULL: [(&str, &str); 10] = [
        ("proc/7/task/7/schedstat", "5000000 2000000 9\n"),
        ("proc/7/task/7/comm", "engine\n"),
        ("proc/7/task/9/schedstat", "8000000 1000000 3\n"),
        ("proc/7/task/9/comm", "model\n"),
        (
            "proc/7/task/9/status",
            "Name:\tmodel\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t4\n",
        ),
        ("proc/self/task/1/schedstat", "250000000 1 1\n"),
        ("proc/stat", "cpu  1 2 3 4 5 6 7 80 0 0\n"),
        ("proc/pressure/cpu", "some avg10=1.00 avg60=0.00 avg300=0.00 total=1500\nfull avg10=0.00 total=7\n"),
        ("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500\n"),
        ("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=3500\n"),
    ];

    #[test]
    fn every_count_is_found() {
        let folder = tree(&FULL);
        let found = scheduling_from(&Sources::at(folder.path()), 7, 100).unwrap();
        let thread = |id, name: &str, ran_ns, waited_ns, involuntary_switches| ThreadTimes {
            id,
            name: name.to_owned(),
            ran_ns,
            waited_ns,
            involuntary_switches,
        };
        assert_eq!(
            found,
            Scheduling {
                threads: vec![
                    thread(7, "engine", 5_000_000, 2_000_000, 0),
                    thread(9, "model", 8_000_000, 1_000_000, 4)
                ],
                front_cpu_ms: 250.0,
                stolen_ms: 800.0,
                pressure: Some(PressureTimes { cpu_ms: 1.5, memory_ms: 2.5, io_ms: 3.5 }),
            }
        );
    }

    #[test]
    fn what_is_not_counted_is_absent() {
        let without = |prefix: &str| {
            let kept: Vec<(&str, &str)> =
                FULL.into_iter().filter(|(path, _)| !path.starts_with(prefix)).collect();
            let folder = tree(&kept);
            scheduling_from(&Sources::at(folder.path()), 7, 100)
        };
        assert_eq!(without("proc/7/"), None);
        assert_eq!(without("proc/pressure/io").unwrap().pressure, None);
        let uncounted = tree(&[("proc/7/task/7/schedstat", "0 0 0\n")]);
        assert_eq!(scheduling_from(&Sources::at(uncounted.path()), 7, 100), None);
        let broken = tree(&[("proc/7/task/7/schedstat", "5 x 9\n"), ("proc/7/task/x/schedstat", "1 1 1\n")]);
        assert_eq!(scheduling_from(&Sources::at(broken.path()), 7, 100), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_works_shows_up_under_its_name() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let worker = std::thread::Builder::new().name("at-work".to_owned()).spawn(move || {
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                std::hint::black_box((0..10_000).sum::<u64>());
            }
        });
        let worker = worker.unwrap();
        let ran_ns = || {
            let found = scheduling(std::process::id())?;
            Some(found.threads.iter().find(|thread| thread.name == "at-work")?.ran_ns)
        };
        let before = loop {
            if let Some(ran) = ran_ns() {
                break ran;
            }
            std::thread::yield_now();
        };
        while ran_ns().unwrap() <= before {
            std::thread::yield_now();
        }
        stop.send(()).unwrap();
        worker.join().unwrap();
        assert_eq!(scheduling(u32::MAX), None);
    }
}
