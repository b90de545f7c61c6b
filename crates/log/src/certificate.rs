//! The birth certificate of a log: one entry, in a place of its own beside the shards, that says whose log it is. It is
//! how a log that was deleted and made again is told from the one before.
//!
//! Of several, the first counts: so two processes that make a log at the same time end up with the same one.

use crate::{Expect, Identity, LogError, LogId, Options};

/// What a certificate begins with.
const TITLE: &str = "hiscore-log";
/// Of the format of certificates and of the names and places of everything else.
const LAYOUT: u32 = 1;

/// The certificate that this process would write.
pub(crate) fn draft(options: &Options, id: LogId) -> Identity {
    Identity {
        deployment: options.deployment.clone(),
        generation: options.generation,
        shards: options.shards,
        id,
    }
}

/// As it stands in the log.
pub(crate) fn encode(identity: &Identity) -> Vec<u8> {
    let Identity { deployment, generation, shards, id } = identity;
    format!("{TITLE} {LAYOUT} {generation} {shards} {id} {deployment}").into_bytes()
}

/// What stands there, or why that is no certificate of ours.
fn decode(bytes: &[u8]) -> Result<Identity, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "its certificate is no text".to_owned())?;
    let mut words = text.splitn(6, ' ');
    let mut next = || words.next().unwrap_or_default();
    if next() != TITLE {
        return Err("its certificate is of something else".to_owned());
    }
    let layout = next();
    if layout != LAYOUT.to_string() {
        return Err(format!("its layout is {layout}, of which this version knows nothing"));
    }
    let damaged = || "its certificate is damaged".to_owned();
    Ok(Identity {
        generation: next().parse().map_err(|_| damaged())?,
        shards: next().parse().map_err(|_| damaged())?,
        id: next().parse().map_err(|_| damaged())?,
        deployment: next().to_owned(),
    })
}

/// Judges the certificate that was found in the log called `name`.
pub(crate) fn judge(name: &str, found: &[u8], options: &Options) -> Result<Identity, LogError> {
    let foreign = |difference: String| LogError::Foreign { name: name.to_owned(), difference };
    let found = decode(found).map_err(foreign)?;
    if found.deployment != options.deployment {
        let difference =
            format!("it belongs to deployment {}, and this is {}", found.deployment, options.deployment);
        return Err(foreign(difference));
    }
    if let Expect::Known(id) = options.expect
        && found.id != id
    {
        let difference =
            format!("its id is {}, and {id} is expected: was it deleted and made again?", found.id);
        return Err(foreign(difference));
    }
    if found.generation != options.generation {
        let difference = format!("it is of generation {}, not {}", found.generation, options.generation);
        return Err(foreign(difference));
    }
    if found.shards != options.shards {
        let (has, wants) = (found.shards, options.shards);
        return Err(LogError::Invalid(format!(
            "{name} was made for {has} shards, and this deployment has {wants}"
        )));
    }
    Ok(found)
}

/// A log without a certificate, where there should be one.
#[cfg(feature = "kafka")]
pub(crate) fn missing(name: &str, expected: LogId) -> LogError {
    let difference =
        format!("it says nothing of itself, and {expected} is expected: was it deleted and made again?");
    LogError::Foreign { name: name.to_owned(), difference }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ones_own_is_taken() {
        let id = LogId::new([0xab; 16]);
        let options = Options::new("a deployment", 2, 32, Expect::Known(id));
        let own = draft(&options, id);
        assert_eq!(judge("x", &encode(&own), &options), Ok(own.clone()));
        let others = [
            Identity { deployment: "b".into(), ..own.clone() },
            Identity { id: LogId::new([1; 16]), ..own.clone() },
            Identity { generation: 3, ..own.clone() },
        ];
        for other in others {
            assert!(matches!(judge("x", &encode(&other), &options), Err(LogError::Foreign { .. })));
        }
        let other = Identity { shards: 31, ..own };
        assert!(matches!(judge("x", &encode(&other), &options), Err(LogError::Invalid(_))));
        for damaged in [&b""[..], b"hiscore-log 2 2 32 x y", b"hiscore-log 1 2 32", b"\xff"] {
            assert!(matches!(judge("x", damaged, &options), Err(LogError::Foreign { .. })));
        }
    }
}
