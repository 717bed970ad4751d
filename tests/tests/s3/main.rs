//! The archive on S3, on a real server: the contract of the archive, what a store does that fails, and a whole site.
#![allow(clippy::unwrap_used, reason = "a test may panic; the lint only knows functions marked as tests")]

#[macro_use]
#[path = "../../../lib/store/tests/archive/contract.rs"]
mod contract;
mod fault;
#[path = "../../../lib/store/tests/archive/rows.rs"]
mod rows;
mod site;

contract!(on_s3, {
    let server = beidou_tests::s3::Server::shared().await.unwrap();
    (server.archive().unwrap(), server)
});
