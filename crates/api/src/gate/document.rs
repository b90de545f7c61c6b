//! A parsed document with everything about it that does not depend on the variables checked once.

use std::sync::OnceLock;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::parser::{Error as ParseError, parse_query};
use async_graphql::{Pos, ServerError, Variables};

use super::coerce::{self, Source};
use super::cost::{Counter, Cycle};
use super::lexer;
use super::literals::Check;
use super::rows::Rows;
use super::types::Types;
use crate::limits::Limits;
use crate::plan::{Follow, Plan};
use crate::schema::error::ErrorCode;

/// All operations of a document together may select so many times what one may, since all are validated.
const OPERATIONS_TOGETHER: usize = 10;

/// A document within the limits, its literals and the types of its variables checked.
pub(crate) struct Document {
    pub(crate) parsed: ExecutableDocument,
    /// How to run it the short way, looked for when it was executed without an error.
    plan: OnceLock<Option<Plan>>,
}

/// The operation of a document that a request asks for.
#[derive(Clone, Copy)]
pub(crate) struct Chosen<'a> {
    document: &'a Document,
    operation: &'a OperationDefinition,
}

impl Document {
    /// Parses and checks; whatever is not checked here, the library's validation does.
    pub(crate) fn new(text: &str, types: &Types, limits: &Limits) -> Result<Self, Vec<ServerError>> {
        if types.kind(root(OperationType::Query)).is_none() {
            // Without the types nothing could be checked, so nothing may pass.
            return Err(vec![ErrorCode::Internal.request_error("internal error")]);
        }
        let too_complex = |message: String| vec![ErrorCode::TooComplex.request_error(message)];
        if text.len() > limits.document_bytes {
            let most = limits.document_bytes;
            return Err(too_complex(format!(
                "a document may have at most {most} bytes; send bulks as variables"
            )));
        }
        lexer::check(text, limits.tokens, limits.nesting).map_err(|large| {
            too_complex(match large {
                lexer::TooLarge::Tokens => {
                    format!("a document may have at most {} tokens; send bulks as variables", limits.tokens)
                }
                lexer::TooLarge::Nesting => format!("brackets may be at most {} deep", limits.nesting),
            })
        })?;
        let parsed = parse_query(text).map_err(|error| vec![syntax(error)])?;
        check_cost(&parsed, limits)?;
        for (_, operation) in parsed.operations.iter() {
            Check::new(types, &parsed, &operation.node).run()?;
        }
        Ok(Self { parsed, plan: OnceLock::new() })
    }

    /// Makes a plan if there can be one. Only for a document that was executed without an error: until then nobody has
    /// validated it.
    pub(crate) fn prepare_plan(&self) {
        self.plan.get_or_init(|| Plan::of(&self.parsed));
    }

    /// The plan, if there is one.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.plan.get()?.as_ref()
    }

    /// The operation of this name, or the only one.
    pub(crate) fn choose(&self, name: Option<&str>) -> Result<Chosen<'_>, ServerError> {
        let operation = match (&self.parsed.operations, name) {
            (DocumentOperations::Single(operation), None) => Some(operation),
            (DocumentOperations::Single(_), Some(_)) => None,
            (DocumentOperations::Multiple(all), Some(name)) => all.get(name),
            (DocumentOperations::Multiple(all), None) if all.len() == 1 => all.values().next(),
            (DocumentOperations::Multiple(_), None) => {
                let message = "the document has several operations: operationName must say which to run";
                return Err(ErrorCode::BadRequest.request_error(message));
            }
        };
        match operation {
            Some(operation) => Ok(Chosen { document: self, operation: &operation.node }),
            None => {
                Err(ErrorCode::BadRequest
                    .request_error("the document has no operation of this operationName"))
            }
        }
    }
}

