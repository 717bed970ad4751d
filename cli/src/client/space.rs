//! `beidou space`: what tables, archive and log take, what a day adds, and when the disk is full.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Client;
use crate::{
    args::clients::{Output, Space},
    output::{Cell, Column, Look, Paint, Table},
};

/// The answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    tables: Vec<TableSpace>,
    archive: Option<Archive>,
    #[serde(default)]
    archive_unknown: Option<String>,
    log: Vec<Topic>,
    disks: Vec<Disk>,
    growth: Option<Growth>,
    #[serde(default)]
    growth_unknown: Option<String>,
}

#[derive(Debug, Deserialize)]
struct TableSpace {
    table: String,
    rows: u64,
    bytes: u64,
    data_bytes: u64,
    index_bytes: u64,
    projection_bytes: u64,
    outdated_bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Archive {
    days: Files,
    ranges: Files,
}

#[derive(Debug, Deserialize)]
struct Files {
    files: u64,
    bytes: u64,
    rows: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Topic {
    topic: String,
    bytes: u64,
    most_bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Disk {
    disk: String,
    free_bytes: u64,
    total_bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Growth {
    rows_per_day: u64,
    bytes_per_day: u64,
    full_at: Option<Timestamp>,
}

/// Shows the space.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn space(args: Space) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let answer: Box<RawValue> = client.http.get("/api/v1/space", &[]).await?;
    match args.output {
        Output::Table => crate::say(text(&serde_json::from_str(answer.get())?, client.look).trim_end()),
        Output::Json => {
            let value: serde_json::Value = serde_json::from_str(answer.get())?;
            crate::say(&serde_json::to_string_pretty(&value)?);
        }
        Output::Ndjson => crate::say(answer.get()),
    }
    Ok(())
}

fn text(answer: &Answer, look: Look) -> String {
    let mut table = Table::new([
        Column::name("WHAT", 12),
        Column::number("BYTES"),
        Column::number("ROWS"),
        Column::words("OF THIS", 16),
    ]);
    let mut row = |what: &str, bytes: u64, rows: Option<u64>, detail: String| {
        let rows = rows.map_or_else(|| "-".into(), |rows| rows.to_string());
        table.row(vec![what.into(), size(bytes).into(), rows.into(), Cell::new(detail, Paint::Dim)]);
    };
    for t in &answer.tables {
        let mut detail = format!(
            "data {}, indexes {}, roll-ups {}",
            size(t.data_bytes),
            size(t.index_bytes),
            size(t.projection_bytes)
        );
        if t.outdated_bytes > 0 {
            detail += &format!("; {} more go within minutes", size(t.outdated_bytes));
        }
        row(&format!("table {}", t.table), t.bytes, Some(t.rows), detail);
    }
    if let Some(archive) = &answer.archive {
        for (name, files) in [("archive, days", &archive.days), ("archive, ranges", &archive.ranges)] {
            row(name, files.bytes, files.rows, format!("{} files", files.files));
        }
    }
    for topic in &answer.log {
        let bound = if topic.most_bytes == 0 { "kept".into() } else { format!("at most {}", size(topic.most_bytes)) };
        row(&format!("log {}", topic.topic), topic.bytes, None, bound);
    }
    let mut text = table.text(look);
    if let Some(why) = &answer.archive_unknown {
        text += &format!("archive: not known, {why}\n");
    }
    for disk in &answer.disks {
        text += &format!("disk {}: {} free of {}\n", disk.disk, size(disk.free_bytes), size(disk.total_bytes));
    }
    text + &growth(answer)
}

fn growth(answer: &Answer) -> String {
    let Some(growth) = &answer.growth else {
        return format!(
            "growth: not known, {}\n",
            answer.growth_unknown.as_deref().unwrap_or("the server does not say why")
        );
    };
    let full = match growth.full_at {
        Some(at) => format!("full about {}", at.strftime("%Y-%m-%d")),
        None => "not full in this century".into(),
    };
    format!("growth: {} and {} rows a day; at this rate {full}\n", size(growth.bytes_per_day), growth.rows_per_day)
}

/// A size with three digits or so, in powers of 1024.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_the_whole_answer_are_golden() {
        assert_eq!(
            [0, 1023, 1024, 1 << 30, u64::MAX].map(size),
            ["0 B", "1023 B", "1.0 KiB", "1.0 GiB", "16777216.0 TiB"]
        );
        let json = serde_json::json!({
            "tables": [{"table": "kube_event", "rows": 1_000_000, "parts": 3, "bytes": 52_000_000, "data_bytes": 40_000_000,
                "index_bytes": 9_000_000, "projection_bytes": 2_500_000, "outdated_bytes": 4096}],
            "archive": {"bytes": 45_000_000, "days": {"files": 21, "bytes": 44_000_000, "rows": 980_000},
                "ranges": {"files": 4, "bytes": 1_000_000, "rows": null}},
            "log": [{"topic": "beidou.kube.event.v1", "bytes": 150_000_000, "most_bytes": 21_474_836_480u64}],
            "disks": [{"disk": "default", "free_bytes": 49_000_000_000u64, "total_bytes": 270_000_000_000u64}],
            "growth": {"rows_per_day": 143_000, "bytes_per_day": 13_900_000, "full_at": "2032-03-01T00:00:00Z"}
        });
        let look = Look { width: None, colour: false };
        let known: Answer = serde_json::from_value(json.clone()).unwrap();
        let mut unknown = json;
        unknown["archive"] = serde_json::Value::Null;
        unknown["archive_unknown"] = "the archive cannot be read".into();
        let away: Answer = serde_json::from_value(unknown.clone()).unwrap();
        assert!(text(&away, look).contains("\narchive: not known, the archive cannot be read\ndisk default"));
        unknown["growth"] = serde_json::Value::Null;
        unknown["growth_unknown"] = "there is less than a day of Events".into();
        let unknown: Answer = serde_json::from_value(unknown).unwrap();
        insta::assert_snapshot!(format!("{}---\n{}", text(&known, look), growth(&unknown)));
    }
}
