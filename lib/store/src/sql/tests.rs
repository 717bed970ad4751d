//! What the guard lets through, and how it prints it; what it refuses, and where. The hostile set runs against the API, in
//! `query-api/tests/store/hostile.rs`.

use proptest::prelude::*;

use super::{FUNCTIONS, check, check_in, functions::is_calling, views};
use crate::query::Between;
use beidou_schemas::Micros;

fn printed(sql: &str) -> String {
    check(sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal:?}")).sql().to_owned()
}

#[test]
fn what_passes_is_printed_anew() {
    for (sql, expected) in [
        ("select 1;", "SELECT 1"),
        (
            "SELECT count(*) FROM events -- a comment\n WHERE /* another */ kind = 'Pod'",
            "SELECT count(*) FROM `events` AS `events` WHERE `kind` = 'Pod'",
        ),
        ("SELECT e.name FROM Beidou_ e", ""),
        ("SELECT e.name FROM beidou.events e", "SELECT `e`.`name` FROM `events` AS `e`"),
        (
            "WITH t AS (SELECT 1 AS x) SELECT t.x FROM t",
            "WITH `with_t` AS (SELECT 1 AS `x`) SELECT `t`.`x` FROM `with_t` AS `t`",
        ),
        (
            "SELECT match(message, '\\d+ it''s \\'x\\\\') FROM events",
            "SELECT match(`message`, '\\d+ it''s \\'x\\\\') FROM `events` AS `events`",
        ),
        (
            "SELECT quantile(0.9)(occurrences) FROM events",
            "SELECT quantile(0.9)(`occurrences`) FROM `events` AS `events`",
        ),
        (
            "SELECT x::UInt8, CAST(y AS DateTime64(3)) FROM (SELECT '1' AS x, '2' AS y)",
            "SELECT `x`::UInt8, CAST(`y` AS DateTime64(3)) FROM (SELECT '1' AS `x`, '2' AS `y`)",
        ),
        ("SELECT number FROM numbers(3)", "SELECT `number` FROM numbers(3)"),
        ("SELECT arrayMap(x -> x + 1, [1, 2])[1]", "SELECT arrayMap(`x` -> `x` + 1, [1, 2])[1]"),
        ("SELECT name FORMAT FROM events", "SELECT `name` AS `FORMAT` FROM `events` AS `events`"),
        ("SELECT now() - INTERVAL 1 HOUR", "SELECT now() - INTERVAL 1 HOUR"),
        ("SELECT 1 IN (1, 2), 'a' IN ('b')", "SELECT 1 IN (1, 2), 'a' IN ('b')"),
    ] {
        if !expected.is_empty() {
            assert_eq!(printed(sql), expected);
        } else {
            assert!(check(sql).is_err(), "{sql}");
        }
    }
}

#[test]
fn a_range_stands_where_the_statement_wants_it_and_nowhere_else() {
    let range = Some(Between { from: Micros(5), until: Micros(9) });
    let asked = "SELECT '{from}' FROM events WHERE time >= {from} AND time < { to } -- {to}";
    assert_eq!(
        check_in(asked, range).unwrap().sql(),
        "SELECT '{from}' FROM `events` AS `events` WHERE `time` >= fromUnixTimestamp64Micro(5, 'UTC') \
         AND `time` < fromUnixTimestamp64Micro(9, 'UTC')"
    );
    assert_eq!(check(asked).unwrap_err().fault, "range");
    for odd in ["{until}", "{from:Int64}", "{\"from\"}", "{from", "{", "}", "{}", "{from}}", "a.{from}", "events{from}"]
    {
        let sql = format!("SELECT 1 FROM events WHERE time > {odd}");
        assert!(check_in(&sql, range).is_err(), "{sql}");
    }
}

#[test]
fn printing_twice_changes_nothing_more() {
    for sql in [
        "SELECT a.b, 'x\\'y' FROM events AS a WHERE a.time > now() - INTERVAL 2 DAY ORDER BY a.b DESC LIMIT 3 BY a.b",
        "SELECT sum(new_occurrences) OVER (PARTITION BY cluster ORDER BY time ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM events",
    ] {
        let once = printed(sql);
        assert_eq!(printed(&once), once);
    }
}

