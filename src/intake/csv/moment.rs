//! Moments as people and programs in Japan write them; without a time zone they are of Japan's.

use chrono::{FixedOffset, NaiveDate, NaiveTime, TimeZone};
use unicode_normalization::UnicodeNormalization;

use crate::fhir::instant::Instant;

/// Japan is nine hours ahead, all the year.
const JAPAN: i32 = 9 * 60 * 60;
/// The year before the first one of the era.
const BEFORE_REIWA: i32 = 2018;

/// The moment of `2026-11-28T21:05:00+09:00`, `2026/11/28 21:05`, `2026年11月28日 21時5分`, `令和8年11月28日 21:05` and the
/// like. A date without a time is no moment.
pub fn read(text: &str) -> Option<Instant> {
    let text: String = text.nfkc().collect();
    let mut rest = Rest(text.trim());
    let (year, month, day) = date(&mut rest)?;
    rest.day_of_week();
    let time = time(&mut rest)?;
    let offset = offset(&mut rest)?;
    if !rest.0.is_empty() {
        return None;
    }
    let moment = NaiveDate::from_ymd_opt(year, month, day)?.and_time(time);
    let moment = offset.from_local_datetime(&moment).single()?;
    // A slip of the keyboard, rather than a moment of a bed.
    (2000..2200).contains(&year).then(|| Instant(moment.timestamp_millis()))
}

fn date(rest: &mut Rest<'_>) -> Option<(i32, u32, u32)> {
    let era = rest.one_of(&["令和", "R", "r"]).is_some();
    let year = if era && rest.one_of(&["元"]).is_some() { 1 } else { rest.number(if era { 1..=2 } else { 4..=4 })? };
    let separator = rest.one_of(&["-", "/", ".", "年"])?;
    let month = rest.number(1..=2)?;
    rest.one_of(&[if separator == "年" { "月" } else { separator }])?;
    let day = rest.number(1..=2)?;
    if separator == "年" {
        rest.one_of(&["日"])?;
    }
    let year = i32::try_from(year).ok()?;
    Some((if era { year + BEFORE_REIWA } else { year }, month, day))
}

fn time(rest: &mut Rest<'_>) -> Option<NaiveTime> {
    let spaced = rest.spaces();
    if rest.one_of(&["T", "t"]).is_none() && !spaced {
        return None;
    }
    let hour = rest.number(1..=2)?;
    let separator = rest.one_of(&[":", "時"])?;
    let minute = rest.number(1..=2)?;
    if separator == "時" {
        rest.one_of(&["分"])?;
        let second = rest.number(1..=2).unwrap_or(0);
        rest.one_of(&["秒"]);
        return NaiveTime::from_hms_opt(hour, minute, second);
    }
    let second = if rest.one_of(&[":"]).is_some() { rest.number(2..=2)? } else { 0 };
    let millis = if rest.one_of(&["."]).is_some() { rest.millis()? } else { 0 };
    NaiveTime::from_hms_milli_opt(hour, minute, second, millis)
}

fn offset(rest: &mut Rest<'_>) -> Option<FixedOffset> {
    rest.spaces();
    if rest.one_of(&["Z", "z"]).is_some() {
        return FixedOffset::east_opt(0);
    }
    let Some(sign) = rest.one_of(&["+", "-"]) else { return FixedOffset::east_opt(JAPAN) };
    let (hours, minutes) = match rest.number(4..=4) {
        Some(both) => (both / 100, both % 100),
        None => {
            let hours = rest.number(2..=2)?;
            rest.one_of(&[":"])?;
            (hours, rest.number(2..=2)?)
        }
    };
    if minutes > 59 {
        return None;
    }
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    FixedOffset::east_opt(if sign == "+" { seconds } else { -seconds })
}

/// What is left to read.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    fn one_of(&mut self, wanted: &[&'static str]) -> Option<&'static str> {
        let found = wanted.iter().find(|text| self.0.starts_with(**text))?;
        self.0 = &self.0[found.len()..];
        Some(found)
    }

    fn number(&mut self, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
        let found = self.digits();
        let number = digits.contains(&found.len()).then(|| found.parse().ok())??;
        self.0 = &self.0[found.len()..];
        Some(number)
    }

    /// A fraction of a second; more than thousandths are cut off.
    fn millis(&mut self) -> Option<u32> {
        let found = self.digits();
        self.0 = &self.0[found.len()..];
        let thousandths: String = found.chars().chain("000".chars()).take(3).collect();
        if found.is_empty() { None } else { thousandths.parse().ok() }
    }

    fn digits(&self) -> &'t str {
        let end = self.0.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(self.0.len());
        &self.0[..end]
    }

    /// Whether there were any.
    fn spaces(&mut self) -> bool {
        let trimmed = self.0.trim_start();
        let any = trimmed.len() < self.0.len();
        self.0 = trimmed;
        any
    }

    /// `(土)` behind a date.
    fn day_of_week(&mut self) {
        let Some(inside) = self.0.trim_start().strip_prefix('(') else { return };
        if let Some((day, rest)) = inside.split_once(')')
            && day.chars().count() <= 3
        {
            self.0 = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_in_many_forms() {
        for text in [
            "2026-11-28T21:05:00+09:00",
            "2026-11-28T12:05:00Z",
            "2026-11-28T12:05:00.000Z",
            "2026-11-28T21:05",
            "2026-11-28 21:05:00",
            "2026-11-28 21:05:00 +0900",
            "2026/11/28 21:05",
            " 2026/11/28  21:05:00 ",
            "2026.11.28 21:05",
            "2026/11/28(土) 21:05",
            "2026年11月28日 21時05分",
            "2026年11月28日(土) 21時5分0秒",
            "2026/11/28　21:05",
            "令和8年11月28日 21:05",
            "R8.11.28 21:05",
        ] {
            assert_eq!(read(text).map(Instant::to_fhir).as_deref(), Some("2026-11-28T12:05:00.000Z"), "{text}");
        }
        assert_eq!(read("2026/1/2 3:04").unwrap().to_fhir(), "2026-01-01T18:04:00.000Z");
        assert_eq!(read("令和元年5月1日 0:00").unwrap().to_fhir(), "2019-04-30T15:00:00.000Z");
        assert_eq!(read("2026-11-28T21:05:00.12+09:00").unwrap().to_fhir(), "2026-11-28T12:05:00.120Z");
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "2026/11/28",
            "2026/11/2821:05",
            "21:05",
            "2026/11/31 21:05",
            "2026/11/28 24:00",
            "2026/11/28 21:60",
            "26/11/28 21:05",
            "2026-11/28 21:05",
            "2026年11/28 21:05",
            "11/28/2026 21:05",
            "2026/11/28 21:05 午後",
            "2026/11/28 21:05+9",
            "2026/11/28 21:05+0990",
            "1926/11/28 21:05",
            "46354.878",
            "2026/11/28 21:05.",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
