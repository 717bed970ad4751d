//! Regular expressions: the part of the language that RE2 (in ClickHouse) and Rust's `regex` mean alike, and no more.
//!
//! ```text
//!  pattern = [ "(?i)" ] either          either = row { "|" row }        row = piece { piece }
//!  piece   = "^" | "$" | "\b" | atom [ ( "*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}" ) [ "?" ] ]
//!  atom    = character | "." | "\d" "\w" "\s" "\D" "\W" "\S" | "[" [ "^" ] ranges "]" | "(" [ "?:" ] either ")"
//! ```
//!
//! A pattern is read once, and written anew for each engine, so that no sign of one engine reaches the other. `.` stands
//! for a line break too; the classes are ASCII. What a pattern may cost is bounded: repetitions written out, it has at
//! most [`MOST_STEPS`] steps. A class is a step, and one more for each character or range in it that lies beyond ASCII: each is
//! a program of its own over the bytes of UTF-8.

use std::fmt;

use serde::Serialize;

use super::{Fault, LONGEST_PATTERN, glob::push_literal};

/// RE2 refuses repetitions above 1,000, nested ones multiplied, and programs above 8 MB; a step takes it at most 2 KB. Rust's
/// `regex` refuses programs above 10 MiB; a step takes it at most 3.3 KB (the complement of every other character of ASCII).
const MOST_STEPS: u64 = 1000;
/// So deep may groups nest: both engines and this reader recurse.
const DEEPEST: usize = 20;

/// A regular expression that both engines take.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    source: String,
}

/// For whom a pattern is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// RE2, as ClickHouse calls it.
    Re2,
    /// Rust's `regex`, where `.` must be told to stand for a line break.
    Rust,
}

/// Where and why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// In characters of the pattern.
    pub at: usize,
    pub fault: Fault,
    pub expected: String,
}

impl Pattern {
    /// Checks a pattern.
    pub(super) fn new(source: String) -> Result<Self, Refused> {
        let chars: Vec<char> = source.chars().collect();
        if source.len() > LONGEST_PATTERN {
            let expected = format!("a regular expression of at most {LONGEST_PATTERN} bytes");
            return Err(Refused { at: 0, fault: Fault::LargePattern, expected });
        }
        Reader::new(&chars, Dialect::Re2).pattern()?;
        Ok(Self { source })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The pattern for an engine.
    pub fn text(&self, dialect: Dialect) -> String {
        let chars: Vec<char> = self.source.chars().collect();
        let written = Reader::new(&chars, dialect).pattern();
        written.expect("the dialects differ in what is written, not in what is read, and it was read before")
    }
}

impl fmt::Display for Pattern {
    /// A slash gets a backslash; a character behind a backslash belongs to it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        let mut chars = self.source.chars();
        while let Some(c) = chars.next() {
            match c {
                '/' => f.write_str("\\/")?,
                '\\' => write!(f, "\\{}", chars.next().map(String::from).unwrap_or_default())?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("/")
    }
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

type Outcome<T> = Result<T, Refused>;

/// Reads a pattern and writes it for an engine.
struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    depth: usize,
    dialect: Dialect,
    out: String,
}

impl<'a> Reader<'a> {
    fn new(chars: &'a [char], dialect: Dialect) -> Self {
        Self { chars, at: 0, depth: 0, dialect, out: String::new() }
    }

    fn pattern(mut self) -> Outcome<String> {
        if self.takes("(?i)") {
            self.out.push_str("(?i)");
        }
        let steps = self.either()?;
        match self.peek() {
            Some(_) => self.refuse("a parenthesis that was opened; \\) stands for the character"),
            None if steps > MOST_STEPS => self.large(),
            None => Ok(self.out),
        }
    }

    /// How many steps it has; so everywhere below.
    fn either(&mut self) -> Outcome<u64> {
        let mut steps = self.row()?;
        while self.takes("|") {
            self.out.push('|');
            steps += self.row()?;
        }
        Ok(steps)
    }