#[test]
fn refusals_name_the_thing_its_place_and_what_is_allowed() {
    for (sql, fault, found) in [
        ("SELECT file('/x')", "function", "file('/x')"),
        ("SELECT 1,\n  file('/x')", "function", "file('/x')"),
        ("SELECT * FROM kube_event", "table", "kube_event"),
        ("SELECT * FROM system.one", "table", "system.one"),
        ("SELECT * FROM url('http://x')", "table", "url('http://x')"),
        ("SELECT 1 IN (kube_event)", "expression", "kube_event)"),
        ("SELECT 1 IN kube_event", "expression", "kube_event"),
        ("SELECT 1; SELECT 2", "character", "; SELECT 2"),
        ("SELECT $$x$$", "character", "$$x$$"),
        ("SELECT {x:String}", "character", "{x:String}"),
        ("SELECT 1 SETTINGS readonly = 0", "clause", "SETTINGS readonly = 0"),
        ("DROP TABLE events", "statement", ""),
        ("", "statement", ""),
        ("SELECT 'x", "syntax", "'x"),
        ("SELECT 1\u{0}", "character", ""),
    ] {
        let refusal = check(sql).map(|checked| checked.sql().to_owned()).unwrap_err();
        assert_eq!((refusal.fault, &*refusal.found), (fault, found), "{sql}: {refusal:?}");
        assert!(!refusal.allowed.is_empty());
    }
}

#[test]
fn refusals_say_what_to_do_instead() {
    for (sql, at, said) in [
        ("SELECT 1 FROM events SETTINGS max_threads = 1", 21, "SETTINGS is not allowed in a statement"),
        ("SELECT 1 SETTINGS a = 1, b = 2", 9, "`beidou sql --max-rows`"),
        ("SELECT 1 FORMAT JSON", 9, "`beidou sql -o`"),
        ("SELECT 1 FROM events FORMAT Null", 21, "FORMAT is not allowed in a statement"),
        ("SELECT x FROM (SELECT 1 AS x FROM events FORMAT CSV)", 41, "`format` beside the statement"),
        ("SELECT 1 FROM events INTO OUTFILE 'x'", 21, "`beidou sql -o FORM --out FILE`"),
        ("SELECT 1 INTO OUTFILE 'x' FORMAT CSV", 9, "INTO OUTFILE is not allowed"),
        ("SELECT 1 FROM events WHERE 'a' IN (reason)", 35, "the name \"reason\" in a list of IN"),
        ("SELECT 1 FROM events AS e WHERE 'a' IN (e.reason)", 40, "at character 41: \"e.reason)\""),
        ("SELECT 1 FROM events AS e (x)", 24, "the alias \"e\""),
        ("SELECT kind, count() FROM events GROUP BY kind WITH TOTALS", 0, "allowed: WITH ROLLUP, which has the totals"),
        ("SELECT kind, count() FROM events GROUP BY ALL WITH TOTALS", 0, "WITH TOTALS is not allowed"),
        ("SELECT name n m FROM events", 14, "\"m\" stands where"),
        ("SELECT 1 FROM", 0, "the statement ends where"),
        ("", 0, "the statement is empty; allowed: one SELECT"),
        (" -- nothing\n", 0, "the statement is empty"),
    ] {
        let refusal = check(sql).map(|checked| checked.sql().to_owned()).unwrap_err();
        assert!(refusal.character == at && refusal.to_string().contains(said), "{sql}: {refusal:?}\n{refusal}");
    }
    // Each of these words may be a name.
    for sql in [
        "SELECT 1 AS format ORDER BY format DESC",
        "SELECT name FORMAT FROM events",
        "SELECT settings FROM (SELECT 1 AS settings) WHERE settings = 1",
        "SELECT kind, count() FROM events GROUP BY kind WITH ROLLUP",
    ] {
        assert!(check(sql).is_ok(), "{sql}: {:?}", check(sql));
    }
}

