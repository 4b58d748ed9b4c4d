//! Coded values: whether a code is in the value set that its element is bound to, and whether it is one of its system at
//! all. R4 `terminologies.html`.
//!
//! Bindings: required is an error, extensible a warning, preferred an information, example nothing. A code that a code
//! system at hand does not have is an error wherever it stands, as it is to HL7's validator. A display that is none of the
//! concept's is a warning. A code system that is not at hand is told once in a validation.

use crate::fhir::json::Json;
use crate::fhir::outcome::{Issue, IssueCode, Severity};

use super::format;
use super::issue::rule;
use super::registry::R4_DEFINITIONS;
use super::shape::{Binding, Element, Strength, Structure};
use super::terminology::{CodeSet, CodeSystem, Concept, Member, Membership, known_form, nearest};
use super::walk::Walk;

/// Codes shown of a value set, and how many are counted at most.
const SHOWN_CODES: usize = 12;
const COUNTED_CODES: usize = 5_000;

/// Code systems that are told as not at hand in one validation.
const TOLD_SYSTEMS: usize = 16;

/// With more findings than this, what was meant is not looked for any more.
const SUGGESTIONS: usize = 50;

const IN_SYSTEM: &str = "code-system";

impl<'a> Walk<'a> {
    /// The binding of one value.
    pub fn binding(&mut self, structure: &'a Structure, element: &'a Element, binding: &'a Binding, value: &'a Json) {
        if binding.strength == Strength::Example {
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
            // A Coding without a code is in no set, which only a required binding minds. (A Quantity has a value.)
            Json::Object(_) => required && !has("value") && ["system", "version", "display"].into_iter().any(has),
            _ => false,
        };
        if wrong && (required || value.as_str().is_some() || self.worth_telling(value)) {
            let mut issue = self.not_in_set(structure, element, binding, set, value);
            // A plain code has no system of its own, so it is none of any: `Reference.type`.
            if value.as_str().is_some_and(|code| binding.strength == Strength::Extensible && !format::scheme(code)) {
                issue.severity = Severity::Error;
            }
            self.outside(issue, required);
        }
    }

    fn concept(&mut self, structure: &Structure, element: &Element, binding: &Binding, set: &CodeSet, value: &'a Json) {
        let codings = value.items("coding");
        if codings.iter().any(|coding| coding_membership(set, coding) != Membership::No) {
            return;
        }
        let required = binding.strength == Strength::Required;
        // Text alone is right where no code of an extensible set fits.
        if !required && !codings.iter().any(|coding| self.worth_telling(coding)) {
            return;
        }
        let issue = self.not_in_set(structure, element, binding, set, codings.first().unwrap_or(&Json::Null));
        self.outside(issue, required);
    }

    fn not_in_set(
        &self,
        structure: &Structure,
        element: &Element,
        binding: &Binding,
        set: &CodeSet,
        value: &Json,
    ) -> Issue {
        let severity = match binding.strength {
            Strength::Required => Severity::Error,
            Strength::Extensible => Severity::Warning,
            Strength::Preferred | Strength::Example => Severity::Information,
        };
        let code = value.as_str().or_else(|| value.get_str("code"));
        // A code of a system that the set does not draw on is not a slip of the pen.
        let near =
            code.filter(|_| self.suggests() && value.get_str("system").is_none_or(|system| set.draws_on(system)));
        let of_system =
            || code.filter(|_| self.suggests() && value.as_object().is_some()).and_then(|code| system_of(set, code));
        let (meant_ja, meant_en) = of_system().or_else(|| near.and_then(|code| meant(set, code))).unwrap_or_default();
        let (allowed_ja, allowed_en) = set.shown(allowed).map_or(("", ""), |(ja, en)| (ja, en));
        let set_url = &binding.value_set;
        let (ja, en) = match code.map(shown_code) {
            Some("") => (
                format!("このコードは値セット {set_url} にありません。"),
                format!("The code is not in the value set {set_url}."),
            ),
            Some(code) => (
                format!("コード「{code}」は値セット {set_url} にありません。"),
                format!("The code '{code}' is not in the value set {set_url}."),
            ),
            None => (
                format!("値セット {set_url} のコードがありません。"),
                format!("There is no code of the value set {set_url}."),
            ),
        };
        Issue::new(
            severity,
            IssueCode::CodeInvalid,
            format!("{ja}{meant_ja}{allowed_ja}"),
            format!("{en}{meant_en}{allowed_en}"),
        )
        .rule(rule(structure, &element.path, "binding"))
    }

    /// Looking for what was meant takes time; after many findings nobody reads it.
    fn suggests(&self) -> bool {
        self.issues.len() < SUGGESTIONS
    }

