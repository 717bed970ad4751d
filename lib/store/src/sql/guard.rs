//! The guard: from a caller's text to a statement of our own, or a refusal.

use std::{collections::BTreeSet, thread};

use sqlparser::{
    ast::{Query, Statement},
    dialect::ClickHouseDialect,
    parser::{Parser, ParserError},
    tokenizer::{Span, TokenWithSpan},
};

use super::{
    again,
    elsewhere::elsewhere,
    literals::put_back,
    refusal::{Checking, Refusal, Refused},
    tokens::{place_in, tokens},
};
use crate::query::Between;

/// Bytes of a statement: the body of a request holds it, and a person's longest ones have a tenth.
pub const LONGEST_SQL: usize = 12 * 1024;
/// Brackets and subqueries inside each other.
const DEEPEST: usize = 60;
/// A chain of operators is a deep tree, and each level takes some frames of a few hundred bytes: 4,000 tokens need a
/// few MB. Of this only what is used becomes real memory.
const STACK_BYTES: usize = 64 << 20;

/// A statement that passed: printed from what was checked. There is no other way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    sql: String,
}

impl Checked {
    /// The text that is sent.
    pub fn sql(&self) -> &str {
        &self.sql
    }
}

/// What is known while a statement is read.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// Names of common table expressions in sight, one list for each query around.
    pub scopes: Vec<Vec<String>>,
    /// Bodies of the strings so far.
    pub strings: Vec<String>,
    /// Names that the statement gives: aliases and arguments of lambdas.
    pub given: BTreeSet<String>,
    /// Bare names that it uses.
    pub used: Vec<(String, Span)>,
    /// Whether this reads what a guard has printed: names of WITH have their prefix.
    pub printed: bool,
}

impl Guard {
    /// A guard over a text that a guard has printed.
    pub(super) fn of_printed() -> Self {
        Self { printed: true, ..Self::default() }
    }
}

/// Reads a statement: a SELECT over the views, made of known parts only.
///
/// # Errors
/// What is refused, where it stands, and what is allowed.
pub fn check(sql: &str) -> Result<Checked, Refusal> {
    check_in(sql, None)
}

/// The same; `{from}` and `{to}` stand for the ends of the range.
///
/// # Errors
/// As [`check`]; also where they stand there and there is no range.
pub fn check_in(sql: &str, range: Option<Between>) -> Result<Checked, Refusal> {
    let refuse = |fault, what: &str, allowed: String| Refused::new(fault, what, allowed, Span::empty()).of(sql);
    if sql.len() > LONGEST_SQL {
        let what = format!("a statement of {} bytes", sql.len());
        return Err(refuse("too_long", &what, format!("at most {LONGEST_SQL}")));
    }
    let read = thread::scope(|scope| {
        let reader = thread::Builder::new().name("sql-guard".into()).stack_size(STACK_BYTES);
        reader.spawn_scoped(scope, move || read(sql, range)).ok().and_then(|reading| reading.join().ok())
    });
    match read {
        Some(Ok(sql)) => Ok(Checked { sql }),
        Some(Err(refused)) => Err(refused.of(sql)),
        // No thread, or a fault in the parser: what was not read is not run.
        None => Err(refuse("syntax", "this could not be read", "a SELECT".into())),
    }
}

fn read(sql: &str, range: Option<Between>) -> Checking<String> {
    let tokens = tokens(sql, range)?;
    let better = elsewhere(&tokens);
    rewritten(tokens).map_err(|refused| match refused.fault {
        "syntax" | "clause" => better.unwrap_or(refused),
        _ => refused,
    })
}

/// The statement, printed anew, and read anew.
fn rewritten(tokens: Vec<TokenWithSpan>) -> Checking<String> {
    let mut query = parsed(tokens)?;
    let mut guard = Guard::default();
    guard.query(&mut query)?;
    guard.names_are_known()?;
    let printed = query.to_string();
    again::reads_as(&printed, &query)?;
    put_back(&printed, &guard.strings).ok_or_else(again::two_ways)
}

/// The one query that the tokens are.
pub(super) fn parsed(tokens: Vec<TokenWithSpan>) -> Checking<Box<Query>> {
    let parser = Parser::new(&ClickHouseDialect {}).with_recursion_limit(DEEPEST);
    let mut statements = parser.with_tokens_with_locations(tokens).parse_statements().map_err(not_read)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => Ok(query),
        (None, _) => Err(statement("the statement is empty")),
        (Some(_), true) => Err(statement("this is no SELECT")),
        (Some(_), false) => Err(statement("there are several statements")),
    }
}

fn statement(what: &str) -> Refused {
    Refused::new("statement", what, "one SELECT, with WITH, subqueries, UNION ALL and window functions", Span::empty())
}

fn not_read(error: ParserError) -> Refused {
    match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            let (message, at) = place_in(&message);
            Refused::new("syntax", in_our_words(&message), "a SELECT as in docs/sql.md", at)
        }
        ParserError::RecursionLimitExceeded => {
            Refused::new("too_deep", "too many brackets inside each other", format!("about {DEEPEST}"), Span::empty())
        }
    }
}

/// The parser says `Expected: …, found: …`, and does not quote what it found.
fn in_our_words(message: &str) -> String {
    match message.strip_prefix("Expected: ").and_then(|said| said.rsplit_once(", found: ")) {
        Some((expected, "EOF")) => format!("the statement ends where {expected} is expected"),
        Some((expected, found)) => format!("{found:?} stands where {expected} is expected"),
        None => format!("this cannot be read: {message}"),
    }
}
