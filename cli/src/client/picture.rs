//! Answers that are no list of pages: counted, folded or compared by the server. Shown as lists are: tables with their
//! footer, JSON as it came, NDJSON with the footer on stderr.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Client,
    answer::{ClusterCoverage, ColdRead, Range},
    http::Parameter,
    query::plain,
};
use crate::{
    args::clients::{self, Filters, Output, default_since},
    exit::Failure,
    output::Paint,
};

/// What all of them have.
#[derive(Debug, Deserialize)]
struct Frame {
    range: Range,
    #[serde(default)]
    coverage: Vec<ClusterCoverage>,
    #[serde(default)]
    cold: Option<ColdRead>,
}

impl Client {
    /// Range and filters as parameters.
    pub fn parameters(&self, range: &clients::Range, filters: &Filters) -> Result<Vec<Parameter>, Failure> {
        let mut query = self.range(range, default_since::EVENTS)?;
        query.extend(plain(filters.parameters()));
        Ok(query)
    }

    /// Shows an answer; `rows` are the lines of its NDJSON, `table` makes its text.
    ///
    /// # Errors
    /// When the answer is not understood.
    pub fn show_picture<T: DeserializeOwned>(
        &self,
        answer: &Value,
        output: Output,
        rows: impl FnOnce(&Value) -> Vec<Value>,
        table: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let frame = Frame::deserialize(answer)?;
        let footer = self.footer(&frame.coverage, frame.range);
        match output {
            Output::Table => {
                let text = table(&T::deserialize(answer)?);
                if !text.is_empty() {
                    crate::say(text.trim_end());
                }
                crate::say(footer.trim_end());
                frame.cold.iter().for_each(|cold| crate::say(&cold.line()));
            }
            Output::Json => crate::say(&serde_json::to_string_pretty(answer)?),
            Output::Ndjson => {
                for row in rows(answer) {
                    crate::say(&row.to_string());
                }
                crate::tell(footer.trim_end());
                frame.cold.iter().for_each(|cold| crate::tell(&cold.line()));
            }
        }
        Ok(())
    }

    /// A heading over a table.
    pub fn heading(&self, text: &str) -> String {
        Paint::Bold.on(text, self.look.colour) + "\n"
    }
}

/// The elements of a list in an answer.
pub fn items(answer: &Value, name: &str) -> Vec<Value> {
    answer[name].as_array().cloned().unwrap_or_default()
}

/// `1,204,331`: numbers that are compared by eye.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
