//! A strict parser: RFC 8259 text, no duplicate keys, bounded depth. R4 `json.html`.

use std::collections::HashSet;
use std::fmt;

use super::place::{Place, places_of};
use super::value::{Json, Number, Object, escape_pointer};

/// What a text may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Arrays and objects that may stand inside each other.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: 64 }
    }
}

/// Why a text is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    NotUtf8,
    UnexpectedEnd,
    UnexpectedCharacter,
    InvalidNumber,
    InvalidString,
    DuplicateKey,
    TooDeep,
    TrailingText,
}

/// A refused text, with the place where reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub kind: SyntaxErrorKind,
    /// JSON pointer of the innermost value that was being read.
    pub pointer: String,
    /// Bytes from the start of the text.
    pub offset: usize,
    pub place: Place,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at line {} column {}", self.kind, self.place.line, self.place.column)
    }
}

impl std::error::Error for SyntaxError {}

/// Parses one JSON text. A byte order mark at the start is passed over (RFC 8259 section 8.1).
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Json, SyntaxError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| locate(bytes, SyntaxErrorKind::NotUtf8, String::new(), error.valid_up_to()))?;
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut parser = Parser { text, bytes, at: start, limits, path: Vec::new() };
    parser.document().map_err(|kind| locate(bytes, kind, parser.pointer(), parser.at.min(bytes.len())))
}

fn locate(bytes: &[u8], kind: SyntaxErrorKind, pointer: String, offset: usize) -> SyntaxError {
    let place = places_of(bytes, &[offset]).pop().unwrap_or(Place { line: 1, column: 1 });
    SyntaxError { kind, pointer, offset, place }
}

enum Step {
    Key(String),
    Index(usize),
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    limits: Limits,
    path: Vec<Step>,
}

type Read<T> = Result<T, SyntaxErrorKind>;

