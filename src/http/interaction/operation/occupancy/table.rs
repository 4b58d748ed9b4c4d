//! The same as CSV: a row for each interval and group, RFC 4180, times of Japan.

use chrono::{FixedOffset, SecondsFormat, TimeZone};

use crate::error::{Error, Result};
use crate::exchange::{OccupancyInterval, OccupancyMeans};
use crate::fhir::outcome::Language;

use super::code_of;
use super::report::{Labels, decimal};

const EN: [&str; 9] = [
    "wards",
    "staffed",
    "occupied",
    "reserved",
    "blocked",
    "available",
    "occupancy_rate_percent",
    "known_percent",
    "name",
];
const JA: [&str; 9] =
    ["病棟数", "稼働病床", "使用中", "予約", "使用不可", "空床", "病床利用率(%)", "把握率(%)", "名称"];
const JAPAN_SECONDS: i32 = 9 * 3_600;

/// The whole table, with a byte order mark, without which spreadsheets take it for Shift_JIS.
pub fn csv(intervals: &[OccupancyInterval], labels: &Labels<'_>) -> Result<String> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(vec![0xEF, 0xBB, 0xBF]);
    let ja = labels.ask.language == Language::Ja;
    let (start, end, columns) = if ja { ("開始", "終了", JA) } else { ("start", "end", EN) };
    let head = [start, end, code_of(labels.by), columns[8]].into_iter().chain(columns[..8].iter().copied());
    let failed = |error: csv::Error| Error::internal("a CSV row", &error);
    writer.write_record(head).map_err(failed)?;
    for interval in intervals {
        for (group, means) in &interval.groups {
            let name = labels.name(group.as_deref());
            let head = [moment(interval.from), moment(interval.until), group.clone().unwrap_or_default(), name];
            writer.write_record(head.into_iter().chain(numbers(means))).map_err(failed)?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| Error::internal("a CSV table", &error))?;
    String::from_utf8(bytes).map_err(|error| Error::internal("a CSV table", &error))
}

/// What is not known is empty.
fn numbers(means: &OccupancyMeans) -> impl Iterator<Item = String> {
    let text = |value: Option<f64>| value.map(decimal).unwrap_or_default();
    let percent = |share: f64| share * 100.0;
    let beds = means.beds.map(text);
    let shares = [text(means.rate.map(percent)), text(Some(percent(means.known)))];
    std::iter::once(means.wards.to_string()).chain(beds).chain(shares)
}

fn moment(millis: i64) -> String {
    let japan = FixedOffset::east_opt(JAPAN_SECONDS).and_then(|zone| zone.timestamp_millis_opt(millis).single());
    japan.map(|moment| moment.to_rfc3339_opts(SecondsFormat::Secs, false)).unwrap_or_default()
}
