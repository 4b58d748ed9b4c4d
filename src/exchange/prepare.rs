//! From the bytes of a request to content that can be stored: parse, JSON rules, validation, derived rows.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::fhir::id::{ResourceId, ResourceType};
use crate::fhir::json::{FhirRule, Json, Limits, SyntaxError, SyntaxErrorKind, check_fhir_rules, parse, to_compact};
use crate::fhir::outcome::{Issue, IssueCode, locate_issues};
use crate::fhir::resource::Text;
use crate::profile::{Definitions, Validation};
use crate::region;
use crate::store::{Derive, Draft};

use super::{Gateway, aside};

/// A resource that was read and keeps the JSON rules; not validated yet.
#[derive(Clone, Debug)]
pub struct Content {
    pub text: String,
    pub tree: Json,
}

impl Gateway {
    /// Reads a resource. 400 where it is not FHIR JSON; 413 where it nests too deep.
    pub fn parse(&self, body: &[u8]) -> Result<Content> {
        aside(body.len(), || {
            let tree = read_json(body, self.json_limits())?;
            keeps_rules(&self.definitions, &tree)?;
            let text = String::from_utf8_lossy(body).into_owned();
            Ok(Content { text, tree })
        })
    }

    /// Reads JSON that may break FHIR's rules of it: an operation tells what is wrong with the resources that it is given.
    pub fn read_tree(&self, body: &[u8]) -> Result<Json> {
        aside(body.len(), || read_json(body, self.json_limits()))
    }

    /// Whether a text is JSON but for a member that stands twice in one object, which leaves open what it says.
    pub fn has_repeated_member(&self, text: &[u8]) -> bool {
        parse(text, self.json_limits()).is_err_and(|error| error.kind == SyntaxErrorKind::DuplicateKey)
    }

    /// Judges content by base R4 and the profiles that apply, as far as its type's policy has it. Answers what is to be told
    /// of content that can be written.
    pub(super) fn check(&self, content: &Content) -> Result<Vec<Issue>> {
        let issues = aside(content.text.len(), || self.policy.findings(&self.definitions, &content.tree));
        if issues.iter().any(Issue::is_error) { Err(Error::unprocessable(issues)) } else { Ok(issues) }
    }

    /// Makes content ready to be stored under `id`.
    pub(super) fn draft(&self, content: &Content, rtype: &ResourceType, id: &ResourceId) -> Arc<Draft> {
        aside(content.text.len(), || {
            // What a client read and sends back of what the gateway derives is not its word.
            let own = region::without_derived(&content.tree).filter(|_| rtype.as_str() == "Location");
            let own = own.map(|tree| Content { text: to_compact(&tree), tree });
            let content = own.as_ref().unwrap_or(content);
            let text = Text::new(&content.text, &content.tree, id.as_str());
            let mut tree = content.tree.clone();
            if let Some(resource) = tree.as_object_mut() {
                resource.insert("id", id.as_str());
            }
            let derived = self.deriver.derive(rtype.as_str(), &tree);
            Arc::new(Draft { text, tree, derived, manifest: Arc::clone(self.deriver.manifest()) })
        })
    }
}

/// Every finding about a text, as the gateway would judge it, with line and column.
pub fn check_text(definitions: &Definitions, body: &[u8], depth: usize) -> Vec<Issue> {
    check_text_as(definitions, body, depth, &Validation::default())
}

/// The same, held to more or less than usual.
pub fn check_text_as(definitions: &Definitions, body: &[u8], depth: usize, how: &Validation) -> Vec<Issue> {
    let checked = read_json(body, Limits { depth }).and_then(|tree| keeps_rules(definitions, &tree).map(|()| tree));
    let mut issues = match checked {
        Ok(tree) => definitions.validate_as(&tree, how),
        Err(error) => error.issues,
    };
    locate_issues(&mut issues, body);
    issues
}

/// Parses JSON of any kind (a resource, a JSON Patch).
pub(super) fn read_json(body: &[u8], limits: Limits) -> Result<Json> {
    parse(body, limits).map_err(|error| syntax_error(error, type_named_in(body)))
}

/// The type that a text names, where it cannot be read whole: for the words about it alone.
fn type_named_in(body: &[u8]) -> &str {
    let head = &body[..body.len().min(4096)];
    let head = std::str::from_utf8(head).or_else(|error| std::str::from_utf8(&head[..error.valid_up_to()]));
    let value = head.ok().and_then(|head| head.split_once("\"resourceType\"")?.1.trim_start().strip_prefix(':'));
    let name =
        value.and_then(|value| value.trim_start().strip_prefix('"')?.split_once('"')).map_or("", |(name, _)| name);
    if name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphabetic()) { name } else { "" }
}

