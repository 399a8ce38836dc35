//! A chart of named rows: values with their intervals along one axis, one under the other. Names need room, which rows have
//! and columns have not.

use plotters::prelude::*;
use plotters::style::FontStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Axis, DIGIT, Drawn, FONT, Ink, Pixel, Plane, WIDTH, element, path, shifted, write};

/// Longest name of a row that is drawn, characters; longer ones end in an ellipsis.
pub(crate) const ROW_NAME_MAX: usize = 20;

/// Height of a row with one value, and what each further value adds, drawing units.
const ROW: u32 = 76;
const VALUE: u32 = 34;
/// Space under and over everything.
const TOP: u32 = 20;
const AXIS: u32 = 86;
/// A chart is at least this high, so that it can be looked at on a phone.
const HEIGHT_MIN: u32 = 580;

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowValue {
    /// Where the dot stands.
    pub(crate) value: f64,
    /// Ends of its interval.
    pub(crate) interval: [f64; 2],
    /// What it is to be seen against (a chance level), as an upright stroke.
    pub(crate) reference: Option<f64>,
    /// Which series it belongs to.
    pub(crate) ink: Ink,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Row {
    /// A name for the rows below it.
    Heading(String),
    /// A name and its values, from top to bottom.
    Values(String, Vec<RowValue>),
}

/// A chart of rows; every figure in it must be finite.
pub(crate) struct RowChart {
    /// Accessible title.
    pub(crate) title: String,
    /// Accessible description: what the marks show.
    pub(crate) description: String,
    /// The axis along which all values lie.
    pub(crate) x: Axis,
    /// Rows, from top to bottom.
    pub(crate) rows: Vec<Row>,
    /// A line through all rows.
    pub(crate) line: Option<f64>,
}

impl Row {
    fn height(&self) -> u32 {
        match self {
            Self::Heading(_) => ROW,
            Self::Values(_, values) => ROW + VALUE * (values.len().saturating_sub(1)).min(16) as u32,
        }
    }

    fn name(&self) -> String {
        let (Self::Heading(name) | Self::Values(name, _)) = self;
        let limit = if matches!(self, Self::Heading(_)) { 2 * ROW_NAME_MAX } else { ROW_NAME_MAX };
        let shown = crate::text::plain(name);
        if shown.chars().count() <= limit {
            return shown;
        }
        shown.chars().take(limit - 1).chain(['…']).collect()
    }
}

impl RowChart {
    /// The chart as an `<svg>` element; `id` must be unique on the page and plain ASCII.
    pub(crate) fn svg(&self, id: &str) -> String {
        let mut drawing = String::new();
        self.draw(&mut drawing).expect("drawing into a string meets no input or output error");
        element(id, self.height(), [&self.title, &self.description], &drawing)
    }

    /// Height of all rows together, before they are stretched to the least height of a chart.
    fn rows_height(&self) -> u32 {
        self.rows.iter().map(Row::height).sum::<u32>().max(1)
    }

    fn height(&self) -> u32 {
        (self.rows_height() + TOP + AXIS).max(HEIGHT_MIN)
    }

    fn draw(&self, drawing: &mut String) -> Drawn {
        let height = self.height();
        let longest = self.rows.iter().filter(|row| matches!(row, Row::Values(..)));
        let longest = longest.map(|row| row.name().chars().count()).max().unwrap_or(0);
        let area = SVGBackend::with_string(drawing, (WIDTH, height)).into_drawing_area();
        let mut plane = ChartBuilder::on(&area)
            .margin_top(TOP)
            .margin_right(60)
            .x_label_area_size(AXIS)
            .y_label_area_size((longest as f64 * DIGIT + 34.0) as u32)
            .build_cartesian_2d(self.x.range(), 0.0..1.0)?;
        self.draw_grid(&plane)?;
        let (total, mut from_top) = (f64::from(self.rows_height()), 0.0);
        for row in &self.rows {
            let middle = 1.0 - (from_top + f64::from(row.height()) / 2.0) / total;
            self.draw_row(&mut plane, row, middle, f64::from(VALUE) / total)?;
            from_top += f64::from(row.height());
        }
        area.present()
    }

    fn draw_grid(&self, plane: &Plane) -> Drawn {
        let area = plane.plotting_area();
        for (value, label) in self.x.ticks() {
            let x = self.x.place(*value);
            area.draw(&path([(x, 0.0), (x, 1.0)], Ink::Grid.stroke(2)))?;
            let at = Pixel::of(plane, (x, 0.0)).moved(0, 22);
            write(plane, label, at, Ink::Text, Pos::new(HPos::Center, VPos::Top))?;
        }
        if let Some(line) = self.line {
            let x = self.x.place(line);
            area.draw(&path([(x, 0.0), (x, 1.0)], Ink::Axis.stroke(5)))?;
        }
        area.draw(&path([(self.x.low(), 0.0), (self.x.high(), 0.0)], Ink::Axis.stroke(3)))
    }

    fn draw_row(&self, plane: &mut Plane, row: &Row, middle: f64, step: f64) -> Drawn {
        let left = Pixel::of(plane, (self.x.low(), middle));
        let values = match row {
            Row::Heading(_) => return heading(plane, &row.name(), Pixel { x: 8, ..left }),
            Row::Values(_, values) => values,
        };
        write(plane, &row.name(), left.moved(-18, 0), Ink::Text, Pos::new(HPos::Right, VPos::Center))?;
        let top = middle + step * (values.len().saturating_sub(1)) as f64 / 2.0;
        values
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| self.draw_value(plane, value, top - step * index as f64))
    }

    fn draw_value(&self, plane: &Plane, value: &RowValue, y: f64) -> Drawn {
        let area = plane.plotting_area();
        let at = |x: f64| (self.x.place(x), y);
        if let Some(reference) = value.reference {
            let (x, middle) = shifted(plane, Pixel::of(plane, at(reference)));
            let bare = area.strip_coord_spec();
            bare.draw(&PathElement::new(vec![(x, middle - 22), (x, middle + 22)], Ink::Axis.stroke(8)))?;
        }
        area.draw(&path(value.interval.map(at), value.ink.stroke(7)))?;
        area.draw(&Circle::new(at(value.value), 14, value.ink.fill()))
    }
}

