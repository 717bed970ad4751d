//! Frames that an API server loses without a word are found by the next list beside the watch, stored once, and told.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use anyhow::Context;
use beidou_simulator::{
    ApiServer, Clock, Feeder, Fleet, Ledger, Live, ServerOptions, StateId,
    generate::EventStream,
    oracle::{Judge, Life, LossCause},
};
use beidou_tests::{
    beidou::http,
    faults::site::{HEARTBEAT, Role, Site},
    wait::until,
};
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(180);
const SEED: u64 = 11;
/// Events per second.
const RATE: f64 = 50.0;
/// So many frames are lost at least.
const LOST: usize = 20;

struct World {
    server: ApiServer,
    feed: Live,
    ledger: Ledger,
    site: Site,
}

impl World {
    async fn start() -> anyhow::Result<Self> {
        let ledger = Ledger::default();
        let cluster = Fleet::new(SEED, 1, 10).clusters.remove(0);
        let options = ServerOptions { seed: SEED, ..ServerOptions::new(cluster.clone(), ledger.clone()) };
        let server = ApiServer::start(options).await?;
        let stream = EventStream::new(SEED, cluster, Clock::Real.now_us(), RATE, i64::MAX);
        let feed = Live::start(Feeder::new(server.clone(), Clock::Real, stream), RATE);
        let mut site = Site::new(std::slice::from_ref(&server), Vec::new())?;
        for role in [Role::Engine, Role::Ingest, Role::Projector] {
            site.start(role)?;
        }
        let mut world = Self { server, feed, ledger, site };
        until("the watch brings Events", LIMIT, async || {
            let count = world.rows("SELECT count() FROM kube_event WHERE found_by = 'watch'").await?;
            (count[0] != "0").then_some(())
        })
        .await?;
        Ok(world)
    }

    /// `None` while the engine or the table is not there yet.
    async fn rows(&mut self, sql: &str) -> Option<Vec<String>> {
        self.site.all_run().expect("every role runs");
        self.site.sql(sql).await.ok()
    }

    /// States whose frames were lost, with their lives; heartbeats are no history.
    async fn lost(&self) -> anyhow::Result<HashMap<StateId, Life>> {
        let own = self.heartbeats().await?;
        let judge = Judge::of(&self.ledger.entries());
        let dropped = judge.losses().iter().filter(|loss| loss.cause == LossCause::Dropped);
        let states = dropped.flat_map(|loss| &loss.lost).filter(|state| !own.contains(&state.uid));
        Ok(states.map(|state| (*state, judge.states()[state])).collect())
    }

    async fn heartbeats(&self) -> anyhow::Result<HashSet<Uuid>> {
        let url = format!("{}/api/v1/namespaces/default/events", self.server.url());
        let list = http().get(url).bearer_auth(self.server.token()).send().await?.error_for_status()?;
        let list: serde_json::Value = list.json().await?;
        let items = list["items"].as_array().context("a list has items")?;
        let own = items.iter().filter(|item| item["reason"] == "BeidouHeartbeat");
        own.map(|item| Ok(item["metadata"]["uid"].as_str().context("an Event has a uid")?.parse()?)).collect()
    }

    /// Versions in the table, and how each was found.
    async fn stored(&mut self) -> Option<Vec<(u64, String)>> {
        let rows = self.rows("SELECT resource_version, found_by FROM kube_event").await?;
        rows.iter().map(|row| row.split_once('\t').and_then(|(v, by)| Some((v.parse().ok()?, by.into())))).collect()
    }

    /// Intervals in which the watch is said to have missed something.
    async fn told(&mut self) -> anyhow::Result<Vec<(i64, i64)>> {
        let sql = "SELECT toUnixTimestamp64Micro(from_time), toUnixTimestamp64Micro(until_time) FROM kube_coverage FINAL \
                   WHERE state = 'degraded' AND reason = 'missed_by_watch'";
        let rows = self.site.sql(sql).await?;
        let read = |row: &String| {
            let (from, until) = row.split_once('\t').context("two columns")?;
            Ok((from.parse()?, until.parse()?))
        };
        rows.iter().map(read).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_was_dropped_is_found_by_the_next_list_stored_once_and_told() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.server.faults().drop_frames(0.2);
    until("frames are lost", LIMIT, async || {
        let lost = world.lost().await.ok()?;
        (lost.values().filter(|life| life.until_us.is_none()).count() >= LOST).then_some(())
    })
    .await?;
    world.server.faults().drop_frames(0.0);
    world.feed.set_rate(0.0);

    let lost = world.lost().await?;
    let still_there: Vec<_> = lost.iter().filter(|(_, life)| life.until_us.is_none()).collect();
    let versions: HashSet<u64> = still_there.iter().map(|(state, _)| state.resource_version).collect();
    let stored = until("a list has shown what the watch missed", LIMIT, async || {
        let stored = world.stored().await?;
        let have: HashSet<u64> = stored.iter().map(|(version, _)| *version).collect();
        versions.is_subset(&have).then_some(stored)
    })
    .await?;

    let distinct: HashSet<u64> = stored.iter().map(|(version, _)| *version).collect();
    assert_eq!(stored.len(), distinct.len(), "each state is stored once");
    let found = stored.iter().filter(|(version, _)| versions.contains(version));
    assert!(found.clone().all(|(_, by)| by == "list"), "the watch never brought them: {:?}", found.collect::<Vec<_>>());

    let inside = |told: &[(i64, i64)], life: &Life| {
        told.iter().any(|(from, until)| *from <= life.from_us && life.from_us < *until)
    };
    let told = until("what was missed is told", LIMIT, async || {
        let told = world.told().await.ok()?;
        still_there.iter().all(|(_, life)| inside(&told, life)).then_some(told)
    })
    .await?;
    for (from, until) in &told {
        // Neighbours whose brackets overlap are told together: each adds its own at most.
        let states = lost.values().filter(|life| *from <= life.from_us && life.from_us < *until).count() as i64;
        assert!(states > 0, "nothing was lost in {from}..{until}");
        let most = (states + 1) * HEARTBEAT.as_micros() as i64;
        assert!(until - from <= most, "{} us for {states} states", until - from);
    }
    Ok(())
}
