//! Which layout of the Event table answers the four questions of an operator best, and what it costs.
//!
//! ```text
//!  history ─► file log ─► projector ─► kube_event ─► source, in the order of arrival
//!                                                      │ the same blocks of rows
//!                                                      ▼
//!                                     one table per layout: insert, merge, size, questions; at a tenth, and at all
//! ```
//!
//! All rows are real ones: the simulator's Events, encoded by the projector, each with its own uids, names and times. The
//! tenth is the newest part of them, so the growth is that of a history that gets longer. Literals vary; query cache and
//! query condition cache are off; of each question the best of three counts, because the machine is shared.

mod ask;
mod load;
mod shape;

use std::path::Path;

use beidou_schemas::Micros;
use beidou_store::Store;

use crate::{project, report::Report};
use ask::Asker;
use load::Loader;
use shape::LAYOUTS;

/// Event states of the run; `docs/adr/0005` has the figures of this many.
pub const STATES: u64 = 10_000_000;

/// Loads and asks every layout; prints one Markdown line for each table.
#[expect(clippy::print_stdout, reason = "the table is the result")]
pub async fn measure(data: &Path, store: &Store, engine: u32, states: u64, report: &mut Report) -> anyhow::Result<()> {
    let log = project::append(data, states, Micros::of(jiff::Timestamp::now()), report).await?;
    project::project(data, log, store, engine, states, report).await?;
    let loader = Loader::new(store.clone(), engine);
    loader.make_source().await?;
    let newest = loader.newest_tenth().await?;
    let asker = Asker::new(store.clone(), engine).await?;
    println!("{}", load::HEAD);
    for layout in LAYOUTS {
        for from in [newest, 0] {
            let loaded = loader.load(layout, from).await?;
            let answers = asker.ask(layout).await?;
            println!("| {} | {loaded} | {} |", layout.about, answers.join(" | "));
            loader.drop_tables(layout).await?;
        }
    }
    Ok(())
}
