//! What the gate knows of the schema: the types of arguments and of the fields below which they stand, read from the very
//! SDL that is served.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::Positioned;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, InputValueDefinition, ObjectType, Type, TypeKind, TypeSystemDefinition,
};

/// The types of the schema by name.
pub(crate) struct Types {
    kinds: HashMap<Name, Kind>,
    /// The argument of `@skip` and `@include`.
    condition: Input,
}

/// A named type, as far as input and selections go.
pub(super) enum Kind {
    Int,
    Float,
    String,
    Boolean,
    Id,
    Score,
    /// Any JSON.
    Json,
    /// A scalar that only goes out.
    Output,
    Enum(Vec<Name>),
    /// In the order of the schema, so that of two fields that are missing always the same one is named.
    Input(IndexMap<Name, Input>),
    Object(HashMap<Name, Field>),
}

/// An argument, or a field of an input object.
pub(super) struct Input {
    pub(super) ty: Type,
    pub(super) has_default: bool,
}

impl Input {
    /// Whether it must be given.
    pub(super) fn is_required(&self) -> bool {
        !self.ty.nullable && !self.has_default
    }
}

/// A field of an object.
pub(super) struct Field {
    pub(super) arguments: IndexMap<Name, Input>,
    /// The named type inside whatever lists.
    pub(super) of: Name,
}

impl Types {
    /// Reads a schema. Of a text that is none (which a test of the served one rules out) only the built-in types are known,
    /// and the gate stays shut.
    pub(crate) fn new(sdl: &str) -> Self {
        let mut types = HashMap::from([
            (Name::new("Int"), Kind::Int),
            (Name::new("Float"), Kind::Float),
            (Name::new("String"), Kind::String),
            (Name::new("Boolean"), Kind::Boolean),
            (Name::new("ID"), Kind::Id),
        ]);
        let definitions = parse_schema(sdl).map(|document| document.definitions).unwrap_or_default();
        for definition in definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node;
            let kind = match definition.node.kind {
                TypeKind::Scalar => match name.as_str() {
                    "Score" => Kind::Score,
                    "JSON" => Kind::Json,
                    _ => Kind::Output,
                },
                TypeKind::Enum(values) => {
                    Kind::Enum(values.values.into_iter().map(|value| value.node.value.node).collect())
                }
                TypeKind::InputObject(object) => Kind::Input(inputs(object.fields)),
                TypeKind::Object(object) => Kind::Object(fields(object)),
                TypeKind::Interface(_) | TypeKind::Union(_) => Kind::Output,
            };
            types.insert(name, kind);
        }
        let boolean = Type { base: BaseType::Named(Name::new("Boolean")), nullable: false };
        Self { kinds: types, condition: Input { ty: boolean, has_default: false } }
    }

    pub(super) fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(name)
    }

    /// A field of an object; `None` too for the fields of introspection, which only read the schema.
    pub(super) fn field(&self, parent: &str, field: &str) -> Option<&Field> {
        match self.kinds.get(parent)? {
            Kind::Object(fields) => fields.get(field),
            _ => None,
        }
    }

    /// What `if` takes.
    pub(super) fn condition(&self) -> &Input {
        &self.condition
    }

    /// Whether a variable can have this type.
    pub(super) fn is_input(&self, ty: &Type) -> bool {
        !matches!(self.kind(named(ty)), None | Some(Kind::Object(_) | Kind::Output))
    }
}

/// The named type inside whatever lists.
pub(super) fn named(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn inputs(definitions: Vec<Positioned<InputValueDefinition>>) -> IndexMap<Name, Input> {
    let input = |definition: Positioned<InputValueDefinition>| {
        let InputValueDefinition { name, ty, default_value, .. } = definition.node;
        (name.node, Input { ty: ty.node, has_default: default_value.is_some() })
    };
    definitions.into_iter().map(input).collect()
}

fn fields(object: ObjectType) -> HashMap<Name, Field> {
    let field = |definition: Positioned<async_graphql::parser::types::FieldDefinition>| {
        let definition = definition.node;
        let of = named(&definition.ty.node).clone();
        (definition.name.node, Field { arguments: inputs(definition.arguments), of })
    };
    object.fields.into_iter().map(field).collect()
}
