//! Bundles through a real registry: pushed and pulled by the command line, fetched by controllers, refused with a reason.

use std::{fs, path::Path, time::Duration};

use beidou_tests::{
    beidou::{Home, http},
    registry::Registry,
    wait::until,
};
use serde_json::{Value, json};

/// Controllers tell of their bundles within a second; a starved machine takes longer.
const LIMIT: Duration = Duration::from_secs(120);

fn refused(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(arguments).unwrap();
    assert!(!output.status.success(), "{arguments:?} did not fail");
    String::from_utf8(output.stderr).unwrap()
}

/// A copy of a shipped bundle with a mark of its own, in a folder of this name.
fn own(home: &Home, folder: &str, mark: &str) -> String {
    let path = home.path().join(folder);
    let path = path.to_str().unwrap();
    if !Path::new(path).exists() {
        home.print(&["bundle", "copy", "drain", path]).unwrap();
    }
    fs::write(Path::new(path).join("README.md"), mark).unwrap();
    path.to_owned()
}

/// The digest of the files of a bundle, as `lint` says it.
fn digest(home: &Home, folder: &str) -> String {
    home.print(&["bundle", "lint", folder]).unwrap().trim().rsplit(' ').next().unwrap().to_owned()
}

/// The name with its digest, the last word that push says.
fn pushed(home: &Home, bundle: &str, name: &str, logins: &str) -> String {
    let said = home.print(&["bundle", "push", bundle, name, "--registry-logins", logins]).unwrap();
    said.trim().rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_goes_to_a_registry_and_back() {
    let registry = Registry::start().await.unwrap();
    let home = Home::new().unwrap();
    let logins = registry.logins().unwrap();
    let logins = logins.to_str().unwrap();
    let first = own(&home, "own", "first");
    let name = format!("oci://{}/team/drain:1", registry.host());

    let error = refused(&home, &["bundle", "push", &first, &name]);
    assert!(error.contains(&name) && !error.contains("s3cret"), "{error}");
    let at = pushed(&home, &first, &name, logins);
    assert!(at.contains("/team/drain@sha256:"), "{at}");
    assert_eq!(pushed(&home, &first, &name, logins), at, "the same bundle has the same manifest");

    // A tar archive of the folder is the same bundle.
    let archive = home.path().join("own.tar.gz");
    let made =
        std::process::Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(home.path()).arg("own").status();
    assert!(made.unwrap().success());
    assert_eq!(pushed(&home, archive.to_str().unwrap(), &name, logins), at);

    let wanted = digest(&home, &first);
    pushed(&home, &own(&home, "own", "second"), &name, logins);
    let back = |folder: &str| home.path().join(folder).to_str().unwrap().to_owned();
    for (from, to, same) in [(&at, back("by-digest"), true), (&name, back("by-tag"), false)] {
        home.print(&["bundle", "pull", from, &to, "--registry-logins", logins]).unwrap();
        assert_eq!(digest(&home, &to) == wanted, same, "{from}");
    }

    let missing = name.replace("drain:1", "drain:none");
    let error = refused(&home, &["bundle", "pull", &missing, &back("none"), "--registry-logins", logins]);
    assert!(error.contains(&missing) && error.to_lowercase().contains("unknown"), "{error}");
    let error = refused(&home, &["bundle", "pull", "oci://drain:1", &back("none")]);
    assert!(error.contains("oci://registry.example/team/scale-up:1.4.0"), "{error}");
    fs::write(home.path().join("odd.json"), "{\"auths\": {\"a\": {\"auth\": \"!\"}}}").unwrap();
    let error = refused(&home, &["bundle", "pull", &name, &back("none"), "--registry-logins", &back("odd.json")]);
    assert!(error.contains("auths.a.auth"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn controllers_fetch_artifacts_and_start_without_their_registry() {
    let registry = Registry::start().await.unwrap();
    let mut home = Home::new().unwrap();
    let logins = registry.logins().unwrap();
    let name = format!("oci://{}/team/drain:1", registry.host());
    let folder = own(&home, "own", "ours");
    let wanted = digest(&home, &folder);
    pushed(&home, &folder, &name, logins.to_str().unwrap());
    let config = home.path().join("site.yaml");
    let site = json!({"controllers": {"bundles": [name], "registry_logins": logins}});
    fs::write(&config, site.to_string()).unwrap();
    let start = ["up", "--config", config.to_str().unwrap()];

    home.serve(&start).await.unwrap();
    assert_eq!(known(&home).await, wanted);
    home.kill();
    let _gone = registry.stop().unwrap();
    home.serve(&start).await.unwrap();
    assert_eq!(known(&home).await, wanted);
    assert!(home.log().contains("stands in"), "{}", home.log());
}

/// The digest of the bundle `drain` that controllers have told of.
async fn known(home: &Home) -> String {
    let (url, token) = home.target().unwrap();
    until("controllers told of their bundles", LIMIT, async || {
        let asked = http().get(format!("{url}/api/v1/operations/bundles")).bearer_auth(&token).send().await.ok()?;
        let all: Value = asked.json().await.ok()?;
        let drain = all["items"].as_array()?.iter().find(|item| item["name"] == "drain")?;
        drain["digest"].as_str().map(str::to_owned)
    })
    .await
    .unwrap()
}
