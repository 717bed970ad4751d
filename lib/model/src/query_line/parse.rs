//! Reads a line: recursive descent, one function for each rule of the grammar.

use super::{
    Comparison, Fault, Field, Glob, LONGEST_LINE, MOST_TERMS, MOST_VALUES, Part, Pattern, QueryLine, QueryLineError,
    Term, Test, Value,
    field::{Named, names, nearest},
    number,
    scan::{Outcome, Scanner},
    slip,
};

/// Reads a line. An empty one has no terms: everything is meant.
///
/// # Errors
/// The first fault, with its place and what is allowed there.
pub fn parse(line: &str) -> Result<QueryLine, QueryLineError> {
    let mut scanner = Scanner::new(line);
    bounded(line, &scanner)?;
    let mut terms = Vec::new();
    loop {
        scanner.skip_blanks();
        if scanner.peek().is_none() {
            return Ok(QueryLine::new(terms));
        }
        if terms.len() == MOST_TERMS {
            return Err(scanner.error(scanner.at, Fault::TooManyTerms, format!("at most {MOST_TERMS} terms")));
        }
        terms.push(term(&mut scanner)?);
    }
}

/// Length and characters, before anything is read.
fn bounded(line: &str, scanner: &Scanner) -> Outcome<()> {
    if line.len() > LONGEST_LINE {
        let fits = line.char_indices().take_while(|(byte, c)| byte + c.len_utf8() <= LONGEST_LINE).count();
        return Err(scanner.error(fits, Fault::TooLong, format!("at most {LONGEST_LINE} bytes")));
    }
    let strange = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r');
    match line.chars().position(strange) {
        Some(at) => Err(scanner.error(at, Fault::ControlCharacter, "no control characters")),
        None => Ok(()),
    }
}

fn term(scanner: &mut Scanner) -> Outcome<Term> {
    let begin = scanner.at;
    let negated = scanner.takes("-");
    if negated && (scanner.is_end() || scanner.peek() == Some('-')) {
        let expected = "one minus with what it excludes right behind it; quotation marks make it a text";
        return Err(scanner.error(begin, Fault::Minus, expected));
    }
    let test = match field(scanner)? {
        Some(Named::Count) => count(scanner)?,
        Some(Named::Text(field)) => Test::Any { field, values: values(scanner, field)? },
        None => Test::Any { field: Field::Message, values: vec![value(scanner, Field::Message, slip::of_word)?] },
    };
    if scanner.is_end() { Ok(Term { negated, test }) } else { Err(not_apart(scanner)) }
}

/// The field in front of a colon or a comparison: the colon was read, the comparison was not.
fn field(scanner: &mut Scanner) -> Outcome<Option<Named>> {
    let (begin, Some(end)) = (scanner.at, scanner.name_end()) else { return Ok(None) };
    scanner.at = end;
    let name = scanner.since(begin);
    let unknown = |scanner: &Scanner| {
        let all: Vec<&str> = names().collect();
        let expected = format!("a field: {}; quotation marks make it a text", all.join(", "));
        QueryLineError {
            suggestion: nearest(&name).map(str::to_owned),
            ..scanner.error(begin, Fault::UnknownField, expected)
        }
    };
    match (Named::of(&name), scanner.peek(), scanner.behind(1)) {
        (Some(named), Some(':'), _) => {
            scanner.at += 1;
            if named == Named::Count { Err(number::no_colon(scanner)) } else { Ok(Some(named)) }
        }
        (Some(Named::Count), Some('<' | '>' | '='), _) | (Some(Named::Count), Some('!'), Some('=')) => {
            Ok(Some(Named::Count))
        }
        (Some(Named::Text(field)), Some('<' | '>' | '=' | '~'), _)
        | (Some(Named::Text(field)), Some('!'), Some('=' | '~')) => {
            let expected = format!("a colon: {field}:value; only count is compared; quotation marks make it a text");
            let suggestion = Some(format!("{field}:"));
            Err(QueryLineError { suggestion, ..scanner.error(scanner.at, Fault::Comparison, expected) })
        }
        (None, Some(':'), _) => Err(unknown(scanner)),
        (None, Some('<' | '>'), Some(c)) if c.is_ascii_digit() || c == '=' => Err(unknown(scanner)),
        (Some(_) | None, _, _) => {
            scanner.at = begin;
            Ok(None)
        }
    }
}

