//! The committed YAML is what the types say. `BEIDOU_BLESS=1` writes it anew.

use std::{fs, path::Path};

#[test]
fn the_committed_definitions_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("yaml");
    for (file, definition) in beidou_crds::definitions() {
        let (path, text) = (folder.join(file), beidou_crds::yaml(&definition));
        if std::env::var_os("BEIDOU_BLESS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{file} is not what crds/src says: BEIDOU_BLESS=1 cargo test -p beidou-crds");
    }
}

#[test]
fn every_definition_has_what_users_look_for() {
    for (file, definition) in beidou_crds::definitions() {
        let spec = &definition.spec;
        assert_eq!(spec.group, beidou_crds::GROUP, "{file}");
        assert_eq!(spec.names.categories.as_deref(), Some(&["beidou".to_owned()][..]), "{file}");
        assert!(spec.names.short_names.as_ref().is_some_and(|names| !names.is_empty()), "{file}");
        let version = &spec.versions[0];
        assert!(version.subresources.as_ref().is_some_and(|sub| sub.status.is_some()), "{file}");
        assert!(version.additional_printer_columns.as_ref().is_some_and(|columns| columns.len() > 2), "{file}");
    }
}
