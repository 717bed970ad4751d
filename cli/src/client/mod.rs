//! The client: asks query-api over HTTP, and shows what it answers.
//!
//! ```text
//!  flags + context ──► http (GET, retries, problems) ──► pages (cursor by cursor) ──► output
//!                                  └──► follow (server-sent events, resumed by id)
//! ```

pub mod answer;
mod caret;
mod clusters;
mod context;
mod coverage;
mod empty;
mod events;
mod explain;
mod exports;
mod facets;
mod follow;
mod footer;
mod histogram;
pub mod http;
mod import;
mod neighbours;
mod occurrences;
mod operations;
mod patterns;
mod picture;
mod queries;
mod query;
mod rejects;
mod running;
mod show;
mod space;
mod sql;
pub mod sse;
#[cfg(test)]
mod tests;
mod timeline;
mod upkeep;

pub use clusters::clusters;
pub use context::context;
pub use coverage::coverage;
pub use events::events;
pub use explain::explain;
pub use exports::{export, exports};
pub use facets::facets;
pub use histogram::histogram;
pub use import::import;
pub use neighbours::neighbours;
pub use occurrences::occurrences;
pub use operations::{operation, task};
pub use patterns::patterns;
pub use queries::queries;
pub use rejects::rejects;
pub use running::running;
pub use space::space;
pub use sql::sql;
pub use timeline::timeline;
pub use upkeep::{audit, rebuild};

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    args::clients::Server,
    client::http::Http,
    contexts::Contexts,
    output::{Look, time},
    places::Places,
};

/// What every client needs: the server, the terminal, the clock.
#[derive(Debug)]
pub struct Client {
    http: Http,
    look: Look,
    now: Timestamp,
    zone: TimeZone,
}

impl Client {
    /// A client of the server that flags, environment and context file name.
    ///
    /// # Errors
    /// When no server is named, or the context file cannot be read.
    pub fn connect(server: &Server) -> anyhow::Result<Self> {
        let named = server.url.as_ref().is_some_and(|url| !url.is_empty());
        let contexts = match Places::from_environment().contexts() {
            Ok(path) => Contexts::read(&path)?,
            // A server that is named in full needs no file.
            Err(_) if named => Contexts::default(),
            Err(failure) => return Err(failure.into()),
        };
        let http = Http::new(contexts.target(server)?)?;
        Ok(Self { http, look: Look::of_stdout(), now: Timestamp::now(), zone: TimeZone::system() })
    }

    /// A moment as people read it.
    fn local(&self, time: Timestamp) -> String {
        time::local(time, self.now, &self.zone)
    }
}
