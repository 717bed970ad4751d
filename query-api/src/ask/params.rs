//! The query string: known names only, values bounded, single ones once.

use crate::problem::Problem;

/// A name of 253 bytes (the longest of Kubernetes) fits with room; a text to search for is a line, not a page.
const LONGEST_VALUE: usize = 1000;
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
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        for (name, value) in &pairs {
            if !allowed.contains(&name.as_str()) {
                return Err(Problem::unknown_parameter(name, allowed));
            }
            let longest = if name == "cursor" || name == "after" { 10 * LONGEST_VALUE } else { LONGEST_VALUE };
            if value.len() > longest {
                return Err(Problem::parameter(name, value, format!("at most {longest} bytes")));
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
            None => Ok(first),
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
        Ok(values)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::parse(Some(query), &["kind", "limit", "total", "text"]).unwrap()
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
    fn refusals_name_parameter_value_and_what_is_allowed() {
        let unknown = Params::parse(Some("knid=Pod"), &["kind"]).unwrap_err();
        assert_eq!((unknown.kind.slug(), unknown.parameter.unwrap().allowed.as_str()), ("unknown-parameter", "kind"));
        let long = format!("text={}", "x".repeat(LONGEST_VALUE + 1));
        assert!(Params::parse(Some(&long), &["text"]).is_err());
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
}
