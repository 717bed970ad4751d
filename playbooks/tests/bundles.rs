//! The shipped bundles, and what a bad one is told.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use beidou_playbooks::{Act, Bundle, BundleError, Milliseconds, lint, shipped, shipped_names};
use serde_json::{Map, Value, json};

fn bundle(name: &str) -> Bundle {
    shipped(name).unwrap().unwrap()
}

fn faults(result: Result<Bundle, BundleError>) -> String {
    result.unwrap_err().to_string()
}

/// `cordon`, with a piece of its manifest replaced.
fn changed(from: &str, to: &str) -> Result<Bundle, BundleError> {
    let text = bundle("cordon").text("bundle.yaml").unwrap().to_owned();
    assert!(text.contains(from), "{from}");
    Bundle::of_files(BTreeMap::from([("bundle.yaml".to_owned(), text.replacen(from, to, 1).into_bytes())]))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[test]
fn every_shipped_bundle_is_valid_explained_and_without_traps() {
    let names: Vec<_> = shipped_names().collect();
    let known =
        ["command", "cordon", "drain", "node-join", "node-remove", "reboot", "scale-down", "scale-up", "uncordon"];
    assert_eq!(names, known);
    for name in names {
        let bundle = bundle(name);
        assert_eq!(bundle.manifest().name, name);
        assert_eq!(lint::lint(&bundle), [], "{name}");
        for step in &bundle.manifest().steps {
            let playbook = matches!(step.act, Act::Playbook(_));
            assert!(!playbook || bundle.manifest().ansible.is_some(), "{name}");
        }
        let again = Bundle::of_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
        assert_eq!(again.digest(), bundle.digest(), "{name}: the binary has what the folder has");
    }
}

#[test]
fn a_bad_manifest_is_told_field_value_and_what_is_allowed() {
    let cases = [
        ("name: cordon", "name: cordon-", &["bundle.yaml: name: ", "\"cordon-\" does not match"][..]),
        ("lock: node", "lock: rack", &["bundle.yaml: lock: ", "rack", "cluster", "node", "none"]),
        ("deadline: 2m", "deadline: soon", &["steps/0/deadline", "soon", "smh"]),
        ("api: cordon", "api: explode", &["steps/0/api", "explode", "deleteNode"]),
        ("api: cordon", "playbook: a.yml, api: cordon", &["steps/0", "playbook"]),
        ("api: cordon", "playbook: a.yml", &["steps/0/playbook", "\"a.yml\" is no file", "Api"]),
        ("from: machines", "from: nodes", &["steps/0/limit", "nodes", "operation's machines"]),
        ("min: 1, max: 500", "min: 9, max: 8", &["groups/nodes/max", "less than min"]),
        ("retry: host", "retry: host, first: cordon", &["steps/0/first", "cordon", "no other step"]),
        ("limit: nodes", "limit: machines", &["steps/0/limit", "machines", "groups: nodes"]),
        ("retry: host", "retry: host, undo: cordon", &["steps/0/undo", "cordon"]),
        ("flow: [cordon]", "flow: [cordon, drain]", &["flow/1", "drain", "steps: cordon"]),
        ("version: 1.0.0", "version: 1.0.0\nextra: 1", &["extra"]),
        ("properties: {}", "properties: {Bad: {description: x}}", &["parameters/properties", "Bad"]),
        ("properties: {}", "properties: {a: {type: strin, description: x}}", &["parameters", "strin"]),
        (
            "properties: {}",
            "properties: {a: {type: string, x-secret: true, default: x, description: x}}",
            &["parameters/properties/a"],
        ),
        ("apiVersion", "\tapiVersion", &["bundle.yaml", "YAML"]),
    ];
    for (from, to, parts) in cases {
        let said = faults(changed(from, to));
        for part in parts {
            assert!(said.contains(part), "{to}: {part} is not in: {said}");
        }
    }
    assert!(faults(Bundle::of_files(BTreeMap::new())).contains("bundle.yaml: is missing"));
    let outside = BTreeMap::from([("../x".to_owned(), Vec::new())]);
    assert!(faults(Bundle::of_files(outside)).contains("../x"));
}

#[test]
fn a_node_has_four_and_a_half_minutes_to_become_ready() {
    for name in ["reboot", "uncordon"] {
        let step = bundle(name).manifest().step("uncordon").unwrap().clone();
        // Controllers wait for nine tenths of it.
        assert_eq!(step.deadline, Milliseconds(300_000), "{name}");
    }
}

#[test]
fn what_comes_first_is_a_playbook_that_changes_nothing() {
    let up = bundle("scale-up");
    assert_eq!(up.manifest().step("scaleUp").unwrap().first.as_deref(), Some("facts"));
    assert!(!up.manifest().is_of_machines(up.manifest().step("facts").unwrap()));
    let files = |from: &str, to: &str| {
        let text = |name: &str| up.text(name).unwrap().to_owned();
        let mut files: BTreeMap<_, _> =
            up.file_names().map(|name| (name.to_owned(), text(name).into_bytes())).collect();
        files.insert("bundle.yaml".into(), text("bundle.yaml").replacen(from, to, 1).into_bytes());
        faults(Bundle::of_files(files))
    };
    for (to, why) in [
        ("first: reset", "steps/2/first: \"reset\" is no playbook that changes nothing"),
        ("first: scaleUp", "\"scaleUp\" is no other step"),
        ("first: fact", "\"fact\" is no other step"),
    ] {
        let said = files("first: facts", to);
        assert!(said.contains(why), "{said}");
    }
    let said = files("limit: new, first: facts", "limit: kube_node, first: facts");
    assert!(said.contains("steps/2/limit") && said.contains("operation's machines"), "{said}");
}

#[test]
fn what_readies_machines_changes_them_and_owes_nothing() {
    let join = bundle("node-join");
    assert_eq!(join.manifest().step("scaleUp").unwrap().prepare.as_deref(), Some("prepare"));
    let with = |changes: &[(&str, &str)]| {
        let text = |name: &str| join.text(name).unwrap().to_owned();
        let mut files: BTreeMap<_, _> =
            join.file_names().map(|name| (name.to_owned(), text(name).into_bytes())).collect();
        let mut manifest = text("bundle.yaml");
        for (from, to) in changes {
            assert!(manifest.contains(from), "{from}");
            manifest = manifest.replacen(from, to, 1);
        }
        files.insert("bundle.yaml".into(), manifest.into_bytes());
        faults(Bundle::of_files(files))
    };
    let of_up = "prepare: prepare, mutates: true";
    for (changes, why) in [
        (&[(of_up, "prepare: scaleUp, mutates: true")][..], "steps/2/prepare: \"scaleUp\" is no other step"),
        (&[(of_up, "prepare: ready, mutates: true")], "\"ready\" is no other step"),
        (&[(of_up, "prepare: leave, mutates: true")], "\"leave\" undoes a step"),
        (&[(of_up, "prepare: preCheck, mutates: true")], "\"preCheck\" is no playbook or command that changes"),
        (&[(of_up, "prepare: prepare, mutates: false")], "\"prepare\" prepares a step that changes nothing"),
        (
            &[("prepare.yml, limit: new, mutates: true", "prepare.yml, limit: new, mutates: true, undo: leave")],
            "\"prepare\" has something to undo",
        ),
        (
            &[("prepare.yml, limit: new", "prepare.yml, limit: new, prepare: leave")],
            "\"prepare\" has a step that prepares it",
        ),
    ] {
        let said = with(changes);
        assert!(said.contains(why), "{why} is not in: {said}");
    }
}

#[test]
fn parameters_are_checked_filled_in_and_secrets_stay_apart() {
    let join = bundle("node-join");
    assert_eq!(join.secret_names().collect::<Vec<_>>(), ["bootstrap_token"]);
    let given = object(json!({"api_server": "https://10.0.0.1:6443", "cluster_ca": "-----BEGIN CERTIFICATE-----\n"}));
    let secrets = BTreeSet::from(["bootstrap_token".to_owned()]);
    let checked = join.parameters(&given, &secrets).unwrap();
    assert_eq!(checked.plain["kubelet_path"], "/usr/local/bin/kubelet");
    assert!(!checked.plain.contains_key("bootstrap_token"));

    let said = |plain: Value, secrets: &[&str]| {
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let faults = join.parameters(&object(plain), &secrets).unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let missing = said(json!({"api_server": "http://10.0.0.1", "kubelet_from": "moon"}), &[]);
    for part in ["api_server", "http://10.0.0.1", "cluster_ca", "bootstrap_token", "kubelet_from", "moon", "runner"] {
        assert!(missing.contains(part), "{part}: {missing}");
    }
    let leaked = said(json!({"bootstrap_token": "abcdef.0123456789abcdef"}), &[]);
    assert!(leaked.contains("bootstrap_token") && leaked.contains("reference"), "{leaked}");
    assert!(!leaked.contains("0123456789abcdef"), "{leaked}");
    assert!(said(json!({}), &["tokn"]).contains("its secrets: bootstrap_token"));
}

#[test]
fn an_archive_is_the_same_bundle() {
    let join = bundle("node-join");
    let archive = join.to_tar();
    assert_eq!(archive, join.to_tar());
    assert_eq!(Bundle::of_tar(&archive).unwrap().digest(), join.digest());
    let folder = tempfile::tempdir().unwrap();
    join.write(folder.path()).unwrap();
    assert_eq!(Bundle::of_folder(folder.path()).unwrap().digest(), join.digest());
    fs::write(folder.path().join("join.yml"), "[]").unwrap();
    assert_ne!(Bundle::of_folder(folder.path()).unwrap().digest(), join.digest());
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("passwd")).unwrap();
    assert!(faults(Bundle::of_folder(folder.path())).contains("passwd: is a link"));
}

#[test]
fn lint_knows_the_traps() {
    let mut files = BTreeMap::new();
    let manifest = bundle("node-join").text("bundle.yaml").unwrap().replace("cluster_domain:", "ansible_ssh_args:");
    files.insert("bundle.yaml".to_owned(), manifest.into_bytes());
    for name in ["pre-check.yml", "prepare.yml", "join.yml", "post-check.yml", "leave.yml"] {
        files.insert(name.to_owned(), b"- hosts: new\n  any_errors_fatal: \"{{ strict }}\"\n".to_vec());
    }
    let found: Vec<_> = lint::lint(&Bundle::of_files(files).unwrap()).iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|line| line.contains("README.md")), "{found:?}");
    assert!(found.iter().any(|line| line.starts_with("join.yml: line 2: any_errors_fatal")), "{found:?}");
    let reach = "bundle.yaml: parameters/properties/ansible_ssh_args: sets how";
    assert!(found.iter().any(|line| line.starts_with(reach)), "{found:?}");
}

#[test]
fn times_have_a_unit() {
    assert_eq!("90s".parse(), Ok(Milliseconds(90_000)));
    assert_eq!("2h".parse(), Ok(Milliseconds(7_200_000)));
    for bad in ["", "s", "10", "1.5m", "10d", "1000000s", "é"] {
        assert!(bad.parse::<Milliseconds>().is_err(), "{bad}");
    }
}
