//! Who this engine is: llama.cpp's version, its compiler, and what of the machine it uses.

use dyno_runtime::BackendInfo;

use crate::native;

/// Upstream build that the pinned `llama-cpp-sys-4` carries. The crate is built outside a git checkout, so llama.cpp itself
/// reports build 0; a test compares this with what the crate says of itself.
pub const LLAMA_CPP_BUILD: &str = "b12032";

pub(crate) fn info() -> BackendInfo {
    BackendInfo {
        name: "llama".to_owned(),
        backend: format!("llama.cpp {LLAMA_CPP_BUILD} ({})", native::version()),
        compiler: env!("DYNO_NATIVE_COMPILER").to_owned(),
        features: features(&native::system_info()),
    }
}

/// Features in llama.cpp's system line: names that are on, `NAME=value` for others, and each device other than the CPU by name.
fn features(system_info: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in system_info.split('|') {
        let (device, assignment) = match part.split_once(" : ") {
            Some((device, rest)) => (Some(device.trim()), rest),
            None => (None, part),
        };
        found.extend(device.filter(|device| *device != "CPU").map(str::to_owned));
        let Some((name, value)) = assignment.split_once('=') else { continue };
        match (name.trim(), value.trim()) {
            (_, "0") | ("", _) => {}
            (name, "1") => found.push(name.to_owned()),
            (name, value) => found.push(format!("{name}={value}")),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_what_is_on() {
        let line = "CUDA : ARCHS = 800,900 | USE_GRAPHS = 1 | CPU : SSE3 = 1 | AVX512 = 0 | SVE_CNT = 16 | ";
        assert_eq!(features(line), ["CUDA", "ARCHS=800,900", "USE_GRAPHS", "SSE3", "SVE_CNT=16"]);
        assert!(features("").is_empty());
    }
}