    fn row(&mut self) -> Outcome<u64> {
        let (begin, mut steps) = (self.at, 0);
        while self.peek().is_some_and(|c| c != '|' && c != ')') {
            steps += self.piece()?;
        }
        if self.at == begin { self.refuse("something to look for") } else { Ok(steps) }
    }

    fn piece(&mut self) -> Outcome<u64> {
        for (sign, rust) in [("^", "^"), ("$", "$"), ("\\b", "(?-u:\\b)")] {
            if self.takes(sign) {
                self.out.push_str(if self.dialect == Dialect::Rust { rust } else { sign });
                return match self.peek() {
                    Some('*' | '+' | '?' | '{') => self.refuse("something that can be repeated in front of it"),
                    Some(_) | None => Ok(1),
                };
            }
        }
        let steps = self.atom()?;
        self.repetition(steps)
    }

    fn atom(&mut self) -> Outcome<u64> {
        match self.peek() {
            Some('(') => return self.group(),
            Some('[') => return self.class(),
            Some('\\') => self.escape()?,
            Some('.') => {
                self.at += 1;
                self.out.push('.');
            }
            Some('*' | '+' | '?' | '{') => {
                return self.refuse("something to repeat in front of it; \\ takes a sign as a character");
            }
            Some(c) => {
                self.at += 1;
                push_literal(&mut self.out, c);
            }
            None => return self.refuse("something to look for"),
        }
        Ok(1)
    }

    fn group(&mut self) -> Outcome<u64> {
        let begin = self.at;
        self.at += 1;
        if !self.takes("?:") && self.peek() == Some('?') {
            return self.refuse("(?i) at the begin, or (?:…); no other group with a question mark");
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.refuse(&format!("groups at most {DEEPEST} deep"));
        }
        self.out.push_str("(?:");
        let steps = self.either()?;
        if !self.takes(")") {
            self.at = begin;
            return self.refuse("a closing parenthesis for this one; \\( stands for the character");
        }
        self.out.push(')');
        self.depth -= 1;
        Ok(steps)
    }

    fn repetition(&mut self, steps: u64) -> Outcome<u64> {
        let begin = self.at;
        let steps = match self.peek() {
            Some(sign @ ('*' | '+' | '?')) => {
                self.at += 1;
                self.out.push(sign);
                steps + 1
            }
            Some('{') => steps.saturating_mul(self.counted()?),
            Some(_) | None => return Ok(steps),
        };
        if self.takes("?") {
            self.out.push('?');
        }
        if steps > MOST_STEPS {
            self.at = begin;
            return self.large();
        }
        match self.peek() {
            Some('*' | '+' | '?' | '{') => self.refuse("one repetition; put the repeated part into parentheses"),
            Some(_) | None => Ok(steps),
        }
    }

    /// `{n}`, `{n,}`, `{n,m}`: how often at most it is written out.
    fn counted(&mut self) -> Outcome<u64> {
        const FORM: &str = "{n}, {n,} or {n,m} with numbers from 0 to 1000; \\{ stands for the character";
        let begin = self.at;
        self.at += 1;
        let least = self.digits();
        let open = self.takes(",");
        let most = if open { self.digits() } else { least };
        let closed = self.takes("}");
        let fits = |number: Option<u64>| number.is_none_or(|number| number <= MOST_STEPS);
        match least {
            Some(low) if closed && fits(least) && fits(most) && most.is_none_or(|high| high >= low) => {
                self.out.extend(&self.chars[begin..self.at]);
                Ok(most.unwrap_or(low + 1).max(1))
            }
            Some(_) | None => {
                self.at = begin;
                self.refuse(FORM)
            }
        }
    }

    fn digits(&mut self) -> Option<u64> {
        let begin = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.chars[begin..self.at].iter().collect();
        (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX))
    }

