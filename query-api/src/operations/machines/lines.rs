//! Pasted lines: an address first, then name, role and user in this order, or as `key=value` in any.

use super::{Draft, Fault, Found, is_comment};

/// Keys of a pasted line.
const KEYS: &str = "name=, role=, user=, port=";

pub(super) fn read(lines: &[&str]) -> Found {
    let mut found = Found::default();
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| !is_comment(line.trim())) {
        match draft(place + 1, line) {
            Ok(draft) => found.drafts.push(draft),
            Err(fault) => found.faults.push(fault),
        }
    }
    found
}

fn draft(line: usize, text: &str) -> Result<Draft, Fault> {
    let between = |sign: char| sign.is_whitespace() || matches!(sign, ',' | ';' | '|');
    let text = text.split_once(" #").map_or(text, |(before, _)| before);
    let mut words = text.split(between).filter(|word| !word.is_empty());
    let host = words.next().unwrap_or_default().to_owned();
    let mut draft = Draft { line, host, ..Draft::default() };
    let mut bare = 0;
    for word in words {
        let (field, value) = match word.split_once('=') {
            Some((key, value)) => (key, value),
            None => {
                bare += 1;
                (*["name", "role", "user"].get(bare - 1).unwrap_or(&""), word)
            }
        };
        let to = match field {
            "name" => &mut draft.name,
            "role" => &mut draft.role,
            "user" => &mut draft.user,
            "port" => &mut draft.port,
            _ => return Err(Fault::new(line, "line", word, format!("address, name, role, user; or {KEYS}"))),
        };
        if to.replace(value.to_owned()).is_some() {
            return Err(Fault::new(line, "line", word, "each of name, role, user and port once"));
        }
    }
    Ok(draft)
}
