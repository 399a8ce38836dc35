//! Rule about flags: below the command nobody names one. An error carries what would help as data, and the command words it.

use proc_macro2::{Literal, TokenStream, TokenTree};

use super::Finding;

/// Files that define a command line of their own: that of an engine process, and that of the curriculum.
const OWN_COMMAND_LINES: [&str; 2] =
    ["crates/dyno-engine/src/launch.rs", "crates/dyno-curriculum/src/main.rs"];

/// The flags that string literals of this file name, except in `tests`: pairs of first and last lines.
pub(super) fn check(path: &str, text: &str, tests: &[(usize, usize)]) -> Vec<Finding> {
    let below =
        (path.starts_with("crates/") && !path.starts_with("crates/dyno/")) || path.starts_with("engines/");
    if !below || !path.contains("/src/") || OWN_COMMAND_LINES.contains(&path) {
        return Vec::new();
    }
    // What is not Rust is found elsewhere.
    let Ok(tokens) = text.parse::<TokenStream>() else { return Vec::new() };
    let mut literals = Vec::new();
    collect(tokens, &mut literals);
    let named = |literal: &Literal| {
        let line = literal.span().start().line;
        if tests.iter().any(|(first, last)| (*first..=*last).contains(&line)) {
            return None;
        }
        let flag = flag_in(&literal.to_string())?;
        let message = format!("{flag} is a flag of the command: carry a Remedy, which the command words");
        Some(Finding { rule: "flag", path: path.to_owned(), line, message })
    };
    literals.iter().filter_map(named).collect()
}

/// Every literal but those of documentation.
fn collect(tokens: TokenStream, literals: &mut Vec<Literal>) {
    let mut before: [Option<String>; 2] = [None, None];
    for token in tokens {
        let word = token.to_string();
        match token {
            TokenTree::Group(group) => collect(group.stream(), literals),
            TokenTree::Literal(literal) => {
                if before != [Some("doc".to_owned()), Some("=".to_owned())] {
                    literals.push(literal);
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
        before = [before[1].take(), Some(word)];
    }
}

/// The first flag in the source of a literal. Dashes within a word, or of a variable in CSS, begin none.
fn flag_in(literal: &str) -> Option<String> {
    literal.match_indices("--").find_map(|(at, _)| {
        let (before, after) = (&literal[..at], &literal[at + 2..]);
        let begins =
            before.chars().next_back().is_none_or(|last| last.is_whitespace() || "\"(`'".contains(last));
        let name: String =
            after.chars().take_while(|next| next.is_ascii_lowercase() || "-{".contains(*next)).collect();
        let named = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '{');
        (begins && named && !before.ends_with("var(")).then(|| format!("--{name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(path, text, &[(100, 200)]).into_iter().map(|finding| finding.line).collect()
    }

    const BELOW: &str = "crates/dyno-app/src/a.rs";

    #[test]
    fn a_flag_in_any_literal_below_the_command_is_found() {
        for literal in
            ["\"raise --context\"", "\"--raw\"", "r\"(--top)\"", "\"--{flag} is 0\"", "\"`dyno x --all`\""]
        {
            for source in [
                format!("const A: &str = {literal};"),
                format!("fn f() {{ g!({literal}, 1) }}"),
                format!("#[error({literal})]\nstruct A;"),
            ] {
                assert_eq!(lines(BELOW, &source), [1], "{source}");
                assert_eq!(lines("engines/llama/src/a.rs", &source), [1]);
                for path in ["crates/dyno/src/a.rs", "xtask/src/a.rs", OWN_COMMAND_LINES[0]] {
                    assert!(lines(path, &source).is_empty(), "{path}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_flag_or_only_a_remark_is_left_alone() {
        for source in [
            "/// See --context.\nfn f() {}",
            "//! About --context.\n// and --raw\n",
            "const A: &str = \"models--{}--{}\";",
            "const A: &str = \"{}--{}\";",
            "const A: &str = \"var(--grid)\";",
            "const A: &str = \"a -- b, ---\";",
        ] {
            assert!(lines(BELOW, source).is_empty(), "{source}");
        }
        let in_tests = format!("{}const A: &str = \"--raw\";", "\n".repeat(120));
        assert!(lines(BELOW, &in_tests).is_empty());
    }
}
