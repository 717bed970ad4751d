//! Lanes of a timeline: cells and stretches become marks, at most so many in all, and every state is counted in one.
//!
//! ```text
//!  cells       .  3  1  .  .  .  7      states of each pixel     ─► point (one state), density (more)
//!  stretches      [────────]            an Event that repeats    ─► span, drawn behind them
//! ```
//!
//! Where there are too many marks, cells of two, four, eight … pixels are folded into one: sums stay exact, and a short
//! change of state becomes part of a wider mark, never none.

use beidou_schemas::Micros;
use beidou_store::query::lanes::{CellRow, StretchRow};
use serde::Serialize;
use utoipa::ToSchema;

/// No timeline has more marks, whatever its range.
pub(crate) const MOST_MARKS: usize = 2000;

/// What a mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shape {
    /// One state.
    Point,
    /// Several states in one cell.
    Density,
    /// An Event that repeats, or several that touch, from the first state to the last. Its states are counted in
    /// points and densities as well.
    Span,
}

/// Something to draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Mark {
    /// `point`: one state; `density`: several in one cell; `span`: an Event that repeats, or several that touch, from
    /// the first state to the last (counted in points and densities as well).
    pub shape: Shape,
    /// First pixel.
    pub x: u64,
    /// First pixel behind it.
    pub to_x: u64,
    /// When the first state happened.
    #[schema(value_type = String, format = DateTime)]
    pub from: Micros,
    /// When the last one did.
    #[schema(value_type = String, format = DateTime)]
    pub to: Micros,
    /// States.
    pub states: u64,
    /// Occurrences in them: what `count` says was repeated counts as often as it happened.
    pub occurrences: u64,
    /// Different Events; only of a span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
}

/// The marks of each lane, and how many pixels a cell has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Folded {
    /// By lane, 0 first.
    pub lanes: Vec<Vec<Mark>>,
    /// Pixels of a cell.
    pub pixels: u64,
}

/// Folds rows, in order of lane and cell, to marks of `lanes` lanes (and lane 0).
pub(crate) fn fold(cells: &[CellRow], stretches: &[StretchRow], lanes: usize, width: u64) -> Folded {
    let mut pixels = 1;
    loop {
        let (cells, stretches) = (coarse_cells(cells, pixels), coarse_stretches(stretches, pixels));
        // With one cell for the whole width each lane has one mark: this ends.
        if cells.len() + stretches.len() <= MOST_MARKS || pixels >= width {
            return Folded { lanes: marks(&cells, &stretches, lanes, pixels, width), pixels };
        }
        pixels *= 2;
    }
}

fn coarse_cells(cells: &[CellRow], pixels: u64) -> Vec<CellRow> {
    let mut folded: Vec<CellRow> = Vec::new();
    for row in cells {
        let cell = row.cell / pixels;
        match folded.last_mut() {
            Some(last) if last.lane == row.lane && last.cell == cell => {
                last.states += row.states;
                last.happened += row.happened;
                last.first_seen = last.first_seen.min(row.first_seen);
                last.last_seen = last.last_seen.max(row.last_seen);
            }
            Some(_) | None => folded.push(CellRow { cell, ..row.clone() }),
        }
    }
    folded
}

/// Stretches that touch the same cell become one; those inside one cell are told by it.
fn coarse_stretches(stretches: &[StretchRow], pixels: u64) -> Vec<StretchRow> {
    let mut folded: Vec<StretchRow> = Vec::new();
    for row in stretches {
        let (first_cell, last_cell) = (row.first_cell / pixels, row.last_cell / pixels);
        match folded.last_mut() {
            Some(last) if last.lane == row.lane && first_cell <= last.last_cell => {
                last.last_cell = last.last_cell.max(last_cell);
                last.events += row.events;
                last.states += row.states;
                last.happened += row.happened;
                last.first_seen = last.first_seen.min(row.first_seen);
                last.last_seen = last.last_seen.max(row.last_seen);
            }
            Some(_) | None => folded.push(StretchRow { first_cell, last_cell, ..row.clone() }),
        }
    }
    folded.retain(|row| row.first_cell < row.last_cell);
    folded
}

