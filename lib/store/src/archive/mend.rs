//! Files in the place of damaged or missing ones.
//!
//! The new file is put and read back before anything else changes. A range file takes the place of the bad one under the
//! same name; a day file gets a name of its own, and a manifest that counts it instead.

use beidou_schemas::{
    Micros,
    archive::{FileEntry, day_file},
};
use object_store::{ObjectStoreExt, PutPayload};
use uuid::Uuid;

use super::{Archive, ArchiveError, Finished, Put, at, path_of};

impl Archive {
    /// Puts a range file again, over what may be there, and reads it back.
    ///
    /// # Errors
    /// When it cannot be put, or is not what was put.
    pub async fn replace_range(&self, path: &str, file: &Finished) -> Result<Put, ArchiveError> {
        let put = self.objects.put(&at(path)?, PutPayload::from_bytes(file.content.clone())).await;
        put.map_err(ArchiveError::objects("replace", path))?;
        self.verify(path, &file.sha256, &file.note).await?;
        Ok(Put::of(file))
    }

    /// Puts a day file in the place of a bad one, and the manifest that says so. Tells the new entry.
    ///
    /// # Errors
    /// [`ArchiveError::Differs`] when the bad one counts no longer; else when archive or file refuse. Until the manifest is
    /// stored nothing has changed.
    pub async fn replace_day(&self, bad: &FileEntry, file: &Finished, now: Micros) -> Result<FileEntry, ArchiveError> {
        let catalogue = self.catalogue().await?;
        if catalogue.days.get(&bad.path) != Some(bad) {
            let what = "it counts no longer".into();
            return Err(ArchiveError::Differs { path: bad.path.clone(), what });
        }
        let tag = format!("{:08x}", Uuid::new_v4().as_fields().0);
        let [folder, day, cluster] = self.collection.day_folder(&bad.dt, &bad.cluster);
        let path = path_of([folder.as_str(), &day, &cluster, &day_file(catalogue.generation + 1, 1, &tag)]);
        let put = self.put_file(&path, file).await?;
        let (note, bytes, sha256) = (file.note.clone(), put.bytes, put.sha256);
        let entry = FileEntry { path, bytes, sha256, note, ..bad.clone() };
        self.verify(&entry.path, &entry.sha256, &entry.note).await?;
        self.store_manifest(&catalogue, vec![entry.clone()], vec![bad.path.clone()], now).await?;
        self.remove(&bad.path).await?;
        Ok(entry)
    }
}
