//! The whole product, started while the broker is away.

use std::fs;

use beidou_simulator::{ApiServer, Fleet, Ledger, ServerOptions};
use beidou_tests::{
    beidou::Home,
    faults::site::{Plan, Role, Site},
    kafka::Broker,
    wait::until,
};
use serde_json::json;

use crate::site::PATIENCE;

/// What a role says while no broker answers.
const TRIED: &str = "it is tried again";

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_while_the_broker_is_away_waits_for_it_and_ends_well_when_told_to() {
    let mut broker = Broker::start().await.unwrap();
    broker.kill().unwrap();
    let mut alone = Site::in_kafka(&[], Vec::new(), &broker.address()).unwrap();
    alone.start(Role::Projector).unwrap();

    let cluster = Fleet::new(7, 1, 3).clusters.remove(0);
    let server = ApiServer::start(ServerOptions::new(cluster, Ledger::default())).await.unwrap();
    let cluster = json!({"name": server.cluster().name, "server": server.url(), "token": server.token()});
    let mut home = Home::new().unwrap();
    let (config, printed) = (home.path().join("site.yaml"), home.path().join("beidou.log"));
    fs::write(&config, json!({"clusters": [cluster], "log": Plan::kafka(&broker.address())}).to_string()).unwrap();
    let arguments = ["up", "--config", config.to_str().unwrap()];
    let away = async {
        let says = |site: &Site| site.log(Role::Projector).is_ok_and(|text| text.contains(TRIED));
        until("it waits for the broker", PATIENCE, async || says(&alone).then_some(())).await.unwrap();
        alone.stop(Role::Projector).await.unwrap();
        let tried = || fs::read_to_string(&printed).is_ok_and(|text| text.contains(TRIED));
        until("it has been tried", PATIENCE, async || tried().then_some(())).await.unwrap();
        broker.restart().await.unwrap();
    };
    let (served, ()) = tokio::join!(home.serve(&arguments), away);
    served.unwrap();
}
