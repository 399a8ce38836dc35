//! `scripts/setup.sh` sees only the programs of a folder made for the test; those that install note what they were asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Everything that building and testing need.
const COMPLETE: [&str; 7] = ["clang", "clang++", "cmake", "make", "cc", "cargo", "chromium"];

/// A machine with some programs.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// These programs, which do nothing; libclang counts as present.
    fn with(programs: &[&str]) -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        for program in ["tr", "sed"] {
            let real = ["/usr/bin", "/bin"]
                .iter()
                .map(|folder| Path::new(folder).join(program))
                .find(|path| path.exists());
            std::os::unix::fs::symlink(real.unwrap(), machine.folder.path().join(program)).unwrap();
        }
        machine.program("id", "echo 0");
        for program in programs {
            machine.program(program, "exit 0");
        }
        machine
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A program that notes its arguments.
    fn noting(&self, name: &str) {
        self.program(
            name,
            &format!("echo \"{name} $*\" >> '{}'", self.folder.path().join("notes").display()),
        );
    }

    fn notes(&self) -> String {
        fs::read_to_string(self.folder.path().join("notes")).unwrap_or_default()
    }

    fn set_up(&self, purpose: &str) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/setup.sh");
        let mut command = Command::new("/bin/sh");
        command
            .arg(script)
            .arg(purpose)
            .env_clear()
            .env("PATH", self.folder.path())
            .env("LIBCLANG_PATH", "/anywhere");
        command.output().unwrap()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_complete_machine_is_left_alone() {
    let machine = Machine::with(&COMPLETE);
    machine.noting("apt-get");
    for purpose in ["bench", "test"] {
        let output = machine.set_up(purpose);
        assert!(output.status.success(), "{}", text(&output));
        assert_eq!(text(&output), "", "nothing to say");
    }
    assert_eq!(machine.notes(), "");
}

#[test]
fn only_what_is_missing_is_installed_and_said() {
    let machine = Machine::with(&["clang", "clang++", "make", "cc", "cargo"]);
    machine.noting("apt-get");
    machine.program("env", "shift; exec \"$@\"");
    let output = machine.set_up("bench");
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(machine.notes(), "apt-get update\napt-get install --yes --no-install-recommends cmake\n");
    assert!(text(&output).contains("missing: cmake"), "{}", text(&output));
    machine.set_up("test");
    assert!(
        machine.notes().ends_with("cmake chromium fonts-dejavu-core\n"),
        "tests need a browser too: {}",
        machine.notes()
    );
}

#[test]
fn sudo_is_used_when_there_is_one() {
    let machine = Machine::with(&["clang", "cmake", "make", "cc", "cargo"]);
    machine.noting("apt-get");
    machine.noting("sudo");
    machine.program("id", "echo 1000");
    assert!(machine.set_up("bench").status.success());
    assert!(
        machine.notes().contains("sudo env DEBIAN_FRONTEND=noninteractive apt-get install"),
        "{}",
        machine.notes()
    );
    assert!(
        machine.notes().trim_end().ends_with(" clang"),
        "clang without clang++ is not enough: {}",
        machine.notes()
    );
}

#[test]
fn without_rights_the_exact_command_is_printed() {
    let machine = Machine::with(&["cargo"]);
    machine.noting("apt-get");
    machine.program("id", "echo 1000");
    let output = machine.set_up("bench");
    assert_eq!(output.status.code(), Some(1));
    let expected =
        "apt-get update && apt-get install --yes --no-install-recommends clang cmake make gcc libc6-dev";
    assert!(text(&output).contains(expected), "{}", text(&output));
    assert_eq!(machine.notes(), "");
}

#[test]
fn other_package_managers_have_their_own_names() {
    let machine = Machine::with(&["cargo", "make"]);
    machine.noting("dnf");
    assert!(machine.set_up("test").status.success());
    assert_eq!(machine.notes(), "dnf install --assumeyes clang cmake gcc chromium\n");
    let machine = Machine::with(&["cargo", "make", "cc", "clang", "clang++"]);
    machine.noting("brew");
    assert!(machine.set_up("test").status.success());
    assert_eq!(machine.notes(), "brew install cmake\nbrew install --cask chromium\n");
    let output = Machine::with(&["cargo"]).set_up("bench");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("install these yourself: clang cmake make cc"), "{}", text(&output));
}

#[test]
fn missing_rust_and_missing_components_are_said() {
    let machine = Machine::with(&COMPLETE[..5]);
    let output = machine.set_up("bench");
    assert!(!output.status.success() && text(&output).contains("https://rustup.rs"), "{}", text(&output));
    let machine = Machine::with(&COMPLETE);
    machine.program("cargo", "[ \"$1\" != clippy ]");
    machine.noting("rustup");
    assert!(machine.set_up("test").status.success());
    assert_eq!(machine.notes(), "rustup component add clippy\n");
}

#[test]
fn a_failing_installation_ends_the_set_up() {
    let machine = Machine::with(&["cargo"]);
    machine.program("apt-get", "exit 100");
    assert_eq!(machine.set_up("bench").status.code(), Some(100));
    assert_eq!(machine.set_up("party").status.code(), Some(2));
}
