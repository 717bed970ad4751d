//! Operations: how fast controllers fold, take in and go on, and a whole scale-up beside the manual way.
//!
//! ```text
//!  fold     500 recorded operations in a file log ─► controllers ready
//!  intake   a runner that only talks ─► door ─► log                  events/s, memory
//!  steps    many short steps, real runners ─► from one's end to the next one's claim
//!  join     20 SSH hosts, `beidou up`, an API server ─► all nodes take pods; the same by hand, and by Ansible alone
//! ```

mod fold;
mod intake;
mod join;
mod site;
mod steps;

use crate::report::Report;

/// All but the hosts, which need root and the servers of the tests.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    fold::measure(report).await?;
    intake::measure(report).await?;
    steps::measure(report).await
}

/// The scale-up, with so much waiting work per host.
pub async fn measure_join(hosts: usize, by_hand: usize, waits: &[u64], report: &mut Report) -> anyhow::Result<()> {
    for seconds in waits {
        join::measure(hosts, by_hand, *seconds, report).await?;
    }
    Ok(())
}
