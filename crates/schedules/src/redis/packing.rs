//! `struct` and `bit`, as far as the library of functions uses them.

use mlua::{Error, Lua, LuaString, MultiValue, Result, Table, Value, Variadic};

/// One item of a format: its letter and its size in bytes.
type Item = (u8, usize);

fn wrong(why: &str) -> Error {
    Error::runtime(format!("struct: {why}"))
}

/// The items of a format. Everything is big endian, since the library says so everywhere that it matters.
fn items(format: &[u8]) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut rest = format.strip_prefix(b">").unwrap_or(format);
    while let [letter, tail @ ..] = rest {
        let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (size, after) = tail.split_at(digits);
        let size = std::str::from_utf8(size).ok().and_then(|size| size.parse().ok());
        let size = match (letter, size) {
            (b'B', None) => 1,
            (b'H', None) => 2,
            (b'I' | b'i' | b'c', Some(size)) => size,
            _ => return Err(wrong("a format that is not simulated")),
        };
        items.push((*letter, size));
        rest = after;
    }
    Ok(items)
}

fn pack(lua: &Lua, (format, values): (LuaString, Variadic<Value>)) -> Result<LuaString> {
    let (mut out, mut values) = (Vec::new(), values.into_iter());
    for (letter, size) in items(&format.as_bytes())? {
        let value = values.next().ok_or_else(|| wrong("a value is missing"))?;
        if letter == b'c' {
            let text = lua.coerce_string(value)?.ok_or_else(|| wrong("no string"))?;
            let text = text.as_bytes();
            out.extend(text.get(..size).ok_or_else(|| wrong("a string is too short"))?);
        } else {
            let number = lua.coerce_number(value)?.ok_or_else(|| wrong("no number"))?;
            let bytes = (number as i64).to_be_bytes();
            out.extend(bytes.get(8 - size..).ok_or_else(|| wrong("too many bytes"))?);
        }
    }
    lua.create_string(out)
}

fn unpack(lua: &Lua, (format, text, at): (LuaString, LuaString, Option<usize>)) -> Result<MultiValue> {
    let text = text.as_bytes();
    let (mut at, mut values) = (at.unwrap_or(1).saturating_sub(1), Vec::new());
    for (letter, size) in items(&format.as_bytes())? {
        let bytes = text.get(at..at + size).ok_or_else(|| wrong("the data is too short"))?;
        at += size;
        if letter == b'c' {
            values.push(Value::String(lua.create_string(bytes)?));
            continue;
        }
        let is_negative = letter == b'i' && bytes.first().is_some_and(|first| *first >= 0x80);
        let fold = |number: i64, byte: &u8| number << 8 | i64::from(*byte);
        let number = bytes.iter().fold(if is_negative { -1 } else { 0 }, fold);
        values.push(Value::Number(number as f64));
    }
    values.push(Value::Number((at + 1) as f64));
    Ok(MultiValue::from_vec(values))
}

/// Puts both where the library looks for them.
pub(super) fn provide(lua: &Lua) -> Result<()> {
    let globals = lua.globals();
    let structs: Table = lua.create_table()?;
    structs.set("pack", lua.create_function(pack)?)?;
    structs.set("unpack", lua.create_function(unpack)?)?;
    globals.set("struct", structs)?;
    let bits = lua.create_table()?;
    bits.set("band", lua.create_function(|_, (a, b): (f64, f64)| Ok((a as i64 & b as i64) as f64))?)?;
    globals.set("bit", bits)
}
