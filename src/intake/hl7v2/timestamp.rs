//! Moments as HL7 v2 writes them: `YYYYMMDDHHMM[SS[.S…]][+ZZZZ]` (TS, DTM).

use chrono::{DateTime, FixedOffset, NaiveDate};

use crate::fhir::instant::Instant;

/// Reads a moment that is known to the minute at least; one without an offset is in `zone`.
pub fn parse(text: &str, zone: FixedOffset) -> Option<Instant> {
    if !text.is_ascii() {
        return None;
    }
    let (local, zone) = match text.find(['+', '-']) {
        Some(at) => (&text[..at], offset(&text[at..])?),
        None => (text, zone),
    };
    let (whole, fraction) = local.split_once('.').unwrap_or((local, ""));
    if !matches!(whole.len(), 12 | 14) || fraction.len() > 4 || (!fraction.is_empty() && whole.len() == 12) {
        return None;
    }
    let seconds = if whole.len() == 14 { number(&whole[12..])? } else { 0 };
    let millis = number(&format!("{fraction:0<3}")[..3])?;
    let day = NaiveDate::from_ymd_opt(
        i32::try_from(number(&whole[..4])?).ok()?,
        number(&whole[4..6])?,
        number(&whole[6..8])?,
    )?;
    let moment = day.and_hms_milli_opt(number(&whole[8..10])?, number(&whole[10..12])?, seconds, millis)?;
    let moment: DateTime<FixedOffset> = moment.and_local_timezone(zone).single()?;
    Some(Instant(moment.timestamp_millis()))
}

/// `+0900`, or `+09:00` as settings write it.
pub fn offset(text: &str) -> Option<FixedOffset> {
    let (sign, digits) = (text.get(..1)?, text.get(1..)?.replace(':', ""));
    if digits.len() != 4 {
        return None;
    }
    let (hours, minutes) = (number(&digits[..2])?, number(&digits[2..])?);
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok().filter(|_| minutes < 60)?;
    match sign {
        "+" => FixedOffset::east_opt(seconds),
        "-" => FixedOffset::west_opt(seconds),
        _ => None,
    }
}

/// Writes a moment in UTC.
pub fn to_hl7(moment: Instant) -> String {
    let utc = DateTime::from_timestamp_millis(moment.0).unwrap_or_default();
    utc.format("%Y%m%d%H%M%S%.3f+0000").to_string()
}

/// Digits alone: `parse` would take a sign.
fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        parse(text, offset("+09:00").unwrap()).map(Instant::to_fhir)
    }

    #[test]
    fn moments_are_read_to_the_minute_or_finer() {
        assert_eq!(read("202604011800").unwrap(), "2026-04-01T09:00:00.000Z");
        assert_eq!(read("20260401180005").unwrap(), "2026-04-01T09:00:05.000Z");
        assert_eq!(read("20260401180005.1234").unwrap(), "2026-04-01T09:00:05.123Z");
        assert_eq!(read("20260401180005.5+0000").unwrap(), "2026-04-01T18:00:05.500Z");
        assert_eq!(read("202604011800-0330").unwrap(), "2026-04-01T21:30:00.000Z");
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in ["", "20260401", "202613011800", "202604312400", "20260401180", "2026040118000+900", "＋９"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(millis in 0_i64..4_000_000_000_000) {
            prop_assert_eq!(parse(&to_hl7(Instant(millis)), offset("+09:00").unwrap()), Some(Instant(millis)));
        }

        #[test]
        fn whatever_stands_there_is_no_panic(text in "\\PC{0,20}") {
            read(&text);
        }
    }
}
