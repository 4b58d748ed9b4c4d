//! The desk: takes one message in and says how it is answered.

use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use crate::access::{Caller, Roles};
use crate::error::{Error, ErrorKind};
use crate::exchange::{BedName, BedReport, BedRow, BedStatus, Gateway, ReportAnswer, Source};
use crate::fhir::instant::Instant;

use super::ack::{self, Answered, Verdict};
use super::adt::{self, Becomes, Event, Movement};
use super::dead_letter;
use super::location::value;
use super::location_map::{self, Mapped};
use super::message::{Body, Header, Message, field};
use super::refusal::{ErrorCode, Place, Refusal};
use super::sender::{Sender, Senders};
use super::timestamp;

const EVENT_TIME: Place = Place::field("EVN", 2);
/// Messages of one sender overtake each other by seconds. So what an event-driven sender's message says of its other beds
/// holds only of some time ago: else one that comes late would find its bed reported on at a later moment.
const SETTLED: Duration = Duration::from_secs(60);

/// What messages are taken in with, as it stands.
#[derive(Clone)]
pub struct Desk {
    pub gateway: Arc<Gateway>,
    pub senders: Arc<Senders>,
}

/// Who brings a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A connection, with the SHA-256 of the client certificate that it showed.
    Connection { certificate: Option<[u8; 32]> },
    /// This program, out of the dead letters.
    Replay,
}

/// What a message asks for.
struct Request {
    rows: Vec<(Movement, BedRow)>,
    as_of: Instant,
}

/// Takes a message in; answers the acknowledgements that its sender wants. What is acknowledged is on the disk.
pub async fn answer(desk: &Desk, peer: &Peer, bytes: &[u8]) -> Vec<Vec<u8>> {
    let now = desk.gateway.now();
    match Message::open(bytes, &desk.senders) {
        Err(refusal) => vec![ack::of_no_message(&refusal, now)],
        // Whoever answers an answer never stops.
        Ok(message) if message.header.code == "ACK" => Vec::new(),
        Ok(message) => {
            let verdict = take(desk, peer, &message).await;
            ack::acknowledge(&message.header, &verdict, now)
        }
    }
}

/// The same without acknowledgements.
pub(super) async fn take_in(desk: &Desk, peer: &Peer, bytes: &[u8]) -> Verdict {
    match Message::open(bytes, &desk.senders) {
        Err(refusal) => Verdict::refused(&refusal),
        Ok(message) => take(desk, peer, &message).await,
    }
}

async fn take(desk: &Desk, peer: &Peer, message: &Message<'_, '_>) -> Verdict {
    let began = Moment::now();
    let verdict = match message.body() {
        Err(refusal) => Verdict::refused(&refusal),
        Ok(body) => match apply(desk, peer, message, &body).await {
            Ok(verdict) => verdict,
            Err(refusal) => keep_if_mendable(desk, peer, &message.header, &body, &refusal).await,
        },
    };
    let (sender, event) = (message.sender.map_or("unknown", |sender| sender.name.as_str()), &message.header.event);
    let event = Event::of(event).map_or("other", |_| event.as_str());
    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let place = verdict.notes.first().map(|note| note.place.to_string()).unwrap_or_default();
    tracing::info!(sender, event, answered = ?verdict.answered, place, micros, "HL7 message");
    verdict
}

async fn keep_if_mendable(desk: &Desk, peer: &Peer, header: &Header, body: &Body, refusal: &Refusal) -> Verdict {
    if refusal.answered == Answered::NotNow {
        return Verdict::not_now();
    }
    if refusal.mendable
        && let Err(error) = dead_letter::keep(desk, header, body, refusal, *peer == Peer::Replay).await
    {
        tracing::warn!(status = error.kind.status(), "a refused HL7 message could not be kept");
        return Verdict::not_now();
    }
    Verdict::refused(refusal)
}

async fn apply(desk: &Desk, peer: &Peer, message: &Message<'_, '_>, body: &Body) -> Result<Verdict, Refusal> {
    let header = &message.header;
    check_form(header)?;
    let sender = admitted(message, peer)?;
    let caller = caller(sender);
    let digest = digest(sender, header);
    if sender.ignored.contains(&header.event) {
        heartbeat(desk, &caller, sender, as_of(header, body, sender)?).await?;
        let (ja, en) =
            ("この種類のイベントは病床に関わらないため、何もしていません。", "This event is of no concern to beds.");
        return Ok(Verdict::remarked(Place::field("MSH", 9).component(2), ja, en));
    }
    let event = Event::of(&header.event).ok_or_else(unsupported_event)?;
    let request = read(desk, event, header, body, sender).await?;
    let report = BedReport {
        rows: request.rows.iter().map(|(_, row)| row.clone()).collect(),
        source: Source::Feed,
        // A message that is refused has not been taken: it may come again, or be replayed.
        together: true,
        digest: Some(digest),
        still_true: sender.feeds.clone(),
        still_true_as_of: Some(settled(request.as_of)),
        ..BedReport::default()
    };
    let mut answer = desk.gateway.report_beds(&caller, report.clone()).await.map_err(|error| unexpected(&error))?;
    if only_overtaken(&answer) {
        // It has been taken, and of a transfer the bed that was not reported on since still has to be told.
        let apart = BedReport { together: false, ..report };
        answer = desk.gateway.report_beds(&caller, apart).await.map_err(|error| unexpected(&error))?;
    }
    judge(&request, &answer, desk.gateway.now())
}

