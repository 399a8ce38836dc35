//! Colours by meaning. The drawing carries placeholders; the page's style sheet holds the colours.

use plotters::style::{RGBColor, ShapeStyle};

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Grid lines.
    Grid,
    /// The base line.
    Axis,
    /// Tick labels.
    Text,
    /// Labels of values.
    Strong,
    /// The one accent.
    Accent,
    /// Bars in a calmer accent.
    Soft,
    /// Fitted laws and reference lines, dashed.
    Law,
    /// A second series beside the accent.
    Second,
    /// Overlaid records, 0..[`SERIES_INKS`].
    Series(u8),
}

/// How many overlaid records can be told apart.
pub(crate) const SERIES_INKS: usize = 6;

const NAMED: [(Ink, &str); 8] = [
    (Ink::Grid, "stroke:var(--grid)"),
    (Ink::Axis, "stroke:var(--axis)"),
    (Ink::Text, "fill:var(--muted)"),
    (Ink::Strong, "fill:var(--text)"),
    (Ink::Accent, "var(--accent)"),
    (Ink::Soft, "var(--soft)"),
    (Ink::Law, "stroke:var(--law);stroke-dasharray:22 18"),
    (Ink::Second, "var(--second)"),
];

/// Strokes of overlaid records differ in their dashes too, for readers who do not see the colours.
const DASHES: [&str; SERIES_INKS] = ["none", "44 16", "14 14", "44 14 10 14", "70 20", "24 10 6 10 6 10"];

impl Ink {
    fn code(self) -> u8 {
        match self {
            Self::Series(index) => 100 + index % SERIES_INKS as u8,
            named => NAMED.iter().position(|(ink, _)| *ink == named).unwrap_or(0) as u8,
        }
    }

    /// The placeholder colour.
    pub(crate) fn color(self) -> RGBColor {
        RGBColor(1, 254, self.code())
    }

    /// A line of this width in drawing units.
    pub(crate) fn stroke(self, width: u32) -> ShapeStyle {
        ShapeStyle { color: self.color().into(), filled: false, stroke_width: width }
    }

    /// A filled shape.
    pub(crate) fn fill(self) -> ShapeStyle {
        ShapeStyle { color: self.color().into(), filled: true, stroke_width: 0 }
    }

    /// The style of a placeholder, where `property` is `stroke` or `fill`.
    pub(crate) fn style(self, property: &str) -> String {
        match self {
            Self::Series(index) => {
                let index = usize::from(index) % SERIES_INKS;
                let dashes = if property == "stroke" {
                    format!(";stroke-dasharray:{}", DASHES[index])
                } else {
                    String::new()
                };
                format!("{property}:var(--c{}){dashes}", index + 1)
            }
            named => {
                let style = NAMED[usize::from(named.code())].1;
                if style.contains(':') { style.to_owned() } else { format!("{property}:{style}") }
            }
        }
    }
}

/// Replaces every placeholder by its style.
pub(crate) fn variables(drawing: &str) -> String {
    let series = (0..SERIES_INKS as u8).map(Ink::Series);
    let mut styled = drawing.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "");
    for ink in NAMED.iter().map(|(ink, _)| *ink).chain(series) {
        let color = ink.color();
        for property in ["stroke", "fill"] {
            let placeholder = format!("{property}=\"#{:02X}{:02X}{:02X}\"", color.0, color.1, color.2);
            styled = styled.replace(&placeholder, &format!("style=\"{}\"", ink.style(property)));
        }
    }
    styled
}
