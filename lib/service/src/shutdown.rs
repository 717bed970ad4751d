//! The end of a process: one token that all its tasks watch.
//!
//! ```text
//!  SIGINT, SIGTERM ──┐
//!                    ├──► token cancelled ──► tasks finish what is durable and return
//!  stdin closed ─────┘
//!  second signal ──────► exit at once: nothing is lost by it, only repeated at the next start
//! ```

use std::io::Read;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code after a second signal: 128 + SIGINT, as shells report it.
const ABORTED: i32 = 130;

/// The signal handlers could not be set.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for signals")]
pub struct SignalError(#[from] std::io::Error);

/// A token that SIGINT and SIGTERM cancel. A second signal ends the process at once.
///
/// # Errors
/// When the operating system refuses the handlers.
pub fn on_signals() -> Result<CancellationToken, SignalError> {
    let token = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let cancelled = token.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping, a second signal stops at once");
        cancelled.cancel();
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(ABORTED);
    });
    Ok(token)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Cancels the token when stdin ends: a child holds the read end of a pipe of its parent, and so never outlives it.
///
/// The thread that reads is not joined: a blocking read of stdin cannot be interrupted.
pub fn tie_to_stdin(token: CancellationToken) {
    std::thread::spawn(move || {
        wait_for_end(std::io::stdin().lock());
        tracing::info!("stopping, the parent process is gone");
        token.cancel();
    });
}

fn wait_for_end(mut input: impl Read) {
    let mut ignored = [0; 1024];
    loop {
        match input.read(&mut ignored) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parent_writes_does_not_end_the_child() {
        let (reader, writer) = std::io::pipe().unwrap();
        let waiting = std::thread::spawn(move || wait_for_end(reader));
        std::io::Write::write_all(&mut &writer, b"hello").unwrap();
        assert!(!waiting.is_finished());
        drop(writer);
        waiting.join().unwrap();
    }
}
