//! The chart as it is rendered: the same by both versions of Helm, as the golden files say, and refused where a value is wrong.

use std::{collections::BTreeMap, fs, process::Command};

use beidou_tests::{
    beidou::binary,
    helm::{CI, Helm, chart, deploy},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Deserialize;
use serde_json::Value;

/// The worked example for 20 clusters.
const SITE: (&str, &str) = ("site", "sites/fleet.yaml");

/// The objects of a rendered chart.
fn objects(rendered: &str) -> Vec<Value> {
    let documents = serde_yaml_ng::Deserializer::from_str(rendered);
    documents.map(|one| Value::deserialize(one).unwrap()).filter(|one| !one.is_null()).collect()
}

/// The pods of a rendered chart, each with the name of its workload.
fn pods<'a>(objects: &'a [Value]) -> Vec<(&'a str, &'a Value)> {
    let pod = |one: &'a Value| Some((one["metadata"]["name"].as_str()?, one.pointer("/spec/template/spec")?));
    objects.iter().filter_map(pod).collect()
}

#[test]
fn it_is_rendered_as_the_golden_files_say() {
    for (name, values) in CI {
        let [helm3, helm4] = Helm::all().unwrap().try_into().unwrap_or_else(|_| panic!("there are two"));
        // Between objects Helm 4 leaves an empty line more. Definitions of resources have a test of their own.
        let lines = |helm: &Helm| -> String {
            let rendered = helm
                .template(
                    values,
                    &[
                        "--set",
                        "serviceMonitor.enabled=true,serviceMonitor.tokenSecret.name=tokens,controllers.crds=false",
                    ],
                )
                .unwrap();
            rendered.lines().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
        };
        let rendered = lines(&helm4);
        assert_eq!(lines(&helm3), rendered, "{name}: the two versions differ");
        insta::assert_snapshot!(name, rendered);
    }
}

#[test]
fn both_versions_find_nothing_to_criticise() {
    for helm in Helm::all().unwrap() {
        for (_, values) in CI.into_iter().chain([SITE]) {
            let file = deploy(values);
            helm.print(&["lint", "--strict", chart().to_str().unwrap(), "-f", file.to_str().unwrap()]).unwrap();
        }
    }
}

