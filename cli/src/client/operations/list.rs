//! `list`: operations and tasks as tables.

use serde_json::{Value, json};

use super::{Kind, moment_of, paint_of, present_of, show_as, text_of};
use crate::{
    args::{
        operations::{Form, OperationList, TaskList, Which},
        time,
    },
    client::{Client, http::Parameter},
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table},
};

/// Lists operations.
pub(super) async fn operations(args: OperationList) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.which(&args.which)?;
    query.push(("sort", args.sort.clone()));
    query.extend(args.task.map(|task| ("task", task.to_string())));
    query.extend(args.labels.into_iter().map(|label| ("label", label)));
    client.show_list(Kind::Operation, &query, args.which.limit, args.output).await
}

/// Lists tasks.
pub(super) async fn tasks(args: TaskList) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let mut query = client.which(&args.which)?;
    query.push(("sort", args.sort.clone()));
    client.show_list(Kind::Task, &query, args.which.limit, args.output).await
}

impl Client {
    fn which(&self, which: &Which) -> Result<Vec<Parameter>, Failure> {
        let moment = |text: &String| {
            let parsed = time::parse(text, self.now, &self.zone);
            parsed.map(|time| time.to_string()).map_err(|error| Failure::new(Code::Usage, error, ""))
        };
        let many = |name: &'static str, values: &[String]| {
            values.iter().map(move |value| (name, value.clone())).collect::<Vec<_>>()
        };
        let mut query = many("cluster", &which.clusters);
        query.extend(many("type", &which.types));
        query.extend(many("phase", &which.phases));
        query.extend(many("subject", &which.subjects));
        query.extend(which.text.clone().map(|text| ("text", text)));
        query.extend(which.since.as_ref().map(moment).transpose()?.map(|from| ("from", from)));
        query.extend(which.until.as_ref().map(moment).transpose()?.map(|to| ("to", to)));
        Ok(query)
    }

    async fn show_list(&self, kind: Kind, query: &[Parameter], limit: u32, output: Form) -> anyhow::Result<()> {
        let (rows, total) = self.rows::<Value>(kind.path(), query, limit).await?;
        let document = json!({"items": rows, "total": total});
        show_as(output, &document, || match (rows.is_empty(), kind) {
            (true, Kind::Operation) => "no operation matches\ntry: beidou operation apply -f FILE".to_owned(),
            (true, Kind::Task) => "no task matches\ntry: beidou task apply -f FILE".to_owned(),
            (false, _) => {
                let text = match kind {
                    Kind::Operation => self.operation_table(&rows),
                    Kind::Task => self.task_table(&rows),
                };
                match total > rows.len() as u64 {
                    true => format!("{text}{} of {total}: raise --limit, or narrow it\n", rows.len()),
                    false => text,
                }
            }
        })
    }

    /// A moment of an answer as people read it.
    pub(super) fn moment(&self, value: &Value) -> String {
        moment_of(value).map_or_else(|| "-".to_owned(), |time| self.local(time))
    }

    pub(super) fn operation_table(&self, rows: &[Value]) -> String {
        let mut table = Table::new([
            Column::name("NAME", 12),
            Column::whole("TYPE"),
            Column::name("CLUSTER", 8),
            Column::whole("PHASE"),
            Column::words("REASON", 8),
            Column::number("THROUGH"),
            Column::number("BAD"),
            Column::words("STEP", 6),
            Column::words("BY", 6),
            Column::whole("CREATED"),
            Column::whole("ID"),
        ]);
        for row in rows {
            let phase = text_of(&row["phase"]);
            let bad = row["hosts"]["bad"].as_u64().unwrap_or_default();
            table.row(vec![
                Cell::new(text_of(&row["name"]), Paint::Bold),
                Cell::from(text_of(&row["type"])),
                Cell::from(text_of(&row["cluster"])),
                Cell::new(&phase, paint_of(&phase)),
                Cell::from(text_of(&row["reason"])),
                Cell::from(format!("{}/{}", row["hosts"]["through"], row["hosts"]["total"])),
                Cell::new(bad.to_string(), if bad > 0 { Paint::Bad } else { Paint::Dim }),
                Cell::from(text_of(&row["present"]["step"])),
                Cell::from(text_of(&row["subject"])),
                Cell::from(self.moment(&row["created"])),
                Cell::new(text_of(&row["id"]), Paint::Dim),
            ]);
        }
        table.text(self.look)
    }

    pub(super) fn task_table(&self, rows: &[Value]) -> String {
        let mut table = Table::new([
            Column::name("NAME", 12),
            Column::whole("TYPE"),
            Column::name("CLUSTER", 8),
            Column::whole("PHASE"),
            Column::words("REASON", 8),
            Column::words("STEP", 8),
            Column::number("MACHINES"),
            Column::words("BY", 6),
            Column::whole("CREATED"),
            Column::whole("ID"),
        ]);
        for row in rows {
            let phase = text_of(&row["phase"]);
            table.row(vec![
                Cell::new(text_of(&row["name"]), Paint::Bold),
                Cell::from(text_of(&row["type"])),
                Cell::from(text_of(&row["cluster"])),
                Cell::new(&phase, paint_of(&phase)),
                Cell::from(text_of(&row["reason"])),
                Cell::from(present_of(row).unwrap_or_default()),
                Cell::from(text_of(&row["machines"])),
                Cell::from(text_of(&row["subject"])),
                Cell::from(self.moment(&row["created"])),
                Cell::new(text_of(&row["id"]), Paint::Dim),
            ]);
        }
        table.text(self.look)
    }
}