#[test]
fn a_name_of_with_that_is_not_in_sight_is_no_table() {
    for sql in [
        "SELECT * FROM (WITH t AS (SELECT 1) SELECT * FROM t), t",
        "WITH t AS (SELECT * FROM t) SELECT * FROM t",
        "WITH RECURSIVE t AS (SELECT 1) SELECT * FROM t",
    ] {
        assert!(check(sql).is_err(), "{sql}");
    }
    assert_eq!(
        printed("WITH kube_event AS (SELECT 1) SELECT * FROM kube_event"),
        "WITH `with_kube_event` AS (SELECT 1) SELECT * FROM `with_kube_event` AS `kube_event`"
    );
}

#[test]
fn a_bare_name_is_never_a_function() {
    for sql in [
        "SELECT CURRENT_USER",
        "SELECT `currentUser`",
        "SELECT 1 AS user, (SELECT user)",
        "SELECT arrayMap(user -> 1, [1])",
        "SELECT file",
        "SELECT arrayMap(file, ['/x'])",
        "SELECT arrayMap(file, ['/x']), (SELECT 1 AS file)",
        "SELECT arrayMap((`file`), ['/x']) FROM (SELECT 1 AS file)",
        "SELECT arrayFilter(t.file, ['/x']) FROM (SELECT 1 AS file) AS t",
        "SELECT arrayMap(+file, ['/x']) WHERE 1 IN (SELECT 1 AS file)",
        "SELECT arrayMap((+(+file)), ['/x']) FROM (SELECT 1 AS file)",
        "SELECT arrayMap(TRIM(BOTH '' FROM file), ['/x']) FROM (SELECT 1 AS file)",
        "SELECT arraySort(TRIM(LEADING '' FROM (file)), ['/x']) FROM (SELECT 1 AS file)",
        "SELECT arrayMap(if(1, file, file), ['/x']), 1 AS file",
        "SELECT arrayMap(identity(file), ['/x']), 1 AS file",
        "SELECT arrayMap(CASE WHEN 1 THEN file END, ['/x']), 1 AS file",
        "SELECT arrayMap([file][1], ['/x']), 1 AS file",
        "SELECT arrayMap(*, ['/x']) FROM (SELECT 1 AS file)",
        "SELECT (x -> x) AS f, arrayMap(f, ['/x'])",
    ] {
        assert!(check(sql).is_err(), "{sql}");
    }
    for sql in [
        "SELECT arraySum(a) FROM (SELECT [1, 2] AS a)",
        "SELECT arrayMap(x -> upper(x), ['a'])",
        "SELECT arrayMap(((x, y) -> x + y), [1], [2])",
        "SELECT 1 AS file",
    ] {
        assert!(check(sql).is_ok(), "{sql}");
    }
}

#[test]
fn two_signs_are_never_a_comment() {
    for (sql, expected) in [
        ("SELECT - -1", "SELECT -(-1)"),
        ("SELECT count(), - -1 FROM events", "SELECT count(), -(-1) FROM `events` AS `events`"),
        ("SELECT - - -1, -+-1, + -1, - +1, ++1", "SELECT -(-(-1)), -(-1), -1, -1, 1"),
        ("SELECT -(-1), - (+(-1)), 1 - -1, 1 - - -1", "SELECT -(-1), -((-1)), 1 - -1, 1 - -(-1)"),
        ("SELECT - -'\n* FROM other.secret -- '", "SELECT -(-('\n* FROM other.secret -- '))"),
        ("SELECT -+-'\r\n* FROM other.secret -- '", "SELECT -(-('\r\n* FROM other.secret -- '))"),
        ("SELECT -'a', - NOT 1, -1::Int8, -now()", "SELECT -('a'), -(NOT 1), -(1::Int8), -now()"),
        ("SELECT [1, 2][- -1], abs(- -2)", "SELECT [1, 2][-(-1)], abs(-(-2))"),
        ("SELECT 1 WHERE +(SELECT 1) = + 1", "SELECT 1 WHERE (SELECT 1) = 1"),
    ] {
        assert_eq!(printed(sql), expected);
    }
}

