//! Submitting what an account has written down.

use hiscore_faults::Client;
pub(crate) use hiscore_faults::wire::{Level, Verdict, ask, create, delete, reset};

use crate::account::Entry;

/// Submits; one verdict for each entry.
pub(crate) fn submit(
    client: &mut Client,
    board: &str,
    entries: &[Entry],
    ack: Option<Level>,
) -> Vec<Verdict> {
    let inputs: Vec<_> = entries.iter().map(Entry::input).collect();
    hiscore_faults::wire::submit(client, board, &inputs, ack)
}
