//! One question to a Kafka broker, by hand: who is there, and who leads what (Metadata, version 1).

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a broker knows of its cluster.
#[derive(Debug)]
pub(super) struct Metadata {
    /// How many brokers are alive.
    pub(super) brokers: usize,
    /// Of the topic that was asked for, by their number.
    pub(super) partitions: Vec<Partition>,
}

/// Who has a partition.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Partition {
    /// The node that leads it; -1: none.
    pub(super) leader: i32,
    /// How many replicas are in step with it.
    pub(super) in_step: usize,
}

/// Asks a broker, for all brokers and one topic or none.
pub(super) fn metadata(address: SocketAddr, topic: Option<&str>, patience: Duration) -> Result<Metadata> {
    let mut request = Vec::new();
    // Metadata, its version, a correlation id, no client's name.
    request.extend([0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff]);
    request.extend(i32::from(topic.is_some()).to_be_bytes());
    if let Some(topic) = topic {
        request.extend(u16::try_from(topic.len()).unwrap_or_default().to_be_bytes());
        request.extend(topic.as_bytes());
    }
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(&u32::try_from(request.len()).unwrap_or_default().to_be_bytes())?;
    stream.write_all(&request)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut reply)?;
    read(&mut Reader(&reply)).ok_or_else(|| Error::new(ErrorKind::InvalidData, "not an answer of Kafka"))
}

fn read(reader: &mut Reader<'_>) -> Option<Metadata> {
    reader.i32()?;
    let brokers = reader.count()?;
    for _ in 0..brokers {
        reader.i32()?;
        reader.text()?;
        reader.i32()?;
        reader.text()?;
    }
    reader.i32()?;
    let mut partitions = Vec::new();
    for _ in 0..reader.count()? {
        reader.i16()?;
        reader.text()?;
        reader.take(1)?;
        for _ in 0..reader.count()? {
            reader.i16()?;
            let number = usize::try_from(reader.i32()?).ok()?;
            let leader = reader.i32()?;
            for _ in 0..reader.count()? {
                reader.i32()?;
            }
            let in_step = reader.count()?;
            for _ in 0..in_step {
                reader.i32()?;
            }
            if partitions.len() <= number {
                partitions.resize(number + 1, Partition { leader: -1, in_step: 0 });
            }
            partitions[number] = Partition { leader, in_step };
        }
    }
    Some(Metadata { brokers, partitions })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(bytes)?;
        self.0 = tail;
        Some(head)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.i32()?).ok()
    }

    fn text(&mut self) -> Option<()> {
        let length = self.i16()?;
        self.take(usize::try_from(length).unwrap_or(0)).map(drop)
    }
}
