//! OperationOutcome: what is wrong, where, by which rule, and how to mend it, in Japanese and English.
//! R4 `operationoutcome.html`.

use super::json::{Json, Number, Object, Place, expression_of_pointer, locate_all};

/// The canonical base of this project's own definitions.
pub const CANONICAL: &str = "https://kakehashi.example/fhir";

/// `OperationOutcome.issue.severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Fatal,
    Error,
    Warning,
    Information,
}

/// The codes of `issue-type` that this program answers with (R4 `valueset-issue-type.html`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssueCode {
    Invalid,
    Structure,
    Required,
    Value,
    Invariant,
    Security,
    Forbidden,
    Processing,
    NotSupported,
    Duplicate,
    MultipleMatches,
    NotFound,
    Deleted,
    TooLong,
    TooCostly,
    CodeInvalid,
    Extension,
    BusinessRule,
    Conflict,
    Transient,
    Throttled,
    Timeout,
    Exception,
    Informational,
}

/// The language in which `details.text` is given; the other one stands beside it as a translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    Ja,
    En,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    pub code: IssueCode,
    /// FHIRPath of the element, such as `Location.identifier[0].system`.
    pub expression: Option<String>,
    /// JSON pointer of the element in the text that was sent.
    pub pointer: Option<String>,
    /// Where the element begins in the text that was sent, once [`locate_issues`] has seen to it.
    pub place: Option<Place>,
    /// `profile|element|constraint`, as far as these apply.
    pub rule: Option<String>,
    /// What is wrong, what was found, how to mend it. Never patient data.
    pub ja: String,
    pub en: String,
}

impl Issue {
    pub fn new(severity: Severity, code: IssueCode, ja: impl Into<String>, en: impl Into<String>) -> Self {
        let (ja, en) = (ja.into(), en.into());
        Issue { severity, code, expression: None, pointer: None, place: None, rule: None, ja, en }
    }

    pub fn error(code: IssueCode, ja: impl Into<String>, en: impl Into<String>) -> Self {
        Issue::new(Severity::Error, code, ja, en)
    }

    pub fn warning(code: IssueCode, ja: impl Into<String>, en: impl Into<String>) -> Self {
        Issue::new(Severity::Warning, code, ja, en)
    }

    /// Places the finding in a resource of `root` type (its pointer gives the expression, too).
    #[must_use]
    pub fn at(mut self, root: &str, pointer: impl Into<String>) -> Self {
        let pointer = pointer.into();
        self.expression = Some(expression_of_pointer(root, &pointer));
        self.pointer = Some(pointer);
        self
    }

    /// Places the finding by expression alone: a header, a parameter, an element that is absent.
    #[must_use]
    pub fn on(mut self, expression: impl Into<String>) -> Self {
        self.expression = Some(expression.into());
        self
    }

    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// The same finding seen from the Bundle that holds the resource at `entry[index]`.
    #[must_use]
    pub fn within_entry(mut self, index: usize) -> Self {
        let place = format!("Bundle.entry[{index}]");
        self.expression = Some(match self.expression {
            Some(expression) => match expression.split_once('.') {
                Some((_, rest)) if self.pointer.is_some() => format!("{place}.resource.{rest}"),
                _ if self.pointer.is_some() => format!("{place}.resource"),
                _ => format!("{place}.request"),
            },
            None => place,
        });
        self.pointer = self.pointer.map(|pointer| format!("/entry/{index}/resource{pointer}"));
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity <= Severity::Error
    }

    pub fn is_warning(&self) -> bool {
        self.severity == Severity::Warning
    }

    /// What is wrong, in one language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Ja => &self.ja,
            Language::En => &self.en,
        }
    }

    fn to_json(&self, language: Language) -> Json {
        let mut issue = Object::new();
        let (text, other, other_code) = match language {
            Language::Ja => (&self.ja, &self.en, "en"),
            Language::En => (&self.en, &self.ja, "ja"),
        };
        let mut extensions = Vec::new();
        if let Some(pointer) = &self.pointer {
            extensions.push(string_extension(&format!("{CANONICAL}/StructureDefinition/json-pointer"), pointer));
        }
        if let Some(place) = self.place {
            extensions.push(integer_extension("line", place.line));
            extensions.push(integer_extension("col", place.column));
        }
        if !extensions.is_empty() {
            issue.insert("extension", extensions);
        }
        issue.insert("severity", self.severity.code());
        issue.insert("code", self.code.code());
        issue.insert("details", details(text, other, other_code));
        if let Some(rule) = &self.rule {
            issue.insert("diagnostics", format!("rule: {rule}"));
        }
        if let Some(expression) = &self.expression {
            issue.insert("expression", vec![Json::from(expression.as_str())]);
        }
        issue.into()
    }
}

