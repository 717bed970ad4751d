//! Strings: taken out of the statement before it is printed, and put in again as they were.
//!
//! Printing libraries and engines disagree about what a backslash in a string means, and a string that ends early is
//! the classic way in. So the printed text holds a number in place of each string, and the body goes in afterwards,
//! byte for byte, once its end was found by the engine's own rule ([`is_closed`]).

use super::again::strings;

/// Whether a body between two quotes holds none that would end it: a backslash takes the next character along, a
/// doubled quote stands for one.
pub(super) fn is_closed(body: &str) -> bool {
    let mut rest = body.chars();
    while let Some(c) = rest.next() {
        let whole = match c {
            '\\' => rest.next().is_some(),
            '\'' => rest.next() == Some('\''),
            _ => true,
        };
        if !whole {
            return false;
        }
    }
    true
}

/// Puts the bodies in place of their numbers. `None` when the text holds a quote that is not of a number, or when the
/// engine would not find these strings in it: then a part was printed that nobody has checked.
pub(super) fn put_back(printed: &str, bodies: &[String]) -> Option<String> {
    let mut placed = Vec::with_capacity(bodies.len());
    let mut whole = String::with_capacity(printed.len() + bodies.iter().map(String::len).sum::<usize>());
    let mut pieces = printed.split('\'');
    whole.push_str(pieces.next()?);
    while let Some(number) = pieces.next() {
        let body = bodies.get(number.parse::<usize>().ok()?)?.as_str();
        placed.push(body);
        whole.push('\'');
        whole.push_str(body);
        whole.push('\'');
        whole.push_str(pieces.next()?);
    }
    (strings(&whole)? == placed).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_found_by_the_engines_rule() {
        for (body, closed) in [
            ("", true),
            ("a", true),
            ("it''s", true),
            (r"it\'s", true),
            (r"\\", true),
            (r"\\''", true),
            (r"\d+\.", true),
            ("'", false),
            ("it's", false),
            (r"\", false),
            (r"\\'", false),
            (r"\\\", false),
            ("'''", false),
        ] {
            assert_eq!(is_closed(body), closed, "{body}");
        }
    }

    #[test]
    fn bodies_go_where_their_numbers_stand() {
        let bodies = ["a".to_owned(), r"\'b".to_owned()];
        assert_eq!(put_back("SELECT '1', '0'", &bodies).unwrap(), r"SELECT '\'b', 'a'");
        for odd in [
            "SELECT '2'",
            "SELECT 'x'",
            "SELECT '0",
            "'0''1'x'",
            "SELECT ''",
            "SELECT '0''1'",
            "SELECT --'0'",
            "SELECT x'0'",
        ] {
            assert_eq!(put_back(odd, &bodies), None, "{odd}");
        }
    }
}
