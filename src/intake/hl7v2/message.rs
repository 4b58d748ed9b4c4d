//! A message as it arrives: its header, and of its segments those that beds are read from. Nothing else is decoded, so what
//! a sender says of patients is neither read nor kept, and a name that cannot be decoded holds no bed up.

use hl7kit::{Encoding, Field};

use super::charset::{Charset, Declared};
use super::location::value;
use super::refusal::{ErrorCode, Place, Refusal};
use super::sender::{Sender, Senders};

/// The segments that are read besides MSH.
const READ: [&str; 3] = ["EVN", "NPU", "PV1"];
/// Bytes of a segment that is read.
const MAX_SEGMENT: usize = 16 * 1024;

/// MSH, as far as it matters.
#[derive(Clone, Debug)]
pub struct Header {
    pub encoding: Encoding,
    /// MSH-3 to MSH-6 by their components: sending application and facility, receiving application and facility.
    pub parties: [Vec<String>; 4],
    /// MSH-7.
    pub time: String,
    /// MSH-9: message code and trigger event.
    pub code: String,
    pub event: String,
    /// MSH-10.
    pub control_id: String,
    /// MSH-11 and MSH-12.
    pub processing: String,
    pub version: String,
    /// MSH-15 and MSH-16, where either is there: enhanced mode.
    pub conditions: Option<(Condition, Condition)>,
    /// In which an answer is written.
    pub charset: Charset,
}

/// When an acknowledgement is wanted: table 0155.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Always,
    Never,
    OnError,
    OnSuccess,
}

/// A message whose header has been read.
pub struct Message<'b, 's> {
    pub header: Header,
    pub sender: Option<&'s Sender>,
    header_text: String,
    charset: Result<Charset, Refusal>,
    lines: Vec<&'b [u8]>,
}

/// The segments that are read, decoded.
pub type Body = hl7kit::Message;

impl Condition {
    fn of(code: &str) -> Condition {
        match code {
            "NE" | "" => Condition::Never,
            "ER" => Condition::OnError,
            "SU" => Condition::OnSuccess,
            _ => Condition::Always,
        }
    }

    /// Whether an acknowledgement of this kind is wanted.
    pub fn wants(self, success: bool) -> bool {
        match self {
            Condition::Always => true,
            Condition::Never => false,
            Condition::OnError => !success,
            Condition::OnSuccess => success,
        }
    }
}

impl Header {
    fn read(msh: &Body, charset: Charset) -> Option<Header> {
        let segment = msh.segment("MSH")?;
        let one = |field: usize, component: usize| {
            segment.field(field).map(|found| value(&found, component)).unwrap_or_default()
        };
        let party = |field: usize| {
            let found = segment.field(field).and_then(|field| field.repetition(1));
            found
                .map(|found| found.components().map(|part| part.decoded().trim().to_owned()).collect())
                .unwrap_or_default()
        };
        let (accept, application) = (one(15, 1), one(16, 1));
        let enhanced = !(accept.is_empty() && application.is_empty());
        Some(Header {
            encoding: msh.encoding(),
            parties: [party(3), party(4), party(5), party(6)],
            time: one(7, 1),
            code: one(9, 1),
            event: one(9, 2),
            control_id: one(10, 1),
            processing: one(11, 1),
            version: one(12, 1),
            conditions: enhanced.then(|| (Condition::of(&accept), Condition::of(&application))),
            charset,
        })
    }

    /// The namespace of a party (MSH-3.1 for 0).
    pub fn party(&self, at: usize) -> &str {
        self.parties[at].first().map_or("", String::as_str)
    }

