//! Whole runs against a server that keeps the law, breaks without losing anything, or loses on purpose.

#![allow(clippy::unwrap_used, clippy::panic)] // its helpers are tests, which clippy does not see

mod common;

use std::time::Duration;

use common::{Fake, Fault};
use hiscore_config::SimulateSettings;
use hiscore_score::{Operator, Rules};
use hiscore_simulate::ledger::Kind;
use hiscore_simulate::{Check, Console, Error, Report, Silent, run};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

async fn play(fake: &Fake, settings: &SimulateSettings) -> Report {
    run(settings, &mut Silent, fake.stop.clone()).await.unwrap()
}

fn kinds(report: &Report) -> Vec<Kind> {
    match &report.check {
        Check::Done { differences, .. } => differences.iter().map(|difference| difference.kind).collect(),
        other => panic!("not checked: {other:?}"),
    }
}

const OPERATORS: [Operator; 3] = [Operator::Best, Operator::Set, Operator::Increment];

#[tokio::test]
async fn an_honest_server_passes() {
    for operator in OPERATORS {
        for bulk in [1, 2, 100] {
            let fake = Fake::start(100, |_| Fault::None).await;
            let settings = SimulateSettings { operator, bulk, ..fake.settings() };
            let report = play(&fake, &settings).await;
            assert_eq!(kinds(&report), [], "{operator:?} {bulk}");
            assert_eq!(report.exit_code(), 0);
            assert!(report.acknowledged() >= 100);
            assert_eq!((report.acknowledged(), report.unknown, report.retries), (report.sent, 0, 0));
            // A second game goes on from what the first one left.
            let again = SimulateSettings { duration: Some(Duration::from_millis(5)), ..settings };
            let report = run(&again, &mut Silent, CancellationToken::new()).await.unwrap();
            assert_eq!(kinds(&report), [], "{operator:?} {bulk}");
        }
    }
}

#[tokio::test]
async fn trouble_is_retried_with_the_same_id_and_loses_nothing() {
    let faults =
        [Fault::CutBefore, Fault::CutAfter, Fault::Unavailable, Fault::AmbiguousEntries, Fault::BadGateway];
    // All at once, since they mostly wait before they try again.
    let mut games = JoinSet::new();
    for operator in OPERATORS {
        for bulk in [1, 3] {
            games.spawn(async move {
                let fault = move |n: u64| match faults.get((n % 15) as usize) {
                    Some(fault) if n < 90 => *fault,
                    _ => Fault::None,
                };
                let fake = Fake::start(90, fault).await;
                let settings = SimulateSettings {
                    operator,
                    bulk,
                    patience: Duration::from_secs(60),
                    exclusive: true,
                    ..fake.settings()
                };
                let report = play(&fake, &settings).await;
                assert_eq!(kinds(&report), [], "{operator:?} {bulk}: {}", report.text());
                assert_eq!((report.acknowledged(), report.unknown, report.not_applied), (report.sent, 0, 0));
                assert!(report.retries > 0 && report.duplicates > 0, "{}", report.text());
            });
        }
    }
    while let Some(game) = games.join_next().await {
        game.unwrap();
    }
}

#[tokio::test]
async fn a_lost_acknowledgement_is_found_out() {
    for operator in OPERATORS {
        for bulk in [1, 3] {
            // The first tries, so that BEST has nothing better yet that would stand in for it.
            let fake = Fake::start(60, |n| if n <= 5 { Fault::Lost } else { Fault::None }).await;
            let report = play(&fake, &SimulateSettings { operator, bulk, ..fake.settings() }).await;
            let kinds = kinds(&report);
            assert!(
                !kinds.is_empty() && kinds.iter().all(|kind| *kind == Kind::Lost),
                "{operator:?}: {kinds:?}"
            );
            assert_eq!(report.exit_code(), 1);
            let text = report.text();
            assert!(text.contains("LOSS") && text.contains("lost: numScore is"), "{text}");
            let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
            assert_eq!(json["check"]["state"], "LOSS");
            assert_eq!(json["check"]["differences"][0]["kind"], "LOST");
        }
    }
}

#[tokio::test]
async fn counting_twice_is_a_note_unless_nobody_else_writes() {
    for exclusive in [false, true] {
        let fake = Fake::start(40, |n| if n == 20 { Fault::Twice } else { Fault::None }).await;
        let settings = SimulateSettings { operator: Operator::Increment, exclusive, ..fake.settings() };
        let report = play(&fake, &settings).await;
        assert_eq!(kinds(&report), [Kind::MoreThanSent]);
        assert_eq!(report.exit_code(), u8::from(exclusive));
        assert_eq!(report.text().contains("somebody else writes 1 of these players"), !exclusive);
        assert_eq!(report.text().contains("LOSS"), exclusive);
    }
}

