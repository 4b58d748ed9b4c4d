//! Dates and moments. R4 `search.html#date`.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, TimeZone, Utc};

use crate::error::Result;
use crate::fhir::instant::Instant;
use crate::search::query::refusal;
use crate::store::{Bound, Compare, DatePattern, Edge, Span};

use super::prefix::{self, Prefix};

/// The patterns of one value; a row that fits one of them matches. `now`: to what `ap` is relative.
pub fn patterns(name: &str, text: &str, now: Instant) -> Result<Vec<DatePattern>> {
    let (prefix, from, until) = read(name, text)?;
    let bound = |edge, compare, value| Bound { edge, compare, value };
    let equal =
        || DatePattern(vec![bound(Edge::Low, Compare::AtLeast, from), bound(Edge::High, Compare::AtMost, until)]);
    let one = |edge, compare, value| DatePattern(vec![bound(edge, compare, value)]);
    Ok(match prefix {
        Prefix::Equal => vec![equal()],
        Prefix::NotEqual => vec![one(Edge::Low, Compare::Below, from), one(Edge::High, Compare::Above, until)],
        Prefix::Greater => vec![one(Edge::High, Compare::Above, until)],
        Prefix::Less => vec![one(Edge::Low, Compare::Below, from)],
        Prefix::GreaterOrEqual => vec![one(Edge::High, Compare::Above, until), equal()],
        Prefix::LessOrEqual => vec![one(Edge::Low, Compare::Below, from), equal()],
        Prefix::StartsAfter => vec![one(Edge::Low, Compare::AtLeast, until)],
        Prefix::EndsBefore => vec![one(Edge::High, Compare::AtMost, from)],
        Prefix::Approximately => {
            let (from, until) = widened(from, until, now);
            vec![DatePattern(vec![bound(Edge::Low, Compare::Below, until), bound(Edge::High, Compare::Above, from)])]
        }
    })
}

/// The spans of one value for what happened at a moment, such as `_lastUpdated`.
pub fn spans(name: &str, text: &str, now: Instant) -> Result<Vec<Span>> {
    let (prefix, from, until) = read(name, text)?;
    let span = |from: Option<i64>, until: Option<i64>| Span { from: from.map(Instant), until: until.map(Instant) };
    Ok(match prefix {
        Prefix::Equal => vec![span(Some(from), Some(until))],
        Prefix::NotEqual => vec![span(None, Some(from)), span(Some(until), None)],
        Prefix::GreaterOrEqual => vec![span(Some(from), None)],
        Prefix::Greater | Prefix::StartsAfter => vec![span(Some(until), None)],
        Prefix::Less | Prefix::EndsBefore => vec![span(None, Some(from))],
        Prefix::LessOrEqual => vec![span(None, Some(until))],
        Prefix::Approximately => {
            let (from, until) = widened(from, until, now);
            vec![span(Some(from), Some(until))]
        }
    })
}

fn read(name: &str, text: &str) -> Result<(Prefix, i64, i64)> {
    let (prefix, date) = prefix::split(text);
    // A plus sign that was not percent-encoded arrives as a space.
    let mended = date.replace(' ', "+");
    let (from, until) = date_range(&mended).ok_or_else(|| {
        refusal::value(
            name,
            "日付または日時として読めません。例: 2026-04-01、ge2026-04-01T09:00:00+09:00",
            "it is not a date or moment. Examples: 2026-04-01, ge2026-04-01T09:00:00+09:00",
        )
    })?;
    Ok((prefix, from.0, until.0))
}

/// Wider by a tenth of the gap to now, on either side.
fn widened(from: i64, until: i64, now: Instant) -> (i64, i64) {
    let gap = if now.0 < from { from - now.0 } else { now.0.saturating_sub(until).max(0) };
    (from - gap / 10, until + gap / 10)
}

