//! What could be completed at a place of a line that is still being written.

use std::ops::Range;

use super::{Field, scan::is_blank};

/// What stands at the place, and which characters a proposal takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completing {
    /// From the begin of what was written up to the place, in characters.
    pub replace: Range<usize>,
    /// What was written there; without quotation marks and backslashes.
    pub prefix: String,
    /// What is to be proposed.
    pub what: Completion,
}

/// What is to be proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// Names of fields.
    Field,
    /// Values of a field.
    Value(Field),
    /// Nothing: the place is within a text, a regular expression or a number.
    Nothing,
}

/// Looks what could be completed at a place, counted in characters; the line need not be complete.
pub fn complete(line: &str, at: usize) -> Completing {
    let chars: Vec<char> = line.chars().take(at).collect();
    let mut place = 0;
    // The field in whose list the place is; `Some(None)`: of one that takes no proposals.
    let mut list: Option<Option<Field>> = None;
    loop {
        while let Some(c) = chars.get(place).filter(|c| is_blank(**c) || (**c == ')' && list.is_some())) {
            list = list.filter(|_| *c != ')');
            place += 1;
        }
        let begins = place == chars.len();
        let field = match list {
            Some(field) => Some(field),
            None => {
                place += usize::from(chars.get(place) == Some(&'-'));
                field(&chars, &mut place)
            }
        };
        if list.is_none() && field.is_some() && chars.get(place) == Some(&'(') {
            list = field;
            place += 1;
            continue;
        }
        let item = item(&chars, place);
        if item.end == chars.len() && (begins || !item.closed || item.end > place) {
            let what = if item.closed { Completion::Nothing } else { proposal(field, &item) };
            let replace = if item.closed { item.end..item.end } else { place..item.end };
            let prefix = if item.closed { String::new() } else { item.text };
            return Completing { replace, prefix, what };
        }
        // A sign that stands in a wrong place is passed over.
        place = item.end.max(place + 1);
    }
}

/// What can be proposed for an item that was begun.
fn proposal(field: Option<Option<Field>>, item: &Item) -> Completion {
    let is_name = || item.text.chars().all(is_name_part);
    match (field, item.mark) {
        (_, Some('/')) => Completion::Nothing,
        (Some(field), _) => field.map_or(Completion::Nothing, Completion::Value),
        (None, None) if is_name() => Completion::Field,
        (None, _) => Completion::Nothing,
    }
}

const fn is_name_part(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '-')
}

/// Goes behind `field:`; `Some(None)` where no field is called so, and for `count`.
fn field(chars: &[char], place: &mut usize) -> Option<Option<Field>> {
    let rest = &chars[*place..];
    let length = rest.iter().take_while(|c| is_name_part(**c)).count();
    if length == 0 || rest.get(length) != Some(&':') {
        return None;
    }
    *place += length + 1;
    Some(Field::of(&rest[..length].iter().collect::<String>()))
}

/// A word, a quoted text or a regular expression, as far as it was written.
struct Item {
    end: usize,
    text: String,
    /// What it began with: a quotation mark, a slash, or nothing of the kind.
    mark: Option<char>,
    /// Whether nothing more can belong to it.
    closed: bool,
}

fn item(chars: &[char], begin: usize) -> Item {
    let mark = chars.get(begin).copied().filter(|c| matches!(c, '"' | '/'));
    let (mut end, mut text) = (begin + usize::from(mark.is_some()), String::new());
    while let Some(&c) = chars.get(end) {
        match mark {
            Some(mark) if c == mark => return Item { end: end + 1, text, mark: Some(mark), closed: true },
            None if is_blank(c) || matches!(c, '"' | '(' | ')') => return Item { end, text, mark, closed: true },
            Some(_) | None if c == '\\' => {
                text.extend(chars.get(end + 1));
                end += 2;
            }
            Some(_) | None => {
                text.push(c);
                end += 1;
            }
        }
    }
    Item { end: end.min(chars.len()), text, mark, closed: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_place_tells_what_is_proposed() {
        use Completion::{Field as Name, Nothing, Value};
        for (line, what, replace, prefix) in [
            ("", Name, 0..0, ""),
            ("ki", Name, 0..2, "ki"),
            ("-ki", Name, 1..3, "ki"),
            ("kind:", Value(Field::Kind), 5..5, ""),
            ("-ns:kube", Value(Field::Namespace), 4..8, "kube"),
            ("kind:(", Value(Field::Kind), 6..6, ""),
            ("kind:(Pod ", Value(Field::Kind), 10..10, ""),
            ("kind:(Pod No", Value(Field::Kind), 10..12, "No"),
            ("kind:(Pod) ", Name, 11..11, ""),
            ("kind:(Pod) re", Name, 11..13, "re"),
            ("reason:\"Back o", Value(Field::Reason), 7..14, "Back o"),
            ("reason:\"Back o\"", Nothing, 15..15, ""),
            ("reason:/Back", Nothing, 7..12, "Back"),
            ("/x y", Nothing, 0..4, "x y"),
            ("name:a\\ b", Value(Field::Name), 5..9, "a b"),
            ("count>1", Nothing, 0..7, "count>1"),
            ("count:", Nothing, 6..6, ""),
            ("what:x", Nothing, 5..6, "x"),
            (") (", Name, 3..3, ""),
        ] {
            let found = complete(line, usize::MAX);
            assert_eq!((found.what, found.replace, found.prefix.as_str()), (what, replace, prefix), "{line}");
        }
        assert_eq!(complete("kind:Pod reason:x", 8).what, Value(Field::Kind));
    }

    proptest! {
        #[test]
        fn any_text_at_any_place_is_answered(line in "[a-z:()\"/ \\\\-]{0,12}|.{0,12}", at in 0usize..16) {
            let found = complete(&line, at);
            prop_assert!(found.replace.start <= found.replace.end && found.replace.end <= line.chars().count().min(at));
        }
    }
}
