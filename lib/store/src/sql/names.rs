//! Names: which tables there are, and how a name is printed so that it is nothing but a name.

use std::collections::BTreeSet;

use beidou_schemas::ddl::VIEWS;
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, TableAlias};

use super::{
    functions::is_niladic,
    guard::Guard,
    refusal::{Checking, Refused},
    views::views,
};

/// Common table expressions are printed with this in front, and are called by their own name through an alias. So one
/// that this guard sees and the engine does not is an unknown table there, never a real one.
const CTE_PREFIX: &str = "with_";
/// What may stand in front of a view.
const DATABASE: &str = "beidou";
/// The column of `numbers(n)`.
const NUMBER: &str = "number";
/// What the engine reads behind a table, and what would be taken for its alias here.
const BEHIND_TABLES: [&str; 4] = ["ALL", "ANY", "FINAL", "PASTE"];
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
        let what = format!("a list of columns behind the alias {:?}", name.value);
        return Refused::clause(&what, "`AS name`", name.span);
    }
    let is_bare = !*explicit && name.quote_style.is_none();
    if is_bare && BEHIND_TABLES.iter().any(|word| word.eq_ignore_ascii_case(&name.value)) {
        let allowed = "`AS name`; no FINAL, and no ANY, ALL or PASTE in front of JOIN";
        return Refused::clause(&format!("{} behind a table", name.value), allowed, name.span);
    }
    *explicit = true;
    quoted(name)
}

/// `AS name` of our own.
pub(super) fn called(name: Ident) -> Option<TableAlias> {
    Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None })
}

impl Guard {
    /// A name that the statement gives to something.
    pub(super) fn give(&mut self, name: &mut Ident) -> Checking {
        if is_niladic(&name.value) {
            let what = format!("the name {:?}, which the engine takes for a function", name.value);
            return Err(Refused::new("name", what, "another name", name.span));
        }
        self.given.insert(name.value.clone());
        quoted(name)
    }

    /// A bare name that stands for a value. The engine takes one that it does not know for a function, in some places.
    pub(super) fn take(&mut self, name: &mut Ident) -> Checking {
        self.used.push((name.value.clone(), name.span));
        quoted(name)
    }

    /// Every bare name is a column of a view, or was given by the statement itself.
    pub(super) fn names_are_known(&self) -> Checking {
        let columns: BTreeSet<&str> = views().iter().flat_map(|view| &view.columns).map(|column| column.name).collect();
        let known = |name: &str| name == NUMBER || columns.contains(name) || self.given.contains(name);
        match self.used.iter().find(|(name, _)| !known(name)) {
            None => Ok(()),
            Some((name, at)) => {
                let allowed = "the columns of `beidou sql --schema`, and names that `AS` gives";
                Err(Refused::new("name", format!("there is no column {name:?}"), allowed, *at))
            }
        }
    }

    /// What a name in FROM means.
    pub(super) fn source(&self, name: &ObjectName) -> Checking<Source> {
        let idents: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
        let whole = idents.len() == name.0.len();
        let own = match idents.as_slice() {
            [table] if whole && self.scopes.iter().flatten().any(|known| *known == table.value) => {
                return Ok(Source::With(self.with_name(&table.value)));
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

    /// The printed name of a common table expression.
    pub(super) fn with_name(&self, name: &str) -> String {
        if self.printed { name.to_owned() } else { format!("{CTE_PREFIX}{name}") }
    }
}
