//! Planted bugs, for tests of the tests only: `BEIDOU_FAULT` names one of them. Each must turn a test red; which one, and by
//! what it shows, is told in docs/faults.md.
//!
//! They are read once at the start of ingest, and the log says loudly when one is on.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The position moves when a frame is read, and the append comes later: a kill between the two loses it.
    PositionBeforeAck,
    /// Every new watch is treated as if its version were compacted.
    EverythingDegraded,
    /// An append that the log refused, or did not answer, counts as done.
    RefusedIsKept,
    /// A watch is opened where the server stands, and not where the log stands.
    OpenedAtNewest,
    /// That history was compacted before it was read is told to nobody.
    ExpiredNotTold,
    /// A page of a list counts as stored, and is not.
    ListNotKept,
    /// States after the restore of an older etcd are written as of the life before.
    EpochStays,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::PositionBeforeAck,
        Self::EverythingDegraded,
        Self::RefusedIsKept,
        Self::OpenedAtNewest,
        Self::ExpiredNotTold,
        Self::ListNotKept,
        Self::EpochStays,
    ];

    /// Its name in `BEIDOU_FAULT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PositionBeforeAck => "position-before-ack",
            Self::EverythingDegraded => "everything-degraded",
            Self::RefusedIsKept => "refused-is-kept",
            Self::OpenedAtNewest => "opened-at-newest",
            Self::ExpiredNotTold => "expired-not-told",
            Self::ListNotKept => "list-not-kept",
            Self::EpochStays => "epoch-stays",
        }
    }

    /// The fault that the environment asks for. The other programs read the same variable and have faults of their own.
    pub fn from_environment() -> Option<Self> {
        let named = std::env::var("BEIDOU_FAULT").ok()?;
        let fault = Self::ALL.into_iter().find(|fault| fault.name() == named)?;
        tracing::warn!(?fault, "a bug is planted for a test, this process will report falsely");
        Some(fault)
    }
}
