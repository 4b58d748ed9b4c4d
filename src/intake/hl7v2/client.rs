//! The other side of MLLP: sends messages and waits for what comes back. For trying out, and for tests.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::timeout_at;

use crate::fhir::instant::Instant;

use super::charset::{Charset, Declared};
use super::message::{Condition, Message, read_header};
use super::mllp::{self, Framer};
use super::sender::Senders;
use super::timestamp;

const MAX_ANSWER: usize = 1 << 20;

/// A connection to a listener.
pub struct Client<S> {
    stream: S,
    framer: Framer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn new(stream: S) -> Client<S> {
        Client { stream, framer: Framer::new(MAX_ANSWER) }
    }

    /// Sends a message; answers the acknowledgements that come within the time: as many as it asks for, or fewer.
    pub async fn send(&mut self, message: &[u8], patience: Duration) -> io::Result<Vec<BytesMut>> {
        mllp::send(&mut self.stream, message).await?;
        let (until, wanted, mut answers) = (tokio::time::Instant::now() + patience, wanted(message), Vec::new());
        while answers.len() < wanted {
            match timeout_at(until, self.answer()).await {
                Ok(answer) => answers.push(answer?),
                Err(_) => break,
            }
        }
        Ok(answers)
    }

    async fn answer(&mut self) -> io::Result<BytesMut> {
        loop {
            if let Some(answer) = self.framer.next_message().map_err(io::Error::other)? {
                return Ok(answer);
            }
            if self.stream.read_buf(self.framer.arrived()).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// How many acknowledgements a message asks for, at most.
fn wanted(message: &[u8]) -> usize {
    let senders = Senders::default();
    let Ok(message) = Message::open(message, &senders) else { return 1 };
    match message.header.conditions {
        None => 1,
        Some((accept, application)) => {
            [accept, application].iter().filter(|condition| **condition != Condition::Never).count()
        }
    }
}

/// The messages of a file: framed as MLLP frames them, or one after the other, each from its MSH on. Lines may end as they do.
pub fn messages_of(file: &[u8]) -> Vec<Vec<u8>> {
    if file.contains(&0x0b) {
        let mut framer = Framer::new(file.len());
        framer.arrived().extend_from_slice(file);
        let framed = std::iter::from_fn(|| framer.next_message().ok().flatten());
        return framed.map(|message| message.to_vec()).collect();
    }
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for line in file.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty()) {
        if line.starts_with(b"MSH") {
            messages.push(Vec::new());
        }
        // What stands before the first message, or between two: headers and trailers of a batch.
        let of_batch = [&b"FHS"[..], b"BHS", b"BTS", b"FTS"].iter().any(|name| line.starts_with(name));
        if let Some(message) = messages.last_mut().filter(|_| !of_batch) {
            message.extend_from_slice(line);
            message.push(b'\r');
        }
    }
    messages
}

/// The message with another control id and time (MSH-7, MSH-10, EVN-2), as if it were sent for the first time now.
pub fn as_new(message: &[u8], control_id: &str, now: Instant) -> Vec<u8> {
    let (time, separator) = (timestamp::to_hl7(now), message.get(3).copied().unwrap_or(b'|'));
    let line = |line: &[u8]| match line {
        [b'M', b'S', b'H', ..] => with_fields(line, &[(6, &time), (9, control_id)]),
        [b'E', b'V', b'N', ..] => {
            let mut fields: Vec<&[u8]> = line.split(|byte| *byte == separator).collect();
            fields.resize(fields.len().max(3), b"");
            fields[2] = time.as_bytes();
            fields.join(&separator)
        }
        _ => line.to_vec(),
    };
    message.split(|byte| *byte == b'\r').map(line).collect::<Vec<_>>().join(&b'\r')
}

/// MSH with other fields, in its own character set: in some, separators are bytes of other characters.
fn with_fields(line: &[u8], values: &[(usize, &str)]) -> Vec<u8> {
    let (text, declared) = read_header(line);
    let separator = text.chars().nth(3).unwrap_or('|').to_string();
    let mut fields: Vec<&str> = text.split(&separator).collect();
    for (at, value) in values {
        if let Some(field) = fields.get_mut(*at) {
            *field = value;
        }
    }
    let charset = if let Declared::Known(charset) = declared { charset } else { Charset::Utf8 };
    charset.encode(&fields.join(&separator)).into_owned()
}

/// An acknowledgement as text, segment by segment, and whether it accepts.
pub fn read_answer(answer: &[u8]) -> (Vec<String>, bool) {
    let senders = Senders::default();
    let charset = Message::open(answer, &senders).map(|message| message.header.charset);
    let text = charset.ok().and_then(|charset| charset.decode(answer).map(|text| text.into_owned()));
    let text = text.unwrap_or_else(|| String::from_utf8_lossy(answer).into_owned());
    let segments: Vec<String> = text.split('\r').filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let accepts = segments.iter().any(|line| matches!(line.get(..6), Some("MSA|AA" | "MSA|CA")));
    (segments, accepts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_hold_messages_framed_or_not() {
        let plain = b"FHS|^~\\&\r\nMSH|1\nEVN|a\n\nMSH|2\rNPU|b\rFTS|1\r";
        assert_eq!(messages_of(plain), [&b"MSH|1\rEVN|a\r"[..], b"MSH|2\rNPU|b\r"]);
        assert_eq!(messages_of(b"\x0bMSH|1\r\x1c\r\x0bMSH|2\r\x1c\r"), [b"MSH|1\r", b"MSH|2\r"]);
        assert_eq!(messages_of(b"no message"), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_message_is_made_new_in_its_own_character_set() {
        let text = "MSH|^~\\&|病棟ポ|H|K|R|20200101||ADT^A20|old|P|2.5||||||SHIFT_JIS\rEVN\rNPU|三東ポ|U\r";
        let made = as_new(&Charset::ShiftJis.encode(text), "new", Instant(0));
        let now = "19700101000000.000+0000";
        let expected = text.replace("20200101", now).replace("old", "new").replace("EVN", &format!("EVN||{now}"));
        assert_eq!(Charset::ShiftJis.decode(&made).unwrap(), expected);
    }
}
