//! What happens where a mechanism, an interpreter or the launcher is missing.

use dyno_sandbox::{
    Demand, Launcher, Limit, Mechanism, Program, Protection, Sandbox, SandboxError, Settings, Unavailable,
    Verdict,
};

use crate::world::{Turn, sandbox, sandbox_with_file_rules, settings};

fn held(sandbox: &Sandbox) -> Vec<Protection> {
    Protection::ALL.into_iter().filter(|protection| sandbox.protections().has(*protection)).collect()
}

#[test]
fn all_protections_hold_where_the_kernel_has_both_mechanisms() {
    let test = "all_protections_hold_where_the_kernel_has_both_mechanisms";
    let Some(sandbox) = sandbox_with_file_rules(test) else { return };
    assert_eq!(held(sandbox), Protection::ALL);
    assert_eq!(sandbox.interpreter().version[0], 3);
}

/// A program that reads a file of its caller puts it into its output, and that is kept.
#[test]
fn without_file_rules_nothing_runs_unless_asked_for_and_then_nothing_is_written() {
    let test = "without_file_rules_nothing_runs_unless_asked_for_and_then_nothing_is_written";
    let Some(_) = sandbox(test) else { return };
    let _turn = Turn::take();
    let bare = Settings { without: vec![Mechanism::Landlock], ..settings() };
    let error = Sandbox::detect(bare.clone()).unwrap_err();
    let Unavailable::NotIsolated { missing, .. } = &error else { panic!("{error}") };
    assert_eq!(*missing, [Protection::Reads], "{error}");
    assert!(error.to_string().contains("no private file is read"), "{error}");

    let sandbox = Sandbox::detect(Settings { demand: Demand::Nothing, ..bare }).unwrap();
    let source = "import os\nfor path in ('here', '/tmp/there', os.devnull):\n    for mode in ('w', 'a', 'r+', 'x'):\n        try:\n            \
        open(path, mode)\n        except (PermissionError, FileExistsError, FileNotFoundError): continue\n        \
        raise AssertionError((path, mode))\nassert open(os.__file__).read(1)";
    let outcome = sandbox.run(&Program::new(source, "")).unwrap();
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.stderr);
    let shown = "NOT isolated (lacks reads; has limits, disk, network, processes, signals, writes)";
    assert_eq!(outcome.protections.to_string(), shown, "the record says so");
}

/// Where user namespaces are refused the scratch folder is a folder, and is watched.
#[test]
fn without_a_disk_of_its_own_files_stay_where_they_are_counted() {
    let test = "without_a_disk_of_its_own_files_stay_where_they_are_counted";
    let Some(_) = sandbox_with_file_rules(test) else { return };
    let _turn = Turn::take();
    let sandbox = Sandbox::detect(Settings { without: vec![Mechanism::OwnDisk], ..settings() }).unwrap();
    assert_eq!(held(&sandbox), Protection::ALL);
    assert_eq!(sandbox.mechanisms(), [Mechanism::Landlock, Mechanism::Seccomp]);
    let honest = "with open('note', 'w') as file: file.write('text')\nassert open('note').read() == 'text'";
    assert_eq!(sandbox.run(&Program::new(honest, "")).unwrap().verdict, Verdict::Passed);
    let hidden = "import os\n\
        for attempt in (lambda: os.remove('x'), lambda: os.rename('x', 'y'), lambda: os.replace('x', 'y'),\n        \
            lambda: os.open('.', os.O_TMPFILE | os.O_RDWR), lambda: os.link('x', 'y')):\n    \
            open('x', 'w').close()\n    \
            try: attempt()\n    \
            except PermissionError: continue\n    \
            raise AssertionError(attempt)";
    let outcome = sandbox.run(&Program::new(hidden, "")).unwrap();
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.stderr);
    let much = "for i in range(1000):\n    with open(str(i), 'wb') as file: file.write(bytes(1 << 20))";
    let outcome = sandbox.run(&Program::new(format!("{much}\nimport time; time.sleep(1000)"), "")).unwrap();
    assert_eq!(outcome.verdict, Verdict::OverLimit { limit: Limit::Files });
}

#[test]
fn without_isolation_nothing_runs_unless_asked_for() {
    let Some(_) = sandbox("without_isolation_nothing_runs_unless_asked_for") else { return };
    let _turn = Turn::take();
    let without = vec![Mechanism::OwnDisk, Mechanism::Landlock, Mechanism::Seccomp];
    let bare = Settings { without, ..settings() };
    let error = Sandbox::detect(bare.clone()).unwrap_err();
    let Unavailable::NotIsolated { missing, .. } = &error else { panic!("{error}") };
    assert!(missing.contains(&Protection::Network) && missing.contains(&Protection::Writes), "{missing:?}");
    let text = error.to_string();
    assert!(
        text.contains("cannot guarantee that") && text.contains("the network stays out of reach"),
        "{text}"
    );
    assert!(text.contains("at your own risk"), "{text}");

    let unsafe_sandbox = Sandbox::detect(Settings { demand: Demand::Nothing, ..bare }).unwrap();
    let outcome = unsafe_sandbox.run(&Program::new("print(1)", "")).unwrap();
    assert_eq!(outcome.verdict, Verdict::Passed);
    assert!(!outcome.protections.isolate());
    assert!(outcome.protections.to_string().starts_with("NOT isolated (lacks "), "{}", outcome.protections);
    // Even so a program ends, with what it started, when its time is up.
    let daemon = "import subprocess, time\nsubprocess.Popen(['sleep', '1000'])\ntime.sleep(1000)";
    let mut program = Program::new(daemon, "");
    program.limits.time_limit = std::time::Duration::from_secs(1);
    let verdict = unsafe_sandbox.run(&program).unwrap().verdict;
    assert!(matches!(verdict, Verdict::TimedOut | Verdict::Failed { .. }), "{verdict:?}");
}

#[test]
fn a_missing_interpreter_or_launcher_is_named() {
    let Some(_) = sandbox("a_missing_interpreter_or_launcher_is_named") else { return };
    let _turn = Turn::take();
    let error =
        Sandbox::detect(Settings { interpreter: Some("/nowhere/python3".into()), ..settings() }).unwrap_err();
    assert!(
        error.to_string().starts_with("the Python interpreter /nowhere/python3 does not answer: "),
        "{error}"
    );

    let launcher = Launcher { program: "/nowhere/launcher".into(), arguments: vec![] };
    let error = Sandbox::detect(Settings { launcher, ..settings() }).unwrap_err().to_string();
    assert!(
        error.starts_with("the sandbox could not be tried: /nowhere/launcher cannot be run: "),
        "{error}"
    );

    // A launcher that is no launcher never gets as far as the interpreter.
    let launcher = Launcher { arguments: vec!["launch".into(), "too".into()], ..settings().launcher };
    let error = Sandbox::detect(Settings { launcher, ..settings() }).unwrap_err();
    let Unavailable::Untried(SandboxError::NotStarted { said }) = &error else { panic!("{error}") };
    assert!(said.contains("takes two arguments"), "{said}");
}

#[test]
fn a_program_that_cannot_be_run_is_no_outcome() {
    let Some(sandbox) = sandbox("a_program_that_cannot_be_run_is_no_outcome") else { return };
    let mut program = Program::new("", "");
    program.limits.memory_limit_bytes = 1 << 20;
    assert!(matches!(sandbox.run(&program), Err(SandboxError::BadLimit { name: "memory_limit_bytes", .. })));
}
