//! What a document asks for, fragments written out: its depth, its fields and its aliases.
//!
//! Each fragment is counted once and remembered, so that fragments of fragments (which double at each step) cost nothing
//! to find out about. It must run before the library's validation, which does write them out.

use std::collections::HashMap;

use async_graphql::parser::types::{FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Name, Positioned};

/// What a selection asks for; numbers saturate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) depth: usize,
    pub(super) fields: usize,
    pub(super) aliases: usize,
}

/// A fragment that contains itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cycle(pub(super) Name);

/// Counts selections of one document.
pub(super) struct Counter<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// `None` while a fragment is being counted.
    known: HashMap<&'a str, Option<Cost>>,
}

impl<'a> Counter<'a> {
    pub(super) fn new(fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>) -> Self {
        Self { fragments, known: HashMap::new() }
    }

    pub(super) fn selection(&mut self, set: &'a SelectionSet) -> Result<Cost, Cycle> {
        let mut total = Cost::default();
        for item in &set.items {
            let cost = match &item.node {
                Selection::Field(field) => {
                    let below = self.selection(&field.node.selection_set.node)?;
                    Cost {
                        depth: below.depth.saturating_add(1),
                        fields: below.fields.saturating_add(1),
                        aliases: below.aliases.saturating_add(field.node.alias.is_some().into()),
                    }
                }
                Selection::InlineFragment(fragment) => self.selection(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            };
            total.depth = total.depth.max(cost.depth);
            total.fields = total.fields.saturating_add(cost.fields);
            total.aliases = total.aliases.saturating_add(cost.aliases);
        }
        Ok(total)
    }

    /// Counts a fragment. One that is not there counts nothing: validation says so.
    pub(super) fn fragment(&mut self, name: &Name) -> Result<Cost, Cycle> {
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return Ok(Cost::default()) };
        match self.known.get(name.as_str()) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(Cycle(name.clone())),
            None => {}
        }
        self.known.insert(name, None);
        let cost = self.selection(&fragment.node.selection_set.node)?;
        self.known.insert(name, Some(cost));
        Ok(cost)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn cost(text: &str) -> Result<Cost, Cycle> {
        let document = parse_query(text).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        Counter::new(&document.fragments).selection(&operation.node.selection_set.node)
    }

    #[test]
    fn fragments_are_written_out() {
        let text = "{ a: b { ...F ... { c } } d { ...F } } fragment F on T { x: y { z } }";
        assert_eq!(cost(text), Ok(Cost { depth: 3, fields: 7, aliases: 3 }));
    }

    #[test]
    fn a_bomb_is_counted_in_no_time_and_a_cycle_is_found() {
        let mut bomb = "{ ...F0 }".to_owned();
        for at in 0..200 {
            bomb += &format!(" fragment F{at} on T {{ ...F{next} ...F{next} }}", next = at + 1);
        }
        bomb += " fragment F200 on T { x }";
        assert_eq!(cost(&bomb).map(|cost| cost.fields), Ok(usize::MAX));
        let cycle = cost("{ ...A } fragment A on T { b { ...B } } fragment B on T { ...A }");
        assert_eq!(cycle, Err(Cycle(Name::new("A"))));
    }
}
