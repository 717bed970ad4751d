//! `export`: one operation as one file; what was written is verified before it has its name.

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use beidou_query_api::operation_export::Chain;

use super::Kind;
use crate::{
    args::operations::Export,
    client::Client,
    exit::{Code, Failure},
};

/// Writes the file. It has its name only when its chain holds.
pub(super) async fn export(args: Export) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let id = client.id_of(Kind::Operation, &args.name).await?;
    let path = args.to.unwrap_or_else(|| PathBuf::from(format!("operation-{id}.ndjson")));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let mut response = client.http.file(&format!("{}/{id}/export", Kind::Operation.path())).await?;
    let mut file =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write into {}", folder.display()))?;
    let cut = |why: String| Failure::new(Code::Failure, format!("the export was cut: {why}"), "try again");
    while let Some(chunk) = response.chunk().await.map_err(|error| cut(error.to_string()))? {
        file.write_all(&chunk).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let text = std::fs::read_to_string(file.path())?;
    let lines = Chain::verify(&text).map_err(|error| cut(error.to_string()))?.len();
    file.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
    crate::say(&format!("{}: {lines} lines, verified; open it with `beidou operation replay`", path.display()));
    Ok(())
}