#[test]
fn a_list_of_in_has_values_however_its_names_are_dressed() {
    for list in [
        "(+other.secret)",
        "(+kube_event)",
        "((+other.secret))",
        "(+(other.secret))",
        "(+ + (+(other.secret)))",
        "+other.secret",
        "+(other.secret)",
        "(1, +other.secret)",
        "(+(SELECT 1))",
        "(x -> 1)",
        "(TRIM(BOTH '' FROM other.secret))",
        "+TRIM(LEADING '' FROM (+other.secret))",
        "1 AND name",
        "(1 OR name = 'x')",
        "(NOT name)",
    ] {
        let refused = |sql: &str| check(sql).is_err_and(|refusal| refusal.fault == "expression");
        assert!(refused(&format!("SELECT 1 IN {list} FROM events")), "{list}");
        assert!(refused(&format!("SELECT name FROM events WHERE name NOT IN {list}")), "{list}");
    }
    for (sql, expected) in [
        ("SELECT 1 IN (+1, -1, - -1)", "SELECT 1 IN (1, -1, -(-1))"),
        ("SELECT 1 IN 1 + 2, 1 IN [1, 2]", "SELECT 1 IN (1 + 2), 1 IN ([1, 2])"),
        // What the engine leaves out of TRIM and reads into POSITION is no longer there.
        ("SELECT TRIM(BOTH '' FROM name) FROM events", "SELECT trimBoth(`name`, '') FROM `events` AS `events`"),
        ("SELECT POSITION('a' IN (name)) FROM events", "SELECT position((`name`), 'a') FROM `events` AS `events`"),
    ] {
        assert_eq!(printed(sql), expected);
    }
}

#[test]
fn what_the_engine_reads_otherwise_is_written_otherwise_or_refused() {
    for (sql, expected) in [
        ("SELECT .5, 1 + .5e3, 1.", "SELECT 0.5, 1 + 0.5e3, 1."),
        ("SELECT INTERVAL '1' DAY, INTERVAL 1 DAY", "SELECT INTERVAL ('1') DAY, INTERVAL 1 DAY"),
        ("SELECT INTERVAL '1 HOUR' DAY", "SELECT INTERVAL ('1 HOUR') DAY"),
        ("SELECT INTERVAL '1 HOUR' || 'x' DAY", "SELECT INTERVAL ('1 HOUR' || 'x') DAY"),
        ("SELECT trim('a'), TRIM(LEADING 'x' FROM 'a')", "SELECT trimBoth('a'), trimLeft('a', 'x')"),
        ("SELECT trim(TRAILING 'x' FROM 'a')", "SELECT trimRight('a', 'x')"),
    ] {
        assert_eq!(printed(sql), expected);
    }
    for sql in [
        "SELECT 0b11",
        "SELECT 0X1F",
        "SELECT 0x1F",
        "SELECT 1abc",
        "SELECT 1_000",
        "SELECT 1.2.3",
        "SELECT x'41'",
        "SELECT b'01' FROM (SELECT 1 AS b)",
        "SELECT 1 FROM events FINAL",
        "SELECT 1 FROM events final",
        "SELECT 1 FROM events ANY LEFT JOIN coverage USING (cluster)",
        "SELECT 1 FROM events ALL INNER JOIN coverage USING (cluster)",
        "SELECT 1 FROM events PASTE JOIN coverage",
        "SELECT 1 MINUS SELECT 1",
        // `= any(…)` with a subquery is an operator there, and a function in quotes is none.
        "SELECT 1 = `any`((SELECT 1))",
    ] {
        assert!(check(sql).is_err(), "{sql}");
    }
    assert!(check("SELECT `any`.name FROM events AS any").is_ok());
}

#[test]
fn every_function_of_the_schema_is_read_as_it_is_printed() {
    for function in FUNCTIONS.iter().flat_map(|family| family.functions) {
        let arguments = if is_calling(function) { "x -> x, [1]" } else { "1, 2" };
        let sql = format!("SELECT {function}({arguments})");
        assert!(check(&sql).is_ok(), "{sql}: {:?}", check(&sql));
    }
}

#[test]
fn long_and_deep_texts_are_refused_or_read_but_never_too_much() {
    assert_eq!(check(&format!("SELECT '{}'", "a".repeat(20_000))).unwrap_err().fault, "too_long");
    assert_eq!(check(&format!("SELECT {}1{}", "(".repeat(500), ")".repeat(500))).unwrap_err().fault, "too_deep");
    assert!(check(&format!("SELECT 1{}", "+1".repeat(1900))).is_ok());
    assert_eq!(check(&format!("SELECT 1{}", "+1".repeat(2100))).unwrap_err().fault, "too_long");
    assert!(check(&format!("SELECT {}1", "- ".repeat(1000))).is_err());
}

