//! Cases about the right to write.

use super::{EVENTS, SecondWriter, Subject, append, must, read_all, text, values, writer};
use crate::LogError;

/// Of two writers at most one gets on: either the second is refused by name, or the first is fenced.
pub async fn a_second_writer_is_refused_or_fences(subject: &dyn Subject) {
    let log = subject.open().await;
    let first = must("become the writer", log.writer(EVENTS, "the first").await);
    append(&first, vec![text("k", "1")]).await;
    let other = if subject.keeps() { subject.open().await } else { log.clone() };
    let second = other.writer(EVENTS, "the second").await;
    match subject.second_writer() {
        SecondWriter::Refused => {
            match second.err() {
                Some(LogError::Locked { at, holder }) => {
                    assert_eq!(at, EVENTS);
                    assert!(holder.contains("the first"), "{holder}");
                }
                answer => panic!("the second writer must be refused: {answer:?}"),
            }
            append(&first, vec![text("k", "2")]).await;
        }
        SecondWriter::Fences => {
            let second = must("become the writer", second);
            append(&second, vec![text("k", "2")]).await;
            let answer = first.append(vec![text("k", "never")]).await;
            assert!(matches!(answer, Err(LogError::Fenced { at }) if at == EVENTS), "{answer:?}");
        }
    }
    assert_eq!(values(&read_all(&log, EVENTS).await), ["1", "2"]);
}

/// Each writer of a partition has a higher epoch than the one before; a dropped writer makes way at once.
pub async fn epochs_grow(subject: &dyn Subject) {
    let log = subject.open().await;
    let mut last = 0;
    for round in 0..5 {
        let writer = writer(&log, EVENTS).await;
        assert!(writer.epoch() > last, "{} after {last}", writer.epoch());
        last = writer.epoch();
        append(&writer, vec![text("k", round.to_string())]).await;
    }
    assert_eq!(values(&read_all(&log, EVENTS).await), ["0", "1", "2", "3", "4"]);
}
