//! What holds on a cluster holds while it cannot be asked, and as long as somebody names it.

use std::{fs, net::TcpListener, sync::atomic::Ordering};

use beidou_controllers::{config::TargetConfig, fault::Faults};
use beidou_crds::Freeze;
use beidou_schemas::operation::{
    Object,
    fact::{Body, Fact},
};
use serde_json::json;

use crate::support::{ApiServer, Site, of_nodes};

fn ruled<'a>(facts: &'a [Fact], cluster: &str) -> Vec<&'a Body> {
    let of_it = |body: &&Body| matches!(body, Body::ClusterRuled(ruled) if ruled.cluster == cluster);
    facts.iter().map(|fact| &fact.body).filter(of_it).collect()
}

#[tokio::test]
async fn a_cluster_that_cannot_be_used_keeps_its_pool_and_its_freezes() {
    for credentials in [true, false] {
        let (mut site, server) = (Site::new(), ApiServer::start().await);
        let file = site.knows(&server, "k");
        let [from, until] = ["2026-01-01T00:00:00Z", "2999-01-01T00:00:00Z"].map(str::to_owned);
        site.config.clusters[1].freezes = vec![Freeze { from, until, why: "holidays".into() }];
        // What comes behind it in the alphabet is told behind it.
        site.config.clusters.push(TargetConfig::named("z"));
        let (run, stop) = site.start(Faults::default());
        let facts =
            site.facts_until(|fact| matches!(&fact.body, Body::ClusterRuled(ruled) if ruled.cluster == "z")).await;
        let [Body::ClusterRuled(known)] = ruled(&facts, "k")[..] else { panic!("{facts:?}") };
        let rules = known.rules.as_ref().unwrap();
        assert_eq!((rules.pool, rules.freezes.len()), (2, 1));
        stop.cancel();
        run.await.unwrap().unwrap();

        server.state.away.store(true, Ordering::Relaxed);
        if !credentials {
            fs::remove_file(file).unwrap();
        }
        site.config.clusters.retain(|cluster| cluster.name != "z");
        let (run, stop) = site.start(Faults::default());
        let gone = |fact: &Fact| matches!(&fact.body, Body::ClusterRuled(ruled) if ruled.cluster == "z" && ruled.rules.is_none());
        let facts = site.facts_until(gone).await;
        assert_eq!(ruled(&facts, "k").len(), 1, "nothing new was told of it");
        stop.cancel();
        run.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_node_is_found_while_other_clusters_do_not_answer() {
    let (mut site, server) = (Site::new(), ApiServer::start().await);
    site.knows(&server, "k");
    let (run, stop) = site.start(Faults::default());
    site.known("k").await;
    stop.cancel();
    run.await.unwrap().unwrap();

    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = site.folder.path().join("silent");
    fs::write(&file, ApiServer::kubeconfig_at(&format!("http://{}", silent.local_addr().unwrap()))).unwrap();
    let before = |place: usize| TargetConfig {
        kubeconfig: (place.is_multiple_of(40)).then(|| file.clone()),
        ..TargetConfig::named(&format!("a{place}"))
    };
    site.config.clusters.splice(0..0, (0..41).map(before));
    let (run, stop) = site.start(Faults::default());
    let mut spec = of_nodes("Cordon", &[]);
    spec["operationMachines"] = json!([{"name": "n1"}]);
    let id = site.request(1, spec).await;
    let facts = site.facts_until(|fact| fact.object == Object::Operation(id)).await;
    let Body::Accepted(accepted) = &facts.last().unwrap().body else { panic!("{:?}", facts.last()) };
    assert_eq!(accepted.spec.operation_machines[0].ip, "10.0.0.1");
    stop.cancel();
    run.await.unwrap().unwrap();
}
