//! What Kafka's errors mean to the caller.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::LogError;

/// Of something asked, made or cut: nothing was appended by it.
pub(super) fn of_request(error: &KafkaError) -> LogError {
    match code(error) {
        Some(
            Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicId,
        ) => LogError::Gone(error.to_string()),
        Some(code) if is_forbidden(code) => LogError::Invalid(error.to_string()),
        _ => LogError::Unavailable(error.to_string()),
    }
}

/// Of an append that librdkafka had taken, when it reports that the append came to nothing.
pub(super) fn of_delivery(error: &KafkaError) -> LogError {
    match code(error) {
        Some(
            Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicId,
        ) => LogError::Gone(error.to_string()),
        Some(code) if is_forbidden(code) || code == Code::MessageSizeTooLarge => {
            LogError::Invalid(error.to_string())
        }
        // A time-out among them: librdkafka does not tell which of them were never sent.
        _ => LogError::Ambiguous(error.to_string()),
    }
}

/// Of an append that librdkafka did not take.
pub(super) fn of_send(error: &KafkaError) -> LogError {
    match code(error) {
        Some(Code::UnknownTopic | Code::UnknownPartition) => LogError::Gone(error.to_string()),
        _ => LogError::Unavailable(error.to_string()),
    }
}

/// Of settings that a client cannot be made with. librdkafka names them; the password is never among what it repeats,
/// since it takes any.
pub(super) fn of_settings(error: &KafkaError) -> LogError {
    LogError::Invalid(error.to_string())
}

/// Whether an error means that this producer will never work again.
pub(super) fn is_fatal(error: &KafkaError) -> bool {
    matches!(code(error), Some(Code::Fatal | Code::ProducerFenced | Code::InvalidProducerEpoch))
}

/// Whether an error says that what was asked for is not between the bounds of the partition.
pub(super) fn is_out_of_range(error: &KafkaError) -> bool {
    matches!(code(error), Some(Code::OffsetOutOfRange | Code::AutoOffsetReset))
}

fn is_forbidden(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
            | Code::UnsupportedVersion
            | Code::InvalidTopic
            | Code::InvalidReplicationFactor
            | Code::InvalidConfig
            | Code::PolicyViolation
    )
}

fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}
