//! MLLP: messages in a stream of bytes, each as `<VT> message <FS> <CR>`.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

const START: u8 = 0x0b;
const END: u8 = 0x1c;
const CARRIAGE_RETURN: u8 = 0x0d;
/// Bytes between messages that are looked at before the other side is taken for something that speaks no MLLP.
const MAX_STRAY: usize = 1024;

/// Why a stream is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a message exceeds the limit")]
    TooLong,
    #[error("what comes is no MLLP")]
    NoMllp,
}

/// Takes messages out of what has arrived, however it was cut into pieces on the way.
#[derive(Debug)]
pub struct Framer {
    arrived: BytesMut,
    /// Whether a message has begun.
    inside: bool,
    /// Bytes of it that hold no end.
    scanned: usize,
    stray: usize,
    limit: usize,
}

impl Framer {
    /// `limit`: bytes of a message.
    pub fn new(limit: usize) -> Framer {
        Framer { arrived: BytesMut::new(), inside: false, scanned: 0, stray: 0, limit }
    }

    /// Where bytes are put as they come.
    pub fn arrived(&mut self) -> &mut BytesMut {
        &mut self.arrived
    }

    /// Whether a message has begun that is not whole yet.
    pub fn is_inside(&self) -> bool {
        self.inside
    }

    /// The next whole message. `None`: more has to arrive.
    ///
    /// A message ends at FS: a sender that leaves the CR out would else wait for an answer that waits for its CR. A VT
    /// within a message begins it anew: its sender was cut off and starts over.
    pub fn next_message(&mut self) -> Result<Option<BytesMut>, FrameError> {
        if !self.inside && !self.skip_to_start()? {
            return Ok(None);
        }
        loop {
            let mark = |byte: &u8| *byte == END || *byte == START;
            let Some(at) = self.arrived[self.scanned..].iter().position(mark).map(|at| at + self.scanned) else {
                self.scanned = self.arrived.len();
                return if self.scanned > self.limit { Err(FrameError::TooLong) } else { Ok(None) };
            };
            if at > self.limit {
                return Err(FrameError::TooLong);
            }
            let message = self.arrived.split_to(at);
            let mark = self.arrived.get_u8();
            self.scanned = 0;
            if mark == END {
                self.inside = false;
                return Ok(Some(message));
            }
        }
    }

    /// Drops what stands before the next message; whether one begins.
    fn skip_to_start(&mut self) -> Result<bool, FrameError> {
        let start = self.arrived.iter().position(|byte| *byte == START);
        let before = &self.arrived[..start.unwrap_or(self.arrived.len())];
        self.stray += before.iter().filter(|byte| **byte != CARRIAGE_RETURN && **byte != b'\n').count();
        if self.stray > MAX_STRAY {
            return Err(FrameError::NoMllp);
        }
        match start {
            Some(at) => {
                self.arrived.advance(at + 1);
                (self.inside, self.scanned, self.stray) = (true, 0, 0);
                Ok(true)
            }
            None => {
                self.arrived.clear();
                Ok(false)
            }
        }
    }
}

/// Sends one message, in one piece.
pub async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(START);
    frame.extend_from_slice(message);
    frame.extend_from_slice(&[END, CARRIAGE_RETURN]);
    stream.write_all(&frame).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All messages of a stream that arrives in these pieces.
    fn messages(pieces: &[&[u8]], limit: usize) -> Result<Vec<Vec<u8>>, FrameError> {
        let (mut framer, mut found) = (Framer::new(limit), Vec::new());
        for piece in pieces {
            framer.arrived().extend_from_slice(piece);
            while let Some(message) = framer.next_message()? {
                found.push(message.to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn messages_that_arrive_together_stay_apart() {
        let found = messages(&[b"\x0bone\x1c\r\x0btwo\x1c\r\x0bthr"], 9).unwrap();
        assert_eq!(found, [b"one", b"two"]);
    }

    #[test]
    fn a_message_without_its_last_cr_is_whole() {
        assert_eq!(messages(&[b"\x0bone\x1c", b"\x0btwo\x1c"], 9).unwrap(), [b"one", b"two"]);
    }

    #[test]
    fn a_message_that_begins_anew_replaces_what_was_cut_off() {
        assert_eq!(messages(&[b"\x0bMSH|half", b"\x0bwhole\x1c\r"], 9).unwrap(), [b"whole"]);
    }

    #[test]
    fn a_message_above_the_limit_ends_the_stream() {
        assert_eq!(messages(&[b"\x0b12345\x1c\r"], 5).unwrap(), [b"12345"]);
        assert_eq!(messages(&[b"\x0b123456\x1c\r"], 5), Err(FrameError::TooLong));
        assert_eq!(messages(&[b"\x0b123", b"456"], 5), Err(FrameError::TooLong));
    }

    #[test]
    fn what_is_no_mllp_ends_the_stream() {
        let line_breaks = [b'\r'; 3000];
        assert_eq!(messages(&[&line_breaks], 9), Ok(Vec::new()));
        assert_eq!(messages(&[&[b'G'; 600], &[b'E'; 600]], 9), Err(FrameError::NoMllp));
    }

    proptest! {
        #[test]
        fn how_a_stream_is_cut_makes_no_difference(
            texts in proptest::collection::vec(proptest::collection::vec(0x20_u8..=0xff, 0..40), 0..6),
            cuts in proptest::collection::vec(1_usize..9, 1..40),
        ) {
            let mut stream = Vec::new();
            for text in &texts {
                stream.push(START);
                stream.extend_from_slice(text);
                stream.extend_from_slice(&[END, CARRIAGE_RETURN]);
            }
            let (mut rest, mut pieces) = (stream.as_slice(), Vec::new());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, more) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            prop_assert_eq!(messages(&pieces, 40).unwrap(), texts);
        }

        #[test]
        fn whatever_comes_is_read_or_refused_within_the_limit(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for message in messages(&[&bytes], 50).unwrap_or_default() {
                prop_assert!(message.len() <= 50 && !message.contains(&START) && !message.contains(&END));
            }
        }
    }
}
