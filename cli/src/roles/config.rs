//! `beidou config`: what is set, and by what.

use crate::{
    args::roles::Config,
    output::{Cell, Column, Look, Paint, Table},
    site,
};

/// Prints the effective configuration, or an example.
///
/// # Errors
/// When the configuration is not valid.
pub fn main(args: &Config) -> anyhow::Result<()> {
    if args.example {
        crate::say(site::EXAMPLE.trim_end());
        return Ok(());
    }
    let loaded = site::read(&args.role, Vec::new())?;
    if args.json {
        crate::say(&serde_json::to_string_pretty(&loaded.settings)?);
        return Ok(());
    }
    let mut table = Table::new([Column::whole("KEY"), Column::words("VALUE", 12), Column::words("SOURCE", 12)]);
    for setting in &loaded.settings {
        let value = match &setting.value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Null => "-".into(),
            other => other.to_string(),
        };
        let source = if setting.source == "default" { Paint::Dim } else { Paint::Plain };
        table.row(vec![Cell::from(&setting.key), Cell::from(value), Cell::new(&setting.source, source)]);
    }
    crate::say(table.text(Look::of_stdout()).trim_end());
    for name in &loaded.ignored {
        crate::tell(&format!("note: {name} sets no key of the configuration and is ignored"));
    }
    Ok(())
}
