//! Fan-out: what thousands are told of one board is rendered once for all who select the same.
//!
//! Everybody who subscribes goes through the schema once, which checks the request and opens the board's changes; the
//! *tap* in the request's data takes those out. From then on each change is rendered by the schema once per selection
//! (document, operation, variables), and the text is shared. A board's changes are shared by all who follow it already, so
//! "the same change" is the same allocation.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use async_graphql::{Request, Response};
use axum::body::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::OnceCell;

use crate::engine::Answer;
use crate::schema::Schema;
use crate::service::{Change, Changes, Trouble};

/// Selections are forgotten when so many more than last time are there and nobody uses them.
const TIDY_EVERY: usize = 64;

/// Instead of a subscription's own stream. In the data of a request; see [`crate::schema`]'s subscriptions.
pub(crate) enum Tap {
    /// Takes the changes out, so that they can be shared.
    Open(Mutex<Option<Changes>>),
    /// Shows this one change.
    Show(Mutex<Option<Result<Arc<Change>, Trouble>>>),
}

/// An answer with its text.
pub(crate) struct Rendered {
    /// What the text says.
    pub(crate) answer: Answer,
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
        let text = String::from_utf8(answer.to_json()).unwrap_or_default().into();
        Arc::new(Self { answer, text, framed: OnceLock::new() })
    }

    /// The text in a frame, which is the same for all.
    pub(crate) fn framed(&self, frame: impl FnOnce(&str) -> Bytes) -> Bytes {
        self.framed.get_or_init(|| frame(&self.text)).clone()
    }
}

/// What makes two subscribers the same: the document as it is kept, the operation's name, and the variables as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Selection {
    pub(crate) document: String,
    pub(crate) operation: Option<String>,
    pub(crate) variables: String,
}

/// What a change looks like; empty until the first who needs it has rendered it.
type Look = Arc<OnceCell<Arc<Rendered>>>;

/// The last change that was rendered for a selection.
#[derive(Default)]
struct Last(Mutex<Option<(Arc<Change>, Look)>>);

/// All selections that somebody follows.
pub(crate) struct FanOut {
    selections: Mutex<Selections>,
    /// How often a change was rendered.
    renders: Counter,
}

#[derive(Default)]
struct Selections {
    followed: HashMap<Selection, Weak<Last>>,
    tidy_at: usize,
}

/// What is needed to render for a selection. `request` makes the request anew, each time the same.
struct Renderer<F> {
    schema: Schema,
    request: F,
    renders: Counter,
}

impl FanOut {
    /// Counts what it renders.
    pub(crate) fn new(renders: Counter) -> Self {
        Self { selections: Mutex::default(), renders }
    }

    fn last(&self, selection: Selection) -> Arc<Last> {
        let mut selections = self.selections.lock();
        let Selections { followed, tidy_at } = &mut *selections;
        if let Some(last) = followed.get(&selection).and_then(Weak::upgrade) {
            return last;
        }
        let last = Arc::<Last>::default();
        followed.insert(selection, Arc::downgrade(&last));
        if followed.len() >= *tidy_at {
            followed.retain(|_, last| last.strong_count() > 0);
            *tidy_at = followed.len() + TIDY_EVERY;
        }
        last
    }

    /// The stream of a subscription to a board's changes. `request` makes the request anew, each time the same.
    pub(crate) fn subscribe<F: Fn() -> Request + Send + Sync + 'static>(
        &self,
        schema: &Schema,
        selection: Selection,
        request: F,
    ) -> BoxStream<'static, Arc<Rendered>> {
        let last = self.last(selection);
        let renderer = Renderer { schema: schema.clone(), request, renders: self.renders.clone() };
        futures_util::stream::once(async move {
            let tap = Arc::new(Tap::Open(Mutex::default()));
            let opened = renderer.schema.execute_stream((renderer.request)().data(Arc::clone(&tap)));
            // It ends at once: with errors, or with nothing once the changes are out.
            let said: Vec<_> = opened.map(Rendered::of).collect().await;
            let changes = match tap.as_ref() {
                Tap::Open(changes) => changes.lock().take(),
                Tap::Show(_) => None,
            };
            let shown = changes.map(|changes| shown(renderer, last, changes));
            futures_util::stream::iter(said).chain(futures_util::stream::iter(shown).flatten())
        })
        .flatten()
        .boxed()
    }
}

/// Each change as this selection shows it.
fn shown<F: Fn() -> Request + Send + Sync + 'static>(
    renderer: Renderer<F>,
    last: Arc<Last>,
    changes: Changes,
) -> impl Stream<Item = Arc<Rendered>> + Send + 'static {
    let parts = Arc::new((renderer, last));
    changes.then(move |change| {
        let parts = Arc::clone(&parts);
        async move {
            let (renderer, last) = parts.as_ref();
            match change {
                Ok(change) => {
                    let look = last.look(&change);
                    // Whoever comes first renders; the others wait for that, which is what they would do anyhow.
                    Arc::clone(look.get_or_init(|| renderer.render(Ok(change))).await)
                }
                Err(trouble) => renderer.render(Err(trouble)).await,
            }
        }
    })
}

impl Last {
    fn look(&self, change: &Arc<Change>) -> Look {
        let mut last = self.0.lock();
        match last.as_ref() {
            Some((of, look)) if Arc::ptr_eq(of, change) => Arc::clone(look),
            _ => {
                let look = Look::default();
                *last = Some((Arc::clone(change), Arc::clone(&look)));
                look
            }
        }
    }
}

impl<F: Fn() -> Request> Renderer<F> {
    async fn render(&self, change: Result<Arc<Change>, Trouble>) -> Arc<Rendered> {
        self.renders.inc();
        let tap = Arc::new(Tap::Show(Mutex::new(Some(change))));
        let mut events = self.schema.execute_stream((self.request)().data(tap));
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
        let fan_out = FanOut::new(Counter::default());
        let selection = |n: usize| Selection {
            document: "subscription { leaderboardChanged(id: \"b\") { revision } }".to_owned(),
            operation: None,
            variables: n.to_string(),
        };
        let followed = fan_out.last(selection(0));
        for n in 1..1_000 {
            drop(fan_out.last(selection(n)));
        }
        let known = fan_out.selections.lock().followed.len();
        assert!(known <= 1 + 2 * TIDY_EVERY, "{known} selections are kept for one follower");
        assert!(
            Arc::ptr_eq(&followed, &fan_out.last(selection(0))),
            "the one that is followed is the same one"
        );
        let many: Vec<_> = (0..500).map(|n| fan_out.last(selection(n))).collect();
        assert!((0..500).all(|n| Arc::ptr_eq(&many[n], &fan_out.last(selection(n)))));
    }
}
