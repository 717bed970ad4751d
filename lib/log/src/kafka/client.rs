//! Connections: their configuration, where their log lines go, what their errors mean.

use std::{fmt, sync::Arc};

use beidou_schemas::TopicPartition;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode as Code},
};

use crate::LogError;

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
    let denied = matches!(code(error), Some(Code::Authentication | Code::SaslAuthenticationFailed));
    !local && !denied && !is_final(error) && !is_fenced(error)
}
