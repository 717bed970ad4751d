//! One table: what was measured, and the limit that was measured beside it.

/// The rows so far.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<[String; 3]>,
}

impl Report {
    /// Adds a row, and shows it at once: a run takes minutes.
    #[expect(clippy::print_stderr, reason = "a bench speaks to the person at the terminal")]
    pub fn row(&mut self, what: &str, value: String, beside: String) {
        eprintln!("{what}: {value} ({beside})");
        self.rows.push([what.into(), value, beside]);
    }

    /// Prints the table as Markdown.
    #[expect(clippy::print_stdout, reason = "the table is the result")]
    pub fn print(&self) {
        println!("| what | measured | beside |\n|---|---|---|");
        for [what, value, beside] in &self.rows {
            println!("| {what} | {value} | {beside} |");
        }
    }
}

/// `12,345`.
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("?")).collect();
    groups.join(",")
}
