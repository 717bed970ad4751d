//! A message folded to its template: what varies from one Event to the next becomes `*`.
//!
//! ```text
//!  Back-off restarting failed container web in pod web-7d9f8b5c-x2k9q_shop(4b2e…)
//!  Back-off restarting failed container * in pod *
//! ```
//!
//! One pass, word by word; no dictionary but the few English words below, no regular expression, no allocation beside
//! the answer. Templates are stored (column `pattern`), so the rules are a format: the golden table in
//! `tests/pattern.rs` shows what a change does, and a change of them needs a new table version.
//!
//! A word gives way when it holds a digit, or inside of it one of `. , ; / @ \ *` (`MountVolume.SetUp` and `i/o` stay);
//! when it is longer than [`LONGEST_WORD`]; when it is a hyphenated name rather than a hyphenated English word; when it
//! stands where a container's or another object's name does; or when it is quoted. Of `key=value` the key stays. Brackets
//! and punctuation around a word stay. Repeated stars are one.

/// A template has at most so many bytes; it ends with a whole word.
const MOST_BYTES: usize = 200;
/// So much of a message is read. The newer Event API allows messages of 1,024 characters; kubelets quote the output of
/// probes without a limit, and nothing after the first words of it tells two templates apart.
const MOST_READ: usize = 2048;
/// Longer words are data: the longest words of Kubernetes' own messages are reasons and condition types of about thirty.
const LONGEST_WORD: usize = 40;
/// A last part of a hyphenated name with so many letters and no vowel was made by Kubernetes' name generator.
const GENERATED: usize = 5;

/// Hyphenated English words of messages begin with one of these; all other hyphenated words are names.
const ENGLISH: &[&str] = &[
    "auto", "back", "built", "dry", "end", "hard", "health", "in", "long", "multi", "non", "off", "on", "out", "over",
    "post", "pre", "re", "read", "scale", "self", "short", "so", "soft", "start", "time", "under", "up", "well",
    "write",
];
/// Words of messages that are written with a slash.
const SLASHED: &[&str] = &["affinity/selector", "and/or", "i/o", "input/output", "n/a"];

const SPACE: u8 = 1;
/// `'` and the backtick begin a quotation only at the start of a word.
const TICK: u8 = 2;
/// Brackets and quotes that may open before a word.
const OPEN: u8 = 4;
/// What may close or end a word.
const CLOSE: u8 = 8;
/// What never stands in a plain word.
const VARIES: u8 = 16;
const HYPHEN: u8 = 32;
const EQUALS: u8 = 64;
/// `"` and the backslash before it begin a quotation, also within a word.
const QUOTE: u8 = 128;

/// What each byte is; letters and all bytes beyond ASCII are 0.
const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        class[byte] = match byte as u8 {
            0..=b' ' | 127 => SPACE,
            b'\'' | b'`' => TICK | CLOSE,
            b'(' | b'[' | b'{' | b'<' => OPEN,
            b')' | b']' | b'}' | b'>' | b'!' | b'?' | b':' => CLOSE,
            b'.' | b',' | b';' => CLOSE | VARIES,
            b'0'..=b'9' | b'/' | b'@' | b'*' => VARIES,
            b'"' => QUOTE,
            b'\\' => QUOTE | VARIES,
            b'-' => HYPHEN,
            b'=' => EQUALS,
            _ => 0,
        };
        byte += 1;
    }
    class
}

fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

/// The template of a message: at most 200 bytes of whole words, empty for an empty message.
pub fn pattern(message: &str) -> String {
    let mut out = String::new();
    pattern_into(message, &mut out);
    out
}

/// As [`pattern`], into a buffer that is emptied first.
pub fn pattern_into(message: &str, out: &mut String) {
    out.clear();
    out.reserve(MOST_BYTES);
    let text = &message[..message.floor_char_boundary(MOST_READ)];
    let mut folding = Folding { text, at: 0, before: "", out };
    while folding.next().is_some() {}
}

struct Folding<'a, 'o> {
    text: &'a str,
    /// The next byte to read; always on a character's boundary.
    at: usize,
    /// The word before, as it was written.
    before: &'a str,
    out: &'o mut String,
}

