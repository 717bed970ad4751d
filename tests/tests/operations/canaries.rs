//! A thousand secret parameters that a playbook does its best to give away, looked for in all that a site keeps. Beside them a word
//! that is no secret goes the same ways: that it is found in each place, in every form, shows that the search would find them.

use std::{
    fs,
    ops::Range,
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

const SECRETS: usize = 1000;
/// As many as a resource can name; the others are named by the API.
const OF_RESOURCE: usize = 32;
/// What all of them begin with: enough to see that one got through.
const CANARY: &str = "can/ary+";
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

/// An operation that gives away some of them.
struct Leak {
    name: &'static str,
    /// What is no secret begins with this.
    mark: &'static str,
    secrets: Range<usize>,
}

const APPLIED: Leak = Leak { name: "leak", mark: "see/ing+", secrets: 0..OF_RESOURCE };
const POSTED: Leak = Leak { name: "leak-rest", mark: "hea/ring+", secrets: OF_RESOURCE..SECRETS };

impl Leak {
    fn full_name(&self) -> String {
        format!("{NAMESPACE}/{}", self.name)
    }

    fn spec(&self, site: &Site) -> Value {
        let secret = |number| {
            let name = name_of(number);
            json!({"parameter": name, "secret": secret_of(number), "key": name})
        };
        json!({
            "clusterName": "product-cluster", "operationType": "Command", "bundle": "leak", "operationFlow": ["leak"],
            "operationMachines": [{"ip": site.addresses()[0]}], "parameters": {"mark": value(self.mark, 0)},
            "secrets": self.secrets.clone().map(secret).collect::<Vec<_>>(), "batches": {"canary": 0},
        })
    }
}

fn name_of(number: usize) -> String {
    format!("secret_{number:03}")
}

/// Where it is kept: beside others.
fn secret_of(number: usize) -> String {
    format!("canaries-{}", number / OF_RESOURCE)
}

fn value(word: &str, number: usize) -> String {
    format!("{word}{number:03}=\"q&z")
}

/// A bundle with as many secret parameters, which says all of them.
pub(crate) fn write_bundle(folder: &Path) {
    let secret =
        |number| (name_of(number), json!({"type": "string", "x-secret": true, "description": "Not to be seen."}));
    let mut properties: Map<String, Value> = (0..SECRETS).map(secret).collect();
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

/// What is no secret stands there in every form, of each operation.
fn has_marks(text: &str) -> bool {
    [APPLIED, POSTED].iter().all(|leak| forms(text, leak.mark).len() == FORMS.len())
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

async fn hide(site: &Site) {
    let numbers: Vec<_> = (0..SECRETS).collect();
    for together in numbers.chunks(OF_RESOURCE) {
        let values: Map<String, Value> =
            together.iter().map(|&number| (name_of(number), value(CANARY, number).into())).collect();
        let metadata = json!({"name": secret_of(together[0])});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values});
        let secret = serde_json::from_value(secret).unwrap();
        site.api("", "v1", "Secret").create(&PostParams::default(), &secret).await.unwrap();
    }
}

async fn leak_as_resource(site: &Site, receiver: &Receiver) {
    let mut spec = APPLIED.spec(site);
    let metadata = json!({"name": APPLIED.name});
    site.beidou("Operation", json!({"metadata": metadata, "spec": spec})).await.unwrap();
    let status = site.phase("Operation", APPLIED.name, &["Succeeded", "Failed", "Held", "Unknown"]).await.unwrap();
    assert_eq!((&status["phase"], &status["hosts"]["failed"]), (&json!("Held"), &json!(1)), "{status:#}");
    told(receiver, APPLIED.name, "Held").await;
    spec["cancel"] = true.into();
    site.beidou("Operation", json!({"metadata": metadata, "spec": spec})).await.unwrap();
    site.phase("Operation", APPLIED.name, &["Cancelled", "Failed"]).await.unwrap();
    told(receiver, APPLIED.name, "Cancelled").await;
}

async fn leak_by_api(site: &Site, receiver: &Receiver) {
    let wish = json!({"name": POSTED.full_name(), "spec": POSTED.spec(site)});
    site.say("operations", &wish).await.unwrap();
    told(receiver, POSTED.name, "Held").await;
    site.home.print(&["operation", "cancel", &POSTED.full_name()]).unwrap();
    told(receiver, POSTED.name, "Cancelled").await;
}

/// Returns when table and archive have the end of both.
async fn kept(site: &Site) -> String {
    let over = "SELECT count() FROM operation_event WHERE kind = 'Finished' AND name LIKE '%/leak%'";
    let in_table = wait::until("their ends are in the table", LIMIT, async || {
        (site.home.sql(over).await.ok()?.first()? == "2").then_some(())
    });
    in_table.await.unwrap();
    // What runners print comes by another topic, which the projector may bring later.
    let said = wait::until("what was printed is in the table", LIMIT, async || {
        has_marks(&in_tables(site).await).then_some(())
    });
    said.await.unwrap();
    let rows: u64 = site.home.sql("SELECT count() FROM operation_event").await.unwrap()[0].parse().unwrap();
    let archived = wait::until("all of it is in the archive", LIMIT, async || {
        let (archived, text) = in_archive(site).await.ok()?;
        (archived >= rows && has_marks(&text)).then_some(text)
    });
    archived.await.unwrap()
}

pub(crate) async fn are_nowhere(site: &Site, receiver: &Receiver) {
    hide(site).await;
    leak_as_resource(site, receiver).await;
    leak_by_api(site, receiver).await;
    let archive = kept(site).await;
    let leaks = [APPLIED, POSTED].map(|leak| leak.full_name());
    let output: String = leaks.iter().map(|name| site.home.print(&["operation", "output", name]).unwrap()).collect();
    assert!(output.contains("***"), "the output shows that something was taken out");
    let resources = in_resources(site).await;
    assert!(forms(&resources, APPLIED.mark).contains(&"plain"), "what is no secret is in the resource");
    let notes: String = receiver.messages().into_iter().map(|message| message.text).collect();
    let (log, tables) = (in_log(site).await, in_tables(site).await);
    for (place, text) in [("output", &output), ("log", &log), ("tables", &tables), ("archive", &archive)] {
        assert!(has_marks(text), "{place}: of what is no secret not every form is there");
        has_no_secret(place, text);
    }
    has_no_secret("resources", &resources);
    has_no_secret("messages", &notes);

    // Among the files are exports: all that is known of both, in plain text.
    for name in &leaks {
        let export = site.home.data().join(format!("{}.ndjson", name.replace('/', "-"))).display().to_string();
        site.home.print(&["operation", "export", name, "--to", &export]).unwrap();
    }
    let mut all = Vec::new();
    files(site.home.path(), &mut all);
    let mut seen = 0;
    for path in all {
        // One may have gone meanwhile: the engine joins its own.
        let text = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        seen += [APPLIED, POSTED].iter().filter(|leak| forms(&text, leak.mark).len() == FORMS.len()).count();
        has_no_secret(&path.display().to_string(), &text);
    }
    assert!(seen >= leaks.len(), "no file has what is no secret");
}

fn has_no_secret(place: &str, text: &str) {
    let leaked = forms(text, CANARY);
    assert!(leaked.is_empty(), "{place} has a secret as {leaked:?}: {}", around(text, CANARY));
}
