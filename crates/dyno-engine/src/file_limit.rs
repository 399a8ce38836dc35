//! A limit on the size of files (`ulimit -f`) ends no process: a write beyond it fails, and whoever writes says which file it was.

use tokio::signal::unix::{SignalKind, signal};

/// Makes writes beyond the limit fail, instead of ending this process by SIGXFSZ. To be called once, inside a runtime that handles
/// signals.
///
/// # Errors
/// What the system says when it refuses.
///
/// # Panics
/// Outside of such a runtime.
pub fn outlive_file_limit() -> std::io::Result<()> {
    // A handler takes the place of the default, and stays when nobody listens. Programs that are started do not inherit it.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}
