//! Filling a layout as the projector fills the table: block after block in the order of arrival, and merging it.

use std::fmt;

use beidou_store::Store;

use super::shape::{Layout, columns, names};
use crate::{project::merged, usage::cpu_of};

/// Rows of a block, as in a cut of the projector under load.
const BLOCK: &str = "65536";

/// The head of the table of results.
pub const HEAD: &str = "| layout | M rows | insert, CPU µs a row | merges, CPU µs a row | bytes a row | of these indexes | \
    projections, tables beside | timeline 7 d | newest Warnings of 15 min | of 24 h | 24 h histogram | 24 h facets | rare word |\n\
    |---|---|---|---|---|---|---|---|---|---|---|---|---|";

/// What a layout costs.
#[derive(Debug)]
pub struct Loaded {
    rows: f64,
    insert: f64,
    merge: f64,
    bytes: f64,
    indexes: f64,
    beside: f64,
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, insert, merge, bytes, indexes, beside } = self;
        write!(f, "{:.1} | {insert:.1} | {merge:.1} | {bytes:.1} | {indexes:.1} | {beside:.1}", rows / 1e6)
    }
}

/// Loads layouts.
#[derive(Debug)]
pub struct Loader {
    store: Store,
    engine: u32,
}

impl Loader {
    /// A loader; `engine` is the engine's process.
    pub fn new(store: Store, engine: u32) -> Self {
        Self { store, engine }
    }

    /// Copies the projected rows into a table in the order of arrival.
    pub async fn make_source(&self) -> anyhow::Result<()> {
        let (columns, names) = (columns()?.join(", "), names()?);
        self.run(&format!("CREATE TABLE source ({columns}) ENGINE = MergeTree ORDER BY observed")).await?;
        self.run(&format!("INSERT INTO source ({names}) SELECT {names} FROM kube_event")).await
    }

    /// When the newest tenth of the rows begins, in microseconds.
    pub async fn newest_tenth(&self) -> anyhow::Result<i64> {
        let sql = "SELECT max(at) - intDiv(max(at) - min(at), 10) FROM (SELECT toUnixTimestamp64Micro(observed) AS at FROM source)";
        Ok(self.store.reader()?.query(sql).fetch_one().await?)
    }

    /// Makes the layout's tables and fills them with what was observed since `from`. The cost of reading the source is
    /// taken off.
    pub async fn load(&self, layout: &Layout, from: i64) -> anyhow::Result<Loaded> {
        for statement in layout.statements()? {
            self.run(&statement).await?;
        }
        let (table, names) = (layout.table, names()?);
        let select = format!(
            "SELECT {names} FROM source WHERE observed >= fromUnixTimestamp64Micro({from}, 'UTC') ORDER BY observed"
        );
        let reading = self.cost(&format!("{select} FORMAT Null")).await?;
        self.run(&format!("SYSTEM STOP MERGES {table}")).await?;
        let inserting = self.cost(&format!("INSERT INTO {table} ({names}) {select}")).await?;
        let begun = cpu_of(self.engine)?;
        self.run(&format!("SYSTEM START MERGES {table}")).await?;
        merged(&self.store).await?;
        let merging = cpu_of(self.engine)? - begun;
        let rows = self.number(&format!("SELECT count() FROM {table}")).await?;
        let parts = format!("FROM system.parts WHERE active AND database = currentDatabase() AND table = '{table}'");
        let beside =
            format!("FROM system.parts WHERE active AND database = currentDatabase() AND table = '{table}_seen'");
        let projections =
            format!("FROM system.projection_parts WHERE active AND database = currentDatabase() AND table = '{table}'");
        let seen = self.number(&format!("SELECT sum(bytes_on_disk) {beside}")).await?;
        Ok(Loaded {
            rows,
            insert: (inserting - reading) * 1e6 / rows,
            merge: merging * 1e6 / rows,
            bytes: (self.number(&format!("SELECT sum(bytes_on_disk) {parts}")).await? + seen) / rows,
            indexes: self.number(&format!("SELECT sum(secondary_indices_compressed_bytes) {parts}")).await? / rows,
            beside: (self.number(&format!("SELECT sum(bytes_on_disk) {projections}")).await? + seen) / rows,
        })
    }

    /// Removes the layout's tables.
    pub async fn drop_tables(&self, layout: &Layout) -> anyhow::Result<()> {
        for table in layout.tables() {
            self.run(&format!("DROP TABLE {table} SYNC")).await?;
        }
        Ok(())
    }

    async fn cost(&self, sql: &str) -> anyhow::Result<f64> {
        let begun = cpu_of(self.engine)?;
        self.run(sql).await?;
        Ok(cpu_of(self.engine)? - begun)
    }

    async fn number(&self, sql: &str) -> anyhow::Result<f64> {
        let number: u64 =
            self.store.reader()?.query(&format!("SELECT toUInt64(assumeNotNull(({sql})))")).fetch_one().await?;
        Ok(number as f64)
    }

    /// One thread and blocks of one size: what a single projector worker does.
    async fn run(&self, sql: &str) -> anyhow::Result<()> {
        let mut query = self.store.writer()?.query_raw(sql);
        for (name, value) in [
            ("max_threads", "1"),
            ("max_insert_threads", "1"),
            ("max_block_size", BLOCK),
            ("max_insert_block_size", BLOCK),
            ("min_insert_block_size_rows", BLOCK),
            ("min_insert_block_size_bytes", "0"),
        ] {
            query = query.with_setting(name, value);
        }
        Ok(query.execute().await?)
    }
}