    fn escape(&mut self) -> Outcome<()> {
        let written = match self.chars.get(self.at + 1) {
            Some('d') => "[0-9]",
            Some('D') => "[^0-9]",
            Some('w') => "[0-9A-Za-z_]",
            Some('W') => "[^0-9A-Za-z_]",
            Some('s') => r"[\t\n\f\r ]",
            Some('S') => r"[^\t\n\f\r ]",
            Some(_) | None => {
                let c = self.escaped()?;
                push_literal(&mut self.out, c);
                return Ok(());
            }
        };
        self.at += 2;
        self.out.push_str(written);
        Ok(())
    }

    /// A character behind a backslash.
    fn escaped(&mut self) -> Outcome<char> {
        let c = match self.chars.get(self.at + 1) {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(c) if c.is_ascii_punctuation() || *c == ' ' => *c,
            Some(_) | None => return self.refuse("\\d \\w \\s \\D \\W \\S \\b \\n \\t \\r, or \\ in front of a sign"),
        };
        self.at += 2;
        Ok(c)
    }

    fn class(&mut self) -> Outcome<u64> {
        let (begin, mut steps) = (self.at, 1);
        self.at += 1;
        self.out.push('[');
        if self.takes("^") {
            self.out.push('^');
        }
        let first = self.at;
        loop {
            match self.peek() {
                Some(']') if self.at > first => break,
                Some(']') => return self.refuse("a character in the brackets; \\] stands for the bracket"),
                Some('[') => return self.refuse("no class inside of a class; \\[ stands for the bracket"),
                Some(_) => steps += u64::from(self.range()?),
                None => {
                    self.at = begin;
                    return self.refuse("a closing bracket for this one; \\[ stands for the character");
                }
            }
        }
        self.at += 1;
        self.out.push(']');
        Ok(steps)
    }

    /// Whether it reaches beyond ASCII.
    fn range(&mut self) -> Outcome<bool> {
        for (sign, written) in [("\\d", "0-9"), ("\\w", "0-9A-Za-z_"), ("\\s", r"\t\n\f\r ")] {
            if self.takes(sign) {
                self.out.push_str(written);
                return Ok(false);
            }
        }
        let begin = self.at;
        let low = self.class_char()?;
        let mut last = low;
        push_literal(&mut self.out, low);
        let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| *c != ']');
        if is_range {
            self.at += 1;
            let high = self.class_char()?;
            if high < low {
                self.at = begin;
                return self.refuse("a range from the lower to the higher character");
            }
            self.out.push('-');
            push_literal(&mut self.out, high);
            last = high;
        }
        Ok(!last.is_ascii())
    }

