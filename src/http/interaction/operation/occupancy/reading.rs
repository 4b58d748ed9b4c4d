//! The inputs, read into what is asked for.

use crate::error::{Error, Result};
use crate::exchange::{OccupancyBy, OccupancyQuery};
use crate::fhir::instant::Instant;
use crate::http::App;
use crate::search::date_range;

use super::super::values::{codes, duration, refuse_repeated};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Days and clocks without a zone are Japan's, which has one and no summer time.
const ZONE: &str = "+09:00";
pub const ZONE_MILLIS: i64 = 9 * HOUR;

/// What is asked for.
pub enum Wish {
    Means(OccupancyQuery),
    BoardsAt(Instant),
}

pub fn read(app: &App, pairs: &[(String, String)], now: Instant) -> Result<Wish> {
    let mut query = OccupancyQuery {
        from: now.0 - DAY,
        until: now.0,
        interval: 0,
        by: OccupancyBy::default(),
        functions: Vec::new(),
        facility: None,
    };
    refuse_repeated(pairs, &["function"])?;
    for (name, value) in pairs {
        match name.as_str() {
            "period" => (query.from, query.until) = period(value, now)?,
            "interval" => query.interval = duration(name, value)?,
            "by" => query.by = by(value)?,
            "function" => query.functions.extend(codes(app, name, value, "bed-function")?),
            _ if pairs.len() > 1 => {
                let (ja, en) = ("_at はほかのパラメータと一緒に使えません。", "_at stands alone.");
                return Err(Error::bad_parameter(name, ja, en));
            }
            _ => return moment(value, now).map(Wish::BoardsAt),
        }
    }
    if query.interval == 0 && !pairs.iter().any(|(name, _)| name == "interval") {
        query.interval = if query.until - query.from > 2 * DAY { DAY } else { HOUR };
    }
    if query.interval < MINUTE {
        return Err(Error::bad_parameter(
            "interval",
            "間隔は 1 分以上にしてください。",
            "An interval is a minute at least.",
        ));
    }
    Ok(Wish::Means(query))
}

/// `start/end`, where days are whole ones and a missing end is now; or one date that covers all. What is to come is left out.
fn period(value: &str, now: Instant) -> Result<(i64, i64)> {
    let (start, end) = value.split_once('/').map_or((value, None), |(start, end)| (start, Some(end)));
    let read = |text: &str| covered(text).ok_or_else(unreadable);
    let (from, covers) = read(start)?;
    let until = match end {
        None => covers,
        Some("") => now.0,
        Some(end) => read(end)?.1,
    };
    let until = until.min(now.0);
    if from >= until {
        let (ja, en) = (
            "期間は過去に始まり、始まりより後に終わらなければなりません。",
            "A period begins in the past and ends after its beginning.",
        );
        return Err(Error::bad_parameter("period", ja, en));
    }
    Ok((from, until))
}

fn unreadable() -> Error {
    Error::bad_parameter(
        "period",
        "期間は「開始/終了」の形で、日付か日時にしてください。例: 2026-11-01/2026-11-28",
        "A period is start/end, each a date or moment. Example: 2026-11-01/2026-11-28",
    )
}

/// The moments that a date or dateTime covers; Japan's where it says no zone.
fn covered(text: &str) -> Option<(i64, i64)> {
    let Some((_, clock)) = text.split_once('T') else {
        let (from, until) = date_range(text)?;
        return Some((from.0 - ZONE_MILLIS, until.0 - ZONE_MILLIS));
    };
    // An unescaped `+` arrives as a space.
    let zone = if clock.contains(['Z', '+', '-', ' ']) { "" } else { ZONE };
    let (from, until) = date_range(&format!("{}{zone}", text.replace(' ', "+")))?;
    Some((from.0, until.0))
}

fn moment(value: &str, now: Instant) -> Result<Instant> {
    let moment = covered(value).filter(|_| value.contains('T'));
    let (at, _) = moment.ok_or_else(|| {
        let ja = "_at は日時にしてください。例: 2026-11-28T02:10:00+09:00";
        Error::bad_parameter("_at", ja, "_at is a moment. Example: 2026-11-28T02:10:00+09:00")
    })?;
    if at > now.0 {
        return Err(Error::bad_parameter("_at", "_at は過去の日時です。", "_at is a moment of the past."));
    }
    Ok(Instant(at))
}

fn by(value: &str) -> Result<OccupancyBy> {
    Ok(match value {
        "function" => OccupancyBy::Function,
        "facility" => OccupancyBy::Facility,
        "ward" => OccupancyBy::Ward,
        _ => {
            let ja = "by は function, facility, ward のどれかです。";
            return Err(Error::bad_parameter("by", ja, "It is one of function, facility and ward."));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_795_000_000_000);

    fn at(text: &str) -> i64 {
        Instant::parse(text).unwrap().0
    }

    #[test]
    fn days_are_those_of_japan() {
        let day = (at("2026-10-01T00:00:00+09:00"), at("2026-10-02T00:00:00+09:00"));
        assert_eq!(period("2026-10-01", NOW).unwrap(), day);
        assert_eq!(period("2026-10-01/2026-10-01", NOW).unwrap(), day);
        assert_eq!(period("2026-10-01T00:00/2026-10-01T23:59:59.999", NOW).unwrap(), day);
        assert_eq!(period("2026-09-30T15:00:00Z/2026-10-01", NOW).unwrap(), day);
        assert_eq!(period("2026-10-01T00:00:00 09:00/2026-10-01", NOW).unwrap(), day);
        assert_eq!(period("2026-10", NOW).unwrap().1, at("2026-11-01T00:00:00+09:00"));
    }

    #[test]
    fn what_is_to_come_is_left_out() {
        assert_eq!(period("2026-01-01/", NOW).unwrap().1, NOW.0);
        assert_eq!(period("2026-01-01/2030-01-01", NOW).unwrap().1, NOW.0);
        for wrong in ["2030-01-01/2031-01-01", "2026-10-02/2026-09-01", "/2026-10-01", "soon", "2026-10-01/later", ""] {
            assert!(period(wrong, NOW).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_to_the_minute() {
        assert_eq!(moment("2026-10-01T02:10", NOW).unwrap().0, at("2026-10-01T02:10:00+09:00"));
        for wrong in ["2026-10-01", "2030-01-01T00:00", "yesterday"] {
            assert!(moment(wrong, NOW).is_err(), "{wrong}");
        }
    }
}