/// The moments that a date, dateTime or instant of any precision covers, as `from <= … < until`. Without a time zone
/// it is read as UTC.
pub fn date_range(text: &str) -> Option<(Instant, Instant)> {
    let digits_at = |from: usize, until: usize| text.get(from..until).is_some_and(all_digits);
    let dashes = |at: &[usize]| at.iter().all(|at| text.as_bytes().get(*at) == Some(&b'-'));
    let midnight = |date: NaiveDate| Utc.from_utc_datetime(&date.and_time(chrono::NaiveTime::MIN));
    let span = |from: DateTime<Utc>, until: DateTime<Utc>| {
        Some((Instant(from.timestamp_millis()), Instant(until.timestamp_millis())))
    };
    if !digits_at(0, 4) {
        return None;
    }
    match text.len() {
        4 => {
            let first = NaiveDate::from_ymd_opt(text.parse().ok()?, 1, 1)?;
            span(midnight(first), midnight(first.with_year(first.year() + 1)?))
        }
        7 if digits_at(5, 7) && dashes(&[4]) => {
            let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok()?;
            span(midnight(first), midnight(first.checked_add_months(Months::new(1))?))
        }
        10 if digits_at(5, 7) && digits_at(8, 10) && dashes(&[4, 7]) => {
            let first = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            span(midnight(first), midnight(first.checked_add_days(Days::new(1))?))
        }
        _ => moment_range(text),
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn moment_range(text: &str) -> Option<(Instant, Instant)> {
    let (day, time) = text.split_once('T')?;
    let zone_at = time.find(['Z', '+', '-']);
    let (clock, zone) = time.split_at(zone_at.unwrap_or(time.len()));
    let (full, width) = match clock.len() {
        5 => (format!("{clock}:00"), TimeDelta::minutes(1)),
        8 => (clock.to_owned(), TimeDelta::seconds(1)),
        9.. => (clock.to_owned(), TimeDelta::milliseconds(1)),
        _ => return None,
    };
    let zone = if zone.is_empty() { "Z" } else { zone };
    let from = DateTime::parse_from_rfc3339(&format!("{day}T{full}{zone}")).ok()?;
    let from = Instant(from.timestamp_millis());
    Some((from, Instant(from.0 + width.num_milliseconds())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        date_range(text).unwrap().0.0
    }

    #[test]
    fn dates_cover_a_span_and_time_zones_count() {
        let span = |text: &str| date_range(text).map(|(from, until)| (from.to_fhir(), until.to_fhir()));
        let pair = |from: &str, until: &str| Some((format!("{from}.000Z"), format!("{until}.000Z")));
        assert_eq!(span("2026"), pair("2026-01-01T00:00:00", "2027-01-01T00:00:00"));
        assert_eq!(span("2026-12"), pair("2026-12-01T00:00:00", "2027-01-01T00:00:00"));
        assert_eq!(span("2026-02-28"), pair("2026-02-28T00:00:00", "2026-03-01T00:00:00"));
        assert_eq!(span("2026-04-01T09:00+09:00"), pair("2026-04-01T00:00:00", "2026-04-01T00:01:00"));
        assert_eq!(span("2026-04-01T09:00:30"), pair("2026-04-01T09:00:30", "2026-04-01T09:00:31"));
        assert!(patterns("date", "ge2026-04-01T09:00:00 09:00", Instant(0)).is_ok(), "a plus sign not encoded");
        for bad in [
            "",
            "x",
            "2026-13",
            "2026-02-30",
            "2026-04-01T",
            "2026-04-01T25:00Z",
            "20260401",
            "+123",
            "-123",
            "2026/04",
            "2026-4-01",
            "令和8年",
            "2026-04-0１",
        ] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_prefix_has_its_own_bounds() {
        let (from, until) = (at("2026-04-01"), at("2026-04-02"));
        let fits = |prefix: &str, low: i64, high: i64| {
            let patterns = patterns("date", &format!("{prefix}2026-04-01"), Instant(until)).unwrap();
            patterns.iter().any(|pattern| {
                pattern.0.iter().all(|bound| {
                    let found = if bound.edge == Edge::Low { low } else { high };
                    match bound.compare {
                        Compare::Below => found < bound.value,
                        Compare::AtMost => found <= bound.value,
                        Compare::AtLeast => found >= bound.value,
                        Compare::Above => found > bound.value,
                    }
                })
            })
        };
        // Before, reaching in, the day, inside it, reaching over both ends, after.
        let rows = [
            (from - 9, from),
            (from - 9, from + 9),
            (from, until),
            (from + 1, from + 2),
            (from - 9, until + 9),
            (until, until + 9),
        ];
        for (prefix, expected) in [
            ("", [false, false, true, true, false, false]),
            ("eq", [false, false, true, true, false, false]),
            ("ne", [true, true, false, false, true, true]),
            ("gt", [false, false, false, false, true, true]),
            ("lt", [true, true, false, false, true, false]),
            ("ge", [false, false, true, true, true, true]),
            ("le", [true, true, true, true, true, false]),
            ("sa", [false, false, false, false, false, true]),
            ("eb", [true, false, false, false, false, false]),
            ("ap", [false, true, true, true, true, false]),
        ] {
            assert_eq!(rows.map(|(low, high)| fits(prefix, low, high)), expected, "{prefix}");
        }
    }

    #[test]
    fn approximately_is_a_tenth_of_the_gap_to_now() {
        let spans = spans("_lastUpdated", "ap2026-04-01", Instant(at("2026-04-12"))).unwrap();
        let expected = Span { from: Some(Instant(at("2026-03-31"))), until: Some(Instant(at("2026-04-03"))) };
        assert_eq!(spans, [expected]);
    }
}