/// A name over rows, at the left edge of the drawing, bold.
fn heading(plane: &Plane, text: &str, at: Pixel) -> Drawn {
    let color = Ink::Strong.color();
    let font = ("sans-serif", FONT).into_font().style(FontStyle::Bold);
    let style = TextStyle::from(font).color(&color).pos(Pos::new(HPos::Left, VPos::Center));
    plane.plotting_area().strip_coord_spec().draw_text(text, &style, shifted(plane, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(rows: Vec<Row>) -> RowChart {
        let (title, description) = ("Accuracy".to_owned(), "One dot per task.".to_owned());
        RowChart { title, description, x: Axis::between(0.0, 100.0, "%"), rows, line: Some(0.0) }
    }

    fn value(at: f64) -> RowValue {
        RowValue { value: at, interval: [at - 5.0, at + 5.0], reference: Some(25.0), ink: Ink::Accent }
    }

    #[test]
    fn names_are_escaped_and_shortened() {
        let hostile = format!("<script>&\"{}", "x".repeat(500));
        let rows = vec![Row::Heading(hostile.clone()), Row::Values(hostile, vec![value(50.0)])];
        let drawing = chart(rows).svg("c");
        assert!(drawing.contains("&lt;script&gt;&amp;&quot;") && !drawing.contains("<script"));
        assert!(drawing.contains('…') && !drawing.contains(&"x".repeat(41)));
        assert!(!drawing.contains("=\"#"), "a fixed colour stayed");
    }

    #[test]
    fn rows_stand_one_under_the_other_and_their_values_too() {
        let rows = vec![
            Row::Values("first".to_owned(), vec![value(10.0), value(20.0)]),
            Row::Values("second".to_owned(), vec![value(90.0)]),
        ];
        let drawing = chart(rows).svg("c");
        let circles: Vec<i32> = drawing
            .split("<circle ")
            .skip(1)
            .map(|circle| circle.split("cy=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(circles.len(), 3);
        assert!(circles.is_sorted_by(|one, next| one < next), "{circles:?}");
    }

    #[test]
    fn an_empty_chart_draws() {
        assert!(chart(Vec::new()).svg("c").contains("</svg>"));
    }
}