#[tokio::test]
async fn what_is_given_up_at_the_end_is_unknown_or_surely_not_applied() {
    for (fault, unknown) in [(Fault::Unavailable, false), (Fault::CutAfter, true), (Fault::CutBefore, true)] {
        for operator in OPERATORS {
            let fake = Fake::start(60, move |n| if n > 40 { fault } else { Fault::None }).await;
            let settings = SimulateSettings { operator, exclusive: true, ..fake.settings() };
            let report = play(&fake, &settings).await;
            assert_eq!(kinds(&report), [], "{fault:?} {operator:?}: {}", report.text());
            assert_eq!(report.exit_code(), 0);
            assert_eq!(report.acknowledged(), 40);
            assert_eq!((report.unknown + report.not_applied, report.sent), (5, 45), "{}", report.text());
            // A request that is under way at that very moment is unknown whatever the server meant to say.
            let as_expected = if unknown { report.not_applied == 0 } else { report.not_applied > 0 };
            assert!(as_expected, "{fault:?}: {}", report.text());
        }
    }
}

#[tokio::test]
async fn a_board_that_is_there_keeps_its_operator_and_its_records() {
    let fake = Fake::start(50, |_| Fault::None).await;
    let rules = Rules { operator: Operator::Increment, ..Rules::default() };
    fake.board("demo", rules, "Nova-01", 1_000_000);
    let settings = SimulateSettings { operator: Operator::Set, ..fake.settings() };
    let mut told = Vec::new();
    let report = run(&settings, &mut Console::new(&mut told, false), fake.stop.clone()).await.unwrap();
    assert_eq!(report.operator, Operator::Increment);
    assert_eq!(kinds(&report), []);
    assert!(String::from_utf8(told).unwrap().contains("is a INCREMENT board"));
}

#[tokio::test]
async fn a_reset_meanwhile_is_no_loss() {
    let fake = Fake::start(50, |n| if n == 25 { Fault::Reset } else { Fault::None }).await;
    let report = play(&fake, &fake.settings()).await;
    assert!(
        matches!(&report.check, Check::Skipped(why) if why.contains("from version 1 to 2")),
        "{report:?}"
    );
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test]
async fn refusals_are_counted_and_told() {
    let fake = Fake::start(50, |n| if n % 2 == 0 { Fault::Invalid } else { Fault::None }).await;
    let report = play(&fake, &fake.settings()).await;
    assert_eq!(kinds(&report), []);
    let refused = report.refused["INVALID"].0;
    assert_eq!(refused + report.acknowledged(), report.sent);
    assert!(report.text().contains("INVALID: on purpose"), "{}", report.text());
}

#[tokio::test]
async fn many_players_are_read_in_pieces() {
    let fake = Fake::start(3, |_| Fault::None).await;
    let settings = SimulateSettings { players: 2500, bulk: 1000, ..fake.settings() };
    let report = play(&fake, &settings).await;
    assert!(matches!(&report.check, Check::Done { players: 2500, differences } if differences.is_empty()));
}

#[tokio::test]
async fn no_server_and_no_url_are_errors_that_help() {
    let gone = Fake::start(1, |_| Fault::None).await;
    let settings = gone.settings();
    drop(gone);
    let error = run(&settings, &mut Silent, CancellationToken::new()).await.unwrap_err();
    assert!(
        matches!(error, Error::Unreachable { .. }) && error.to_string().contains("hiscore serve"),
        "{error}"
    );
    let settings = SimulateSettings { url: "http://[".to_owned(), ..settings };
    let error = run(&settings, &mut Silent, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, Error::Settings(_)), "{error}");
    let stop = CancellationToken::new();
    stop.cancel();
    let settings = SimulateSettings { url: "http://127.0.0.1:1/graphql".to_owned(), ..settings };
    assert_eq!(run(&settings, &mut Silent, stop).await.unwrap_err(), Error::Stopped);
}

#[tokio::test]
async fn quiet_and_json_tell_nothing_meanwhile() {
    for (quiet, json) in [(true, false), (false, true)] {
        let fake = Fake::start(10, |_| Fault::None).await;
        let settings = SimulateSettings { quiet, json, verify: false, ..fake.settings() };
        let mut told = Vec::new();
        let report = run(&settings, &mut Console::new(&mut told, true), fake.stop.clone()).await.unwrap();
        assert_eq!(told, b"");
        assert_eq!(report.check, Check::Skipped("--no-verify".to_owned()));
    }
}
