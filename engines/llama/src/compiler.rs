//! Names the compiler of the native code, and says which ones are refused. Shared with the build script.

/// The compiler in llama.cpp's generated `build-info.cpp`, e.g. `clang 14.0.6`.
pub(crate) fn from_build_info(text: &str) -> Option<String> {
    let (_, after) = text.split_once("LLAMA_COMPILER")?;
    let (_, quoted) = after.split_once('"')?;
    let (identity, _) = quoted.split_once('"')?;
    named(identity)
}

/// The compiler in the first line of what `--version` printed.
pub(crate) fn from_version_text(text: &str) -> Option<String> {
    let line = text.lines().next()?;
    let version =
        line.split_whitespace().rfind(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let family = if line.contains("clang") {
        "Clang"
    } else if line.contains("g++") || line.contains("gcc") || line.contains("GCC") {
        "GNU"
    } else {
        line.split_whitespace().next()?
    };
    named(&format!("{family} {version}"))
}

/// CMake's compiler identity and version as people write them.
fn named(identity: &str) -> Option<String> {
    let (family, version) = identity.trim().split_once(' ')?;
    let family = match family {
        "GNU" => "gcc".to_owned(),
        "AppleClang" => "apple clang".to_owned(),
        other => other.to_lowercase(),
    };
    Some(format!("{family} {}", version.trim()))
}

/// Why this compiler must not build llama.cpp for this architecture, or nothing.
pub(crate) fn refusal(compiler: &str, architecture: &str, allowed: bool) -> Option<String> {
    if allowed || architecture != "x86_64" || !compiler.starts_with("gcc ") {
        return None;
    }
    Some(format!(
        "llama.cpp was compiled by {compiler}: GCC miscompiles its AMX kernels (a crash on every quantized model) on processors that \
         have them. Build with clang (apt install clang; the project's .cargo/config.toml then sets CC=clang CXX=clang++, unless \
         your own CC and CXX say otherwise), or set DYNO_ALLOW_GCC=1 to take the risk. See docs/decisions/0002-clang.md."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_what_the_native_build_recorded() {
        let record = "int LLAMA_BUILD_NUMBER = 0;\nchar const * LLAMA_COMPILER = \"Clang 14.0.6\";\n";
        assert_eq!(from_build_info(record).as_deref(), Some("clang 14.0.6"));
        let record = "char const * LLAMA_COMPILER = \"GNU 12.2.0\";";
        assert_eq!(from_build_info(record).as_deref(), Some("gcc 12.2.0"));
        assert_eq!(from_build_info("nothing here"), None);
    }

    #[test]
    fn names_come_from_version_texts() {
        let debian = "g++ (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright";
        assert_eq!(from_version_text(debian).as_deref(), Some("gcc 12.2.0"));
        let clang = "Debian clang version 14.0.6\nTarget: x86_64";
        assert_eq!(from_version_text(clang).as_deref(), Some("clang 14.0.6"));
        assert_eq!(from_version_text(""), None);
    }

    #[test]
    fn gcc_is_refused_where_it_breaks_the_kernels_and_only_there() {
        let reason = refusal("gcc 12.2.0", "x86_64", false).unwrap();
        assert!(
            reason.contains("gcc 12.2.0") && reason.contains("DYNO_ALLOW_GCC=1") && reason.contains("clang"),
            "{reason}"
        );
        assert_eq!(refusal("gcc 12.2.0", "x86_64", true), None);
        assert_eq!(refusal("gcc 12.2.0", "aarch64", false), None);
        assert_eq!(refusal("clang 14.0.6", "x86_64", false), None);
    }
}
