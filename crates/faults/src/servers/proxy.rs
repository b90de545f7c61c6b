//! A TCP proxy that fails as networks do: cut, stalled, or taking the answer away after the work was done.
//!
//! It changes nothing of what it passes on. So clients that learn addresses from the server (MongoDB replica sets, a
//! Redis Cluster, Sentinels) go around it: they have to be told to stay (`directConnection=true`), or the server has
//! to be known by the proxy's address.
#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// What is passed on at once.
const CHUNK: usize = 64 << 10;

/// How long it waits for the server to accept.
const CONNECT: Duration = Duration::from_secs(5);

/// A running proxy on 127.0.0.1. All its connections are closed when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ended: bool,
    cut: bool,
    stalled: bool,
    swallows: bool,
    swallowed: u64,
    next: u64,
    /// Both ends of each connection, so that it can be closed from outside.
    open: Vec<(u64, TcpStream, TcpStream)>,
}

impl Proxy {
    /// Starts one in front of `target`, which need not be there yet.
    ///
    /// # Panics
    /// When this machine has no free port.
    pub fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::<Shared>::default();
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, target, &shared)
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes every connection, and every new one at once, until [`Proxy::heal`].
    pub fn cut(&self) {
        self.shared.change(|state| {
            state.cut = true;
            state.close_all();
        });
    }

    /// Undoes [`Proxy::cut`], [`Proxy::stall`] and [`Proxy::swallow_replies`].
    pub fn heal(&self) {
        self.shared.change(|state| (state.cut, state.stalled, state.swallows) = (false, false, false));
    }

    /// Stops every byte in both directions, while connections stay and new ones are accepted.
    pub fn stall(&self) {
        self.shared.change(|state| state.stalled = true);
    }

    /// Lets the bytes flow again, those that were held up first.
    pub fn unstall(&self) {
        self.shared.change(|state| state.stalled = false);
    }

    /// While this is on, requests reach the server, and the first byte that it answers closes the connection: the
    /// work was done and nobody was told. One that was in the air before may be hit as well.
    pub fn swallow_replies(&self, on: bool) {
        self.shared.change(|state| state.swallows = on);
    }

    /// How many connections lost an answer to [`Proxy::swallow_replies`].
    pub fn swallowed(&self) -> u64 {
        self.shared.state.lock().swallowed
    }

    /// How many connections are open now.
    pub fn connections(&self) -> usize {
        self.shared.state.lock().open.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.ended = true;
            state.close_all();
        });
        // Wakes the acceptor, which then sees that it is over.
        drop(TcpStream::connect(self.address));
        self.acceptor.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    /// Enters a connection, unless there must be none. Says how it is to be taken out again.
    fn enter(&self, client: &TcpStream, server: &TcpStream) -> Option<u64> {
        let mut state = self.state.lock();
        let (client, server) = (client.try_clone().ok()?, server.try_clone().ok()?);
        if state.ended || state.cut {
            return None;
        }
        state.next += 1;
        let id = state.next;
        state.open.push((id, client, server));
        Some(id)
    }

    /// Waits while everything is stalled. Says whether what was read may be passed on.
    fn passes(&self, id: u64, is_reply: bool) -> bool {
        let mut state = self.state.lock();
        while state.stalled && state.is_open(id) {
            self.changed.wait(&mut state);
        }
        let swallow = is_reply && state.swallows && state.is_open(id);
        state.swallowed += u64::from(swallow);
        state.is_open(id) && !swallow
    }

    fn close(&self, id: u64) {
        self.change(|state| {
            let closed = state.open.extract_if(.., |(open, ..)| *open == id);
            closed.for_each(|(_, client, server)| shut(&client, &server));
        });
    }
}

impl State {
    fn is_open(&self, id: u64) -> bool {
        self.open.iter().any(|(open, ..)| *open == id)
    }

    fn close_all(&mut self) {
        self.open.drain(..).for_each(|(_, client, server)| shut(&client, &server));
    }
}

fn shut(client: &TcpStream, server: &TcpStream) {
    // Either may be closed already.
    drop(client.shutdown(Shutdown::Both));
    drop(server.shutdown(Shutdown::Both));
}

fn accept(listener: &TcpListener, target: SocketAddr, shared: &Arc<Shared>) {
    let mut pumps: Vec<JoinHandle<()>> = Vec::new();
    while let Ok((client, _)) = listener.accept() {
        if shared.state.lock().ended {
            break;
        }
        pumps.retain(|pump| !pump.is_finished());
        let shared = Arc::clone(shared);
        // One that waits for a server that is not there must not hold up the next.
        pumps.push(std::thread::spawn(move || drop(serve(client, target, &shared))));
    }
    pumps.into_iter().for_each(|pump| drop(pump.join()));
}

/// Passes a connection on until one side ends it.
fn serve(client: TcpStream, target: SocketAddr, shared: &Shared) -> Result<()> {
    if shared.state.lock().cut {
        return Ok(());
    }
    let server = TcpStream::connect_timeout(&target, CONNECT)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let Some(id) = shared.enter(&client, &server) else { return Ok(()) };
    std::thread::scope(|scope| {
        scope.spawn(|| pump(&client, &server, shared, id, false));
        pump(&server, &client, shared, id, true);
    });
    Ok(())
}

/// Passes on what comes from one side; when that is over, or refused, the whole connection is.
fn pump(mut from: &TcpStream, mut to: &TcpStream, shared: &Shared, id: u64, is_reply: bool) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(size @ 1..) = from.read(&mut chunk) {
        let passed = shared.passes(id, is_reply) && to.write_all(&chunk[..size]).is_ok();
        if !passed {
            break;
        }
    }
    shared.close(id);
}
