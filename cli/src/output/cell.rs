//! A piece of text in a table: cleaned of what would confuse a terminal, cut where it does not fit, coloured.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A meaning that has a colour. Each also differs in its words, so that nothing is lost without colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Paint {
    /// As it is.
    #[default]
    Plain,
    /// Headings.
    Bold,
    /// Of less interest.
    Dim,
    /// Well.
    Good,
    /// Look at it.
    Warning,
    /// Wrong, or lost.
    Bad,
}

impl Paint {
    /// The text in its colour (ECMA-48 SGR), if colour is wanted.
    pub fn on(self, text: &str, colour: bool) -> String {
        let code = match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
        };
        if colour && !code.is_empty() && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Its text, on one line.
    pub text: String,
    /// Its meaning.
    pub paint: Paint,
}

impl Cell {
    /// A cell with a meaning.
    pub fn new(text: impl AsRef<str>, paint: Paint) -> Self {
        Self { text: clean(text.as_ref()), paint }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Paint::Plain)
    }
}

/// One line without control characters: a message must not be able to write to the terminal by itself.
pub fn clean(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for c in text.trim().chars() {
        let c = if c.is_control() { ' ' } else { c };
        if !(c == ' ' && words.ends_with(' ')) {
            words.push(c);
        }
    }
    words
}

/// Columns that a text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Where a text that does not fit loses its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Never cut.
    Never,
    /// In the middle: head and tail of an identifier both matter.
    Middle,
    /// At the end.
    End,
}

/// The text in at most `columns` columns, with `…` where something is missing.
pub fn fit(text: &str, columns: usize, cut: Cut) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    match cut {
        Cut::Never => text.to_owned(),
        Cut::End => format!("{}…", head(text.chars(), room)),
        Cut::Middle => {
            let tail = head(text.chars().rev(), room / 2);
            format!("{}…{}", head(text.chars(), room - room / 2), tail.chars().rev().collect::<String>())
        }
    }
}

fn head(text: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    text.take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= columns
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn identifiers_keep_head_and_tail() {
        assert_eq!(fit("recsys-ranker-6c9f7d8b5c-x2k9q", 20, Cut::Middle), "recsys-ran…b5c-x2k9q");
        assert_eq!(fit("short", 20, Cut::Middle), "short");
        assert_eq!(fit("Back-off pulling image", 9, Cut::End), "Back-off…");
        assert_eq!(fit("uncut", 2, Cut::Never), "uncut");
        assert_eq!(fit("拉取镜像失败", 7, Cut::End), "拉取镜…");
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(clean("a\u{1b}[31mb\r\n\tc\u{9b}d"), "a [31mb c d");
        assert_eq!(Paint::Bad.on("x", false), "x");
        assert_eq!(Paint::Bad.on("x", true), "\u{1b}[31mx\u{1b}[0m");
    }

    proptest! {
        #[test]
        fn what_is_fitted_fits(text in "\\PC{0,60}", columns in 1usize..50, middle: bool) {
            let text = clean(&text);
            let cut = if middle { Cut::Middle } else { Cut::End };
            prop_assert!(width(&fit(&text, columns, cut)) <= columns.max(1));
        }
    }
}
