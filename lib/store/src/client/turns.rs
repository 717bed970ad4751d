//! Whose turn it is to insert where tables are replicated: while an insert waits for its quorum, its table refuses the next one.
//!
//! ```text
//!  an insert ─► the turn of its table ─► the server takes it ──────────────────────► the next one's turn
//!                                   └──► another process inserts there ─► a pause, and again
//! ```
//!
//! Inserts of one process wait for one another, table by table. One of another process is known by the server's refusal
//! ([`StoreError::is_anothers_turn`]), and waited for as well. That is no failure, and nobody is told of it unless it lasts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::Instant,
};

use super::Store;
use crate::StoreError;

/// Wait before an insert that was refused is sent again: a replica fetches a part, and the quorum is there, in about as long.
const PAUSE: Duration = Duration::from_millis(100);
/// Inserts of others come and go within seconds. A table that refuses for so long misses a replica, and that is to be told.
const LONGEST: Duration = Duration::from_secs(30);

/// Since when a table has refused whoever had the turn.
type RefusedSince = Option<Instant>;
type Held = OwnedMutexGuard<RefusedSince>;

/// The turns of all tables, by name.
#[derive(Default)]
pub(super) struct Turns(Mutex<BTreeMap<String, Arc<AsyncMutex<RefusedSince>>>>);

impl Turns {
    async fn of(&self, table: &str) -> Held {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(table.to_owned()).or_default())
        };
        turn.lock_owned().await
    }
}

impl Store {
    /// Waits for the turn of this process to insert into a table; `None` where tables are not replicated, and nobody has to
    /// wait. Whoever can repeat its insert takes [`Store::in_turn`], which waits for other processes too.
    ///
    /// # Errors
    /// [`StoreError::NoEngine`] while the embedded engine is not there: retry.
    pub(crate) async fn turn(&self, table: &str) -> Result<Option<Held>, StoreError> {
        let clients = self.clients()?;
        match clients.server.cluster {
            Some(_) => Ok(Some(clients.turns.of(table).await)),
            None => Ok(None),
        }
    }

    /// Inserts into a table when it is its turn; called again while the table waits for another process.
    ///
    /// # Errors
    /// That of the insert; [`StoreError::is_anothers_turn`] only after it has been waited for long enough.
    pub(crate) async fn in_turn<F>(&self, table: &str, insert: impl Fn() -> F) -> Result<(), StoreError>
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        let Some(mut refused_since) = self.turn(table).await? else { return insert().await };
        loop {
            let outcome = insert().await;
            if !outcome.as_ref().is_err_and(StoreError::is_anothers_turn) {
                *refused_since = None;
                return outcome;
            }
            // Kept when this one gives up, so that those behind it are told at once.
            let since = *refused_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= LONGEST {
                return outcome;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
    use axum::Router;
    use beidou_schemas::{Micros, ddl::MIGRATIONS};
    use bytes::Bytes;
    use futures::future::try_join_all;
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        Server,
        engine::Credentials,
        hot,
        insert::{Block, insert},
        migrate, retention,
    };

    /// A server that takes inserts, and how many it had at once at most.
    async fn server() -> (String, Arc<AtomicUsize>) {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let highest = Arc::clone(&most);
        let take = move |_body: Bytes| {
            let (now, highest) = (Arc::clone(&now), Arc::clone(&highest));
            async move {
                highest.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                for _ in 0..10_000 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, SeqCst);
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
        (url, most)
    }

    fn store(url: String, cluster: Option<&str>) -> Store {
        let nobody = || Credentials { user: String::new(), password: String::new() };
        let server = Server::at(url, "beidou".into(), nobody(), nobody());
        Store::server(Server { cluster: cluster.map(String::from), ..server }).unwrap()
    }

    fn block(table: &str) -> Block {
        let column: ArrayRef = Arc::new(UInt64Array::from(vec![1]));
        Block::encode(table, "token".into(), &RecordBatch::try_from_iter([("a", column)]).unwrap()).unwrap()
    }

    /// Everything that inserts, each with a table; a rebuild copies into a table that nobody else knows.
    const WAYS: [&str; 4] = ["kube_event", "kube_coverage", "kube_hot", "schema_migration"];

    async fn by_way_of(table: &str, store: &Store) -> Result<(), StoreError> {
        match table {
            "kube_coverage" => retention::note_removed(store, "uid", "name", Micros(0)).await,
            "kube_hot" => hot::note(store, "uid", &["name".to_owned()], Micros(0)).await,
            "schema_migration" => migrate::note(store, &MIGRATIONS[0]).await,
            _ => Ok(()),
        }
    }

    #[tokio::test]
    async fn replicas_are_given_one_insert_at_a_time() {
        for (cluster, together) in [(Some("site"), false), (None, true)] {
            for table in WAYS {
                let (url, most) = server().await;
                let (store, block) = (store(url, cluster), block(table));
                let both = (0..4).map(|_| async {
                    insert(&store, &block).await?;
                    by_way_of(table, &store).await
                });
                try_join_all(both).await.unwrap();
                assert_eq!(most.load(SeqCst) > 1, together, "{table} {cluster:?}");
            }
        }
    }

    #[tokio::test]
    async fn one_table_does_not_wait_for_another() {
        let (url, most) = server().await;
        let (store, blocks) = (store(url, Some("site")), WAYS.map(block));
        try_join_all(blocks.iter().map(|block| insert(&store, block))).await.unwrap();
        assert!(most.load(SeqCst) > 1);
    }

    fn refusal(code: u32) -> Result<(), StoreError> {
        let text = format!("Code: {code}. DB::Exception: no (version 26.7)");
        Err(StoreError::ClickHouse { act: "insert", source: clickhouse::error::Error::BadResponse(text) })
    }

    #[tokio::test(start_paused = true)]
    async fn the_insert_of_another_process_is_waited_for_and_told_when_it_lasts() {
        let store = store("http://127.0.0.1:1".into(), Some("site"));
        let tries = Cell::new(0);
        let third = || {
            tries.set(tries.get() + 1);
            std::future::ready(if tries.get() < 3 { refusal(286) } else { Ok(()) })
        };
        store.in_turn("t", third).await.unwrap();
        assert_eq!(tries.get(), 3);

        let (begun, refused) = (Instant::now(), || std::future::ready(refusal(286)));
        assert!(store.in_turn("t", refused).await.unwrap_err().is_anothers_turn());
        assert!((LONGEST..LONGEST + 2 * PAUSE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        // Whoever comes next need not wait as long to learn of it; once the table takes inserts again, turns are turns.
        let begun = Instant::now();
        store.in_turn("t", refused).await.unwrap_err();
        assert_eq!(begun.elapsed(), Duration::ZERO);
        tries.set(2);
        store.in_turn("t", third).await.unwrap();
        tries.set(0);
        store.in_turn("t", third).await.unwrap();
        assert_eq!(tries.get(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn any_other_failure_is_told_at_once() {
        let store = store("http://127.0.0.1:1".into(), Some("site"));
        let begun = Instant::now();
        for code in [285, 319, 497] {
            let error = store.in_turn("t", || std::future::ready(refusal(code))).await.unwrap_err();
            assert!(!error.is_anothers_turn(), "{code}");
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
