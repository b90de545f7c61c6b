//! The keys of a simulated Redis, and the commands on them that the library of functions uses. No others: a command that is
//! missing is an error, and fails the schedule.

use std::collections::{BTreeMap, VecDeque};

use super::zset::{Bound, Zset};

/// What a command answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Nil,
    Int(i64),
    Bulk(Vec<u8>),
    Status(&'static str),
    Array(Vec<Reply>),
    Error(String),
}

#[derive(Debug, Clone)]
enum Data {
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    Zset(Zset),
    List(VecDeque<Vec<u8>>),
}

/// All keys of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keyspace {
    keys: BTreeMap<Vec<u8>, Data>,
}

type Args<'a> = &'a [Vec<u8>];

fn bulk(bytes: &[u8]) -> Reply {
    Reply::Bulk(bytes.to_vec())
}

fn or_nil(found: Option<&Vec<u8>>) -> Reply {
    found.map_or(Reply::Nil, |bytes| bulk(bytes))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn number(bytes: &[u8]) -> Result<i64, String> {
    text(bytes).parse().map_err(|_| "ERR value is not an integer or out of range".to_owned())
}

fn score(bytes: &[u8]) -> Result<f64, String> {
    match text(bytes) {
        "-inf" => Ok(f64::NEG_INFINITY),
        "+inf" | "inf" => Ok(f64::INFINITY),
        other => other.parse().map_err(|_| "ERR value is not a valid float".to_owned()),
    }
}

fn bound(bytes: &[u8]) -> Result<Bound, String> {
    match bytes.strip_prefix(b"(") {
        Some(rest) => Ok(Bound { score: score(rest)?, is_exclusive: true }),
        None => Ok(Bound { score: score(bytes)?, is_exclusive: false }),
    }
}

/// As `%.17g` prints what the library keeps in scores: whole numbers.
pub(crate) fn shown(score: f64) -> Vec<u8> {
    if score.fract() == 0.0 && score.abs() < 1e17 {
        return format!("{}", score as i64).into_bytes();
    }
    format!("{score}").into_bytes()
}

/// From and to of a range by index, negative ones from the end; `None`: nothing is in it.
fn indexes(from: &[u8], to: &[u8], len: usize) -> Result<Option<(usize, usize)>, String> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let at = |index: i64| if index < 0 { (index + len).max(-1) } else { index };
    let (from, to) = (at(number(from)?).max(0), at(number(to)?).min(len - 1));
    if from > to {
        return Ok(None);
    }
    Ok(Some((usize::try_from(from).unwrap_or(0), usize::try_from(to).unwrap_or(0))))
}

fn listed(rows: impl Iterator<Item = (Vec<u8>, f64)>, with_scores: bool) -> Reply {
    let mut out = Vec::new();
    for (member, score) in rows {
        out.push(Reply::Bulk(member));
        if with_scores {
            out.push(Reply::Bulk(shown(score)));
        }
    }
    Reply::Array(out)
}

/// `LIMIT offset count` behind the bounds, and whether scores are wanted.
fn options(rest: Args<'_>) -> Result<(bool, usize, usize), String> {
    let (mut with_scores, mut skip, mut take, mut at) = (false, 0, usize::MAX, 0);
    while let Some(word) = rest.get(at) {
        match (word.as_slice(), rest.get(at + 1), rest.get(at + 2)) {
            (b"WITHSCORES", ..) => (with_scores, at) = (true, at + 1),
            (b"LIMIT", Some(from), Some(count)) => {
                skip = usize::try_from(number(from)?).unwrap_or(0);
                take = usize::try_from(number(count)?).unwrap_or(usize::MAX);
                at += 3;
            }
            _ => return Err(format!("ERR syntax error near {}", text(word))),
        }
    }
    Ok((with_scores, skip, take))
}

impl Keyspace {
    fn hash(&mut self, key: &[u8]) -> Result<&mut BTreeMap<Vec<u8>, Vec<u8>>, String> {
        match self.keys.entry(key.to_vec()).or_insert_with(|| Data::Hash(BTreeMap::new())) {
            Data::Hash(hash) => Ok(hash),
            _ => Err(wrong_type()),
        }
    }

