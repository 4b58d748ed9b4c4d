//! Messages that could not be applied are kept, so that they can be replayed once what is wrong is mended: a place is added
//! to the sender's map, a bed is created.

use hl7kit::Segment;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::store::{self, Database, DeadLetter, LetterState};

use super::ack::{Answered, Verdict};
use super::desk::{Desk, Peer};
use super::message::{Body, Header};
use super::refusal::Refusal;

/// The fields that are kept, by segment: what a replay needs. Nothing here is about a patient or a person: MSH-8 (security)
/// and EVN-5 (operator) are left out, too. Of fields of type PL, which are marked, only the coded components stay.
const KEPT: [(&str, &[(usize, bool)]); 4] = [
    (
        "MSH",
        &[
            (3, false),
            (4, false),
            (5, false),
            (6, false),
            (7, false),
            (9, false),
            (10, false),
            (11, false),
            (12, false),
            (15, false),
            (16, false),
        ],
    ),
    ("EVN", &[(1, false), (2, false)]),
    ("NPU", &[(1, true), (2, false)]),
    ("PV1", &[(3, true), (6, true), (40, false)]),
];
/// PL.9 is a description in free text.
const CODED_COMPONENTS: usize = 8;
/// Characters of a field that are kept: no bed has a name as long.
const LONGEST: usize = 250;

/// The message with everything else blanked. It is text by now, which MSH-18 says.
pub fn redacted(body: &Body) -> String {
    let mut text = String::new();
    for segment in body.segments() {
        if let Some((name, kept)) = KEPT.iter().find(|(name, _)| *name == segment.name()) {
            write_segment(&mut text, body, &segment, name, kept);
        }
    }
    text
}

fn write_segment(text: &mut String, body: &Body, segment: &Segment<'_>, name: &str, kept: &[(usize, bool)]) {
    let encoding = body.encoding();
    let (separator, component) = (char::from(encoding.field), char::from(encoding.component));
    text.push_str(name);
    // MSH-1 is the separator itself.
    let mut fields = vec![String::new(); if name == "MSH" { 17 } else { 40 }];
    for (number, is_place) in kept {
        let Some(field) = segment.field(*number) else { continue };
        let value = field.value();
        let value = match *is_place {
            true => value.split(component).take(CODED_COMPONENTS).collect::<Vec<_>>().join(&component.to_string()),
            false => value.to_owned(),
        };
        if value.chars().count() <= LONGEST {
            fields[number - 1] = value;
        }
    }
    if name == "MSH" {
        fields.remove(0);
        fields[0] = encoding.msh2();
        fields.push("UNICODE UTF-8".into());
    }
    let said = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |last| last + 1);
    for field in &fields[..said] {
        text.push(separator);
        text.push_str(field);
    }
    text.push('\r');
}

/// Keeps a refused message, or renews the reason of one that is kept.
pub(super) async fn keep(desk: &Desk, header: &Header, body: &Body, refusal: &Refusal, replayed: bool) -> Result<bool> {
    let (message, at) = (redacted(body), desk.gateway.now().0);
    let sender = desk.senders.of(header.party(0), header.party(1));
    let unknown = || format!("{}|{}", header.party(0), header.party(1));
    let sender = sender.map_or_else(unknown, |sender| sender.name.clone());
    // By what stays the same when the sender becomes known.
    let named = [header.party(0), header.party(1), header.control_id.as_str(), message.as_str()].join("\r");
    let letter = DeadLetter {
        id: Sha256::digest(named).iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
        sender,
        control_id: header.control_id.clone(),
        event: header.event.clone(),
        code: refusal.code.code().into(),
        place: refusal.place.to_string(),
        reason_ja: refusal.ja.clone(),
        reason_en: refusal.en.clone(),
        message,
        state: LetterState::Waiting.as_str().into(),
        times: i64::from(!replayed),
        first_at: at,
        last_at: at,
    };
    let kept = store::keep_letter(&desk.gateway.database, letter).await?;
    if !kept {
        tracing::warn!("a refused HL7 message is not kept: there are too many dead letters");
    }
    Ok(kept)
}

/// What became of a letter that was replayed.
#[derive(Clone, Debug)]
pub struct Replayed {
    pub id: String,
    pub applied: bool,
    /// Why not, or a word about it, in Japanese and English.
    pub note: Option<(String, String)>,
}

/// Takes a kept message in again, as if it came now. A bed that was reported on since keeps the newer report.
pub async fn replay(desk: &Desk, id: &str) -> Result<Replayed> {
    let letter = find(&desk.gateway.database, id).await?;
    let Verdict { answered, notes } = super::desk::take_in(desk, &Peer::Replay, letter.message.as_bytes()).await;
    match answered {
        Answered::NotNow => return Err(Error::unavailable()),
        Answered::Accept => {
            store::settle_letter(&desk.gateway.database, id, LetterState::Applied).await?;
        }
        Answered::Error | Answered::Reject => {}
    }
    let note = notes.into_iter().next().map(|note| (note.ja, note.en));
    Ok(Replayed { id: letter.id, applied: answered == Answered::Accept, note })
}

/// One letter; 404 where there is none.
pub async fn find(database: &Database, id: &str) -> Result<DeadLetter> {
    store::letter(database, id).await?.ok_or_else(|| no_letter(id))
}

/// Leaves a letter aside for good; 404 where there is none.
pub async fn discard(database: &Database, id: &str) -> Result<()> {
    let found = store::settle_letter(database, id, LetterState::Discarded).await?;
    if found { Ok(()) } else { Err(no_letter(id)) }
}

fn no_letter(id: &str) -> Error {
    let id: String = id.chars().take(16).collect();
    Error::new(
        crate::error::ErrorKind::NotFound,
        Issue::error(
            IssueCode::NotFound,
            format!("未処理のメッセージ {id} はありません。$hl7-dead-letters で確かめてください。"),
            format!("There is no dead letter {id}. See $hl7-dead-letters."),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::super::sender::Senders;
    use super::*;

    #[test]
    fn what_is_kept_says_nothing_of_people() {
        let text = "MSH|^~\\&|HIS|H|K|R|202604011800|secret|ADT^A02^ADT_A02|77|P|2.5|1|2|AL|NE|JP||ja|\r\
                    EVN|A02|202604011800|202604011700|x|OPERATOR^山田|202604011759|H\r\
                    PID|1||99^^^H||山田^花子||19800101|F\r\
                    PV1|1|I|3E^301^1^H^^N^B^3^山田様の部屋|R|99|2W^201^2^H|DR^医師|||||||||||||||||||||||||||||||||U|extra\r\
                    ZBE|山田\r";
        let senders = Senders::default();
        let bytes = text.replace("|JP||ja|", "|JP|UNICODE UTF-8|ja|");
        let message = Message::open(bytes.as_bytes(), &senders).unwrap();
        let kept = redacted(&message.body().unwrap());
        let expected = format!(
            "MSH|^~\\&|HIS|H|K|R|202604011800||ADT^A02^ADT_A02|77|P|2.5|||AL|NE||UNICODE UTF-8\r\
             EVN|A02|202604011800\rPV1|||3E^301^1^H^^N^B^3|||2W^201^2^H{}U\r",
            "|".repeat(34)
        );
        assert_eq!(kept, expected);
        let again = Message::open(kept.as_bytes(), &senders).unwrap();
        assert_eq!(redacted(&again.body().unwrap()), kept, "a replay reads what was kept");
    }
}
