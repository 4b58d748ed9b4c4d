//! Dates, date times and times of partial precision. FHIRPath `#date`, `#datetime`, `#time`.

use std::cmp::Ordering;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Date,
    DateTime,
    Time,
}

/// Where a field stands in [`Temporal`], and what precision means: the index of the last known field, from 1.
pub(super) const YEAR: u8 = 1;
pub(super) const MONTH: u8 = 2;
pub(super) const DAY: u8 = 3;
pub(super) const HOUR: u8 = 4;
pub(super) const MINUTE: u8 = 5;
pub(super) const SECOND: u8 = 6;

/// One point on the calendar or the clock, as precise as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temporal {
    pub kind: Kind,
    /// Year, month, day, hour, minute, second. What is not known holds its lowest value.
    pub(super) fields: [i64; 6],
    /// The last known field, from [`YEAR`] to [`SECOND`].
    pub(super) precision: u8,
    pub(super) nanos: u32,
    pub(super) fraction_digits: u8,
    /// Minutes east of UTC.
    pub(super) offset: Option<i64>,
}

const LOWEST: [i64; 6] = [0, 1, 1, 0, 0, 0];

impl Temporal {
    /// Reads FHIR's and FHIRPath's forms; a literal's `@`, `@T` and a `T` at the end are the lexer's matter.
    pub fn parse(kind: Kind, text: &str) -> Option<Temporal> {
        let empty = Temporal { kind, fields: LOWEST, precision: 0, nanos: 0, fraction_digits: 0, offset: None };
        match kind {
            Kind::Date => empty.with_date(text),
            Kind::Time => empty.with_time(text),
            Kind::DateTime => match text.split_once('T') {
                None => empty.with_date(text),
                Some((date, time)) => {
                    let date = empty.with_date(date)?;
                    if date.precision < DAY { None } else { date.with_zoned_time(time) }
                }
            },
        }
    }

    /// Reads a date, or a date time where there is a `T`.
    pub fn parse_any_date(text: &str) -> Option<Temporal> {
        Temporal::parse(if text.contains('T') { Kind::DateTime } else { Kind::Date }, text)
    }

    /// The moment `seconds` after 1970 began, in UTC.
    pub fn from_unix(seconds: i64, nanos: u32) -> Temporal {
        let mut moment = Temporal {
            kind: Kind::DateTime,
            fields: [1970, 1, 1, 0, 0, 0],
            precision: SECOND,
            nanos: nanos / 1_000_000 * 1_000_000,
            fraction_digits: 3,
            offset: Some(0),
        };
        moment.set_from_days(days_from_civil(1970, 1, 1) + seconds.div_euclid(86_400));
        let second = seconds.rem_euclid(86_400);
        moment.fields[3..].copy_from_slice(&[second / 3600, second / 60 % 60, second % 60]);
        moment
    }

    fn with_date(mut self, text: &str) -> Option<Temporal> {
        for (index, part) in text.split('-').enumerate() {
            let width = if index == 0 { 4 } else { 2 };
            *self.fields.get_mut(index)? = number(part, width)?;
            self.precision += 1;
        }
        let [year, month, day, ..] = self.fields;
        let valid =
            self.precision <= DAY && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        valid.then_some(self)
    }

    fn with_zoned_time(self, text: &str) -> Option<Temporal> {
        if let Some(time) = text.strip_suffix('Z') {
            return Some(Temporal { offset: Some(0), ..self.with_time(time)? });
        }
        let Some(at) = text.find(['+', '-']) else { return self.with_time(text) };
        let (hours, minutes) = text[at + 1..].split_once(':')?;
        let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
        let offset = if text[at..].starts_with('-') { -(hours * 60 + minutes) } else { hours * 60 + minutes };
        let valid = hours <= 14 && minutes < 60;
        valid.then_some(Temporal { offset: Some(offset), ..self.with_time(&text[..at])? })
    }

    fn with_time(mut self, text: &str) -> Option<Temporal> {
        let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
        self.precision = DAY;
        for (index, part) in clock.split(':').enumerate() {
            *self.fields.get_mut(3 + index)? = number(part, 2)?;
            self.precision += 1;
        }
        if let Some(fraction) = fraction {
            if self.precision != SECOND || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            self.fraction_digits = u8::try_from(fraction.len().min(9)).ok()?;
            self.nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        }
        let [.., hour, minute, second] = self.fields;
        (hour < 24 && minute < 60 && second <= 60).then_some(self)
    }

    /// How the two stand to each other; `None` where the precision or a missing offset leaves it open.
    /// FHIRPath `#comparison`. A date and a time never stand in order: see [`Temporal::comparable`].
    pub fn compare(&self, other: &Temporal) -> Option<Ordering> {
        match (self.offset, other.offset) {
            (Some(_), Some(_)) => return self.in_utc().compare_fields(&other.in_utc()),
            (Some(_), None) | (None, Some(_)) if self.precision.min(other.precision) >= HOUR => {
                // The unknown offset lies between -12:00 and +14:00.
                let apart = self.in_utc().minutes() - other.in_utc().minutes();
                return if apart.abs() > 14 * 60 { Some(apart.cmp(&0)) } else { None };
            }
            _ => {}
        }
        self.compare_fields(other)
    }

