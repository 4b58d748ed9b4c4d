//! Bindings: whether a coded value is in the value set that its element is bound to.

use crate::fhir::json::Json;
use crate::fhir::outcome::{Issue, IssueCode, Severity};

use super::issue::rule;
use super::shape::{Binding, Element, Strength, Structure};
use super::terminology::{CodeSet, Membership};
use super::walk::Walk;

/// Codes shown of a value set.
const SHOWN_CODES: usize = 12;

impl<'a> Walk<'a> {
    pub fn binding(&mut self, structure: &'a Structure, element: &'a Element, binding: &'a Binding, value: &'a Json) {
        if !matches!(binding.strength, Strength::Required | Strength::Extensible) {
            return;
        }
        let set = binding.set.get_or_init(|| self.inner.terminology.set(&binding.value_set));
        let required = binding.strength == Strength::Required;
        let has = |key: &str| value.get(key).is_some();
        let wrong = match value {
            Json::String(code) => set.contains(None, code) == Membership::No && !is_format_name(&element.path, code),
            Json::Object(_) if has("coding") || (has("text") && !has("code")) => {
                return self.concept(structure, element, binding, set, value);
            }
            Json::Object(_) if has("code") => coding_membership(set, value) == Membership::No,
            // A Coding without a code says nothing; only a required binding minds.
            Json::Object(_) => required && has("display"),
            _ => false,
        };
        if wrong {
            let code = value.as_str().or_else(|| value.get_str("code"));
            self.report(code_not_in_set(structure, element, binding, set, code));
        }
    }

    fn concept(&mut self, structure: &Structure, element: &Element, binding: &Binding, set: &CodeSet, value: &'a Json) {
        let codings = value.items("coding");
        let found: Vec<Membership> = codings.iter().map(|coding| coding_membership(set, coding)).collect();
        if found.iter().any(|membership| *membership != Membership::No) {
            return;
        }
        if found.is_empty() && binding.strength != Strength::Required {
            return;
        }
        let code = codings.first().and_then(|coding| coding.get_str("code"));
        self.report(code_not_in_set(structure, element, binding, set, code));
    }
}

/// CapabilityStatement and TestScript let formats be named shortly (R4 `capabilitystatement.html`).
fn is_format_name(path: &str, code: &str) -> bool {
    matches!(code, "json" | "xml" | "ttl" | "none")
        && (path.starts_with("CapabilityStatement.") || path.starts_with("TestScript."))
}

fn coding_membership(set: &CodeSet, coding: &Json) -> Membership {
    match coding.get_str("code") {
        Some(code) => set.contains(Some(coding.get_str("system").unwrap_or_default()), code),
        None => Membership::No,
    }
}

fn code_not_in_set(
    structure: &Structure,
    element: &Element,
    binding: &Binding,
    set: &CodeSet,
    code: Option<&str>,
) -> Issue {
    let severity = if binding.strength == Strength::Required { Severity::Error } else { Severity::Warning };
    let shown = code.filter(|code| code.len() <= 40 && code.is_ascii() && !code.contains(' ')).unwrap_or_default();
    let allowed = set.sample(SHOWN_CODES).map(|(codes, total)| {
        let more = if total > codes.len() { format!(", … ({total})") } else { String::new() };
        format!("{}{more}", codes.join(", "))
    });
    let (allowed_ja, allowed_en) = match &allowed {
        Some(codes) => (format!(" 使えるコード: {codes}。"), format!(" Allowed: {codes}.")),
        None => (String::new(), String::new()),
    };
    let set_url = &binding.value_set;
    Issue::new(
        severity,
        IssueCode::CodeInvalid,
        format!("コード「{shown}」は値セット {set_url} にありません。{allowed_ja}"),
        format!("The code '{shown}' is not in the value set {set_url}.{allowed_en}"),
    )
    .rule(rule(structure, &element.path, "binding"))
}
