//! A parsed document with everything about it that does not depend on the variables checked once.

use std::collections::HashSet;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet, Type,
};
use async_graphql::parser::{Error as ParseError, parse_query};
use async_graphql::{Name, Pos, Positioned, ServerError, Variables};

use super::coerce::{self, Source, Use};
use super::cost::{Counter, Cycle};
use super::lexer;
use super::rows::Rows;
use super::types::Types;
use crate::limits::Limits;
use crate::schema::error::ErrorCode;

/// All operations of a document together may select so many times what one may, since all are validated.
const OPERATIONS_TOGETHER: usize = 10;

/// A document within the limits, its literals and the types of its variables checked.
pub(crate) struct Document {
    pub(crate) parsed: ExecutableDocument,
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
        Ok(Self { parsed })
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
    /// Query, mutation or subscription.
    pub(crate) fn kind(&self) -> OperationType {
        self.operation.ty
    }

    /// Checks the values of the variables, and the rows that are asked for with them.
    pub(crate) fn check(
        &self,
        variables: &Variables,
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
                None if ty.nullable || definition.default_value.is_some() => None,
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

fn root(operation: OperationType) -> &'static str {
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
fn invalid(message: String, path: &[String], at: Pos) -> ServerError {
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

/// Checks one operation: the types of its variables and every literal in it.
struct Check<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    /// Fragments that were walked for this operation.
    walked: HashSet<&'a Name>,
}

impl<'a> Check<'a> {
    fn new(types: &'a Types, document: &'a ExecutableDocument, operation: &'a OperationDefinition) -> Self {
        Self { types, document, operation, walked: HashSet::new() }
    }

    fn run(mut self) -> Result<(), Vec<ServerError>> {
        for definition in &self.operation.variable_definitions {
            let (name, ty) = (&definition.node.name, &definition.node.var_type);
            if !self.types.is_input(&ty.node) {
                let message = format!("{} is no type that a variable can have", ty.node);
                return Err(vec![invalid(message, &[name.node.to_string()], ty.pos)]);
            }
            if let Some(default) = &definition.node.default_value {
                coerce::check(self.types, &ty.node, false, &default.node, Source::Document, &mut |_| {})
                    .map_err(|problem| {
                        let (message, path) = problem.at(&name.node);
                        vec![invalid(
                            format!("the default of ${}: {message}", path.join(".")),
                            &path,
                            default.pos,
                        )]
                    })?;
            }
        }
        if self.operation.ty == OperationType::Subscription {
            self.one_field()?;
        }
        self.selection(root(self.operation.ty), &self.operation.selection_set.node)
            .map_err(|error| vec![*error])
    }

    /// A subscription is one stream. The library starts none at all for a field inside a fragment, and several for several.
    fn one_field(&self) -> Result<(), Vec<ServerError>> {
        match self.operation.selection_set.node.items.as_slice() {
            [item] if matches!(item.node, Selection::Field(_)) => Ok(()),
            _ => {
                let message =
                    "a subscription must have exactly one field, directly in it and not in a fragment";
                Err(vec![ErrorCode::BadRequest.request_error(message)])
            }
        }
    }

    fn selection(&mut self, parent: &str, set: &'a SelectionSet) -> Result<(), Box<ServerError>> {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => self.field(parent, field)?,
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(parent, |on| &on.node.on.node);
                    self.selection(on, &fragment.node.selection_set.node)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && self.walked.insert(name)
                    {
                        let on = &fragment.node.type_condition.node.on.node;
                        self.selection(on, &fragment.node.selection_set.node)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        parent: &str,
        field: &'a Positioned<async_graphql::parser::types::Field>,
    ) -> Result<(), Box<ServerError>> {
        // Unknown fields and those of introspection are left to the library.
        let Some(known) = self.types.field(parent, &field.node.name.node) else { return Ok(()) };
        for (name, value) in &field.node.arguments {
            let Some(argument) = known.arguments.get(&name.node) else { continue };
            let mut misused = None;
            let mut used = |used: Use<'a>| {
                if !self.may_use(&used) {
                    misused.get_or_insert((used.variable.clone(), used.ty.clone()));
                }
            };
            let checked = coerce::check(
                self.types,
                &argument.ty,
                argument.has_default,
                &value.node,
                Source::Document,
                &mut used,
            );
            let (message, path) = match (checked, misused) {
                (Err(problem), _) => problem.at(&name.node),
                (Ok(()), Some((variable, ty))) => (
                    format!("${variable} cannot stand for a value of type {ty}"),
                    vec![name.node.to_string()],
                ),
                (Ok(()), None) => continue,
            };
            return Err(Box::new(invalid(format!("{}: {message}", path.join(".")), &path, value.pos)));
        }
        self.selection(&known.of, &field.node.selection_set.node)
    }

    /// Whether a variable may stand where it does. One that is not defined is left to the library.
    fn may_use(&self, used: &Use<'_>) -> bool {
        let mut definitions = self.operation.variable_definitions.iter().map(|definition| &definition.node);
        let Some(definition) = definitions.find(|definition| definition.name.node == *used.variable) else {
            return true;
        };
        let ty: &Type = &definition.var_type.node;
        let default = definition.default_value.as_ref();
        let not_null = default.is_some_and(|value| !matches!(value.node, async_graphql::Value::Null));
        coerce::allowed(ty, not_null, used.ty, used.has_default)
    }
}
