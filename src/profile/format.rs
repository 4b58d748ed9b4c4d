//! The formats of R4's primitive types (`datatypes.html#primitive`) as plain functions: linear in time, no regex.

/// A format's name in schemas and its check.
pub type Format = (&'static str, fn(&str) -> bool);

/// Every format that [`super::json_schema`] may name.
pub const FORMATS: &[Format] = &[
    ("fhir-string", string),
    ("fhir-markdown", string),
    ("fhir-xhtml", string),
    ("fhir-code", code),
    ("fhir-id", id),
    ("fhir-uri", uri),
    ("fhir-url", uri),
    ("fhir-canonical", canonical),
    ("fhir-oid", oid),
    ("fhir-uuid", uuid),
    ("fhir-date", date),
    ("fhir-dateTime", date_time),
    ("fhir-instant", instant),
    ("fhir-time", time),
    ("fhir-base64Binary", base64),
];

/// Not empty, at most 1024 × 1024 characters. R4 says of control characters only that they *should* not stand in a string
/// (`datatypes.html#string`), so they pass, U+0000 included.
pub fn string(text: &str) -> bool {
    const LIMIT: usize = 1024 * 1024;
    !text.is_empty() && (text.len() <= LIMIT || text.chars().count() <= LIMIT)
}

/// Words separated by single spaces, none at the ends.
pub fn code(text: &str) -> bool {
    !text.is_empty()
        && text.split(' ').all(|word| !word.is_empty() && !word.contains(|character: char| character.is_whitespace()))
}

pub fn id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

/// No white space; OIDs and UUIDs in their own form.
pub fn uri(text: &str) -> bool {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return false;
    }
    if text.starts_with("urn:oid:") {
        return oid(text);
    }
    !text.starts_with("urn:uuid:") || uuid(text)
}

/// A canonical is absolute, or a fragment that names a contained resource (R4 `datatypes.html#canonical`).
pub fn canonical(text: &str) -> bool {
    let address = text.split('|').next().unwrap_or_default();
    uri(text) && (address.starts_with('#') || scheme(address))
}

/// Whether `text` begins with a URI scheme.
pub fn scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    })
}

pub fn oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else { return false };
    let mut arcs = arcs.split('.');
    let first = arcs.next().is_some_and(|arc| matches!(arc, "0" | "1" | "2"));
    let arc_is_right = |arc: &str| !arc.is_empty() && digits(arc) && (arc == "0" || !arc.starts_with('0'));
    let mut more = 0;
    first && arcs.inspect(|_| more += 1).all(arc_is_right) && more > 0
}

pub fn uuid(text: &str) -> bool {
    let Some(hex) = text.strip_prefix("urn:uuid:") else { return false };
    hex.len() == 36
        && hex.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
        })
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str, length: usize) -> Option<u32> {
    (text.len() == length && digits(text)).then(|| text.parse().ok()).flatten()
}

/// `YYYY`, `YYYY-MM` or a day that the calendar has.
pub fn date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let Some(year) = parts.next().and_then(|part| number(part, 4)).filter(|year| *year > 0) else { return false };
    let Some(month) = parts.next() else { return true };
    let Some(month) = number(month, 2).filter(|month| (1..=12).contains(month)) else { return false };
    let Some(day) = parts.next() else { return true };
    number(day, 2).is_some_and(|day| (1..=days(year, month)).contains(&day))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A date, or a day with a time and an offset.
pub fn date_time(text: &str) -> bool {
    if text.contains('T') { instant(text) } else { date(text) }
}

/// A day with a time to the second and an offset.
pub fn instant(text: &str) -> bool {
    let Some((day, rest)) = text.split_once('T') else { return false };
    if day.len() != 10 || !date(day) {
        return false;
    }
    if let Some(clock) = rest.strip_suffix('Z') {
        return time(clock);
    }
    let Some(at) = rest.rfind(['+', '-']) else { return false };
    time(&rest[..at]) && offset(&rest[at + 1..])
}

fn offset(text: &str) -> bool {
    let Some((hours, minutes)) = text.split_once(':') else { return false };
    match (number(hours, 2), number(minutes, 2)) {
        (Some(14), Some(minutes)) => minutes == 0,
        (Some(hours), Some(minutes)) => hours < 14 && minutes < 60,
        _ => false,
    }
}

/// `hh:mm:ss`, with a fraction if need be; second 60 is a leap second.
pub fn time(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let mut next = |below: u32| parts.next().and_then(|part| number(part, 2)).is_some_and(|value| value < below);
    next(24)
        && next(60)
        && next(61)
        && parts.next().is_none()
        && fraction.is_none_or(|fraction| !fraction.is_empty() && digits(fraction))
}

/// Groups of four, padded; white space is allowed between the groups, not within one.
pub fn base64(text: &str) -> bool {
    let mut count = 0_usize;
    let mut padding = 0_usize;
    for byte in text.bytes() {
        if byte.is_ascii_whitespace() && count.is_multiple_of(4) {
            continue;
        }
        count += 1;
        match byte {
            b'=' => padding += 1,
            _ if padding > 0 => return false,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {}
            _ => return false,
        }
    }
    count > 0 && count.is_multiple_of(4) && padding <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for right in ["2026", "2026-11", "2024-02-29", "2000-02-29"] {
            assert!(date(right), "{right}");
        }
        for wrong in
            ["", "0000", "26", "2026-13", "2026-1", "2026-02-29", "1900-02-29", "2026-11-31", "2026-11-22T", "２０２６"]
        {
            assert!(!date(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_time_has_seconds_and_an_offset() {
        for right in ["2026-11-22T09:00:00Z", "2026-11-22T09:00:00.123+09:00", "2026-11-22T09:00:60Z"] {
            assert!(instant(right) && date_time(right), "{right}");
        }
        for wrong in [
            "2026-11-22T09:00Z",
            "2026-11-22T09:00:00",
            "2026-11T09:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T09:00:00+15:00",
            "2026-11-22T09:00:00.Z",
        ] {
            assert!(!date_time(wrong), "{wrong}");
        }
    }

    #[test]
    fn names_and_addresses() {
        assert!(code("a b") && !code(" a") && !code("a  b") && !code("a\tb") && !code(""));
        assert!(
            oid("urn:oid:1.2.392.100495")
                && !oid("urn:oid:1.02")
                && !oid("urn:oid:3.1")
                && !oid("urn:oid:1")
                && !oid("1.2")
        );
        assert!(
            uuid("urn:uuid:c757873d-ec9a-4326-a141-556f43239520")
                && !uuid("urn:uuid:C757873D-ec9a-4326-a141-556f43239520")
        );
        assert!(canonical("http://a/b|1") && canonical("#a") && !canonical("a/b") && !canonical("http://a b"));
        assert!(base64("QUJD") && base64("QUI=\nQUJD".replace("=", "A").as_str()) && !base64("QUJ") && !base64("Q=JD"));
        assert!(base64(" QUJD\n QUJD ") && !base64("QU JD"));
    }

    #[test]
    fn a_string_is_counted_in_characters() {
        assert!(string(&"床".repeat(1024 * 1024)) && !string(&"床".repeat(1024 * 1024 + 1)) && !string(""));
    }
}
