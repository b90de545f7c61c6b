//! Whose log it is.

use crate::LogError;
use crate::contract::Expect;
use crate::suite::tried::{Tried, append, bytes, entry, id, read};

pub(super) async fn a_log_knows_whose_it_is(tried: Tried) {
    let log = tried.fresh(3).await;
    let identity = log.identity().clone();
    assert_eq!((identity.shards, identity.id), (3, id(1)));
    log.close().await;

    // One that another process made, or an earlier start, is taken.
    let again = tried.open(tried.options(3, Expect::Fresh(id(2)))).await.expect("it is there");
    assert_eq!(again.identity(), &identity);
    again.close().await;
    let known = tried.open(tried.options(3, Expect::Known(id(1)))).await.expect("it is known");
    assert_eq!(known.identity(), &identity);
    known.close().await;

    let refused = |options| async { tried.open(options).await.map(drop).expect_err("refused") };
    let other = refused(tried.options(3, Expect::Known(id(3)))).await;
    assert!(matches!(other, LogError::Foreign { .. }), "{other}");
    let mut another = tried.options(3, Expect::Fresh(id(1)));
    another.deployment = "0ther".to_owned();
    let other = refused(another).await;
    assert!(matches!(other, LogError::Foreign { .. }), "{other}");
    for shards in [2, 4] {
        let other = refused(tried.options(shards, Expect::Known(id(1)))).await;
        assert!(matches!(other, LogError::Invalid(_)), "{other}");
    }
}

pub(super) async fn of_logs_made_at_once_there_is_one(tried: Tried) {
    let open = |of| tried.open(tried.options(2, Expect::Fresh(id(of))));
    let (one, two, three) = tokio::join!(open(7), open(8), open(9));
    let logs = [one.unwrap(), two.unwrap(), three.unwrap()];
    let ids: Vec<_> = logs.iter().map(|log| log.identity().id).collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0], ids[2]);
    for (of, log) in logs.iter().enumerate() {
        append(log.as_ref(), 1, entry(of, 0)).await;
    }
    let mut reader = logs[0].reader(1, None).await.unwrap();
    let all = bytes(&read(reader.as_mut(), 3, 1 << 20).await);
    assert_eq!(all, [entry(0, 0), entry(1, 0), entry(2, 0)]);
    for log in logs {
        log.close().await;
    }
}

pub(super) async fn generations_are_apart(tried: Tried) {
    let log = tried.fresh(1).await;
    append(log.as_ref(), 0, entry(0, 0)).await;
    let mut next = tried.options(1, Expect::Fresh(id(2)));
    next.generation += 1;
    let second = tried.open(next).await.expect("another generation");
    assert_eq!(second.identity().id, id(2));
    assert_eq!(second.bounds(0).await.unwrap().end, 0);
    second.close().await;
    log.close().await;
}

pub(super) async fn one_that_is_not_there_is_gone(tried: Tried) {
    let error = tried.open(tried.options(1, Expect::Known(id(1)))).await.map(drop).expect_err("not there");
    assert!(matches!(error, LogError::Gone(_)), "{error}");
}