    /// Whether nothing worse is told of the coding anyway: that it has no system, or that the system has no such code.
    fn worth_telling(&self, coding: &Json) -> bool {
        match (coding.get_str("system"), coding.get_str("code")) {
            (Some(system), Some(code)) => self.inner.terminology.has_code(system, code) != Some(Membership::No),
            _ => false,
        }
    }

    /// Tells that a code is not in its set. An error says more than that the code is none of its system's, and takes the
    /// place of that.
    fn outside(&mut self, issue: Issue, is_error: bool) {
        if is_error {
            let here = self.pointer.as_str();
            let below = |issue: &Issue| issue.pointer.as_deref().is_some_and(|pointer| pointer.starts_with(here));
            let of_system = |issue: &Issue| issue.rule.as_deref().is_some_and(|rule| rule.ends_with(IN_SYSTEM));
            self.issues.retain(|issue| !(of_system(issue) && below(issue)));
        }
        self.report(issue);
    }

    /// Whether a required binding of the coding, or of the concept around it, has been found broken.
    fn is_outside_told(&self) -> bool {
        let here = self.pointer.as_str();
        let concept = here.rfind("/coding/").and_then(|end| here.get(..end));
        self.issues.iter().filter(|issue| issue.is_error()).any(|issue| {
            issue.rule.as_deref().is_some_and(|rule| rule.ends_with("|binding"))
                && (issue.pointer.as_deref() == Some(here)
                    || (concept.is_some() && issue.pointer.as_deref() == concept))
        })
    }

    /// A Coding, whatever it is bound to: its code against its system, its display against its code.
    pub fn coding(&mut self, coding: &'a Json) {
        let Some(code) = coding.get_str("code") else { return };
        let Some(system) = coding.get_str("system") else {
            self.report(no_system());
            return;
        };
        let inner = self.inner;
        let Some(known) = inner.terminology.system(system) else {
            self.without_concepts(system, code);
            return;
        };
        let Some(concept) = known.concept(code) else {
            if known.complete {
                let issue = match (known.in_other_case(code), &known.version) {
                    (Some(concept), _) => other_case(known, concept),
                    (None, Some(version)) if coding.get_str("version").is_some_and(|asked| asked != version) => {
                        not_in_version(known, version, code)
                    }
                    _ if self.is_outside_told() => return,
                    _ => not_in_system(known, code, self.suggests()),
                };
                self.within("code", |walk| walk.report(issue));
            }
            return;
        };
        if let Some(display) = coding.get_str("display")
            && display != concept.display()
            && known.is_display(concept, display) == Membership::No
        {
            self.within("display", |walk| walk.report(other_display(known, concept)));
        }
    }

    /// The unit of a Quantity.
    pub fn unit(&mut self, quantity: &'a Json) {
        if let (Some(system), Some(code)) = (quantity.get_str("system"), quantity.get_str("code")) {
            match self.inner.terminology.system(system) {
                Some(known) if known.has(code) == Membership::No => {
                    let issue = not_in_system(known, code, self.suggests());
                    self.within("code", |walk| walk.report(issue));
                }
                Some(_) => {}
                None => self.without_concepts(system, code),
            }
        }
    }