impl Parser<'_> {
    fn document(&mut self) -> Read<Json> {
        let value = self.value(0)?;
        self.skip_space();
        if self.at < self.bytes.len() { Err(SyntaxErrorKind::TrailingText) } else { Ok(value) }
    }

    fn value(&mut self, depth: usize) -> Read<Json> {
        self.skip_space();
        match self.peek()? {
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'"' => Ok(Json::String(self.string()?)),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(SyntaxErrorKind::UnexpectedCharacter),
        }
    }

    fn object(&mut self, depth: usize) -> Read<Json> {
        self.enter(depth)?;
        let (mut object, mut keys) = (Object::new(), Keys::default());
        if self.next_is(b'}') {
            return Ok(Json::Object(object));
        }
        loop {
            self.skip_space();
            if self.peek()? != b'"' {
                return Err(SyntaxErrorKind::UnexpectedCharacter);
            }
            let key_at = self.at;
            let key = self.string()?;
            self.path.push(Step::Key(key));
            self.expect(b':')?;
            let value = self.value(depth)?;
            let Some(Step::Key(key)) = self.path.pop() else { unreachable!("a key was pushed above") };
            if keys.hold(&object, &key) {
                self.at = key_at;
                self.path.push(Step::Key(key));
                return Err(SyntaxErrorKind::DuplicateKey);
            }
            keys.add(&object, &key);
            object.push_unchecked(key, value);
            if !self.more(b'}')? {
                return Ok(Json::Object(object));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Read<Json> {
        self.enter(depth)?;
        let mut items = Vec::new();
        if self.next_is(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            self.path.push(Step::Index(items.len()));
            items.push(self.value(depth)?);
            self.path.pop();
            if !self.more(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    fn enter(&mut self, depth: usize) -> Read<()> {
        if depth > self.limits.depth {
            return Err(SyntaxErrorKind::TooDeep);
        }
        self.at += 1;
        Ok(())
    }

    /// After a member or item: whether a comma follows; otherwise the closing bracket must.
    fn more(&mut self, close: u8) -> Read<bool> {
        self.skip_space();
        let found = self.peek()?;
        if found != b',' && found != close {
            return Err(SyntaxErrorKind::UnexpectedCharacter);
        }
        self.at += 1;
        Ok(found == b',')
    }

    fn next_is(&mut self, wanted: u8) -> bool {
        self.skip_space();
        let found = self.bytes.get(self.at) == Some(&wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: u8) -> Read<()> {
        self.skip_space();
        if self.peek()? != wanted {
            return Err(SyntaxErrorKind::UnexpectedCharacter);
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, value: Json) -> Read<Json> {
        if !self.text[self.at..].starts_with(word) {
            return Err(SyntaxErrorKind::UnexpectedCharacter);
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Read<Json> {
        let start = self.at;
        self.at += usize::from(self.bytes[self.at] == b'-');
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let whole = self.digits()?;
        if leading_zero && whole > 1 {
            return Err(SyntaxErrorKind::InvalidNumber);
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Json::Number(Number::from_text(&self.text[start..self.at])))
    }

    fn digits(&mut self) -> Read<usize> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { Err(SyntaxErrorKind::InvalidNumber) } else { Ok(self.at - start) }
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let run = self.at;
            while self.bytes.get(self.at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            out.push_str(&self.text[run..self.at]);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => out.push(self.escape()?),
                _ => return Err(SyntaxErrorKind::InvalidString),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        self.at += 1;
        let escaped = self.peek()?;
        self.at += 1;
        Ok(match escaped {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(SyntaxErrorKind::InvalidString),
        })
    }

    fn unicode(&mut self) -> Read<char> {
        let high = self.hex4()?;
        if !(0xd800..0xe000).contains(&high) {
            return char::from_u32(high).ok_or(SyntaxErrorKind::InvalidString);
        }
        if high >= 0xdc00 || !self.text[self.at..].starts_with("\\u") {
            return Err(SyntaxErrorKind::InvalidString);
        }
        self.at += 2;
        let low = self.hex4()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(SyntaxErrorKind::InvalidString);
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or(SyntaxErrorKind::InvalidString)
    }

    fn hex4(&mut self) -> Read<u32> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(SyntaxErrorKind::UnexpectedEnd)?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + (*digit as char).to_digit(16).ok_or(SyntaxErrorKind::InvalidString)?;
        }
        self.at += 4;
        Ok(code)
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Read<u8> {
        self.bytes.get(self.at).copied().ok_or(SyntaxErrorKind::UnexpectedEnd)
    }

    fn pointer(&self) -> String {
        self.path.iter().fold(String::new(), |mut pointer, step| {
            pointer.push('/');
            match step {
                Step::Key(key) => pointer.push_str(&escape_pointer(key)),
                Step::Index(index) => pointer.push_str(&index.to_string()),
            }
            pointer
        })
    }
}

/// An object of more members than that is none of FHIR's, and is not searched from its start for each of them.
const FEW: usize = 64;

/// The keys of an object, once there are many.
#[derive(Default)]
struct Keys {
    many: HashSet<String>,
}

impl Keys {
    fn hold(&self, object: &Object, key: &str) -> bool {
        if object.len() <= FEW { object.contains_key(key) } else { self.many.contains(key) }
    }

    /// A key that is about to be pushed.
    fn add(&mut self, object: &Object, key: &str) {
        if object.len() == FEW {
            self.many.extend(object.iter().map(|(name, _)| name.to_owned()));
        }
        if object.len() >= FEW {
            self.many.insert(key.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Result<Json, SyntaxErrorKind> {
        parse(text.as_bytes(), Limits::default()).map_err(|error| error.kind)
    }

    #[test]
    fn numbers_keep_their_text() {
        for text in ["1.50", "1e2", "-0", "0.000000000000000000001", "1E-9"] {
            assert_eq!(kind(text), Ok(Json::Number(Number::from_text(text))));
        }
        for text in ["01", "1.", ".5", "+1", "1e", "-"] {
            assert!(kind(text).is_err(), "{text} is not a JSON number");
        }
    }

    #[test]
    fn duplicate_keys_are_refused_where_they_stand() {
        let error = parse(br#"{"a":[{"b":1,"b":2}]}"#, Limits::default()).unwrap_err();
        assert_eq!((error.kind, error.pointer.as_str()), (SyntaxErrorKind::DuplicateKey, "/a/0/b"));
        assert_eq!(error.place.column, 14);
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(100_000);
        assert_eq!(kind(&deep), Err(SyntaxErrorKind::TooDeep));
    }

    #[test]
    fn surrogates_must_pair() {
        assert_eq!(kind(r#""\ud83c\udfe5""#), Ok(Json::from("🏥")));
        assert_eq!(kind(r#""\ud83c""#), Err(SyntaxErrorKind::InvalidString));
        assert_eq!(kind(r#""\udfe5""#), Err(SyntaxErrorKind::InvalidString));
    }

    #[test]
    fn duplicate_keys_are_refused_in_large_objects() {
        let object = |twice: usize| {
            let members: Vec<String> = (0..200).chain([twice]).map(|n| format!("\"m{n}\":1")).collect();
            parse(format!("{{{}}}", members.join(",")).as_bytes(), Limits::default())
        };
        assert!(object(200).is_ok());
        for twice in [0, 62, 63, 64, 65, 199] {
            assert_eq!(object(twice).unwrap_err().kind, SyntaxErrorKind::DuplicateKey, "{twice}");
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_serde_json_on_what_is_json(text in r#"[\[\]{}",:0-9eE.+\-truefalsn\\u ]{0,24}"#) {
            let reference = serde_json::from_str::<serde_json::Value>(&text);
            match kind(&text) {
                Ok(tree) => {
                    let huge = text.contains(['e', 'E']);
                    proptest::prop_assert!(reference.is_ok() || huge, "accepted {text}");
                    if let Ok(reference) = reference && !huge { proptest::prop_assert_eq!(tree.to_serde(), reference); }
                }
                Err(SyntaxErrorKind::DuplicateKey) => {}
                Err(_) => proptest::prop_assert!(reference.is_err(), "refused {text}"),
            }
        }
    }
}
