//! Secret parameters that a playbook does its best to give away, looked for in all that a site keeps. Beside them a word that is no
//! secret goes the same ways: that it is found in each place, in every form, shows that the search would find them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use arrow_array::{RecordBatch, cast::AsArray};
use base64::{Engine, engine::general_purpose::STANDARD};
use beidou_log::{Log, ReadLimit, file::FileLog};
use beidou_schemas::{Topic, TopicPartition, archive::Collection};
use beidou_store::archive::Archive;
use beidou_tests::{
    machines::{LIMIT, NAMESPACE, Site},
    wait,
};
use kube::api::{ListParams, PostParams};
use serde_json::{Map, Value, json};

use crate::{receiver::Receiver, told::told};

/// As many as an operation can name.
const SECRETS: usize = 32;
/// What all of them begin with: enough to see that one got through.
const CANARY: &str = "can/ary+";
/// What is no secret begins with this.
const MARK: &str = "see/ing+";
/// Forms that are looked for.
const FORMS: [&str; 4] = ["plain", "base64", "url", "hex"];
const PLAYBOOK: &str = r#"- name: leak
  hosts: hosts
  gather_facts: false
  vars:
    words: "{{ [mark] + (lookup('ansible.builtin.varnames', '^secret_[0-9]+$').split(',') | map('extract', vars) | list) }}"
  tasks:
    - name: "a name with {{ words[1] }}"
      ansible.builtin.debug:
        msg: "{{ item }} {{ item | b64encode }} {{ item | urlencode | replace('/', '%2F') }} {{ item.encode().hex() }}"
      loop: "{{ words }}"
    - name: words of a program
      ansible.builtin.command:
        argv: "{{ ['printf', '%s\\n'] + words }}"
    - name: a failure
      ansible.builtin.fail:
        msg: "{% for word in words %}{{ word }} {{ word | b64encode }} {{ word | urlencode | replace('/', '%2F') }} {{ word.encode().hex() }} {% endfor %}"
"#;

fn names() -> impl Iterator<Item = String> {
    (0..SECRETS).map(|number| format!("secret_{number:02}"))
}

/// A bundle with as many secret parameters, which says all of them.
pub(crate) fn write_bundle(folder: &Path) {
    let secret = |name| (name, json!({"type": "string", "x-secret": true, "description": "Not to be seen."}));
    let mut properties: Map<String, Value> = names().map(secret).collect();
    properties.insert("mark".into(), json!({"type": "string", "description": "To be seen."}));
    let manifest = json!({
        "apiVersion": "beidou.io/v1", "kind": "Bundle", "name": "leak", "version": "1.0.0", "operationType": "Command",
        "description": "Says its parameters in every form.", "runner": "ansible", "ansible": ">=2.18,<2.20",
        "lock": "node", "targetApi": "none", "groups": {"hosts": {"from": "machines", "min": 1}},
        "parameters": {"type": "object", "additionalProperties": false, "properties": properties},
        "flow": ["leak"],
        "steps": [{"name": "leak", "playbook": "leak.yml", "limit": "hosts", "mutates": true, "deadline": "10m", "retry": "none"}],
    });
    fs::write(folder.join("bundle.yaml"), manifest.to_string()).unwrap();
    fs::write(folder.join("leak.yml"), PLAYBOOK).unwrap();
    fs::write(folder.join("README.md"), "# leak\n\nFor tests.\n").unwrap();
}

/// The forms in which what begins so stands in a text.
fn forms(text: &str, word: &str) -> Vec<&'static str> {
    let (first, second) = word.trim_end_matches('+').split_once('/').unwrap();
    let hex: String = format!("{first}/{second}").bytes().map(|byte| format!("{byte:02x}")).collect();
    // Its place in a group of three bytes decides how it looks.
    let base64 = ["", "u", "us"].map(|before| STANDARD.encode(format!("{before}{word}"))[4..10].to_owned());
    let all: [Vec<String>; 4] = [
        vec![format!("{first}/{second}"), format!("{first}\\/{second}")],
        base64.to_vec(),
        vec![format!("{first}%2F{second}"), format!("{first}%2f{second}")],
        vec![hex.to_uppercase(), hex],
    ];
    let found = FORMS.into_iter().zip(all).filter(|(_, forms)| forms.iter().any(|form| text.contains(form)));
    found.map(|(name, _)| name).collect()
}

