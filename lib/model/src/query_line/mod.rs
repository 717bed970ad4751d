//! The query line: one line of text that says which Events are wanted.
//!
//! ```text
//!  text ──parse──► QueryLine (terms, all of which must hold) ──► the store: conditions with parameters
//!                      │ Display: the normal form            └──► Matcher: the same in memory, for the live tail
//!
//!  line       = { term }                                     apart by blanks, all must hold
//!  term       = [ "-" ] ( value | field ":" value | field ":" "(" value { value } ")" | "count" comparison number )
//!  value      = word | quoted | "/" regular expression "/"   without a field: of the message
//!  word       = characters, "*" any, "?" one, "\" takes the next character as it is
//!  quoted     = '"' characters, "\" as above '"'             no wildcards
//!  comparison = ">" | ">=" | "<" | "<=" | "="
//! ```
//!
//! What holds:
//! - The grammar is one page: no nesting, no OR but that of a list. What might be a slip is refused, never searched for
//!   as text: an unknown field, `OR`, `a,b`, `kind=Pod`.
//! - A line that was read can be asked: regular expressions are of the part that RE2 and Rust mean alike, and bounded.
//! - `parse(display(q)) == q`. The cases in `golden/query_line.json` bind the other implementations of this grammar.

mod complete;
mod error;
mod field;
mod glob;
mod kind;
mod line;
mod matcher;
mod number;
mod parse;
mod pattern;
mod scan;
mod slip;
#[cfg(test)]
mod tests;
mod words;

pub use complete::{Completing, Completion, complete};
pub use error::{Fault, Position, QueryLineError};
pub use field::{COUNT, Field};
pub use glob::{Glob, Part};
pub use kind::{KINDS, Kind};
pub use line::{Comparison, QueryLine, Term, Test, Value};
pub use matcher::{EventText, Matcher};
pub use parse::parse;
pub use pattern::{Dialect, Pattern};
pub use words::Words;

/// A line has at most so many bytes: with every byte percent-encoded a URL of 12 KB, which servers and proxies take.
pub const LONGEST_LINE: usize = 4096;
/// A line has at most so many terms: people write ten; a saved query of a program some dozens.
pub const MOST_TERMS: usize = 100;
/// A list has at most so many values, as a parameter of the API: a namespace's pods, pasted.
pub const MOST_VALUES: usize = 200;
/// A regular expression has at most so many bytes.
pub const LONGEST_PATTERN: usize = 500;
