//! Whether a value may stand for a type: the coercion of the GraphQL specification, strictly, and before anything is run.
//!
//! The library checks scalars again when an argument is resolved; by then a mutation before it in the document has run.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, Type};
use async_graphql::{Name, Number, Value as ConstValue};
use async_graphql_value::Value;

use super::types::{Input, Kind, Types};
use crate::schema::scalar::score_of;

/// Where a value was written, which decides what may stand for an enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// In the document: `BEST`, and `"BEST"` is a string.
    Document,
    /// In the JSON of the variables: `"BEST"`, since JSON has no other way.
    Json,
}

/// A value that may not stand where it does.
#[derive(Debug)]
pub(super) struct Problem {
    /// Where in the value, from the inside out.
    path: Vec<String>,
    message: String,
}

impl Problem {
    fn new(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), message: message.into() }
    }

    fn below(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }

    /// What is wrong, and the path from `root` to it.
    pub(super) fn at(self, root: &str) -> (String, Vec<String>) {
        let path = std::iter::once(root.to_owned()).chain(self.path.into_iter().rev()).collect();
        (self.message, path)
    }
}

/// A use of a variable inside a value of the document.
pub(super) struct Use<'a> {
    pub(super) variable: &'a Name,
    pub(super) ty: &'a Type,
    pub(super) has_default: bool,
}

/// The two kinds of values have the same shape; one of them may hold variables.
pub(super) trait Shape: Sized {
    fn view(&self) -> View<'_, Self>;
}

/// One level of a value.
pub(super) enum View<'a, V> {
    Variable(&'a Name),
    Null,
    Number(&'a Number),
    Binary,
    Boolean,
    Enum(&'a str),
    Text(&'a str),
    List(&'a [V]),
    Object(&'a IndexMap<Name, V>),
}

macro_rules! shape {
    ($value:ident, $($variable:tt)*) => {
        impl Shape for $value {
            fn view(&self) -> View<'_, Self> {
                match self {
                    $($variable)*
                    $value::Null => View::Null,
                    $value::Number(number) => View::Number(number),
                    $value::String(text) => View::Text(text),
                    $value::Binary(_) => View::Binary,
                    $value::Boolean(_) => View::Boolean,
                    $value::Enum(name) => View::Enum(name),
                    $value::List(items) => View::List(items),
                    $value::Object(fields) => View::Object(fields),
                }
            }
        }
    };
}
shape!(ConstValue,);
shape!(Value, Value::Variable(name) => View::Variable(name),);

/// Checks `value` against `ty`; each variable in it is handed to `used` with the type that stands at its place.
pub(super) fn check<'a, V: Shape>(
    types: &'a Types,
    ty: &'a Type,
    has_default: bool,
    value: &'a V,
    source: Source,
    used: &mut dyn FnMut(Use<'a>),
) -> Result<(), Problem> {
    match (value.view(), &ty.base) {
        (View::Variable(variable), _) => {
            used(Use { variable, ty, has_default });
            Ok(())
        }
        (View::Null, _) if ty.nullable => Ok(()),
        (View::Null, _) => Err(Problem::new(format!("{ty} cannot be null"))),
        (View::List(items), BaseType::List(inner)) => {
            for (at, item) in items.iter().enumerate() {
                check(types, inner, false, item, source, used).map_err(|p| p.below(at.to_string()))?;
            }
            Ok(())
        }
        // One value stands for a list of one.
        (_, BaseType::List(inner)) => check(types, inner, false, value, source, used),
        (view, BaseType::Named(name)) => check_named(types, name, view, source, used),
    }
}

fn check_named<'a, V: Shape>(
    types: &'a Types,
    name: &str,
    view: View<'a, V>,
    source: Source,
    used: &mut dyn FnMut(Use<'a>),
) -> Result<(), Problem> {
    let Some(kind) = types.kind(name) else { return Err(Problem::new(format!("unknown type {name}"))) };
    let good = match (kind, view) {
        (Kind::Input(inputs), View::Object(fields)) => {
            return check_object(types, name, inputs, fields, source, used);
        }
        // Variables of any type may stand inside free JSON.
        (Kind::Json, _) => true,
        (Kind::Int, View::Number(number)) => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        (Kind::Float, View::Number(_)) => true,
        (Kind::Score, View::Number(number)) => score_of(number).is_some(),
        (Kind::Id, View::Number(number)) => number.is_i64(),
        (Kind::Id | Kind::String, View::Text(_)) => true,
        (Kind::Boolean, View::Boolean) => true,
        (Kind::Enum(values), View::Enum(value)) => values.iter().any(|known| known == value),
        (Kind::Enum(values), View::Text(value)) => {
            source == Source::Json && values.iter().any(|known| known == value)
        }
        _ => false,
    };
    if good { Ok(()) } else { Err(Problem::new(format!("expected {}", expected(name, kind)))) }
}

/// What a value should have been.
fn expected(name: &str, kind: &Kind) -> String {
    match kind {
        Kind::Score => "a Score, which is an integer within ±9007199254740991".to_owned(),
        Kind::Int => "an Int, which is an integer of 32 bits".to_owned(),
        Kind::Enum(values) => {
            let values = values.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
            format!("{name}, which is one of {values}")
        }
        _ => format!("a value of type {name}"),
    }
}

fn check_object<'a, V: Shape>(
    types: &'a Types,
    name: &str,
    inputs: &'a IndexMap<Name, Input>,
    fields: &'a IndexMap<Name, V>,
    source: Source,
    used: &mut dyn FnMut(Use<'a>),
) -> Result<(), Problem> {
    for (field, value) in fields {
        let Some(input) = inputs.get(field) else {
            return Err(Problem::new(format!("{name} has no field {field}")).below(field.as_str()));
        };
        check(types, &input.ty, input.has_default, value, source, used)
            .map_err(|problem| problem.below(field.as_str()))?;
    }
    // All given are known, so fewer than there are is the only way to miss one.
    if fields.len() < inputs.len() {
        for (field, input) in inputs {
            if input.is_required() && !fields.contains_key(field.as_str()) {
                let message = format!("{name} needs the field {field} of type {}", input.ty);
                return Err(Problem::new(message).below(field.as_str()));
            }
        }
    }
    Ok(())
}

/// Whether a variable of type `variable` may stand where `place` is wanted (the specification's
/// "all variable usages are allowed").
pub(super) fn allowed(variable: &Type, not_null_default: bool, place: &Type, place_default: bool) -> bool {
    if !place.nullable && variable.nullable {
        return (not_null_default || place_default) && same_or_stricter(&variable.base, &place.base);
    }
    same_or_stricter(&variable.base, &place.base)
}

fn same_or_stricter(variable: &BaseType, place: &BaseType) -> bool {
    match (variable, place) {
        (BaseType::Named(variable), BaseType::Named(place)) => variable == place,
        (BaseType::List(variable), BaseType::List(place)) => {
            (place.nullable || !variable.nullable) && same_or_stricter(&variable.base, &place.base)
        }
        _ => false,
    }
}
