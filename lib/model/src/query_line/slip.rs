//! Slips: what people write who have another language in mind. It could be searched for as text, and would find nothing
//! without a word; so it is refused, and told how it is written here.

use super::{Fault, line::OPERATORS};

/// Why a word of the message is refused, as it was written.
pub(super) fn of_word(word: &str) -> Option<(Fault, String)> {
    if let Some(found) = of_operator(word) {
        return Some(found);
    }
    match word.chars().next() {
        Some('!') => Some((Fault::Operator, format!("a minus: -{}; {QUOTES}", &word[1..]))),
        Some(':' | '<' | '>' | '=') => {
            let expected =
                format!("the field right in front of the sign, without a blank: count>10, kind:Pod; {QUOTES}");
            Some((Fault::Comparison, expected))
        }
        Some(_) | None => None,
    }
}

/// Why a value of a field is refused, as it was written.
pub(super) fn of_value(word: &str) -> Option<(Fault, String)> {
    if let Some(found) = of_operator(word) {
        return Some(found);
    }
    if word.starts_with(['-', '!']) {
        return Some((Fault::Minus, format!("the minus in front of the field: -kind:Node; {QUOTES}")));
    }
    if word.contains(',') {
        return Some((Fault::Comma, format!("blanks between values: kind:(Pod Node); {QUOTES}")));
    }
    None
}

const QUOTES: &str = "quotation marks make it a text";

fn of_operator(word: &str) -> Option<(Fault, String)> {
    let is_operator = OPERATORS.contains(&word) || matches!(word, "|" | "||" | "&" | "&&");
    is_operator.then(|| {
        let expected = "no operator: terms behind one another must all hold, any value of a list may hold as in \
                        kind:(Pod Node), a minus excludes as in -kind:Node";
        (Fault::Operator, format!("{expected}; {QUOTES}"))
    })
}
