//! Measures the file log: events per second of wall time and of CPU time, for append and for read.
//!
//! `cargo run --release -p beidou-log --example append_read [folder]`. Events of about 1 KB in their real envelope, in
//! batches of 512, a few appends under way at once, one partition. Uses a new folder below the one named.
#![allow(clippy::print_stdout, reason = "printing the figures is what it is for")]

use std::{path::PathBuf, sync::Arc, time::Duration, time::Instant};

use beidou_log::{
    Log, ReadLimit,
    file::{FileLog, FileOptions},
};
use beidou_schemas::{
    Epoch, Identity, Micros, Record, ResourceVersion, Topic, TopicPartition,
    envelope::{EventEnvelope, FoundBy},
};

const BATCH: u64 = 512;
const BATCHES: u64 = 2000;
/// Different batches; they are appended again and again.
const POOL: u64 = 64;
const UNDER_WAY: usize = 4;
const EVENTS: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Fallible<()> {
    let parent: PathBuf = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let dir = parent.join(format!("append_read-{}", std::process::id()));
    let pool = (0..POOL).map(batch).collect::<Fallible<Vec<_>>>()?;
    let bytes: usize = pool.iter().flatten().map(Record::size).sum();
    let count = BATCH * BATCHES;
    println!("{count} events of {} bytes in batches of {BATCH}", bytes as u64 / (POOL * BATCH));

    let log = FileLog::open(FileOptions::new(&dir, [(Topic::KubeEvent, 1)]))?;
    let start = Clock::start()?;
    append(log.as_ref(), &pool).await?;
    start.report("append", count)?;

    let start = Clock::start()?;
    let read = read(log.as_ref()).await?;
    start.report("read", count)?;
    if read != count {
        return Err(format!("read {read} of {count} events").into());
    }
    let mut stored = 0;
    for entry in std::fs::read_dir(dir.join(Topic::KubeEvent.name()).join("0"))? {
        stored += entry?.metadata()?.len();
    }
    println!("disk    {} bytes per event", stored / count);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

async fn append(log: &FileLog, pool: &[Vec<Record>]) -> Fallible<()> {
    let writer = log.writer(EVENTS, "append_read").await?;
    let mut under_way = tokio::task::JoinSet::new();
    for n in 0..BATCHES {
        if under_way.len() == UNDER_WAY
            && let Some(done) = under_way.join_next().await
        {
            done??;
        }
        let (writer, batch) = (Arc::clone(&writer), pool[(n % POOL) as usize].clone());
        under_way.spawn(async move { writer.append(batch).await });
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    Ok(())
}

async fn read(log: &FileLog) -> Fallible<u64> {
    let limit = ReadLimit { max_bytes: 4 * 1024 * 1024, max_wait: Duration::ZERO };
    let (mut next, mut count) = (0, 0);
    loop {
        let batch = log.read(EVENTS, next, limit).await?;
        if batch.records.is_empty() {
            return Ok(count);
        }
        count += batch.records.len() as u64;
        next = batch.next;
    }
}

struct Clock {
    wall: Instant,
    cpu: f64,
}

impl Clock {
    fn start() -> Fallible<Self> {
        Ok(Self { wall: Instant::now(), cpu: cpu_seconds()? })
    }

    fn report(&self, act: &str, count: u64) -> Fallible<()> {
        let (wall, cpu) = (self.wall.elapsed().as_secs_f64(), cpu_seconds()? - self.cpu);
        let per = |seconds: f64| count as f64 / seconds / 1000.0;
        println!("{act:7} {:7.0} k events per CPU second {:7.0} k per second", per(cpu), per(wall));
        Ok(())
    }
}

/// User and system time of this process, in the hundredths of a second of Linux's /proc.
fn cpu_seconds() -> Fallible<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind_name = stat.rsplit(')').next().ok_or("no process name")?;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let ticks: u64 = fields.get(11..13).ok_or("no times")?.iter().map(|f| f.parse::<u64>()).sum::<Result<_, _>>()?;
    Ok(ticks as f64 / 100.0)
}

fn batch(number: u64) -> Fallible<Vec<Record>> {
    (0..BATCH).map(|n| event(number * BATCH + n)).collect()
}

fn event(n: u64) -> Fallible<Record> {
    let random = |salt: u64| {
        (n * 16 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    let uid = |salt| {
        format!("{:08x}-{:04x}-4000-8000-{:012x}", random(salt) >> 32, random(salt) & 0xffff, random(salt + 1) >> 16)
    };
    let (node, app) = (random(2) % 300, ["checkout", "payments", "search", "gateway"][random(3) as usize % 4]);
    let (event, pod_uid, space) = (uid(4), uid(6), random(8) % 40);
    let pod = format!("{app}-{:09x}-{:05x}", random(9) >> 28, random(10) >> 44);
    let time = format!("2026-11-23T13:{:02}:{:02}Z", random(11) % 60, random(12) % 60);
    let json = format!(
        r#"{{"kind":"Event","apiVersion":"v1","metadata":{{"name":"{pod}.{:016x}","namespace":"team-{space}","uid":"{event}","resourceVersion":"{}","creationTimestamp":"{time}"}},"involvedObject":{{"kind":"Pod","namespace":"team-{space}","name":"{pod}","uid":"{pod_uid}","apiVersion":"v1","resourceVersion":"{}","fieldPath":"spec.containers{{{app}}}"}},"reason":"BackOff","message":"Back-off restarting failed container {app} in pod {pod}_team-{space}({pod_uid})","source":{{"component":"kubelet","host":"node-{node}"}},"firstTimestamp":"{time}","lastTimestamp":"{time}","count":{},"type":"Warning","eventTime":null,"reportingComponent":"kubelet","reportingInstance":"node-{node}"}}"#,
        random(13),
        1_000_000 + n,
        900_000 + n / 2,
        1 + random(14) % 90,
    );
    let envelope = EventEnvelope {
        identity: Identity {
            cluster: "0f8fad5b-d9cb-469f-a165-70867728950e".parse()?,
            epoch: Epoch(1),
            event: event.parse()?,
            resource_version: ResourceVersion(1_000_000 + n),
        },
        cluster_name: "hz-prod-02".into(),
        observed: Micros(1_795_444_800_000_000 + (random(15) % 60_000_000) as i64),
        found_by: FoundBy::Watch,
    };
    Ok(envelope.wrap(json.into()))
}
