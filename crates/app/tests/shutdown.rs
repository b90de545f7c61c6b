//! SIGTERM: what was acknowledged is kept, what is under way is finished, nobody idle holds it up, and a second
//! signal ends it at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hiscore_faults::wait::until;
use hiscore_faults::{Client, Entry, Process, Tally, Verdict, scores};
use tempfile::TempDir;

const CLIENTS: i64 = 6;
/// Far less than a time-out anywhere in the server, far more than an orderly end takes.
const SOON: Duration = Duration::from_secs(5);

fn start(folder: &TempDir, more: &[&str]) -> Process {
    let mut arguments = vec!["--listen", "127.0.0.1:0", "--data-dir", folder.path().to_str().unwrap()];
    arguments.extend(["--journal-segment", "64KiB", "--cache", "1MiB"]);
    arguments.extend(more);
    Process::start(Path::new(env!("CARGO_BIN_EXE_hiscore")), &arguments).ready()
}

/// Waits for an orderly end; how long it took.
fn ended(server: &mut Process, began: Instant) -> Duration {
    let ended = server.wait();
    let took = began.elapsed();
    assert_eq!(ended.code, Ok(0), "{}", ended.said);
    assert!(took < SOON, "it took {took:?}: {}", ended.said);
    took
}

/// What one client had acknowledged, and what it must send again.
type Sent = (Vec<Entry>, Vec<Entry>);

/// Submits until the server takes no more.
fn submit_until_it_stops(client: &mut Client, me: i64, acked: &AtomicUsize) -> Sent {
    let mut safe = Vec::new();
    for n in 0.. {
        let size = 1 + n % 5;
        let entries: Vec<Entry> = (0..size)
            .map(|i| Entry { player: format!("p{}", i % 4), score: n, number: n * 100 + i * 10 + me })
            .collect();
        let verdicts = scores::submit(client, "sum", &entries);
        if verdicts.iter().all(Verdict::is_acked) {
            acked.fetch_add(entries.len(), Ordering::Relaxed);
            safe.extend(entries);
            continue;
        }
        let open = entries.into_iter().zip(verdicts);
        let open = open.map(|(entry, verdict)| match verdict {
            Verdict::Refused(code, why) => panic!("refused: {code}, {why}"),
            Verdict::Acked(_) => panic!("a part of a bulk"),
            Verdict::NotApplied(_) | Verdict::Ambiguous(_) => entry,
        });
        return (safe, open.collect());
    }
    unreachable!("it ends with the server")
}

#[test]
fn under_load_everything_acknowledged_is_kept() {
    for round in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let mut server = start(&folder, &[]);
        scores::create(&mut server.client(), "sum", "INCREMENT");
        let acked = AtomicUsize::new(0);
        let (sent, took) = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|me| {
                    let (mut client, acked) = (server.client(), &acked);
                    scope.spawn(move || submit_until_it_stops(&mut client, me, acked))
                })
                .collect();
            until("some load", SOON, || (acked.load(Ordering::Relaxed) > 200 * (round + 1)).then_some(()));
            let began = Instant::now();
            server.terminate();
            let took = ended(&mut server, began);
            (clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<Sent>>(), took)
        });
        let server = start(&folder, &[]);
        let mut client = server.client();
        let mut tally = Tally::default();
        tally.board("sum", "INCREMENT");
        let mut again = 0;
        for (safe, open) in sent {
            for entry in &open {
                // What nobody answered is settled by sending it once more.
                assert!(scores::submit(&mut client, "sum", std::slice::from_ref(entry))[0].is_acked());
                again += 1;
            }
            safe.iter().chain(&open).for_each(|entry| tally.acked("sum", entry));
        }
        tally.check(&mut client);
        println!("{} acknowledged, of which {again} after the restart; ended in {took:?}", tally.count());
    }
}

#[test]
fn idle_connections_hold_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder, &[]);
    let mut kept: Vec<Client> = (0..6).map(|_| server.client()).collect();
    // Half of them have never sent anything.
    for (n, client) in kept.iter_mut().enumerate() {
        if n % 2 == 0 { drop(client.get("/livez").unwrap()) } else { client.connect().unwrap() }
    }
    let began = Instant::now();
    server.terminate();
    println!("ended in {:?} with {} idle connections", ended(&mut server, began), kept.len());
}

