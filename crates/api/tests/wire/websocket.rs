//! WebSockets that need a server of their own: caps, slow clients, shutdown. What any server does is tested in tests/api.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hiscore_api::Limits;
use http::HeaderValue;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::client::parts;
use crate::support::model::{Model, Switch};

/// Longer than anything here takes, so that a hang fails.
const DEADLINE: Duration = Duration::from_secs(20);

struct Server {
    url: String,
    model: Model,
    shutdown: CancellationToken,
    sockets: TaskTracker,
}

async fn serve(limits: Value) -> Server {
    let model = Model::default();
    let mut parts = parts(std::sync::Arc::new(model.clone()), std::sync::Arc::new(Switch::default()));
    parts.limits = Limits { websocket: serde_json::from_value(limits).unwrap(), ..Limits::default() };
    let (shutdown, sockets) = (parts.shutdown.clone(), parts.sockets.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/graphql", listener.local_addr().unwrap());
    tokio::spawn(
        axum::serve(
            listener,
            axum::ServiceExt::<axum::extract::Request>::into_make_service(hiscore_api::front(parts)),
        )
        .into_future(),
    );
    let id = hiscore_score::LeaderboardId::new("b").unwrap();
    hiscore_api::service::Service::create(&model, &id, Default::default()).await.unwrap();
    Server { url, model, shutdown, sockets }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Server {
    async fn open(&self, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
        let mut request = self.url.as_str().into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Client(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    async fn connect(&self) -> Client {
        let mut client = self.open(&[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap();
        client.say(json!({ "type": "connection_init" })).await;
        assert_eq!(client.hear().await, json!({ "type": "connection_ack" }));
        client
    }

    async fn submit(&self, player: &str, score: i64) {
        let score = hiscore_score::Score::new(score).unwrap();
        let entry = hiscore_api::service::Entry {
            player: hiscore_score::PlayerId::new(player).unwrap(),
            submission: hiscore_score::Submission::new(score, Default::default(), None, None),
        };
        let id = hiscore_score::LeaderboardId::new("b").unwrap();
        hiscore_api::service::Service::submit(&self.model, &id, vec![entry], Default::default())
            .await
            .unwrap();
    }
}

impl Client {
    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({ "id": id, "type": "subscribe", "payload": { "query": query } })).await;
    }

    /// The next message; pings are not ours.
    async fn next(&mut self) -> Message {
        loop {
            match tokio::time::timeout(DEADLINE, self.0.next()).await.unwrap().unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    async fn hear(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The code of the close frame, past whatever was said before.
    async fn closed(&mut self) -> u16 {
        loop {
            match self.next().await {
                Message::Close(Some(frame)) => return frame.code.into(),
                Message::Text(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

const WATCH: &str = "subscription { leaderboardChanged(id: \"b\") { totalCount records { playerId } } }";

#[tokio::test]
async fn a_subscription_lives_and_ends_by_either_side() {
    let server = serve(json!({})).await;
    let mut client = server.connect().await;
    client.subscribe("1", WATCH).await;
    let present = client.hear().await;
    assert_eq!((&present["type"], &present["id"]), (&json!("next"), &json!("1")));
    assert_eq!(
        present["payload"],
        json!({ "data": { "leaderboardChanged": { "totalCount": 0, "records": [] } } })
    );
    server.submit("p", 1).await;
    assert_eq!(client.hear().await["payload"]["data"]["leaderboardChanged"]["totalCount"], 1);
    client.say(json!({ "type": "complete", "id": "1" })).await;
    // The id is free again, and queries and mutations go over the same connection.
    client.subscribe("1", "{ leaderboard(id: \"b\") { totalCount } }").await;
    assert_eq!(client.hear().await["payload"], json!({ "data": { "leaderboard": { "totalCount": 1 } } }));
    assert_eq!(client.hear().await, json!({ "type": "complete", "id": "1" }));
    client.subscribe("2", "subscription { leaderboardChanged(id: \"none\") { totalCount } }").await;
    let error = client.hear().await;
    assert_eq!(
        (&error["type"], &error["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("NOT_FOUND"))
    );
    client
        .subscribe("3", "subscription { rankChanged(leaderboardId: \"b\", playerId: \"p\") { rank } }")
        .await;
    assert_eq!(client.hear().await["payload"], json!({ "data": { "rankChanged": { "rank": 1 } } }));
    client.subscribe("4", "{ leaderboard(id: 1.5) { id } }").await;
    assert_eq!(client.hear().await["type"], "error");
    client.say(json!({ "type": "ping", "payload": { "x": 1 } })).await;
    assert_eq!(client.hear().await, json!({ "type": "pong", "payload": { "x": 1 } }));
    server.model.set_bomb("bomb");
    client
        .subscribe("5", "subscription { rankChanged(leaderboardId: \"b\", playerId: \"bomb\") { rank } }")
        .await;
    let error = client.hear().await;
    assert_eq!(
        (&error["type"], &error["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("INTERNAL"))
    );
    client.0.close(None).await.unwrap();
    assert!(matches!(client.next().await, Message::Close(_)));
}

#[tokio::test]
async fn caps() {
    let server = serve(json!({ "connections": 1, "operations": 2 })).await;
    let mut client = server.connect().await;
    assert_eq!(server.open(&[("sec-websocket-protocol", "graphql-transport-ws")]).await.err(), Some(503));
    for id in ["1", "2", "3"] {
        client.subscribe(id, WATCH).await;
        let heard = client.hear().await;
        if id == "3" {
            assert_eq!(
                (&heard["type"], &heard["payload"][0]["extensions"]["code"]),
                (&json!("error"), &json!("TOO_MANY"))
            );
        } else {
            assert_eq!(heard["type"], "next");
        }
    }
    client.say(json!({ "type": "complete", "id": "1" })).await;
    client.subscribe("3", WATCH).await;
    assert_eq!(client.hear().await["type"], "next");
}

#[tokio::test]
async fn origins() {
    let server = serve(json!({})).await;
    let own = server.url.replace("ws://", "http://").replace("/graphql", "");
    let from = async |origin: &str| {
        server.open(&[("origin", origin), ("sec-websocket-protocol", "graphql-transport-ws")]).await.err()
    };
    assert_eq!(from(&own).await, None);
    assert_eq!(from("https://game.example").await, None);
    for other in ["https://other.example", "null", "", "http://127.0.0.1", &format!("{own}.example")] {
        assert_eq!(from(other).await, Some(403), "{other}");
    }
}

#[tokio::test]
async fn closes() {
    let server = serve(json!({ "init_timeout_ms": 200, "message_bytes": 1000 })).await;
    let open = async || server.open(&[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap();
    assert_eq!(open().await.closed().await, 4408);
    let mut client = open().await;
    client.subscribe("1", WATCH).await;
    assert_eq!(client.closed().await, 4401);
    let mut client = server.connect().await;
    client.say(json!({ "type": "connection_init" })).await;
    assert_eq!(client.closed().await, 4429);
    for bad in [
        "",
        "x",
        "[]",
        "[\"ping\"]",
        "{}",
        "{\"type\":\"x\"}",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"complete\",\"id\":\"\"}",
        "{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{}}",
        "{\"type\":\"subscribe\",\"id\":1,\"payload\":{\"query\":\"{a}\"}}",
    ] {
        let mut client = server.connect().await;
        client.0.send(Message::text(bad)).await.unwrap();
        assert_eq!(client.closed().await, 4400, "{bad}");
    }
    let mut client = server.connect().await;
    client.0.send(Message::binary(b"{}".to_vec())).await.unwrap();
    assert_eq!(client.closed().await, 4400);
    let mut client = server.connect().await;
    client.subscribe("1", WATCH).await;
    client.subscribe("1", WATCH).await;
    assert_eq!(client.closed().await, 4409);
    let mut client = server.connect().await;
    client.0.send(Message::text(" ".repeat(1001))).await.unwrap();
    assert_eq!(client.closed().await, 1009);
    let mut client = server.open(&[("sec-websocket-protocol", "graphql-ws")]).await.unwrap();
    assert_eq!(client.closed().await, 4406);
    assert_eq!(server.open(&[]).await.unwrap().closed().await, 4406);
}

#[tokio::test]
async fn shutdown_closes_with_1001_and_joins() {
    let server = serve(json!({})).await;
    let mut client = server.connect().await;
    client.subscribe("1", WATCH).await;
    assert_eq!(client.hear().await["type"], "next");
    server.shutdown.cancel();
    assert_eq!(client.closed().await, 1001);
    drop(client);
    server.sockets.close();
    tokio::time::timeout(DEADLINE, server.sockets.wait()).await.unwrap();
    assert_eq!(server.open(&[]).await.err(), Some(503));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let server = serve(json!({ "write_timeout_ms": 300 })).await;
    for player in 0..100 {
        server
            .submit(
                &"x".repeat(100)
                    .replace('x', &format!("{}", player % 10))
                    .chars()
                    .chain(player.to_string().chars())
                    .collect::<String>(),
                1,
            )
            .await;
    }
    let mut client = server.connect().await;
    let many = "subscription { leaderboardChanged(id: \"b\", first: 100) { records { playerId score createdAt updatedAt leaderboardId } } }";
    for id in 0..20 {
        client.subscribe(&id.to_string(), many).await;
    }
    server.sockets.close();
    let gone = async {
        // Changes keep coming, nobody reads them, and at some point the kernel's buffers are full.
        while !server.sockets.is_empty() {
            server.submit("p", 1).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
    drop(client);
}

#[tokio::test]
async fn a_client_that_is_gone_silently_is_cut_off() {
    let server = serve(json!({ "ping_interval_ms": 100 })).await;
    let mut client = server.connect().await;
    client.subscribe("1", WATCH).await;
    // Not polled, so it answers no pings; what it is sent stays in the kernel's buffers.
    server.sockets.close();
    tokio::time::timeout(DEADLINE, server.sockets.wait()).await.unwrap();
    // Read as bytes: a client that answered the pings now would be reset by a server that is gone.
    let MaybeTlsStream::Plain(socket) = client.0.get_mut() else { panic!("it is not encrypted") };
    let mut said = Vec::new();
    tokio::time::timeout(DEADLINE, socket.read_to_end(&mut said)).await.unwrap().unwrap();
    let frame = [0x88, 2 + "no answer to pings".len() as u8, 0x03, 0xf0];
    assert!(said.windows(4).any(|bytes| bytes == frame), "closed with 1008: {said:?}");
}
