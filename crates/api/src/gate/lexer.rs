//! Counts the tokens of a document before it is parsed, so that no text makes the parser work or recurse without bound.
//!
//! It need not know what is valid: text that is no GraphQL is refused by the parser. It only must never count too few.

/// Why a text is not even parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooLarge {
    /// More tokens than allowed.
    Tokens,
    /// Brackets nested deeper than allowed.
    Nesting,
}

/// Checks that `text` has at most `tokens` tokens and brackets at most `nesting` deep.
pub(super) fn check(text: &str, tokens: usize, nesting: usize) -> Result<(), TooLarge> {
    let bytes = text.as_bytes();
    let (mut at, mut count, mut depth) = (0, 0usize, 0usize);
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += run(&bytes[at..], |b| b != b'\n' && b != b'\r');
                continue;
            }
            b'"' => at + string(&bytes[at..]),
            b'{' | b'[' | b'(' => {
                depth += 1;
                at + 1
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                at + run(&bytes[at..], |b| b == b'_' || b.is_ascii_alphanumeric())
            }
            b'-' | b'0'..=b'9' => {
                let number = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
                at + run(&bytes[at..], number)
            }
            b'.' if bytes[at..].starts_with(b"...") => at + 3,
            _ => at + 1,
        };
        count += 1;
        if count > tokens {
            return Err(TooLarge::Tokens);
        }
        if depth > nesting {
            return Err(TooLarge::Nesting);
        }
    }
    Ok(())
}

/// How many bytes at the front are as `wanted`.
fn run(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&b| !wanted(b)).unwrap_or(bytes.len())
}

/// The length of the string at the front, up to its end or, if it has none, to where a line ends it.
fn string(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\"\"\"") {
        let mut at = 3;
        while at < bytes.len() {
            match &bytes[at..] {
                [b'\\', b'"', b'"', b'"', ..] => at += 4,
                [b'"', b'"', b'"', ..] => return at + 3,
                _ => at += 1,
            }
        }
        return bytes.len();
    }
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            b'\n' | b'\r' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> usize {
        (0..).find(|&most| check(text, most, 1000) != Err(TooLarge::Tokens)).unwrap()
    }

    #[test]
    fn counts_as_graphql_does() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("{ a, b # c d e\n }"), 4);
        assert_eq!(tokens("query Q($a: [Int!]! = [1, -2.5e+3]) { f(a: $a) @skip(if: true) { ...F } }"), 37);
        assert_eq!(tokens(r#"{ f(a: "b \" c { d", b: """ e " \""" f {{{ """) }"#), 11);
        assert_eq!(tokens("\"open\n{ a }"), 4);
        assert_eq!(tokens("\"\"\"open { a }"), 1);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
        assert_eq!(check(&nested(64), 1000, 64), Ok(()));
        assert_eq!(check(&nested(65), 1000, 64), Err(TooLarge::Nesting));
        assert_eq!(check(&"[".repeat(1 << 20), 1 << 21, 64), Err(TooLarge::Nesting));
        assert_eq!(check(&"{}".repeat(900), 2000, 64), Ok(()));
    }
}