#[test]
fn the_schema_has_its_words() {
    let views = views();
    let names: Vec<_> = views.iter().map(|view| view.name).collect();
    let operations = ["operation_hosts", "operation_steps", "operations", "operation_events"];
    assert_eq!(names, [&["events", "coverage", "rejects"][..], &operations].concat());
    for view in &views {
        assert!(!view.comment.is_empty() && view.columns.iter().all(|c| !c.comment.is_empty()), "{view:?}");
    }
    assert_eq!((views[0].columns[0].name, views[0].columns[0].column_type), ("time", "DateTime64(6, 'UTC')"));
    assert!(FUNCTIONS.iter().all(|family| !family.functions.is_empty()));
}

/// Expressions of signs, brackets, strings and names, as nobody writes them.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        ".5",
        "'a'",
        "'\n* FROM other.secret -- '",
        "name",
        "e.name",
        "other.secret",
        "now()",
        "NULL",
        "[1, 2]",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(6, 24, 3, |inner| {
        let one = prop::sample::select(vec![
            "-@",
            "- @",
            "+@",
            "+ @",
            "-+@",
            "NOT @",
            "(@)",
            "@::String",
            "abs(@)",
            "TRIM(BOTH '' FROM @)",
            "[@][1]",
            "INTERVAL @ DAY",
            "arrayMap(@, [1])",
            "arrayMap(x -> @, [1])",
            "(SELECT @)",
            "CASE WHEN @ THEN 1 END",
        ]);
        let two = prop::sample::select(vec![
            "@ - #",
            "@ -#",
            "@ + #",
            "@ || #",
            "@ IN (#)",
            "@ IN #",
            "@ = #",
            "(@, #)",
            "@ IN (1, #)",
        ]);
        prop_oneof![
            (one, inner.clone()).prop_map(|(form, a)| form.replace('@', &a)),
            (two, inner.clone(), inner).prop_map(|(form, a, b)| form.replace('@', &a).replace('#', &b)),
        ]
    })
}

/// Whether a name stands alone behind IN, in brackets and signs that the engine does not see.
fn lists_a_name(sql: &str) -> bool {
    sql.split(" IN ").skip(1).any(|list| {
        let (dress, rest) = list.split_at(list.find(|c| !matches!(c, '(' | '+' | ' ')).unwrap_or(list.len()));
        let name = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '`' | '.' | '_'));
        dress.contains('(') && rest.starts_with('`') && name.starts_with(')')
    })
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(sql in "(SELECT |FROM events |WITH a AS |\\(|\\)|'|`|\"|, |\\* |1 |x |IN |count\\(|JOIN |ON |\\\\|->|\\[|\\]|CASE |END |[ -~é\n]){0,30}") {
        let _ = check(&sql);
    }

    #[test]
    fn what_passes_has_every_name_in_backticks(name in "[a-zA-Z_ ]{1,12}", text in "[ -~]{0,12}") {
        let body = text.replace('\\', "\\\\").replace('\'', "\\'");
        let sql = format!("SELECT 1 AS `{name}`, '{body}'");
        if let Ok(checked) = check(&sql) {
            prop_assert_eq!(checked.sql(), format!("SELECT 1 AS `{name}`, '{body}'"));
        }
    }

    #[test]
    fn what_is_sent_is_what_was_checked(expression in expressions()) {
        if let Ok(checked) = check(&format!("SELECT {expression} FROM events AS e")) {
            let sent = checked.sql();
            // No string of these has a quote in it.
            for outside in sent.split('\'').step_by(2) {
                prop_assert!(!["--", "//", "/*", "#", "\n"].iter().any(|odd| outside.contains(odd)), "{}", sent);
                prop_assert!(!lists_a_name(outside), "{}", sent);
            }
            prop_assert!(sent.split("arrayMap(").skip(1).all(|called| called.starts_with("`x` -> ")), "{}", sent);
            let again = check(sent);
            prop_assert_eq!(again.as_ref().map(|checked| checked.sql()), Ok(sent));
        }
    }
}
