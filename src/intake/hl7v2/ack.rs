//! Acknowledgements, in original and in enhanced mode, with ERR segments in the form of the sender's version.

use hl7kit::builder::Builder;

use crate::fhir::instant::Instant;

use super::charset::Charset;
use super::message::Header;
use super::refusal::{ErrorCode, Place, Refusal};
use super::timestamp;

/// How a message is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// AA: applied, or nothing was to be done.
    Accept,
    /// AE: its content is refused.
    Error,
    /// AR: it cannot be processed.
    Reject,
    /// AR, too: not now. The same message may be accepted later.
    NotNow,
}

/// Something that the sender is told.
#[derive(Clone, Debug)]
pub struct Note {
    pub severity: Severity,
    pub code: ErrorCode,
    pub place: Place,
    pub ja: String,
    pub en: String,
}

/// Table 0516.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Information,
}

/// What became of a message.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub answered: Answered,
    pub notes: Vec<Note>,
}

/// Which of the two acknowledgements of enhanced mode; the only one of original mode is the application's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Accept,
    Application,
}

impl Verdict {
    pub fn accepted() -> Verdict {
        Verdict { answered: Answered::Accept, notes: Vec::new() }
    }

    /// Accepted, with a word about it.
    pub fn remarked(place: Place, ja: &str, en: &str) -> Verdict {
        let (severity, code) = (Severity::Information, ErrorCode::Accepted);
        let note = Note { severity, code, place, ja: ja.into(), en: en.into() };
        Verdict { answered: Answered::Accept, notes: vec![note] }
    }

    pub fn refused(refusal: &Refusal) -> Verdict {
        let Refusal { code, place, ja, en, .. } = refusal.clone();
        let note = Note { severity: Severity::Error, code, place, ja, en };
        Verdict { answered: refusal.answered, notes: vec![note] }
    }

    /// The database is away, or there is too much to do.
    pub fn not_now() -> Verdict {
        let note = Note {
            severity: Severity::Error,
            code: ErrorCode::InternalError,
            place: Place::segment("MSH"),
            ja: "いま処理できません。少し待ってから同じメッセージを送ってください。".into(),
            en: "This cannot be done right now. Send the same message again a little later.".into(),
        };
        Verdict { answered: Answered::NotNow, notes: vec![note] }
    }
}

/// The acknowledgements that the sender wants, in the order in which they are sent. What is answered CA is on the disk:
/// applied, or kept as a dead letter.
pub fn acknowledge(header: &Header, verdict: &Verdict, now: Instant) -> Vec<Vec<u8>> {
    let one = |level| write(header, verdict, level, now);
    let Some((accept, application)) = header.conditions else { return vec![one(Level::Application)] };
    let kept = matches!(verdict.answered, Answered::Accept | Answered::Error);
    let mut messages = Vec::new();
    if accept.wants(kept) {
        messages.push(one(Level::Accept));
    }
    // What was not accepted never came to the application.
    if application.wants(verdict.answered == Answered::Accept) && (kept || messages.is_empty()) {
        messages.push(one(Level::Application));
    }
    messages
}

/// The answer to bytes that are no message.
pub fn of_no_message(refusal: &Refusal, now: Instant) -> Vec<u8> {
    let header = Header {
        encoding: hl7kit::Encoding::STANDARD,
        parties: Default::default(),
        time: String::new(),
        code: String::new(),
        event: String::new(),
        control_id: String::new(),
        processing: "P".into(),
        version: "2.5".into(),
        conditions: None,
        charset: Charset::Ascii,
    };
    write(&header, &Verdict::refused(refusal), Level::Application, now)
}

fn write(header: &Header, verdict: &Verdict, level: Level, now: Instant) -> Vec<u8> {
    let mut builder = Builder::with_encoding(header.encoding);
    write_msh(&mut builder, header, now);
    let notes = verdict.notes.as_slice();
    let msa = builder.segment("MSA").set(1, code(verdict.answered, level)).set(2, header.control_id.as_str());
    if header.version() < (2, 5)
        && let Some(note) = notes.first()
    {
        msa.set(3, note.en.as_str());
    }
    for note in notes {
        write_err(&mut builder, header, note);
    }
    header.charset.encode(&builder.build()).into_owned()
}

fn code(answered: Answered, level: Level) -> &'static str {
    match (level, answered) {
        (Level::Accept, Answered::Accept | Answered::Error) => "CA",
        (Level::Accept, Answered::Reject) => "CR",
        (Level::Accept, Answered::NotNow) => "CE",
        (Level::Application, Answered::Accept) => "AA",
        (Level::Application, Answered::Error) => "AE",
        (Level::Application, Answered::Reject | Answered::NotNow) => "AR",
    }
}

fn write_msh(builder: &mut Builder, header: &Header, now: Instant) {
    let [application, facility, receiving_application, receiving_facility] = &header.parties;
    let control_id = uuid::Uuid::new_v4().simple().to_string();
    let msh = builder.segment("MSH");
    for (field, party) in [(3, receiving_application), (4, receiving_facility), (5, application), (6, facility)] {
        msh.add_repetition(field, party);
    }
    msh.set(7, timestamp::to_hl7(now)).set_component(9, 1, "ACK");
    if !header.event.is_empty() {
        msh.set_component(9, 2, header.event.as_str());
    }
    if header.version() >= (2, 4) {
        msh.set_component(9, 3, "ACK");
    }
    // MSH-10 has 20 characters in early versions.
    msh.set(10, &control_id[..20]).set(11, header.processing.as_str()).set(12, header.version.as_str());
    if header.conditions.is_some() {
        msh.set(15, "NE").set(16, "NE");
    }
    for name in header.charset.names() {
        msh.add_repetition(18, [*name]);
    }
}