/// The resource's own type must be the URL's.
pub(super) fn check_type(tree: &Json, rtype: &ResourceType) -> Result<()> {
    let found = tree.get_str("resourceType");
    if found == Some(rtype.as_str()) {
        return Ok(());
    }
    let (ja, en) = match found {
        Some(_) => (
            format!("resourceType が URL の型 {rtype} と異なります。"),
            format!("The resourceType is not {rtype}, the type in the URL."),
        ),
        None => ("resourceType がありません。".to_owned(), "There is no resourceType.".to_owned()),
    };
    Err(Error::bad_request(Issue::error(IssueCode::Structure, ja, en).at(rtype.as_str(), "/resourceType")))
}

/// The resource must carry the URL's id.
pub(super) fn check_id(tree: &Json, rtype: &ResourceType, id: &ResourceId) -> Result<()> {
    if tree.get_str("id") == Some(id.as_str()) {
        return Ok(());
    }
    let (ja, en) = match tree.get("id") {
        Some(_) => ("リソースの id が URL の id と異なります。", "The resource's id is not the one in the URL."),
        None => {
            ("更新するリソースには URL と同じ id が要ります。", "A resource to update needs an id, the one in the URL.")
        }
    };
    Err(Error::bad_request(Issue::error(IssueCode::Invalid, ja, en).at(rtype.as_str(), "/id")))
}

fn syntax_error(error: SyntaxError, root: &str) -> Error {
    let place = format!("({}:{})", error.place.line, error.place.column);
    let (ja, en) = match error.kind {
        SyntaxErrorKind::NotUtf8 => ("本文が UTF-8 ではありません。", "The body is not UTF-8."),
        SyntaxErrorKind::UnexpectedEnd => ("JSON が途中で終わっています。", "The JSON text ends too early."),
        SyntaxErrorKind::UnexpectedCharacter => {
            ("JSON の文法に合わない文字があります。", "A character does not fit the JSON grammar.")
        }
        SyntaxErrorKind::InvalidNumber => ("数の書き方が JSON に合いません。", "A number is not written as JSON asks."),
        SyntaxErrorKind::InvalidString => {
            ("文字列の書き方が JSON に合いません。", "A string is not written as JSON asks.")
        }
        SyntaxErrorKind::DuplicateKey => (
            "同じ名前の項目が二度あります。どちらか一つにしてください。",
            "A member stands twice in one object. Keep one of them.",
        ),
        SyntaxErrorKind::TooDeep => ("入れ子が深すぎます。", "The JSON text nests too deep."),
        SyntaxErrorKind::TrailingText => ("JSON の後に余分な文字があります。", "There is text after the JSON value."),
    };
    let kind = if error.kind == SyntaxErrorKind::TooDeep { ErrorKind::TooLarge } else { ErrorKind::BadRequest };
    let code = if kind == ErrorKind::TooLarge { IssueCode::TooLong } else { IssueCode::Structure };
    let issue =
        Issue::new(crate::fhir::outcome::Severity::Fatal, code, format!("{ja} {place}"), format!("{en} {place}"));
    Error::new(kind, Issue { place: Some(error.place), ..issue.at(root, error.pointer) })
}

/// The JSON rules, with findings whose expressions name the types of choices.
pub(super) fn keeps_rules(definitions: &Definitions, tree: &Json) -> Result<()> {
    check_rules(tree).map_err(|mut error| {
        for issue in &mut error.issues {
            issue.expression = issue.pointer.as_deref().map(|pointer| definitions.expression(tree, pointer));
        }
        error
    })
}

/// After so many violations of the JSON rules they are only counted.
const VIOLATIONS: usize = 100;

/// R4 `json.html`: nothing empty, `null` only as a placeholder.
pub fn check_rules(tree: &Json) -> Result<()> {
    let root = tree.get_str("resourceType").unwrap_or_default();
    let violations = check_fhir_rules(tree);
    let omitted = violations.len().saturating_sub(VIOLATIONS);
    let mut issues: Vec<Issue> = violations
        .into_iter()
        .map(|violation| {
            let (ja, en) = match violation.rule {
                FhirRule::EmptyObject => ("空のオブジェクトは使えません。", "An object must not be empty."),
                FhirRule::EmptyArray => ("空の配列は使えません。", "An array must not be empty."),
                FhirRule::EmptyString => ("空の文字列は使えません。", "A string must not be empty."),
                FhirRule::NulCharacter => {
                    ("文字列に U+0000 は使えません。", "A string must not hold the character U+0000.")
                }
                FhirRule::MisplacedNull => (
                    "null は、対になる配列に値があるときの場所取りにだけ使えます。",
                    "null may only hold a place where the sibling array has a value.",
                ),
            };
            let mend = ("項目ごと省いてください。", "Leave the member out.");
            let issue = Issue::error(IssueCode::Structure, format!("{ja}{}", mend.0), format!("{en} {}", mend.1));
            issue.at(root, violation.pointer).rule("json.html")
        })
        .take(VIOLATIONS)
        .collect();
    if omitted > 0 {
        let (ja, en) = (format!("ほかに{omitted}件あります。"), format!("{omitted} more findings are not shown."));
        issues.push(Issue::warning(IssueCode::Informational, ja, en));
    }
    if issues.is_empty() { Ok(()) } else { Err(Error { kind: ErrorKind::BadRequest, issues }) }
}