    /// The version as two numbers: `2.5.1` is (2, 5).
    pub fn version(&self) -> (u8, u8) {
        let mut numbers = self.version.split('.').map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

impl<'b, 's> Message<'b, 's> {
    /// Reads the header. A refusal means that these bytes are no HL7 v2 message: there is nobody to answer by name.
    pub fn open(bytes: &'b [u8], senders: &'s Senders) -> Result<Message<'b, 's>, Refusal> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let lines = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty());
        let lines: Vec<&[u8]> = lines.collect();
        let first = lines.first().filter(|line| line.starts_with(b"MSH") && line.len() <= MAX_SEGMENT);
        let first = first.ok_or_else(no_message)?;
        let (text, declared) = read_header(first);
        let parsed = hl7kit::Message::parse(text.clone()).map_err(|_| no_message())?;
        let separators =
            parsed.segment("MSH").and_then(|msh| msh.field(2).map(|field| field.value().as_bytes().to_vec()));
        Encoding::from_msh2(parsed.encoding().field, &separators.unwrap_or_default()).ok_or_else(no_message)?;
        let mut header = Header::read(&parsed, Charset::Ascii).ok_or_else(no_message)?;
        let sender = senders.of(header.party(0), header.party(1));
        let charset = match declared {
            Declared::Known(charset) => Ok(charset),
            Declared::Nothing => Ok(sender.map_or(Charset::Ascii, |sender| sender.charset)),
            Declared::Unknown => Err(unknown_charset()),
        };
        let charset = charset.and_then(|charset| match charset.decode(first) {
            Some(text) => Ok((charset, text.into_owned())),
            None => Err(undecodable("MSH")),
        });
        let mut header_text = text;
        let charset = charset.map(|(charset, text)| {
            header_text = text;
            charset
        });
        header.charset = *charset.as_ref().unwrap_or(&Charset::Ascii);
        Ok(Message { header, sender, header_text, charset, lines })
    }

    /// Decodes the segments that are read.
    pub fn body(&self) -> Result<Body, Refusal> {
        let charset = self.charset.clone()?;
        let (mut text, mut seen) = (format!("{}\r", self.header_text), Vec::new());
        for line in &self.lines[1..] {
            let Some(name) = READ.iter().find(|name| is_segment(line, name, self.header.encoding.field)) else {
                continue;
            };
            if seen.contains(name) {
                return Err(repeated(name));
            }
            seen.push(*name);
            let decoded = charset.decode(line).filter(|_| line.len() <= MAX_SEGMENT);
            text.push_str(&decoded.ok_or_else(|| undecodable(name))?);
            text.push('\r');
        }
        hl7kit::Message::parse(text).map_err(|_| no_message())
    }
}

/// A field of the body.
pub fn field<'m>(body: &'m Body, place: Place) -> Option<Field<'m>> {
    body.segment(place.segment)?.field(place.field)
}

/// The header's text and what it says of its character set: by the character set that it says itself, where there is one.
/// Else by any that makes a header of it, so that its sender can be answered; what is not ASCII is left open at last.
pub(super) fn read_header(line: &[u8]) -> (String, Declared) {
    let mut likely = None;
    for charset in Charset::ALL {
        let Some(text) = charset.decode(line) else { continue };
        let declared = declared(&text);
        if declared == Declared::Known(charset) {
            return (text.into_owned(), declared);
        }
        if likely.is_none() && nth_field(&text, 12).starts_with("2.") {
            likely = Some((text.into_owned(), declared));
        }
    }
    likely.unwrap_or_else(|| {
        let plain = line.iter().map(|byte| if byte.is_ascii() && *byte >= 0x20 { char::from(*byte) } else { '?' });
        let text: String = plain.collect();
        let declared = declared(&text);
        (text, declared)
    })
}

/// What MSH-18 says.
fn declared(text: &str) -> Declared {
    let repetition = text.chars().nth(5).unwrap_or('~');
    Declared::of(nth_field(text, 18).split(repetition))
}

/// A field of MSH: the first is the separator itself.
fn nth_field(text: &str, number: usize) -> &str {
    let separator = text.chars().nth(3).unwrap_or('|');
    text.split(separator).nth(number - 1).unwrap_or_default()
}

fn is_segment(line: &[u8], name: &str, separator: u8) -> bool {
    line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == separator))
}

fn no_message() -> Refusal {
    Refusal::reject(
        ErrorCode::SegmentSequence,
        Place::segment("MSH"),
        "HL7 v2 のメッセージではありません。MSH セグメントで始めてください。",
        "This is no HL7 v2 message: it must begin with an MSH segment that names its separators.",
    )
}

fn unknown_charset() -> Refusal {
    Refusal::reject(
        ErrorCode::TableValueNotFound,
        Place::field("MSH", 18),
        "この文字集合には対応していません。UNICODE UTF-8, ISO IR87, SHIFT_JIS のどれかにしてください。",
        "This character set is not read here. Use UNICODE UTF-8, ISO IR87 or SHIFT_JIS.",
    )
}

fn undecodable(segment: &'static str) -> Refusal {
    Refusal::error(
        ErrorCode::DataType,
        Place::segment(segment),
        format!("{segment} に、MSH-18 の文字集合では読めない文字があるか、長すぎます。"),
        format!("{segment} has characters that do not belong to the character set of MSH-18, or is too long."),
    )
}