    fn compare_fields(&self, other: &Temporal) -> Option<Ordering> {
        let common = usize::from(self.precision.min(other.precision));
        let order = self.fields[..common].cmp(&other.fields[..common]);
        if order != Ordering::Equal {
            return Some(order);
        }
        (self.precision == other.precision).then(|| self.nanos.cmp(&other.nanos))
    }

    pub fn comparable(&self, other: &Temporal) -> bool {
        (self.kind == Kind::Time) == (other.kind == Kind::Time)
    }

    fn in_utc(self) -> Temporal {
        match self.offset {
            None | Some(0) => self,
            Some(offset) => Temporal { offset: Some(0), ..self.plus_minutes(-offset) },
        }
    }

    fn days(&self) -> i64 {
        days_from_civil(self.fields[0], self.fields[1], self.fields[2])
    }

    fn minutes(&self) -> i64 {
        self.days() * 1440 + self.fields[3] * 60 + self.fields[4]
    }

    fn plus_minutes(mut self, minutes: i64) -> Temporal {
        let total = self.minutes() + minutes;
        self.set_from_days(total.div_euclid(1440));
        self.fields[3] = total.rem_euclid(1440) / 60;
        self.fields[4] = total.rem_euclid(60);
        self
    }

    fn set_from_days(&mut self, days: i64) {
        let (year, month, day) = civil_from_days(days);
        self.fields[..3].copy_from_slice(&[year, month, day]);
    }

    /// This date or time `amount` units later, counted in the precision that it has. FHIRPath `#datetime-arithmetic`.
    /// `None` where the result leaves the calendar.
    pub(super) fn plus(&self, amount: i64, unit: Unit) -> Option<Temporal> {
        if amount.unsigned_abs() > 400_000_000_000_000 {
            return None;
        }
        let mut moved = *self;
        match unit {
            Unit::Year => moved.add_months(amount.checked_mul(12)?),
            Unit::Month if self.precision == YEAR => moved.add_months(amount / 12 * 12),
            Unit::Month => moved.add_months(amount),
            Unit::Week => moved.add_days(amount.checked_mul(7)?),
            Unit::Day => moved.add_days(amount),
            Unit::Hour => moved.add_nanos(i128::from(amount) * 3_600_000_000_000),
            Unit::Minute => moved.add_nanos(i128::from(amount) * 60_000_000_000),
            Unit::Second => moved.add_nanos(i128::from(amount) * 1_000_000_000),
            Unit::Millisecond => moved.add_nanos(i128::from(amount) * 1_000_000),
        }
        (moved.kind == Kind::Time || (1..=9999).contains(&moved.fields[0])).then_some(moved)
    }

    fn add_months(&mut self, months: i64) {
        let total = self.fields[0] * 12 + self.fields[1] - 1 + months;
        self.fields[0] = total.div_euclid(12);
        self.fields[1] = total.rem_euclid(12) + 1;
        self.fields[2] = self.fields[2].min(days_in_month(self.fields[0], self.fields[1]));
    }

    fn add_days(&mut self, days: i64) {
        match self.precision {
            _ if self.kind == Kind::Time => {}
            YEAR => self.fields[0] += days / 365,
            MONTH => self.add_months(days / 30),
            _ => self.set_from_days(self.days() + days),
        }
    }

    fn add_nanos(&mut self, nanos: i128) {
        const DAY_NANOS: i128 = 86_400_000_000_000;
        if self.kind != Kind::Time && self.precision <= DAY {
            return self.add_days(i64::try_from(nanos / DAY_NANOS).unwrap_or_default());
        }
        // What lies below the precision is cut before it is added.
        let unit = match self.precision {
            HOUR => 3_600_000_000_000,
            MINUTE => 60_000_000_000,
            _ => 1,
        };
        let [.., hour, minute, second] = self.fields;
        let before = i128::from((hour * 60 + minute) * 60 + second) * 1_000_000_000 + i128::from(self.nanos);
        let after = before + nanos / unit * unit;
        if self.kind != Kind::Time {
            self.add_days(i64::try_from(after.div_euclid(DAY_NANOS)).unwrap_or_default());
        }
        let within = after.rem_euclid(DAY_NANOS);
        let seconds = i64::try_from(within / 1_000_000_000).unwrap_or_default();
        self.fields[3..].copy_from_slice(&[seconds / 3600, seconds / 60 % 60, seconds % 60]);
        self.nanos = u32::try_from(within % 1_000_000_000).unwrap_or_default();
        if self.nanos != 0 {
            self.fraction_digits = self.fraction_digits.max(3);
        }
    }

