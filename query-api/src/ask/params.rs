//! The query string: known names only, values bounded, single ones once.

use beidou_model::query_line::LONGEST_LINE;

use super::line::Q;
use crate::problem::Problem;

/// A name of 253 bytes (the longest of Kubernetes) fits with room; a text to search for is a line, not a page.
const LONGEST_VALUE: usize = 1000;
/// A signed place in a list, which holds names, or in each partition of a tail.
const LONGEST_CURSOR: usize = 10 * LONGEST_VALUE;
/// So many values may stand in one list: a namespace's pods, pasted.
const MOST_VALUES: usize = 200;

/// The parameters of one request.
#[derive(Debug, Clone)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads a query string; only these names are allowed.
    pub(crate) fn parse(query: Option<&str>, allowed: &[&str]) -> Result<Self, Problem> {
        let query = query.unwrap_or_default();
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let written = query.split('&').filter(|pair| !pair.is_empty());
        for ((name, value), written) in pairs.iter().zip(written) {
            if !allowed.contains(&name.as_str()) {
                return Err(Problem::unknown_parameter(name, allowed));
            }
            if !is_utf8(value, written) {
                return Err(Problem::parameter(name, value, "UTF-8, percent-encoded"));
            }
        }
        Ok(Self { pairs })
    }

    /// A parameter that may stand once.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut found = self.pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = found.next();
        match found.next() {
            Some(second) => Err(Problem::parameter(name, second, "one value; it stands twice")),
            None => first.map(|value| short_enough(name, value, longest(name))).transpose(),
        }
    }

    /// A parameter that may be repeated, and may hold several values with commas between them.
    pub(crate) fn many(&self, name: &str) -> Result<Vec<String>, Problem> {
        let written = self.pairs.iter().filter(|(n, _)| n == name).flat_map(|(_, value)| value.split(','));
        let values: Vec<String> = written.map(str::to_owned).collect();
        if values.iter().any(String::is_empty) {
            return Err(Problem::parameter(name, "", "values that are not empty"));
        }
        if values.len() > MOST_VALUES {
            return Err(Problem::parameter(name, &values.len().to_string(), format!("at most {MOST_VALUES} values")));
        }
        for value in &values {
            short_enough(name, value, LONGEST_VALUE)?;
        }
        Ok(values)
    }

    /// A parameter that stands once or several times, each time as one value; commas part nothing.
    pub(crate) fn each(&self, name: &str, most: usize, longest: usize) -> Result<Vec<String>, Problem> {
        let values: Vec<&str> = self.pairs.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
        if values.is_empty() || values.len() > most {
            return Err(Problem::parameter(name, &values.len().to_string(), format!("from one to {most} values")));
        }
        values.into_iter().map(|value| short_enough(name, value, longest).map(str::to_owned)).collect()
    }

    /// A number within bounds.
    pub(crate) fn number(
        &self,
        name: &str,
        bounds: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Problem> {
        let Some(text) = self.one(name)? else { return Ok(default) };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        let allowed = || format!("a number from {} to {}", bounds.start(), bounds.end());
        number.ok_or_else(|| Problem::parameter(name, text, allowed()))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.one(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Problem::parameter(name, other, "true, false")),
        }
    }

    /// The pairs that decide what a query finds, sorted: what a cursor is bound to.
    pub(crate) fn meaning(&self) -> Vec<(&str, &str)> {
        let decides = |name: &str| !matches!(name, "cursor" | "limit" | "total");
        let mut pairs: Vec<_> = self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        pairs.retain(|(name, _)| decides(name));
        pairs.sort_unstable();
        pairs
    }
}

/// How long the value of a parameter may be that stands once.
fn longest(name: &str) -> usize {
    match name {
        "cursor" | "after" => LONGEST_CURSOR,
        Q | "line" => LONGEST_LINE,
        _ => LONGEST_VALUE,
    }
}

fn short_enough<'a>(name: &str, value: &'a str, longest: usize) -> Result<&'a str, Problem> {
    match value.len() <= longest {
        true => Ok(value),
        false => Err(Problem::parameter(name, value, format!("at most {longest} bytes"))),
    }
}

