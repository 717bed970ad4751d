//! A store that refuses, that does and refuses, that does and says nothing: a put is told as what it was.

use beidou_schemas::Micros;
use beidou_store::archive::{Archive, Compaction, S3};
use beidou_tests::s3::{
    Server,
    faulty::{Fault, Proxied},
};
use bytes::Bytes;
use uuid::Uuid;

use crate::rows::{MONDAY, end, events, fill, hash_of, read_all};

const ONE: &str = "events/manifest/00000001.json";
/// More than the client repeats a request.
const ALL: usize = 1000;

/// An archive through the proxy that has put once, and the same archive past the proxy.
async fn both(proxied: &Proxied) -> (Archive, Archive) {
    let prefix = Uuid::new_v4().to_string();
    let through = Archive::s3(&S3 { timeout_seconds: 2, ..Server::site(&proxied.url, &prefix) }).unwrap();
    let past = Archive::s3(&Server::site(&proxied.server.url(), &prefix)).unwrap();
    assert!(through.put_new("first", Bytes::from_static(b"first")).await.unwrap());
    (through, past)
}

fn large(seed: u8) -> Bytes {
    vec![seed; (16 << 20) + 1].into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_was_done_is_done_whatever_was_answered() {
    let proxied = Proxied::start().await.unwrap();
    for fault in [Fault::DoesAndRefuses(1), Fault::DoesAndRefuses(ALL), Fault::DoesAndIsSilent(1)] {
        for content in [Bytes::from_static(b"mine"), large(1)] {
            let (through, past) = both(&proxied).await;
            proxied.set(fault);
            let parts = proxied.parts();
            assert!(through.put_new(ONE, content.clone()).await.unwrap(), "{fault:?}");
            assert!(proxied.happened() > 0);
            assert_eq!(proxied.parts() > parts, content.len() > 16 << 20, "what is large goes in parts");
            assert_eq!(past.read(ONE).await.unwrap(), content);
            // Nor is another's taken for one's own.
            proxied.set(fault);
            assert!(!through.put_new(ONE, content).await.unwrap(), "{fault:?}");
            proxied.set(Fault::Refuses(0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_was_refused_is_repeated_or_told() {
    let proxied = Proxied::start().await.unwrap();
    for content in [Bytes::from_static(b"mine"), large(1)] {
        let (through, past) = both(&proxied).await;
        proxied.set(Fault::Refuses(1));
        assert!(through.put_new(ONE, content.clone()).await.unwrap());
        past.remove(ONE).await.unwrap();
        proxied.set(Fault::Refuses(ALL));
        let told = through.put_new(ONE, content.clone()).await.unwrap_err();
        assert!(told.is_retryable() && !told.is_missing(), "{told:?}");
        assert!(past.read(ONE).await.unwrap_err().is_missing());
        proxied.set(Fault::Refuses(0));
        assert!(through.put_new(ONE, content).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_never_removes_what_its_own_manifest_names() {
    let proxied = Proxied::start().await.unwrap();
    for fault in [Fault::DoesAndRefuses(ALL), Fault::DoesAndIsSilent(ALL)] {
        let (through, past) = both(&proxied).await;
        let rows = fill(&past).await;
        proxied.set(fault);
        let done = through.compact(&Compaction::new(end(&rows), Micros(MONDAY))).await.unwrap();
        assert_eq!((done.generation, done.rows), (Some(1), 240), "{fault:?}");
        proxied.set(Fault::Refuses(0));
        let catalogue = past.catalogue().await.unwrap();
        assert_eq!((catalogue.ranges.len(), catalogue.days.len(), catalogue.leftovers.len()), (0, 6, 0));
        assert_eq!(read_all(&past).await, (events(&rows), hash_of(&rows)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_puts_over_what_is_there_is_refused() {
    let proxied = Proxied::start().await.unwrap();
    proxied.set(Fault::PutsOver);
    let archive = Archive::s3(&Server::site(&proxied.url, "site")).unwrap();
    let refused = archive.put_new(ONE, Bytes::from_static(b"mine")).await.unwrap_err();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("If-None-Match"), "{why}");
    assert_eq!(archive.list("events").await.unwrap(), []);
    assert_eq!(archive.list("probe").await.unwrap(), []);
}

/// Clients of their own, as processes have them.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_clients_wins_each_race() {
    const CLIENTS: usize = 8;
    let server = Server::shared().await.unwrap();
    let prefix = Uuid::new_v4().to_string();
    let site = Server::site(&server.url(), &prefix);
    let clients: Vec<_> = (0..CLIENTS).map(|_| Archive::s3(&site).unwrap()).collect();
    for round in 0..12_u8 {
        let path = format!("events/manifest/{round:08}.json");
        let content = |client: usize| match round % 6 {
            0 => large(client as u8),
            _ => format!("client {client}").into(),
        };
        let puts = clients.iter().enumerate().map(|(i, archive)| archive.put_new(&path, content(i)));
        let won: Vec<_> = futures::future::join_all(puts).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> = (0..CLIENTS).filter(|client| won[*client]).collect();
        assert_eq!(winners.len(), 1, "round {round}: {won:?}");
        assert_eq!(clients[0].read(&path).await.unwrap(), content(winners[0]), "round {round}");
    }
}
