//! Fan-out: what thousands are told is rendered once for all who select the same, or straight from what is told.
//!
//! Everybody who subscribes goes through the schema once, which checks the request and opens the changes; the *tap* in the
//! request's data takes those out. From then on each change of a board is rendered by the schema once per selection
//! (document, operation, variables), and the text is shared. A board's changes are shared by all who follow it already, so
//! "the same change" is the same allocation. What one player has is nobody else's: it is written by a plan
//! ([`crate::plan::Follow`]), and a follower holds no more than that.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use async_graphql::{Request, Response, ServerError, Variables};
use axum::body::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use hiscore_score::LeaderboardId;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::OnceCell;

use crate::engine::Answer;
use crate::gate::Document;
use crate::plan::Follow;
use crate::schema::Schema;
use crate::schema::error::trouble;
use crate::service::{Change, Changes, RankChanges, Trouble};

/// Selections are forgotten when so many more than last time are there and nobody uses them.
const TIDY_EVERY: usize = 64;

/// Instead of a subscription's own stream. In the data of a request; see [`crate::schema`]'s subscriptions.
pub(crate) enum Tap {
    /// Takes the changes out.
    Open(Mutex<Option<Opened>>),
    /// Shows this one change of a board.
    Show(Mutex<Option<Result<Arc<Change>, Trouble>>>),
}

/// What a subscription's changes are.
pub(crate) enum Opened {
    Board(Changes),
    Player(LeaderboardId, RankChanges),
}

/// What is told, as text.
pub(crate) struct Rendered {
    /// There is nothing but errors: the end of a subscription.
    pub(crate) lost: bool,
    pub(crate) errors: Vec<ServerError>,
    /// As JSON.
    pub(crate) text: Arc<str>,
    /// As an event of a stream of them, made for the first who wants it so.
    framed: OnceLock<Bytes>,
}

impl Rendered {
    pub(crate) fn of(response: Response) -> Arc<Self> {
        Self::from(Answer::of(response))
    }

    pub(crate) fn from(answer: Answer) -> Arc<Self> {
        let text = text(answer.to_json());
        Arc::new(Self { lost: answer.is_lost(), errors: answer.errors, text, framed: OnceLock::new() })
    }

    /// Plain success, written already.
    fn written(json: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { lost: false, errors: Vec::new(), text: text(json), framed: OnceLock::new() })
    }

    /// The text in a frame, which is the same for all.
    pub(crate) fn framed(&self, frame: impl FnOnce(&str) -> Bytes) -> Bytes {
        self.framed.get_or_init(|| frame(&self.text)).clone()
    }
}

/// JSON is always text.
fn text(json: Vec<u8>) -> Arc<str> {
    String::from_utf8(json).unwrap_or_default().into()
}

/// A subscription as it was asked for.
pub(crate) struct Asked {
    pub(crate) document: Arc<Document>,
    pub(crate) operation: Option<String>,
    pub(crate) variables: Variables,
}

impl Asked {
    /// The request, anew each time.
    pub(crate) fn request(&self) -> Request {
        let mut request = Request::new(String::new()).variables(self.variables.clone());
        request.operation_name = self.operation.clone();
        request.set_parsed_query(self.document.parsed.clone());
        request
    }
}

/// What makes two subscribers the same: the document as it came in, the operation's name, and the variables as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Selection {
    pub(crate) document: String,
    pub(crate) operation: Option<String>,
    pub(crate) variables: String,
}

/// What a change looks like; empty until the first who needs it has rendered it.
type Look = Arc<OnceCell<Arc<Rendered>>>;

/// A selection that somebody follows, and the last change that was rendered for it.
struct Selected {
    schema: Schema,
    asked: Asked,
    last: Mutex<Option<(Arc<Change>, Look)>>,
    renders: Counter,
}

/// All selections that somebody follows.
pub(crate) struct FanOut {
    schema: Schema,
    selections: Mutex<Selections<Selected>>,
    /// How often a change was rendered.
    renders: Counter,
}

/// What is kept for each selection, for as long as somebody uses it.
struct Selections<T> {
    followed: HashMap<Selection, Weak<T>>,
    tidy_at: usize,
}

impl<T> Default for Selections<T> {
    fn default() -> Self {
        Self { followed: HashMap::new(), tidy_at: 0 }
    }
}

impl<T> Selections<T> {
    fn of(&mut self, selection: Selection, make: impl FnOnce() -> T) -> Arc<T> {
        if let Some(kept) = self.followed.get(&selection).and_then(Weak::upgrade) {
            return kept;
        }
        let made = Arc::new(make());
        self.followed.insert(selection, Arc::downgrade(&made));
        if self.followed.len() >= self.tidy_at {
            self.followed.retain(|_, kept| kept.strong_count() > 0);
            self.tidy_at = self.followed.len() + TIDY_EVERY;
        }
        made
    }
}

