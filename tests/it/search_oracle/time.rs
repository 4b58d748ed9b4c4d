//! Dates as ranges, on a calendar of their own. R4 `search.html#date`.

const DAY: i64 = 86_400_000;

/// `low <= … < high`, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub low: i64,
    pub high: i64,
}

/// Days since 1970-01-01, by counting leap days.
fn days(year: i64, month: i64, day: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let past = year - 1;
    let leap_days = past / 4 - past / 100 + past / 400 - 477;
    let within = BEFORE[usize::try_from(month - 1).unwrap()] + i64::from(leap && month > 2);
    (year - 1970) * 365 + leap_days + within + day - 1
}

/// What a date, dateTime or instant covers; without a zone it is UTC, as this server documents.
pub fn range(text: &str) -> Option<Range> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let day = |year, month, day| days(year, month, day) * DAY;
    let year = number(0, 4)?;
    if text.len() == 4 {
        return Some(Range { low: day(year, 1, 1), high: day(year + 1, 1, 1) });
    }
    let month = number(5, 7)?;
    if text.len() == 7 {
        let next = if month == 12 { day(year + 1, 1, 1) } else { day(year, month + 1, 1) };
        return Some(Range { low: day(year, month, 1), high: next });
    }
    let midnight = day(year, month, number(8, 10)?);
    if text.len() == 10 {
        return Some(Range { low: midnight, high: midnight + DAY });
    }
    let clock_end = text[11..].find(['Z', '+', '-']).map_or(text.len(), |at| at + 11);
    let (clock, zone) = (&text[11..clock_end], &text[clock_end..]);
    let part = |from: usize, to: usize| clock.get(from..to).and_then(|part| part.parse::<i64>().ok());
    let mut moment = midnight + part(0, 2)? * 3_600_000 + part(3, 5)? * 60_000 + part(6, 8).unwrap_or(0) * 1_000;
    let width = match clock.len() {
        5 => 60_000,
        8 => 1_000,
        _ => {
            let digits: String = clock[9..].chars().chain("00".chars()).take(3).collect();
            moment += digits.parse::<i64>().ok()?;
            1
        }
    };
    if let Some(offset) = zone.strip_prefix(['+', '-']) {
        let ahead = offset[..2].parse::<i64>().ok()? * 3_600_000 + offset[3..5].parse::<i64>().ok()? * 60_000;
        moment += if zone.starts_with('-') { ahead } else { -ahead };
    }
    Some(Range { low: moment, high: moment + width })
}

/// Whether the range of a resource is in the given relation to that of the search. R4 `search.html#prefix`.
pub fn holds(prefix: &str, found: Range, asked: Range, now: i64) -> bool {
    let contains = asked.low <= found.low && found.high <= asked.high;
    let above = found.high > asked.high;
    let below = found.low < asked.low;
    match prefix {
        "ne" => !contains,
        "gt" => above,
        "lt" => below,
        "ge" => above || contains,
        "le" => below || contains,
        "sa" => found.low >= asked.high,
        "eb" => found.high <= asked.low,
        "ap" => {
            let gap = if now < asked.low { asked.low - now } else { (now - asked.high).max(0) };
            found.low < asked.high + gap / 10 && found.high > asked.low - gap / 10
        }
        _ => contains,
    }
}

#[test]
fn the_calendar_is_right() {
    assert_eq!(days(1970, 1, 1), 0);
    assert_eq!(days(2000, 3, 1), 11_017);
    assert_eq!(days(1968, 2, 29), -672);
    assert_eq!(range("2026-04-01T09:00:00+09:00").unwrap().low, days(2026, 4, 1) * DAY);
}