/// Where the first of them stands.
fn around<'a>(text: &'a str, word: &str) -> &'a str {
    let at = text.find(word.trim_end_matches('+')).unwrap_or(0);
    &text[text.floor_char_boundary(at.saturating_sub(200))..text.floor_char_boundary((at + 200).min(text.len()))]
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

/// All records of the log, as they were before they were compressed.
async fn in_log(site: &Site) -> String {
    let log = FileLog::open_existing(site.home.data().join("log")).unwrap();
    let mut found = Vec::new();
    for topic in Topic::ALL {
        for partition in 0..log.partitions(*topic) {
            let at = TopicPartition::new(*topic, partition);
            let mut next = log.bounds(at).await.unwrap().start;
            loop {
                let limit = ReadLimit { max_bytes: 1 << 20, max_wait: std::time::Duration::ZERO };
                let batch = log.read(at, next, limit).await.unwrap();
                if batch.records.is_empty() {
                    break;
                }
                for stored in &batch.records {
                    found.extend_from_slice(&stored.record.key);
                    found.extend_from_slice(format!("{:?}", stored.record.headers).as_bytes());
                    found.extend_from_slice(&stored.record.value);
                }
                next = batch.next;
            }
        }
    }
    String::from_utf8_lossy(&found).into_owned()
}

/// All text of rows.
fn text_of(batch: &RecordBatch, found: &mut String) {
    for column in batch.columns().iter().filter_map(|column| column.as_string_opt::<i32>()) {
        for value in column.iter().flatten() {
            found.push_str(value);
            found.push('\n');
        }
    }
}

/// All rows that the archive has of operations, and how many they are.
async fn in_archive(site: &Site) -> anyhow::Result<(u64, String)> {
    let archive = Archive::folder(&site.home.data().join("archive"))?.of(Collection::Operations);
    let catalogue = archive.catalogue().await?;
    let (mut rows, mut found) = (0, String::new());
    for path in catalogue.ranges.into_iter().map(|file| file.path).chain(catalogue.days.into_keys()) {
        for batch in archive.open(&path).await?.batches()? {
            let batch = batch?;
            rows += batch.num_rows() as u64;
            text_of(&batch, &mut found);
        }
    }
    Ok((rows, found))
}

/// All rows that the tables have of it.
async fn in_tables(site: &Site) -> String {
    let rows = site.home.sql("SELECT * FROM operation_event").await.unwrap();
    let events = site.home.sql("SELECT * FROM kube_event").await.unwrap();
    [rows, events].concat().join("\n")
}

/// Resources of ours with their status, and all Events.
async fn in_resources(site: &Site) -> String {
    let mut found = String::new();
    for (group, version, kind) in [
        ("caas.beidou.io", "v1alpha1", "Operation"),
        ("caas.beidou.io", "v1alpha1", "AutoOperationTask"),
        ("", "v1", "Event"),
    ] {
        for one in site.api(group, version, kind).list(&ListParams::default()).await.unwrap() {
            found.push_str(&serde_json::to_string(&one).unwrap());
        }
    }
    found
}

