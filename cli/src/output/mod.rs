//! Answers as text: tables for people, JSON for programs. Pure: what it is given decides what it writes.

pub mod bar;
pub mod cell;
pub mod table;
pub mod time;

use std::io::IsTerminal;

pub use cell::{Cell, Paint};
pub use table::{Column, Table};

/// How wide and how colourful the output may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; `None` where nothing needs to be cut.
    pub width: Option<usize>,
    /// Whether colour is wanted.
    pub colour: bool,
}

impl Look {
    /// Of stdout: colour and cutting only on a terminal, colour not with `NO_COLOR` (no-color.org).
    pub fn of_stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        Self { width: width.filter(|_| terminal), colour: terminal && !refused && !dumb }
    }
}
