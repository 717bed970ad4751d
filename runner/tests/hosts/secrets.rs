//! A thousand secrets that a playbook does its best to give away.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use beidou_playbooks::Bundle;
use beidou_schemas::runner::HostState;
use serde_json::json;

use crate::{
    door::Door,
    site::{Site, states},
};

const SECRETS: usize = 1000;

fn files(folder: &Path, found: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.extend(fs::read(path).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_a_secret_leaves_the_runner() {
    let site = Site::new(1).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bundles/count");
    let bundle = Bundle::of_folder(folder.as_ref()).unwrap();
    let secrets: Vec<_> = (0..SECRETS).map(|number| format!("can/ary+{number:04}=\"q&z")).collect();
    let template = "{{ lookup('pipe', 'touch /tmp/beidou-template-was-run') }}";
    let names: Vec<_> = (0..SECRETS).map(|number| format!("secret_{number}")).collect();
    let mut assignment = site.assignment(&bundle, "say", json!({"harmless": template, "labels": {template: 1}}));
    assignment.secrets = names.iter().zip(&secrets).map(|(name, value)| site.secret(name, value)).collect();
    // The list of all, made of the variables by name: text of a secret file is never taken for a template.
    assignment.playbook = "say.yml".into();
    let door = Door::open(assignment).await.unwrap();
    let mut runner = site.start(&door, &["--verbosity", "3"]).unwrap();
    assert!(runner.end().await.unwrap().success(), "{}", runner.log());
    let text = door.look(|attempt| attempt.output());
    assert_eq!(states(&door)[0].0, HostState::Failed, "{text}");
    assert!(text.contains("***") && text.contains("touch /tmp/beidou-template-was-run"), "{text}");
    assert!(!Path::new("/tmp/beidou-template-was-run").exists());

    let mut said = text.into_bytes();
    door.look(|attempt| {
        said.extend(serde_json::to_vec(&attempt.events).unwrap());
        said.extend(serde_json::to_vec(&attempt.finish).unwrap());
        said.extend(attempt.facts.clone().unwrap_or_default());
    });
    said.extend(runner.log().into_bytes());
    files(&site.folder.path().join("work"), &mut said);
    let said = String::from_utf8_lossy(&said);
    // What all have in common is enough to see that one got through.
    for form in ["can/ary", "can\\/ary", "can%2Fary", "can%2fary", "63616e2f617279", "63616E2F617279"] {
        assert!(!said.contains(form), "{form}: {}", around(&said, form));
    }
    for before in ["", "u", "us"] {
        let encoded = STANDARD.encode(format!("{before}can/ary+"));
        let middle = &encoded[4..10];
        assert!(!said.contains(middle), "{middle}: {}", around(&said, middle));
    }
}

fn around<'a>(text: &'a str, part: &str) -> &'a str {
    let at = text.find(part).unwrap_or(0);
    &text[text.floor_char_boundary(at.saturating_sub(120))..text.floor_char_boundary((at + 120).min(text.len()))]
}
