//! `output`: what the programs of a run printed, attempt after attempt.

use serde_json::Value;

use super::{Kind, text_of};
use crate::{args::operations::Output, client::Client};

/// Parts of a page: the server ends it earlier where it would be too large.
const PAGE: usize = 100;

/// Text that comes in parts, told line by line below the name of its attempt.
#[derive(Default)]
pub(super) struct Lines {
    attempt: String,
    rest: String,
}

impl Lines {
    /// The lines that are whole with this part.
    pub(super) fn take(&mut self, attempt: &str, text: &str) -> Vec<String> {
        let mut whole = Vec::new();
        if self.attempt != attempt {
            whole.extend(self.end());
            attempt.clone_into(&mut self.attempt);
            whole.push(format!("── {attempt} ──"));
        }
        self.rest += text;
        if let Some(end) = self.rest.rfind('\n') {
            let rest = self.rest.split_off(end + 1);
            let lines = std::mem::replace(&mut self.rest, rest);
            whole.extend(lines.lines().map(plain));
        }
        whole
    }

    /// A last line without its end.
    pub(super) fn end(&mut self) -> Option<String> {
        Some(plain(&std::mem::take(&mut self.rest))).filter(|rest| !rest.is_empty())
    }
}

/// What a host printed must not speak to the terminal.
fn plain(line: &str) -> String {
    line.chars().filter(|letter| *letter == '\t' || !letter.is_control()).collect()
}

/// Prints it.
pub(super) async fn output(args: Output) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let id = client.id_of(Kind::Operation, &args.name).await?;
    let path = format!("{}/{id}/log", Kind::Operation.path());
    let mut query = vec![("kind", "output".to_owned()), ("limit", PAGE.to_string())];
    query.extend(args.step.map(|step| ("step", step)));
    query.extend(args.attempt.map(|attempt| ("attempt", attempt)));
    let (mut lines, mut cursor) = (Lines::default(), None::<String>);
    loop {
        let of_page = cursor.take().map(|cursor| ("cursor", cursor));
        let page: Value = client.http.get(&path, &query.iter().cloned().chain(of_page).collect::<Vec<_>>()).await?;
        for item in page["items"].as_array().into_iter().flatten() {
            let whole = lines.take(&text_of(&item["attempt"]), &text_of(&item["message"]));
            if !whole.is_empty() {
                crate::say(&whole.join("\n"));
            }
        }
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if let Some(rest) = lines.end() {
        crate::say(&rest);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_lines_below_the_name_of_their_attempt() {
        let mut lines = Lines::default();
        assert_eq!(lines.take("a1", "one\ntw"), ["── a1 ──", "one"]);
        assert!(lines.take("a1", "").is_empty());
        assert_eq!(lines.take("a1", "o\n\nthree"), ["two", ""]);
        assert_eq!(lines.take("a2", "x\n"), ["three", "── a2 ──", "x"]);
        assert_eq!(lines.take("a2", "\u{1b}[2Jy\tz\n"), ["[2Jy\tz"]);
        assert_eq!(lines.end(), None);
    }
}
