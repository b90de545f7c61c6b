//! The served schema is the one in the repository, and has everything of the fixed vocabulary.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{InputValueDefinition, TypeKind, TypeSystemDefinition};

/// Everything in a schema, one line each: `Type.field(argument): Type = default`.
fn items(sdl: &str) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    let input = |value: &InputValueDefinition| {
        let default =
            value.default_value.as_ref().map_or(String::new(), |value| format!(" = {}", value.node));
        format!("{}{default}", value.ty.node)
    };
    for definition in parse_schema(sdl).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node.to_string();
        match definition.node.kind {
            TypeKind::Scalar => drop(items.insert(name, "scalar".to_owned())),
            TypeKind::Enum(values) => {
                for value in values.values {
                    items.insert(format!("{name}.{}", value.node.value.node), "value".to_owned());
                }
            }
            TypeKind::InputObject(object) => {
                for field in object.fields {
                    items.insert(format!("input {name}.{}", field.node.name.node), input(&field.node));
                }
            }
            TypeKind::Object(object) => {
                for field in object.fields {
                    let path = format!("{name}.{}", field.node.name.node);
                    for argument in &field.node.arguments {
                        items.insert(format!("{path}({})", argument.node.name.node), input(&argument.node));
                    }
                    items.insert(path, field.node.ty.node.to_string());
                }
            }
            TypeKind::Interface(_) | TypeKind::Union(_) => panic!("{name}: there are none of these"),
        }
    }
    items
}

#[test]
fn the_schema_in_the_repository_is_served() {
    let kept = include_str!("../../../../schema.graphql");
    assert!(
        kept == hiscore_api::sdl(),
        "schema.graphql is stale: cargo run -p hiscore-api --example sdl > schema.graphql"
    );
}

#[test]
fn everything_of_the_vocabulary_is_there() {
    let served = items(&hiscore_api::sdl());
    let wanted = items(include_str!("../vocabulary.graphql"));
    assert!(wanted.len() > 120, "{}", wanted.len());
    for (item, ty) in &wanted {
        assert_eq!(served.get(item), Some(ty), "{item}");
    }
}

#[test]
fn everything_is_described() {
    for definition in parse_schema(hiscore_api::sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = &definition.node.name.node;
        assert!(definition.node.description.is_some(), "{name}");
        match definition.node.kind {
            TypeKind::Enum(values) => {
                assert!(values.values.iter().all(|value| value.node.description.is_some()), "{name}");
            }
            TypeKind::InputObject(object) => {
                assert!(object.fields.iter().all(|field| field.node.description.is_some()), "{name}");
            }
            TypeKind::Object(object) => {
                for field in object.fields {
                    let described = field.node.description.is_some()
                        && field.node.arguments.iter().all(|argument| argument.node.description.is_some());
                    assert!(described, "{name}.{}", field.node.name.node);
                }
            }
            TypeKind::Scalar | TypeKind::Interface(_) | TypeKind::Union(_) => {}
        }
    }
}

#[test]
fn every_argument_that_says_how_many_counts_rows() {
    let arguments: Vec<String> = items(&hiscore_api::sdl())
        .into_keys()
        .filter(|item| {
            item.ends_with("(first)") || item.ends_with("(range)") || item.ends_with("(playerIds)")
        })
        .collect();
    // Each of these is in `row_argument`, and the limits test shows that it counts.
    assert_eq!(
        arguments,
        [
            "Leaderboard.around(range)",
            "Leaderboard.records(first)",
            "Leaderboard.recordsByPlayerIds(playerIds)",
            "Query.leaderboards(first)",
            "Subscription.leaderboardChanged(first)",
        ]
    );
}
