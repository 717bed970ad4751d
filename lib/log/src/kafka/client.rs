//! Connections: their configuration, where their log lines go, what their errors mean.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use beidou_schemas::TopicPartition;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode as Code},
};

use crate::LogError;

/// Lines that are taken at once: looking for one costs a microsecond.
const LINES: usize = 16;

/// Sends librdkafka's own lines to our log, one level lower: what matters to a caller reaches it as an error.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        write_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        write_error(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

/// Remembers what librdkafka said last of a connection that failed: its errors say only that it did.
#[derive(Debug, Default)]
pub(super) struct Ear {
    heard: Mutex<Option<String>>,
    denied: AtomicBool,
}

impl Ear {
    /// What was said last.
    pub(super) fn heard(&self) -> Option<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the login was refused.
    pub(super) fn is_denied(&self) -> bool {
        self.denied.load(SeqCst)
    }

    fn hear(&self, text: &str) {
        // "[thrd:…]: " says which of its threads speaks.
        let text = text.split_once("]: ").map_or(text, |(_, text)| text);
        // That all are down says less than why one is.
        if !text.contains("brokers are down") {
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.trim().to_owned());
        }
    }
}

impl ClientContext for Ear {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if matches!(facility, "FAIL" | "ERROR") {
            self.hear(message);
        }
        write_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.hear(reason);
        if matches!(code(&error), Some(Code::Authentication | Code::SaslAuthenticationFailed)) {
            self.denied.store(true, SeqCst);
        }
        write_error(&error, reason);
    }
}

impl ConsumerContext for Ear {}

/// A login that was refused when the log was opened. Later the same is worth another try: a broker that has just begun
/// may not know its users yet.
pub(super) fn denied(act: String) -> LogError {
    LogError::Broker { act, retry: false, source: Arc::new(KafkaError::Global(Code::Authentication)) }
}

pub(super) fn write_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
    }
}

pub(super) fn write_error(error: &KafkaError, reason: &str) {
    tracing::info!(target: "librdkafka", %error, "{reason}");
}

/// Takes what the client has to tell, and no more than it can have told since the last time: a client that is only asked
/// would otherwise gather it for as long as brokers are away.
pub(super) fn listen<C: ConsumerContext>(consumer: &BaseConsumer<C>) {
    for _ in 0..LINES {
        let _told_by_the_context = consumer.poll(Duration::ZERO);
    }
}

/// An act that Kafka refused, as an error of the log.
pub(super) fn refused(act: impl fmt::Display, error: KafkaError) -> LogError {
    let retry = is_passing(&error);
    LogError::Broker { act: act.to_string(), retry, source: Arc::new(error) }
}

/// An error of a writer: of one that was fenced, that.
pub(super) fn of_writer(at: TopicPartition, error: KafkaError) -> LogError {
    match is_fenced(&error) {
        true => LogError::Fenced { at },
        false => refused(format_args!("append to {at}"), error),
    }
}

/// The code of any error that has one.
pub(super) fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::Transaction(inner) => Some(inner.code()),
        other => other.rdkafka_error_code(),
    }
}

/// Whether a newer writer has the transactional id.
pub(super) fn is_fenced(error: &KafkaError) -> bool {
    matches!(code(error), Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch))
}

/// Whether the broker has decided: the same call would fail for ever, until somebody changes something.
pub(super) fn is_final(error: &KafkaError) -> bool {
    matches!(
        code(error),
        Some(
            Code::MessageSizeTooLarge
                | Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::TransactionalIdAuthorizationFailed
                | Code::InvalidRecord
                | Code::PolicyViolation
                | Code::InvalidTopic
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::UnsupportedVersion
                | Code::UnsupportedForMessageFormat
                | Code::InvalidArgument
        )
    )
}

/// Whether the same call may succeed later by itself.
fn is_passing(error: &KafkaError) -> bool {
    let local = matches!(error, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_));
    !local && !is_final(error) && !is_fenced(error)
}
