//! A table that fits the terminal. Columns are as wide as their content; where that is too much, those that may be cut
//! give way, the one with the most to spare first, down to a least width each, and in a very narrow terminal to half. Titles stay whole.

use std::borrow::Cow;

use super::{
    Look, Paint,
    cell::{Cell, Cut, fit, width},
};

/// Blanks between columns.
const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    title: Cow<'static, str>,
    cut: Cut,
    least: usize,
    right: bool,
}

impl Column {
    /// A column that is never cut.
    pub fn whole(title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: title.into(), cut: Cut::Never, least: 0, right: false }
    }

    /// A column of numbers.
    pub fn number(title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: title.into(), cut: Cut::Never, least: 0, right: true }
    }

    /// A column of identifiers, cut in the middle.
    pub fn name(title: impl Into<Cow<'static, str>>, least: usize) -> Self {
        Self { title: title.into(), cut: Cut::Middle, least, right: false }
    }

    /// A column of words, cut at the end.
    pub fn words(title: impl Into<Cow<'static, str>>, least: usize) -> Self {
        Self { title: title.into(), cut: Cut::End, least, right: false }
    }
}

/// Columns and rows.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row. Cells that are missing stay empty.
    pub fn row(&mut self, mut cells: Vec<Cell>) {
        cells.resize(self.columns.len(), Cell::default());
        self.rows.push(cells);
    }

    /// The table as text, with a heading, a line per row.
    pub fn text(&self, look: Look) -> String {
        self.with_widths(&self.widths(look.width), look)
    }

    /// The same with widths that were chosen elsewhere.
    pub fn with_widths(&self, widths: &[usize], look: Look) -> String {
        let heading: Vec<Cell> = self.columns.iter().map(|column| Cell::new(&column.title, Paint::Bold)).collect();
        let mut text = String::new();
        self.line(&heading, widths, look, &mut text);
        text + &self.lines(widths, look)
    }

    /// The rows without a heading.
    pub fn lines_alone(&self, look: Look) -> String {
        self.lines(&self.widths(look.width), look)
    }

    /// The rows alone, for a table that goes on.
    pub fn lines(&self, widths: &[usize], look: Look) -> String {
        let mut text = String::new();
        for row in &self.rows {
            self.line(row, widths, look, &mut text);
        }
        text
    }

    /// Widths of the columns in a terminal of this width.
    pub fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let widest = |(index, column): (usize, &Column)| {
            let cells = self.rows.iter().map(|row| width(&row[index].text));
            cells.max().unwrap_or(0).max(width(&column.title))
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(widest).collect();
        let Some(terminal) = terminal else { return widths };
        let gaps = GAP * self.columns.len().saturating_sub(1);
        for divisor in [1, 2] {
            let excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(terminal);
            self.shrink(&mut widths, excess, divisor);
        }
        widths
    }

    /// Takes `excess` from the columns, each time from the one with the most to spare.
    fn shrink(&self, widths: &mut [usize], excess: usize, divisor: usize) {
        for _ in 0..excess {
            let columns = self.columns.iter().zip(widths.iter_mut()).filter(|(column, _)| column.cut != Cut::Never);
            let spare = columns.map(|(column, columns)| {
                let least = (column.least / divisor).max(width(&column.title));
                (columns.saturating_sub(least), columns)
            });
            match spare.max_by_key(|(spare, _)| *spare) {
                Some((1.., width)) => *width -= 1,
                Some((0, _)) | None => return,
            }
        }
    }

    fn line(&self, row: &[Cell], widths: &[usize], look: Look, text: &mut String) {
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
        for (index, ((cell, column), &columns)) in row.iter().zip(&self.columns).zip(widths).take(last + 1).enumerate()
        {
            let fitted = fit(&cell.text, columns, column.cut);
            let blanks = " ".repeat(columns.saturating_sub(width(&fitted)));
            let painted = cell.paint.on(&fitted, look.colour);
            match (column.right, index == last) {
                (true, _) => *text += &(blanks + &painted),
                (false, true) => *text += &painted,
                (false, false) => *text += &(painted + &blanks),
            }
            if index < last {
                *text += &" ".repeat(GAP);
            }
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let columns =
            [Column::whole("TIME"), Column::name("OBJECT", 10), Column::number("N"), Column::words("TEXT", 8)];
        let mut table = Table::new(columns);
        table.row(vec![
            "14:00".into(),
            "pod/recsys-ranker-6c9f7d8b5c-x2k9q".into(),
            "7".into(),
            "Back-off pulling image".into(),
        ]);
        table.row(vec!["14:01".into(), "node/n1".into(), "12345".into()]);
        table
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        let look = Look { width: None, colour: false };
        insta::assert_snapshot!(sample().text(look), @r"
        TIME   OBJECT                                  N  TEXT
        14:00  pod/recsys-ranker-6c9f7d8b5c-x2k9q      7  Back-off pulling image
        14:01  node/n1                             12345
        ");
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_first() {
        let look = Look { width: Some(56), colour: false };
        insta::assert_snapshot!("table_56", sample().text(look));
        for columns in 30..90 {
            let text = sample().text(Look { width: Some(columns), colour: false });
            let widest = text.lines().map(width).max().unwrap();
            assert!(widest <= columns.max(34), "{columns}:\n{text}");
        }
    }
}
