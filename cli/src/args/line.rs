//! Query lines on the command line: one that begins with a minus is no flag.

use std::ffi::OsString;

use beidou_model::query_line::{COUNT, Field};

/// Puts a blank in front of an argument that excludes a field, such as `-namespace:kube-system`: clap would read the flag
/// `-n` with a value. To the query line a blank means nothing, and no flag has such a value.
pub fn spelled(args: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    args.into_iter().map(|arg| match arg.to_str() {
        Some(text) if excludes(text) => format!(" {text}").into(),
        Some(_) | None => arg,
    })
}

fn excludes(arg: &str) -> bool {
    let Some(term) = arg.strip_prefix('-') else { return false };
    let end = term.find(|c: char| !c.is_ascii_alphabetic() && c != '_').unwrap_or(term.len());
    let (name, rest) = term.split_at(end);
    let is_field = rest.starts_with(':') && Field::of(name).is_some();
    is_field || (name == COUNT && rest.starts_with(['<', '>', '=']))
}
