//! A caret under the place of a line that somebody typed.

use unicode_width::UnicodeWidthChar;

/// So much is shown in front of the place, and behind it.
const AROUND_CHARS: usize = 50;

/// The part of the line around a place, counted in characters, and below it the caret.
pub fn caret(line: &str, character: usize) -> String {
    let begin = character.saturating_sub(AROUND_CHARS);
    let shown = |from: usize, length: usize| -> String {
        line.chars().skip(from).take(length).map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    let (before, behind) = (shown(begin, character - begin), shown(character, AROUND_CHARS));
    let mark = if begin > 0 { "…" } else { "" };
    let columns: usize = mark.chars().chain(before.chars()).filter_map(UnicodeWidthChar::width).sum();
    format!("  {mark}{before}{behind}\n  {}^", " ".repeat(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_under_the_character() {
        assert_eq!(caret("kind:", 5), "  kind:\n       ^");
        assert_eq!(caret("镜像 (x", 3), "  镜像 (x\n       ^");
        let long = caret(&"x".repeat(200), 150);
        assert_eq!(long.lines().map(|line| line.chars().count()).collect::<Vec<_>>(), [103, 54]);
    }
}