#[test]
fn a_wrong_value_is_refused_and_named() {
    let refused = [
        ("embedded", "mode=single", "/mode"),
        ("embedded", "replicas=2", "'replicas' not allowed"),
        ("embedded", "api.service.port=70000", "/api/service/port"),
        ("embedded", "persistence.data.size=lots", "/persistence/data/size"),
        ("embedded", "config.clusters=x", "'clusters' not allowed"),
        ("fleet", "clickhouse.writer.password=x", "'password' not allowed"),
        ("fleet", "config.log.kafka.sasl=x", "'sasl' not allowed"),
        ("fleet", "config.query_api.tokens=x", "'tokens' not allowed"),
        ("fleet", "clusters[0].token=x", "'token' not allowed"),
        ("fleet", "clusters[1].server=http://a", "/clusters/1/server"),
        ("fleet", "kafka.brokers={kafka-1}", "/kafka/brokers/0"),
        ("fleet", "image.digest=sha256:1", "/image/digest"),
        ("embedded", "image.repository=", "image.repository is empty"),
        ("embedded", "api.tls.secret=", "plain HTTP is served on loopback only"),
        ("embedded", "ownCluster.name=", "ownCluster.name is empty"),
        ("embedded", "ownCluster.enabled=false", "no cluster to collect"),
        ("embedded", "api.replicas=2", "mode embedded is one pod"),
        ("embedded", "mode=fleet", "kafka.brokers is empty"),
        ("fleet", "projector.replicas=2", "each would have an archive on a volume of its own"),
        ("fleet", "clustersSecret=", "clustersSecret is empty"),
        ("fleet", "clickhouse.url=", "clickhouse.url is empty"),
        ("fleet", "clickhouse.reader.passwordSecret.name=", "clickhouse.reader.passwordSecret.name is empty"),
        ("fleet", "kafka.sasl.passwordSecret.name=", "kafka.sasl.passwordSecret.name is empty"),
        ("fleet", "api.tokens.secret=", "api.tokens.secret is empty"),
        ("fleet", "api.cursorKey.secret=", "api.cursorKey.secret is empty"),
        ("fleet", "config.retention.table_days=30", "config.retention has table_days"),
        ("fleet", "config.retention.clusters.hz-prod-02.table_days=30", "config.retention has table_days"),
        ("fleet", "clickhouse.archiveReader.collection=a-b", "/clickhouse/archiveReader/collection"),
        ("bucket", "clickhouse.archiveReader.user=", "name its user in clickhouse.archiveReader.user"),
        (
            "bucket",
            "clickhouse.archiveReader.passwordSecret.name=",
            "clickhouse.archiveReader.passwordSecret.name is empty",
        ),
        ("bucket", "persistence.scratch.size=lots", "/persistence/scratch/size"),
        ("bucket", "archive.s3.bucket=", "archive.s3.bucket is empty"),
        ("bucket", "archive.s3.endpoint=http://a", "/archive/s3/endpoint"),
        ("bucket", "archive.s3.secret_access_key=x", "'secret_access_key' not allowed"),
        ("bucket", "config.archive.s3.bucket=x", "'s3' not allowed"),
        ("embedded", "controllers.enabled=true", "controllers.runner.image is empty"),
        ("operating", "controllers.namespace=history", "controllers.namespace is the namespace of the release"),
        ("operating", "controllers.runner.user=0", "/controllers/runner/user"),
        ("operating", "config.controllers.executor=local", "'executor' not allowed"),
        ("operating", "controllers.url=https://a", "'url' not allowed"),
        ("operating", "controllers.callbackUrl=a", "/controllers/callbackUrl"),
        ("fleet", "controllers.notifications[0].url=https://a", "'url' not allowed"),
        ("fleet", "controllers.webhooks[0].secret.key=", "/controllers/webhooks/0/secret/key"),
        ("fleet", "serviceMonitor.enabled=true", "serviceMonitor.tokenSecret.name is empty"),
        ("fleet", "kafka.brokers={kafka-1:9094}", "networkPolicy.ports.kafka lacks 9094"),
        ("fleet", "clickhouse.replicaUrls={https://b}", "networkPolicy.ports.clickhouse lacks 443"),
        ("fleet", "clusters[1].server=https://a:16443/b", "networkPolicy.ports.kubernetes lacks 16443"),
        ("fleet", "controllers.webhooks[0].url=https://a:8443", "networkPolicy.ports.webhooks lacks 8443"),
        ("bucket", "archive.s3.endpoint=https://a:9000", "networkPolicy.ports.objectStorage lacks 9000"),
    ];
    for helm in Helm::all().unwrap() {
        for (values, set, says) in refused {
            let (_, values) = CI.into_iter().find(|(name, _)| *name == values).unwrap();
            let error = helm.template(values, &["--set", set]).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(says), "{}: --set {set}: {error}", helm.name());
        }
    }
}