/// What can be said of a message by its header.
fn check_form(header: &Header) -> Result<(), Refusal> {
    if header.code != "ADT" {
        return Err(Refusal::reject(
            ErrorCode::UnsupportedMessageType,
            Place::field("MSH", 9).component(1),
            "ADT メッセージだけを受け付けます。",
            "Only ADT messages are taken here.",
        ));
    }
    if !((2, 3)..=(2, 9)).contains(&header.version()) {
        return Err(Refusal::reject(
            ErrorCode::UnsupportedVersion,
            Place::field("MSH", 12),
            "版は 2.3 から 2.9 までです。",
            "Versions 2.3 to 2.9 are read here.",
        ));
    }
    if header.control_id.is_empty() || header.control_id.len() > 199 {
        return Err(Refusal::missing(Place::field("MSH", 10)));
    }
    Ok(())
}

/// The sender, if it is known and is who it says.
fn admitted<'s>(message: &Message<'_, 's>, peer: &Peer) -> Result<&'s Sender, Refusal> {
    let sender = message.sender.ok_or_else(unknown_sender)?;
    if let (Some(wanted), Peer::Connection { certificate }) = (sender.certificate, peer)
        && *certificate != Some(wanted)
    {
        return Err(Refusal::reject(
            ErrorCode::UnknownKey,
            Place::field("MSH", 3),
            "この送信元は、登録されたクライアント証明書で接続しなければなりません。",
            "This sender has to connect with the client certificate that is registered for it.",
        ));
    }
    if !sender.processing.contains(&message.header.processing) {
        return Err(Refusal::reject(
            ErrorCode::UnsupportedProcessingId,
            Place::field("MSH", 11),
            "この処理 ID のメッセージは反映しません。送信元設定の processing に加えると反映します。",
            "Messages with this processing id are not applied, unless the sender's processing lists it.",
        ));
    }
    Ok(sender)
}

/// The rows of a message, each with where it comes from.
async fn read(desk: &Desk, event: Event, header: &Header, body: &Body, sender: &Sender) -> Result<Request, Refusal> {
    let as_of = as_of(header, body, sender)?;
    let mut rows: Vec<(Movement, BedRow)> = Vec::new();
    for movement in adt::movements(event, header, body, sender)? {
        let bed = match location_map::map(&sender.rules, &movement.location) {
            Some(Mapped::Bed(bed)) => bed,
            Some(Mapped::NoBed) => continue,
            None => return Err(unmapped(&movement)),
        };
        // Two names of one bed: it is where the patient is.
        if rows.iter().any(|(_, row)| row.bed == bed) {
            continue;
        }
        if let Some(status) = status(desk, &bed, &movement).await? {
            rows.push((movement, BedRow { bed, status, as_of: Some(as_of) }));
        }
    }
    Ok(Request { rows, as_of })
}

/// `None`: there is nothing to take back, since nobody lies in the bed any more.
async fn status(desk: &Desk, bed: &BedName, movement: &Movement) -> Result<Option<BedStatus>, Refusal> {
    match movement.becomes {
        Becomes::Status(status) => Ok(Some(status)),
        Becomes::AsBefore => {
            desk.gateway.status_before_occupied(bed).await.map_err(|error| refused(movement, &error, false))
        }
    }
}

/// When it was so: when the sender recorded it. Not EVN-6, when it happened: what is entered late is news all the same, and
/// may not count as older than what was known meanwhile.
fn as_of(header: &Header, body: &Body, sender: &Sender) -> Result<Instant, Refusal> {
    let recorded = field(body, EVENT_TIME).map(|field| value(&field, 1)).unwrap_or_default();
    let (text, place) = if recorded.is_empty() {
        (header.time.as_str(), Place::field("MSH", 7))
    } else {
        (recorded.as_str(), EVENT_TIME)
    };
    if text.is_empty() {
        return Err(Refusal::missing(EVENT_TIME));
    }
    timestamp::parse(text, sender.zone).ok_or_else(|| {
        Refusal::error(
            ErrorCode::DataType,
            place,
            format!("{place} は YYYYMMDDHHMM[SS] の形の、分まで分かる日時にしてください。"),
            format!("{place} must be a moment to the minute at least: YYYYMMDDHHMM[SS]."),
        )
    })
}

fn settled(as_of: Instant) -> Instant {
    Instant(as_of.0.saturating_sub(i64::try_from(SETTLED.as_millis()).unwrap_or(0)))
}

