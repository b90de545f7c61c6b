//! What RabbitMQ's errors mean to the caller.

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{Error, ErrorKind};

use crate::LogError;

/// Of something asked or made: nothing was appended by it.
pub(super) fn of_request(error: &Error) -> LogError {
    match soft(error) {
        // The code also stands for a stream whose node is down, or has just started: "home node ... is down".
        Some(AMQPSoftError::NOTFOUND) if error.to_string().contains("no queue") => {
            LogError::Gone(error.to_string())
        }
        Some(AMQPSoftError::ACCESSREFUSED) => LogError::Invalid(error.to_string()),
        // Another stream (or queue) of this name, with other settings. The code alone says too little: it also stands for
        // a stream whose replica on this node is just being started.
        Some(AMQPSoftError::PRECONDITIONFAILED) if error.to_string().contains("inequivalent") => {
            LogError::Invalid(error.to_string())
        }
        _ if is_refused(error) => LogError::Invalid(error.to_string()),
        _ => LogError::Unavailable(error.to_string()),
    }
}

/// Of an append that was not even sent.
pub(super) fn was_sent(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::InvalidChannelState(..)
            | ErrorKind::InvalidConnectionState(_)
            | ErrorKind::InvalidChannel(_)
    )
}

fn soft(error: &Error) -> Option<AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft.clone()),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}

/// Refused for good: another password or vhost is needed.
fn is_refused(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(error) => matches!(
            error.kind(),
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::NOTIMPLEMENTED)
        ),
        _ => false,
    }
}
