//! A list of machines out of whatever people have: pasted lines, CSV with a header, an Ansible inventory as INI or YAML.
//! Pure; never fails as a whole. Every line of the input is a row, an error, or left out on purpose (blank, a comment,
//! structure).
//!
//! ```text
//!  text ─► format (told, or guessed) ─► lines │ csv │ ini │ yaml ─► found rows and errors ─► checked: names, duplicates
//! ```

mod check;
mod csv;
mod document;
mod hosts;
mod ini;
mod lines;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;

use beidou_schemas::operation::MOST_HOSTS;

/// Lines that are looked at: more than an operation may have hosts, for comments and groups.
pub(crate) const MOST_LINES: usize = 20_000;
/// So much of a wrong value is repeated, in characters.
const SHOWN_CHARS: usize = 100;

/// How the text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Lines,
    Csv,
    Ini,
    Yaml,
}

impl Format {
    pub(crate) const ALL: [Self; 4] = [Self::Lines, Self::Csv, Self::Ini, Self::Yaml];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Csv => "csv",
            Self::Ini => "ini",
            Self::Yaml => "yaml",
        }
    }
}

/// A machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line, counted from 1.
    pub line: usize,
    /// Empty where only its node is named.
    pub ip: String,
    pub name: Option<String>,
    pub role: Option<String>,
    pub user: Option<String>,
    pub port: Option<u16>,
    /// The first group of an inventory that it is in.
    pub group: Option<String>,
    /// The first line that has the same address or node.
    pub duplicate_of: Option<usize>,
}

/// A line that is no machine and should be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub line: usize,
    pub field: &'static str,
    pub value: String,
    pub allowed: String,
}

impl Fault {
    fn new(line: usize, field: &'static str, value: &str, allowed: impl Into<String>) -> Self {
        Self { line, field, value: value.chars().take(SHOWN_CHARS).collect(), allowed: allowed.into() }
    }
}

/// What a text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub format: Format,
    /// How many lines the text has.
    pub lines: usize,
    /// In the order of lines.
    pub rows: Vec<Row>,
    /// In the order of lines, one per line at most.
    pub faults: Vec<Fault>,
}

/// A row in the making: what stands there, not yet checked.
#[derive(Debug, Clone, Default)]
struct Draft {
    line: usize,
    /// Where the address should stand: it may be a name.
    host: String,
    /// What stands for the address beside it.
    address: Option<String>,
    name: Option<String>,
    role: Option<String>,
    user: Option<String>,
    port: Option<String>,
    group: Option<String>,
}

/// What a reader of one format found.
#[derive(Debug, Default)]
struct Found {
    drafts: Vec<Draft>,
    faults: Vec<Fault>,
}

/// Reads a text; without a format it is guessed. Of nodes, the name of one may stand alone: its cluster alone knows where it is now.
pub(crate) fn parse(text: &str, format: Option<Format>, nodes: bool) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let all: Vec<&str> = text.lines().collect();
    let looked_at = &all[..all.len().min(MOST_LINES)];
    let format = format.unwrap_or_else(|| guess(looked_at));
    let found = match format {
        Format::Lines => lines::read(looked_at),
        Format::Csv => csv::read(looked_at),
        Format::Ini => ini::read(looked_at),
        Format::Yaml => yaml::read(looked_at),
    };
    let mut rows = Vec::new();
    let mut faults: BTreeMap<usize, Fault> = BTreeMap::new();
    for fault in found.faults {
        faults.entry(fault.line).or_insert(fault);
    }
    let mut seen = BTreeMap::new();
    for draft in found.drafts.into_iter().filter(|draft| !faults.contains_key(&draft.line)).collect::<Vec<_>>() {
        match check::row(draft, nodes) {
            Ok(mut row) => {
                let address = row.ip.parse::<std::net::IpAddr>().map(|address| address.to_string());
                let keys: Vec<String> = address.ok().into_iter().chain(row.name.clone()).collect();
                row.duplicate_of = keys.iter().filter_map(|key| seen.get(key).copied()).min();
                // The first line keeps being named.
                for key in keys {
                    seen.entry(key).or_insert(row.line);
                }
                rows.push(row);
            }
            Err(fault) => drop(faults.entry(fault.line).or_insert(fault)),
        }
    }
    // A range of which one address is wrong is wrong as a whole.
    rows.retain(|row: &Row| !faults.contains_key(&row.line));
    bound(&mut rows, &mut faults, all.len());
    Parsed { format, lines: all.len(), rows, faults: faults.into_values().collect() }
}

/// Rows and lines beyond the bounds are errors, not silence.
fn bound(rows: &mut Vec<Row>, faults: &mut BTreeMap<usize, Fault>, lines: usize) {
    let allowed = || format!("{MOST_HOSTS} machines at most");
    for row in rows.split_off(rows.len().min(MOST_HOSTS)) {
        faults.entry(row.line).or_insert_with(|| Fault::new(row.line, "line", &row.ip, allowed()));
    }
    if lines > MOST_LINES {
        let (line, value) = (MOST_LINES + 1, lines.to_string());
        faults.insert(
            line,
            Fault::new(line, "text", &value, format!("{MOST_LINES} lines at most; the rest was not read")),
        );
    }
}

/// The format that the first lines look like.
fn guess(lines: &[&str]) -> Format {
    let mut full = lines.iter().map(|line| line.trim()).filter(|line| !is_comment(line));
    let Some(first) = full.next() else { return Format::Lines };
    if first == "---" || first.starts_with("- ") || is_key(first) {
        return Format::Yaml;
    }
    if lines.iter().any(|line| section(line.trim()).is_some() || line.contains("ansible_")) {
        return Format::Ini;
    }
    if csv::is_header(first) {
        return Format::Csv;
    }
    Format::Lines
}

/// A key of a mapping with nothing behind it: `all:`.
fn is_key(line: &str) -> bool {
    let key = line.strip_suffix(':').unwrap_or_default();
    !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'"' | b'\''))
}

/// What stands in the brackets of a heading, behind which a comment may stand.
fn section(line: &str) -> Option<&str> {
    let (inside, behind) = line.strip_prefix('[')?.split_once(']')?;
    let ends = behind.trim_start().is_empty() || behind.trim_start().starts_with('#');
    (ends && !inside.is_empty() && inside.parse::<std::net::Ipv6Addr>().is_err()).then_some(inside)
}

fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with('#') || line.starts_with(';')
}
