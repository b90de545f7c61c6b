//! The indexes, and that they are there.

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};

use super::link::{Failure, Link};
use super::{LEADERBOARDS, RECORDS};
use crate::contract::StoreError;

/// The index of positions.
pub(super) const POSITION: &str = "position";
/// The index of the order.
pub(super) const ORDER: &str = "order";
/// The index of a shard's leaderboards.
const SHARD: &str = "shard";

fn wanted() -> [(&'static str, Document); 3] {
    let position = doc! { "shard": 1, "epoch": 1, "sequence": 1, "index": 1, "_id": 1 };
    let order = doc! {
        "leaderboardId": 1, "versionId": 1,
        "order.score": 1, "order.subscore": 1, "order.reached": 1, "playerId": 1,
    };
    [
        (RECORDS, doc! { "name": POSITION, "key": position }),
        // Not of tombstones, which have no place in the order.
        (
            RECORDS,
            doc! {
                "name": ORDER, "key": order,
                "partialFilterExpression": { "order.score": { "$exists": true } },
            },
        ),
        (LEADERBOARDS, doc! { "name": SHARD, "key": { "shard": 1, "_id": 1 } }),
    ]
}

/// Makes the indexes that are missing, and looks whether all are there.
pub(super) async fn prepare(link: &Link) -> Result<(), StoreError> {
    let write_concern = Document::try_from(link.write_concern());
    let write_concern = write_concern.map_err(|error| StoreError::Invalid(error.to_string()))?;
    link.run(move |database| {
        let write_concern = write_concern.clone();
        async move {
            for (collection, index) in wanted() {
                if is_there(&database, collection, &index).await? {
                    continue;
                }
                // A majority suffices: with one member down all of them would be waited for, for ever.
                database
                    .run_command(doc! {
                        "createIndexes": collection, "indexes": [&index],
                        "commitQuorum": "majority", "writeConcern": write_concern.clone(),
                    })
                    .await?;
                if !is_there(&database, collection, &index).await? {
                    let name = index.get_str("name").unwrap_or_default();
                    return Err(Failure::Unavailable(format!(
                        "the index {name:?} of {collection} is not there after it was made"
                    )));
                }
            }
            Ok(())
        }
    })
    .await
}

/// Whether `index` is there; an error if another has its name.
async fn is_there(database: &Database, collection: &str, index: &Document) -> Result<bool, Failure> {
    let mut listed = match database.run_cursor_command(doc! { "listIndexes": collection }).await {
        Ok(listed) => listed,
        // No such collection yet.
        Err(error) if matches!(error.kind.as_ref(), mongodb::error::ErrorKind::Command(command) if command.code == 26) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    while listed.advance().await? {
        let there = listed.deserialize_current()?;
        if there.get("name") != index.get("name") {
            continue;
        }
        let same = |field| simplified(there.get(field)) == simplified(index.get(field));
        if same("key") && same("partialFilterExpression") {
            return Ok(true);
        }
        return Err(Failure::Invalid(format!(
            "the collection {collection} has another index of the name {:?}: drop it, hiscore makes it anew",
            index.get_str("name").unwrap_or_default()
        )));
    }
    Ok(false)
}

/// For comparing: a 1 may be an integer or a double, as whoever made the index wrote it.
fn simplified(value: Option<&Bson>) -> String {
    match value {
        Some(Bson::Document(fields)) => {
            fields.iter().map(|(key, value)| format!("{key:?}: {}, ", simplified(Some(value)))).collect()
        }
        Some(Bson::Int64(1) | Bson::Int32(1)) => "1".to_owned(),
        Some(Bson::Double(value)) if (*value - 1.0).abs() < f64::EPSILON => "1".to_owned(),
        other => format!("{other:?}"),
    }
}
