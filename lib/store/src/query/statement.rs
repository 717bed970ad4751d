//! SQL with named parameters: the text is made of constants, the values travel beside it.

use std::{borrow::Cow, fmt};

use beidou_schemas::Micros;
use clickhouse::{Client, query::Query};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Between,
    cold::{self, Cold},
};

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Signed(i64),
    Signeds(Vec<i64>),
    Unsigned(u64),
    Unsigneds(Vec<u64>),
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}
impl From<&[String]> for Value {
    fn from(value: &[String]) -> Self {
        Self::Texts(value.into())
    }
}
impl From<Micros> for Value {
    fn from(value: Micros) -> Self {
        Self::Signed(value.0)
    }
}
impl From<Vec<Micros>> for Value {
    fn from(values: Vec<Micros>) -> Self {
        Self::Signeds(values.into_iter().map(|value| value.0).collect())
    }
}
impl From<Vec<u64>> for Value {
    fn from(values: Vec<u64>) -> Self {
        Self::Unsigneds(values)
    }
}
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Unsigned(value)
    }
}
impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Text(value.to_string())
    }
}

/// A question, ready to be sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Statement {
    sql: String,
    values: Vec<(Cow<'static, str>, Value)>,
    conditions: usize,
    settings: &'static [(&'static str, &'static str)],
    on_files: bool,
}

impl Statement {
    pub(super) fn new(sql: &'static str) -> Self {
        Self { sql: sql.into(), ..Self::default() }
    }

    /// Adds text of our own on a line of its own.
    pub(super) fn line(mut self, sql: &'static str) -> Self {
        self.sql.push('\n');
        self.sql.push_str(sql);
        self
    }

    /// Adds a condition: `WHERE` before the first, `AND` before the others.
    pub(super) fn when(mut self, condition: &'static str) -> Self {
        self.sql.push_str(if self.conditions == 0 { "\nWHERE " } else { "\n  AND " });
        self.conditions += 1;
        self.sql.push_str(condition);
        self
    }

    /// Adds a condition over one parameter, unless there is no value.
    pub(super) fn when_some<V: Into<Value>>(
        self,
        condition: &'static str,
        name: &'static str,
        value: Option<V>,
    ) -> Self {
        match value {
            Some(value) => self.when(condition).with(name, value),
            None => self,
        }
    }

    /// Adds a condition over a list, unless the list is empty.
    pub(super) fn when_any(self, condition: &'static str, name: &'static str, values: &[String]) -> Self {
        self.when_some(condition, name, (!values.is_empty()).then_some(values))
    }

    /// Bounds the Event's time.
    pub(super) fn between(self, range: Between) -> Self {
        self.when("time >= fromUnixTimestamp64Micro({from:Int64}, 'UTC')")
            .when("time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')")
            .with("from", range.from)
            .with("until", range.until)
    }

    /// Sets a parameter.
    pub(super) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.values.push((name.into(), value.into()));
        self
    }

    /// Adds a condition of several parts with its parameters.
    pub(super) fn when_made(mut self, condition: Condition) -> Self {
        self.sql.push_str(if self.conditions == 0 { "\nWHERE " } else { "\n  AND " });
        self.conditions += 1;
        self.sql.push_str(&condition.sql);
        self.values.extend(condition.values);
        self
    }

    /// Adds text that was made of several parts, with its parameters, on lines of its own.
    pub(super) fn made(mut self, part: Condition) -> Self {
        self.sql.push('\n');
        self.sql.push_str(&part.sql);
        self.values.extend(part.values);
        self
    }

    /// Sets how the engine goes about it.
    pub(super) fn set(mut self, settings: &'static [(&'static str, &'static str)]) -> Self {
        self.settings = settings;
        self
    }

    /// Limits the rows.
    pub(super) fn limit(self, rows: u64) -> Self {
        self.line("LIMIT {limit:UInt64}").with("limit", rows)
    }

    /// The same over table and archive.
    pub(super) fn over(self, cold: &Cold) -> Self {
        cold.note_read();
        Self { sql: cold.spread(&self.sql), on_files: true, ..self }
    }

    pub(super) fn query(self, client: &Client) -> Query {
        let query = self.values.iter().fold(client.query(&self.sql), |query, (name, value)| query.param(name, value));
        let of_files = cold::SETTINGS.iter().filter(|_| self.on_files);
        self.settings.iter().chain(of_files).fold(query, |query, (name, value)| query.with_setting(*name, *value))
    }
}

/// A condition of as many parts as a caller wrote. Its text is of constants too; its parameters are numbered.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    prefix: &'static str,
    first: usize,
    sql: String,
    values: Vec<(Cow<'static, str>, Value)>,
}

impl Condition {
    /// A condition whose parameters are called `prefix` and a number, the first one `first`.
    pub(super) fn new(prefix: &'static str, first: usize) -> Self {
        Self { prefix, first, sql: String::new(), values: Vec::new() }
    }

    /// Adds text of our own.
    pub(super) fn push(&mut self, sql: &'static str) {
        self.sql.push_str(sql);
    }

    /// Adds a value of this type.
    pub(super) fn value(&mut self, of_type: &'static str, value: impl Into<Value>) {
        let name = format!("{}{}", self.prefix, self.first + self.values.len());
        self.sql.push_str(&format!("{{{name}:{of_type}}}"));
        self.values.push((name.into(), value.into()));
    }

    /// How many parameters it has.
    pub(super) fn parameters(&self) -> usize {
        self.values.len()
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql)?;
        for (name, value) in &self.values {
            write!(f, "\n-- {name} = {value:?}")?;
        }
        for (name, value) in self.settings {
            write!(f, "\n-- SET {name} = {value}")?;
        }
        Ok(())
    }
}
