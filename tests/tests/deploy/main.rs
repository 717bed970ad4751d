//! What operators get: the chart, and what it makes of a real API server.
#![allow(clippy::unwrap_used, reason = "test code")]

mod chart;
mod image;
mod installed;
mod operating;
mod store_rights;
mod watching;
