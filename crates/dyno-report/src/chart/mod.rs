//! Charts as SVG text, drawn by plotters into memory.
//!
//! Colours are written as placeholders and replaced by CSS variables, so that one drawing serves light, dark and print.
//! What a record says in words enters a drawing only shortened and without control characters, and is escaped there.

mod axis;
mod ink;
mod names;
mod rows;

pub(crate) use axis::{Axis, token_label};
pub(crate) use ink::{Ink, SERIES_INKS};
pub(crate) use rows::{ROW_NAME_MAX, Row, RowChart, RowValue};

use plotters::chart::ChartContext;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::text::html;

/// Width of the drawing in its own units. Three times a desktop column: plotters rounds to whole units.
const WIDTH: u32 = 1440;
const HEIGHT: u32 = 860;
/// Font size in drawing units: about 11 px on a 390 px phone.
const FONT: i32 = 46;
/// Mean advance of a digit in the same units.
const DIGIT: f64 = 0.56 * FONT as f64;

/// A point in data coordinates.
pub(crate) type Point = (f64, f64);

/// A position in drawing units, from the left and from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pixel {
    x: i32,
    y: i32,
}

impl Pixel {
    /// Where a point of the data is drawn.
    fn of(plane: &Plane, point: Point) -> Self {
        let (x, y) = plane.plotting_area().map_coordinate(&point);
        Self { x, y }
    }

    fn moved(self, right: i32, down: i32) -> Self {
        Self { x: self.x + right, y: self.y + down }
    }
}

/// A vertical line with a label near its top.
pub(crate) struct Rule {
    /// Where it stands.
    pub(crate) x: f64,
    /// The label.
    pub(crate) label: String,
    /// Row of the label, from 0 downwards.
    pub(crate) row: u32,
}

/// One layer of marks.
pub(crate) enum Mark {
    /// Points joined by straight lines.
    Line(Vec<Point>),
    /// A fitted law: dashed by its ink.
    Law(Vec<Point>),
    /// Dots.
    Dots(Vec<Point>),
    /// Bars from zero: (left, right, height).
    Bars(Vec<(f64, f64, f64)>),
    /// Short level strokes: (left, right, y).
    Levels(Vec<(f64, f64, f64)>),
    /// A vertical line with its label.
    Rule(Rule),
    /// Numbers above points.
    Labels(Vec<(f64, f64, String)>),
    /// Intervals as upright strokes: (x, low, high).
    Intervals(Vec<(f64, f64, f64)>),
    /// Names beside points, where there is room.
    Names(Vec<(f64, f64, String)>),
}

/// A chart: axes and layers, later ones on top.
pub(crate) struct Chart {
    /// Accessible title.
    pub(crate) title: String,
    /// Accessible description: what the marks show.
    pub(crate) description: String,
    /// Horizontal axis.
    pub(crate) x: Axis,
    /// Vertical axis.
    pub(crate) y: Axis,
    /// Layers.
    pub(crate) layers: Vec<(Mark, Ink)>,
}

type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

impl Chart {
    /// The chart as an `<svg>` element; `id` must be unique on the page and plain ASCII.
    pub(crate) fn svg(&self, id: &str) -> String {
        let mut drawing = String::new();
        self.draw(&mut drawing).expect("drawing into a string meets no input or output error");
        element(id, HEIGHT, [&self.title, &self.description], &drawing)
    }

    fn draw(&self, drawing: &mut String) -> Drawn {
        let area = SVGBackend::with_string(drawing, (WIDTH, HEIGHT)).into_drawing_area();
        let mut plane = ChartBuilder::on(&area)
            .margin_top(24)
            .margin_right(40)
            .x_label_area_size(86)
            .y_label_area_size((self.y.longest_label() as f64 * DIGIT + 34.0) as u32)
            .build_cartesian_2d(self.x.range(), self.y.range())?;
        self.draw_grid(&plane)?;
        for (mark, ink) in &self.layers {
            self.draw_mark(&mut plane, mark, *ink)?;
        }
        area.present()
    }

    fn draw_grid(&self, plane: &Plane) -> Drawn {
        let area = plane.plotting_area();
        let (left, right) = (self.x.low(), self.x.high());
        let bottom = self.y.low();
        for (value, label) in self.y.ticks() {
            let y = self.y.place(*value);
            area.draw(&PathElement::new(vec![(left, y), (right, y)], Ink::Grid.stroke(2)))?;
            let at = Pixel::of(plane, (left, y)).moved(-18, 0);
            write(plane, label, at, Ink::Text, Pos::new(HPos::Right, VPos::Center))?;
        }
        for (value, label) in self.x.ticks() {
            let at = Pixel::of(plane, (self.x.place(*value), bottom)).moved(0, 22);
            write(plane, label, at, Ink::Text, Pos::new(HPos::Center, VPos::Top))?;
        }
        area.draw(&PathElement::new(vec![(left, bottom), (right, bottom)], Ink::Axis.stroke(3)))
    }

