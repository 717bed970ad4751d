//! Golden cases, which bind every implementation of the grammar, and what holds for any line.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/query_line.json");

/// What a line means: its normal form and terms, or its fault.
fn case(line: &str) -> Json {
    match parse(line) {
        Ok(read) => json!({"line": line, "normal": read.to_string(), "terms": read}),
        Err(error) => json!({"line": line, "error": error}),
    }
}

/// The tables that the grammar refers to.
fn tables() -> Vec<(&'static str, Vec<Json>)> {
    let field = |field: &Field| json!({"name": field, "aliases": field.aliases(), "any_case": field.any_case(), "patterns": field.takes_patterns()});
    let kind = |kind: &Kind| json!({"name": kind.name, "others": kind.others});
    let limits = json!({"line_bytes": LONGEST_LINE, "terms": MOST_TERMS, "values": MOST_VALUES, "pattern_bytes": LONGEST_PATTERN});
    vec![
        ("limits", vec![limits]),
        ("faults", Fault::ALL.iter().map(|fault| json!(fault)).collect()),
        ("fields", Field::ALL.iter().map(field).collect()),
        ("kinds", KINDS.iter().map(kind).collect()),
    ]
}

/// One row a line, so that a change shows as a line.
fn written(sections: &[(&str, Vec<Json>)]) -> String {
    let section = |(name, rows): &(&str, Vec<Json>)| {
        let rows: Vec<String> = rows.iter().map(|row| format!("  {row}")).collect();
        format!("\"{name}\": [\n{}\n]", rows.join(",\n"))
    };
    let sections: Vec<String> = sections.iter().map(section).collect();
    format!("{{\n{}\n}}\n", sections.join(",\n"))
}

/// `UPDATE_GOLDEN=1` writes the file anew from the lines that stand in it.
#[test]
fn the_cases_are_golden() {
    let text = std::fs::read_to_string(GOLDEN).unwrap();
    let golden: Json = serde_json::from_str(&text).unwrap();
    let lines = golden["cases"].as_array().unwrap().iter().map(|case| case["line"].as_str().unwrap());
    let cases: Vec<Json> = lines.map(case).collect();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let expected = written(&[tables(), vec![("cases", cases)]].concat());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &expected).unwrap();
    } else {
        assert!(text == expected, "the cases changed; see them with UPDATE_GOLDEN=1 cargo test -p beidou-model");
    }
}

#[test]
fn every_fault_has_a_case() {
    let text = std::fs::read_to_string(GOLDEN).unwrap();
    let large = [
        "x".repeat(LONGEST_LINE + 1),
        "a ".repeat(MOST_TERMS + 1),
        format!("kind:({})", "a ".repeat(MOST_VALUES + 1)),
        "\u{7}".into(),
    ];
    let large: Vec<Fault> = large.iter().map(|line| parse(line).unwrap_err().fault).collect();
    for fault in Fault::ALL {
        let golden = text.contains(&format!("\"fault\":\"{}\"", fault.name()));
        assert!(golden || large.contains(fault), "{fault:?} is nowhere tested");
    }
}

#[test]
fn errors_tell_place_finding_and_way_out() {
    for (line, text) in [
        (
            "kind:Pod nmespace:shop",
            "character 10: found \"nmespace:shop\", expected a field: cluster, namespace, kind, name, uid, reason, type, \
             action, component, host, node, instance, message, pattern, found_by, count; quotation marks make it a text; \
             did you mean namespace?",
        ),
        ("reason:", "character 8: the line ends here; expected a value right behind reason:, or reason:\"\" for none"),
    ] {
        assert_eq!(parse(line).unwrap_err().to_string(), text);
    }
}

/// Pieces of which lines are made: right ones, and what breaks them.
fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "kind:", "ns:", "-reason:", "message:", "uid:", "found_by:", "name:", "type:", "pattern:", "nmae:", "count>",
            "count<=", "-", "(", ")", ") ", " ", " ", " ", "\"", "/", "*", "?", "\\", ",", "OR", ":", "=", "10", "_",
            "Pod", "po", "warning", "watch", "web-0", "über", "\u{3000}", "(?i)", "[a-z]", "{2}", "|", ".", "^x", "\\b",
        ]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9._-]{0,8}",
        1 => ".{0,3}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_line_is_read_or_refused_at_a_place(line in prop_oneof![line(), ".{0,40}"]) {
        match parse(&line) {
            Ok(read) => {
                let normal = read.to_string();
                let again = parse(&normal);
                prop_assert_eq!(again.as_ref(), Ok(&read), "{}", normal);
                prop_assert_eq!(again.unwrap().to_string(), normal);
                // Every line that is read can be applied.
                Matcher::new(&read).matches(&EventText::default());
            }
            Err(error) => {
                let before: String = line.chars().take(error.at.char).collect();
                prop_assert_eq!(before.len(), error.at.byte);
                prop_assert!(error.at.char <= line.chars().count());
                prop_assert!(!error.expected.is_empty());
            }
        }
    }

    #[test]
    fn quotation_marks_make_any_text_a_text(text in "[^\\x00-\\x1f\\x7f]{1,20}") {
        let quoted: String = text.chars().map(|c| if matches!(c, '"' | '\\') { format!("\\{c}") } else { c.into() }).collect();
        let read = parse(&format!("\"{quoted}\" name:\"{quoted}\"")).unwrap();
        let value = [Value::Text(text)];
        prop_assert_eq!(read.terms()[0].of(Field::Message), Some(&value[..]));
        prop_assert_eq!(read.terms()[1].of(Field::Name), Some(&value[..]));
    }

    #[test]
    fn an_excluding_term_is_the_other_one_turned_round(line in line(), message in "[a-z0-9 .:*-]{0,20}", kind in "Pod|Node") {
        let event = EventText { message: &message, kind: &kind, occurrences: 10, ..EventText::default() };
        let matches = |line: &str| parse(line).map(|line| Matcher::new(&line).matches(&event));
        if let Ok(read) = parse(&line) {
            for term in read.terms().iter().filter(|term| !term.negated) {
                prop_assert_eq!(matches(&format!("-{term}")), matches(&term.to_string()).map(|found| !found), "{}", term);
            }
        }
    }
}
