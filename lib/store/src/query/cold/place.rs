//! Where the files of the archive are for whoever runs the statement, and how a statement names them.
//!
//! ```text
//!  Folder, Copies   file('/folder/{a,b}', 'Parquet', 'columns')                        the embedded engine
//!  Bucket           s3(collection, filename = '{a,b}', structure = 'columns')          a ClickHouse server
//! ```
//!
//! Address and key of a bucket stand in the server's collection: neither a statement nor the server's logs of statements have them.

use std::{path::Path, sync::Arc};

use crate::{archive::Shelf, audit::quoted};

/// Where the engine finds the files.
#[derive(Debug, Clone)]
pub enum Place {
    /// The archive is a folder of this machine.
    Folder(Arc<Path>),
    /// It is in a bucket, and of what a question needs there are copies.
    Copies(Arc<Shelf>),
    /// It is in a bucket, which a ClickHouse server reads by itself through its named collection of this name.
    Bucket(Arc<str>),
}

impl Place {
    /// The folder of this machine, where it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Copies(shelf) => Some(shelf.folder()),
            Self::Bucket(_) => None,
        }
    }

    /// What reads these files. Of several names one pattern is made, but for names that a pattern would take apart.
    pub(super) fn sources(&self, paths: &[&str], structure: &str) -> Vec<String> {
        let (together, alone): (Vec<&str>, Vec<&str>) = paths.iter().copied().partition(|path| !path.contains(','));
        let name = |path: &str| self.name(path);
        let mut together: Vec<String> = together.into_iter().map(name).collect();
        let many = match together.len() {
            0 | 1 => together.pop(),
            _ => Some(format!("{{{}}}", together.join(","))),
        };
        many.into_iter().chain(alone.into_iter().map(name)).map(|names| self.source(&names, structure)).collect()
    }

    /// A file's name as a statement has it.
    fn name(&self, path: &str) -> String {
        match self {
            Self::Folder(_) | Self::Copies(_) => path.into(),
            Self::Bucket(_) => in_url(path),
        }
    }

    fn source(&self, names: &str, structure: &str) -> String {
        let in_folder = |folder: &Path| {
            let names = quoted(&format!("{}/{names}", folder.display()));
            format!("file({names}, 'Parquet', {})", quoted(structure))
        };
        match self {
            Self::Folder(folder) => in_folder(folder),
            Self::Copies(shelf) => in_folder(shelf.folder()),
            Self::Bucket(collection) => {
                format!("s3({collection}, filename = {}, structure = {})", quoted(names), quoted(structure))
            }
        }
    }
}

/// Whether the engine takes a folder's files by their names: in a pattern it would look for others.
pub fn can_be_named(folder: &Path) -> bool {
    folder.to_str().is_some_and(|path| !path.contains(['*', '?', '{', '}', '[', ']', ',']))
}

/// A name as the end of a URL, which the server decodes: a `%` of the name is none of the URL.
fn in_url(name: &str) -> String {
    let mut url = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'=' | b'/' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}