/// An event-driven sender's message says that all else still holds, even if it is of no concern to beds itself.
async fn heartbeat(desk: &Desk, caller: &Caller, sender: &Sender, as_of: Instant) -> Result<(), Refusal> {
    if sender.feeds.is_empty() {
        return Ok(());
    }
    let (still_true, still_true_as_of) = (sender.feeds.clone(), Some(settled(as_of)));
    let report = BedReport { still_true, still_true_as_of, ..BedReport::default() };
    desk.gateway.report_beds(caller, report).await.map(|_| ()).map_err(|error| unexpected(&error))
}

fn only_overtaken(answer: &ReportAnswer) -> bool {
    let mut errors = answer.rows.iter().filter_map(|row| row.as_ref().err()).peekable();
    errors.peek().is_some() && errors.all(|error| error.kind == ErrorKind::Conflict)
}

fn judge(request: &Request, answer: &ReportAnswer, now: Instant) -> Result<Verdict, Refusal> {
    if answer.already_taken {
        let (ja, en) = ("同じ MSH-10 のメッセージは反映済みです。", "A message with this MSH-10 was applied before.");
        return Ok(Verdict::remarked(Place::field("MSH", 10), ja, en));
    }
    let mut overtaken = None;
    for ((movement, _), result) in request.rows.iter().zip(&answer.rows) {
        match result {
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::Conflict => overtaken = Some(movement.place),
            Err(error) => return Err(refused(movement, error, request.as_of > now)),
        }
    }
    Ok(match overtaken {
        None => Verdict::accepted(),
        Some(place) => {
            let ja = "この病床にはより新しい報告があるため、反映していません。再送は要りません。";
            Verdict::remarked(
                place,
                ja,
                "There is a newer report of this bed, which stands. Nothing is to be sent again.",
            )
        }
    })
}

/// A bed that is not there may be created, a clock set right: such messages are kept.
fn refused(movement: &Movement, error: &Error, in_future: bool) -> Refusal {
    let (code, place) = match error.kind {
        ErrorKind::NotFound | ErrorKind::Gone => (ErrorCode::UnknownKey, movement.place),
        ErrorKind::Unprocessable if in_future => (ErrorCode::DataType, EVENT_TIME),
        ErrorKind::Unprocessable | ErrorKind::Conflict | ErrorKind::PreconditionFailed => {
            (ErrorCode::UnknownKey, movement.place)
        }
        _ => return unexpected(error),
    };
    let (ja, en) = error.issues.first().map(|issue| (issue.ja.as_str(), issue.en.as_str())).unwrap_or_default();
    Refusal::error(code, place, ja, en).mendable()
}

/// The log says why; the sender is told to come again.
fn unexpected(error: &Error) -> Refusal {
    tracing::warn!(status = error.kind.status(), "an HL7 message could not be taken in");
    let (ja, en) = ("いま処理できません。", "This cannot be done right now.");
    let refusal = Refusal::reject(ErrorCode::InternalError, Place::segment("MSH"), ja, en);
    Refusal { answered: Answered::NotNow, ..refusal }
}

fn unknown_sender() -> Refusal {
    Refusal::error(
        ErrorCode::UnknownKey,
        Place::field("MSH", 4),
        "MSH-3 と MSH-4 の送信元は登録されていません。送信元設定に加えてください。",
        "The sender that MSH-3 and MSH-4 name is not known. Add it to the file of senders.",
    )
    .mendable()
}

fn unsupported_event() -> Refusal {
    Refusal::reject(
        ErrorCode::UnsupportedEvent,
        Place::field("MSH", 9).component(2),
        "受け付けるイベントは A01, A02, A03, A11, A12, A13, A20 です。ほかは送信元設定の ignore に加えると読み流します。",
        "Events A01, A02, A03, A11, A12, A13 and A20 are read here; others can be left aside by the sender's ignore.",
    )
}

fn unmapped(movement: &Movement) -> Refusal {
    let (place, location) = (movement.place, movement.location.to_string());
    Refusal::error(
        ErrorCode::UnknownKey,
        place,
        format!("{place} の場所 {location} に当たる病床がありません。送信元設定の location に加えてください。"),
        format!("No rule says which bed {location} in {place} is. Add it to the sender's location rules."),
    )
    .mendable()
}

/// As audit rows name it.
fn caller(sender: &Sender) -> Caller {
    let request_id = format!("hl7-{}", uuid::Uuid::now_v7().simple());
    Caller {
        name: format!("hl7:{}", sender.name).into(),
        organization: None,
        roles: Roles::Every,
        purpose: None,
        request_id: request_id.into(),
    }
}

/// Names the message once for ever, or for its day where the sender's numbers begin anew.
fn digest(sender: &Sender, header: &Header) -> String {
    let day = if sender.daily_control_ids { header.time.get(..8).unwrap_or_default() } else { "" };
    format!("hl7:{}:{day}:{}", sender.name, header.control_id)
}
