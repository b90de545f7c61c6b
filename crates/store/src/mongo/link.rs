//! The one client, and how everything is asked of it: under a deadline, repeated where that is safe (all of it is),
//! with every error told as what the caller can do.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Document, RawDocumentBuf, doc, rawdoc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ClientOptions, ConnectionString};
use mongodb::{Client, Database};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use super::MongoOptions;
use crate::contract::StoreError;

/// The database when the URL names none.
const DATABASE: &str = "hiscore";
/// The first pause before a repetition; doubles. The driver waits for a primary by itself, this only keeps a
/// server that refuses quickly from being asked in a tight loop.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// How often servers are looked at, and how long they may take to answer that: what a server that vanished costs.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The connection to one database.
#[derive(Debug)]
pub(super) struct Link {
    url: ConnectionString,
    options: MongoOptions,
    /// Made when first used, since a `mongodb+srv` URL is looked up by DNS, which may be late too.
    client: OnceCell<Client>,
    /// A place for every operation under way.
    places: Arc<Semaphore>,
}

impl Link {
    pub(super) fn new(url: &str, options: MongoOptions) -> Result<Self, StoreError> {
        let places = Arc::new(Semaphore::new(options.connections.max(1) as usize));
        Ok(Self { url: read_url(url)?, options, client: OnceCell::new(), places })
    }

    /// What the server is told to give up after: a little before we do, so that it can say why.
    pub(super) fn server_time(&self) -> Duration {
        self.options.timeout.mul_f64(0.9)
    }

    pub(super) fn server_ms(&self) -> i64 {
        i64::try_from(self.server_time().as_millis()).unwrap_or(i64::MAX).max(1)
    }

    /// Majority and journaled, whatever the URL says: this is what `Ok` means.
    pub(super) fn write_concern(&self) -> RawDocumentBuf {
        rawdoc! { "w": "majority", "j": true, "wtimeout": self.server_ms() }
    }

    async fn database(&self) -> Result<Database, Error> {
        let client = self.client.get_or_try_init(|| async {
            let mut options = ClientOptions::parse(self.url.clone()).await?;
            options.app_name.get_or_insert_with(|| "hiscore".to_owned());
            options.max_pool_size = Some(self.options.connections.max(1));
            options.server_selection_timeout = Some(self.server_time());
            options.connect_timeout.get_or_insert(HEARTBEAT.max(self.options.timeout / 4));
            options.heartbeat_freq.get_or_insert(HEARTBEAT);
            Client::with_options(options)
        });
        Ok(client.await?.database(self.url.default_database.as_deref().unwrap_or(DATABASE)))
    }

    /// Does `work`, again while that helps and there is time.
    ///
    /// It runs in a task of its own, which ends by itself: a future of the driver must not be dropped half way
    /// (RUST-937), and ours may be. There are no more such tasks than connections.
    pub(super) async fn run<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: Fn(Database) -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let deadline = Instant::now() + self.options.timeout;
        let late =
            |_| StoreError::Unavailable(format!("MongoDB: no answer within {:?}", self.options.timeout));
        let place = timeout_at(deadline, Arc::clone(&self.places).acquire_owned()).await.map_err(late)?;
        let database = timeout_at(deadline, self.database()).await.map_err(late)?;
        let database = database.map_err(|error| Failure::from(error).told())?;
        let task = tokio::spawn(async move {
            let _place = place;
            repeat(deadline, || work(database.clone())).await
        });
        match timeout_at(deadline, task).await.map_err(late)? {
            Ok(done) => done.map_err(Failure::told),
            Err(_) => Err(StoreError::Unavailable("MongoDB: the runtime is ending".to_owned())),
        }
    }

    /// Whether a primary answers.
    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.run(|database| async move {
            database.run_command(doc! { "ping": 1 }).await?;
            Ok(())
        })
        .await
    }

    /// Runs a command that writes, and returns its reply once it is confirmed as its write concern says.
    pub(super) async fn command(&self, command: RawDocumentBuf) -> Result<Document, StoreError> {
        self.run(move |database| {
            let command = command.clone();
            async move {
                let reply = database.run_raw_command(command).await?;
                match reply.get_document("writeConcernError") {
                    Ok(error) => Err(unconfirmed(error)),
                    Err(_) => Ok(reply),
                }
            }
        })
        .await
    }
}

