//! Cases about the right to write.

use std::sync::Arc;

use beidou_schemas::TopicPartition;

use super::{EVENTS, LEDGER, SecondWriter, Subject, append, must, read_all, text, values, writer};
use crate::{LogError, Writer};

/// Of two writers of a partition at most one gets on: either the second is refused by name, or the first is fenced. Only
/// a topic that has many writers lets both, and a ledger never has.
pub async fn a_second_writer_is_refused_or_fences(subject: &dyn Subject) {
    assert_ne!(subject.second_writer(LEDGER), SecondWriter::Shares, "a ledger has one writer");
    for at in [EVENTS, LEDGER] {
        two_writers(subject, at).await;
    }
}

/// A second writer of this partition, beside the first.
pub async fn two_writers(subject: &dyn Subject, at: TopicPartition) {
    let log = subject.open().await;
    let first = must("become the writer", log.writer(at, "the first").await);
    append(&first, vec![text("k", "1")]).await;
    must("ask the first", first.is_newest().await);
    let other = if subject.keeps() { subject.open().await } else { log.clone() };
    let second = other.writer(at, "the second").await;
    let written: &[&str] = match subject.second_writer(at) {
        SecondWriter::Refused => {
            refused(second, at);
            append(&first, vec![text("k", "2")]).await;
            &["1", "2"]
        }
        SecondWriter::Fences => {
            let second = must("become the writer", second);
            let looked = first.is_newest().await;
            assert!(matches!(looked, Err(LogError::Fenced { at: told }) if told == at), "{looked:?}");
            append(&second, vec![text("k", "2")]).await;
            fenced(&first, at).await;
            must("ask the second", second.is_newest().await);
            append(&second, vec![text("k", "3")]).await;
            &["1", "2", "3"]
        }
        SecondWriter::Shares => {
            append(&must("become a writer", second), vec![text("k", "2")]).await;
            append(&first, vec![text("k", "3")]).await;
            &["1", "2", "3"]
        }
    };
    assert_eq!(values(&read_all(&log, at).await), written);
}

fn refused(second: Result<Arc<dyn Writer>, LogError>, at: TopicPartition) {
    match second.err() {
        Some(LogError::Locked { at: told, holder }) => {
            assert_eq!(told, at);
            assert!(holder.contains("the first"), "{holder}");
        }
        answer => panic!("the second writer must be refused: {answer:?}"),
    }
}

async fn fenced(first: &Arc<dyn Writer>, at: TopicPartition) {
    let answer = first.append(vec![text("k", "never")]).await;
    assert!(matches!(answer, Err(LogError::Fenced { at: told }) if told == at), "{answer:?}");
    let again = first.append(vec![text("k", "never")]).await;
    assert!(matches!(again, Err(LogError::Fenced { .. })), "once fenced, always: {again:?}");
}

/// Each writer of a partition that has one has a higher epoch than the one before; a dropped writer makes way at once.
pub async fn epochs_grow(subject: &dyn Subject) {
    let log = subject.open().await;
    let mut last = 0;
    for round in 0..5 {
        let writer = writer(&log, LEDGER).await;
        assert!(writer.epoch() > last, "{} after {last}", writer.epoch());
        last = writer.epoch();
        append(&writer, vec![text("k", round.to_string())]).await;
    }
    assert_eq!(values(&read_all(&log, LEDGER).await), ["0", "1", "2", "3", "4"]);
}
