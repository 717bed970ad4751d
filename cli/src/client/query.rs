//! Flags become parameters of the API, and pages become one list.

use serde_json::value::RawValue;

use super::{
    Client,
    answer::{ClusterCoverage, ColdRead, List, Range},
    http::Parameter,
};
use crate::{
    args::{
        clients::{self, Filters},
        time,
    },
    exit::{Code, Failure},
};

/// Rows of a page: what the server allows.
const PAGE: u32 = 1000;

/// All pages together.
#[derive(Debug)]
pub struct Found {
    /// The rows.
    pub items: Vec<Box<RawValue>>,
    /// Whether there are more behind the limit.
    pub more: bool,
    /// The effective range.
    pub range: Range,
    /// How completely it is known.
    pub coverage: Vec<ClusterCoverage>,
    /// What was read of the archive, for all pages.
    pub cold: Option<ColdRead>,
}

impl Client {
    /// `from` and `to`, as absolute times: what "now" is, the client says once for all pages.
    pub fn range(&self, range: &clients::Range, default_since: &str) -> Result<Vec<Parameter>, Failure> {
        let moment =
            |text: &str| time::parse(text, self.now, &self.zone).map_err(|error| Failure::new(Code::Usage, error, ""));
        let from = moment(range.since.as_deref().unwrap_or(default_since))?;
        let to = range.until.as_deref().map(moment).transpose()?.unwrap_or(self.now);
        if from >= to {
            let text = format!("--since ({from}) does not lie before --until ({to})");
            return Err(Failure::new(Code::Usage, text, "exchange them, or leave --until out"));
        }
        Ok(vec![("from", from.to_string()), ("to", to.to_string())])
    }

    /// The same, and nothing where neither end is given.
    pub fn range_if_given(&self, range: &clients::Range, default_since: &str) -> Result<Vec<Parameter>, Failure> {
        match (&range.since, &range.until) {
            (None, None) => Ok(Vec::new()),
            (_, _) => self.range(range, default_since),
        }
    }

    /// Follows the pages until there are `limit` rows, or no more.
    pub async fn list(&self, path: &str, query: &[Parameter], limit: u32) -> Result<Found, Failure> {
        let mut found: Option<Found> = None;
        let mut cursor = None;
        loop {
            let have = found.as_ref().map_or(0, |found| found.items.len());
            let wanted = (limit as usize).saturating_sub(have).min(PAGE as usize);
            let mut page = query.to_vec();
            page.push(("limit", wanted.to_string()));
            page.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let list: List = self.http.get(path, &page).await?;
            let all = found.get_or_insert(Found {
                items: Vec::new(),
                more: false,
                range: list.range,
                coverage: list.coverage,
                cold: None,
            });
            all.cold = all.cold.into_iter().chain(list.cold).reduce(ColdRead::and);
            all.items.extend(list.items);
            all.more = list.next.is_some();
            cursor = list.next;
            if cursor.is_none() || all.items.len() >= limit as usize {
                break;
            }
        }
        found.ok_or_else(|| Failure::new(Code::Usage, "nothing was asked for", "use a --limit of 1 or more"))
    }
}

impl Filters {
    /// The parameters, each beside the flag that set it.
    pub fn parameters(&self) -> Vec<(&'static str, Parameter)> {
        let object = self.object.as_ref();
        let one = |flag: &'static str, name: &'static str, value: Option<&String>| {
            value.map(|value| (flag, (name, value.clone())))
        };
        let clusters = self.clusters.iter().map(|cluster| ("--cluster", ("cluster", cluster.clone())));
        let others = [
            one("the query line", "q", self.query.as_ref()),
            one("--for", "kind", object.map(|object| &object.kind)),
            one("--for", "name", object.map(|object| &object.name)),
            one("--namespace", "namespace", self.namespace.as_ref()),
            one("--kind", "kind", self.kind.as_ref()),
            one("--reason", "reason", self.reason.as_ref()),
            one("--type", "type", self.event_type.as_ref()),
            one("--node", "node", self.node.as_ref()),
            one("--component", "component", self.component.as_ref()),
            one("--text", "text", self.text.as_ref()),
            one("--uid", "uid", self.uid.as_ref()),
        ];
        clusters.chain(others.into_iter().flatten()).collect()
    }
}

