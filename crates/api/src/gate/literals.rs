//! Checks what is written in a document: every literal and default against its type, and every variable against the place
//! where it stands. It is done once for a text, for each of its operations with all fragments that it uses.

use std::collections::HashSet;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet, Type,
};
use async_graphql::{Name, Pos, Positioned, ServerError};
use async_graphql_value::Value;

use super::coerce::{self, Source, Use};
use super::document::{invalid, root};
use super::types::{Input, Types};
use crate::schema::error::ErrorCode;

/// Checks one operation: the types of its variables and every literal in it.
pub(super) struct Check<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    /// Fragments that were walked for this operation.
    walked: HashSet<&'a Name>,
}

impl<'a> Check<'a> {
    pub(super) fn new(
        types: &'a Types,
        document: &'a ExecutableDocument,
        operation: &'a OperationDefinition,
    ) -> Self {
        Self { types, document, operation, walked: HashSet::new() }
    }

    pub(super) fn run(mut self) -> Result<(), Vec<ServerError>> {
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
            for directive in item.node.directives() {
                self.directive(directive)?;
            }
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

    fn field(&mut self, parent: &str, field: &'a Positioned<Field>) -> Result<(), Box<ServerError>> {
        // Unknown fields and those of introspection are left to the library.
        let Some(known) = self.types.field(parent, &field.node.name.node) else { return Ok(()) };
        for (name, value) in &field.node.arguments {
            if let Some(argument) = known.arguments.get(&name.node) {
                self.argument(argument, name, value)?;
            }
        }
        self.selection(&known.of, &field.node.selection_set.node)
    }

    /// `@skip` and `@include`, the only ones there are; the library does not look at those on `__typename`.
    fn directive(&self, directive: &'a Positioned<Directive>) -> Result<(), Box<ServerError>> {
        let Directive { name, arguments } = &directive.node;
        if !matches!(name.node.as_str(), "skip" | "include") {
            let message = format!("there is no directive @{}", name.node);
            return Err(Box::new(bad_request(message, name.pos)));
        }
        match arguments.as_slice() {
            [(argument, value)] if argument.node == "if" => {
                self.argument(self.types.condition(), argument, value)
            }
            _ => {
                let message = format!("@{} needs the one argument if", name.node);
                Err(Box::new(bad_request(message, name.pos)))
            }
        }
    }

    fn argument(
        &self,
        argument: &'a Input,
        name: &Positioned<Name>,
        value: &'a Positioned<Value>,
    ) -> Result<(), Box<ServerError>> {
        let mut misused = None;
        let mut used = |used: Use<'a>| {
            if !self.may_use(&used) {
                misused.get_or_insert((used.variable.clone(), used.ty.clone()));
            }
        };
        let (ty, has_default) = (&argument.ty, argument.has_default);
        let checked = coerce::check(self.types, ty, has_default, &value.node, Source::Document, &mut used);
        let (message, path) = match (checked, misused) {
            (Ok(()), None) => return Ok(()),
            (Err(problem), _) => problem.at(&name.node),
            (Ok(()), Some((variable, ty))) => {
                let message = format!("${variable} is not defined, or cannot stand for a value of type {ty}");
                (message, vec![name.node.to_string()])
            }
        };
        Err(Box::new(invalid(format!("{}: {message}", path.join(".")), &path, value.pos)))
    }

    /// Whether a variable is defined, and may stand where it does.
    fn may_use(&self, used: &Use<'_>) -> bool {
        let mut definitions = self.operation.variable_definitions.iter().map(|definition| &definition.node);
        let Some(definition) = definitions.find(|definition| definition.name.node == *used.variable) else {
            return false;
        };
        let ty: &Type = &definition.var_type.node;
        let default = definition.default_value.as_ref();
        let not_null = default.is_some_and(|value| !matches!(value.node, async_graphql::Value::Null));
        coerce::allowed(ty, not_null, used.ty, used.has_default)
    }
}

fn bad_request(message: String, at: Pos) -> ServerError {
    let mut error = ErrorCode::BadRequest.request_error(message);
    error.locations = vec![at];
    error
}
