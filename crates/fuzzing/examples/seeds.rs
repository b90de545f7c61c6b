//! Writes inputs that are right into `fuzz/corpus`, for the fuzzer to begin with.
//!
//! `cargo run -p hiscore-fuzzing --example seeds`

#![allow(clippy::unwrap_used, reason = "a tool for tests")]

use std::path::Path;

use hiscore_log::{Entry, Told, Work};
use hiscore_score::{
    LeaderboardId, Live, Metadata, PlayerId, Position, Record, Rules, Score, Stamp, Submission, SubmissionId,
    SubmissionKey, Window,
};
use hiscore_store::embedded::codec::{put_board, put_entry, put_record};
use hiscore_store::embedded::{BoardRow, Change, JournalEntry, RowKey};

fn main() {
    for (target, inputs) in [
        ("config", config()),
        ("cursor", cursor()),
        ("embedded", embedded()),
        ("entry", entry()),
        ("graphql", graphql()),
        ("import", import()),
        ("mongo", mongo()),
        ("redis", redis()),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (at, input) in inputs.into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{at:02}")), input).unwrap();
        }
    }
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn headed(first: u8, rest: &[u8]) -> Vec<u8> {
    [&[first], rest].concat()
}

fn submission() -> Submission {
    let metadata = Metadata::from_stored(r#"{"car":"red","laps":[1,2.5,null]}"#).unwrap();
    let key = SubmissionId::new("018f0000-0000-7000-8000-000000000001").unwrap();
    Submission::new(Score::new(4200).unwrap(), Score::new(-7).unwrap(), metadata, Some(&key))
}

fn record() -> Record {
    let stamp = |raw| Stamp::from_raw(raw).unwrap();
    let mut window = Window::default();
    for id in ["one", "018f0000-0000-7000-8000-000000000001"] {
        let key = SubmissionKey::new(&SubmissionId::new(id).unwrap(), 7);
        window.push(key, stamp(1 << 40), 32);
    }
    let Submission { score, subscore, metadata, .. } = submission();
    let live =
        Live { score, subscore, metadata, num_score: 12, created: stamp(1 << 30), reached: stamp(1 << 35) };
    let position = Position { era: 3, sequence: 1 << 40, index: 2 };
    Record { live: Some(live), deleted: stamp(1 << 20), updated: stamp(1 << 40), position, window }
}

fn tombstone() -> Record {
    Record { live: None, window: Window::default(), ..record() }
}

fn config() -> Vec<Vec<u8>> {
    let mut all = texts(&[
        "0serve\n--redis-url\nredis://:s3cr3t@h:1/2\n--mongodb-url=mongodb://h/db\n--flush-interval\n1m30s",
        "0simulate\n--players\n20\n--duration=5s",
        "0log\nverify\n--log-url\nkafka://a,b/p",
        "0import\nredis-zset\nredis://h\nkey\n--leaderboard\nb",
        "1HISCORE_LISTEN=127.0.0.1:1\nHISCORE_LOG_FORMAT=json\nHISCORE_ROLE=ingest",
        "2listen = \"127.0.0.1:8080\"\nflush-interval = \"250ms\"\nmax-batch = 0x10\n",
        "3rediss+sentinel://u:s3cr3t%40@[::1]:7,b/main/3?sentinel_user=a&sentinel_password=b",
        "3redis-cluster://:s3cr3t@a:1,b:2",
        "3amqps://me:s3cr3t@a,[::1]:3/v%2fh?prefix=p",
        "3kafkas://me:s3cr3t@a:1,b/prefix",
    ]);
    all.iter_mut().for_each(|text| text[0] -= b'0');
    all
}

fn cursor() -> Vec<Vec<u8>> {
    let mut body = vec![3, 0, 0, 0, 1];
    for number in [4200i64, -7, 1 << 40] {
        body.extend(number.to_be_bytes());
    }
    body.extend(b"ada");
    vec![body, headed(0, b"daily"), b"AAAAAQAAAAAAABBoAAAAAAAAAAA".to_vec()]
}

fn embedded() -> Vec<Vec<u8>> {
    let player = PlayerId::new("ada").unwrap();
    let key = RowKey { board: 1, version: 2, player };
    let stamp = Stamp::from_raw(1 << 40).unwrap();
    let id = LeaderboardId::new("daily").unwrap();
    let changes = [
        Change::Create { id: id.clone(), rules: Rules::default() },
        Change::Reset { board: 1 },
        Change::Submit { key: key.clone(), submission: submission() },
        Change::Delete { key },
    ];
    let mut entries = Vec::new();
    for change in changes {
        put_entry(&mut entries, &JournalEntry { stamp, change });
    }
    let (mut live, mut dead, mut board) = (Vec::new(), Vec::new(), Vec::new());
    put_record(&mut live, &record());
    put_record(&mut dead, &tombstone());
    let leaderboard = hiscore_score::Leaderboard::new(Rules::default(), stamp);
    put_board(&mut board, &BoardRow { number: 1, id, leaderboard, sequence: 9 });
    let kept = |kind: u8, bytes: &[u8]| [&[6, kind], bytes].concat();
    vec![
        headed(0, &[0; 24]),
        headed(1, &entries),
        headed(2, &entries),
        headed(3, &live),
        headed(3, &dead),
        headed(4, &board),
        headed(5, &entries),
        kept(0, b"daily\0\0\0\0\x02ada"),
        kept(1, &headed(3, &live)),
        kept(2, &[&[1, 0], board.as_slice()].concat()),
        kept(3, &[1, 3, 0x85, 1, 9, 2, 20]),
        kept(3, &[2, 3, 0x85, 1, 9, 1, 3, 1, 8, 9, 2, 20]),
        kept(4, &[&[1, 1, b'd', 32, 32], [7; 32].as_slice()].concat()),
        kept(5, &[1, 1, 1, b'l']),
        kept(6, &[7; 30]),
    ]
}

fn entry() -> Vec<Vec<u8>> {
    let board = LeaderboardId::new("daily").unwrap();
    let player = PlayerId::new("ada").unwrap();
    let works = vec![
        Work::Create { board: board.clone(), rules: Rules::default() },
        Work::Submit {
            board: board.clone(),
            player: player.clone(),
            submission: submission(),
            auto_create: true,
        },
        Work::Delete { board: LeaderboardId::new("weekly").unwrap(), player },
        Work::Reset { board, expected: Some(3) },
    ];
    let told = Told { outcome: true, rank: true, ..Told::default() };
    let mut all = Entry { origin: 1 << 60, number: 300, told, works }.encode();
    // The target gives it a checksum.
    all.truncate(all.len() - 4);
    vec![all]
}

fn graphql() -> Vec<Vec<u8>> {
    texts(&[
        "mutation($in: SubmitScoreInput!) { submitScore(input: $in) { record { rank score subscore metadata numScore createdAt } \
         previousRank ack outcome userErrors { code field message } } }\0\
         {\"in\":{\"leaderboardId\":\"best\",\"playerId\":\"p\",\"score\":5,\"subscore\":-1,\"metadata\":{\"a\":[1.0]},\
         \"submissionId\":\"s\",\"ack\":\"PERSISTED\"}}\0{\"in\":{\"leaderboardId\":\"best\",\"playerId\":\"p\",\"score\":1e3}}",
        "mutation M($i: SubmitScoresInput!) { a: submitScores(input: $i) { results { outcome record { playerId rank } \
         userErrors { code } } userErrors { code } } }\0{\"i\":{\"leaderboardId\":\"sum\",\"submissions\":[{\"playerId\":\"a\",\
         \"score\":1},{\"playerId\":\"a\",\"score\":9007199254740991}]}}",
        "query($f: Int, $c: String) { leaderboard(id: \"best\") { id records(first: $f, after: $c) { totalCount edges { cursor node \
         { rank playerId } } pageInfo { hasNextPage endCursor } } } }\0{\"f\":3}\0{\"f\":-1,\"c\":\"x\"}",
        "{ leaderboards(first: 2) { nodes { id operator versionId } pageInfo { endCursor } } }\0{}",
        "mutation { createLeaderboard(input: {id: \"n\", operator: SET, sortOrder: ASC}) { leaderboard { id } userErrors { code } } }\0{}",
        "fragment F on Record { score ...F } query Q($x: Boolean!) { __schema { types { name @include(if: $x) } } }\0{\"x\":true}",
        "subscription { leaderboardChanged(id: \"best\", first: 3) { revision } }\0{}",
        "{\"query\":\"{ __typename }\",\"operationName\":null,\"variables\":{},\"extensions\":{}}",
        "[{\"query\":\"{__typename}\"}]",
    ])
}

fn import() -> Vec<Vec<u8>> {
    let board = r#"{"leaderboard":{"id":"daily","operator":"BEST","sortOrder":"DESC","subscoreOrder":"ASC","versionId":2,"createdAt":"x","openedAt":"x","stamps":{"created":5,"opened":7}}}"#;
    let live = r#"{"record":{"leaderboardId":"daily","versionId":1,"playerId":"ada","score":5,"subscore":-7,"numScore":3,"metadata":{"a":[1.0]},"createdAt":"x","updatedAt":"x","stamps":{"created":5,"reached":6,"updated":9},"window":{"submissions":[{"id":"000102030405060708090a0b0c0d0e0f","body":"0001020304050607","at":9,"time":1700000000000}],"horizon":4}}}"#;
    let text = r#"{"record":{"leaderboardId":"daily","versionId":2,"playerId":"bob","score":5,"subscore":0,"numScore":1,"metadataJson":"[ 1e2 ]","updatedAt":"x","stamps":{"created":5,"reached":6,"updated":9}}}"#;
    let dead = r#"{"record":{"leaderboardId":"daily","versionId":2,"playerId":"eve","updatedAt":"x","deletedAt":"x","stamps":{"updated":9,"deleted":8}}}"#;
    let lines = format!("{board}\n{live}\n{text}\n{dead}\n");
    let whole = hiscore::transfer::fuzzing::sealed(lines.as_bytes());
    vec![lines.into_bytes(), whole]
}

fn mongo() -> Vec<Vec<u8>> {
    let position = r#""shard":6,"epoch":1,"sequence":815,"index":0"#;
    let record = format!(
        r##"{{"format":1,"leaderboardId":"daily","versionId":3,"playerId":"ada","score":4200,"subscore":7,"numScore":12,"metadata":{{"car":"red","n":[1,2.5,null,true]}},"metadataJson":"[ 1 ]","order":{{"score":-4200,"subscore":-7,"reached":133}},"stamps":{{"updated":140,"created":130,"deleted":0}},{position},"window":{{"submissions":[{{"id":"#0123456789abcdef","body":-5,"at":133,"time":1700000000000}}],"horizon":9}}}}"##
    );
    let dead = format!(
        r#"{{"format":1,"leaderboardId":"d","versionId":3,"playerId":"a","deleted":true,"stamps":{{"updated":140.0,"deleted":9}},{position}}}"#
    );
    let board = format!(
        r#"{{"format":1,"leaderboardId":"daily","versionId":3,"operator":"BEST","sortOrder":"DESC","subscoreOrder":"ASC","stamps":{{"created":5,"opened":7}},{position}}}"#
    );
    let shard = r#"{"format":2,"epoch":3,"watermark":99,"stamp":9,"strays":[{"epoch":2,"above":20}],"opened":"@abcdefghijkl","log":{"generation":1,"era":3,"offset":8,"stamp":9}}"#;
    let deployment = r##"{"format":2,"id":"d","shards":32,"window":32,"secret":"#0123456789abcdef0123456789abcdef","log":{"generation":1,"id":"l","adopted":"@abcdefghijkl"}}"##;
    let mut all: Vec<Vec<u8>> = [(0, record.as_str()), (0, &dead), (1, &board), (2, shard), (3, deployment)]
        .map(|(kind, text)| headed(kind, text.as_bytes()))
        .into();
    let mut bson = vec![0, 0x10];
    bson.extend(b"format\0\x01\0\0\0\x02leaderboardId\0\x02\0\0\0d\0\x03order\0\x05\0\0\0\0");
    all.push(bson);
    all
}

fn redis() -> Vec<Vec<u8>> {
    let packed = hiscore_rank::redis::fuzzing::packed;
    let mut board = vec![1, 0, 1, 1, 0, 0, 0, 2];
    board.extend([0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0]);
    let mut result = vec![3, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0];
    result.extend([0; 14]);
    let bulk = |bytes: &[u8]| [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let page = [
        b"\x05*9\r\n$2\r\nOK\r\n".to_vec(),
        bulk(&board[1..]),
        b":2\r\n:1\r\n:4\r\n:0\r\n:1\r\n$3\r\nada\r\n".to_vec(),
        bulk(&packed(&record())),
    ]
    .concat();
    let claim = [
        b"\x05*12\r\n$2\r\nOK\r\n:1\r\n:2\r\n:3\r\n:4\r\n:1\r\n:5\r\n$3\r\n8:9\r\n$1\r\n7\r\n:3\r\n".to_vec(),
        bulk(b"r\0\0\0\x02\x05dailyada"),
        bulk(&packed(&record())),
    ]
    .concat();
    let look = b"\x05*24\r\n$2\r\nOK\r\n$1\r\n1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n$1\r\nh\r\n$1\r\nd\r\n:4\r\n:4\r\n:1\r\n:1\r\n\
        $0\r\n\r\n$1\r\nr\r\n$0\r\n\r\n$3\r\n1:l\r\n:1\r\n:1\r\n:1\r\n:0\r\n$3\r\n8:9\r\n".to_vec();
    vec![
        headed(0, &packed(&record())),
        headed(0, &packed(&tombstone())),
        board,
        b"\x02r\0\0\0\x02\x05dailyada".to_vec(),
        b"\x02bdaily".to_vec(),
        result,
        b"\x04a 10.0.0.1:6379@16379,one myself,master - 0 0 1 connected 0-5460\nb [::1]:1@2 master - 0"
            .to_vec(),
        page,
        claim,
        look,
        b"\x05*1\r\n*4\r\n:0\r\n:100\r\n*2\r\n$1\r\nh\r\n:6379\r\n*0\r\n".to_vec(),
        b"\x05*3\r\n$6\r\nmaster\r\n:1\r\n*1\r\n*0\r\n".to_vec(),
        b"\x05-MOVED 3999 127.0.0.1:6381\r\n".to_vec(),
    ]
}
