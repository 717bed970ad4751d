//! The second lock: what is printed is read once more, and has to say what was checked.
//!
//! The guard decides about a tree, the engine reads a text, and between them a library prints. Where it prints what reads
//! otherwise, something would be run that nobody has checked. So the text is read again twice: by the parser and by this
//! guard, which have to come to the same tree; and by the rules of the engine's lexer, which has to find the strings where
//! they were put, and no comment. A name that the engine might not read as a name has been seen in `reading`.

use sqlparser::{ast::Query, tokenizer::Span};

use super::{
    guard::{Guard, parsed},
    refusal::{Checking, Refused},
    tokens::tokens,
};

/// Checks that a printed statement, numbers in place of its strings, reads as the tree that it was printed from.
pub(super) fn reads_as(printed: &str, checked: &Query) -> Checking {
    match reads(printed, checked) {
        Ok(true) => Ok(()),
        // It has brackets and names that the caller's text has not.
        Err(long) if matches!(long.fault, "too_deep" | "too_long") => Err(long),
        // The place of any other refusal is one in the printed text.
        Ok(false) | Err(_) => Err(two_ways()),
    }
}

fn reads(printed: &str, checked: &Query) -> Checking<bool> {
    let mut guard = Guard::of_printed();
    let mut query = parsed(tokens(printed, None)?)?;
    guard.query(&mut query)?;
    guard.names_are_known()?;
    let same_strings = guard.strings.iter().enumerate().all(|(number, body)| *body == number.to_string());
    Ok(same_strings && *query == *checked)
}

/// A statement that would be sent and read in another way than it was checked.
pub(super) fn two_ways() -> Refused {
    let what = "a statement that can be read in two ways";
    Refused::new("expression", what, "brackets around what belongs together", Span::empty())
}

/// The bodies of the strings of a statement, by the rules of the engine's lexer. `None` where it finds anything but names
/// in backticks, strings, words, numbers, blanks and the signs of this guard: comments, odd strings, parameters.
pub(super) fn strings(sql: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let (mut rest, mut before) = (sql, ' ');
    while let Some(first) = rest.chars().next() {
        let length = match first {
            // A word and a string that touch: `x'41'` is another kind of string.
            '\'' if is_word(before) => return None,
            '\'' => {
                let body = body(&rest[1..])?;
                found.push(body);
                body.len() + 2
            }
            '`' => name(&rest[1..])? + 2,
            _ => sign(rest)?,
        };
        before = rest[..length].chars().next_back()?;
        rest = &rest[length..];
    }
    Some(found)
}

/// A string up to the quote that ends it: a backslash takes the next character along, a doubled quote stands for one.
fn body(rest: &str) -> Option<&str> {
    let mut all = rest.char_indices().peekable();
    while let Some((at, c)) = all.next() {
        match c {
            '\\' => drop(all.next()?),
            '\'' if all.next_if(|&(_, next)| next == '\'').is_none() => return Some(&rest[..at]),
            _ => {}
        }
    }
    None
}

/// The bytes of a name up to the backtick that ends it. None of ours has one inside, nor a backslash.
fn name(rest: &str) -> Option<usize> {
    let end = rest.find(['`', '\\'])?;
    (rest.as_bytes()[end] == b'`' && !rest[end + 1..].starts_with('`')).then_some(end)
}

/// The bytes of the next word or sign.
fn sign(rest: &str) -> Option<usize> {
    let word = rest.bytes().take_while(|&byte| is_word(byte.into())).count();
    if word > 0 {
        return Some(word);
    }
    if ["--", "//", "/*"].iter().any(|comment| rest.starts_with(comment)) {
        return None;
    }
    if ["::", "||", "!=", "->"].iter().any(|sign| rest.starts_with(sign)) {
        return Some(2);
    }
    rest.starts_with([' ', ',', '.', '(', ')', '[', ']', '=', '<', '>', '+', '-', '*', '/', '%']).then_some(1)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::{super::literals::put_back, *};

    /// What the library reads in a text that the guard has not changed.
    fn read(sql: &str) -> Query {
        *parsed(tokens(sql, None).unwrap()).unwrap()
    }

    #[test]
    fn what_reads_otherwise_than_it_was_checked_is_not_sent() {
        for (checked, printed) in [
            // As the library prints the tree.
            ("SELECT - -1", None),
            ("SELECT -+-1", None),
            ("SELECT 1 = `any`(1)", Some("SELECT 1 = any(1)")),
            ("SELECT 1", Some("SELECT 1 -- x")),
            ("SELECT `a`", Some("SELECT `b`")),
            ("SELECT (1)", Some("SELECT 1")),
            ("SELECT '0'", Some("SELECT '1'")),
            ("SELECT 1", Some("SELECT 1; SELECT 1")),
            ("SELECT 1", Some("SELECT 1 FROM `other`.`secret`")),
        ] {
            let tree = read(checked);
            let printed = printed.map_or_else(|| tree.to_string(), str::to_owned);
            let same = put_back(&printed, &["x".to_owned()]).is_some() && reads_as(&printed, &tree).is_ok();
            assert!(!same, "{printed}");
        }
        assert_eq!(reads_as("SELECT -(-1), '0'", &read("SELECT -(-1), '0'")), Ok(()));
    }

    #[test]
    fn strings_are_found_as_the_engine_finds_them() {
        for (sql, found) in [
            ("SELECT 'a', 'it''s', '\\'', '', '-- /* \n é'", &["a", "it''s", "\\'", "", "-- /* \n é"][..]),
            ("SELECT `a - -- é`, -'b', 1 - -1, a::T || b, [-1][1] != x -> y", &["b"]),
            ("SELECT 1", &[]),
        ] {
            assert_eq!(strings(sql).as_deref(), Some(found), "{sql}");
        }
    }

    #[test]
    fn what_the_engine_takes_for_something_else_is_not_passed() {
        for odd in [
            "--",
            "- --",
            "//",
            "/*",
            "# x",
            "#!x",
            "$$x$$",
            "$a$x$a$",
            "{x:String}",
            "x'41'",
            "b'01'",
            "X'41'",
            "\"a\"",
            "`a",
            "`a\\`",
            "`a``b`",
            "'a",
            "'a\\'",
            "a; b",
            "a ? b : c",
            "@@x",
            "\\N",
            "a|b",
            "a!b",
            "a:b",
            "−1",
            "‘a’",
            "“a”",
            "a\u{a0}b",
            "é",
        ] {
            assert_eq!(strings(&format!("SELECT 1 + {odd} 'x'")), None, "{odd}");
        }
    }
}
