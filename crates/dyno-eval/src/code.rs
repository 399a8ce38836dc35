//! The program in an answer: code out of Markdown, cut where the function ends, put behind what the question gave.
//!
//! Models answer a programming task in three ways, and suites such as HumanEval must not prefer one of them: the whole function in a
//! Markdown fence, the whole function among sentences, or only what follows the given beginning. Nothing here runs or parses
//! Python; it follows lines, indentation, strings and brackets, as far as telling where a statement begins needs it.

mod lines;

use std::borrow::Cow;

use crate::Item;
use crate::reasoning::without_reasoning;
use lines::{chunks, indentation, is_blank, statement_starts};

/// How the answer gave its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProgramShape {
    /// It continued the beginning that the question gave.
    Continuation,
    /// It defined the function itself.
    Definition,
    /// It is a program without a function that was asked for.
    Script,
}

/// What is run: the program, which nobody trusts, and its tests, which fail by raising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramText {
    /// The program, with the beginning that the question gave.
    pub source: String,
    /// The tests, with the call of `check` where they have one. They run in the names of the program, after it.
    pub tests: String,
    /// How the answer gave it.
    pub shape: ProgramShape,
}

/// The program in an answer to a code item; `None` where there is none: no text, reasoning that never ended, or prose
/// where a definition was asked for.
#[must_use]
pub fn program(item: &Item, answer: &str) -> Option<ProgramText> {
    let answer = without_reasoning(answer)?.replace("\r\n", "\n");
    let answer = without_leading_space(&answer);
    let name = item.entry_point.as_str();
    let block = code_block(&answer, name);
    let (source, shape) = if name.is_empty() {
        (non_blank(block.text.to_owned())?, ProgramShape::Script)
    } else if defines(block.text, name) {
        let preamble = before_definition(&item.code_start, name);
        (format!("{preamble}\n{}", definitions(&block, name)), ProgramShape::Definition)
    } else if item.code_start.is_empty() {
        return None;
    } else {
        let body = indented_like(&item.code_start, &non_blank(body(block.text))?);
        (format!("{}{body}", with_newline(&item.code_start)), ProgramShape::Continuation)
    };
    Some(ProgramText { source, tests: tests(item), shape })
}

/// The tests of an item, with the call of `check` where they define it.
fn tests(item: &Item) -> String {
    match item.tests.lines().any(|line| line.starts_with("def check(")) {
        true => format!("{}check({})\n", with_newline(&item.tests), item.entry_point),
        false => item.tests.clone(),
    }
}

fn with_newline(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

fn non_blank(text: String) -> Option<String> {
    (!is_blank(&text)).then_some(text)
}

/// Code as it stands in the answer.
struct Block<'a> {
    text: &'a str,
    /// Whether it stood in a fence, so that no sentence is expected in it.
    fenced: bool,
}

/// Takes one space off the first line, where it has one more than it should: vocabularies that mark the beginnings of words write one
/// in front of whatever comes first. Lines of Python are indented by even numbers, or by odd ones more than once.
fn without_leading_space(answer: &str) -> Cow<'_, str> {
    let mut full = answer.lines().filter(|line| !is_blank(line));
    let depth = full.next().map_or(0, indentation);
    if depth % 2 == 0 || full.any(|line| indentation(line) == depth) {
        return Cow::Borrowed(answer);
    }
    let at = answer.find(|c: char| c != '\n').unwrap_or(0);
    match answer[at..].strip_prefix(' ') {
        Some(rest) => Cow::Owned(format!("{}{rest}", &answer[..at])),
        None => Cow::Borrowed(answer),
    }
}

/// Where the code of an answer is. A text that begins like the inside of a function, or defines it before any fence, is
/// code up to the first fence; else the last fence that defines the function counts, else the first that holds anything.
fn code_block<'a>(answer: &'a str, name: &str) -> Block<'a> {
    let (before, fences) = split_fences(answer);
    let first = before.lines().find(|line| !is_blank(line));
    let continues = first.is_some_and(|line| indentation(line) > 0 && is_statement(line.trim_start()));
    if continues || defines(before, name) {
        return Block { text: before, fenced: false };
    }
    let defining = fences.iter().rfind(|text| defines(text, name));
    match defining.or_else(|| fences.iter().find(|text| !is_blank(text))) {
        Some(text) => Block { text, fenced: true },
        None => Block { text: before, fenced: false },
    }
}