    fn class_char(&mut self) -> Outcome<char> {
        match self.peek() {
            Some('\\') => self.escaped(),
            Some('[') | None => self.refuse("a character; \\[ stands for the bracket"),
            Some(c) => {
                self.at += 1;
                Ok(c)
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Goes behind these characters, if they stand here.
    fn takes(&mut self, text: &str) -> bool {
        let here = text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        if here {
            self.at += text.chars().count();
        }
        here
    }

    fn refuse<T>(&self, expected: &str) -> Outcome<T> {
        Err(Refused { at: self.at, fault: Fault::Pattern, expected: expected.into() })
    }

    fn large<T>(&self) -> Outcome<T> {
        let expected = format!("a regular expression of at most {MOST_STEPS} steps, repetitions written out");
        Err(Refused { at: self.at, fault: Fault::LargePattern, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str, dialect: Dialect) -> String {
        Pattern::new(source.into()).unwrap_or_else(|error| panic!("{source}: {error:?}")).text(dialect)
    }

    #[test]
    fn each_engine_gets_its_own_text() {
        for (source, re2) in [
            ("a.b", "a.b"),
            ("(?i)oom|kill(ed)?", "(?i)oom|kill(?:ed)?"),
            (r"\d+\.\d{2,3}?", r"[0-9]+\.[0-9]{2,3}?"),
            ("[a-z&&[^]", ""),
            (r"[^\]\w-]", r"[^\]0-9A-Za-z_\-]"),
            (r"[a&&b~~d-]", r"[a\&\&b\~\~d\-]"),
            ("x{3,}", "x{3,}"),
            ("a<b>c_d e", "a<b>c_d e"),
        ] {
            match re2 {
                "" => assert!(Pattern::new(source.into()).is_err(), "{source}"),
                re2 => assert_eq!(text(source, Dialect::Re2), re2, "{source}"),
            }
        }
        assert_eq!(text(r"\bx", Dialect::Re2), r"\bx");
        assert_eq!(text(r"\bx", Dialect::Rust), r"(?-u:\b)x");
    }

    #[test]
    fn anything_else_is_refused_at_its_place() {
        for (source, at, fault) in [
            ("", 0, Fault::Pattern),
            ("a||b", 2, Fault::Pattern),
            ("(a", 0, Fault::Pattern),
            ("a)", 1, Fault::Pattern),
            ("()", 1, Fault::Pattern),
            ("a**", 2, Fault::Pattern),
            ("*a", 0, Fault::Pattern),
            ("^*", 1, Fault::Pattern),
            ("x{a}", 1, Fault::Pattern),
            ("x{3,2}", 1, Fault::Pattern),
            ("x{1001}", 1, Fault::Pattern),
            ("(x{100}){11}", 8, Fault::LargePattern),
            ("(?s).", 1, Fault::Pattern),
            ("a(?i)", 2, Fault::Pattern),
            (r"\pL", 0, Fault::Pattern),
            (r"a\", 1, Fault::Pattern),
            ("[]", 1, Fault::Pattern),
            ("[a", 0, Fault::Pattern),
            ("[z-a]", 1, Fault::Pattern),
            ("[[:alpha:]]", 1, Fault::Pattern),
        ] {
            let refused = Pattern::new(source.into()).expect_err(source);
            assert_eq!((refused.at, refused.fault), (at, fault), "{source}: {refused:?}");
        }
        assert!(Pattern::new("(".repeat(100) + &")".repeat(100)).is_err());
    }

    /// Where a class were one step whatever is in it, the engine would refuse what this reader had taken.
    #[test]
    fn what_is_within_the_bound_is_within_that_of_the_engine() {
        let ranges = |n: u32| (0..n).map(|i| format!("{}-{}", far(2 * i), far(2 * i + 1))).collect::<String>();
        let singles = |n: u32| (0..n).map(|i| far(3 * i)).collect::<String>();
        let written = |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\{c}") };
        let every_other: String = ('\u{20}'..'\u{7f}').step_by(2).map(written).collect();
        for (pattern, fits) in [
            (format!("[{}]{{700}}", ranges(54)), false),
            (format!("[{}]{{1000}}", singles(110)), false),
            (format!("[{}]{{18}}", ranges(54)), true),
            (format!("[{}]{{9}}", singles(110)), true),
            ("[😀-😂]{501}".into(), false),
            ("(?i)[^\u{23c}-\u{13db}]{500}".into(), true),
            ("(?i)[^\u{22f0}-\u{af80}]{500}".into(), true),
            ("[^\u{80}-\u{10fffe}]{500}".into(), true),
            (format!("(?i)[^{every_other}]{{1000}}"), true),
            ("[A-Za-z0-9._-]{1000}".into(), true),
            (r"[\w\d\s]{1000}".into(), true),
            (".{1000}".into(), true),
            (r"\W{1000}".into(), true),
        ] {
            let read = Pattern::new(pattern.clone());
            assert_eq!(read.is_ok(), fits, "{pattern}: {read:?}");
            match read {
                Ok(read) => drop(super::super::matcher::compiled(&read.text(Dialect::Rust))),
                Err(refused) => assert_eq!(refused.fault, Fault::LargePattern, "{pattern}"),
            }
        }
    }

    /// The n-th of some characters that take four bytes, far apart.
    fn far(n: u32) -> char {
        char::from_u32(0x1_0001 + n * 0x203).unwrap()
    }
}