#[test]
fn nobody_is_told_that_it_is_ready_once_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder, &["--shutdown-timeout", "1s"]);
    let _held = half_a_request(&server);
    let began = Instant::now();
    server.terminate();
    let mut client = server.client();
    let mut ready = true;
    while server.is_running() {
        let answer = client.get("/readyz");
        let now = matches!(answer, Ok((200, _)));
        assert!(ready || !now, "ready again: {answer:?}");
        ready = now;
    }
    // A request that never ends is cut off in time, and that is no failure.
    println!("ended in {:?} with half a request open", ended(&mut server, began));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder, &["--shutdown-timeout", "1h"]);
    scores::create(&mut server.client(), "sum", "INCREMENT");
    let entry = Entry { player: "p".into(), score: 1, number: 1 };
    assert!(scores::submit(&mut server.client(), "sum", std::slice::from_ref(&entry))[0].is_acked());
    let _held = half_a_request(&server);
    server.terminate();
    until("it to stop listening", SOON, || server.client().connect().is_err().then_some(()));
    assert!(server.is_running(), "it waits for the request");
    let began = Instant::now();
    server.terminate();
    let ended = server.wait();
    assert_eq!(ended.code, Ok(130), "{}", ended.said);
    assert!(began.elapsed() < SOON);
    let mut tally = Tally::default();
    tally.board("sum", "INCREMENT");
    tally.acked("sum", &entry);
    tally.check(&mut start(&folder, &[]).client());
}

#[test]
fn a_websocket_is_told_that_the_server_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder, &[]);
    scores::create(&mut server.client(), "sum", "INCREMENT");
    let mut socket = WebSocket::open(&server);
    socket.send(r#"{"type":"connection_init"}"#);
    assert!(socket.text().contains("connection_ack"));
    socket.send(
        r#"{"id":"1","type":"subscribe","payload":{"query":"subscription { leaderboardChanged(id: \"sum\") { totalCount } }"}}"#,
    );
    assert!(socket.text().contains("totalCount"), "the present state comes first");
    let began = Instant::now();
    server.terminate();
    let code = loop {
        let (kind, payload) = socket.next();
        if kind == 8 {
            break u16::from_be_bytes([payload[0], payload[1]]);
        }
    };
    assert_eq!(code, 1001);
    // A client that answers is not waited for any longer.
    socket.close();
    println!("closed with {code}, ended in {:?}", ended(&mut server, began));
}

/// A connection with a request whose body does not come.
fn half_a_request(server: &Process) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"query\":";
    stream.write_all(head.as_bytes()).unwrap();
    // The server has surely read it when it has answered somebody who came later.
    drop(server.client().get("/livez").unwrap());
    stream
}

/// Just enough of RFC 6455.
struct WebSocket(BufReader<TcpStream>);

impl WebSocket {
    fn open(server: &Process) -> Self {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let head = format!(
            "GET /graphql HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: graphql-transport-ws\r\n\r\n",
            server.address()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.contains(" 101 "), "{line}");
        while line.trim() != "" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        Self(reader)
    }

    fn send(&mut self, text: &str) {
        self.frame(1, text.as_bytes());
    }

    fn close(&mut self) {
        self.frame(8, &1001u16.to_be_bytes());
    }

    /// Masked with zeros, which changes nothing.
    fn frame(&mut self, kind: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap();
        let mut frame = vec![0x80 | kind];
        match u8::try_from(length) {
            Ok(short) if short < 126 => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.0.get_mut().write_all(&frame).unwrap();
    }

    fn text(&mut self) -> String {
        let (kind, payload) = self.next();
        assert_eq!(kind, 1, "a text");
        String::from_utf8(payload).unwrap()
    }

    /// The next frame: its kind and its payload.
    fn next(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        let mut length = usize::from(head[1]);
        if length == 126 {
            let mut long = [0; 2];
            self.0.read_exact(&mut long).unwrap();
            length = usize::from(u16::from_be_bytes(long));
        }
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).unwrap();
        (head[0] & 0xf, payload)
    }
}
