//! Reading of SQL text, as far as a gateway must: where insert data begins, and which format a SELECT asks for.
//!
//! Flow: a statement → words outside quotes, comments and brackets → [`InsertHead`] or the FORMAT clause at its end.
//! Invariants: no byte of insert data is ever looked at; positions are byte offsets on character boundaries. This is no
//! parser and no guard: what a statement may do is decided by the engine's own parser (`session.rs`, `classify`).

/// An INSERT whose data follows the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InsertHead {
    /// The statement proper ends here, before FORMAT or VALUES.
    pub end: usize,
    /// The input format's name.
    pub format: String,
    /// Inline data, if any, begins here.
    pub data: usize,
}

/// The words of a statement at bracket depth 0 with their byte ranges; quotes, heredocs and comments are skipped.
struct Words<'a> {
    sql: &'a str,
    at: usize,
    depth: u32,
    /// Words at any depth, quoted names among them.
    all: bool,
}

/// Lists the top-level words of `sql`, lazily.
fn words(sql: &str) -> Words<'_> {
    Words { sql, at: 0, depth: 0, all: false }
}

impl Words<'_> {
    /// Steps over everything up to and including the first `end` after `from`.
    fn skip_past(&mut self, from: usize, end: &str) {
        let rest = self.sql.get(from..).unwrap_or_default();
        self.at = rest.find(end).map_or(self.sql.len(), |found| from + found + end.len());
    }

    fn skip_quoted(&mut self, quote: u8) {
        let bytes = self.sql.as_bytes();
        self.at += 1;
        while let Some(&byte) = bytes.get(self.at) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == quote {
                return;
            }
        }
        self.at = bytes.len();
    }

    /// A heredoc opens with `$tag$`, the tag being word characters or nothing; a lone `$` is skipped.
    fn skip_heredoc(&mut self) {
        let rest = &self.sql.as_bytes()[self.at + 1..];
        match rest.iter().position(|&byte| !is_word(byte)) {
            Some(length) if rest[length] == b'$' => {
                let opening = self.sql[self.at..self.at + length + 2].to_owned();
                self.skip_past(self.at + opening.len(), &opening);
            }
            Some(_) | None => self.at += 1,
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Iterator for Words<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let bytes = self.sql.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            let next = bytes.get(self.at + 1).copied();
            match (byte, next) {
                (b'"' | b'`', _) if self.all => {
                    let start = self.at + 1;
                    self.skip_quoted(byte);
                    return Some((start, (self.at - 1).max(start)));
                }
                (b'\'' | b'"' | b'`', _) => self.skip_quoted(byte),
                (b'$', _) => self.skip_heredoc(),
                (b'-', Some(b'-')) | (b'#', Some(b' ' | b'!')) => self.skip_past(self.at, "\n"),
                (b'/', Some(b'*')) => self.skip_past(self.at + 2, "*/"),
                (b'(' | b'[' | b'{', _) => {
                    self.depth += 1;
                    self.at += 1;
                }
                (b')' | b']' | b'}', _) => {
                    self.depth = self.depth.saturating_sub(1);
                    self.at += 1;
                }
                (byte, _) if is_word(byte) => {
                    let start = self.at;
                    self.at += bytes[start..].iter().take_while(|&&byte| is_word(byte)).count();
                    if self.depth == 0 || self.all {
                        return Some((start, self.at));
                    }
                }
                _ => self.at += 1,
            }
        }
        None
    }
}

/// The first word in capitals, empty if there is none.
pub(super) fn first_word(sql: &str) -> String {
    words(sql).next().map(|(start, end)| sql[start..end].to_ascii_uppercase()).unwrap_or_default()
}

/// Splits `INSERT … FORMAT f data` and `INSERT … VALUES data`; `None` for INSERT SELECT, INSERT FROM INFILE and
/// every other statement.
pub(super) fn split_insert(sql: &str) -> Option<InsertHead> {
    let mut words = words(sql);
    let (start, end) = words.next()?;
    if !sql[start..end].eq_ignore_ascii_case("insert") {
        return None;
    }
    while let Some((start, end)) = words.next() {
        match sql[start..end].to_ascii_uppercase().as_str() {
            "SELECT" | "WITH" | "INFILE" => return None,
            "VALUES" => return Some(InsertHead { end: start, format: "Values".into(), data: end }),
            "FORMAT" => {
                let (name_start, name_end) = words.next()?;
                let format = sql[name_start..name_end].to_owned();
                return Some(InsertHead { end: start, format, data: data_start(sql, name_end) });
            }
            _ => {}
        }
    }
    None
}

/// `true` where a statement may call the function `file`: the embedded engine lets it read any file, whatever `readonly`
/// and the grants say. Strings and comments may hold the word; a name with an escape in it may be any name.
pub(super) fn may_call_file(sql: &str) -> bool {
    let mut all = Words { all: true, ..words(sql) };
    all.any(|(start, end)| {
        let word = sql.get(start..end).unwrap_or("\\");
        word.eq_ignore_ascii_case("file") || word.contains('\\')
    })
}

/// `true` for `INSERT … FROM INFILE`, which reads files beside the request.
pub(super) fn reads_file(sql: &str) -> bool {
    first_word(sql) == "INSERT"
        && words(sql)
            .take_while(|&(start, end)| !sql[start..end].eq_ignore_ascii_case("select"))
            .any(|(start, end)| sql[start..end].eq_ignore_ascii_case("infile"))
}

