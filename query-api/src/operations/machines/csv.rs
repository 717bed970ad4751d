//! CSV with a header (RFC 4180 without line breaks inside of fields); comma, semicolon or tab.

use super::{Draft, Fault, Found, is_comment};

/// Columns by the names that people give them.
const COLUMNS: [(&str, &[&str]); 5] = [
    ("ip", &["ip", "address", "addr", "host", "ansible_host", "ip_address", "ipaddress"]),
    ("name", &["name", "hostname", "node", "node_name", "nodename"]),
    ("role", &["role"]),
    ("user", &["user", "username", "login", "ansible_user"]),
    ("port", &["port", "ssh_port", "ansible_port"]),
];

fn column(title: &str) -> Option<&'static str> {
    let title = title.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    COLUMNS.iter().find(|(_, names)| names.contains(&&*title)).map(|(column, _)| *column)
}

fn separator(header: &str) -> char {
    let count = |sign: &char| header.matches(*sign).count();
    [',', ';', '\t'].into_iter().max_by_key(count).filter(|sign| count(sign) > 0).unwrap_or(',')
}

/// Whether a line is a header: it names the column of addresses.
pub(super) fn is_header(line: &str) -> bool {
    let fields = fields(line, separator(line)).unwrap_or_default();
    fields.iter().any(|field| column(field) == Some("ip"))
}

pub(super) fn read(lines: &[&str]) -> Found {
    let mut found = Found::default();
    let mut full = lines.iter().enumerate().filter(|(_, line)| !is_comment(line.trim()));
    let Some((place, header)) = full.next() else { return found };
    let sign = separator(header);
    let titles = fields(header, sign).unwrap_or_default();
    let columns: Vec<Option<&str>> = titles.iter().map(|title| column(title)).collect();
    if !columns.contains(&Some("ip")) {
        let allowed = "a header that names a column ip (or address, host); also name, role, user, port";
        found.faults.push(Fault::new(place + 1, "header", header, allowed));
    }
    for (place, line) in full {
        let line_number = place + 1;
        let Some(values) = fields(line, sign) else {
            found.faults.push(Fault::new(line_number, "line", line, "quotation marks in pairs"));
            continue;
        };
        if values.len() > columns.len() {
            let allowed = format!("{} fields, as the header has", columns.len());
            found.faults.push(Fault::new(line_number, "line", &values.len().to_string(), allowed));
            continue;
        }
        found.drafts.push(draft(line_number, &columns, values));
    }
    found
}

fn draft(line: usize, columns: &[Option<&str>], values: Vec<String>) -> Draft {
    let mut draft = Draft { line, ..Draft::default() };
    for (column, value) in columns.iter().zip(values).filter(|(_, value)| !value.trim().is_empty()) {
        let value = value.trim().to_owned();
        match column {
            Some("ip") => draft.host = value,
            Some("name") => draft.name = Some(value),
            Some("role") => draft.role = Some(value),
            Some("user") => draft.user = Some(value),
            Some("port") => draft.port = Some(value),
            Some(_) | None => {}
        }
    }
    draft
}

/// The fields of a line; `None` where a quotation mark is left open.
fn fields(line: &str, sign: char) -> Option<Vec<String>> {
    let (mut all, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut signs = line.chars().peekable();
    while let Some(next) = signs.next() {
        match next {
            '"' if quoted && signs.peek() == Some(&'"') => {
                signs.next();
                field.push('"');
            }
            '"' if quoted || field.trim().is_empty() => quoted = !quoted,
            other if other == sign && !quoted => all.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    all.push(field);
    (!quoted).then_some(all)
}