impl<'a> Folding<'a, '_> {
    /// Folds the next word or quotation; `None` at the end, or when it does not fit.
    fn next(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        while self.at < bytes.len() && class(bytes[self.at]) & SPACE != 0 {
            self.at += 1;
        }
        let gap = if self.at > start && !self.out.is_empty() { " " } else { "" };
        if self.at == bytes.len() {
            return None;
        }
        if quotes(bytes, self.at) { self.quotation(gap) } else { self.word(gap) }
    }

    /// From one `"` to the next; a quotation that does not end is all the rest. An escaped quote ends with an escaped one.
    fn quotation(&mut self, gap: &str) -> Option<()> {
        let bytes = self.text.as_bytes();
        let escaped = bytes[self.at] == b'\\';
        let from = self.at + 1 + usize::from(escaped);
        let close = (from..bytes.len()).find(|&at| bytes[at] == b'"' && (bytes[at - 1] == b'\\') == escaped);
        self.before = "";
        self.at = close.map_or(bytes.len(), |at| at + 1);
        self.put([gap, if close == Some(from) { "\"\"" } else { "\"*\"" }])
    }

    fn word(&mut self, gap: &str) -> Option<()> {
        let (text, bytes) = (self.text, self.text.as_bytes());
        let start = self.at;
        let from = start + bytes[start..].iter().take_while(|&&byte| class(byte) & OPEN != 0).count();
        if let Some(close) = ticked(bytes, from) {
            self.before = "";
            self.at = close + 1;
            return self.put([gap, &text[start..=from], "*", &text[close..=close]]);
        }
        let Word { until, end, flags } = measure(bytes, from);
        self.at = end;
        let before = std::mem::replace(&mut self.before, &text[start..end]);
        let (core, tail) = (&text[from..until], &text[until..end]);
        if let Some(key) = key(core, flags) {
            return self.put([gap, &text[start..from + key], "*", tail]);
        }
        if varies(core, flags) || (!core.is_empty() && self.named(before, tail)) {
            return self.star(gap, &text[start..from], tail);
        }
        self.put([gap, &text[start..end]])
    }

    /// Whether a name stands here because of the word before it.
    fn named(&self, before: &str, tail: &str) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        match before {
            "StatefulSet" => true,
            "container" | "Container" if tail.is_empty() => {
                rest.is_empty() || rest.starts_with(b" in pod ") || rest.starts_with(b" failed ")
            }
            "container:" | "job:" | "node:" | "pod:" => rest.is_empty() || !tail.is_empty(),
            _ => false,
        }
    }

    /// A star with what stands around it. A star behind a star, with a comma between them at most, is the same star.
    fn star(&mut self, gap: &str, open: &str, tail: &str) -> Option<()> {
        if open.is_empty() && !gap.is_empty() {
            if self.out.ends_with('*') {
                return self.put([tail]);
            }
            if self.out.ends_with("*,") {
                self.out.pop();
                return self.put([tail]);
            }
        }
        self.put([gap, open, "*", tail])
    }

    /// Adds the pieces, if there is room for all of them.
    fn put<const N: usize>(&mut self, pieces: [&str; N]) -> Option<()> {
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        (self.out.len() + bytes <= MOST_BYTES).then(|| pieces.into_iter().for_each(|piece| self.out.push_str(piece)))
    }
}

/// Whether a quotation begins here.
fn quotes(bytes: &[u8], at: usize) -> bool {
    bytes[at] == b'"' || (bytes[at] == b'\\' && bytes.get(at + 1) == Some(&b'"'))
}

/// The end of a quotation in single quotes or backticks that begins at `from`.
fn ticked(bytes: &[u8], from: usize) -> Option<usize> {
    let tick = *bytes.get(from).filter(|&&byte| class(byte) & TICK != 0)?;
    let close = from + 1 + bytes[from + 1..].iter().position(|&byte| byte == tick)?;
    // An apostrophe stands between letters.
    let apostrophe = bytes.get(close + 1).is_some_and(u8::is_ascii_alphanumeric);
    (close > from + 1 && !apostrophe).then_some(close)
}

/// A word and the punctuation behind it.
struct Word {
    /// Where the word ends.
    until: usize,
    /// Where its punctuation ends.
    end: usize,
    /// The classes of its bytes, or-ed.
    flags: u8,
}

/// Measures the word that begins at `from`. Punctuation belongs to the word once more of the word follows, and a closing
/// bracket once one was opened inside of it.
fn measure(bytes: &[u8], from: usize) -> Word {
    let (mut end, mut until, mut flags, mut pending) = (from, from, 0, 0);
    while end < bytes.len() {
        let this = class(bytes[end]);
        if this & (SPACE | QUOTE) != 0 && (this & SPACE != 0 || quotes(bytes, end)) {
            break;
        }
        end += 1;
        if this & CLOSE == 0 || (flags & OPEN != 0 && matches!(bytes[end - 1], b')' | b']' | b'}' | b'>')) {
            flags |= this | pending;
            pending = 0;
            until = end;
        } else {
            pending |= this;
        }
    }
    Word { until, end, flags }
}

/// Where the value of `key=value` begins, if the key is a plain word.
fn key(core: &str, flags: u8) -> Option<usize> {
    if flags & EQUALS == 0 {
        return None;
    }
    let at = core.find('=')?;
    let plain = at > 0 && core.as_bytes()[..at].iter().all(|&byte| class(byte) & (VARIES | OPEN) == 0);
    (plain && at + 1 < core.len()).then_some(at + 1)
}

fn varies(core: &str, flags: u8) -> bool {
    let long = core.len() > LONGEST_WORD && core.chars().count() > LONGEST_WORD;
    long || (flags & VARIES != 0 && !joined(core)) || (flags & HYPHEN != 0 && hyphenated_name(core))
}

/// Whether a word is one in spite of a dot or slash in it: `MountVolume.SetUp`, `i/o`.
fn joined(core: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase()) && part.bytes().all(|b| b.is_ascii_alphabetic())
    };
    core.split('.').all(part) || SLASHED.iter().any(|word| core.eq_ignore_ascii_case(word))
}

/// Whether the hyphens are those of a name: the first part is no English one, or the last one was generated.
fn hyphenated_name(core: &str) -> bool {
    let (first, rest) = core.split_once('-').unwrap_or((core, ""));
    if first.is_empty() || rest.is_empty() {
        return false;
    }
    let last = rest.rsplit('-').next().unwrap_or(rest);
    let generated = last.len() >= GENERATED && !last.bytes().any(|byte| b"aeiouyAEIOUY".contains(&byte));
    generated || !ENGLISH.iter().any(|english| first.eq_ignore_ascii_case(english))
}
