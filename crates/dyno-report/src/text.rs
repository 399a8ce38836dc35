//! Text from records made safe for each place it is shown in. Records come from files: names may be hostile.

/// Longest text taken over from a record into a table or page, characters.
const TEXT_MAX: usize = 300;

/// One line of text, for a cell of a table: what would end the line becomes `\u{FFFD}`, and everything after 300 characters an
/// ellipsis. What a terminal would act on stays, for pipes and files; whoever prints to a terminal takes care of it.
pub(crate) fn plain(text: &str) -> String {
    let mut shown: String = text.chars().take(TEXT_MAX).map(within_a_line).collect();
    if text.chars().nth(TEXT_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// A sentence of any length as one line.
pub(crate) fn sentence(text: &str) -> String {
    text.chars().map(within_a_line).collect()
}

fn within_a_line(character: char) -> char {
    let ends =
        matches!(character, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if ends { '\u{FFFD}' } else { character }
}

fn visible(character: char) -> char {
    let acts = character.is_control()
        || matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
    if acts { '\u{FFFD}' } else { character }
}

/// Text for a Markdown table cell: everything Markdown or HTML would act on is escaped.
pub(crate) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in plain(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '[' | ']' | '#' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// A text of any length as a page can hold it: control characters and what turns the direction of writing become `\u{FFFD}`.
pub(crate) fn on_a_page(text: &str) -> String {
    text.chars()
        .map(|character| if matches!(character, '\n' | '\t') { character } else { visible(character) })
        .collect()
}

/// Text for HTML and SVG, in elements and in quoted attributes.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in plain(text).chars().map(visible) {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_line_and_a_page_shows_what_it_holds() {
        assert_eq!(plain("a\u{1b}[31mb\nc\r\u{202e}d"), "a\u{1b}[31mb\u{FFFD}c\u{FFFD}\u{202e}d");
        assert_eq!(html("a\u{1b}[31mb\nc\u{202e}d\0"), "a\u{FFFD}[31mb\u{FFFD}c\u{FFFD}d\u{FFFD}");
        assert_eq!(on_a_page("a\nb\t<\u{7}"), "a\nb\t<\u{FFFD}");
        assert_eq!(plain(&"é".repeat(400)).chars().count(), 301);
        assert_eq!(plain("日本 ok"), "日本 ok");
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(markdown("a|b`<i>"), "a\\|b\\`&lt;i&gt;");
        assert_eq!(html("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
