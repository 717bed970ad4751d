//! SQL of callers: read, checked, written anew, and run with limits.
//!
//! ```text
//!  text ─► tokens, range ─► sqlparser ─► guard (clauses, expressions, names) ─► text of our own ─► ask ─► bytes in a format
//!          each known       ▲     each part known, else refused          │ never the caller's
//!                           └──────── again: the same tree, or refused ──┘
//! ```
//!
//! What holds:
//! - Two fences. This one lets through what it knows: the views for analysts, functions by name, SELECT. The engine's: a
//!   user with `readonly=1` and without the right to any source outside of its tables. Each is enough alone for files, other
//!   machines and changes. Which tables are read is this one's part where the engine has one user for all: the embedded one.
//! - What is sent is printed from what was checked: comments, odd encodings and second statements do not survive. Every
//!   name is printed in backticks and thus is never a keyword; strings are put in as they were, after their ends were
//!   found by the engine's rule.
//! - What is sent reads as what was checked (`again`): by the parser and this guard, and by the rules of the engine's lexer.
//! - What the engine's parser leaves out is left out before anything is decided (`reading`): a name is a name however it is
//!   dressed.
//! - Whatever this version does not know by name is refused, with its place and with what is allowed.

mod again;
mod ask;
mod clauses;
mod elsewhere;
mod error;
mod export;
mod expressions;
mod functions;
mod guard;
mod literals;
mod names;
mod range;
mod reading;
mod refusal;
mod tokens;
mod types;
mod views;

#[cfg(test)]
mod tests;

pub use ask::{Estimate, Format, Part, Question, SqlBounds, SqlReader};
pub use error::SqlError;
pub use export::{ExportError, Exported, export};
pub use functions::{COMBINATORS, FUNCTIONS, Family};
pub use guard::{Checked, LONGEST_SQL, check, check_in};
pub use refusal::Refusal;
pub use views::{Column, View, views};