/// Whether a value was UTF-8 as it was written. The library puts U+FFFD where bytes are none, which a caller may write too.
fn is_utf8(value: &str, written: &str) -> bool {
    let put_or_meant = value.matches(char::REPLACEMENT_CHARACTER).count();
    let meant = || {
        let encoded = written.to_ascii_uppercase().matches("%EF%BF%BD").count();
        encoded + written.matches(char::REPLACEMENT_CHARACTER).count()
    };
    put_or_meant == 0 || put_or_meant <= meant()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::parse(Some(query), &["kind", "limit", "total", "text", "q", "line", "cursor"]).unwrap()
    }

    #[test]
    fn values_are_read() {
        let read = params("kind=Pod&kind=Node,Job&text=a%2Cb+c&limit=7&total=true");
        assert_eq!(read.many("kind").unwrap(), ["Pod", "Node", "Job"]);
        assert_eq!(read.one("text").unwrap(), Some("a,b c"));
        assert_eq!(read.number("limit", 1..=10, 5).unwrap(), 7);
        assert!(read.flag("total").unwrap());
        assert_eq!(params("").number("limit", 1..=10, 5).unwrap(), 5);
        assert_eq!(read.meaning(), [("kind", "Node,Job"), ("kind", "Pod"), ("text", "a,b c")]);
    }

    #[test]
    fn commas_part_no_lines() {
        let read = params("line=a%2Cb&line=c");
        assert_eq!(read.each("line", 2, 3).unwrap(), ["a,b", "c"]);
        let allowed = |most, longest| read.each("line", most, longest).unwrap_err().parameter.unwrap().allowed;
        assert_eq!((allowed(1, 3).as_str(), allowed(2, 2).as_str()), ("from one to 1 values", "at most 2 bytes"));
        assert_eq!(params("").each("line", 2, 3).unwrap_err().parameter.unwrap().name, "line");
    }

    #[test]
    fn refusals_name_parameter_value_and_what_is_allowed() {
        let unknown = Params::parse(Some("knid=Pod"), &["kind"]).unwrap_err();
        assert_eq!((unknown.kind.slug(), unknown.parameter.unwrap().allowed.as_str()), ("unknown-parameter", "kind"));
        for (name, query, allowed) in [
            ("limit", "limit=0", "a number from 1 to 10"),
            ("limit", "limit=11", "a number from 1 to 10"),
            ("limit", "limit=x", "a number from 1 to 10"),
            ("limit", "limit=1&limit=2", "one value; it stands twice"),
        ] {
            let problem = params(query).number(name, 1..=10, 5).unwrap_err();
            let parameter = problem.parameter.unwrap();
            assert_eq!((parameter.name.as_str(), parameter.allowed.as_str()), (name, allowed), "{query}");
        }
        assert!(params("kind=").many("kind").is_err());
        assert!(params("total=yes").flag("total").is_err());
        assert!(params(&format!("kind={}", ["a"; MOST_VALUES + 1].join(","))).many("kind").is_err());
    }

    #[test]
    fn each_value_has_its_longest_length() {
        for (name, longest) in
            [("text", LONGEST_VALUE), ("q", LONGEST_LINE), ("line", LONGEST_LINE), ("cursor", LONGEST_CURSOR)]
        {
            let of = |length: usize| params(&format!("{name}={}", "x".repeat(length))).one(name).map(|_| ());
            assert_eq!(of(longest), Ok(()));
            let parameter = of(longest + 1).unwrap_err().parameter.unwrap();
            assert_eq!((parameter.name.as_str(), parameter.allowed), (name, format!("at most {longest} bytes")));
        }
        let list = |value: &str| params(&format!("kind={}", [value; MOST_VALUES].join(","))).many("kind");
        assert_eq!(list(&"a".repeat(253)).unwrap().len(), MOST_VALUES, "the values count, not the list");
        assert_eq!(list(&"a".repeat(LONGEST_VALUE + 1)).unwrap_err().parameter.unwrap().name, "kind");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_and_the_sign_for_them_is_not() {
        let parse = |query: &str| Params::parse(Some(query), &["q", "kind"]);
        for query in ["q=%ff", "kind=a&&q=caf%E9", "q=%EF%BF%BD%ff", "q=%c3+%bf"] {
            let parameter = parse(query).unwrap_err().parameter.unwrap();
            assert_eq!(
                (parameter.name.as_str(), parameter.allowed.as_str()),
                ("q", "UTF-8, percent-encoded"),
                "{query}"
            );
        }
        for (query, value) in [("q=caf%C3%A9", "café"), ("q=%ef%bf%bd", "\u{FFFD}"), ("&q=%25ff", "%ff")] {
            assert_eq!(parse(query).unwrap().one("q").unwrap(), Some(value), "{query}");
        }
    }
}
