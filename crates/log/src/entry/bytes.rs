//! The small alphabet of the format: varints (LEB128), zigzag integers, and text with a length.

use super::EntryError;

/// Appends an unsigned integer, 1 to 10 bytes.
pub(super) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed integer, small magnitudes in few bytes.
pub(super) fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends text with its length before it.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u64(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads what was appended, in the same order.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, EntryError> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u64(&mut self) -> Result<u64, EntryError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(EntryError::Corrupt("an integer of more than 64 bits"));
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(EntryError::Corrupt("an integer without an end"))
    }

    pub(super) fn u32(&mut self) -> Result<u32, EntryError> {
        u32::try_from(self.u64()?).map_err(|_| EntryError::Corrupt("an integer of more than 32 bits"))
    }

    pub(super) fn i64(&mut self) -> Result<i64, EntryError> {
        let value = self.u64()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, EntryError> {
        let length =
            usize::try_from(self.u64()?).map_err(|_| EntryError::Corrupt("a length beyond memory"))?;
        let text = std::str::from_utf8(self.take(length)?);
        text.map_err(|_| EntryError::Corrupt("text that is not UTF-8"))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], EntryError> {
        self.take(N)?.try_into().map_err(|_| EntryError::Corrupt("too short"))
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], EntryError> {
        let (head, tail) = self.0.split_at_checked(bytes).ok_or(EntryError::Corrupt("too short"))?;
        self.0 = tail;
        Ok(head)
    }
}