/// Spans first: they are drawn behind the others.
fn marks(cells: &[CellRow], stretches: &[StretchRow], lanes: usize, pixels: u64, width: u64) -> Vec<Vec<Mark>> {
    let mut found = vec![Vec::new(); lanes + 1];
    let mut put = |lane: u64, mark: Mark| {
        if let Some(lane) = found.get_mut(lane as usize) {
            lane.push(mark);
        }
    };
    for row in stretches {
        let mark = Mark {
            shape: Shape::Span,
            x: row.first_cell * pixels,
            to_x: ((row.last_cell + 1) * pixels).min(width),
            from: Micros(row.first_seen),
            to: Micros(row.last_seen),
            states: row.states,
            occurrences: row.happened,
            events: Some(row.events),
        };
        put(row.lane, mark);
    }
    for row in cells {
        let mark = Mark {
            shape: if row.states == 1 { Shape::Point } else { Shape::Density },
            x: row.cell * pixels,
            to_x: ((row.cell + 1) * pixels).min(width),
            from: Micros(row.first_seen),
            to: Micros(row.last_seen),
            states: row.states,
            occurrences: row.happened,
            events: None,
        };
        put(row.lane, mark);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell(lane: u64, cell: u64, states: u64) -> CellRow {
        let at = cell as i64 * 10;
        CellRow { lane, cell, states, happened: 2 * states, first_seen: at, last_seen: at + 5 }
    }

    fn stretch(lane: u64, first_cell: u64, last_cell: u64, events: u64) -> StretchRow {
        let (first_seen, last_seen) = (first_cell as i64 * 10, last_cell as i64 * 10 + 5);
        StretchRow { lane, first_cell, last_cell, events, states: 2 * events, happened: events, first_seen, last_seen }
    }

    #[test]
    fn few_rows_stay_as_they_are() {
        let folded = fold(&[cell(1, 3, 1), cell(1, 9, 4), cell(2, 3, 1)], &[stretch(1, 3, 9, 1)], 2, 100);
        let told: Vec<Vec<_>> =
            folded.lanes.iter().map(|lane| lane.iter().map(|m| (m.shape, m.x, m.to_x, m.states)).collect()).collect();
        assert_eq!(
            told,
            [
                vec![],
                vec![(Shape::Span, 3, 10, 2), (Shape::Point, 3, 4, 1), (Shape::Density, 9, 10, 4)],
                vec![(Shape::Point, 3, 4, 1)]
            ]
        );
        assert_eq!(folded.pixels, 1);
    }

    #[test]
    fn the_shortest_change_is_still_counted_in_the_longest_range() {
        let busy = (0..1200).flat_map(|at| [(1, at), (2, at), (3, at)]);
        let mut cells: Vec<_> = busy.map(|(lane, at)| cell(lane, at, 3)).chain([cell(4, 777, 1)]).collect();
        cells.sort_by_key(|row| (row.lane, row.cell));
        let folded = fold(&cells, &[], 4, 1200);
        assert_eq!(folded.pixels, 2);
        let [mark] = folded.lanes[4].as_slice() else { panic!("{:?}", folded.lanes[4]) };
        assert_eq!((mark.shape, mark.x, mark.to_x, mark.states), (Shape::Point, 776, 778, 1));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_too_much(
            cells in prop::collection::btree_map((0u64..=30, 0u64..4000), 1u64..5, 0..6000),
            borders in prop::collection::vec((0u64..=30, prop::collection::btree_set(0u64..4000, 0..60)), 0..40),
        ) {
            let cells: Vec<_> = cells.into_iter().map(|((lane, at), states)| cell(lane, at, states)).collect();
            let borders: std::collections::BTreeMap<_, _> = borders.into_iter().collect();
            let pairs = borders.into_iter().flat_map(|(lane, borders)| {
                let borders: Vec<_> = borders.into_iter().collect();
                borders.chunks_exact(2).map(|pair| (lane, pair[0], pair[1])).collect::<Vec<_>>()
            });
            let stretches: Vec<_> = pairs.map(|(lane, first, last)| stretch(lane, first, last, 1)).collect();
            let folded = fold(&cells, &stretches, 30, 4000);
            let all: Vec<&Mark> = folded.lanes.iter().flatten().collect();
            prop_assert!(all.len() <= MOST_MARKS);
            for (lane, marks) in folded.lanes.iter().enumerate() {
                let states: u64 = cells.iter().filter(|row| row.lane == lane as u64).map(|row| row.states).sum();
                let told: u64 = marks.iter().filter(|mark| mark.shape != Shape::Span).map(|mark| mark.states).sum();
                prop_assert_eq!(told, states);
                let disjoint = |shapes: &[Shape]| {
                    let of: Vec<_> = marks.iter().filter(|mark| shapes.contains(&mark.shape)).collect();
                    of.windows(2).all(|pair| pair[0].to_x <= pair[1].x)
                };
                prop_assert!(disjoint(&[Shape::Span]) && disjoint(&[Shape::Point, Shape::Density]));
            }
        }
    }
}
