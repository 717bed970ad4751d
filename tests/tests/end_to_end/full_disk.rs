//! A full disk under running roles: they say so and wait, they survive a kill meanwhile, and go on by themselves when there
//! is space. Nothing is lost, nothing is degraded.
//!
//! The disk is full by the log's own fail point: a test must not need the rights to make a small file system.

use std::{collections::BTreeSet, fs, time::Duration};

use beidou_simulator::{ApiServer, Fleet, Ledger, Oddity, ServerOptions};
use beidou_tests::{
    faults::site::{Role, Site},
    wait::until,
};

/// From a frame to the table takes a second; a starved machine may take far longer.
const LIMIT: Duration = Duration::from_secs(120);
const SAID: &str = "no space left on the disk of";

/// How often a role has said that the disk is full, with the place and what to do.
fn said(site: &Site, role: Role) -> usize {
    let of_role = format!("{}: ", role.name());
    let lines = site.log_lines().unwrap();
    let said: Vec<_> = lines.iter().filter(|line| line.starts_with(&of_role) && line.contains(SAID)).collect();
    assert!(said.iter().all(|line| line.contains("/log/") && line.contains("free space")), "{said:?}");
    said.len()
}

/// Waits until a role has said it once more than `before`.
async fn says_so(site: &mut Site, role: Role, before: usize) {
    let told = until("the full disk is told", LIMIT, async || {
        site.all_run().unwrap();
        (said(site, role) > before).then_some(())
    });
    if let Err(overdue) = told.await {
        panic!("{overdue}\n{}", site.log_lines().unwrap().join("\n"));
    }
}

async fn stored(site: &mut Site) -> BTreeSet<String> {
    site.sql("SELECT toString(event_uid) FROM kube_event").await.unwrap().into_iter().collect()
}

/// Waits until the table holds exactly these.
async fn holds(site: &mut Site, committed: &BTreeSet<String>) {
    let whole = until("every Event is in the table", LIMIT, async || {
        site.all_run().unwrap();
        // The table comes with the first projector.
        let found = site.sql("SELECT toString(event_uid) FROM kube_event").await.ok()?;
        (found.len() == committed.len()).then_some(found)
    });
    let found = match whole.await {
        Ok(found) => found,
        Err(overdue) => panic!("{overdue}\n{}", site.log_lines().unwrap().join("\n")),
    };
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), *committed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_for_and_nothing_is_lost() {
    let cluster = Fleet::new(7, 1, 3).clusters.remove(0);
    let server = ApiServer::start(ServerOptions::new(cluster, Ledger::default())).await.unwrap();
    let environment = vec![("BEIDOU_FAIL_POINT_FULL_DISK", "../full".into())];
    let mut site = Site::new(std::slice::from_ref(&server), environment).unwrap();
    let full = site.file("full");
    let commit = |n: usize| -> Vec<String> {
        (0..n).map(|_| server.faults().commit_odd(Oddity::UnknownFields).0.to_string()).collect()
    };
    let mut committed = BTreeSet::new();

    // Full at the start: nobody can become the writer of anything.
    fs::write(&full, "").unwrap();
    for role in [Role::Engine, Role::Ingest, Role::Projector] {
        site.start(role).unwrap();
    }
    says_so(&mut site, Role::Ingest, 0).await;
    says_so(&mut site, Role::Projector, 0).await;
    fs::remove_file(&full).unwrap();
    until("the cluster is watched", LIMIT, async || (server.faults().running_streams() > 0).then_some(()))
        .await
        .unwrap();
    committed.extend(commit(5));
    holds(&mut site, &committed).await;

    // Full while they run, and once more after a kill.
    let (before, told) = (committed.clone(), said(&site, Role::Ingest));
    fs::write(&full, "").unwrap();
    committed.extend(commit(20));
    says_so(&mut site, Role::Ingest, told).await;
    site.kill(Role::Ingest).unwrap();
    let told = said(&site, Role::Ingest);
    site.start(Role::Ingest).unwrap();
    says_so(&mut site, Role::Ingest, told).await;
    assert_eq!(stored(&mut site).await, before, "the disk was full");
    committed.extend(commit(5));
    fs::remove_file(&full).unwrap();
    holds(&mut site, &committed).await;
    let broken = "SELECT state, reason, detail FROM kube_coverage FINAL WHERE state != 'complete'";
    // What was before the first list is told once; the full disk broke nothing.
    assert_eq!(site.sql(broken).await.unwrap(), ["degraded\tfirst_list\t"]);
}
