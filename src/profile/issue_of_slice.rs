//! Slices in words: which were tried, and why a value is in none of them.

use crate::fhir::json::{Json, to_compact};
use crate::fhir::outcome::{Issue, IssueCode};

use super::issue::{error, rule};
use super::shape::{Element, Structure};
use super::slicing::{Expected, Slice, Slicing, Test};
use super::walk::Walk;

/// Reasons that one finding gives, at most.
const SHOWN: usize = 4;

/// Why a value is not in a slice, in Japanese and English.
pub struct Reason {
    pub ja: String,
    pub en: String,
}

/// The first discriminator of `slice` that `value` does not meet.
pub fn reason<'a>(walk: &Walk<'a>, slice: &Slice, value: &'a Json, type_code: &'a str) -> Option<Reason> {
    let test = slice.tests.iter().find(|test| !test.holds(walk, value, type_code))?;
    let (name, path) = (&slice.name, if test.path.text.is_empty() { "$this" } else { &test.path.text });
    let (expected_ja, expected_en) = expected(test);
    let found = test.path.shown(walk, value);
    let (found_ja, found_en) = match found {
        Some(found) => (format!("「{found}」でした"), format!("found '{found}'")),
        None => ("別の値か、値なしでした".to_owned(), "found another value or none".to_owned()),
    };
    Some(Reason {
        ja: format!("「{name}」: {path} が{expected_ja}({found_ja})"),
        en: format!("'{name}': {path} must {expected_en} ({found_en})"),
    })
}

fn expected(test: &Test) -> (String, String) {
    match &test.expected {
        Expected::Pattern(pattern) => {
            let shown = to_compact(pattern);
            (format!("{shown} でない"), format!("be {shown}"))
        }
        Expected::Codes(set, _) => (format!("値セット {set} にない"), format!("be in the value set {set}")),
        Expected::Type(types) => {
            let types = types.join(" | ");
            (format!("型 {types} でない"), format!("be of type {types}"))
        }
        Expected::Exists(true) => ("ない".to_owned(), "exist".to_owned()),
        Expected::Exists(false) => ("ある".to_owned(), "not exist".to_owned()),
        Expected::Profile(profiles) => {
            let profiles = profiles.join(" | ");
            (format!("プロファイル {profiles} を満たさない"), format!("satisfy the profile {profiles}"))
        }
    }
}

/// A slice that occurs too seldom or too often; where too seldom, why what stands there is not in it.
pub fn count(structure: &Structure, element: &Element, slice: &Slice, found: u32, reasons: &[Reason]) -> Issue {
    let name = &slice.name;
    let max = slice.max.map_or_else(|| "*".to_owned(), |max| max.to_string());
    let few = found < slice.min;
    let (ja, en) = listed(reasons);
    error(
        if few { IssueCode::Required } else { IssueCode::Structure },
        format!("スライス「{name}」は {}..{max} 個でなければなりません({found}個ありました)。{ja}", slice.min),
        format!("The slice '{name}' must occur {}..{max} times; {found} found.{en}", slice.min),
    )
    .rule(rule(structure, &format!("{}:{name}", element.path), if few { "min" } else { "max" }))
}

/// A value in none of the slices, where others are not allowed.
pub fn in_none(structure: &Structure, element: &Element, slicing: &Slicing, reasons: &[Reason]) -> Issue {
    let names: Vec<&str> = slicing.slices.iter().map(|slice| slice.name.as_str()).collect();
    let names = names.join(", ");
    let (ja, en) = listed(reasons);
    error(
        IssueCode::Structure,
        format!("どのスライスにも当たりません。使えるスライス: {names}。{ja}"),
        format!("Matches none of the slices, and others are not allowed: {names}.{en}"),
    )
    .rule(rule(structure, &element.path, "slicing"))
}

pub fn out_of_order(structure: &Structure, element: &Element) -> Issue {
    error(IssueCode::Structure, "スライスの順序が違います。".into(), "The slices are out of order.".into()).rule(rule(
        structure,
        &element.path,
        "slicing",
    ))
}

fn listed(reasons: &[Reason]) -> (String, String) {
    if reasons.is_empty() {
        return (String::new(), String::new());
    }
    let join = |text: fn(&Reason) -> &str| reasons.iter().take(SHOWN).map(text).collect::<Vec<_>>().join("; ");
    let more = reasons.len().saturating_sub(SHOWN);
    let (more_ja, more_en) = if more > 0 {
        (format!("、ほか{more}件"), format!("; {more} more"))
    } else {
        (String::new(), String::new())
    };
    (
        format!(" 当たらない理由: {}{more_ja}。", join(|reason| &reason.ja)),
        format!(" Why not: {}{more_en}.", join(|reason| &reason.en)),
    )
}
