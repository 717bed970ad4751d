//! Quoting of values and names in SQL of our own.

/// A string literal.
pub(super) fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A quoted identifier.
pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(literal(r"a'b\"), r"'a\'b\\'");
        assert_eq!(identifier(r"a`b\"), r"`a\`b\\`");
    }
}
