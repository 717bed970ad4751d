//! The embedded engine in place of a ClickHouse server whose administrator has made a collection of the bucket, as docs/clickhouse.md
//! has it: files beside the engine's own configuration, which nobody but a test writes.

use std::{fs, path::Path};

use beidou_store::{Endpoint, Server, Store};
use beidou_tests::s3::{KEY_ID, SECRET};

const COLLECTION: &str = "beidou_archive";

/// Before the engine starts on this folder: its collection of the files below this URL, and the rights to read them.
pub fn prepare(folder: &Path, url: &str) {
    let collection = format!(
        "<named_collections><{COLLECTION}>
           <url overridable=\"false\">{url}</url>
           <access_key_id overridable=\"false\">{KEY_ID}</access_key_id>
           <secret_access_key overridable=\"false\">{SECRET}</secret_access_key>
           <format overridable=\"false\">Parquet</format>
           <filename overridable=\"true\"></filename>
           <structure overridable=\"true\">auto</structure>
         </{COLLECTION}></named_collections>"
    );
    // With an attribute they come beside the engine's own grants, and not in the place of the first.
    let rights = format!(
        "<users><default><grants>
           <query of=\"bucket\">GRANT READ ON S3('{url}.*')</query>
           <query of=\"collection\">GRANT NAMED COLLECTION ON {COLLECTION}</query>
         </grants></default></users>"
    );
    for (of, content) in [("engine.d", collection), ("users.d", rights)] {
        let folder = folder.join("engine").join(of);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("archive.xml"), format!("<clickhouse>{content}</clickhouse>")).unwrap();
    }
}

/// The store of the engine that runs there, which reads the bucket through that collection.
pub fn store(folder: &Path) -> Store {
    let server: Server = Endpoint::read(folder).unwrap().into();
    Store::server(Server { archive_collection: Some(COLLECTION.into()), ..server }).unwrap()
}