impl FanOut {
    /// Counts what it renders.
    pub(crate) fn new(schema: Schema, renders: Counter) -> Self {
        Self { schema, selections: Mutex::default(), renders }
    }

    /// A subscription to a board's changes, once it is opened.
    pub(crate) async fn board(
        &self,
        selection: Selection,
        asked: Asked,
    ) -> BoxStream<'static, Arc<Rendered>> {
        let (schema, renders) = (self.schema.clone(), self.renders.clone());
        let selected = || Selected { schema, asked, last: Mutex::default(), renders };
        let selected = self.selections.lock().of(selection, selected);
        match self.open(selected.asked.request()).await {
            (_, Some(Opened::Board(changes))) => shown(selected, changes).boxed(),
            (said, _) => stream::iter(said).boxed(),
        }
    }

    /// A subscription to what one player has, by a plan of its document, once it is opened.
    pub(crate) async fn player(&self, plan: Follow, asked: Asked) -> BoxStream<'static, Arc<Rendered>> {
        match self.open(asked.request()).await {
            (_, Some(Opened::Player(board, changes))) => {
                written(plan, board, changes, self.renders.clone()).boxed()
            }
            (said, _) => stream::iter(said).boxed(),
        }
    }

    /// Has the schema check a request and open its changes; without them, what the schema says instead.
    async fn open(&self, request: Request) -> (Vec<Arc<Rendered>>, Option<Opened>) {
        let tap = Arc::new(Tap::Open(Mutex::default()));
        // It ends at once: with errors, or with nothing once the changes are out.
        let said = self.schema.execute_stream(request.data(Arc::clone(&tap))).map(Rendered::of);
        let said = said.collect().await;
        let opened = match tap.as_ref() {
            Tap::Open(opened) => opened.lock().take(),
            Tap::Show(_) => None,
        };
        (said, opened)
    }
}

/// Each change as this selection shows it.
fn shown(selected: Arc<Selected>, changes: Changes) -> impl Stream<Item = Arc<Rendered>> + Send + 'static {
    changes.then(move |change| {
        let selected = Arc::clone(&selected);
        async move {
            match change {
                Ok(change) => {
                    let look = selected.look(&change);
                    // Whoever comes first renders; the others wait for that, which is what they would do anyhow.
                    Arc::clone(look.get_or_init(|| selected.render(Ok(change))).await)
                }
                Err(trouble) => selected.render(Err(trouble)).await,
            }
        }
    })
}

/// Each change of a player as this plan writes it.
fn written(
    plan: Follow,
    board: LeaderboardId,
    changes: RankChanges,
    renders: Counter,
) -> impl Stream<Item = Arc<Rendered>> + Send + 'static {
    changes.map(move |change| {
        renders.inc();
        let written = change.and_then(|standing| {
            let written = plan.write(&board, standing.as_ref());
            written.ok_or_else(|| Trouble::Internal("a number is beyond what can be said".into()))
        });
        written.map_or_else(|error| Rendered::of(plan.failed(trouble(error))), Rendered::written)
    })
}

impl Selected {
    fn look(&self, change: &Arc<Change>) -> Look {
        let mut last = self.last.lock();
        match last.as_ref() {
            Some((of, look)) if Arc::ptr_eq(of, change) => Arc::clone(look),
            _ => {
                let look = Look::default();
                *last = Some((Arc::clone(change), Arc::clone(&look)));
                look
            }
        }
    }

    async fn render(&self, change: Result<Arc<Change>, Trouble>) -> Arc<Rendered> {
        self.renders.inc();
        let tap = Arc::new(Tap::Show(Mutex::new(Some(change))));
        let mut events = self.schema.execute_stream(self.asked.request().data(tap));
        match events.next().await {
            Some(response) => Rendered::of(response),
            // It was valid when it was opened, and one change went in.
            None => Rendered::from(Answer::panicked()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_that_nobody_follows_are_forgotten() {
        let mut selections = Selections::default();
        let selection = |n: usize| Selection {
            document: "subscription { leaderboardChanged(id: \"b\") { revision } }".to_owned(),
            operation: None,
            variables: n.to_string(),
        };
        let followed = selections.of(selection(0), || 0);
        for n in 1..1_000 {
            drop(selections.of(selection(n), || n));
        }
        let known = selections.followed.len();
        assert!(known <= 1 + 2 * TIDY_EVERY, "{known} selections are kept for one follower");
        let again = selections.of(selection(0), || 7);
        assert!(Arc::ptr_eq(&followed, &again), "the one that is followed is the same one");
        let many: Vec<_> = (0..500).map(|n| selections.of(selection(n), || n)).collect();
        assert!((0..500).all(|n| Arc::ptr_eq(&many[n], &selections.of(selection(n), || n))));
    }
}
