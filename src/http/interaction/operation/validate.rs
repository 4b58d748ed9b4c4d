//! `$validate`: what the gateway thinks of a resource. R4 `resource-operation-validate.html`.

use crate::error::{Error, Result};
use crate::fhir::outcome::{Issue, IssueCode, Severity, operation_outcome};
use crate::http::App;
use crate::http::answer::Answer;

use super::Call;

pub const INPUTS: &[&str] = &["resource", "mode", "profile"];

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let resource = inputs.resource("resource")?.ok_or_else(nothing_to_validate)?;
    let mut issues = app.gateway.definitions.validate(resource);
    if issues.is_empty() {
        issues.push(all_ok());
    }
    Ok(call.answer(&operation_outcome(&issues, call.ask.language)))
}

fn all_ok() -> Issue {
    Issue::new(
        Severity::Information,
        IssueCode::Informational,
        "問題は見つかりませんでした。",
        "No problem was found (All OK).",
    )
}

fn nothing_to_validate() -> Error {
    let (ja, en) = ("検証するリソースがありません。", "There is no resource to validate.");
    Error::bad_request(Issue::error(IssueCode::Required, ja, en).on("http.name:resource"))
}