/// The text before the first fence, and the inside of each fence; the last one may lack its end.
fn split_fences(answer: &str) -> (&str, Vec<&str>) {
    let mut fences = Vec::new();
    let (mut before, mut opened, mut at) = (answer, None, 0);
    for line in answer.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            match opened.take() {
                Some(start) => fences.push(&answer[start..at]),
                None => {
                    if fences.is_empty() {
                        before = &answer[..at];
                    }
                    opened = Some(at + line.len());
                }
            }
        }
        at += line.len();
    }
    fences.extend(opened.map(|start| &answer[start..]));
    (before, fences)
}

/// Whether a line defines this function, at any depth (code in a list is indented).
fn defines(text: &str, name: &str) -> bool {
    !name.is_empty() && text.lines().any(|line| is_definition_of(line.trim_start(), name))
}

fn is_definition_of(line: &str, name: &str) -> bool {
    let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("def ");
    let behind_name =
        |text: &str| text.trim_start().strip_prefix(name).map(|rest| rest.trim_start().to_owned());
    match function {
        Some(rest) => behind_name(rest).is_some_and(|rest| rest.starts_with(['(', '['])),
        None => behind_name(line).is_some_and(|rest| rest.starts_with("= lambda")),
    }
}

/// What a question gives before the function itself: imports, and helpers that the function may call.
fn before_definition<'a>(code_start: &'a str, name: &str) -> &'a str {
    let mut at = 0;
    for line in code_start.split_inclusive('\n') {
        if is_definition_of(line, name) {
            return &code_start[..at];
        }
        at += line.len();
    }
    code_start
}

/// Definitions, imports and assignments of a block; calls that show how to use them are dropped. Among sentences the code ends with the
/// first thing after the function that is none of these.
fn definitions(block: &Block<'_>, name: &str) -> String {
    let text = dedented(block.text, name);
    let text = if block.fenced { text } else { from_first_definition(&text) };
    let (mut kept, mut defined) = (String::new(), false);
    for chunk in chunks(&text) {
        if is_kept(&chunk) {
            kept.push_str(&chunk);
            defined |= chunk.lines().any(|line| is_definition_of(line, name));
        } else if defined && !block.fenced {
            break;
        }
    }
    kept
}

/// Moves code that stands in a list to the left, as far as its function is indented.
fn dedented(text: &str, name: &str) -> String {
    let defining = text.lines().find(|line| is_definition_of(line.trim_start(), name));
    let depth = defining.map_or(0, indentation);
    // A method of that name, not a list: there is code further left.
    let leftmost = text.lines().filter(|line| !is_blank(line)).map(indentation).min().unwrap_or(0);
    if depth == 0 || leftmost < depth {
        return text.to_owned();
    }
    text.split_inclusive('\n').map(|line| line.get(depth..).unwrap_or("\n")).collect()
}

/// Without the sentences before the code.
fn from_first_definition(text: &str) -> String {
    text.split_inclusive('\n').skip_while(|line| !begins_code(line)).collect()
}

fn begins_code(line: &str) -> bool {
    is_import(line) || ["def ", "async def ", "class ", "@"].iter().any(|start| line.starts_with(start))
}

/// Whether this is an import and no sentence that begins with the same word.
fn is_import(line: &str) -> bool {
    let line = line.trim_end();
    if let Some(rest) = line.strip_prefix("from ") {
        return rest.contains(" import ");
    }
    let names = line.strip_prefix("import ").map(|rest| rest.replace(" as ", ","));
    names.is_some_and(|names| names.split(',').all(|name| is_dotted_name(name.trim())))
}

fn is_dotted_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
}

fn is_kept(chunk: &str) -> bool {
    let line = chunk.lines().find(|line| !is_blank(line)).unwrap_or_default();
    if begins_code(line) || line.starts_with('#') {
        return true;
    }
    let word = line.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    match word {
        "if" => !line.contains("__name__"),
        "try" | "else" | "elif" | "except" | "finally" => true,
        _ => is_assignment(line),
    }
}