    /// The calendar date alone.
    pub(super) fn date(&self) -> Temporal {
        Temporal {
            kind: Kind::Date,
            precision: self.precision.min(DAY),
            nanos: 0,
            fraction_digits: 0,
            offset: None,
            ..*self
        }
    }

    /// The time of day alone.
    pub(super) fn time(&self) -> Temporal {
        Temporal { kind: Kind::Time, offset: None, ..*self }
    }

    /// The digits written for year to fraction. FHIRPath `#precision`.
    pub(super) fn digits(&self) -> u8 {
        let known = if self.kind == Kind::Time { self.precision - DAY } else { self.precision };
        let year = if self.kind == Kind::Time { 0 } else { 2 };
        known * 2 + year + self.fraction_digits
    }
}

/// The calendar units of date arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl Unit {
    /// The unit that a calendar word names, in singular or plural.
    pub fn of_word(word: &str) -> Option<Unit> {
        Some(match word.strip_suffix('s').unwrap_or(word) {
            "year" => Unit::Year,
            "month" => Unit::Month,
            "week" => Unit::Week,
            "day" => Unit::Day,
            "hour" => Unit::Hour,
            "minute" => Unit::Minute,
            "second" => Unit::Second,
            "millisecond" => Unit::Millisecond,
            _ => return None,
        })
    }

    /// The unit behind a UCUM code of definite duration. `a` and `mo` are not calendar units.
    pub fn of_ucum(code: &str) -> Option<Unit> {
        Some(match code {
            "wk" => Unit::Week,
            "d" => Unit::Day,
            "h" => Unit::Hour,
            "min" => Unit::Minute,
            "s" => Unit::Second,
            "ms" => Unit::Millisecond,
            _ => return None,
        })
    }
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = if self.kind == Kind::Time { 3 } else { 0 };
        for index in from..usize::from(self.precision) {
            match index {
                0 => write!(f, "{:04}", self.fields[0])?,
                1 | 2 => write!(f, "-{:02}", self.fields[index])?,
                3 if from == 3 => write!(f, "{:02}", self.fields[3])?,
                3 => write!(f, "T{:02}", self.fields[3])?,
                _ => write!(f, ":{:02}", self.fields[index])?,
            }
        }
        if self.fraction_digits > 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.get(..usize::from(self.fraction_digits)).unwrap_or(&digits))?;
        }
        match self.offset {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
            }
        }
    }
}

fn number(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since the first of March of year 0 in the proleptic Gregorian calendar (Howard Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(text: &str) -> Temporal {
        Temporal::parse_any_date(text).unwrap()
    }

    #[test]
    fn what_is_not_on_the_calendar_is_no_date() {
        for text in ["", "2015-13", "2015-02-29", "2015-2-1", "15", "2015-02-01T25:00", "2015T10", "2015-01-01T10:00Q"]
        {
            assert!(Temporal::parse_any_date(text).is_none(), "{text}");
        }
        for text in ["2015", "2016-02-29", "2015-02-04T14:34:28.123+09:00", "2015-02-04T14:34Z"] {
            assert_eq!(any(text).to_string(), text);
        }
    }

    #[test]
    fn order_is_open_where_precision_differs() {
        assert_eq!(any("2018-03").compare(&any("2018-03-01")), None);
        assert_eq!(any("2018-03").compare(&any("2018-04-01")), Some(Ordering::Less));
        assert_eq!(any("2018-03-01T10:00:00").compare(&any("2018-03-01T10:00:00.0")), Some(Ordering::Equal));
        assert_eq!(any("2012-04-15T15:00:00+02:00").compare(&any("2012-04-15T16:00:00+03:00")), Some(Ordering::Equal));
        assert_eq!(any("2012-04-15T15:00:00Z").compare(&any("2012-04-15T10:00:00")), None);
        assert_eq!(any("2012-04-15T15:00:00Z").compare(&any("2012-04-17T10:00:00")), Some(Ordering::Less));
    }

    #[test]
    fn arithmetic_follows_the_calendar() {
        assert_eq!(any("1973-12-25").plus(1, Unit::Month).unwrap().to_string(), "1974-01-25");
        assert_eq!(any("2024-01-31").plus(1, Unit::Month).unwrap().to_string(), "2024-02-29");
        assert_eq!(any("1973-12-25").plus(7, Unit::Day).unwrap().to_string(), "1974-01-01");
        assert_eq!(any("2014").plus(24, Unit::Month).unwrap().to_string(), "2016");
        assert_eq!(any("2014-01-01T23:59:59Z").plus(1, Unit::Second).unwrap().to_string(), "2014-01-02T00:00:00Z");
        assert_eq!(Temporal::from_unix(1_700_000_000, 5_000_000).to_string(), "2023-11-14T22:13:20.005Z");
    }
}
