//! The whole product, started while the broker is away.

use std::fs;

use beidou_simulator::{ApiServer, Fleet, Ledger, ServerOptions};
use beidou_tests::{beidou::Home, faults::site::Plan, kafka::Broker, wait::until};
use serde_json::json;

use crate::site::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_while_the_broker_is_away_waits_for_it() {
    let mut broker = Broker::start().await.unwrap();
    broker.kill().unwrap();
    let cluster = Fleet::new(7, 1, 3).clusters.remove(0);
    let server = ApiServer::start(ServerOptions::new(cluster, Ledger::default())).await.unwrap();
    let cluster = json!({"name": server.cluster().name, "server": server.url(), "token": server.token()});
    let mut home = Home::new().unwrap();
    let (config, printed) = (home.path().join("site.yaml"), home.path().join("beidou.log"));
    fs::write(&config, json!({"clusters": [cluster], "log": Plan::kafka(&broker.address())}).to_string()).unwrap();
    let arguments = ["up", "--config", config.to_str().unwrap()];
    let away = async {
        let tried = || fs::read_to_string(&printed).is_ok_and(|text| text.contains("it is tried again"));
        until("it has been tried", PATIENCE, async || tried().then_some(())).await.unwrap();
        broker.restart().await.unwrap();
    };
    let (served, ()) = tokio::join!(home.serve(&arguments), away);
    served.unwrap();
}
