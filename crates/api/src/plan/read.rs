//! The plan of a reading: one leaderboard, of which pages, players or neighbours are wanted, and what the board says of itself.
//!
//! Reading twice does no harm, so whatever is not plain success is read again by the full path.

use async_graphql::Positioned;
use async_graphql::parser::types::{BaseType, Field, OperationDefinition, OperationType, Selection};
use async_graphql_value::Value;
use hiscore_score::{LeaderboardId, PlayerId};

use super::Body;
use super::input::{Plain, Word};
use super::selection::{self, BoardField, Fields, RecordField, RecordsField};
use crate::limits::Limits;
use crate::service::{Board, Columns, Page, Service, Start};

/// How to run one document.
pub(crate) struct Read {
    /// The names of the variables.
    variables: Vec<String>,
    /// The answer up to the board.
    head: String,
    board: Given<LeaderboardId>,
    fields: Fields<Part>,
}

/// An argument as it is written in the document.
enum Given<T> {
    Literal(T),
    /// The place of its variable.
    Variable(usize),
}

/// What is selected of a board.
enum Part {
    Board(BoardField),
    Records { first: Given<i64>, rank: Option<Given<i64>>, fields: Fields<RecordsField>, columns: Columns },
    Around { player: Given<PlayerId>, range: Given<i64>, fields: Fields<RecordField>, columns: Columns },
    Record { player: Given<PlayerId>, fields: Fields<RecordField>, columns: Columns },
}

/// What one request wants to read.
pub(crate) struct Reading {
    board: LeaderboardId,
    asked: Vec<Asked>,
}

/// What it wants for each part.
enum Asked {
    Nothing,
    Page(Start, usize, Columns),
    Around(PlayerId, usize, Columns),
    Player(PlayerId, Columns),
}

impl Read {
    /// The plan of an operation that is known to be valid; `None` if it is not of the shape.
    pub(super) fn of(definition: &OperationDefinition) -> Option<Self> {
        let mut variables = Vec::new();
        for variable in &definition.variable_definitions {
            let variable = &variable.node;
            let of = match &variable.var_type.node.base {
                BaseType::Named(of) => of.as_str(),
                BaseType::List(_) => return None,
            };
            if !variable.directives.is_empty()
                || variable.default_value.is_some()
                || !matches!(of, "ID" | "Int")
            {
                return None;
            }
            variables.push(variable.name.node.to_string());
        }
        let [root] = definition.selection_set.node.items.as_slice() else { return None };
        let Selection::Field(root) = &root.node else { return None };
        let root = &root.node;
        let plain = definition.ty == OperationType::Query
            && definition.directives.is_empty()
            && root.directives.is_empty()
            && root.name.node == "leaderboard";
        if !plain {
            return None;
        }
        let arguments = Arguments { field: root, variables: &variables };
        let board = arguments.word("id")?;
        let fields = selection::fields_with(&root.selection_set.node, |field| Part::of(field, &variables))?;
        let head = format!(r#"{{"data":{{"{}":"#, root.response_key().node);
        Some(Self { head, board, fields, variables })
    }

    /// What `body` reads; `None` if the full path must say what is to be done with it.
    pub(super) fn reading(&self, body: &Body<'_>, limits: &Limits) -> Option<Reading> {
        let given = body.scalars(&self.variables)?;
        let mut rows = 0;
        let asked =
            self.fields.iter().map(|(_, part)| part.asked(&given, &mut rows)).collect::<Option<_>>()?;
        (rows <= limits.rows).then_some(Reading { board: self.board.word(&given)?, asked })
    }

    /// The whole answer; `None` unless everything was read and can be shown.
    pub(crate) async fn answer(&self, service: &dyn Service, reading: Reading) -> Option<Vec<u8>> {
        let Reading { board: id, asked } = reading;
        // What the board says of itself and the rows are of one season; what only has rows says nothing of the board.
        let alone = matches!(&*asked, [Asked::Page(..) | Asked::Around(..) | Asked::Player(..)]);
        let board = if alone { None } else { Some(service.leaderboard(&id).await.ok()??) };
        let mut pages = Vec::with_capacity(asked.len());
        for asked in asked {
            let season = board.as_ref().map(|board| board.leaderboard.version);
            let page = match asked {
                Asked::Nothing => None,
                Asked::Page(start, first, columns) => {
                    Some(service.page(&id, season, start, first, columns).await.ok()?)
                }
                Asked::Around(player, range, columns) => {
                    Some(service.around(&id, season, &player, range, columns).await.ok()?)
                }
                Asked::Player(player, columns) => {
                    Some(service.rows(&id, season, &[player], columns).await.ok()?)
                }
            };
            pages.push(page);
        }
        let rows = pages.iter().flatten().map(|page| page.rows.len()).sum::<usize>();
        let mut out = Vec::with_capacity(self.head.len() + 64 * (2 + rows));
        out.extend_from_slice(self.head.as_bytes());
        let mut pages = pages.iter();
        selection::object(&mut out, &self.fields, |out, part| {
            part.write(out, &id, board.as_ref(), pages.next()?.as_ref())
        })?;
        out.extend_from_slice(b"}}");
        Some(out)
    }
}

impl Part {
    fn of(field: &Field, variables: &[String]) -> Option<Self> {
        let arguments = Arguments { field, variables };
        let set = &field.selection_set.node;
        let records = || selection::fields(set, RecordField::of);
        Some(match field.name.node.as_str() {
            "records" => {
                arguments.only(&["first", "fromRank"])?;
                let fields = selection::fields_with(set, RecordsField::of)?;
                let nodes = fields.iter().any(|(_, field)| match field {
                    RecordsField::Nodes(nodes) => columns(nodes) == Columns::All,
                    _ => false,
                });
                let columns = if nodes { Columns::All } else { Columns::Scores };
                let first = arguments.number("first", Some(10))??;
                Self::Records { first, rank: arguments.number("fromRank", None)?, fields, columns }
            }
            "around" => {
                arguments.only(&["playerId", "range"])?;
                let (fields, range) = (records()?, arguments.number("range", Some(5))??);
                let columns = columns(&fields);
                Self::Around { player: arguments.word("playerId")?, range, fields, columns }
            }
            "record" => {
                arguments.only(&["playerId"])?;
                let fields = records()?;
                let columns = columns(&fields);
                Self::Record { player: arguments.word("playerId")?, fields, columns }
            }
            _ => {
                arguments.only(&[])?;
                Self::Board(BoardField::of(field)?)
            }
        })
    }

