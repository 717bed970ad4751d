//! The views for analysts, as their migrations describe them.

use beidou_schemas::ddl::{MIGRATIONS, VIEWS};

/// A view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub comment: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
}

/// A column of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type, as the engine writes it.
    pub column_type: &'static str,
    /// What it means.
    pub comment: String,
}

/// All views.
pub fn views() -> Vec<View> {
    let all = MIGRATIONS.iter().filter(|migration| VIEWS.contains(&migration.name));
    all.map(|migration| {
        let head = migration.sql.lines().map_while(|line| line.strip_prefix("-- "));
        let columns = migration.columns().map(|(name, definition)| {
            let (column_type, comment) = definition.split_once(" COMMENT ").unwrap_or((definition, "''"));
            Column { name, column_type, comment: comment.trim_matches('\'').replace("''", "'") }
        });
        View { name: migration.name, comment: head.collect::<Vec<_>>().join(" "), columns: columns.collect() }
    })
    .collect()
}
