//! Writes the list of the shipped bundles, so that the binary carries every file of them.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut bundles: Vec<_> = fs::read_dir(&root)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("bundle.yaml").is_file())
        .collect();
    bundles.sort();
    let mut text = String::from("&[\n");
    for bundle in bundles {
        println!("cargo::rerun-if-changed={}", bundle.display());
        let name = bundle.file_name().expect("it is a folder").to_string_lossy().into_owned();
        let mut files = Vec::new();
        collect(&bundle, &bundle, &mut files)?;
        files.sort();
        text += &format!("({name:?}, &[\n");
        for (file, path) in files {
            text += &format!("({file:?}, include_bytes!({path:?}) as &[u8]),\n");
        }
        text += "]),\n";
    }
    println!("cargo::rerun-if-changed={}", root.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("shipped.rs"), text + "]\n")
}

fn collect(bundle: &Path, folder: &Path, files: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(bundle, &path, files)?;
        } else {
            let name = path.strip_prefix(bundle).expect("it is below").to_string_lossy().into_owned();
            files.push((name, path.to_string_lossy().into_owned()));
        }
    }
    Ok(())
}
