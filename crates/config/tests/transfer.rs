//! `export` and `import`: which place counts, and what becomes of which sorted set.

#![allow(clippy::unwrap_used, clippy::panic)] // its helpers are tests, which clippy does not see

mod common;

use std::path::PathBuf;

use common::run;
use hiscore_config::{Command, ImportSettings, ImportSource, Place};
use hiscore_score::{Operator, SortOrder};

fn from(line: &[&str], environment: &[(&str, &str)]) -> Result<Place, String> {
    match run(line, environment) {
        Ok(Command::Export(settings)) => Ok(settings.from),
        Ok(other) => panic!("expected export, got {other:?}"),
        Err(failure) => Err(failure.message),
    }
}

fn import(line: &[&str]) -> Result<ImportSettings, String> {
    match run(line, &[]) {
        Ok(Command::Import(settings)) => Ok(*settings),
        Ok(other) => panic!("expected import, got {other:?}"),
        Err(failure) => Err(failure.message),
    }
}

#[test]
fn a_flag_wins_over_a_variable_of_another_name() {
    let folder = |path: &str| Ok(Place::Folder(PathBuf::from(path)));
    let url = |text: &str| Ok(Place::MongoUrl(text.to_owned()));
    let variable = [("HISCORE_MONGODB_URL", "mongodb://m")];
    assert_eq!(from(&["export"], &[]), folder("hiscore-data"));
    assert_eq!(from(&["export"], &variable), url("mongodb://m"));
    assert_eq!(from(&["export", "--data-dir", "d"], &variable), folder("d"));
    assert_eq!(
        from(&["export", "--mongodb-url", "mongodb://n"], &[("HISCORE_DATA_DIR", "d")]),
        url("mongodb://n")
    );
    assert_eq!(from(&["export", "--mongodb-url-file", "f"], &[]), Ok(Place::MongoUrlFile("f".into())));
    for both in [
        from(&["export", "--data-dir", "d", "--mongodb-url", "m"], &[]),
        from(&["export"], &[("HISCORE_DATA_DIR", "d"), ("HISCORE_MONGODB_URL", "m")]),
    ] {
        let says = both.unwrap_err();
        assert!(says.contains("data-dir and mongodb-url are both given: leave one out"), "{says}");
        assert!(says.contains("hiscore export --help"), "{says}");
    }
}

#[test]
fn a_folder_is_made_for_who_ranks() {
    let into = |line: &[&str], environment: &[(&str, &str)]| match run(line, environment) {
        Ok(Command::Import(settings)) => settings.into,
        other => panic!("expected import, got {other:?}"),
    };
    let redis = [("HISCORE_REDIS_URL", "redis://r")];
    assert_eq!(into(&["import", "--data-dir", "d"], &[]), Place::Folder("d".into()));
    assert_eq!(into(&["import", "--data-dir", "d"], &redis), Place::Kept("d".into()));
    assert_eq!(into(&["import", "--redis-url", "redis://r"], &[]), Place::Kept("hiscore-data".into()));
    assert_eq!(into(&["import", "--redis-url-file", "f", "--data-dir", "d"], &[]), Place::Kept("d".into()));
    let database = into(&["import", "--mongodb-url", "mongodb://m"], &redis);
    assert_eq!(database, Place::MongoUrl("mongodb://m".into()));
    assert_eq!(from(&["export", "--data-dir", "d"], &redis), Ok(Place::Folder("d".into())));
}

#[test]
fn what_is_put_in() {
    let settings = import(&["import"]).unwrap();
    assert_eq!(
        (settings.source, settings.shards, settings.window),
        (ImportSource::StandardInput, None, None)
    );
    let settings = import(&["import", "--window", "8", "--shards", "4", "a.ndjson"]).unwrap();
    assert_eq!(settings.source, ImportSource::File("a.ndjson".into()));
    assert_eq!((settings.shards, settings.window), (Some(4), Some(8)));
    assert_eq!(import(&["import", "-"]).unwrap().source, ImportSource::StandardInput);
    let says = import(&["import", "--shards", "0", "--window", "9999"]).unwrap_err();
    assert!(
        says.contains("--shards: \"0\" must be") && says.contains("--window: \"9999\" must be"),
        "{says}"
    );
}

#[test]
fn sorted_sets_and_their_leaderboards() {
    let line = ["import", "redis-zset", "redis://h", "a", "b", "--leaderboard", "x", "--leaderboard", "y"];
    let with = |more: &[&'static str]| import(&[&line[..], more].concat());
    let settings = with(&["--operator", "set", "--sort-order", "ASC", "--sort-order", "DESC"]).unwrap();
    assert_eq!((settings.shards, settings.window), (Some(32), Some(32)));
    let ImportSource::SortedSets { url, sets } = settings.source else { panic!("sorted sets") };
    assert_eq!((url.as_str(), sets.len()), ("redis://h", 2));
    assert_eq!((sets[0].key.as_str(), sets[0].leaderboard.as_str()), ("a", "x"));
    assert_eq!((sets[1].key.as_str(), sets[1].leaderboard.as_str()), ("b", "y"));
    assert_eq!([sets[0].rules.sort_order, sets[1].rules.sort_order], [SortOrder::Asc, SortOrder::Desc]);
    assert_eq!([sets[0].rules.operator, sets[1].rules.operator], [Operator::Set; 2]);

    for (more, says) in [
        (&["--leaderboard", "z"][..], "3 times for 2 keys"),
        (&["--sort-order", "up"], "\"UP\" must be DESC or ASC"),
        (&["--operator", "ADD"], "must be BEST, SET or INCREMENT"),
        (&["--operator", "SET", "--operator", "SET", "--operator", "SET"], "once for each"),
        (&["--shards", "x"], "--shards: \"x\" must be"),
    ] {
        let found = with(more).unwrap_err();
        assert!(found.contains(says), "{more:?}: {found}");
    }
    let twice = ["import", "redis-zset", "u", "a", "b", "--leaderboard", "x", "--leaderboard", "x"];
    assert!(import(&twice).unwrap_err().contains("\"x\" is given twice"));
    let braces = ["import", "redis-zset", "u", "a", "--leaderboard", "{x}"];
    assert!(import(&braces).unwrap_err().contains("is no id"));
    assert!(import(&["import", "redis-zset", "u", "a"]).unwrap_err().contains("--leaderboard"));
}
