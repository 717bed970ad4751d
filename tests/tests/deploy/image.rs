//! The image: a layout whose parts are what it says they are, in which `beidou` runs alone, the same bytes each time.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use beidou_tests::{beidou::binary, helm::deploy};
use serde_json::Value;

/// Runs a command to success and gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Where a blob lies, after its digest and size are found right.
fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let path = layout.join("blobs/sha256").join(digest);
    assert_eq!(fs::metadata(&path).unwrap().len(), descriptor["size"].as_u64().unwrap(), "{descriptor}");
    assert_eq!(run(Command::new("sha256sum").arg(&path)).split(' ').next().unwrap(), digest);
    path
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn it_is_whole_runs_alone_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, root) = (folder.path().join("layout"), folder.path().join("root"));
    let [first, second] = ["first.tar", "second.tar"].map(|name| folder.path().join(name));
    for out in [&first, &second] {
        run(Command::new(deploy("image/build")).arg(binary().unwrap()).arg(out));
    }
    run(Command::new("cmp").args([&first, &second]));

    let unpack = |archive: &Path, to: &Path| {
        fs::create_dir(to).unwrap();
        run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(to));
    };
    unpack(&first, &layout);
    assert_eq!(json(&layout.join("oci-layout"))["imageLayoutVersion"], "1.0.0");
    let index = json(&layout.join("index.json"));
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], env!("CARGO_PKG_VERSION"));
    let manifest = json(&blob(&layout, &index["manifests"][0]));
    let config = json(&blob(&layout, &manifest["config"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
    let layer = blob(&layout, &manifest["layers"][0]);
    unpack(&layer, &root);
    let content = Command::new("gzip").args(["-dc"]).arg(&layer).output().unwrap().stdout;
    fs::write(folder.path().join("layer.tar"), content).unwrap();
    let digest = run(Command::new("sha256sum").arg(folder.path().join("layer.tar")));
    assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", digest.split(' ').next().unwrap()));

    // In the pod it has no more than this folder either.
    let told = run(Command::new("unshare")
        .arg("--map-root-user")
        .arg("chroot")
        .arg(&root)
        .args(["/usr/bin/beidou", "--version"]));
    assert_eq!(told.trim(), format!("beidou {}", env!("CARGO_PKG_VERSION")));
    let programs: Vec<_> = fs::read_dir(root.join("usr/bin")).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(programs, ["beidou"]);
    assert!(fs::read_to_string(root.join("etc/ssl/certs/ca-certificates.crt")).unwrap().contains("BEGIN CERTIFICATE"));
}