    fn draw_mark(&self, plane: &mut Plane, mark: &Mark, ink: Ink) -> Drawn {
        let place = |point: &Point| (self.x.place(point.0), self.y.place(point.1));
        let area = plane.plotting_area();
        match mark {
            Mark::Line(points) => area.draw(&path(points.iter().map(place), ink.stroke(7))),
            Mark::Law(points) => area.draw(&path(points.iter().map(place), ink.stroke(5))),
            Mark::Dots(points) => {
                points.iter().try_for_each(|point| area.draw(&Circle::new(place(point), 14, ink.fill())))
            }
            Mark::Bars(bars) => bars.iter().try_for_each(|(left, right, height)| {
                let corners = [place(&(*left, self.y.low())), place(&(*right, *height))];
                area.draw(&Rectangle::new(corners, ink.fill()))
            }),
            Mark::Levels(levels) => levels.iter().try_for_each(|(left, right, y)| {
                area.draw(&path([place(&(*left, *y)), place(&(*right, *y))], ink.stroke(8)))
            }),
            Mark::Rule(rule) => self.draw_rule(plane, rule, ink),
            Mark::Intervals(intervals) => intervals.iter().try_for_each(|(x, low, high)| {
                area.draw(&path([place(&(*x, *low)), place(&(*x, *high))], ink.stroke(6)))
            }),
            Mark::Names(named) => self.draw_names(plane, named, ink),
            Mark::Labels(labels) => labels.iter().try_for_each(|(x, y, label)| {
                let at = Pixel::of(plane, place(&(*x, *y))).moved(0, -26);
                write(plane, label, at, Ink::Strong, Pos::new(HPos::Center, VPos::Bottom))
            }),
        }
    }

    fn draw_names(&self, plane: &Plane, named: &[(f64, f64, String)], ink: Ink) -> Drawn {
        let at = |(x, y, _): &(f64, f64, String)| Pixel::of(plane, (self.x.place(*x), self.y.place(*y)));
        let points: Vec<Pixel> = named.iter().map(at).collect();
        let widths: Vec<i32> =
            named.iter().map(|(_, _, name)| (name.chars().count() as f64 * DIGIT) as i32).collect();
        let bottom = Pixel::of(plane, (self.x.low(), self.y.low())).y;
        let places = names::places(&points, &widths, Pixel { x: WIDTH as i32, y: bottom });
        named
            .iter()
            .zip(places)
            .try_for_each(|((_, _, name), at)| write(plane, name, at, ink, Pos::new(HPos::Left, VPos::Top)))
    }

    fn draw_rule(&self, plane: &Plane, rule: &Rule, ink: Ink) -> Drawn {
        let (x, bottom, top) = (self.x.place(rule.x), self.y.low(), self.y.high());
        plane.plotting_area().draw(&path([(x, bottom), (x, top)], ink.stroke(4)))?;
        let at = Pixel::of(plane, (x, top));
        let width = rule.label.chars().count() as f64 * DIGIT;
        // The label stands to the right of its line, or to the left where it would leave the drawing.
        let fits = f64::from(at.x) + width + 20.0 < f64::from(WIDTH);
        let (offset, side) = if fits { (16, HPos::Left) } else { (-16, HPos::Right) };
        let down = 8 + rule.row as i32 * (FONT + 12);
        write(plane, &rule.label, at.moved(offset, down), Ink::Strong, Pos::new(side, VPos::Top))
    }
}

/// The drawing as an element of its own, with its title and description; `id` must be unique on the page and plain ASCII.
fn element(id: &str, height: u32, [title, description]: [&str; 2], drawing: &str) -> String {
    let labelled = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
         <title id=\"{id}-t\">{}</title>\n<desc id=\"{id}-d\">{}</desc>",
        html(title),
        html(description)
    );
    let body = drawing.split_once('>').map_or("", |(_, body)| body);
    labelled + &ink::variables(body)
}

fn path(points: impl IntoIterator<Item = Point>, style: ShapeStyle) -> PathElement<Point> {
    PathElement::new(points.into_iter().collect::<Vec<_>>(), style)
}

/// Writes text at a position; `side` says which side of the text that is.
fn write(plane: &Plane, text: &str, at: Pixel, ink: Ink, side: Pos) -> Drawn {
    let color = ink.color();
    let style = TextStyle::from(("sans-serif", FONT).into_font()).color(&color).pos(side);
    plane.plotting_area().strip_coord_spec().draw_text(text, &style, shifted(plane, at))
}

/// Text is drawn on the bare plotting area, whose origin is its own corner.
fn shifted(plane: &Plane, at: Pixel) -> (i32, i32) {
    let (x, y) = plane.plotting_area().get_base_pixel();
    (at.x - x, at.y - y)
}
