//! Values of inputs that several operations read.

use crate::error::{Error, Result};
use crate::fhir::outcome::CANONICAL;
use crate::http::App;
use crate::profile::operation::{LookupRequest, Refusal};

/// Codes of one of the region's systems, with a comma between them: a wrong one would find nothing, and nobody would know.
pub fn codes(app: &App, name: &str, value: &str, system: &str) -> Result<Vec<String>> {
    let system = format!("{CANONICAL}/CodeSystem/{system}");
    let code = |text: &str| {
        let (of, code) = text.rsplit_once('|').map_or((None, text), |(of, code)| (Some(of), code));
        let request = LookupRequest { system: &system, code, ..LookupRequest::default() };
        let unknown = matches!(app.gateway.definitions.lookup(&request), Err(Refusal::UnknownCode { .. }));
        if unknown || of.is_some_and(|of| of != system) {
            let ja = format!("{code} は {system} のコードではありません。");
            return Err(Error::bad_parameter(name, ja, format!("{code} is no code of {system}.")));
        }
        Ok(code.to_owned())
    };
    value.split(',').map(code).collect()
}

/// 400 where a name stands twice that may not.
pub fn refuse_repeated(pairs: &[(String, String)], may_repeat: &[&str]) -> Result<()> {
    let again = |(at, (name, _)): &(usize, &(String, String))| {
        !may_repeat.contains(&name.as_str()) && pairs[..*at].iter().any(|(earlier, _)| earlier == name)
    };
    match pairs.iter().enumerate().find(again) {
        None => Ok(()),
        Some((_, (name, _))) => {
            let ja = "このパラメータは一度だけです。";
            Err(Error::bad_parameter(name, ja, "The parameter may stand once only."))
        }
    }
}

pub fn whole(name: &str, value: &str) -> Result<i64> {
    let found = value.parse().ok().filter(|number: &i64| *number >= 0);
    found.ok_or_else(|| Error::bad_parameter(name, "0 以上の整数です。", "It is a whole number from 0."))
}

/// `30`, minutes, or with a unit: `2|h`. In milliseconds.
pub fn duration(name: &str, value: &str) -> Result<i64> {
    let (number, unit) = value.split_once('|').unwrap_or((value, "min"));
    let millis = match unit {
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => {
            let (ja, en) = ("単位は s, min, h, d のどれかです。", "Its unit is one of s, min, h and d.");
            return Err(Error::bad_parameter(name, ja, en));
        }
    };
    Ok(whole(name, number)?.saturating_mul(millis))
}
