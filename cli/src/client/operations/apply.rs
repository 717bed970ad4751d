//! `apply`: each document of a file becomes a command.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Kind, manifest, paint_of, show_as, text_of};
use crate::{
    args::operations::Apply,
    client::Client,
    exit::{Code, Failure},
    output::{Cell, Column, Table},
};

/// Makes what the manifests say. All are read before the first is sent.
pub(super) async fn apply(args: Apply) -> anyhow::Result<()> {
    let mut manifests = manifest::read(&manifest::text(&args.file)?)?;
    for manifest in &mut manifests {
        manifest.body["why"] = args.why.as_str().into();
    }
    if manifests.len() > 1 && (args.key.is_some() || args.watch) {
        let said = format!("the file has {} documents; --key and --watch are for one", manifests.len());
        return Err(Failure::new(Code::Usage, said, "apply them one by one").into());
    }
    let client = Client::connect(&args.server)?;
    let mut made: Vec<(Kind, Value)> = Vec::new();
    for manifest in &manifests {
        let key = args.key.unwrap_or_else(Uuid::new_v4);
        match client.http.command(manifest.kind.path(), &manifest.body, key).await {
            Ok(answer) => made.push((manifest.kind, answer)),
            Err(failure) => {
                // What was made already is told before the failure is.
                show(&client, &args, &manifests, &made)?;
                let said = format!("{} {} was not made: {}", manifest.kind.name(), manifest.name, failure.text);
                return Err(Failure { text: said, ..failure }.into());
            }
        }
    }
    show(&client, &args, &manifests, &made)?;
    match (&made[..], args.watch) {
        ([(kind, answer)], true) => {
            let id: Uuid = text_of(&answer["id"]).parse()?;
            client.watch(*kind, id, true).await
        }
        _ => Ok(()),
    }
}

fn show(client: &Client, args: &Apply, manifests: &[manifest::Manifest], made: &[(Kind, Value)]) -> anyhow::Result<()> {
    if made.is_empty() {
        return Ok(());
    }
    let document = match made {
        [(_, one)] if manifests.len() == 1 => one.clone(),
        all => json!({"items": all.iter().map(|(_, answer)| answer).collect::<Vec<_>>()}),
    };
    show_as(args.output, &document, || {
        let mut table = Table::new([
            Column::whole("KIND"),
            Column::name("NAME", 12),
            Column::whole("ID"),
            Column::whole("PHASE"),
            Column::words("MESSAGE", 10),
        ]);
        for ((kind, answer), manifest) in made.iter().zip(manifests) {
            let object = &answer[kind.name()];
            let waits = answer["outcome"] == "waiting";
            let phase = if waits { "waiting".to_owned() } else { text_of(&object["phase"]) };
            let message = match waits {
                true => format!("controllers have not answered yet; command {}", text_of(&answer["command"])),
                false => text_of(&object["message"]),
            };
            table.row(vec![
                Cell::from(kind.name()),
                Cell::from(&manifest.name),
                Cell::from(text_of(&answer["id"])),
                Cell::new(&phase, paint_of(&phase)),
                Cell::from(message),
            ]);
        }
        table.text(client.look)
    })
}