fn repeated(segment: &'static str) -> Refusal {
    Refusal::error(
        ErrorCode::SegmentSequence,
        Place::segment(segment),
        format!("{segment} は一つだけにしてください。"),
        format!("{segment} may stand once only."),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MSH_18: &str = "MSH|^~\\&|HIS|H|K|K|20260401||ADT^A20|1|P|2.5||||||";

    fn senders() -> Senders {
        let text = "[[sender]]\nname = \"a\"\nfacility = \"H\"\n\
                    [[sender]]\nname = \"kanji\"\nfacility = \"J\"\ncharset = \"SHIFT_JIS\"\n";
        Senders::parse(text).unwrap()
    }

    fn location(bytes: &[u8]) -> Result<String, Refusal> {
        let senders = senders();
        let body = Message::open(bytes, &senders)?.body()?;
        Ok(field(&body, Place::field("NPU", 1)).map(|field| value(&field, 1)).unwrap_or_default())
    }

    fn encoded(name: &str, charset: Charset) -> Vec<u8> {
        charset.encode(&format!("{MSH_18}{name}\rPID|||山田\rNPU|三東ポ^301|U\r")).into_owned()
    }

    #[test]
    fn kanji_whose_bytes_are_separators_stay_whole() {
        for (name, charset) in
            [("UNICODE UTF-8", Charset::Utf8), ("~ISO IR87", Charset::Iso2022Jp), ("SHIFT_JIS", Charset::ShiftJis)]
        {
            assert_eq!(location(&encoded(name, charset)).unwrap(), "三東ポ", "{name}");
        }
    }

    #[test]
    fn kanji_in_the_header_are_read_by_the_set_that_it_names() {
        let text = MSH_18.replace("|HIS|", "|病棟ポ|");
        let senders = senders();
        for (name, charset) in [("~ISO IR87", Charset::Iso2022Jp), ("SHIFT_JIS", Charset::ShiftJis)] {
            let bytes = charset.encode(&format!("{text}{name}\r")).into_owned();
            let message = Message::open(&bytes, &senders).unwrap();
            assert_eq!((message.header.party(0), message.header.charset), ("病棟ポ", charset));
        }
    }

    #[test]
    fn bytes_of_another_set_are_refused_and_not_guessed() {
        let wrong = encoded("UNICODE UTF-8", Charset::ShiftJis);
        assert_eq!(location(&wrong).unwrap_err().place, Place::segment("NPU"));
        assert_eq!(location(&encoded("", Charset::Utf8)).unwrap_err().place, Place::segment("NPU"));
        assert_eq!(location(&encoded("ISO IR100", Charset::Utf8)).unwrap_err().place, Place::field("MSH", 18));
    }

    #[test]
    fn a_patients_name_that_cannot_be_decoded_holds_no_bed_up() {
        let mut bytes = encoded("UNICODE UTF-8", Charset::Utf8);
        let at = bytes.windows(4).position(|found| found == b"|||\xe5").unwrap();
        bytes[at + 3] = 0xff;
        assert_eq!(location(&bytes).unwrap(), "三東ポ");
    }

    #[test]
    fn a_sender_that_names_no_set_has_its_own() {
        let text = format!("{}\rNPU|三東ポ|U\r", MSH_18.replace("|H|", "|J|"));
        assert_eq!(location(&Charset::ShiftJis.encode(&text)).unwrap(), "三東ポ");
    }

    #[test]
    fn what_is_no_message_is_told() {
        for bytes in [&b""[..], b"GET / HTTP/1.1", b"MSH", b"MSH|", b"MSH|^~|A", b"MSH|^^^^|A", b"PID|1\rMSH|^~\\&|"] {
            let refusal = Message::open(bytes, &senders()).err().unwrap();
            assert_eq!(refusal.code, ErrorCode::SegmentSequence, "{bytes:?}");
        }
        let twice = format!("{MSH_18}\rNPU|A|U\rNPU|B|U\r");
        assert_eq!(location(twice.as_bytes()).unwrap_err().place, Place::segment("NPU"));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
            let senders = senders();
            for rest in [bytes.as_slice(), text.as_bytes()] {
                for start in [&b""[..], b"MSH|^~\\&|", MSH_18.as_bytes(), b"MSH|^~\\&|\rNPU|"] {
                    let bytes = [start, rest].concat();
                    if let Ok(message) = Message::open(&bytes, &senders) {
                        let _body = message.body();
                    }
                }
            }
        }
    }
}
