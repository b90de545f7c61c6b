//! The library of functions, run in Lua 5.1 as Redis runs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlua::{Error, Function, Lua, Result, Table, Value, Variadic};
use parking_lot::Mutex;

use super::keyspace::{Keyspace, Reply, shown};
use super::packing;

/// What a function sees of the server that it runs on.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) keys: Keyspace,
    pub(super) unix_us: u64,
    pub(super) replication: String,
}

/// Lua with a library in it. Functions keep nothing between calls, so all servers of a schedule share one.
pub(super) struct Engine {
    lua: Lua,
    sight: Arc<Mutex<Sight>>,
    /// By name, and whether it writes nothing.
    functions: Arc<Mutex<BTreeMap<String, (Function, bool)>>>,
}

impl Engine {
    pub(super) fn new() -> Result<Self> {
        let engine = Self { lua: Lua::new(), sight: Arc::default(), functions: Arc::default() };
        packing::provide(&engine.lua)?;
        let redis = engine.lua.create_table()?;
        let sight = Arc::clone(&engine.sight);
        let call = move |lua: &Lua, args: Variadic<Value>| match run(&sight, args)? {
            Reply::Error(text) => Err(Error::runtime(text)),
            reply => to_lua(lua, reply),
        };
        redis.set("call", engine.lua.create_function(call)?)?;
        let sight = Arc::clone(&engine.sight);
        let pcall = move |lua: &Lua, args: Variadic<Value>| to_lua(lua, run(&sight, args)?);
        redis.set("pcall", engine.lua.create_function(pcall)?)?;
        let functions = Arc::clone(&engine.functions);
        let register = move |_: &Lua, (what, callback): (Value, Option<Function>)| {
            let (name, callback, reads) = match (what, callback) {
                (Value::Table(what), None) => {
                    let flags: Option<Vec<String>> = what.get("flags")?;
                    let reads = flags.unwrap_or_default().iter().any(|flag| flag == "no-writes");
                    (what.get("function_name")?, what.get("callback")?, reads)
                }
                (Value::String(name), Some(callback)) => (name.to_str()?.to_owned(), callback, false),
                _ => return Err(Error::runtime("no function to register")),
            };
            functions.lock().insert(name, (callback, reads));
            Ok(())
        };
        redis.set("register_function", engine.lua.create_function(register)?)?;
        engine.lua.globals().set("redis", redis)?;
        Ok(engine)
    }

    /// Loads a library, unless it is there.
    pub(super) fn load(&self, code: &[u8]) -> std::result::Result<(), String> {
        if !self.functions.lock().is_empty() {
            return Ok(());
        }
        // The first line is for Redis alone.
        let body = code.iter().position(|byte| *byte == b'\n').map_or(code, |end| &code[end..]);
        self.lua.load(body).set_name("@user_function").exec().map_err(|error| format!("ERR {error}"))
    }

    /// Whether there is such a function, and whether it writes nothing.
    pub(super) fn reads(&self, function: &str) -> Option<bool> {
        self.functions.lock().get(function).map(|(_, reads)| *reads)
    }

    /// Calls a function on what it is to see, which is left changed.
    pub(super) fn call(
        &self,
        function: &str,
        keys: &[Vec<u8>],
        args: &[Vec<u8>],
        sight: &mut Sight,
    ) -> Reply {
        let Some((callback, _)) = self.functions.lock().get(function).cloned() else {
            return Reply::Error("ERR Function not found".to_owned());
        };
        std::mem::swap(sight, &mut *self.sight.lock());
        let table = |texts: &[Vec<u8>]| -> Result<Table> {
            let texts: Result<Vec<_>> = texts.iter().map(|text| self.lua.create_string(text)).collect();
            self.lua.create_sequence_from(texts?)
        };
        let called = (|| callback.call::<Value>((table(keys)?, table(args)?)))();
        std::mem::swap(sight, &mut *self.sight.lock());
        match called {
            Ok(value) => from_lua(value),
            Err(error) => Reply::Error(format!("ERR user_function: script: {error}").replace('\n', " ")),
        }
    }
}

fn run(sight: &Mutex<Sight>, args: Variadic<Value>) -> Result<Reply> {
    let text = |value: Value| match value {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Number(number) => Ok(shown(number)),
        Value::Integer(number) => Ok(number.to_string().into_bytes()),
        _ => Err(Error::runtime("Lua redis lib command arguments must be strings or integers")),
    };
    let args: Result<Vec<Vec<u8>>> = args.into_iter().map(text).collect();
    let mut args = args?;
    if args.is_empty() {
        return Err(Error::runtime("no command"));
    }
    let name = String::from_utf8_lossy(&args.remove(0)).into_owned();
    let mut sight = sight.lock();
    Ok(match name.as_str() {
        "TIME" => {
            let (seconds, rest) = (sight.unix_us / 1_000_000, sight.unix_us % 1_000_000);
            Reply::Array([seconds, rest].map(|number| Reply::Bulk(number.to_string().into_bytes())).to_vec())
        }
        "INFO" if args.first().is_some_and(|about| about == b"memory") => {
            Reply::Bulk(b"used_memory:1\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n".to_vec())
        }
        "INFO" => Reply::Bulk(sight.replication.clone().into_bytes()),
        name => sight.keys.run(name, &args),
    })
}

fn to_lua(lua: &Lua, reply: Reply) -> Result<Value> {
    Ok(match reply {
        Reply::Nil => Value::Boolean(false),
        Reply::Int(number) => Value::Number(number as f64),
        Reply::Bulk(bytes) => Value::String(lua.create_string(bytes)?),
        Reply::Array(items) => {
            let items: Result<Vec<Value>> = items.into_iter().map(|item| to_lua(lua, item)).collect();
            Value::Table(lua.create_sequence_from(items?)?)
        }
        Reply::Status(text) => told(lua, "ok", text)?,
        Reply::Error(text) => told(lua, "err", &text)?,
    })
}

fn told(lua: &Lua, field: &str, text: &str) -> Result<Value> {
    let table = lua.create_table()?;
    table.set(field, text)?;
    Ok(Value::Table(table))
}

fn from_lua(value: Value) -> Reply {
    match value {
        Value::Number(number) => Reply::Int(number as i64),
        Value::Integer(number) => Reply::Int(number),
        Value::String(text) => Reply::Bulk(text.as_bytes().to_vec()),
        Value::Boolean(true) => Reply::Int(1),
        Value::Table(table) => match table.raw_get::<Option<String>>("err") {
            Ok(Some(error)) => Reply::Error(error),
            _ => Reply::Array(table.sequence_values::<Value>().map_while(Result::ok).map(from_lua).collect()),
        },
        _ => Reply::Nil,
    }
}
