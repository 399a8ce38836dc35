//! Text from records made safe for each place it is shown in. Records come from files: names may be hostile.

/// Longest text taken over from a record into a table or page, characters.
const TEXT_MAX: usize = 300;

/// One line of plain text: control characters, line separators and direction overrides become `\u{FFFD}` (a terminal
/// would act on them), and everything after 300 characters becomes an ellipsis.
pub(crate) fn plain(text: &str) -> String {
    let mut shown: String = text.chars().take(TEXT_MAX).map(harmless).collect();
    if text.chars().nth(TEXT_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn harmless(character: char) -> char {
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

/// Text for HTML and SVG, in elements and in quoted attributes.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in plain(text).chars() {
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
    fn terminals_and_readers_cannot_be_tricked() {
        assert_eq!(plain("a\u{1b}[31mb\nc\u{202e}d"), "a\u{FFFD}[31mb\u{FFFD}c\u{FFFD}d");
        assert_eq!(plain(&"é".repeat(400)).chars().count(), 301);
        assert_eq!(plain("日本 ok"), "日本 ok");
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(markdown("a|b`<i>"), "a\\|b\\`&lt;i&gt;");
        assert_eq!(html("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
