//! From bytes to text: UTF-8 with or without a byte order mark, or Shift_JIS as Excel in Japan writes it.

use std::borrow::Cow;

use encoding_rs::{Encoding, SHIFT_JIS, UTF_8};

use crate::error::{Error, Result};
use crate::fhir::json::Place;
use crate::fhir::outcome::{Issue, IssueCode, Severity};

/// How a file's characters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    /// With the extensions of Windows (code page 932).
    ShiftJis,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Charset {
    /// By any of its usual labels.
    pub fn of_label(label: &str) -> Option<Charset> {
        if label.trim().eq_ignore_ascii_case("cp932") {
            return Some(Charset::ShiftJis);
        }
        match Encoding::for_label(label.as_bytes()) {
            Some(found) if found == UTF_8 => Some(Charset::Utf8),
            Some(found) if found == SHIFT_JIS => Some(Charset::ShiftJis),
            _ => None,
        }
    }
}

/// The text of a file. Where nobody says what it is written in, it is UTF-8 if it can be, else Shift_JIS if it can be: text
/// in Shift_JIS is hardly ever valid UTF-8 by chance. Nothing is replaced: what cannot be decoded is 400.
pub fn decode(bytes: &[u8], declared: Option<Charset>) -> Result<Cow<'_, str>> {
    let text = match declared {
        Some(Charset::Utf8) => utf8(bytes).ok_or_else(|| undecodable(bytes, "UTF-8"))?,
        Some(Charset::ShiftJis) => shift_jis(bytes).ok_or_else(|| undecodable(bytes, "Shift_JIS"))?,
        None if bytes.starts_with(BYTE_ORDER_MARK) => utf8(bytes).ok_or_else(|| undecodable(bytes, "UTF-8"))?,
        None => utf8(bytes).or_else(|| shift_jis(bytes)).ok_or_else(|| undecodable(bytes, "UTF-8, Shift_JIS"))?,
    };
    if text.contains('\0') { Err(undecodable(bytes, "CSV")) } else { Ok(text) }
}

fn utf8(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes));
    text.ok().map(Cow::Borrowed)
}

fn shift_jis(bytes: &[u8]) -> Option<Cow<'_, str>> {
    SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes)
}

fn undecodable(bytes: &[u8], what: &str) -> Error {
    let (ja, en) = if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xD0\xCF\x11\xE0") {
        (
            "CSV ではなく Excel のブックです。Excel で「CSV UTF-8」として保存し直してください。".to_owned(),
            "This is an Excel workbook, no CSV. Save it in Excel as \"CSV UTF-8\".".to_owned(),
        )
    } else {
        (
            format!(
                "ファイルの文字を {what} として読めません。Excel なら「CSV UTF-8」として保存し直すか、文字コードを \
                 charset か encoding で指定してください。何も書き込まれていません。"
            ),
            format!(
                "The file's characters cannot be read as {what}. Save it as UTF-8 (in Excel: \"CSV UTF-8\"), or name its \
                 charset in Content-Type or `encoding`. Nothing was written."
            ),
        )
    };
    let issue = Issue::new(Severity::Fatal, IssueCode::Structure, ja, en);
    Error::bad_request(Issue { place: first_bad_line(bytes), ..issue })
}

/// Where the text stops being UTF-8: the line that somebody has to look at, in most cases.
fn first_bad_line(bytes: &[u8]) -> Option<Place> {
    let error = std::str::from_utf8(bytes).err()?;
    let good = &bytes[..error.valid_up_to()];
    let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
    Some(Place { line, column: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_read_alike() {
        let text = "病床番号,状態\n東-101,空床\n";
        let (sjis, _, broken) = SHIFT_JIS.encode(text);
        assert!(!broken);
        for bytes in [text.as_bytes().to_vec(), [BYTE_ORDER_MARK, text.as_bytes()].concat(), sjis.to_vec()] {
            assert_eq!(decode(&bytes, None).unwrap(), text);
        }
        assert_eq!(decode(&sjis, Some(Charset::ShiftJis)).unwrap(), text);
        assert_eq!(decode("①髙".as_bytes(), Some(Charset::Utf8)).unwrap(), "①髙");
    }

    #[test]
    fn what_is_declared_decides() {
        let text = "病床";
        assert_ne!(decode(text.as_bytes(), Some(Charset::ShiftJis)).ok().as_deref(), Some(text));
        let (sjis, _, _) = SHIFT_JIS.encode(text);
        assert!(decode(&sjis, Some(Charset::Utf8)).is_err());
    }

    #[test]
    fn what_is_neither_is_refused_with_its_line() {
        let error = decode(b"bed,status\nx,\xFF\xFF\n", None).unwrap_err();
        assert_eq!(error.issues[0].place, Some(Place { line: 2, column: 1 }));
        assert!(decode(b"bed\0,status", None).is_err());
        let workbook = decode(b"PK\x03\x04\xFF\xFF", None).unwrap_err();
        assert!(workbook.issues[0].en.contains("workbook"));
    }

    #[test]
    fn charsets_have_many_labels() {
        for label in ["shift_jis", "Shift-JIS", "SJIS", "windows-31j", "CP932", "MS932"] {
            assert_eq!(Charset::of_label(label), Some(Charset::ShiftJis), "{label}");
        }
        assert_eq!(Charset::of_label("UTF-8"), Some(Charset::Utf8));
        assert_eq!(Charset::of_label("euc-jp"), None);
    }
}