/// Parameters without the flags that set them.
pub fn plain(parameters: Vec<(&'static str, Parameter)>) -> Vec<Parameter> {
    parameters.into_iter().map(|(_, parameter)| parameter).collect()
}

/// Parameters of a question over Events, and the flags that set them. Those without a flag are terms of the query line.
const FLAGS: [(&str, Option<&str>); 14] = [
    ("q", None),
    ("name", None),
    ("found_by", None),
    ("cluster", Some("--cluster")),
    ("namespace", Some("--namespace")),
    ("kind", Some("--kind")),
    ("uid", Some("--uid")),
    ("reason", Some("--reason")),
    ("type", Some("--type")),
    ("component", Some("--component")),
    ("node", Some("--node")),
    ("text", Some("--text")),
    ("from", Some("--since")),
    ("to", Some("--until")),
];

/// What an export was asked, as it is typed. The server keeps parameters as they stood in the URL, a statement as it is.
pub fn asked(question: &str) -> String {
    let Some(parameters) = parameters(question) else { return question.to_owned() };
    let (mut terms, mut flags) = (Vec::new(), Vec::new());
    for (name, value) in parameters {
        match FLAGS.iter().find(|(own, _)| *own == name) {
            Some((_, Some(flag))) => flags.push(format!("{flag} {}", quoted(&value))),
            _ if name == "q" => terms.push(value),
            _ => terms.push(format!("{name}:{value}")),
        }
    }
    let line = Some(terms.join(" ")).filter(|line| !line.is_empty()).map(|line| quoted(&line));
    line.into_iter().chain(flags).collect::<Vec<_>>().join(" ")
}

/// The decoded parameters of a URL; `None` for what is none, such as a statement.
fn parameters(question: &str) -> Option<Vec<(String, String)>> {
    let known = |part: &str| part.split_once('=').is_some_and(|(name, _)| FLAGS.iter().any(|(own, _)| *own == name));
    if question.contains(char::is_whitespace) || !question.split('&').all(known) {
        return None;
    }
    let url = reqwest::Url::parse(&format!("http://server/?{question}")).ok()?;
    Some(url.query_pairs().into_owned().collect())
}

/// A word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@%+,=".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// One segment of a path, percent-encoded (RFC 3986).
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            other => encoded += &format!("%{other:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded() {
        assert_eq!(segment("web-0.x_y~"), "web-0.x_y~");
        assert_eq!(segment("a/b:c d é"), "a%2Fb%3Ac%20d%20%C3%A9");
    }

    #[test]
    fn questions_of_exports_are_shown_as_they_are_typed() {
        for (question, shown) in [
            ("q=reason%3ABackOff&from=2026-11-23T00%3A00%3A00Z", "reason:BackOff --since 2026-11-23T00:00:00Z"),
            ("cluster=a&q=count%3E1+%22x+y%22&name=web-0", "'count>1 \"x y\" name:web-0' --cluster a"),
            ("text=it%27s&to=now", r"--text 'it'\''s' --until now"),
            ("SELECT count() FROM events WHERE q=1", "SELECT count() FROM events WHERE q=1"),
            ("SELECT(1)=1", "SELECT(1)=1"),
            ("", ""),
        ] {
            assert_eq!(asked(question), shown);
        }
    }

    #[test]
    fn every_filter_reaches_the_server() {
        let text = |text: &str| Some(text.to_owned());
        let filters = Filters {
            object: Some(crate::args::kind::object("po/web-0").unwrap()),
            clusters: vec!["a".into(), "b".into()],
            namespace: text("shop"),
            reason: text("BackOff"),
            event_type: text("Warning"),
            node: text("n1"),
            component: text("kubelet"),
            text: text("image"),
            query: text("count>1"),
            uid: text("u"),
            kind: None,
        };
        let query: Vec<_> =
            plain(filters.parameters()).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            query.join("&"),
            "cluster=a&cluster=b&q=count>1&kind=Pod&name=web-0&namespace=shop&reason=BackOff&type=Warning&node=n1&\
             component=kubelet&text=image&uid=u"
        );
    }
}