impl Chosen<'_> {
    /// How to write what a follower of a player is told, if there is a short way.
    pub(crate) fn follow(&self) -> Option<Follow> {
        Follow::of(self.operation)
    }

    /// Query, mutation or subscription.
    pub(crate) fn kind(&self) -> OperationType {
        self.operation.ty
    }

    /// Whether it selects exactly one field, and this one.
    pub(crate) fn is_of(&self, field: &str) -> bool {
        match self.operation.selection_set.node.items.as_slice() {
            [only] => matches!(&only.node, Selection::Field(only) if only.node.name.node == field),
            _ => false,
        }
    }

    /// Checks the values of the variables, gives defaults to those that have none (the library forgets them in `@skip` and
    /// `@include`), and checks the rows that are asked for.
    pub(crate) fn check(
        &self,
        variables: &mut Variables,
        types: &Types,
        limits: &Limits,
    ) -> Result<(), Vec<ServerError>> {
        for definition in &self.operation.variable_definitions {
            let definition = &definition.node;
            let (name, ty) = (&definition.name.node, &definition.var_type.node);
            let problem = match variables.get(name) {
                Some(value) => {
                    let problem = coerce::check(types, ty, false, value, Source::Json, &mut |_| {}).err();
                    problem.map(|problem| problem.at(name))
                }
                None if definition.default_value.is_some() => {
                    let default = definition.default_value.as_ref().map(|value| value.node.clone());
                    variables.insert(name.clone(), default.unwrap_or_default());
                    None
                }
                None if ty.nullable => None,
                None => Some((format!("a variable of type {ty} must be given"), vec![name.to_string()])),
            };
            if let Some((message, path)) = problem {
                return Err(vec![invalid(
                    format!("${}: {message}", path.join(".")),
                    &path,
                    definition.name.pos,
                )]);
            }
        }
        let rows = self.rows(variables, types, limits);
        if rows > limits.rows {
            let message =
                format!("one request may ask for at most {} rows, this asks for {rows}", limits.rows);
            return Err(vec![ErrorCode::TooComplex.request_error(message)]);
        }
        Ok(())
    }

    fn rows(&self, variables: &Variables, types: &Types, limits: &Limits) -> u64 {
        let rows = Rows {
            types,
            document: &self.document.parsed,
            operation: self.operation,
            variables,
            bulk_entries: limits.bulk_entries as u64,
        };
        rows.selection(root(self.operation.ty), &self.operation.selection_set.node, 1)
    }
}

/// The name of the type that an operation begins at.
pub(super) fn root(operation: OperationType) -> &'static str {
    match operation {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    }
}

fn syntax(error: ParseError) -> ServerError {
    let mut shown = ErrorCode::BadRequest.request_error(error.to_string());
    shown.locations = error.positions().collect();
    shown
}

/// An input against its type; `path` names it from the outside in.
pub(super) fn invalid(message: String, path: &[String], at: Pos) -> ServerError {
    let path = path.iter().map(String::as_str).collect::<Vec<_>>();
    let mut error = ErrorCode::Invalid.request_error_at(message, &path);
    error.locations = vec![at];
    error
}

fn check_cost(document: &ExecutableDocument, limits: &Limits) -> Result<(), Vec<ServerError>> {
    let mut counter = Counter::new(&document.fragments);
    let cycle = |Cycle(name)| {
        vec![ErrorCode::BadRequest.request_error(format!("the fragment {name} contains itself"))]
    };
    // Also those that no operation uses: validation walks them all.
    for name in document.fragments.keys() {
        counter.fragment(name).map_err(cycle)?;
    }
    let mut together = 0usize;
    for (_, operation) in document.operations.iter() {
        let cost = counter.selection(&operation.node.selection_set.node).map_err(cycle)?;
        together = together.saturating_add(cost.fields);
        for (what, got, most) in [
            ("nests fields", cost.depth, limits.depth),
            ("selects fields", cost.fields, limits.complexity),
            ("uses aliases", cost.aliases, limits.aliases),
            ("selects fields in all its operations", together, limits.complexity * OPERATIONS_TOGETHER),
        ] {
            if got > most {
                let message =
                    format!("the document {what} beyond the limit of {most}, fragments written out");
                return Err(vec![ErrorCode::TooComplex.request_error(message)]);
            }
        }
    }
    Ok(())
}