/// Between a format's name and its data stand blanks, perhaps a semicolon, and at most one line break.
fn data_start(sql: &str, after_name: usize) -> usize {
    let bytes = sql.as_bytes();
    let mut at = after_name;
    at += bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    at += usize::from(bytes.get(at) == Some(&b';'));
    at += usize::from(bytes.get(at) == Some(&b'\n'));
    at
}

/// The FORMAT clause at the end of a statement: `(where it begins, the name)`. A column or an alias named `format` is
/// told from it by `is_format`, which knows the engine's output formats.
pub(super) fn trailing_format(sql: &str, is_format: impl Fn(&str) -> bool) -> Option<(usize, &str)> {
    let all: Vec<_> = words(sql).collect();
    let keyword = all.iter().rposition(|&(start, end)| sql[start..end].eq_ignore_ascii_case("format"))?;
    let (start, end) = all[keyword];
    let &(name_start, name_end) = all.get(keyword + 1)?;
    let name = &sql[name_start..name_end];
    let last = match all.get(keyword + 2) {
        None => true,
        Some(&(start, end)) => sql[start..end].eq_ignore_ascii_case("settings"),
    };
    let adjacent = sql[end..name_start].trim().is_empty();
    (last && adjacent && is_format(name)).then_some((start, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(sql: &str) -> Option<(&str, String, &str)> {
        split_insert(sql).map(|head| (&sql[..head.end], head.format.clone(), &sql[head.data..]))
    }

    #[test]
    fn inserts_are_split_before_their_format() {
        for (sql, expected) in [
            ("INSERT INTO t FORMAT JSONEachRow", Some(("INSERT INTO t ", "JSONEachRow", ""))),
            ("insert into t (a, b) values (1, 'x')", Some(("insert into t (a, b) ", "Values", " (1, 'x')"))),
            ("INSERT INTO t FORMAT CSV\n\n1,2", Some(("INSERT INTO t ", "CSV", "\n1,2"))),
            ("INSERT INTO t FORMAT CSV ;\n1", Some(("INSERT INTO t ", "CSV", "1"))),
            ("INSERT INTO `values` FORMAT TSV \n1", Some(("INSERT INTO `values` ", "TSV", "1"))),
            (
                "/* format x */ INSERT INTO t -- values\n FORMAT TSV",
                Some(("/* format x */ INSERT INTO t -- values\n ", "TSV", "")),
            ),
            ("INSERT INTO t SETTINGS a='values' FORMAT TSV", Some(("INSERT INTO t SETTINGS a='values' ", "TSV", ""))),
            ("INSERT INTO t SELECT 1 FORMAT TSV", None),
            ("INSERT INTO t FROM INFILE 'x' FORMAT TSV", None),
            ("SELECT 1 FORMAT TSV", None),
            ("INSERT INTO t FORMAT", None),
            ("", None),
        ] {
            assert_eq!(split(sql), expected.map(|(head, format, data)| (head, format.to_owned(), data)), "{sql}");
        }
    }

    #[test]
    fn only_a_real_format_clause_at_the_end_counts() {
        let known = |name: &str| ["tsv", "json"].contains(&name.to_ascii_lowercase().as_str());
        for (sql, expected) in [
            ("SELECT 1 FORMAT TSV", Some("TSV")),
            ("SELECT 1 format json;", Some("json")),
            ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", Some("JSON")),
            ("SELECT 1 FORMAT JSON -- done", Some("JSON")),
            ("SELECT format FROM t", None),
            ("SELECT 1 AS format, json", None),
            ("SELECT a FROM t ORDER BY format DESC", None),
            ("SELECT 'x FORMAT TSV'", None),
            ("SELECT $a$ FORMAT TSV $a$", None),
            ("SELECT * FROM (SELECT 1 FORMAT TSV)", None),
        ] {
            assert_eq!(trailing_format(sql, known).map(|(_, name)| name), expected, "{sql}");
        }
    }

    #[test]
    fn the_function_that_reads_files_is_noticed_and_the_word_is_not() {
        for sql in [
            "SELECT file('/x')",
            "SELECT 1 + (FILE /* ' */ ('/x'))",
            "SELECT `file`('/x')",
            "SELECT \"fi\\x6ce\"('x')",
            "SELECT '\\'', file('x')",
            "SELECT /* ' */ file('x') -- '",
        ] {
            assert!(may_call_file(sql), "{sql}");
        }
        for sql in [
            "SELECT 'no such file'",
            "SELECT profile, files, file_path -- file\n",
            "SELECT $$ file $$",
            "SELECT `a b`, \"\"",
        ] {
            assert!(!may_call_file(sql), "{sql}");
        }
    }

    #[test]
    fn files_are_noticed() {
        assert!(reads_file("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT TSV"));
        assert!(!reads_file("INSERT INTO t SELECT infile FROM x"));
        assert!(!reads_file("SELECT infile"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(sql in "(insert |format |values|[ -~é\n$'`(){}#/*]){0,40}") {
            if let Some(head) = split_insert(&sql) {
                prop_assert!(head.end <= head.data && head.data <= sql.len());
                prop_assert!(sql.is_char_boundary(head.end) && sql.is_char_boundary(head.data));
            }
            let _ = trailing_format(&sql, |_| true);
            let _ = reads_file(&sql);
        }
    }
}
