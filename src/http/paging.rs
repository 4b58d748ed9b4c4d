//! What searches and histories share: `_count`, links, the form of a Bundle.

use crate::error::{Error, Result};
use crate::fhir::json::{Limits, parse, to_pretty};

use super::ask::Form;

/// `_count`: a number from 0.
pub fn read_count(value: &str) -> Result<usize> {
    value
        .parse()
        .map_err(|_| Error::bad_parameter("_count", "_count は 0 以上の整数です。", "_count is a whole number from 0."))
}

/// A parameter that `Prefer: handling=strict` refuses.
pub fn unknown_parameter(name: &str) -> Error {
    Error::bad_parameter(
        name,
        format!("パラメータ {name} は使えません。使えるものは /metadata にあります。"),
        format!("The parameter {name} is not known here. See /metadata for those that are."),
    )
}

/// `[base]/path?…`, percent-encoded.
pub fn url(base: &str, path: &str, pairs: &[(String, String)]) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b':')
        .remove(b'/')
        .remove(b'|')
        .remove(b',');
    let encode = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let slash = if path.is_empty() { "" } else { "/" };
    format!("{base}{slash}{path}{mark}{}", query.join("&"))
}

/// The Bundle's text, for people where they ask for it.
pub fn pretty(text: String, form: &Form) -> String {
    if !form.pretty {
        return text;
    }
    parse(text.as_bytes(), Limits { depth: usize::MAX }).map(|tree| to_pretty(&tree)).unwrap_or(text)
}
