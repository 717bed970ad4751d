//! The first sieve: characters and tokens. What is no part of a plain SELECT ends here: heredocs, odd strings,
//! parameters, second statements.

use sqlparser::{
    dialect::ClickHouseDialect,
    tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Whitespace},
};

use super::{
    literals::is_closed,
    range::put_in,
    refusal::{Checking, Refused},
};
use crate::query::Between;

/// More tokens than any statement of a person has; it bounds how deep a chain of operators can be.
const MOST_TOKENS: usize = 4000;

const ALLOWED: &str = "names, numbers, 'strings', commas, brackets, comparisons, + - * / % || :: ->";

/// The tokens of one statement, without comments and without a semicolon at its end, its range put in.
pub(super) fn tokens(sql: &str, range: Option<Between>) -> Checking<Vec<TokenWithSpan>> {
    if let Some(odd) = sql.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let what = format!("the control character U+{:04X}", u32::from(odd));
        return Err(Refused::new("character", what, "text, line breaks and tabs", Span::empty()));
    }
    let read = Tokenizer::new(&ClickHouseDialect {}, sql).with_unescape(false).tokenize_with_location();
    let all = read.map_err(|error| {
        let at = Span::new(error.location, error.location);
        Refused::new("syntax", format!("this is not SQL: {}", error.message), ALLOWED, at)
    })?;
    all.windows(2).try_for_each(|pair| apart(&pair[0], &pair[1]))?;
    let mut kept: Vec<_> = all.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    while kept.last().is_some_and(|token| matches!(token.token, Token::SemiColon | Token::EOF)) {
        kept.pop();
    }
    let kept = put_in(kept, range)?;
    if kept.len() > MOST_TOKENS {
        let what = format!("a statement of {} words and signs", kept.len());
        return Err(Refused::new("too_long", what, format!("at most {MOST_TOKENS}"), Span::empty()));
    }
    kept.iter().try_for_each(known)?;
    Ok(kept)
}

/// Whether two tokens without a blank between them are two for the engine, too: `0b11` and `1abc` are none of `0 b11` and
/// `1 abc` there, `b'1'` is no `b '1'`, and `1.2.3` is an element of a tuple.
fn apart(token: &TokenWithSpan, next: &TokenWithSpan) -> Checking {
    let is_one = match (&token.token, &next.token) {
        (Token::Number(..), Token::Word(word)) => word.quote_style.is_none(),
        (Token::Number(..), Token::Number(..)) => true,
        (Token::Word(word), Token::SingleQuotedString(_)) => {
            word.quote_style.is_none() && word.value.eq_ignore_ascii_case("b")
        }
        _ => false,
    };
    match is_one {
        false => Ok(()),
        true => {
            let what = format!("{}{} is not allowed here", token.token, next.token);
            Err(Refused::new("character", what, ALLOWED, token.span))
        }
    }
}

fn known(token: &TokenWithSpan) -> Checking {
    let fine = match &token.token {
        Token::Word(_) => true,
        Token::Number(digits, long) => !long && is_number(digits),
        Token::SingleQuotedString(body) => is_closed(body),
        Token::Comma | Token::Period | Token::LParen | Token::RParen | Token::LBracket | Token::RBracket => true,
        Token::Eq | Token::DoubleEq | Token::Neq | Token::Lt | Token::Gt | Token::LtEq | Token::GtEq => true,
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod | Token::StringConcat => true,
        Token::DoubleColon | Token::Arrow => true,
        Token::Whitespace(Whitespace::Space) | Token::EOF => true,
        // A library's list of tokens grows: what is not named above is not known.
        _ => false,
    };
    let refused = |what: String, allowed: &str| Err(Refused::new("character", what, allowed, token.span));
    match (&token.token, fine) {
        (_, true) => Ok(()),
        (Token::SemiColon, _) => refused("a semicolon inside the text".into(), "one statement"),
        (other, _) => refused(format!("{other} is not allowed here"), ALLOWED),
    }
}

/// Digits with a fraction and an exponent; no other base, no separators.
pub(super) fn is_number(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    plain && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Where a parser's error is, if it says so: sqlparser writes `… at Line: 1, Column: 8`.
pub(super) fn place_in(message: &str) -> (String, Span) {
    let Some((text, place)) = message.rsplit_once(" at Line: ") else { return (message.to_owned(), Span::empty()) };
    let numbers = place.split_once(", Column: ").map(|(line, column)| (line.parse(), column.trim().parse()));
    let Some((Ok(line), Ok(column))) = numbers else { return (message.to_owned(), Span::empty()) };
    let at = Location { line, column };
    (text.to_owned(), Span::new(at, at))
}
