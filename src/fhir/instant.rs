//! Moments as FHIR writes them. R4 `datatypes.html#instant`.

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};

/// A moment in milliseconds since 1970-01-01T00:00:00Z: the precision of `meta.lastUpdated` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

impl Instant {
    /// Reads a full `instant` or `dateTime` with time zone.
    pub fn parse(text: &str) -> Option<Instant> {
        DateTime::parse_from_rfc3339(text).ok().map(|moment| Instant(moment.timestamp_millis()))
    }

    fn to_utc(self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(self.0).single().unwrap_or_default()
    }

    /// `2026-04-01T09:00:00.000Z`.
    pub fn to_fhir(self) -> String {
        self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// The form of `Last-Modified` (RFC 9110 section 5.6.7), whole seconds.
    pub fn to_http(self) -> String {
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(self.0.max(0).unsigned_abs()))
    }

    /// Reads a header's date; whole seconds.
    pub fn parse_http(text: &str) -> Option<Instant> {
        let since = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Instant(i64::try_from(since.as_millis()).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_utc_with_milliseconds() {
        let instant = Instant::parse("2026-04-01T18:00:00.5+09:00").unwrap();
        assert_eq!(instant.to_fhir(), "2026-04-01T09:00:00.500Z");
        assert_eq!(instant.to_http(), "Wed, 01 Apr 2026 09:00:00 GMT");
        assert_eq!(Instant::parse_http("Wed, 01 Apr 2026 09:00:00 GMT"), Some(Instant(instant.0 - 500)));
        assert_eq!(Instant::parse("2026-04-01"), None);
    }
}
