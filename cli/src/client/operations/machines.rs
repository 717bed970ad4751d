//! `machines`: a list of machines, read by the server.

use serde_json::{Map, Value, json};

use super::{manifest, show_as, text_of};
use crate::{
    args::operations::{Form, Machines},
    client::Client,
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table},
};

/// Reads a list; a line that is no machine makes it a failure.
pub(super) async fn machines(args: Machines) -> anyhow::Result<()> {
    let text = manifest::text(&args.file)?;
    let client = Client::connect(&args.server)?;
    let list = json!({"text": text, "format": args.format, "cluster": args.cluster});
    let answer = client.ask("/api/v1/operations/machines", &list).await?;
    let document = if args.output == Form::Yaml { as_manifest(&answer) } else { answer.clone() };
    show_as(args.output, &document, || client.machine_table(&answer))?;
    let count = |name: &str| answer[name].as_array().map_or(0, Vec::len);
    match count("errors") + answer["more_errors"].as_u64().unwrap_or_default() as usize {
        0 => Ok(()),
        wrong => {
            if args.output == Form::Yaml {
                crate::tell(client.machine_table(&json!({"errors": answer["errors"]})).trim_end());
            }
            let said = format!("{wrong} of {} lines are no machine", answer["lines"]);
            Err(Failure::new(Code::Usage, said, "correct them, or choose how to read it with --format").into())
        }
    }
}

/// `operationMachines` of a manifest; the first of duplicates alone.
pub(super) fn as_manifest(answer: &Value) -> Value {
    let rows = answer["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let machines = rows.iter().filter(|row| row["duplicate_of"].is_null()).map(|row| {
        let said = ["ip", "role", "user", "name", "port"].iter().filter(|name| !row[**name].is_null());
        said.map(|name| ((*name).to_owned(), row[*name].clone())).collect::<Map<_, _>>()
    });
    json!({"operationMachines": machines.collect::<Vec<_>>()})
}

impl Client {
    pub(super) fn machine_table(&self, answer: &Value) -> String {
        let rows = |name: &str| answer[name].as_array().map_or(&[][..], Vec::as_slice).to_vec();
        let mut table = Table::new([
            Column::number("LINE"),
            Column::whole("IP"),
            Column::name("NAME", 8),
            Column::whole("ROLE"),
            Column::whole("USER"),
            Column::number("PORT"),
            Column::words("GROUP", 6),
            Column::whole("REMARK"),
        ]);
        for row in rows("rows") {
            let remark = row["duplicate_of"].as_u64().map_or(String::new(), |line| format!("as line {line}"));
            let mut cells: Vec<Cell> = ["line", "ip", "name", "role", "user", "port", "group"]
                .iter()
                .map(|name| Cell::from(text_of(&row[*name])))
                .collect();
            cells.push(Cell::new(remark, Paint::Warning));
            table.row(cells);
        }
        let mut text = table.text(self.look);
        let errors = rows("errors");
        if !errors.is_empty() {
            let mut table = Table::new([
                Column::number("LINE"),
                Column::whole("WRONG"),
                Column::words("VALUE", 8),
                Column::words("ALLOWED", 20),
            ]);
            for error in errors {
                table.row(vec![
                    Cell::from(text_of(&error["line"])),
                    Cell::new(text_of(&error["field"]), Paint::Bad),
                    Cell::from(text_of(&error["value"])),
                    Cell::from(text_of(&error["allowed"])),
                ]);
            }
            text += &format!("\n{}", table.text(self.look));
        }
        text
    }
}
