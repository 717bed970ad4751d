//! The number behind `count`, and what is said where there is none.

use super::{
    COUNT, Fault, QueryLineError,
    scan::{Outcome, Scanner},
};

const COMPARISONS: &str = "count>10, count>=10, count<10, count<=10, count=10, or -count=10";

/// A number up to the end of the term.
pub(super) fn number(scanner: &mut Scanner) -> Outcome<u32> {
    let begin = scanner.at;
    while scanner.peek().is_some_and(|c| c.is_ascii_digit()) {
        scanner.at += 1;
    }
    let number = scanner.since(begin).parse().ok().filter(|_| scanner.is_end());
    number.ok_or_else(|| {
        let expected = format!("a whole number from 0 to {} right behind the comparison", u32::MAX);
        scanner.error(begin, Fault::Number, expected)
    })
}

/// `count:…`; the colon was read.
pub(super) fn no_colon(scanner: &Scanner) -> QueryLineError {
    let at = scanner.at - 1;
    let suggestion = Some(format!("{COUNT}="));
    QueryLineError { suggestion, ..scanner.error(at, Fault::Comparison, format!("a comparison: {COMPARISONS}")) }
}

/// `count!=…`
pub(super) fn no_comparison(scanner: &Scanner) -> QueryLineError {
    scanner.error(scanner.at, Fault::Comparison, format!("a comparison: {COMPARISONS}"))
}
