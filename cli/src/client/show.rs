//! Lists in the form that was asked for. Tables go with their footer; NDJSON sends the footer to stderr, since every
//! line on stdout is a row; JSON carries the coverage itself.

use std::collections::BTreeMap;

use serde_json::{Value, json, value::RawValue};

use super::{Client, answer::ClusterCoverage, answer::Range, footer::footer, query::Found};
use crate::args::clients::Output;

impl Client {
    /// Shows a list; `table` makes the text of its rows.
    ///
    /// # Errors
    /// When a row is not understood.
    pub fn show(
        &self,
        found: &Found,
        output: Output,
        table: impl FnOnce(&[Box<RawValue>]) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        match output {
            Output::Table => {
                if !found.items.is_empty() {
                    crate::say(table(&found.items)?.trim_end());
                }
                if found.more {
                    crate::say(&format!("more than {} match: raise --limit, or narrow the range", found.items.len()));
                }
                crate::say(self.footer(&found.coverage, found.range).trim_end());
                found.cold.iter().for_each(|cold| crate::say(&cold.line()));
            }
            Output::Json => crate::say(&serde_json::to_string_pretty(&document(found)?)?),
            Output::Ndjson => {
                for item in &found.items {
                    crate::say(item.get());
                }
                crate::tell(self.footer(&found.coverage, found.range).trim_end());
                found.cold.iter().for_each(|cold| crate::tell(&cold.line()));
            }
        }
        Ok(())
    }

    /// The lines about completeness.
    pub fn footer(&self, coverage: &[ClusterCoverage], range: Range) -> String {
        footer(coverage, range, self.now, &self.zone, self.look)
    }
}

/// One document of all pages, with sorted keys.
pub fn document(found: &Found) -> anyhow::Result<Value> {
    let items: Vec<Value> =
        found.items.iter().map(|item| serde_json::from_str(item.get())).collect::<Result<_, _>>()?;
    let mut document = BTreeMap::from([
        ("items", json!(items)),
        ("more", json!(found.more)),
        ("range", json!(found.range)),
        ("coverage", json!(found.coverage)),
    ]);
    document.extend(found.cold.map(|cold| ("cold", json!(cold))));
    Ok(json!(document))
}
