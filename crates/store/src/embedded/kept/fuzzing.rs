//! For `fuzz/`: what is read of keys and rows is written again to the same meaning.

use super::keys::{
    get_deployment, get_log, get_record_key, get_row, get_shard, get_stored, key_at, player_at,
    put_deployment, put_log, put_row, put_shard, put_stored, record,
};

/// Panics if it is not. The first byte says what is read.
pub fn check(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 7 {
        0 => {
            if let Ok(key) = get_record_key(bytes) {
                assert_eq!(record(&key), bytes);
            }
        }
        1 => {
            if let Ok((shard, row)) = get_row(bytes) {
                assert_eq!(get_row(&put_row(shard, &row)), Ok((shard, row)));
            }
        }
        2 => {
            if let Ok((shard, board)) = get_stored("b", bytes) {
                assert_eq!(get_stored("b", &put_stored(shard, &board)), Ok((shard, board)));
            }
        }
        3 => {
            if let Ok(shard) = get_shard(bytes) {
                assert_eq!(get_shard(&put_shard(&shard)), Ok(shard));
            }
        }
        4 => {
            if let Ok(info) = get_deployment(bytes) {
                assert_eq!(get_deployment(&put_deployment(&info)), Ok(info));
            }
        }
        5 => {
            if let Ok(log) = get_log(bytes) {
                assert_eq!(get_log(&put_log(&log)), Ok(log));
            }
        }
        _ => {
            let _ = (key_at(bytes), player_at(bytes, 3));
        }
    }
}
