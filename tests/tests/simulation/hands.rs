//! The hands of one life of a process: all that it does outside of itself goes through them.
//!
//! A process that is killed has its hands cut off: whatever of it still runs in the one thread of the simulation does
//! nothing any more, as after `kill -9`. One that stands still (SIGSTOP) has them held, and goes on later where it was.
//! What had left its hands before takes its course.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

const FREE: u8 = 0;
const HELD: u8 = 1;
const CUT_OFF: u8 = 2;

/// Clones are the same hands.
#[derive(Clone, Default)]
pub struct Hands(Arc<Grip>);

#[derive(Default)]
struct Grip {
    state: AtomicU8,
    /// They are to be held as soon as a cut stands as pending.
    aimed: AtomicBool,
    told: Notify,
}

impl Hands {
    /// Waits while the hands are held; for ever, once they are cut off.
    pub async fn pass(&self) {
        self.until(|state| state == FREE).await;
    }

    /// Waits for ever, once the hands are cut off. For what belongs to the step before, after which nobody is held.
    pub async fn live(&self) {
        self.until(|state| state != CUT_OFF).await;
    }

    async fn until(&self, free: impl Fn(u8) -> bool) {
        loop {
            let told = self.0.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if free(self.0.state.load(Ordering::SeqCst)) {
                return;
            }
            told.await;
        }
    }

    fn turn(&self, to: u8) {
        if self.0.state.swap(to, Ordering::SeqCst) != CUT_OFF {
            self.0.told.notify_waiters();
        } else {
            self.0.state.store(CUT_OFF, Ordering::SeqCst);
        }
    }

    pub fn hold(&self) {
        self.turn(HELD);
    }

    pub fn let_go(&self) {
        self.0.aimed.store(false, Ordering::SeqCst);
        self.turn(FREE);
    }

    /// Holds them as soon as a cut stands as pending.
    pub fn hold_at_pending(&self) {
        self.0.aimed.store(true, Ordering::SeqCst);
    }

    /// A cut stands as pending.
    pub fn reach_pending(&self) {
        if self.0.aimed.swap(false, Ordering::SeqCst) {
            self.hold();
        }
    }

    pub fn are_held(&self) -> bool {
        self.0.state.load(Ordering::SeqCst) == HELD
    }

    pub fn cut_off(&self) {
        self.turn(CUT_OFF);
    }
}

/// Lets virtual time pass. No thread waits: where nobody has anything to do, the clock goes to the next moment at which
/// somebody has.
pub async fn pass(time: Duration) {
    if !time.is_zero() {
        let _elapsed = timeout(time, std::future::pending::<()>()).await;
    }
}
