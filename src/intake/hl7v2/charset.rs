//! Character sets of HL7 v2 (MSH-18, table 0211), as they are sent in Japan. What is not well formed is an error: a wrong
//! character in a bed's name is a wrong bed.

use std::borrow::Cow;

use encoding_rs::{EUC_JP, Encoding, ISO_2022_JP, SHIFT_JIS};

/// A character set that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Ascii,
    Utf8,
    /// ASCII with escapes to JIS X 0208.
    Iso2022Jp,
    ShiftJis,
    EucJp,
}

/// What MSH-18 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    Nothing,
    Known(Charset),
    /// A name or combination that this program does not read.
    Unknown,
}

impl Charset {
    pub const ALL: [Charset; 5] =
        [Charset::Ascii, Charset::Utf8, Charset::Iso2022Jp, Charset::ShiftJis, Charset::EucJp];

    /// Names of table 0211, and those that senders use for what the table lacks.
    pub fn named(name: &str) -> Option<Charset> {
        match name.trim().to_ascii_uppercase().as_str() {
            "ASCII" | "ISO IR6" => Some(Charset::Ascii),
            "UNICODE UTF-8" | "UNICODE" | "UTF-8" | "UTF8" => Some(Charset::Utf8),
            "ISO IR87" | "ISO IR14" | "JAS2020" | "JIS X 0202" | "ISO-2022-JP" => Some(Charset::Iso2022Jp),
            "SHIFT_JIS" | "SHIFT-JIS" | "SJIS" | "MS932" | "CP932" | "WINDOWS-31J" => Some(Charset::ShiftJis),
            "EUC-JP" | "EUCJP" => Some(Charset::EucJp),
            _ => None,
        }
    }

    fn encoding(self) -> Option<&'static Encoding> {
        match self {
            Charset::Ascii | Charset::Utf8 => None,
            Charset::Iso2022Jp => Some(ISO_2022_JP),
            Charset::ShiftJis => Some(SHIFT_JIS),
            Charset::EucJp => Some(EUC_JP),
        }
    }

    /// The text, or `None` where a byte does not belong to the character set: JIS X 0212, kana by SO and SI, characters
    /// that a vendor made up, too.
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        let text = match self.encoding() {
            Some(encoding) => encoding.decode_without_bom_handling_and_without_replacement(bytes)?,
            None => {
                Cow::Borrowed(std::str::from_utf8(bytes).ok().filter(|_| self != Charset::Ascii || is_plain(bytes))?)
            }
        };
        text.chars().all(has_a_meaning).then_some(text)
    }

    /// The text in this character set.
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        match self.encoding() {
            Some(encoding) => encoding.encode(text).0,
            None => Cow::Borrowed(text.as_bytes()),
        }
    }

    /// Whether Japanese can be written in it.
    pub fn has_japanese(self) -> bool {
        self != Charset::Ascii
    }

    /// How MSH-18 names it, repetition by repetition.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Charset::Ascii => &[],
            Charset::Utf8 => &["UNICODE UTF-8"],
            Charset::Iso2022Jp => &["", "ISO IR87"],
            Charset::ShiftJis => &["SHIFT_JIS"],
            Charset::EucJp => &["EUC-JP"],
        }
    }
}

/// ASCII without escapes into other sets.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii() && !matches!(byte, 0x0e | 0x0f | 0x1b))
}

/// Private-use characters mean something to their vendor alone.
fn has_a_meaning(letter: char) -> bool {
    !matches!(letter, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{0}' | '\u{80}'..='\u{9f}')
}

impl Declared {
    /// Reads the repetitions of MSH-18: the first is the usual set, the others those that escapes lead to. One of these
    /// that cannot be read (JIS X 0212) is no reason to refuse what does not use it.
    pub fn of<'a>(repetitions: impl Iterator<Item = &'a str>) -> Declared {
        let named: Vec<&str> = repetitions.map(str::trim).filter(|name| !name.is_empty()).collect();
        let known: Vec<Option<Charset>> = named.iter().map(|name| Charset::named(name)).collect();
        let escaped_to = |name: &&str| matches!(*name, "ISO IR159" | "ISO IR13" | "ISO IR6" | "ASCII");
        match known.as_slice() {
            [] => Declared::Nothing,
            [Some(only)] => Declared::Known(*only),
            several if several.contains(&Some(Charset::Iso2022Jp)) => {
                let fits =
                    |(name, known): (&&str, &Option<Charset>)| *known == Some(Charset::Iso2022Jp) || escaped_to(name);
                let all_fit = named.iter().zip(several).all(fits);
                if all_fit { Declared::Known(Charset::Iso2022Jp) } else { Declared::Unknown }
            }
            _ => Declared::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(field: &str) -> Declared {
        Declared::of(field.split('~'))
    }

    #[test]
    fn names_of_table_0211_and_of_senders_are_known() {
        assert_eq!(declared(""), Declared::Nothing);
        assert_eq!(declared("~"), Declared::Nothing);
        assert_eq!(declared("~ISO IR87"), Declared::Known(Charset::Iso2022Jp));
        assert_eq!(declared("ISO IR6~ISO IR87~ISO IR159"), Declared::Known(Charset::Iso2022Jp));
        assert_eq!(declared("UNICODE UTF-8"), Declared::Known(Charset::Utf8));
        assert_eq!(declared("Shift_JIS"), Declared::Known(Charset::ShiftJis));
        assert_eq!(declared("ISO IR100"), Declared::Unknown);
        assert_eq!(declared("UNICODE UTF-8~ISO IR87"), Declared::Unknown);
    }

    #[test]
    fn one_text_is_read_from_every_set() {
        let text = "三東病棟 ポ１";
        for charset in [Charset::Utf8, Charset::Iso2022Jp, Charset::ShiftJis, Charset::EucJp] {
            assert_eq!(charset.decode(&charset.encode(text)).as_deref(), Some(text), "{charset:?}");
        }
        assert_eq!(Charset::Ascii.decode(text.as_bytes()), None);
        assert_eq!(Charset::Iso2022Jp.decode(b"\x1b(I36\x1b(B").as_deref(), Some("ｳｶ"), "half-width kana by escape");
    }

    #[test]
    fn what_does_not_belong_is_an_error() {
        for (charset, bytes) in [
            (Charset::Ascii, &b"\x1b$B;0\x1b(B"[..]),
            (Charset::Utf8, b"\x8e\x4f"),
            (Charset::Iso2022Jp, "三".as_bytes()),
            // Kana by SO and SI; JIS X 0212; a second byte that is missing.
            (Charset::Iso2022Jp, b"\x0e36\x0f"),
            (Charset::Iso2022Jp, b"\x1b$(D0!\x1b(B"),
            (Charset::Iso2022Jp, b"\x1b$B;\x1b(B"),
            (Charset::ShiftJis, b"\x8e"),
            // A vendor's own character.
            (Charset::ShiftJis, b"\xf0\x40"),
        ] {
            assert_eq!(charset.decode(bytes), None, "{charset:?} {bytes:x?}");
        }
    }
}
