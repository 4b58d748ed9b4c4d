//! The same as CSV: a row for each interval and group, RFC 4180, times of Japan.

use chrono::{FixedOffset, SecondsFormat, TimeZone};

use crate::error::{Error, Result};
use crate::exchange::{OccupancyInterval, OccupancyMeans};
use crate::fhir::outcome::Language;

use super::code_of;
use super::reading::ZONE_MILLIS;
use super::report::{Labels, decimal};

/// Columns before and behind that by which wards are put together.
const WHEN: [[&str; 2]; 2] = [["開始", "終了"], ["start", "end"]];
const WHAT: [[&str; 9]; 2] = [
    ["名称", "病棟数", "稼働病床", "使用中", "予約", "使用不可", "空床", "病床利用率(%)", "把握率(%)"],
    [
        "name",
        "wards",
        "staffed",
        "occupied",
        "reserved",
        "blocked",
        "available",
        "occupancy_rate_percent",
        "known_percent",
    ],
];

/// The whole table, with a byte order mark, without which spreadsheets take it for Shift_JIS.
pub fn csv(intervals: &[OccupancyInterval], labels: &Labels<'_>) -> Result<String> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(vec![0xEF, 0xBB, 0xBF]);
    let language = usize::from(labels.ask.language == Language::En);
    let head = WHEN[language].into_iter().chain([code_of(labels.by)]).chain(WHAT[language]);
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
    let seconds = i32::try_from(ZONE_MILLIS / 1_000).ok();
    let japan = seconds.and_then(FixedOffset::east_opt).and_then(|zone| zone.timestamp_millis_opt(millis).single());
    japan.map(|moment| moment.to_rfc3339_opts(SecondsFormat::Secs, false)).unwrap_or_default()
}
