//! Puts the built console into the binary, where there is one: `make console` makes `console/dist/files.txt`, a line a file.
//! Without it the build is the same, and `/` says how to get one.

use std::{env, fmt::Write, fs, path::PathBuf};

fn main() {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../console/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let listed = fs::read_to_string(dist.join("files.txt")).unwrap_or_default();
    let mut table = String::from("&[\n");
    for line in listed.lines() {
        let [path, kind, tag] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("console/dist/files.txt: {line:?} is not `path, type, tag`: run `make console` again");
        };
        let packed = dist.join("packed").join(path);
        let bytes = |ending: &str| format!("include_bytes!({:?})", format!("{}.{ending}", packed.display()));
        writeln!(
            table,
            "File {{ path: {path:?}, kind: {kind:?}, tag: {tag:?}, brotli: {}, gzip: {} }},",
            bytes("br"),
            bytes("gz")
        )
        .expect("a String takes everything");
    }
    table.push(']');
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("console.rs");
    fs::write(out, table).expect("the build's own folder can be written");
}
