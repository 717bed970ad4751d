//! Planted bugs, for the test of the fault test only: `BEIDOU_FAULT` names one of them. Each must turn that test red.
//!
//! They are read once at the start of ingest, and the log says loudly when one is on.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The position moves when a frame is read, and the append comes later: a kill between the two loses it.
    PositionBeforeAck,
    /// Every new watch is treated as if its version were compacted.
    EverythingDegraded,
}

impl Fault {
    /// The fault that the environment asks for.
    pub fn from_environment() -> Option<Self> {
        let fault = match std::env::var("BEIDOU_FAULT").ok()?.as_str() {
            "position-before-ack" => Self::PositionBeforeAck,
            "everything-degraded" => Self::EverythingDegraded,
            // The other programs read the same variable and have faults of their own.
            _ => return None,
        };
        tracing::warn!(?fault, "a bug is planted for a test, this process will report falsely");
        Some(fault)
    }
}
