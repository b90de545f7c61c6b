//! Fan-out: what thousands are told of one board is rendered once for all who select the same.
//!
//! Everybody who subscribes goes through the schema once, which checks the request and opens the board's changes; the
//! *tap* in the request's data takes those out. From then on each change is rendered by the schema once per selection
//! (document, operation, variables), and the text is shared. A board's changes are shared by all who follow it already, so
//! "the same change" is the same allocation.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use async_graphql::{Request, Response};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use parking_lot::Mutex;

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
}

impl Rendered {
    pub(crate) fn of(response: Response) -> Arc<Self> {
        let answer = Answer::of(response);
        let text = String::from_utf8(answer.to_json()).unwrap_or_default().into();
        Arc::new(Self { answer, text })
    }
}

/// What makes two subscribers the same: the document as it is kept, the operation's name, and the variables as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Selection {
    pub(crate) document: String,
    pub(crate) operation: Option<String>,
    pub(crate) variables: String,
}

/// The last change that was rendered for a selection.
#[derive(Default)]
struct Last(tokio::sync::Mutex<Option<(Arc<Change>, Arc<Rendered>)>>);

/// All selections that somebody follows.
#[derive(Default)]
pub(crate) struct FanOut {
    selections: Mutex<HashMap<Selection, Weak<Last>>>,
    tidy_at: Mutex<usize>,
}

impl FanOut {
    fn last(&self, selection: Selection) -> Arc<Last> {
        let mut selections = self.selections.lock();
        if let Some(last) = selections.get(&selection).and_then(Weak::upgrade) {
            return last;
        }
        let last = Arc::<Last>::default();
        selections.insert(selection, Arc::downgrade(&last));
        let mut tidy_at = self.tidy_at.lock();
        if selections.len() >= *tidy_at {
            selections.retain(|_, last| last.strong_count() > 0);
            *tidy_at = selections.len() + TIDY_EVERY;
        }
        last
    }

    /// The stream of a subscription to a board's changes. `request` makes the request anew, each time the same.
    pub(crate) fn subscribe(
        &self,
        schema: &Schema,
        selection: Selection,
        request: impl Fn() -> Request + Send + Sync + 'static,
    ) -> BoxStream<'static, Arc<Rendered>> {
        let last = self.last(selection);
        let schema = schema.clone();
        futures_util::stream::once(async move {
            let tap = Arc::new(Tap::Open(Mutex::default()));
            let opened = schema.execute_stream(request().data(Arc::clone(&tap)));
            // It ends at once: with errors, or with nothing once the changes are out.
            let said: Vec<_> = opened.map(Rendered::of).collect().await;
            let changes = match tap.as_ref() {
                Tap::Open(changes) => changes.lock().take(),
                Tap::Show(_) => None,
            };
            let shown = changes.map(|changes| shown(schema, last, request, changes));
            futures_util::stream::iter(said).chain(futures_util::stream::iter(shown).flatten())
        })
        .flatten()
        .boxed()
    }
}

/// Each change as this selection shows it.
fn shown(
    schema: Schema,
    last: Arc<Last>,
    request: impl Fn() -> Request + Send + Sync + 'static,
    changes: Changes,
) -> impl Stream<Item = Arc<Rendered>> + Send + 'static {
    let parts = Arc::new((schema, last, request));
    changes.filter_map(move |change| {
        let parts = Arc::clone(&parts);
        async move {
            let (schema, last, request) = parts.as_ref();
            match change {
                Ok(change) => last.render(schema, request, change).await,
                Err(trouble) => render(schema, request(), Err(trouble)).await,
            }
        }
    })
}

impl Last {
    async fn render(
        &self,
        schema: &Schema,
        request: &(impl Fn() -> Request + Sync),
        change: Arc<Change>,
    ) -> Option<Arc<Rendered>> {
        // Whoever comes first renders; the others wait for that, which is what they would do anyhow.
        let mut last = self.0.lock().await;
        if let Some((of, rendered)) = last.as_ref()
            && Arc::ptr_eq(of, &change)
        {
            return Some(Arc::clone(rendered));
        }
        let rendered = render(schema, request(), Ok(Arc::clone(&change))).await?;
        *last = Some((change, Arc::clone(&rendered)));
        Some(rendered)
    }
}

async fn render(
    schema: &Schema,
    request: Request,
    change: Result<Arc<Change>, Trouble>,
) -> Option<Arc<Rendered>> {
    let tap = Arc::new(Tap::Show(Mutex::new(Some(change))));
    let mut events = schema.execute_stream(request.data(tap));
    events.next().await.map(Rendered::of)
}
