//! Whom a Cluster's nodes name, when some of them say nothing.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::Instant;

use super::*;
use crate::redis::outside::{Dialing, Outside, Stream};

/// What a node does with questions.
#[derive(Debug, Clone, Copy)]
enum Node {
    /// It stands still.
    Silent,
    /// It says that this one has all slots; and whether it is with the majority.
    Names(&'static str, bool),
}

/// A Cluster of these nodes.
fn options(nodes: &[(&'static str, Node)]) -> Options {
    let hosts: Vec<&str> = nodes.iter().map(|(name, _)| *name).collect();
    let url = format!("redis-cluster://{}", hosts.join(","));
    let nodes: BTreeMap<String, Node> =
        nodes.iter().map(|(name, node)| ((*name).to_owned(), *node)).collect();
    let dial = move |host: &str, _| -> Dialing {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(answer(nodes[host], theirs));
        Box::pin(async move { Ok(Box::new(ours) as Box<dyn Stream>) })
    };
    let outside = Outside { dial: Some(Arc::new(dial)), ..Outside::default() };
    Options { outside, ..Options::new(url.parse().unwrap(), 4, 32) }
}

async fn answer(node: Node, mut stream: DuplexStream) {
    let mut asked = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut asked).await {
        let Node::Names(primary, is_well) = node else { continue };
        let text = String::from_utf8_lossy(&asked[..count]).into_owned();
        let reply = if text.contains("SLOTS") {
            format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n${}\r\n{primary}\r\n:6379\r\n", primary.len())
        } else {
            let state = if is_well { "cluster_state:ok" } else { "cluster_state:fail" };
            format!("${}\r\n{state}\r\n", state.len())
        };
        stream.write_all(reply.as_bytes()).await.unwrap();
    }
}

/// The primary that they come to, and how long that took.
async fn named(nodes: &[(&'static str, Node)]) -> (Result<String, String>, Duration) {
    let options = options(nodes);
    let begun = Instant::now();
    let places = Resolver::new(&options).resolve(&Keys::new("test", 4)).await;
    let place = places.map(|places| match &places[..] {
        [(host, shards)] if *shards == [0, 1, 2, 3] => host.name.clone(),
        other => panic!("{other:?}"),
    });
    (place, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stands_still_is_not_waited_for() {
    let well = Node::Names("b", true);
    let (place, took) = named(&[("a", Node::Silent), ("b", well), ("c", Node::Silent)]).await;
    assert_eq!(place.as_deref(), Ok("b"));
    assert!(took <= ASK_AGAIN * 2, "of time that no machine's load counts in: {took:?}");

    let (place, took) = named(&[("a", Node::Silent), ("b", Node::Silent)]).await;
    assert!(place.is_err_and(|why| why.contains("did not answer")));
    assert!(took >= Duration::from_secs(2), "it may just be slow");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_is_believed_only_if_no_other_is_well() {
    let (cut_off, well) = (Node::Names("a", false), Node::Names("b", true));
    assert_eq!(named(&[("a", cut_off), ("b", well)]).await.0.as_deref(), Ok("b"));
    assert_eq!(named(&[("a", cut_off), ("c", Node::Silent), ("b", well)]).await.0.as_deref(), Ok("b"));
    assert_eq!(named(&[("a", cut_off), ("c", Node::Silent)]).await.0.as_deref(), Ok("a"));
}
