//! Quantization by llama.cpp: names to numbers, checks, progress from its log, and what went wrong.

use std::ffi::CString;
use std::path::Path;
use std::sync::mpsc;

use dyno_models::FileType;
use dyno_runtime::BackendError;
use dyno_types::QuantizeRequest;

use crate::native::{self, QuantizeOptions};
use crate::{importance, log};

/// Writes a file with other tensor types. llama.cpp cannot be interrupted, so what `progress` returns does not matter.
pub(crate) fn quantize(
    request: &QuantizeRequest,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<(), BackendError> {
    let name = request.type_name.to_lowercase();
    let Some(mixture) = FileType::from_label(&name) else {
        return Err(BackendError::BadRequest(format!(
            "there is no type {:?}; use one such as q8_0, q5_k_m, q4_k_m or q4_0",
            request.type_name
        )));
    };
    let importance = request.imatrix.as_deref().map(importance::read).transpose();
    let options = QuantizeOptions {
        mixture: mixture.id,
        threads: request.threads,
        pure_type: request.pure_type,
        allow_requantize: request.allow_requantize,
        importance: importance.map_err(BackendError::BadRequest)?.unwrap_or_default(),
    };
    let (source, target) = (c_path(&request.source)?, c_path(&request.target)?);
    let _ = log::take_errors();
    let (watcher, fractions) = mpsc::channel();
    log::watch_steps(Some(watcher));
    let done = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let done = native::quantize(&source, &target, &options);
            // Ends the loop below.
            log::watch_steps(None);
            done
        });
        for fraction in fractions {
            progress(fraction);
        }
        running.join()
    });
    match done {
        Ok(true) => Ok(()),
        Ok(false) => Err(failure(&name, &log::take_errors())),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn c_path(path: &Path) -> Result<CString, BackendError> {
    CString::new(path.as_os_str().as_encoded_bytes())
        .map_err(|_| BackendError::BadRequest(format!("the path {path:?} contains a zero byte")))
}

fn failure(name: &str, lines: &[String]) -> BackendError {
    // The last line says what failed, unless reading the file did: then the first says why.
    let last =
        lines.iter().rev().find_map(|line| Some(line.split_once("failed to quantize: ")?.1.to_owned()));
    let last = last.filter(|cause| !cause.contains("failed to load model"));
    let cause = last.unwrap_or_else(|| log::cause(lines));
    if log::tells_of_memory(lines) {
        return BackendError::OutOfMemory(format!("no memory to quantize to {name}: {cause}"));
    }
    let remedy = if cause.contains("imatrix") {
        "; give an importance matrix, or choose a larger type"
    } else if cause.contains("requantizing") {
        "; start from the original file, or allow requantizing and its losses"
    } else {
        ""
    };
    let cause = cause.trim_end_matches(['!', '.']);
    BackendError::BadRequest(format!("llama.cpp cannot quantize this file to {name}: {cause}{remedy}"))
}
