//! The dyno command: reads what was typed, calls the use case, prints the result, sets the exit code.

mod cli;
mod commands;
mod config;
mod input_text;
mod interrupt;
mod logging;
mod next_step;
mod places;
mod printer;
mod remedy;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == dyno_app::CODE_LAUNCHER) {
        return dyno_app::launch_code(arguments);
    }
    say_panics();
    let cli = match cli::Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output with success; clap knows which is which.
            if error.use_stderr() {
                // What was typed is repeated in it.
                printer::remark(error.to_string().trim_end());
                return ExitCode::from(dyno_app::Exit::Input.code());
            }
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    logging::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(async {
                if let Err(error) = dyno_app::outlive_file_limit() {
                    printer::remark(&format!("warning: a limit on the size of files may end dyno: {error}"));
                }
                commands::run(cli).await
            });
            // Work that blocks a thread after the end of the verb was stopped; nobody waits for it.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(anyhow::anyhow!("the runtime could not start: {error}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => printer::report_failure(&error),
    }
}

/// Panics may repeat texts from outside, and pass the printer like everything else.
fn say_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let trace = std::backtrace::Backtrace::capture();
        let trace = match trace.status() {
            std::backtrace::BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        printer::remark(&format!("dyno {panic}\nthis is a bug of dyno; please report it{trace}"));
    }));
}