/// `name = …`, `a, b = …`, `name: type = …`, `name += …`, `table[key] = …`; not a comparison, not a call with named arguments.
fn is_assignment(line: &str) -> bool {
    let Some((target, value)) = line.split_once('=') else { return false };
    let target = target.trim_end_matches(['+', '-', '*', '/', '|', '&']).trim_end();
    let named = |c: char| c.is_alphanumeric() || "_., []:'\"".contains(c);
    !value.starts_with('=')
        && target.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && target.chars().all(named)
        // A sentence has words beside each other; of a target only those behind a colon, its type, may be.
        && !target.split(':').next().unwrap_or_default().replace(", ", ",").contains(' ')
}

/// Whether a line, without its indentation, is Python as far as its first word tells, and no sentence.
fn is_statement(line: &str) -> bool {
    const KEYWORDS: [&str; 19] = [
        "return", "raise", "assert", "pass", "yield", "global", "nonlocal", "del", "break", "continue",
        "await", "while", "with", "try", "def", "class", "async", "if", "for",
    ];
    let word = line.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    let called = || {
        let behind = line[word.len()..].trim_start_matches(|c: char| c.is_alphanumeric() || "_.".contains(c));
        !word.is_empty() && behind.starts_with(['(', '['])
    };
    let opens = line.trim_end().ends_with(':') || line.contains(": ");
    match word {
        "for" => line.contains(" in "),
        "if" | "while" | "with" | "try" => opens,
        _ if KEYWORDS.contains(&word) => true,
        _ => {
            line.starts_with(['#', '@', '"', '\'', '(', '[', '{'])
                || is_import(line)
                || is_assignment(line)
                || called()
        }
    }
}

/// Without sentences in front of indented code.
fn from_first_statement(text: &str) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let code = !is_blank(line) && is_statement(line.trim_start());
        if code && at > 0 && indentation(line) > 0 {
            return &text[at..];
        }
        if code {
            break;
        }
        at += line.len();
    }
    text
}

/// Moves the inside of a function to the depth at which what the question gave ends.
fn indented_like(code_start: &str, body: &str) -> String {
    let last = code_start.lines().rfind(|line| !is_blank(line)).unwrap_or_default();
    let wanted = if last.trim_end().ends_with(':') { indentation(last) + 4 } else { indentation(last) };
    let found = body.lines().find(|line| !is_blank(line)).map_or(0, indentation);
    if wanted == 0 || found == wanted || last.contains('\t') || body.contains('\t') {
        return body.to_owned();
    }
    let moved = |(line, starts): (&str, bool)| {
        if found < wanted && starts {
            return format!("{}{line}", " ".repeat(wanted - found));
        }
        let surplus = found.saturating_sub(wanted).min(indentation(line));
        if starts { line[surplus..].to_owned() } else { line.to_owned() }
    };
    body.split_inclusive('\n').zip(statement_starts(body)).map(moved).collect()
}

/// The inside of the function: up to the first statement that is not indented.
fn body(text: &str) -> String {
    let text = from_first_statement(text.trim_start_matches('\n'));
    let text = with_indentation(text);
    let mut kept = String::new();
    for (line, starts) in text.split_inclusive('\n').zip(statement_starts(&text)) {
        if starts && indentation(line) == 0 && !line.starts_with('#') {
            break;
        }
        kept.push_str(line);
    }
    kept
}

/// Gives back the indentation that a chat template, or the model, took from the first line or from all of them.
fn with_indentation(text: &str) -> String {
    let mut full = text.lines().filter(|line| !is_blank(line));
    let first = full.next().unwrap_or_default();
    if indentation(first) > 0 {
        return text.to_owned();
    }
    let opens = first.trim_end().ends_with(':');
    let next = full.next().map_or(0, indentation);
    // Had all lines lost theirs, the next one would stand below the first, or one step inside what that opens.
    if next > if opens { 4 } else { 0 } {
        return format!("    {text}");
    }
    text.split_inclusive('\n')
        .map(|line| if is_blank(line) { line.to_owned() } else { format!("    {line}") })
        .collect()
}

#[cfg(test)]
mod tests;
