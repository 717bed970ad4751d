//! The archive on S3, on a real server: the contract of the archive and what a store does that fails.
#![allow(clippy::unwrap_used, reason = "a test may panic; the lint only knows functions marked as tests")]

#[macro_use]
#[path = "../../../lib/store/tests/archive/contract.rs"]
mod contract;
mod fault;
mod proxy;
#[path = "../../../lib/store/tests/archive/rows.rs"]
mod rows;

contract!(on_s3, {
    let server = beidou_tests::s3::Server::shared().await.unwrap();
    (server.archive().unwrap(), server)
});
