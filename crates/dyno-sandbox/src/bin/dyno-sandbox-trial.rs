//! The sandbox from a command line, for its own tests: the launcher, and a parent that tests can kill.
//! Arguments: `launch ORDER`, or `run SCRATCH_ROOT FILE`, which runs the program in FILE and prints its outcome as JSON.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "it talks to a test")]

use std::path::Path;
use std::process::ExitCode;

use dyno_sandbox::{Launcher, Program, Sandbox, Settings};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next().as_deref().and_then(|verb| verb.to_str()) {
        Some("launch") => dyno_sandbox::launcher::main(arguments),
        Some("run") => match (arguments.next(), arguments.next()) {
            (Some(root), Some(file)) => report(run(root.as_ref(), file.as_ref())),
            _ => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("dyno-sandbox-trial launch ORDER | run SCRATCH_ROOT FILE");
    ExitCode::from(2)
}

fn report(result: Result<String, Box<dyn std::error::Error>>) -> ExitCode {
    match result {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(scratch_root: &Path, file: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let launcher = Launcher { program: std::env::current_exe()?, arguments: vec!["launch".into()] };
    let sandbox = Sandbox::detect(Settings::new(launcher, scratch_root.to_owned()))?;
    let outcome = sandbox.run(&Program::new(std::fs::read_to_string(file)?, ""))?;
    Ok(serde_json::to_string(&outcome)?)
}