/// Until 2.4 one field holds place and code; from 2.5 on there are severity and texts, too: what happened (ERR-7), and what
/// a person may read (ERR-8), in Japanese where the character set has it.
fn write_err(builder: &mut Builder, header: &Header, note: &Note) {
    let number = |number: usize| if number == 0 { String::new() } else { number.to_string() };
    let (segment, field) = (note.place.segment, number(note.place.field));
    let err = builder.segment("ERR");
    if header.version() < (2, 5) {
        for (component, text) in [(1, segment), (2, "1"), (3, field.as_str())] {
            err.set_component(1, component, text);
        }
        for (part, text) in [(1, note.code.code()), (2, note.code.text()), (3, "HL70357")] {
            err.set_subcomponent(1, 4, part, text);
        }
        return;
    }
    for (component, text) in [(1, segment), (2, "1"), (3, field.as_str())] {
        err.set_component(2, component, text);
    }
    if note.place.component > 0 {
        err.set_component(2, 4, "1").set_component(2, 5, number(note.place.component));
    }
    for (component, text) in [(1, note.code.code()), (2, note.code.text()), (3, "HL70357")] {
        err.set_component(3, component, text);
    }
    err.set(4, if note.severity == Severity::Error { "E" } else { "I" });
    let user = if header.charset.has_japanese() { &note.ja } else { &note.en };
    err.set(7, note.en.as_str()).set(8, user.as_str());
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::super::sender::Senders;
    use super::*;

    fn answers(msh: &str, verdict: &Verdict) -> Vec<String> {
        let senders = Senders::default();
        let message = Message::open(msh.as_bytes(), &senders).unwrap();
        let charset = message.header.charset;
        let answers = acknowledge(&message.header, verdict, Instant(0));
        answers.iter().map(|bytes| charset.decode(bytes).unwrap().replace('\r', "\n")).collect()
    }

    fn msh(version: &str, accept: &str, application: &str, charset: &str) -> String {
        format!("MSH|^~\\&|HIS^1.2^ISO|H|K|R|20260401||ADT^A20|77|P|{version}|||{accept}|{application}||{charset}\r")
    }

    fn refusal() -> Verdict {
        Verdict::refused(&Refusal::error(ErrorCode::UnknownKey, Place::field("NPU", 1).component(3), "病床", "bed|x"))
    }

    fn codes(accept: &str, application: &str, verdict: &Verdict) -> String {
        let code = |answer: &String| answer.split("MSA|").nth(1).unwrap()[..2].to_owned();
        answers(&msh("2.5", accept, application, ""), verdict).iter().map(code).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_answer_goes_back_to_whoever_sent() {
        let answer = &answers(&msh("2.5.1", "", "", ""), &Verdict::accepted())[0];
        let (first, second) = answer.split_once('\n').unwrap();
        let fields: Vec<&str> = first.split('|').collect();
        assert_eq!(fields[2..9], ["K", "R", "HIS^1.2^ISO", "H", "19700101000000.000+0000", "", "ACK^A20^ACK"]);
        assert_eq!((fields[9].len(), &fields[10..12]), (20, &["P", "2.5.1"][..]));
        assert_eq!(second, "MSA|AA|77\n");
    }

    #[test]
    fn a_refusal_names_the_place_in_the_form_of_the_version() {
        let old = &answers(&msh("2.3", "", "", ""), &refusal())[0];
        assert!(old.contains("MSA|AE|77|bed\\F\\x\nERR|NPU^1^1^204&Unknown key identifier&HL70357\n"), "{old}");
        let new = &answers(&msh("2.7", "", "", ""), &refusal())[0];
        assert!(
            new.contains("MSA|AE|77\nERR||NPU^1^1^1^3|204^Unknown key identifier^HL70357|E|||bed\\F\\x|bed\\F\\x\n"),
            "{new}"
        );
        let kanji = &answers(&msh("2.7", "", "", "~ISO IR87"), &refusal())[0];
        assert!(kanji.contains("|~ISO IR87\nMSA") && kanji.contains("|bed\\F\\x|病床\n"), "{kanji}");
    }

    #[test]
    fn enhanced_mode_answers_what_was_asked_for() {
        let (good, bad) = (Verdict::accepted(), refusal());
        let unsupported =
            Verdict::refused(&Refusal::reject(ErrorCode::UnsupportedEvent, Place::field("MSH", 9), "", ""));
        for (accept, application, expected) in [
            ("", "", ["AA", "AE", "AR", "AR"]),
            ("AL", "AL", ["CA AA", "CA AE", "CR", "CE"]),
            ("AL", "NE", ["CA", "CA", "CR", "CE"]),
            ("NE", "AL", ["AA", "AE", "AR", "AR"]),
            ("ER", "ER", ["", "AE", "CR", "CE"]),
            ("SU", "SU", ["CA AA", "CA", "", ""]),
            ("NE", "NE", ["", "", "", ""]),
            ("AL", "", ["CA", "CA", "CR", "CE"]),
        ] {
            let found =
                [&good, &bad, &unsupported, &Verdict::not_now()].map(|verdict| codes(accept, application, verdict));
            assert_eq!(found, expected, "{accept} {application}");
        }
    }
}