    fn zset(&mut self, key: &[u8]) -> Result<&mut Zset, String> {
        match self.keys.entry(key.to_vec()).or_insert_with(|| Data::Zset(Zset::default())) {
            Data::Zset(zset) => Ok(zset),
            _ => Err(wrong_type()),
        }
    }

    fn list(&mut self, key: &[u8]) -> Result<&mut VecDeque<Vec<u8>>, String> {
        match self.keys.entry(key.to_vec()).or_insert_with(|| Data::List(VecDeque::new())) {
            Data::List(list) => Ok(list),
            _ => Err(wrong_type()),
        }
    }

    /// A key of which nothing is left is not there.
    fn tidy(&mut self, key: &[u8]) {
        let is_empty = match self.keys.get(key) {
            Some(Data::Hash(hash)) => hash.is_empty(),
            Some(Data::Zset(zset)) => zset.len() == 0,
            Some(Data::List(list)) => list.is_empty(),
            None => false,
        };
        if is_empty {
            self.keys.remove(key);
        }
    }

    /// Carries out a command on keys.
    pub(crate) fn run(&mut self, name: &str, args: Args<'_>) -> Reply {
        let done = match (name, args) {
            ("DEL" | "UNLINK", keys) => {
                Ok(Reply::Int(keys.iter().filter(|key| self.keys.remove(*key).is_some()).count() as i64))
            }
            ("EXISTS", [key]) => Ok(Reply::Int(self.keys.contains_key(key).into())),
            // Nothing lives for so long that it matters.
            ("PEXPIRE", [key, _]) => Ok(Reply::Int(self.keys.contains_key(key).into())),
            (name, [key, rest @ ..]) => {
                let done = match name.as_bytes().first() {
                    Some(b'H') => self.hashes(name, key, rest),
                    Some(b'Z') => self.zsets(name, key, rest),
                    _ => self.lists(name, key, rest),
                };
                self.tidy(key);
                done
            }
            _ => Err(unknown(name)),
        };
        done.unwrap_or_else(Reply::Error)
    }

    fn hashes(&mut self, name: &str, key: &[u8], rest: Args<'_>) -> Result<Reply, String> {
        let hash = self.hash(key)?;
        Ok(match (name, rest) {
            ("HGET", [field]) => or_nil(hash.get(field)),
            ("HMGET", fields) => Reply::Array(fields.iter().map(|field| or_nil(hash.get(field))).collect()),
            ("HEXISTS", [field]) => Reply::Int(hash.contains_key(field).into()),
            ("HDEL", fields) => {
                Reply::Int(fields.iter().filter(|field| hash.remove(*field).is_some()).count() as i64)
            }
            ("HSETNX", [field, value]) => {
                let is_new = !hash.contains_key(field);
                if is_new {
                    hash.insert(field.clone(), value.clone());
                }
                Reply::Int(is_new.into())
            }
            ("HSET", pairs) if !pairs.is_empty() && pairs.len() % 2 == 0 => {
                let set = |pair: &[Vec<u8>]| hash.insert(pair[0].clone(), pair[1].clone()).is_none();
                Reply::Int(pairs.chunks(2).map(set).filter(|is_new| *is_new).count() as i64)
            }
            ("HINCRBY", [field, by]) => {
                let value = hash.get(field).map_or(Ok(0), |value| number(value))? + number(by)?;
                hash.insert(field.clone(), value.to_string().into_bytes());
                Reply::Int(value)
            }
            ("HGETALL", []) => {
                Reply::Array(hash.iter().flat_map(|(field, value)| [bulk(field), bulk(value)]).collect())
            }
            ("HKEYS", []) => Reply::Array(hash.keys().map(|field| bulk(field)).collect()),
            // All at once, as of a small hash.
            ("HSCAN", [_cursor, ..]) => {
                let pairs = hash.iter().flat_map(|(field, value)| [bulk(field), bulk(value)]).collect();
                Reply::Array(vec![bulk(b"0"), Reply::Array(pairs)])
            }
            _ => return Err(unknown(name)),
        })
    }

