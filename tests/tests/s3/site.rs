//! A whole site whose archive is a bucket: what comes in is there, the audit finds nothing, and the table is filled anew
//! from there, also when the store fails now and then.

use std::{fs, path::PathBuf, time::Duration};

use beidou_simulator::{ApiServer, Fleet, Ledger, ServerOptions};
use beidou_store::archive::Archive;
use beidou_tests::{
    beidou::Home,
    s3::{
        BUCKET, KEY_ID, SECRET, Server,
        faulty::{Fault, Proxied},
    },
    wait::until,
};
use serde_json::{Value, json};

/// From a record to its file takes two seconds; a starved machine may take far longer.
const LIMIT: Duration = Duration::from_secs(120);
/// What the dump holds, beside what it refuses.
const IMPORTED: u64 = 7;

struct Site {
    home: Home,
    config: PathBuf,
    store: Proxied,
    _cluster: ApiServer,
}

impl Site {
    async fn start() -> Self {
        let store = Proxied::start().await.unwrap();
        let cluster = Fleet::new(5, 1, 3).clusters.remove(0);
        let cluster = ApiServer::start(ServerOptions::new(cluster, Ledger::default())).await.unwrap();
        let mut home = Home::new().unwrap();
        let config = home.path().join("site.yaml");
        fs::write(home.path().join("s3.secret"), format!("{SECRET}\n")).unwrap();
        let s3 = json!({
            "bucket": BUCKET, "prefix": "site", "endpoint": store.url, "allow_http": true,
            "access_key_id": KEY_ID, "secret_access_key_file": "s3.secret",
        });
        let site = json!({
            "clusters": [{"name": "watched", "server": cluster.url(), "token": cluster.token()}],
            "ingest": {"heartbeat_ms": 1000},
            "archive": {"max_age_seconds": 1, "s3": s3},
        });
        fs::write(&config, site.to_string()).unwrap();
        home.serve(&["up", "--config", config.to_str().unwrap()]).await.unwrap();
        Self { home, config, store, _cluster: cluster }
    }

    /// A command that reads the configuration.
    fn own(&self, arguments: &[&str]) -> String {
        let data = self.home.data();
        let of_site = ["--config", self.config.to_str().unwrap(), "--data", data.to_str().unwrap()];
        self.home.print(&[arguments, &of_site].concat()).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.home.print(arguments).unwrap()).unwrap()
    }

    /// Rows of the bucket, past Beidou.
    async fn archived(&self) -> u64 {
        let archive = Archive::s3(&Server::site(&self.store.server.url(), "site")).unwrap();
        let catalogue = archive.catalogue().await.unwrap();
        let mut rows = catalogue.in_days().rows.unwrap();
        for file in catalogue.ranges {
            rows += archive.open(&file.path).await.unwrap().note().rows;
        }
        rows
    }

    async fn import(&self, cluster: &str) {
        let dump = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../lib/model/golden/import/kubectl-get-events.json");
        let done = self.home.run(&["import", "--cluster", cluster, dump.to_str().unwrap()]).unwrap();
        // It refuses some states of the dump, and says so.
        assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_is_in_the_bucket_and_comes_back_from_there() {
    let site = Site::start().await;
    // Among the first puts, perhaps with the probe of the store.
    site.store.set(Fault::DoesAndRefuses(3));
    site.import("old-prod").await;
    until("all of it is in the bucket", LIMIT, async || (site.archived().await >= IMPORTED).then_some(()))
        .await
        .unwrap();
    site.store.set(Fault::Refuses(7));
    site.import("old-test").await;
    until("it goes on", LIMIT, async || (site.archived().await >= 2 * IMPORTED).then_some(())).await.unwrap();
    assert_eq!(site.store.happened(), 7);

    let audit = site.json(&["audit", "--full", "-o", "json"]);
    let report = &audit["audit"];
    assert_eq!(report["findings"], json!([]), "{audit:#}");
    let compacted = site.own(&["archive", "compact"]);
    assert!(compacted.contains("generation 1"), "{compacted}");
    let listed: Value = serde_json::from_str(&site.own(&["archive", "--json"])).unwrap();
    assert_eq!(listed["place"], json!(format!("s3://{BUCKET}/site")));
    assert!(listed["days"].as_array().unwrap().iter().any(|day| day["cluster"] == json!("old-prod")), "{listed:#}");

    let rebuild = site.json(&["rebuild", "-o", "json"]);
    let report = &rebuild["rebuild"];
    assert!(report["from_archive"].as_u64().unwrap() >= IMPORTED, "{rebuild:#}");
    assert_eq!(report["from_table"], json!(0), "{rebuild:#}");
    let audit = site.json(&["audit", "--full", "-o", "json"]);
    assert_eq!(audit["audit"]["findings"], json!([]), "{audit:#}");
    let stored = site.home.sql("SELECT count() FROM kube_event WHERE cluster = 'old-prod'").await.unwrap();
    assert_eq!(stored, [IMPORTED.to_string()]);
    until("the API tells the size of the bucket's files", LIMIT, async || {
        let space = site.home.get("/api/v1/space").await.ok()?;
        (space["archive"]["days"]["bytes"].as_u64()? > 0).then_some(())
    })
    .await
    .unwrap();

    // Nothing beside the bucket, and the secret nowhere.
    assert!(!site.home.data().join("archive").exists());
    let config = site.own(&["config"]);
    assert!(config.contains("archive.s3.secret_access_key_file"), "{config}");
    for shown in [site.home.log(), config, listed.to_string()] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
}