#[test]
fn beidou_reads_the_configuration_that_the_pods_get() {
    let folder = tempfile::tempdir().unwrap();
    for (name, values) in CI.into_iter().chain([SITE]) {
        let rendered = Helm::all().unwrap().remove(1).template(values, &[]).unwrap();
        let objects = objects(&rendered);
        let site = objects.iter().find_map(|one| one.pointer("/data/site.yaml")).unwrap();
        let file = folder.path().join(format!("{name}.yaml"));
        fs::write(&file, site.as_str().unwrap()).unwrap();
        for (role, pod) in pods(&objects) {
            let env = pod["containers"][0]["env"].as_array().unwrap();
            // A password that a Secret holds is some text.
            let text = |one: &Value| one.get("value").and_then(Value::as_str).unwrap_or("secret").to_owned();
            let env = env.iter().map(|one| (one["name"].as_str().unwrap(), text(one)));
            let mut command = Command::new(binary().unwrap());
            let output =
                command.args(["config", "--json", "--config"]).arg(&file).env_clear().envs(env).output().unwrap();
            assert!(output.status.success(), "{role}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{role}: a variable is not read");
            let settings: Value = serde_json::from_slice(&output.stdout).unwrap();
            let of = |key: &str| settings.as_array().unwrap().iter().find(|one| one["key"] == key).cloned();
            assert_eq!(of("data").unwrap()["value"], "/var/lib/beidou", "{role}");
            // What lies on the projector's volume nobody else opens.
            let opened = name == "bucket" || !role.ends_with("query-api");
            assert_eq!(of("archive.enabled").unwrap()["value"], opened, "{name}: {role}");
            let jobs = ["fleet", "operating", SITE.0].contains(&name);
            let expected = if jobs { "job" } else { "local" };
            assert_eq!(of("controllers.executor").unwrap()["value"], expected, "{name}: {role}");
            // The credentials of who watches are not for who operates.
            if role.ends_with("controllers") {
                assert_eq!(of("clusters").unwrap()["value"], Value::Array(Vec::new()), "{name}: {role}");
            }
        }
    }
}

#[test]
fn no_secret_is_made_and_each_role_sees_only_its_own() {
    let helm = Helm::all().unwrap().remove(1);
    let objects = objects(&helm.template(CI[1].1, &[]).unwrap());
    assert!(objects.iter().all(|one| one["kind"] != "Secret"));
    let of = |objects: &[Value], role: &str| -> Vec<String> {
        let (_, pod) = pods(objects).into_iter().find(|(name, _)| name.ends_with(role)).unwrap();
        let files = pod["volumes"].as_array().unwrap().iter().filter_map(|one| one["secret"]["secretName"].as_str());
        let env = pod["containers"][0]["env"].as_array().unwrap().iter();
        let env = env.filter_map(|one| one["name"].as_str()).filter(|name| name.ends_with("_PASSWORD"));
        files.chain(env).map(String::from).collect()
    };
    let seen = |role: &str| of(&objects, role);
    let log = "BEIDOU_LOG_KAFKA_SASL_PASSWORD";
    let (writer, reader) = ("BEIDOU_STORE_WRITER_PASSWORD", "BEIDOU_STORE_READER_PASSWORD");
    assert_eq!(seen("ingest"), ["beidou-clusters", "beidou-kafka", log]);
    assert_eq!(seen("projector"), ["beidou-kafka", log, writer, reader]);
    assert_eq!(seen("query-api"), ["beidou-tls", "beidou-tokens", "beidou-cursor", "beidou-kafka", log, reader]);
    assert_eq!(seen("controllers"), ["beidou-tickets", "beidou-chat", "beidou-kafka", log]);

    let bucket = self::objects(&helm.template(CI[2].1, &[]).unwrap());
    assert_eq!(of(&bucket, "ingest"), Vec::<String>::new());
    assert_eq!(of(&bucket, "projector"), ["beidou-clickhouse-ca", "beidou-s3-ca", "beidou-s3", writer, reader]);
    let files = ["beidou-tls", "beidou-tokens", "beidou-clickhouse-ca", "beidou-s3-ca", "beidou-s3"];
    let passwords = [reader, "BEIDOU_STORE_ARCHIVE_READER_PASSWORD"];
    assert_eq!(of(&bucket, "query-api"), [&files[..], &passwords].concat());
}