fn details(text: &str, other: &str, other_code: &str) -> Object {
    let mut translation = Object::new();
    translation.insert("url", "http://hl7.org/fhir/StructureDefinition/translation");
    let lang: Json = [("url".to_owned(), Json::from("lang")), ("valueCode".to_owned(), Json::from(other_code))]
        .into_iter()
        .collect::<Object>()
        .into();
    translation.insert("extension", vec![lang, string_extension("content", other)]);
    let mut sibling = Object::new();
    sibling.insert("extension", vec![Json::Object(translation)]);
    let mut details = Object::new();
    details.insert("text", text);
    details.insert("_text", sibling);
    details
}

fn string_extension(url: &str, value: &str) -> Json {
    let mut extension = Object::new();
    extension.insert("url", url);
    extension.insert("valueString", value);
    extension.into()
}

/// `operationoutcome-issue-line` and `-col` of HL7's extensions pack, as HL7's validator writes them.
fn integer_extension(what: &str, value: usize) -> Json {
    let mut extension = Object::new();
    extension.insert("url", format!("http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-{what}"));
    extension.insert("valueInteger", Json::Number(Number::from(i64::try_from(value).unwrap_or(i64::MAX))));
    extension.into()
}

/// Gives findings with a pointer their line and column in `text`, which their pointers are about.
pub fn locate_issues(issues: &mut [Issue], text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let open = |issue: &Issue| issue.place.is_none() && issue.pointer.is_some();
    if !issues.iter().any(open) {
        return;
    }
    let pointers: Vec<&str> =
        issues.iter().filter(|issue| open(issue)).filter_map(|issue| issue.pointer.as_deref()).collect();
    let places = locate_all(text, pointers);
    for (issue, place) in issues.iter_mut().filter(|issue| open(issue)).zip(places) {
        issue.place = Some(place);
    }
}

/// An OperationOutcome resource with the given findings, in their order. It must have one: where nothing was found, that
/// is said.
pub fn operation_outcome(issues: &[Issue], language: Language) -> Json {
    if issues.is_empty() {
        let (ja, en) = ("問題は見つかりませんでした。", "No problem was found.");
        let all_well = Issue::new(Severity::Information, IssueCode::Informational, ja, en);
        return operation_outcome(&[all_well], language);
    }
    let mut outcome = Object::new();
    outcome.insert("resourceType", "OperationOutcome");
    outcome.insert("issue", issues.iter().map(|issue| issue.to_json(language)).collect::<Vec<_>>());
    outcome.into()
}

impl Severity {
    pub fn code(self) -> &'static str {
        match self {
            Severity::Fatal => "fatal",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        }
    }
}

impl IssueCode {
    pub fn code(self) -> &'static str {
        match self {
            IssueCode::Invalid => "invalid",
            IssueCode::Structure => "structure",
            IssueCode::Required => "required",
            IssueCode::Value => "value",
            IssueCode::Invariant => "invariant",
            IssueCode::Security => "security",
            IssueCode::Forbidden => "forbidden",
            IssueCode::Processing => "processing",
            IssueCode::NotSupported => "not-supported",
            IssueCode::Duplicate => "duplicate",
            IssueCode::MultipleMatches => "multiple-matches",
            IssueCode::NotFound => "not-found",
            IssueCode::Deleted => "deleted",
            IssueCode::TooLong => "too-long",
            IssueCode::TooCostly => "too-costly",
            IssueCode::CodeInvalid => "code-invalid",
            IssueCode::Extension => "extension",
            IssueCode::BusinessRule => "business-rule",
            IssueCode::Conflict => "conflict",
            IssueCode::Transient => "transient",
            IssueCode::Throttled => "throttled",
            IssueCode::Timeout => "timeout",
            IssueCode::Exception => "exception",
            IssueCode::Informational => "informational",
        }
    }
}
