//! Rules about one Rust file: its purpose on the first line, its length, the length of its functions, no marks of unfinished work.

use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Item};

use super::{Finding, flags};

/// Longest file, lines without tests.
const FILE_LINES_MAX: usize = 600;
/// Longest function body, lines of code (no blank lines, no comments).
const FUNCTION_LINES_MAX: usize = 70;
/// Marks of unfinished work; written in two parts so that this file does not hold them.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("dbg", "!")];

/// Everything wrong with the file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut report = |rule, line, message| found.push(Finding { rule, path: path.to_owned(), line, message });
    if !text.starts_with("//!") {
        report(
            "purpose",
            1,
            "the first line must be a //! comment that says what the file is for".to_owned(),
        );
    }
    for (index, line) in text.lines().enumerate() {
        for mark in MARKS.iter().filter(|mark| contains_word(line, mark)) {
            report(
                "unfinished",
                index + 1,
                format!("{mark} stays out of the repository: finish it, or write an issue"),
            );
        }
    }
    let file = match syn::parse_file(text) {
        Ok(file) => file,
        Err(error) => {
            report("syntax", error.span().start().line, format!("this is not Rust: {error}"));
            return found;
        }
    };
    if !is_test_file(path) {
        let lines = text.lines().count() - test_lines(&file.items);
        if lines > FILE_LINES_MAX {
            report(
                "file-lines",
                0,
                format!("{lines} lines without tests, at most {FILE_LINES_MAX}: split it by concept"),
            );
        }
    }
    if !is_test_file(path) {
        found.extend(flags::check(path, text, &test_spans(&file.items)));
    }
    let tuples = super::parameters::check(path, &file);
    let mut functions = Functions { lines: text.lines().collect(), too_long: Vec::new() };
    functions.visit_file(&file);
    for (name, start, lines) in functions.too_long {
        let message = format!("{name} has {lines} lines of code, at most {FUNCTION_LINES_MAX}: split it");
        found.push(Finding { rule: "function-lines", path: path.to_owned(), line: start, message });
    }
    found.extend(tuples);
    found
}

/// Whether `word` stands in the line by itself, not as part of a longer word.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let part_of_word = |neighbour: Option<char>| {
            neighbour.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
        };
        !part_of_word(line[..at].chars().next_back())
            && (word.ends_with('!') || !part_of_word(line[at + word.len()..].chars().next()))
    })
}

/// Files that hold only tests or benchmarks.
pub(super) fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| ["tests", "benches", "tests.rs"].contains(&part))
}

/// Lines of the items that exist only under test.
fn test_lines(items: &[Item]) -> usize {
    test_spans(items).into_iter().map(|(first, last)| last - first + 1).sum()
}

/// First and last lines of the items that exist only under test.
fn test_spans(items: &[Item]) -> Vec<(usize, usize)> {
    let spans = items.iter().filter(|item| attributes(item).iter().any(is_cfg_test)).map(Spanned::span);
    spans.map(|span| (span.start().line, span.end().line)).collect()
}

pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub(super) fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
}

/// Collects functions whose bodies are too long: name, line, lines of code.
struct Functions<'text> {
    lines: Vec<&'text str>,
    too_long: Vec<(String, usize, usize)>,
}

impl Functions<'_> {
    fn weigh(&mut self, name: &syn::Ident, body: &Block) {
        let (start, end): (LineColumn, LineColumn) =
            (body.brace_token.span.open().start(), body.brace_token.span.close().start());
        let inside = self.lines.get(start.line..end.line.saturating_sub(1)).unwrap_or_default();
        let lines = lines_of_code(inside);
        if lines > FUNCTION_LINES_MAX {
            self.too_long.push((name.to_string(), name.span().start().line, lines));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.weigh(&function.sig.ident, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.weigh(&function.sig.ident, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.weigh(&function.sig.ident, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// Lines that are neither blank nor a comment alone.
fn lines_of_code(lines: &[&str]) -> usize {
    lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        check(path, text).into_iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    #[test]
    fn a_file_begins_with_its_purpose() {
        assert_eq!(rules("a.rs", "//! Purpose.\nfn f() {}\n"), []);
        assert_eq!(rules("a.rs", "// Remark.\nfn f() {}\n"), [("purpose", 1)]);
    }

    #[test]
    fn marks_of_unfinished_work_are_found_as_whole_words() {
        for mark in MARKS {
            assert_eq!(rules("a.rs", &format!("//! P.\n// see {mark}\n")), [("unfinished", 2)], "{mark}");
        }
        let longer = format!("//! P.\nconst {}S: u8 = 0; // my{}\n", MARKS[0], MARKS[2]);
        assert_eq!(rules("a.rs", &longer), []);
    }

    #[test]
    fn the_budget_of_a_file_leaves_tests_out() {
        let code = |lines: usize| format!("//! P.\n{}", "use a;\n".repeat(lines - 1));
        assert_eq!(rules("src/a.rs", &code(FILE_LINES_MAX)), []);
        assert_eq!(rules("src/a.rs", &code(FILE_LINES_MAX + 1)), [("file-lines", 0)]);
        assert_eq!(rules("src/a/tests.rs", &code(FILE_LINES_MAX + 1)), []);
        assert_eq!(rules("tests/it/a.rs", &code(FILE_LINES_MAX + 1)), []);
        let with_tests =
            format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", code(FILE_LINES_MAX), "use a;\n".repeat(50));
        assert_eq!(rules("src/a.rs", &with_tests), []);
        let with_other = with_tests.replace("cfg(test)", "cfg(unix)");
        assert_eq!(rules("src/a.rs", &with_other), [("file-lines", 0)]);
    }

    #[test]
    fn the_budget_of_a_function_counts_code_wherever_it_stands() {
        let body = |lines: usize| "a();\n\n// remark\n".repeat(lines);
        for (before, after) in [
            ("fn f()", ""),
            ("impl A {\nfn f()", "}"),
            ("trait A {\nfn f()", "}"),
            ("fn outer() {\nfn f()", "}"),
            ("#[cfg(test)]\nmod t {\nfn f()", "}"),
        ] {
            let source = |lines: usize| format!("//! P.\n{before} {{\n{}}}\n{after}", body(lines));
            let line = source(1).lines().position(|line| line.contains("fn f()")).unwrap() + 1;
            assert!(
                !rules("a.rs", &source(FUNCTION_LINES_MAX - 3)).contains(&("function-lines", line)),
                "{before}"
            );
            assert!(
                rules("a.rs", &source(FUNCTION_LINES_MAX + 1)).contains(&("function-lines", line)),
                "{before}"
            );
        }
    }

    #[test]
    fn what_is_not_rust_is_a_finding() {
        assert_eq!(rules("a.rs", "//! P.\nfn {\n"), [("syntax", 2)]);
    }
}
