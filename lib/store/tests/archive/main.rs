//! The archive on a folder and in memory: one contract for both, compaction under crashes, damage that is found. The room
//! `tests` runs the same contract on S3.

#![allow(clippy::unwrap_used, reason = "all of this is test code")]

mod compaction;
#[macro_use]
mod contract;
mod crash;
mod expiry;
mod rows;
mod salvage;

contract!(in_memory, (beidou_store::archive::Archive::in_memory(), ()));
contract!(in_a_folder, {
    let folder = tempfile::tempdir().unwrap();
    (beidou_store::archive::Archive::folder(&folder.path().join("made/when missing")).unwrap(), folder)
});
