//! Clauses of the engine that are said elsewhere here, beside the statement: what to write instead of them.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::refusal::Refused;

/// A clause, and what to do instead.
type Clause = (&'static str, &'static str);

const SETTINGS: Clause = (
    "SETTINGS",
    "`max_rows` beside the statement (`beidou sql --max-rows`); the other limits are the server's, and `beidou sql \
     --schema` lists them",
);
const FORMAT: Clause = ("FORMAT", "`format` beside the statement (`beidou sql -o`): json, csv, ndjson, arrow, parquet");
const OUTFILE: Clause =
    ("INTO OUTFILE", "`beidou sql -o FORM --out FILE`, or `beidou export --sql`, which write a file");

/// The first of them in a statement that is refused. This words a refusal and decides nothing: each of these words may be
/// a name too, and where it is one the statement is read as such.
pub(super) fn elsewhere(tokens: &[TokenWithSpan]) -> Option<Refused> {
    (0..tokens.len()).find_map(|at| {
        let (before, rest) = tokens.split_at(at);
        let (clause, instead) = clause(before, rest)?;
        Some(Refused::new("clause", format!("{clause} is not allowed in a statement"), instead, rest.first()?.span))
    })
}

fn clause(before: &[TokenWithSpan], rest: &[TokenWithSpan]) -> Option<Clause> {
    let (first, next) = (word(rest.first())?, word(rest.get(1)));
    let third = rest.get(2).map(|token| &token.token);
    match first.as_str() {
        "SETTINGS" if next.is_some() && matches!(third, Some(Token::Eq | Token::Period)) => Some(SETTINGS),
        "INTO" if next.as_deref() == Some("OUTFILE") => Some(OUTFILE),
        "FORMAT"
            if next.as_deref().is_some_and(|name| name != "FROM") && is_last(rest.get(2)) && !is_listed(before) =>
        {
            Some(FORMAT)
        }
        _ => None,
    }
}

/// Whether nothing follows but the end of the query, or another of these clauses.
fn is_last(token: Option<&TokenWithSpan>) -> bool {
    let ends = token.is_none_or(|token| token.token == Token::RParen);
    ends || word(token).is_some_and(|word| matches!(word.as_str(), "SETTINGS" | "INTO"))
}

/// Whether a column is meant, as in `ORDER BY format DESC`.
fn is_listed(before: &[TokenWithSpan]) -> bool {
    let last = before.last();
    last.is_some_and(|token| token.token == Token::Comma) || word(last).is_some_and(|word| word == "BY")
}

/// A word without quotes, in capitals.
fn word(token: Option<&TokenWithSpan>) -> Option<String> {
    match &token?.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    }
}
