//! How many rows a request asks for, known before anything is executed: the product of `first` (or of what stands for it)
//! along each path, summed over the document.

use async_graphql::parser::types::{Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name, Variables};
use async_graphql_value::Value;

use super::types::Types;
use crate::schema::limits_of_rows::{RowArgument, row_argument};

/// What the walk needs to know.
pub(super) struct Rows<'a> {
    pub(super) types: &'a Types,
    pub(super) document: &'a async_graphql::parser::types::ExecutableDocument,
    pub(super) operation: &'a OperationDefinition,
    pub(super) variables: &'a Variables,
    pub(super) bulk_entries: u64,
}

impl Rows<'_> {
    /// The rows below a selection on an object of type `parent`, of which there are `times`.
    ///
    /// The caller has bounded the fields with all fragments written out, and so the walk.
    pub(super) fn selection(&self, parent: &str, set: &SelectionSet, times: u64) -> u64 {
        let rows = set.items.iter().map(|item| match &item.node {
            Selection::Field(field) => self.field(parent, &field.node, times),
            Selection::InlineFragment(fragment) => {
                let on = fragment.node.type_condition.as_ref().map_or(parent, |on| &on.node.on.node);
                self.selection(on, &fragment.node.selection_set.node, times)
            }
            Selection::FragmentSpread(spread) => {
                match self.document.fragments.get(&spread.node.fragment_name.node) {
                    Some(fragment) => {
                        let on = &fragment.node.type_condition.node.on.node;
                        self.selection(on, &fragment.node.selection_set.node, times)
                    }
                    None => 0,
                }
            }
        });
        rows.fold(0, u64::saturating_add)
    }

    fn field(&self, parent: &str, field: &Field, times: u64) -> u64 {
        let name = field.name.node.as_str();
        let Some(known) = self.types.field(parent, name) else { return 0 };
        let (own, times) = match row_argument(parent, name) {
            None => (0, times),
            Some(argument) => {
                let rows = times.saturating_mul(self.count(&argument, field));
                (rows, rows)
            }
        };
        own.saturating_add(self.selection(&known.of, &field.selection_set.node, times))
    }

    /// What a row argument asks for, at most what it may: more is refused as `INVALID` or `TOO_MANY` when it is resolved.
    fn count(&self, argument: &RowArgument, field: &Field) -> u64 {
        let number = |name, default: u64, most: u64| {
            let value = field.get_argument(name).map(|value| self.number(&value.node));
            match value.flatten() {
                None => default,
                Some(value) => u64::try_from(value).unwrap_or(0).min(most),
            }
        };
        match *argument {
            RowArgument::Count { name, default, most } => number(name, default, most),
            RowArgument::Range { name, default, most } => 2 * number(name, default, most) + 1,
            RowArgument::List { name, most } => {
                field.get_argument(name).map_or(0, |value| self.length(&value.node)).min(most)
            }
            RowArgument::Bulk { name, inside } => field
                .get_argument(name)
                .map_or(0, |value| self.bulk(&value.node, inside))
                .min(self.bulk_entries),
        }
    }

    fn variable(&self, name: &Name) -> Option<&async_graphql::Value> {
        self.variables.get(name).or_else(|| {
            let definitions = self.operation.variable_definitions.iter();
            let mut named = definitions.filter(|definition| definition.node.name.node == *name);
            named.next()?.node.default_value.as_ref().map(|value| &value.node)
        })
    }

    /// An integer; `None` for null, which means the default.
    fn number(&self, value: &Value) -> Option<i64> {
        match value {
            Value::Number(number) => number.as_i64(),
            Value::Variable(name) => match self.variable(name)? {
                async_graphql::Value::Number(number) => number.as_i64(),
                _ => None,
            },
            _ => None,
        }
    }

    fn length(&self, value: &Value) -> u64 {
        match value {
            Value::List(items) => items.len() as u64,
            Value::Variable(name) => self.variable(name).map_or(0, length_of),
            _ => 1,
        }
    }

    fn bulk(&self, value: &Value, inside: &str) -> u64 {
        match value {
            Value::Object(fields) => fields.get(inside).map_or(0, |value| self.length(value)),
            Value::Variable(name) => match self.variable(name) {
                Some(async_graphql::Value::Object(fields)) => fields.get(inside).map_or(0, length_of),
                _ => 0,
            },
            _ => 0,
        }
    }
}

fn length_of(value: &async_graphql::Value) -> u64 {
    match value {
        async_graphql::Value::List(items) => items.len() as u64,
        async_graphql::Value::Null => 0,
        _ => 1,
    }
}