async fn repeat<T, F: Future<Output = Result<T, Failure>>>(
    deadline: Instant,
    work: impl Fn() -> F,
) -> Result<T, Failure> {
    let mut pause = FIRST_PAUSE;
    loop {
        match work().await {
            Err(Failure::Again(_)) if Instant::now() + pause < deadline => {}
            done => return done,
        }
        sleep(pause).await;
        pause *= 2;
    }
}

/// Why an operation failed, by what helps.
#[derive(Debug)]
pub(super) enum Failure {
    /// The primary went away in the middle, or the connection broke: ask again, whatever was done.
    Again(String),
    /// Not now.
    Unavailable(String),
    /// Not ever.
    Invalid(String),
}

impl Failure {
    fn told(self) -> StoreError {
        match self {
            Self::Again(text) | Self::Unavailable(text) => {
                StoreError::Unavailable(format!("MongoDB: {text}"))
            }
            Self::Invalid(text) => StoreError::Invalid(format!("MongoDB: {text}")),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.kind.to_string();
        match error.kind.as_ref() {
            ErrorKind::Command(command) => by_code(command.code, text),
            ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => Self::Again(text),
            ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. } | ErrorKind::Shutdown => {
                Self::Unavailable(text)
            }
            _ => Self::Invalid(text),
        }
    }
}

/// Sorts the codes of a server; those that are not here are answers that asking again does not change.
pub(super) fn by_code(code: i32, text: String) -> Failure {
    match code {
        // Host unreachable or not found, network timeout, shutting down, stepped down, interrupted by either, not
        // primary, recovering, a lost cursor, a conflict of two writes, a snapshot or majority not there yet.
        6 | 7 | 43 | 89 | 91 | 112 | 134 | 189 | 246 | 262 | 9001 | 10058 | 10107 | 11600 | 11602 | 13435
        | 13436 => Failure::Again(text),
        // Locks, time limits, no replica set yet, too few members for a majority, read preference, interrupted,
        // conflicting index builds, disk full.
        24 | 46 | 50 | 64 | 94 | 100 | 133 | 202 | 279 | 290 | 11601 | 14031 => Failure::Unavailable(text),
        _ => Failure::Invalid(text),
    }
}

/// What a write-concern error means: done on the primary perhaps, not confirmed by a majority.
fn unconfirmed(error: &Document) -> Failure {
    let text =
        format!("not confirmed by a majority: {}", error.get_str("errmsg").unwrap_or("no reason given"));
    match by_code(error.get_i32("code").unwrap_or_default(), text) {
        Failure::Again(text) => Failure::Again(text),
        Failure::Unavailable(text) | Failure::Invalid(text) => Failure::Unavailable(text),
    }
}

/// Reads a URL. No error ever shows the user or the password.
fn read_url(url: &str) -> Result<ConnectionString, StoreError> {
    ConnectionString::parse(url).map_err(|_| {
        // The same without the secret: either the driver's reason is about the rest, or it is about the secret.
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let plain = match rest.rsplit_once('@') {
            Some((_, hosts)) => format!("{scheme}://user:password@{hosts}"),
            None => url.to_owned(),
        };
        let reason = match ConnectionString::parse(plain) {
            Err(error) => error.kind.to_string(),
            Ok(_) => "in user and password, characters like @ : / % must be percent-encoded".to_owned(),
        };
        StoreError::Invalid(format!("the MongoDB URL cannot be read: {reason}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_in_an_error() {
        for url in [
            "mongodb://scott:ti:ger@x/?w=",
            "mongodb://scott:tiger@x/?maxPoolSize=tiger1",
            "mongodb://scott:tig@er/x@host",
            "mongodb://scott:tig%er@host",
            "mongo://scott:tiger@host",
            "scott:tiger@host",
            "mongodb://scott:tiger@",
        ] {
            let Err(StoreError::Invalid(text)) = read_url(url) else { panic!("{url} was taken") };
            assert!(!text.contains("scott") && !text.contains("tig@") && !text.contains("tig%"), "{text}");
            assert!(!text.contains(":tiger"), "{text}");
        }
        assert!(read_url("mongodb+srv://scott:tiger@cluster.example.com/scores").is_ok());
        assert!(read_url("mongodb://a:1,b:2/hiscore?replicaSet=rs0&tls=true").is_ok());
    }
}
