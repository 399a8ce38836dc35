//! LaTeX and HTML as plain text, as far as answers are written in them: `10{,}000\text{ cm}` is `10,000 cm`.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// A space that separates groups of digits, in which LaTeX's own spaces are written.
const THIN_SPACE: &str = "\u{2009}";

/// What is written in place of what; longer names stand before their beginnings.
const WRITINGS: [(&str, &str); 38] = [
    ("{\\,}", THIN_SPACE),
    ("{,}", ","),
    ("\\!", ""),
    ("\\,", THIN_SPACE),
    ("\\:", THIN_SPACE),
    ("\\;", THIN_SPACE),
    ("\\ ", THIN_SPACE),
    ("\\$", "$"),
    ("\\%", "%"),
    ("\\_", "_"),
    ("\\&", "&"),
    ("\\#", "#"),
    ("\\(", " "),
    ("\\)", " "),
    ("\\[", " "),
    ("\\]", " "),
    ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
    ("\\cfrac", "\\frac"),
    ("\\Rightarrow", "⇒"),
    ("\\rightarrow", "→"),
    ("\\left", ""),
    ("\\right", ""),
    ("\\displaystyle", ""),
    ("\\times", "×"),
    ("\\cdot", "·"),
    ("\\div", "÷"),
    ("\\pm", "±"),
    ("\\approx", "≈"),
    ("\\sqrt", "√"),
    ("\\pi", "π"),
    ("^{\\circ}", "°"),
    ("^\\circ", "°"),
    ("\\euro", "€"),
    ("\\pounds", "£"),
    ("&nbsp;", "\u{a0}"),
    ("&minus;", "−"),
    ("&thinsp;", THIN_SPACE),
];

/// A text that is set apart by its typeface alone.
static STYLED: LazyLock<Regex> = LazyLock::new(|| {
    let names = "text(?:bf|it|rm|sf|tt)?|math(?:bf|it|rm|sf|tt)|mbox|boldsymbol|operatorname";
    Regex::new(&format!(r"\\(?:{names})\s*\{{([^{{}}]*)\}}")).expect("the pattern is constant")
});

/// Most levels of typefaces inside each other that are taken off.
const STYLES_DEEP: usize = 4;

/// The text as plain as it gets: LaTeX's spaces, signs and typefaces, entities of HTML, wide digits.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let narrow = |c: char| match c {
        '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '（' | '）' | '．' | '，' | '：' | '％' | '＃' => {
            char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c)
        }
        c => c,
    };
    let wide = |c: char| narrow(c) != c;
    if !text.contains(['\\', '{', '&']) && !text.contains(wide) {
        return Cow::Borrowed(text);
    }
    let mut plain: String = text.chars().map(narrow).collect();
    for _ in 0..STYLES_DEEP {
        match STYLED.replace_all(&plain, "$1") {
            Cow::Borrowed(_) => break,
            Cow::Owned(inner) => plain = inner,
        }
    }
    for (written, meant) in WRITINGS {
        if plain.contains(written) {
            plain = plain.replace(written, meant);
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_spaces_and_typefaces_become_plain() {
        for (written, meant) in [
            ("10{,}000", "10,000"),
            ("10,\\!000", "10,000"),
            ("10\\,000", "10\u{2009}000"),
            ("18\\text{ dollars}", "18 dollars"),
            ("\\textbf{\\text{(B)}}", "(B)"),
            ("\\dfrac{1}{2}", "\\frac{1}{2}"),
            ("3 \\times 10^5", "3 × 10^5"),
            ("90^\\circ", "90°"),
            ("\\(5\\)", " 5 "),
            ("５％（Ｂ）", "5%(B)"),
            ("no marks", "no marks"),
        ] {
            assert_eq!(plain(written), meant, "{written}");
        }
    }
}
