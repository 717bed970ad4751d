//! A query line as conditions: each term is one, and what was written in it travels as a parameter.
//!
//! The same line is applied in memory by `beidou_model::query_line::Matcher`; a test runs both over the same Events.
//! Well-known values are compared exactly, so that the order of the table serves them; a text with wildcards becomes
//! `LIKE`, of whose fixed begin the same is true. Words of the message are looked up in the index over
//! `lower(message)`: the expression here must be the one of the index in `schemas/sql`.

use beidou_model::query_line::{
    Comparison, Dialect, Field, Glob, Part, QueryLine, Term, Test, Value as Written, Words,
};
use beidou_schemas::{EventUid, kube_event::column_uuid};

use super::statement::{Condition, Statement};

/// Adds the line's terms: each with AND, as any other condition.
pub(super) fn when_line(statement: Statement, line: Option<&QueryLine>) -> Statement {
    let terms = line.map(QueryLine::terms).unwrap_or_default();
    let mut begin = 0;
    terms.iter().fold(statement, |statement, term| {
        let mut condition = Condition::new("line", begin);
        push_term(&mut condition, term);
        begin += condition.parameters();
        statement.when_made(condition)
    })
}

/// Adds all terms of a line as one condition, 1 or 0; a line that says nothing holds always.
pub(super) fn all_terms(condition: &mut Condition, line: &QueryLine) {
    condition.push("(");
    for (place, term) in line.terms().iter().enumerate() {
        condition.push(if place == 0 { "" } else { " AND " });
        push_term(condition, term);
    }
    condition.push(if line.is_empty() { "true)" } else { ")" });
}

fn push_term(condition: &mut Condition, term: &Term) {
    if term.negated {
        condition.push("NOT ");
    }
    match &term.test {
        Test::Any { field, values } => any(condition, *field, values),
        Test::Count { comparison, number } => {
            condition.push("occurrences ");
            condition.push(sign(*comparison));
            condition.push(" ");
            condition.value("UInt32", u64::from(*number));
        }
    }
}

/// Our own signs: what is in the text of a statement is written in this room.
const fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Equal => "=",
    }
}

/// The columns that a field looks at: any of them.
const fn columns(field: Field) -> &'static [&'static str] {
    match field {
        Field::Cluster => &["cluster_uid", "cluster"],
        Field::Namespace => &["namespace"],
        Field::Kind => &["kind"],
        Field::Name => &["name"],
        Field::Uid => &["event_uid", "object_uid"],
        Field::Reason => &["reason"],
        Field::Type => &["type"],
        Field::Action => &["action"],
        Field::Component => &["component", "reporting_component"],
        Field::Host => &["host"],
        Field::Node => &["node"],
        Field::Instance => &["reporting_instance"],
        Field::Message => &["message"],
        Field::Pattern => &["pattern"],
        Field::FoundBy => &["toString(found_by)"],
    }
}

/// What is compared of a value with a column.
enum Look<'a> {
    In(&'static str, Vec<String>),
    LowerIn(Vec<String>),
    Like(&'a Glob),
    LowerLike(&'a Glob),
    Match(String),
    Words(Words),
}

fn any(condition: &mut Condition, field: Field, values: &[Written]) {
    let looks = looks(field, values);
    condition.push("(");
    let mut first = true;
    for look in &looks {
        for column in columns(field) {
            if !std::mem::take(&mut first) {
                condition.push(" OR ");
            }
            write(condition, column, look);
        }
    }
    condition.push(")");
}

/// The values of a field, whole texts together.
fn looks(field: Field, values: &[Written]) -> Vec<Look<'_>> {
    let (mut exact, mut lower, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        match (value, field) {
            (Written::Text(text), Field::Message) => others.push(Look::Words(Words::of(text))),
            (Written::Text(text), Field::Uid) => exact.extend(uid(text)),
            (Written::Text(text), field) if field.any_case() && field.known(text).is_none() => {
                lower.push(text.to_ascii_lowercase());
            }
            (Written::Text(text), _) => exact.push(text.clone()),
            (Written::Glob(glob), Field::Message) => others.push(Look::Match(glob.in_message())),
            (Written::Glob(glob), field) if field.any_case() => others.push(Look::LowerLike(glob)),
            (Written::Glob(glob), _) => others.push(Look::Like(glob)),
            (Written::Pattern(pattern), _) => others.push(Look::Match(pattern.text(Dialect::Re2))),
        }
    }
    let list = if field == Field::Uid { "Array(UUID)" } else { "Array(String)" };
    let mut looks = Vec::new();
    looks.extend((!exact.is_empty()).then_some(Look::In(list, exact)));
    looks.extend((!lower.is_empty()).then_some(Look::LowerIn(lower)));
    looks.extend(others);
    looks
}

/// A uid as its column has it; a line that was read has no others.
fn uid(text: &str) -> Option<String> {
    text.parse::<EventUid>().ok().map(|uid| column_uuid(&uid).to_string())
}

fn write(condition: &mut Condition, column: &'static str, look: &Look<'_>) {
    match look {
        Look::In(list, texts) => {
            condition.push(column);
            condition.push(" IN ");
            condition.value(list, texts.as_slice());
        }
        Look::LowerIn(texts) => {
            lower(condition, column);
            condition.push(" IN ");
            condition.value("Array(String)", texts.as_slice());
        }
        Look::Like(glob) => {
            condition.push(column);
            condition.push(" LIKE ");
            condition.value("String", like(glob).as_str());
        }
        Look::LowerLike(glob) => {
            lower(condition, column);
            condition.push(" LIKE ");
            condition.value("String", like(glob).to_ascii_lowercase().as_str());
        }
        Look::Match(pattern) => {
            condition.push("match(");
            condition.push(column);
            condition.push(", ");
            condition.value("String", pattern.as_str());
            condition.push(")");
        }
        Look::Words(words) => message(condition, words),
    }
}

fn lower(condition: &mut Condition, column: &'static str) {
    condition.push("lower(");
    condition.push(column);
    condition.push(")");
}

/// The words by the index; the text as a whole, where the words do not say it all.
fn message(condition: &mut Condition, Words { words, whole }: &Words) {
    condition.push("(");
    if !words.is_empty() {
        condition.push("hasAllTokens(lower(message), ");
        condition.value("Array(String)", words.as_slice());
        condition.push(")");
    }
    if let Some(whole) = whole {
        condition.push(if words.is_empty() { "" } else { " AND " });
        let ascii = whole.is_ascii();
        condition.push(if ascii { "positionCaseInsensitive" } else { "positionCaseInsensitiveUTF8" });
        condition.push("(message, ");
        condition.value("String", whole.as_str());
        condition.push(") > 0");
    }
    condition.push(")");
}

/// The pattern of `LIKE`, whose own signs get a backslash.
fn like(glob: &Glob) -> String {
    let mut out = String::new();
    for part in glob.parts() {
        match part {
            Part::Any => out.push('%'),
            Part::One => out.push('_'),
            Part::Text(text) => {
                for c in text.chars() {
                    if matches!(c, '%' | '_' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
            }
        }
    }
    out
}