    /// A code of a system that is known by form only, or not at all.
    fn without_concepts(&mut self, system: &'a str, code: &str) {
        match known_form(system) {
            Some(form) if form(code) == Membership::No => {
                let issue = not_of_form(system, code);
                self.within("code", |walk| walk.report(issue));
            }
            Some(_) => {}
            None if self.told_systems.contains(&system) || self.told_systems.len() >= TOLD_SYSTEMS => {}
            None => {
                self.told_systems.push(system);
                let is_set = self.inner.terminology.knows_value_set(system);
                self.within("system", |walk| walk.report(unknown_system(system, is_set)));
            }
        }
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

/// A code as it may be shown: short and plain, or not at all.
pub fn shown_code(code: &str) -> &str {
    if code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_graphic()) { code } else { "" }
}

fn shown_address(address: &str) -> &str {
    if address.len() <= 200 && address.is_ascii() { address } else { "" }
}

/// The code of the set that was probably meant.
fn meant(set: &CodeSet, code: &str) -> Option<(String, String)> {
    let mut members: Vec<Member<'_>> = Vec::new();
    set.each(&mut |member| {
        members.push(member);
        members.len() < COUNTED_CODES
    })
    .ok()?;
    nearest(code, members.iter().map(|member| (member.code, member.display(None)))).map(did_you_mean)
}

/// Where the code is right and its system is not (or is missing): the system that it has in the set.
fn system_of(set: &CodeSet, code: &str) -> Option<(String, String)> {
    // Mostly the set has no such code at all; that is one look, and going through the set is not.
    if set.contains(None, code) != Membership::Yes {
        return None;
    }
    let (mut found, mut seen) = (None, 0_usize);
    set.each(&mut |member| {
        if member.code == code {
            found = Some(member.system.to_owned());
        }
        seen += 1;
        found.is_none() && seen < COUNTED_CODES
    })
    .ok()?;
    found.map(|system| {
        (
            format!(" この値セットでの「{code}」の system は {system} です。"),
            format!(" In this value set the system of '{code}' is {system}."),
        )
    })
}

fn did_you_mean(code: &str) -> (String, String) {
    (format!(" 「{code}」ではありませんか。"), format!(" Did you mean '{code}'?"))
}

/// Some of the codes, with displays in both languages; `None` where they are not all known.
fn allowed(set: &CodeSet) -> Option<(String, String)> {
    let (mut ja, mut en, mut total) = (Vec::new(), Vec::new(), 0_usize);
    set.each(&mut |member| {
        if total < SHOWN_CODES {
            ja.push(with_display(&member, "ja"));
            en.push(with_display(&member, "en"));
        }
        total += 1;
        total < COUNTED_CODES
    })
    .ok()?;
    let more = if total > ja.len() { format!(", … ({total})") } else { String::new() };
    Some((format!(" 使えるコード: {}{more}。", ja.join(", ")), format!(" Allowed: {}{more}.", en.join(", "))))
}

fn with_display(member: &Member<'_>, language: &str) -> String {
    match member.display(Some(language)) {
        Some(display) if !display.eq_ignore_ascii_case(member.code) => format!("{} ({display})", member.code),
        _ => member.code.to_owned(),
    }
}

fn no_system() -> Issue {
    Issue::warning(
        IssueCode::CodeInvalid,
        "system のないコードは意味が決まらず、検証できません。system を付けてください。",
        "A code without a system has no defined meaning and cannot be checked. Give its system.",
    )
    .rule(coding_rule("system", "present"))
}

fn not_in_system(system: &CodeSystem, code: &str, suggest: bool) -> Issue {
    let concepts = system.concepts().iter().filter(|concept| suggest && !concept.is_abstract);
    let near = nearest(code, concepts.map(|concept| (&*concept.code, Some(concept.display()))));
    let (meant_ja, meant_en) = near.map(did_you_mean).unwrap_or_default();
    let (code, url) = (shown_code(code), &system.url);
    Issue::error(
        IssueCode::CodeInvalid,
        format!("コード「{code}」はコード体系 {url} にありません。{meant_ja}"),
        format!("The code '{code}' is not in the code system {url}.{meant_en}"),
    )
    .rule(coding_rule("code", IN_SYSTEM))
}

fn not_in_version(system: &CodeSystem, version: &str, code: &str) -> Issue {
    let (code, url) = (shown_code(code), &system.url);
    Issue::warning(
        IssueCode::CodeInvalid,
        format!("コード「{code}」はコード体系 {url} の版 {version} になく、書かれた版はここにありません。"),
        format!("The code '{code}' is not in version {version} of {url}, and the version named is not at hand."),
    )
    .rule(coding_rule("version", "known"))
}

fn other_case(system: &CodeSystem, concept: &Concept) -> Issue {
    let (code, url) = (&concept.code, &system.url);
    Issue::warning(
        IssueCode::CodeInvalid,
        format!("コード体系 {url} のコードは「{code}」です。大文字と小文字を合わせてください。"),
        format!("The code of the code system {url} is '{code}'. Write it in that case."),
    )
    .rule(coding_rule("code", "case"))
}

fn not_of_form(system: &str, code: &str) -> Issue {
    let code = shown_code(code);
    Issue::error(
        IssueCode::CodeInvalid,
        format!("「{code}」は {system} のコードの形ではありません。"),
        format!("'{code}' has not the form of a code of {system}."),
    )
    .rule(coding_rule("code", IN_SYSTEM))
}

fn unknown_system(system: &str, is_set: bool) -> Issue {
    let shown = shown_address(system);
    let (ja, en) = if is_set {
        (
            format!("{shown} は値セットの URL です。コード体系の URL を system に書いてください。"),
            format!("{shown} is the address of a value set. Give that of the code system."),
        )
    } else {
        (
            format!("コード体系 {shown} はここにないため、そのコードは検証していません。"),
            format!("The code system {shown} is not at hand, so its codes have not been checked."),
        )
    };
    Issue::warning(IssueCode::NotFound, ja, en).rule(coding_rule("system", "known"))
}

fn other_display(system: &CodeSystem, concept: &Concept) -> Issue {
    let (code, ja, en) = (&concept.code, system.display(concept, Some("ja")), system.display(concept, Some("en")));
    Issue::warning(
        IssueCode::Invalid,
        format!("display がコード「{code}」の表示名と違います。正しい表示名: {ja}。"),
        format!("The display is not one of the code '{code}', which is '{en}'."),
    )
    .rule(coding_rule("display", "display"))
}

fn coding_rule(element: &str, key: &str) -> String {
    format!("{R4_DEFINITIONS}Coding|Coding.{element}|{key}")
}
