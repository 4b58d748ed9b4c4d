//! The answer to a write: status, headers, and what `Prefer: return=…` asks for. R4 `http.html#ops`.

use crate::exchange::{Done, Prefer, Written};
use crate::fhir::json::to_compact;
use crate::fhir::outcome::{Issue, IssueCode, Language, Severity, operation_outcome};
use crate::store::Version;

use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::Ask;
use crate::http::subset::shape;

/// 201 for what was created, else 200.
pub fn answer(app: &App, ask: &Ask, written: Written) -> Answer {
    let status = if written.done == Done::Created { 201 } else { 200 };
    let version = &written.version;
    let mut answer = Answer {
        status,
        version: Some(version.version),
        last_modified: Some(version.at),
        location: Some(location(&ask.base, version)),
        ..Answer::default()
    };
    answer.body = match ask.prefer {
        Prefer::Minimal => String::new(),
        Prefer::OperationOutcome => success(&written, ask.language),
        Prefer::Representation | Prefer::Unsaid => {
            shape(written.version.body.unwrap_or_default(), &ask.form, &app.gateway.definitions)
        }
    };
    answer
}

/// `[base]/Type/id/_history/version`
pub fn location(base: &str, version: &Version) -> String {
    format!("{base}/{}/_history/{}", version.key, version.version)
}

/// An OperationOutcome that says what was done, and what validation found all the same.
pub fn success(written: &Written, language: Language) -> String {
    let (ja, en) = match written.done {
        Done::Created => ("作成しました。", "Created."),
        Done::Updated => ("更新しました。", "Updated."),
        Done::Unchanged => {
            ("内容が同じなので新しい版は作りませんでした。", "The content is the same; no new version was made.")
        }
        Done::Existing => ("条件に一致するリソースがすでにあります。", "A resource that matches exists already."),
    };
    let issue = Issue::new(Severity::Information, IssueCode::Informational, ja, en);
    let issues: Vec<Issue> = std::iter::once(issue).chain(written.findings.iter().cloned()).collect();
    to_compact(&operation_outcome(&issues, language))
}
