//! `encode`, `decode`, `escape`, `unescape`. FHIRPath `#additional-string-functions`.

use crate::fhir::json::{Json, Limits, parse, write_string};

use super::super::error::EvaluationError;
use super::super::eval::{Collection, Evaluated, Evaluator, single};
use super::super::value::Item;
use super::{Call, Entry, function, nothing};

pub(super) const TABLE: &[Entry] = &[
    function("encode", 1, 1, |run, call, input| convert(run, call, &input, encode)),
    function("decode", 1, 1, |run, call, input| convert(run, call, &input, decode)),
    function("escape", 1, 1, |run, call, input| convert(run, call, &input, escape)),
    function("unescape", 1, 1, |run, call, input| convert(run, call, &input, unescape)),
];

/// Text and the name of a form; `None` where the form is unknown or the text is not of it.
type Conversion = fn(&str, &str) -> Option<String>;

fn convert<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: &Collection<'a>, to: Conversion) -> Evaluated<'a> {
    let (Some(item), Some(form)) = (single(input, call.name())?, call.text(run, 0)?) else { return nothing() };
    let text = item.as_text().ok_or(EvaluationError::wrong_type(call.name()))?;
    run.spend(text.len(), call.name())?;
    Ok(to(&text, &form).map(Item::text).into_iter().collect())
}

fn alphabet(form: &str) -> Option<Vec<u8>> {
    let tail: &[u8] = match form {
        "base64" => b"+/",
        "urlbase64" => b"-_",
        _ => return None,
    };
    Some((b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(tail.iter().copied()).collect())
}

fn encode(text: &str, form: &str) -> Option<String> {
    if form == "hex" {
        return Some(text.bytes().map(|byte| format!("{byte:02x}")).collect());
    }
    let alphabet = alphabet(form)?;
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or_default()));
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or_default();
            out.push(if place <= chunk.len() { char::from(*alphabet.get(digit)?) } else { '=' });
        }
    }
    Some(out)
}

fn decode(text: &str, form: &str) -> Option<String> {
    let (alphabet, width) = match form {
        "hex" => (b"0123456789abcdef".to_vec(), 4),
        _ => (alphabet(form)?, 6),
    };
    let text = if form == "hex" { text.to_ascii_lowercase() } else { text.trim_end_matches('=').to_owned() };
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::new());
    for byte in text.bytes() {
        let digit = alphabet.iter().position(|known| *known == byte)?;
        bits = (bits << width | u32::try_from(digit).ok()?) & 0xffff;
        held += width;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    String::from_utf8(out).ok()
}

const HTML: [(&str, &str); 5] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];

fn escape(text: &str, form: &str) -> Option<String> {
    match form {
        "html" => Some(HTML.iter().fold(text.to_owned(), |text, (plain, escaped)| text.replace(plain, escaped))),
        "json" => {
            let mut out = String::new();
            write_string(text, &mut out);
            out.get(1..out.len() - 1).map(str::to_owned)
        }
        _ => None,
    }
}

fn unescape(text: &str, form: &str) -> Option<String> {
    match form {
        "html" => Some(HTML.iter().rev().fold(text.to_owned(), |text, (plain, escaped)| text.replace(escaped, plain))),
        // A text without escapes may carry bare quotes.
        "json" => match parse(format!("\"{text}\"").as_bytes(), Limits::default()) {
            Ok(Json::String(plain)) => Some(plain),
            _ if !text.contains('\\') => Some(text.to_owned()),
            _ => None,
        },
        _ => None,
    }
}
