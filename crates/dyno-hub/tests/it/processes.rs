//! Several processes, and processes that die.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stand_in::StandIn;
use crate::world::{World, hub_with, is_file, noise};

const MIB: usize = 1 << 20;

fn puller(hub: &StandIn, world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dyno-hub-pull"));
    command.args([&hub.url(), world.cache().to_str().unwrap(), "hf:o/r"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn two_processes_fetch_the_same_file_once() {
    let content = noise(8 * MIB, 1);
    let hub = hub_with(&content, |request, mut answer| {
        if is_file(request) {
            answer.bytes_per_s = Some(8_000_000);
        }
        answer
    });
    let world = World::new(&hub);
    let processes: Vec<_> = (0..3).map(|_| puller(&hub, &world).spawn().unwrap()).collect();
    let mut origins = Vec::new();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (origin, file) = text.trim().split_once(' ').unwrap();
        assert!(std::fs::read(file).unwrap() == content);
        origins.push(origin.to_owned());
    }
    origins.sort();
    assert_eq!(origins, ["Cache", "Cache", "Fetched"]);
    assert_eq!(hub.sent_bytes(), content.len() as u64);
}

/// Kills a pull at random moments; 10 times, or 100 with DYNO_LONG_TESTS=1.
#[test]
fn a_killed_pull_never_leaves_a_corrupt_cache_and_goes_on() {
    let long = std::env::var_os("DYNO_LONG_TESTS").is_some_and(|value| value == "1");
    let kills: u64 = if long { 100 } else { 10 };
    // Whole after about a second, in a few pieces: kills hit every step, from the list to the record.
    let content = noise(24 * MIB, 2);
    let hub = hub_with(&content, |request, mut answer| {
        if is_file(request) {
            answer.bytes_per_s = Some(6_000_000);
        }
        answer
    });
    let world = World::new(&hub);
    let mut random = noise(64 * 1024, 3).into_iter();
    let (mut killed, mut finished) = (0, 0);
    while killed < kills {
        let mut process = puller(&hub, &world).spawn().unwrap();
        let step = random.by_ref().take(4).fold(0u64, |number, byte| number << 8 | u64::from(byte));
        std::thread::sleep(Duration::from_millis(step % 300));
        process.kill().unwrap();
        let whole = process.wait_with_output().unwrap().status.success();
        assert_sound(&world, &content, whole);
        if whole {
            // Begin anew, so that every kill has something to hit.
            world.library().remove("hf:o/r", &world.job()).unwrap();
            finished += 1;
        } else {
            killed += 1;
        }
        assert!(finished <= 2 * kills, "kills come too late to hit anything");
    }
    let output = puller(&hub, &world).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_sound(&world, &content, true);
}

/// Whatever has the name of a model is that model, and nothing else claims to be one.
fn assert_sound(world: &World, content: &[u8], must_be_there: bool) {
    let names = world.files();
    let mut whole = 0;
    for name in &names {
        let known = [".gguf", ".part", ".journal", ".sha256"].iter().any(|end| name.ends_with(end));
        assert!(known || name.contains("/.journal-"), "{name} is left over");
        if name.ends_with(".gguf") {
            assert!(
                std::fs::read(world.cache().join(name)).unwrap() == content,
                "{name} is not what it says"
            );
            whole += 1;
        }
    }
    let rows = world.library().list(&world.job()).unwrap();
    assert!(rows.len() <= 1 && whole <= 1, "{names:?}");
    assert!(!must_be_there || (rows.len() == 1 && whole == 1), "{names:?}");
    assert!(rows.iter().all(|row| row.entry.bytes() == content.len() as u64));
    assert!(!world.said("damaged"), "nothing was ever set aside");
}

/// A record, or a model, that only its owner may read is no damage for others who share the cache.
#[test]
fn what_another_user_may_not_read_is_left_as_it_is() {
    let content = crate::world::model("q8_0");
    let hub = hub_with(&content, |_, answer| answer);
    let world = World::new(&hub);
    let (library, job) = (world.library(), world.job());
    let model = world.find("hf:o/r").unwrap().files.remove(0);
    library.pin("hf:o/r", true, &job).unwrap();
    let record = std::fs::read_dir(world.cache().join("index")).unwrap().next().unwrap().unwrap().path();
    let pinned = std::fs::read(&record).unwrap();
    let everybody = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // A world-writable cache, as such shared folders are.
    for folder in [world.cache().parent().unwrap(), world.cache(), record.parent().unwrap()] {
        everybody(folder, 0o777);
    }
    everybody(model.parent().unwrap(), 0o777);
    // Root may read everything: another user asks.
    let is_root = rustix::process::geteuid().is_root();
    let ask = || {
        let mut asking = puller(&hub, &world);
        if is_root {
            asking.uid(65_533).gid(65_533);
        }
        asking.output().unwrap()
    };
    everybody(&record, 0o000);
    let output = ask();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("Cache "), "the very file is used");
    everybody(&record, 0o644);
    assert_eq!(std::fs::read(&record).unwrap(), pinned, "nobody made the record anew");

    everybody(&model, 0o000);
    let output = ask();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("ermission denied"));
    everybody(&model, 0o644);
    assert!(model.exists() && library.show("hf:o/r", &job).unwrap().entry.pinned);
}

#[test]
fn records_and_digests_are_readable_for_those_who_share_the_cache() {
    let hub = hub_with(&noise(1000, 5), |_, answer| answer);
    let world = World::new(&hub);
    let model = world.find("hf:o/r").unwrap().files.remove(0);
    let record = std::fs::read_dir(world.cache().join("index")).unwrap().next().unwrap().unwrap().path();
    let plain = world.path("plain");
    std::fs::write(&plain, "").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let digest = model.with_file_name(format!("{}.sha256", model.file_name().unwrap().display()));
    for path in [&record, &model, &digest] {
        assert_eq!(mode(path), mode(&plain), "{}", path.display());
    }
}