fn count(scanner: &mut Scanner) -> Outcome<Test> {
    let comparison = Comparison::ALL.into_iter().find(|comparison| scanner.takes(comparison.sign()));
    let comparison = comparison.ok_or_else(|| number::no_comparison(scanner))?;
    Ok(Test::Count { comparison, number: number::number(scanner)? })
}

/// What stands behind `field:`.
fn values(scanner: &mut Scanner, field: Field) -> Outcome<Vec<Value>> {
    if scanner.is_end() {
        let expected = format!("a value right behind {field}:, or {field}:\"\" for none");
        return Err(scanner.error(scanner.at, Fault::MissingValue, expected));
    }
    if scanner.peek() == Some('(') { list(scanner, field) } else { Ok(vec![value(scanner, field, slip::of_value)?]) }
}

fn list(scanner: &mut Scanner, field: Field) -> Outcome<Vec<Value>> {
    let (begin, mut values, mut count) = (scanner.at, Vec::new(), 0);
    scanner.at += 1;
    loop {
        scanner.skip_blanks();
        match scanner.peek() {
            None => return Err(scanner.error(begin, Fault::OpenList, "a closing parenthesis for this list")),
            Some(')') if count == 0 => {
                return Err(scanner.error(scanner.at, Fault::EmptyList, "at least one value in the list"));
            }
            Some(')') => {
                scanner.at += 1;
                return Ok(values);
            }
            Some(_) if count == MOST_VALUES => {
                return Err(scanner.error(scanner.at, Fault::TooManyValues, format!("at most {MOST_VALUES} values")));
            }
            Some(_) => {
                let value = value(scanner, field, slip::of_value)?;
                count += 1;
                if !values.contains(&value) {
                    values.push(value);
                }
                if !scanner.is_end() && scanner.peek() != Some(')') {
                    return Err(not_apart(scanner));
                }
            }
        }
    }
}

/// Another value right behind one.
fn not_apart(scanner: &Scanner) -> QueryLineError {
    match scanner.peek() {
        Some('(' | ')') => no_parenthesis(scanner),
        Some(_) | None if scanner.before() == Some('/') => {
            let expected = "a blank behind a regular expression; for a path put it in quotes: \"/var/lib\"";
            scanner.error(scanner.at, Fault::MissingBlank, expected)
        }
        Some(_) | None => scanner.error(scanner.at, Fault::MissingBlank, "a blank between one value and the next"),
    }
}

fn no_parenthesis(scanner: &Scanner) -> QueryLineError {
    let expected = "parentheses around the values of a field alone: kind:(Pod Node); quotation marks make them a text";
    scanner.error(scanner.at, Fault::Parenthesis, expected)
}

/// One value; `slip` tells what a word is refused for.
fn value(scanner: &mut Scanner, field: Field, slip: fn(&str) -> Option<(Fault, String)>) -> Outcome<Value> {
    let begin = scanner.at;
    let value = match scanner.peek() {
        Some('"') => Value::Text(scanner.quoted()?),
        Some('/') => pattern(scanner)?,
        Some('(' | ')') => return Err(no_parenthesis(scanner)),
        Some(_) | None => {
            let word = Glob::new(scanner.word()?);
            if let Some((fault, expected)) = slip(&scanner.since(begin)) {
                return Err(scanner.error(begin, fault, expected));
            }
            match word.parts() {
                [Part::Text(text)] => Value::Text(text.clone()),
                _ => Value::Glob(word),
            }
        }
    };
    settled(field, value).map_err(|expected| scanner.error(begin, Fault::Value, expected))
}

fn pattern(scanner: &mut Scanner) -> Outcome<Value> {
    let (source, places) = scanner.pattern()?;
    let checked = Pattern::new(source);
    let refused = |refused: super::pattern::Refused| {
        // A fault at the pattern's end stands at the slash that closes it.
        let at = places.get(refused.at).or(places.last()).copied().unwrap_or(scanner.at);
        scanner.error(at, refused.fault, refused.expected)
    };
    checked.map(Value::Pattern).map_err(refused)
}

/// The value as the field has it, or what the field takes.
fn settled(field: Field, value: Value) -> Result<Value, String> {
    match value {
        Value::Text(text) => {
            let text = field.known(&text).map_or(text, str::to_owned);
            field.refuses(&text).map_or(Ok(Value::Text(text)), Err)
        }
        Value::Glob(_) | Value::Pattern(_) if !field.takes_patterns() => {
            Err(format!("whole values: {field} takes no wildcards and no regular expressions"))
        }
        Value::Glob(_) | Value::Pattern(_) => Ok(value),
    }
}
