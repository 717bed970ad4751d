//! One budget of bytes for all workers, so that memory stays flat when the store is away.
//!
//! A worker waits for budget only while it holds none; for more it asks without waiting and closes its cut if there is
//! none. So nobody waits while holding, and nobody waits for ever.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of account: a semaphore counts to 2^29 at most on small machines, and finer accounts help nobody.
const UNIT: usize = 4096;

/// Bytes of records that may be under way.
#[derive(Debug, Clone)]
pub struct Budget {
    units: Arc<Semaphore>,
    total: u32,
}

/// A part of the budget; returned on drop.
#[derive(Debug)]
pub struct Share(OwnedSemaphorePermit);

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        let total = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).clamp(1, 1 << 28);
        Self { units: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Waits for a share of so many bytes, or of the whole budget for a batch that exceeds it.
    pub async fn take(&self, bytes: usize) -> Share {
        let units = self.units(bytes);
        Share(self.units.clone().acquire_many_owned(units).await.expect("the semaphore is never closed"))
    }

    /// Adds to a share if there is budget now.
    pub fn grow(&self, share: &mut Share, bytes: usize) -> bool {
        match self.units.clone().try_acquire_many_owned(self.units(bytes)) {
            Ok(more) => {
                share.0.merge(more);
                true
            }
            Err(_) => false,
        }
    }

    /// How many bytes of it are taken, and of how many.
    pub fn filled(&self) -> (u64, u64) {
        let free = self.units.available_permits() as u64;
        let bytes = |units: u64| units * UNIT as u64;
        (bytes(u64::from(self.total) - free), bytes(self.total.into()))
    }

    fn units(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shares_come_back_and_growth_does_not_wait() {
        let budget = Budget::new(10 * UNIT);
        let mut one = budget.take(6 * UNIT).await;
        assert!(budget.grow(&mut one, 4 * UNIT));
        assert!(!budget.grow(&mut one, 1));
        assert_eq!(budget.filled(), (10 * UNIT as u64, 10 * UNIT as u64));
        drop(one);
        assert_eq!(budget.filled().0, 0);
        let whole = budget.take(1000 * UNIT).await;
        assert_eq!(whole.0.num_permits(), 10, "a batch beyond the budget takes all of it");
    }
}
