//! `{from}` and `{to}`: the range of the request, in the places that the statement gives it.

use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::refusal::{Checking, Refused};
use crate::query::Between;

const ALLOWED: &str = "{from} and {to}, beside `from` or `to` in the request";

/// Writes the moments of the range where `{from}` and `{to}` stand.
pub(super) fn put_in(tokens: Vec<TokenWithSpan>, range: Option<Between>) -> Checking<Vec<TokenWithSpan>> {
    let mut all = tokens.into_iter();
    let mut out = Vec::with_capacity(all.len());
    while let Some(token) = all.next() {
        if token.token != Token::LBrace {
            out.push(token);
            continue;
        }
        let named = match (all.next().map(|t| t.token), all.next().map(|t| t.token)) {
            (Some(Token::Word(Word { value, quote_style: None, .. })), Some(Token::RBrace)) => value,
            (_, _) => return Err(Refused::new("character", "a brace", ALLOWED, token.span)),
        };
        let moment = match (named.as_str(), range) {
            ("from", Some(range)) => range.from,
            ("to", Some(range)) => range.until,
            ("from" | "to", None) => {
                let what = format!("{{{named}}} is used, and the request has no range");
                return Err(Refused::new("range", what, "`from` or `to` in the request", token.span));
            }
            (_, _) => return Err(Refused::new("character", format!("{{{named}}}"), ALLOWED, token.span)),
        };
        let written = [
            Token::make_word("fromUnixTimestamp64Micro", None),
            Token::LParen,
            Token::Number(moment.0.to_string(), false),
            Token::Comma,
            Token::SingleQuotedString("UTC".into()),
            Token::RParen,
        ];
        out.extend(written.map(|part| TokenWithSpan { token: part, span: token.span }));
    }
    Ok(out)
}
