//! Names: which tables there are, and how a name is printed so that it is nothing but a name.

use beidou_schemas::ddl::VIEWS;
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, TableAlias};

use super::{
    guard::Guard,
    refusal::{Checking, Refused},
};

/// Common table expressions are printed with this in front, and are called by their own name through an alias. So one
/// that this guard sees and the engine does not is an unknown table there, never a real one.
const CTE_PREFIX: &str = "with_";
/// What may stand in front of a view.
const DATABASE: &str = "beidou";
/// Longer names are nobody's.
const LONGEST_NAME: usize = 200;

/// What a name in FROM means.
pub(super) enum Source {
    /// A view, by its own name.
    View(&'static str),
    /// A common table expression: its printed name.
    With(String),
}

/// Prints a name in backticks: it is never a keyword, and cannot end early.
pub(super) fn quoted(name: &mut Ident) -> Checking {
    let odd = |c: char| matches!(c, '\'' | '"' | '`' | '\\' | '{' | '}' | '$') || c.is_control();
    if name.value.is_empty() || name.value.len() > LONGEST_NAME || name.value.contains(odd) {
        let allowed = "1 to 200 bytes without quotes, backslashes, $ and braces";
        return Err(Refused::new("name", "a name that cannot be used", allowed, name.span));
    }
    name.quote_style = Some('`');
    Ok(())
}

/// A name without dots.
pub(super) fn single(name: &ObjectName) -> Option<&Ident> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(ident),
        _ => None,
    }
}

/// Checks `AS name`.
pub(super) fn alias(alias: &mut TableAlias) -> Checking {
    let TableAlias { explicit, name, columns, at } = alias;
    if !columns.is_empty() || at.is_some() {
        return Refused::clause("a list of columns behind an alias", "AS name", name.span);
    }
    *explicit = true;
    quoted(name)
}

/// `AS name` of our own.
pub(super) fn called(name: Ident) -> Option<TableAlias> {
    Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None })
}

impl Guard {
    /// What a name in FROM means.
    pub(super) fn source(&self, name: &ObjectName) -> Checking<Source> {
        let idents: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
        let whole = idents.len() == name.0.len();
        let own = match idents.as_slice() {
            [table] if whole && self.scopes.iter().flatten().any(|known| *known == table.value) => {
                return Ok(Source::With(with_name(&table.value)));
            }
            [table] if whole => Some(table),
            [database, table] if whole && database.value == DATABASE => Some(table),
            _ => None,
        };
        let view = own.and_then(|table| VIEWS.into_iter().find(|view| view.eq_ignore_ascii_case(&table.value)));
        view.map(Source::View).ok_or_else(|| {
            let at = idents.first().map_or_else(sqlparser::tokenizer::Span::empty, |ident| ident.span);
            let shown: Vec<&str> = idents.iter().map(|ident| ident.value.as_str()).collect();
            let allowed = format!("{}, numbers(n), or a name of WITH", VIEWS.join(", "));
            Refused::new("table", format!("there is no table {:?}", shown.join(".")), allowed, at)
        })
    }
}

/// The printed name of a common table expression.
pub(super) fn with_name(name: &str) -> String {
    format!("{CTE_PREFIX}{name}")
}