async fn leak(site: &Site, receiver: &Receiver) {
    let value = |word: &str, number: usize| format!("{word}{number:02}=\"q&z");
    let values: Map<String, Value> =
        names().enumerate().map(|(number, name)| (name, value(CANARY, number).into())).collect();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canaries"}, "stringData": values});
    let secret = serde_json::from_value(secret).unwrap();
    site.api("", "v1", "Secret").create(&PostParams::default(), &secret).await.unwrap();
    let mut spec = json!({
        "clusterName": "product-cluster", "operationType": "Command", "bundle": "leak", "operationFlow": ["leak"],
        "operationMachines": [{"ip": site.addresses()[0]}], "parameters": {"mark": value(MARK, 0)},
        "secrets": names().map(|name| json!({"parameter": name, "secret": "canaries", "key": name})).collect::<Vec<_>>(),
        "batches": {"canary": 0},
    });
    site.beidou("Operation", json!({"metadata": {"name": "leak"}, "spec": spec})).await.unwrap();
    let status = site.phase("Operation", "leak", &["Succeeded", "Failed", "Held", "Unknown"]).await.unwrap();
    assert_eq!((&status["phase"], &status["hosts"]["failed"]), (&json!("Held"), &json!(1)), "{status:#}");
    told(receiver, "leak", "Held").await;
    spec["cancel"] = true.into();
    site.beidou("Operation", json!({"metadata": {"name": "leak"}, "spec": spec})).await.unwrap();
    site.phase("Operation", "leak", &["Cancelled", "Failed"]).await.unwrap();
    told(receiver, "leak", "Cancelled").await;
}

/// Returns when table and archive have the end of it.
async fn kept(site: &Site) -> String {
    let over = "SELECT count() FROM operation_event WHERE kind = 'Finished' AND endsWith(name, '/leak')";
    let in_table = wait::until("its end is in the table", LIMIT, async || {
        (site.home.sql(over).await.ok()?.first()? == "1").then_some(())
    });
    in_table.await.unwrap();
    // What runners print comes by another topic, which the projector may bring later.
    let said = wait::until("what was printed is in the table", LIMIT, async || {
        (forms(&in_tables(site).await, MARK).len() == FORMS.len()).then_some(())
    });
    said.await.unwrap();
    let rows: u64 = site.home.sql("SELECT count() FROM operation_event").await.unwrap()[0].parse().unwrap();
    let archived = wait::until("all of it is in the archive", LIMIT, async || {
        let (archived, text) = in_archive(site).await.ok()?;
        (archived >= rows && forms(&text, MARK).len() == FORMS.len()).then_some(text)
    });
    archived.await.unwrap()
}

pub(crate) async fn are_nowhere(site: &Site, receiver: &Receiver) {
    leak(site, receiver).await;
    let archive = kept(site).await;
    let name = format!("{NAMESPACE}/leak");
    let output = site.home.print(&["operation", "output", &name]).unwrap();
    let notes: String = receiver.messages().into_iter().map(|message| message.text).collect();
    let places = [
        ("output", output, &FORMS[..]),
        ("log", in_log(site).await, &FORMS[..]),
        ("tables", in_tables(site).await, &FORMS[..]),
        ("archive", archive, &FORMS[..]),
        ("resources", in_resources(site).await, &FORMS[..1]),
        ("messages", notes, &FORMS[..0]),
    ];
    for (place, text, wanted) in &places {
        let seen = forms(text, MARK);
        assert!(
            wanted.iter().all(|form| seen.contains(form)),
            "{place}: of the word that is no secret there is {seen:?}"
        );
        let leaked = forms(text, CANARY);
        assert!(leaked.is_empty(), "{place} has a secret as {leaked:?}: {}", around(text, CANARY));
    }
    assert!(places[0].1.contains("***"), "the output shows that something was taken out");

    // Among the files is an export: all that is known of it, in plain text.
    let export = site.home.data().join("leak.ndjson").display().to_string();
    site.home.print(&["operation", "export", &name, "--to", &export]).unwrap();
    let mut all = Vec::new();
    files(site.home.path(), &mut all);
    let mut seen = 0;
    for path in all {
        // One may have gone meanwhile: the engine joins its own.
        let text = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        seen += usize::from(forms(&text, MARK).len() == FORMS.len());
        let leaked = forms(&text, CANARY);
        assert!(leaked.is_empty(), "{} has a secret as {leaked:?}: {}", path.display(), around(&text, CANARY));
    }
    assert!(seen > 0, "no file has the word that is no secret");
}