#[test]
fn definitions_of_resources_are_those_of_the_types() {
    let of = |helm: &Helm, values: &str, more: &[&str]| -> BTreeMap<String, CustomResourceDefinition> {
        let all = objects(&helm.template(values, more).unwrap()).into_iter();
        let all = all.filter(|one| one["kind"] == "CustomResourceDefinition");
        all.map(|one| (one["metadata"]["name"].as_str().unwrap().into(), serde_json::from_value(one).unwrap()))
            .collect()
    };
    for helm in Helm::all().unwrap() {
        for values in [CI[1].1, CI[3].1] {
            let made = of(&helm, values, &[]);
            assert_eq!(made.len(), beidou_crds::definitions().len(), "{values}");
            for (file, definition) in beidou_crds::definitions() {
                let made = &made[definition.metadata.name.as_deref().unwrap()];
                assert_eq!(made.spec, definition.spec, "{file}");
                let kept = &made.metadata.annotations.as_ref().unwrap()["helm.sh/resource-policy"];
                assert_eq!(kept, "keep", "{file}: all resources would go with it");
            }
            assert!(of(&helm, values, &["--set", "controllers.crds=false"]).is_empty(), "{values}");
        }
        assert!(of(&helm, CI[0].1, &[]).is_empty(), "nobody asked for operations");
    }
}

#[test]
fn who_carries_nothing_out_is_not_missed() {
    let helm = Helm::all().unwrap().remove(1);
    let groups = |values: &str| -> Vec<String> {
        let all = objects(&helm.template(values, &["--set", "prometheusRule.enabled=true"]).unwrap());
        let rules = all.into_iter().find(|one| one["kind"] == "PrometheusRule").unwrap();
        let groups = rules["spec"]["groups"].as_array().unwrap().iter();
        groups.map(|group| group["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["beidou-collecting", "beidou-projecting", "beidou-serving", "beidou-operating"];
    // `beidou up` has controllers in any case.
    for (_, values) in [CI[0], CI[1], CI[3]] {
        assert_eq!(groups(values), all, "{values}");
    }
    assert_eq!(groups(CI[2].1), all[..3]);
}

/// The policy of runners lets them to nothing but the pods behind the Service of the door.
#[test]
fn runners_come_by_the_service_whatever_way_ticket_systems_take() {
    let helm = Helm::all().unwrap().remove(1);
    for (values, set) in [(CI[1].1, "controllers.callbackUrl="), (CI[1].1, ""), (CI[3].1, "")] {
        let all = objects(&helm.template(values, &["--set", set]).unwrap());
        let named = |kind: &str, name: &str| {
            all.iter()
                .find(|one| one["kind"] == kind && one["metadata"]["name"].as_str().unwrap().ends_with(name))
                .unwrap()
        };
        let site = all.iter().find_map(|one| one.pointer("/data/site.yaml")).unwrap();
        let site: Value = serde_yaml_ng::from_str(site.as_str().unwrap()).unwrap();
        let (door, policy) = (named("Service", "-door"), named("NetworkPolicy", "runner-history"));
        let name = door["metadata"]["name"].as_str().unwrap();
        assert_eq!(site["controllers"]["url"], format!("http://{name}.history.svc:7330"), "{values}, {set}");
        let callbacks = site["controllers"]["callback_url"].as_str();
        assert_eq!(callbacks.is_some(), values == CI[1].1 && set.is_empty(), "{values}, {set}: {callbacks:?}");
        let ways = policy["spec"]["egress"].as_array().unwrap();
        let to_pods = ways.iter().find_map(|way| way.pointer("/to/0/podSelector/matchLabels")).unwrap();
        assert_eq!(*to_pods, door["spec"]["selector"], "{values}, {set}");
    }
}

#[test]
fn its_version_is_the_version_of_beidou() {
    let text = fs::read_to_string(chart().join("Chart.yaml")).unwrap();
    let chart: Value = serde_yaml_ng::from_str(&text).unwrap();
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn another_cluster_gets_the_rights_that_the_own_one_has() {
    let rendered = Helm::all().unwrap().remove(1).template(CI[0].1, &[]).unwrap();
    let elsewhere = fs::read_to_string(deploy("sites/cluster-rights.yaml")).unwrap();
    let rules = |text: &str| -> Vec<Value> {
        let all = objects(text).into_iter().filter(|one| one.get("rules").is_some());
        all.map(|one| one["rules"].clone()).collect()
    };
    assert_eq!(rules(&rendered), rules(&elsewhere));
    assert_eq!(rules(&elsewhere).len(), 2);
}
