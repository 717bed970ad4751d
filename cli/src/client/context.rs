//! `beidou context`: which servers are known, and which is meant.

use crate::{
    args::clients::{Context, ContextAction},
    contexts::Contexts,
    output::{Cell, Column, Look, Paint, Table},
    places::Places,
    token,
};

/// Lists the contexts, or chooses one.
///
/// # Errors
/// When the context file cannot be read or written, or has no such context.
pub fn context(args: &Context) -> anyhow::Result<()> {
    let path = Places::from_environment().contexts()?;
    let mut contexts = Contexts::read(&path)?;
    match &args.action {
        ContextAction::List if contexts.contexts.is_empty() => {
            crate::say(&format!("{} has no contexts; `beidou demo` and `beidou up` write one", path.display()));
        }
        ContextAction::List => crate::say(table(&contexts).text(Look::of_stdout()).trim_end()),
        ContextAction::Use { name } => {
            contexts.choose(name)?;
            contexts.write(&path)?;
            crate::say(&format!("{name} is the current context"));
        }
    }
    Ok(())
}

fn table(contexts: &Contexts) -> Table {
    let mut table =
        Table::new([Column::whole("CURRENT"), Column::whole("NAME"), Column::whole("URL"), Column::whole("TOKEN")]);
    for context in &contexts.contexts {
        let current = if contexts.current.as_ref() == Some(&context.name) { "*" } else { "" };
        table.row(vec![
            Cell::new(current, Paint::Good),
            Cell::from(&context.name),
            Cell::from(&context.url),
            Cell::new(token::hint(&context.token), Paint::Dim),
        ]);
    }
    table
}
