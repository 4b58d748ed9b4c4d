//! Tokens. R4 `search.html#token`.

use crate::error::Result;
use crate::search::extract::index_form;
use crate::search::query::refusal;
use crate::store::{TokenPattern, system_id};

use super::escape::{split, split_once, unescape};

/// A token as it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// `None`: any; empty: none.
    pub system: Option<String>,
    /// `None`: any code of the system.
    pub code: Option<String>,
}

/// `code`, `system|code`, `|code` or `system|`.
pub fn read(name: &str, raw: &str) -> Result<Token> {
    let filled = |text: &str| Some(unescape(text)).filter(|text| !text.is_empty());
    match split_once(raw, '|') {
        None => Ok(Token { system: None, code: Some(unescape(raw)) }),
        Some(("", "")) => Err(refusal::value(
            name,
            "system もコードもありません。例: http://loinc.org|1234-5",
            "it has neither system nor code. Example: http://loinc.org|1234-5",
        )),
        Some((system, code)) => Ok(Token { system: Some(unescape(system)), code: filled(code) }),
    }
}

pub fn pattern(name: &str, raw: &str) -> Result<TokenPattern> {
    read(name, raw).map(of)
}

/// What rows fit the token.
pub fn of(token: Token) -> TokenPattern {
    match token {
        Token { system: Some(system), code: Some(code) } => exact(&system, &code),
        Token { system: Some(system), code: None } => TokenPattern::System(system_id(&system)),
        Token { system: None, code } => TokenPattern::Code(index_form(&code.unwrap_or_default())),
    }
}

pub fn exact(system: &str, code: &str) -> TokenPattern {
    TokenPattern::Exact { system: system_id(system), code: index_form(code) }
}

/// `system|code|value` of an identifier with a type, for `:of-type`.
pub fn of_type(name: &str, raw: &str) -> Result<TokenPattern> {
    let parts: Vec<String> = split(raw, '|').into_iter().map(unescape).collect();
    match parts.as_slice() {
        [system, code, value] if parts.iter().all(|part| !part.is_empty()) => {
            Ok(exact(&format!("{system}|{code}"), value))
        }
        _ => Err(refusal::value(
            name,
            "識別子の種別と値を「system|コード|値」の形で書いてください。例: http://terminology.hl7.org/CodeSystem/v2-0203|MR|12345",
            "an identifier's type and value are written system|code|value. Example: http://terminology.hl7.org/CodeSystem/v2-0203|MR|12345",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_four_forms_and_escapes() {
        let token = |text: &str| pattern("t", text).unwrap();
        assert_eq!(token("a"), TokenPattern::Code("a".into()));
        assert_eq!(token("s|a"), exact("s", "a"));
        assert_eq!(token("|a"), exact("", "a"));
        assert_eq!(token("s|"), TokenPattern::System(system_id("s")));
        assert_eq!(token(r"s|a\|b"), exact("s", "a|b"));
        assert_eq!(token(r"s\|t|a\,b"), exact("s|t", "a,b"));
        assert!(pattern("t", "|").is_err());
    }

    #[test]
    fn an_identifier_of_a_type_needs_all_three_parts() {
        assert_eq!(of_type("i", r"s|MR|1\|2").unwrap(), exact("s|MR", "1|2"));
        for bad in ["MR|1", "s|MR|", "|MR|1", "s||1", "s|MR|1|2", "x"] {
            assert!(of_type("i", bad).is_err(), "{bad}");
        }
    }
}
