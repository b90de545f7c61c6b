//! What is not an export, not whole, or not to be overwritten, is refused with what to do; what was not checked is not
//! written.

use std::path::Path;

use super::support::{content, create_boards, export, hiscore, import, imported, many, serve};

fn small(files: &Path, players: u64) -> String {
    let folder = files.join("source");
    let server = serve(folder.to_str().unwrap(), &[]);
    let mut client = server.client();
    create_boards(&mut client);
    many(&mut client, "best", players);
    server.kill();
    export(&["--data-dir", folder.to_str().unwrap()])
}

/// A text with one line changed.
fn with_line(text: &str, number: usize, change: impl Fn(&str) -> String) -> String {
    let lines = text.lines().enumerate();
    lines.map(|(at, line)| if at + 1 == number { change(line) } else { line.to_owned() } + "\n").collect()
}

#[test]
fn what_is_no_whole_export() {
    let files = tempfile::tempdir().unwrap();
    let text = small(files.path(), 2_500);
    let lines = text.lines().count();
    let folder = files.path().join("target");
    let folder = folder.to_str().unwrap();
    let last = text.trim_end().rfind('\n').unwrap();
    let score = |line: &str| line.replace("\"score\":", "\"score\":1");
    // Nothing of these is written, since not even the first piece is right.
    for (wrong, says) in [
        (String::new(), "cut off after line 0".to_owned()),
        ("hello\n".to_owned(), "line 1: this is no export".to_owned()),
        ("{\"record\":{}}\n".to_owned(), "line 1: this is no export".to_owned()),
        (text.replace("\"format\":1", "\"format\":2"), "line 1: this export has format 2".to_owned()),
        (text.replace("\"format\":1", "\"format\":1,\"more\":1"), "line 1: unknown field `more`".to_owned()),
        (text[..100].to_owned(), "line 1: this is no export".to_owned()),
        (
            with_line(&text, 1, |line| line.replace("\"window\":32", "\"window\":31")),
            "lines 2 to 1001".to_owned(),
        ),
        (with_line(&text, 500, score), "lines 2 to 1001: their check sum is wrong".to_owned()),
        (
            with_line(&text, 500, |line| line.replace("\"score\":", "\"score\":0.5,\"s\":")),
            "line 500: ".to_owned(),
        ),
        (
            with_line(&text, 500, |line| line.replace("\"p0", "\"{0")),
            "line 500: playerId: an id may not".to_owned(),
        ),
        (
            with_line(&text, 500, |line| line.replace("\"best\"", "\"none\"")),
            "there is no leaderboard none".to_owned(),
        ),
        (with_line(&text, 500, |line| format!("{line}\n{line}")), "line 501: player p".to_owned()),
        (
            with_line(&text, 2, |line| format!("{line}\n{line}")),
            "line 3: leaderboard best is out of order".to_owned(),
        ),
    ] {
        let done = import(&["--data-dir", folder], &wrong);
        assert!(done.code == Some(1) && done.said.contains(&says), "{says}: {}", done.said);
        assert!(!Path::new(folder).exists(), "{says}");
    }
    // The first piece of these is right: they are begun, are not complete, and the right one goes on.
    for (wrong, says) in [
        (text[..last + 1].to_owned(), format!("cut off after line {}", lines - 1)),
        (text.trim_end().to_owned(), format!("cut off after line {}", lines - 1)),
        (text[..last - 1].to_owned(), format!("cut off after line {}", lines - 2)),
        (with_line(&text, 1_500, score), "lines 1002 to 2002: their check sum is wrong".to_owned()),
        (
            with_line(&text, lines, |line| line.replace("\"records\":2500", "\"records\":2501")),
            "it says".to_owned(),
        ),
        (format!("{text}\n"), "something follows the end".to_owned()),
        (format!("{text}{text}"), "something follows the end".to_owned()),
    ] {
        let done = import(&["--data-dir", folder], &wrong);
        assert!(done.code == Some(1) && done.said.contains(&says), "{says}: {}", done.said);
        let done = hiscore(&["export", "--data-dir", folder], b"");
        assert!(done.code == Some(1) && done.said.contains("not complete"), "{says}: {}", done.said);
    }
    imported(&["--data-dir", folder], &text);
    assert_eq!(content(&export(&["--data-dir", folder])), content(&text));
}

#[test]
fn what_is_not_empty_or_in_use_or_not_there() {
    let files = tempfile::tempdir().unwrap();
    let text = small(files.path(), 3);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let source = path("source");
    let done = import(&["--data-dir", &source], &text);
    assert!(done.code == Some(1) && done.said.contains("this is not empty"), "{}", done.said);
    assert_eq!(content(&export(&["--data-dir", &source])), content(&text), "it was left alone");

    let foreign = path("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(Path::new(&foreign).join("holiday.jpg"), b"x").unwrap();
    let done = import(&["--data-dir", &foreign], &text);
    assert!(done.code == Some(1) && done.said.contains("this is not empty"), "{}", done.said);
    for nothing in [&foreign, &path("nowhere")] {
        let done = hiscore(&["export", "--data-dir", nothing], b"");
        assert!(done.code == Some(1) && done.said.contains("no data of hiscore"), "{}", done.said);
    }
    assert!(!Path::new(&path("nowhere")).exists());

    let server = serve(&source, &[]);
    for done in [import(&["--data-dir", &source], &text), hiscore(&["export", "--data-dir", &source], b"")] {
        assert!(done.code == Some(1) && done.said.contains("another process is using"), "{}", done.said);
    }
    server.kill();
    let done = hiscore(&["import", "--data-dir", &path("new"), &path("no-such-file")], b"");
    assert!(done.code == Some(1) && done.said.contains("no-such-file"), "{}", done.said);
    let done = hiscore(&["import", "--data-dir", "a", "--mongodb-url", "b"], b"");
    assert!(done.code == Some(2) && done.said.contains("leave one out"), "{}", done.said);
}
