//! Why a message is not applied: what an ERR segment says of it.

use std::fmt;

use super::ack::Answered;

/// A place in a message, as HL7 v2 numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub segment: &'static str,
    /// 0: the segment itself.
    pub field: usize,
    /// 0: the whole field.
    pub component: usize,
}

/// HL7 v2 table 0357.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    Accepted,
    SegmentSequence,
    RequiredFieldMissing,
    DataType,
    TableValueNotFound,
    UnsupportedMessageType,
    UnsupportedEvent,
    UnsupportedProcessingId,
    UnsupportedVersion,
    UnknownKey,
    InternalError,
}

/// A refusal, with what its sender is told. Never patient data: values are named only where they are codes or places.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub answered: Answered,
    pub code: ErrorCode,
    pub place: Place,
    pub ja: String,
    pub en: String,
    /// Whether somebody can mend what is wrong here, so that the message is kept to be replayed.
    pub mendable: bool,
}

impl Place {
    pub const fn field(segment: &'static str, field: usize) -> Place {
        Place { segment, field, component: 0 }
    }

    pub const fn segment(segment: &'static str) -> Place {
        Place::field(segment, 0)
    }

    #[must_use]
    pub const fn component(self, component: usize) -> Place {
        Place { component, ..self }
    }
}

/// `PV1-3.5`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.segment)?;
        if self.field > 0 {
            write!(f, "-{}", self.field)?;
        }
        if self.component > 0 {
            write!(f, ".{}", self.component)?;
        }
        Ok(())
    }
}

impl ErrorCode {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            ErrorCode::Accepted => "0",
            ErrorCode::SegmentSequence => "100",
            ErrorCode::RequiredFieldMissing => "101",
            ErrorCode::DataType => "102",
            ErrorCode::TableValueNotFound => "103",
            ErrorCode::UnsupportedMessageType => "200",
            ErrorCode::UnsupportedEvent => "201",
            ErrorCode::UnsupportedProcessingId => "202",
            ErrorCode::UnsupportedVersion => "203",
            ErrorCode::UnknownKey => "204",
            ErrorCode::InternalError => "207",
        }
    }

    /// Its name.
    pub fn text(self) -> &'static str {
        match self {
            ErrorCode::Accepted => "Message accepted",
            ErrorCode::SegmentSequence => "Segment sequence error",
            ErrorCode::RequiredFieldMissing => "Required field missing",
            ErrorCode::DataType => "Data type error",
            ErrorCode::TableValueNotFound => "Table value not found",
            ErrorCode::UnsupportedMessageType => "Unsupported message type",
            ErrorCode::UnsupportedEvent => "Unsupported event code",
            ErrorCode::UnsupportedProcessingId => "Unsupported processing id",
            ErrorCode::UnsupportedVersion => "Unsupported version id",
            ErrorCode::UnknownKey => "Unknown key identifier",
            ErrorCode::InternalError => "Application internal error",
        }
    }
}

impl Refusal {
    /// AE: the content is refused, and nobody here can change that.
    pub fn error(code: ErrorCode, place: Place, ja: impl Into<String>, en: impl Into<String>) -> Refusal {
        Refusal { answered: Answered::Error, code, place, ja: ja.into(), en: en.into(), mendable: false }
    }

    /// AR: a message of this kind cannot be processed.
    pub fn reject(code: ErrorCode, place: Place, ja: impl Into<String>, en: impl Into<String>) -> Refusal {
        Refusal { answered: Answered::Reject, ..Refusal::error(code, place, ja, en) }
    }

    /// The same, kept as a dead letter.
    #[must_use]
    pub fn mendable(self) -> Refusal {
        Refusal { mendable: true, ..self }
    }

    pub fn missing(place: Place) -> Refusal {
        Refusal::error(
            ErrorCode::RequiredFieldMissing,
            place,
            format!("{place} がありません。"),
            format!("{place} is missing."),
        )
    }
}
