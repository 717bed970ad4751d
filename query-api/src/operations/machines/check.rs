//! A row in the making becomes a machine, or says what is wrong with it.

use std::net::IpAddr;

use super::{Draft, Fault, Row};

/// Names of nodes are DNS subdomains (RFC 1123).
const LONGEST_NAME: usize = 253;
/// Names of users and roles are short words.
const LONGEST_WORD: usize = 63;
const NAME: &str = "a name of a node: lower-case letters, digits, '-' and '.', a letter or digit at both ends";
const WORD: &str = "1 to 63 letters, digits, '.', '_' or '-'";
const ADDRESS: &str = "an IPv4 or IPv6 address";
const INSTEAD: &str = "; of an inventory, ansible_host= may name it; of a cluster, the name of a node";

pub(super) fn row(draft: Draft, nodes: bool) -> Result<Row, Fault> {
    let line = draft.line;
    let fault = |field, value: &str, allowed: &str| Fault::new(line, field, value, allowed);
    let own = host_of(&draft.host);
    let is_named = own.address.parse::<IpAddr>().is_err();
    let alone = nodes && is_named && draft.address.is_none() && draft.name.is_none() && is_node(own.address);
    let ip = draft.address.clone().unwrap_or_else(|| if alone { String::new() } else { own.address.to_owned() });
    if !alone && ip.parse::<IpAddr>().is_err() {
        let allowed = match draft.address {
            Some(_) => ADDRESS.to_owned(),
            None => format!("{ADDRESS}{INSTEAD}"),
        };
        return Err(fault("ip", &ip, &allowed));
    }
    // Of an inventory the host itself is the name, where its address stands beside it.
    let from_host = draft.address.is_some() && is_named && !own.address.is_empty();
    let name = draft.name.or_else(|| (from_host || alone).then(|| own.address.to_owned()));
    if let Some(name) = name.as_ref().filter(|name| !is_name(name)) {
        return Err(fault("name", name, NAME));
    }
    if let Some(role) = draft.role.as_ref().filter(|role| !is_word(role)) {
        return Err(fault("role", role, WORD));
    }
    let user = draft.user.or_else(|| own.user.map(str::to_owned));
    if let Some(user) = user.as_ref().filter(|user| !is_word(user)) {
        return Err(fault("user", user, WORD));
    }
    let port = draft.port.or_else(|| own.port.map(str::to_owned)).map(|text| match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(fault("port", &text, "1 to 65535")),
    });
    let (port, role, group) = (port.transpose()?, draft.role, draft.group);
    Ok(Row { line, ip, name, role, user, port, group, duplicate_of: None })
}

/// `user@address:port` in parts; an IPv6 address with a port stands in brackets.
struct HostParts<'a> {
    user: Option<&'a str>,
    address: &'a str,
    port: Option<&'a str>,
}

fn host_of(text: &str) -> HostParts<'_> {
    let (user, rest) = match text.split_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, text),
    };
    if let Some((address, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return HostParts { user, address, port: behind.strip_prefix(':') };
    }
    match rest.split_once(':') {
        Some((address, port)) if !port.contains(':') => HostParts { user, address, port: Some(port) },
        _ => HostParts { user, address: rest, port: None },
    }
}

fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let ends = bytes.first().copied().is_some_and(inner) && bytes.last().copied().is_some_and(inner);
        ends && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
    };
    name.len() <= LONGEST_NAME && name.split('.').all(part)
}

/// Whether it is the name of a node, and no address with a slip in it.
fn is_node(text: &str) -> bool {
    is_name(text) && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn is_word(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !word.is_empty() && word.len() <= LONGEST_WORD && word.bytes().all(fits)
}
