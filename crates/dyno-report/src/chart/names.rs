//! Where names of points stand so that they cover neither each other nor a point.

use super::{FONT, Pixel};

/// Distance of a name from its point, drawing units.
const GAP: i32 = 24;
/// Half the side of the square a point takes.
const POINT: i32 = 16;

/// A box: left, top, right, bottom.
type Area = [i32; 4];

/// The upper left corner of each name, for points and widths of names in drawing units inside a drawing whose right lower
/// corner is given. A name stands beside its point, a little below or above; where nothing is free, right below it.
pub(super) fn places(points: &[Pixel], widths: &[i32], corner: Pixel) -> Vec<Pixel> {
    let mut taken: Vec<Area> = points.iter().map(around).collect();
    let mut places = Vec::with_capacity(points.len());
    for (point, width) in points.iter().zip(widths) {
        let candidates = candidates(*point, *width);
        let free = |area: &&Area| {
            let inside = area[0] >= 0 && area[1] >= 0 && area[2] <= corner.x && area[3] <= corner.y;
            inside && !taken.iter().any(|other| overlap(area, other))
        };
        let chosen = *candidates.iter().find(free).unwrap_or(&candidates[0]);
        taken.push(chosen);
        places.push(Pixel { x: chosen[0], y: chosen[1] });
    }
    places
}

/// The square that a point takes.
fn around(Pixel { x, y }: &Pixel) -> Area {
    [x - POINT, y - POINT, x + POINT, y + POINT]
}

fn candidates(Pixel { x, y }: Pixel, width: i32) -> [Area; 8] {
    let area = |left: i32, top: i32| [left, top, left + width, top + FONT];
    let (right, left, middle) = (x + GAP, x - GAP - width, x - width / 2);
    let (beside, below, above) = (y - FONT / 2, y + GAP / 2, y - GAP / 2 - FONT);
    // A line through the points mostly rises to the right: names stand below or above it before they stand on it.
    [
        area(right, below),
        area(left, above),
        area(right, above),
        area(left, below),
        area(right, beside),
        area(left, beside),
        area(middle, below),
        area(middle, above),
    ]
}

fn overlap(one: &Area, other: &Area) -> bool {
    one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cover_neither_points_nor_each_other_nor_leave() {
        let points = [(700, 400), (720, 400), (700, 430), (1400, 200), (10, 10), (705, 380)];
        let points = points.map(|(x, y)| Pixel { x, y });
        let widths = [150, 150, 150, 150, 150, 150];
        let places = places(&points, &widths, Pixel { x: 1440, y: 800 });
        let area = |index: usize| {
            let Pixel { x, y } = places[index];
            [x, y, x + widths[index], y + FONT]
        };
        for one in 0..points.len() {
            let own = area(one);
            assert!(own[0] >= 0 && own[1] >= 0 && own[2] <= 1440 && own[3] <= 800, "{one} {own:?}");
            for (other, point) in points.iter().enumerate() {
                assert!(!overlap(&own, &around(point)), "{one} covers point {other}");
                assert!(one == other || !overlap(&own, &area(other)), "{one} covers name {other}");
            }
        }
    }

    #[test]
    fn a_crowd_still_gets_a_place_each() {
        let points = vec![Pixel { x: 50, y: 50 }; 40];
        assert_eq!(places(&points, &[100; 40], Pixel { x: 120, y: 120 }).len(), 40);
    }
}