    fn zsets(&mut self, name: &str, key: &[u8], rest: Args<'_>) -> Result<Reply, String> {
        let zset = self.zset(key)?;
        Ok(match (name, rest) {
            ("ZCARD", []) => Reply::Int(zset.len() as i64),
            ("ZSCORE", [member]) => zset.score(member).map_or(Reply::Nil, |score| Reply::Bulk(shown(score))),
            ("ZRANK", [member]) => zset.rank(member).map_or(Reply::Nil, |rank| Reply::Int(rank as i64)),
            ("ZREM", members) => {
                Reply::Int(members.iter().filter(|member| zset.remove(member)).count() as i64)
            }
            ("ZADD", rest) => return add(zset, rest),
            ("ZCOUNT", [low, high]) => Reply::Int(zset.between(bound(low)?, bound(high)?).len() as i64),
            ("ZRANGE", [from, to, rest @ ..]) => {
                let (with_scores, ..) = options(rest)?;
                let Some((from, to)) = indexes(from, to, zset.len())? else {
                    return Ok(Reply::Array(Vec::new()));
                };
                let rows = zset.iter().skip(from).take(to - from + 1);
                listed(rows.map(|(member, score)| (member.to_vec(), score)), with_scores)
            }
            ("ZRANGEBYSCORE", [low, high, rest @ ..]) => {
                let (with_scores, skip, take) = options(rest)?;
                let rows = zset.between(bound(low)?, bound(high)?);
                listed(rows.into_iter().skip(skip).take(take), with_scores)
            }
            ("ZREVRANGEBYSCORE", [high, low, rest @ ..]) => {
                let (with_scores, skip, take) = options(rest)?;
                let rows = zset.between(bound(low)?, bound(high)?);
                listed(rows.into_iter().rev().skip(skip).take(take), with_scores)
            }
            ("ZRANGEBYLEX", [low, high, rest @ ..]) if high == b"+" => {
                let (_, skip, take) = options(rest)?;
                let is_in = |member: &[u8]| match low.split_first() {
                    Some((b'(', after)) => member > after,
                    Some((b'[', from)) => member >= from,
                    _ => true,
                };
                let rows = zset.iter().filter(|(member, _)| is_in(member));
                listed(rows.skip(skip).take(take).map(|(member, score)| (member.to_vec(), score)), false)
            }
            ("ZREMRANGEBYSCORE", [low, high]) => {
                let rows = zset.between(bound(low)?, bound(high)?);
                for (member, _) in &rows {
                    zset.remove(member);
                }
                Reply::Int(rows.len() as i64)
            }
            _ => return Err(unknown(name)),
        })
    }

    fn lists(&mut self, name: &str, key: &[u8], rest: Args<'_>) -> Result<Reply, String> {
        let list = self.list(key)?;
        Ok(match (name, rest) {
            ("RPUSH", values) => {
                list.extend(values.iter().cloned());
                Reply::Int(list.len() as i64)
            }
            ("LTRIM", [from, to]) => {
                let kept = indexes(from, to, list.len())?;
                *list = kept.map_or_else(VecDeque::new, |(from, to)| {
                    list.iter().skip(from).take(to - from + 1).cloned().collect()
                });
                Reply::Status("OK")
            }
            ("LPOP", [count]) => {
                let count = usize::try_from(number(count)?).unwrap_or(0).min(list.len());
                if list.is_empty() {
                    return Ok(Reply::Nil);
                }
                Reply::Array(list.drain(..count).map(Reply::Bulk).collect())
            }
            _ => return Err(unknown(name)),
        })
    }
}

fn add(zset: &mut Zset, rest: Args<'_>) -> Result<Reply, String> {
    let (only, pairs) = match rest {
        [word, pairs @ ..] if word == b"LT" || word == b"GT" => (Some(word.as_slice()), pairs),
        pairs => (None, pairs),
    };
    if pairs.is_empty() || pairs.len() % 2 != 0 {
        return Err("ERR syntax error".to_owned());
    }
    let mut added = 0;
    for pair in pairs.chunks(2) {
        let (new, member) = (score(&pair[0])?, &pair[1]);
        let is_kept = match (only, zset.score(member)) {
            (Some(b"LT"), Some(present)) => new >= present,
            (Some(_), Some(present)) => new <= present,
            _ => false,
        };
        if !is_kept {
            added += i64::from(zset.add(member, new));
        }
    }
    Ok(Reply::Int(added))
}

fn wrong_type() -> String {
    "WRONGTYPE Operation against a key holding the wrong kind of value".to_owned()
}

fn unknown(name: &str) -> String {
    format!("ERR the simulated Redis does not know {name} with these arguments")
}