    fn asked(&self, given: &[Option<Plain>], rows: &mut u64) -> Option<Asked> {
        Some(match self {
            Self::Board(_) => Asked::Nothing,
            Self::Records { first, rank, columns, .. } => {
                let first =
                    usize::try_from(first.number(given)?).ok().filter(|first| (1..=1000).contains(first))?;
                *rows += first as u64;
                let start = match rank {
                    None => Start::Top,
                    Some(rank) => {
                        Start::Rank(u64::try_from(rank.number(given)?).ok().filter(|rank| *rank > 0)?)
                    }
                };
                Asked::Page(start, first, *columns)
            }
            Self::Around { player, range, columns, .. } => {
                let range = usize::try_from(range.number(given)?).ok().filter(|range| *range <= 100)?;
                *rows += 2 * range as u64 + 1;
                Asked::Around(player.word(given)?, range, *columns)
            }
            Self::Record { player, columns, .. } => Asked::Player(player.word(given)?, *columns),
        })
    }

    fn write(
        &self,
        out: &mut Vec<u8>,
        id: &LeaderboardId,
        board: Option<&Board>,
        page: Option<&Page>,
    ) -> Option<()> {
        match self {
            Self::Board(field) => selection::board(out, field, board?),
            Self::Records { fields, .. } => selection::records(out, fields, id, page?),
            Self::Around { fields, .. } => selection::rows(out, fields, id, page?),
            Self::Record { fields, .. } => {
                let page = page?;
                match page.rows.last() {
                    Some(row) => selection::record(out, fields, id, page.version, row),
                    None => {
                        out.extend_from_slice(b"null");
                        Some(())
                    }
                }
            }
        }
    }
}

fn columns(fields: &Fields<RecordField>) -> Columns {
    if fields.iter().any(|(_, field)| field.is_detail()) { Columns::All } else { Columns::Scores }
}

/// The arguments of a field, none of which is null.
struct Arguments<'a> {
    field: &'a Field,
    variables: &'a [String],
}

impl Arguments<'_> {
    fn only(&self, names: &[&str]) -> Option<()> {
        let known = |(name, _): &(Positioned<async_graphql::Name>, _)| names.contains(&name.node.as_str());
        self.field.arguments.iter().all(known).then_some(())
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.variables.iter().position(|variable| variable == name)
    }

    fn word<T: Word>(&self, name: &str) -> Option<Given<T>> {
        Some(match &self.field.get_argument(name)?.node {
            Value::String(text) => Given::Literal(T::of(text)?),
            Value::Variable(variable) => Given::Variable(self.place(variable)?),
            _ => return None,
        })
    }

    /// `Some(None)`: it is not there, and has no default.
    fn number(&self, name: &str, default: Option<i64>) -> Option<Option<Given<i64>>> {
        Some(match self.field.get_argument(name).map(|value| &value.node) {
            None => default.map(Given::Literal),
            Some(Value::Number(number)) => Some(Given::Literal(number.as_i64()?)),
            Some(Value::Variable(variable)) => Some(Given::Variable(self.place(variable)?)),
            Some(_) => return None,
        })
    }
}

impl<T: Word + Clone> Given<T> {
    fn word(&self, given: &[Option<Plain>]) -> Option<T> {
        match self {
            Self::Literal(word) => Some(word.clone()),
            Self::Variable(at) => match given.get(*at)?.as_ref()? {
                Plain::Text(text) => T::of(text),
                _ => None,
            },
        }
    }
}

impl Given<i64> {
    fn number(&self, given: &[Option<Plain>]) -> Option<i64> {
        match self {
            Self::Literal(number) => Some(*number),
            Self::Variable(at) => match given.get(*at)?.as_ref()? {
                Plain::Number(number) => i32::try_from(*number).ok().map(i64::from),
                _ => None,
            },
        }
    }
}
