//! `$validate`: what the gateway thinks of a resource. R4 `resource-operation-validate.html`.
//!
//! The answer is 200 with an OperationOutcome whatever is wrong with the resource: the question was answered. Refused are
//! questions that cannot be understood: text that is no JSON, inputs that are none.

use crate::error::{Error, Result};
use crate::exchange::{Mode, Question};
use crate::fhir::json::{Json, locate_all};
use crate::fhir::outcome::{Issue, IssueCode, operation_outcome};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::route::Target;
use crate::profile::{R4_DEFINITIONS, Validation};

use super::{Call, Inputs};

/// Two are this server's own: with `must-support`, absent elements marked mustSupport are told, too; with
/// `best-practice`, the best practices that are not followed.
pub const INPUTS: &[&str] = &["resource", "mode", "profile", "must-support", "best-practice"];

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let issues = match call.inputs(app) {
        Ok(inputs) => judge(app, call, &inputs).await?,
        // JSON it is, but nothing that can be looked into any further.
        Err(error) if app.gateway.has_repeated_member(&call.ask.body) => error.located_in(&call.ask.body).issues,
        Err(error) => return Err(error),
    };
    Ok(call.answer(&operation_outcome(&issues, call.ask.language)))
}

async fn judge(app: &App, call: &Call<'_>, inputs: &Inputs) -> Result<Vec<Issue>> {
    let (rtype, id) = match call.target {
        Target::System => (None, None),
        Target::Type(rtype) => (Some(rtype.as_str()), None),
        Target::Instance(rtype, id) => (Some(rtype.as_str()), Some(id.as_str())),
    };
    let mode = read_mode(inputs)?;
    let given = inputs.one("resource")?;
    match (given, rtype.zip(id)) {
        (_, Some((rtype, id))) if mode == Mode::Delete => app.gateway.validate_deletion(rtype, id).await,
        (_, None) if mode == Mode::Delete => Err(no_instance()),
        (Some(input), _) => {
            let resource = input.as_resource()?;
            let how = read_how(inputs, mode, resource)?;
            let question = Question { rtype, id, mode, bytes: call.ask.body.len(), how };
            let mut issues = app.gateway.validate(&question, resource);
            locate(&mut issues, &call.ask.body, &input.resource_place());
            Ok(issues)
        }
        (None, Some((of_type, of_id))) => {
            let resource = app.gateway.held(&call.ask.caller, of_type, of_id).await?;
            let how = read_how(inputs, mode, &resource.tree)?;
            let question = Question { rtype, id, mode, bytes: resource.text.len(), how };
            Ok(app.gateway.validate(&question, &resource.tree))
        }
        (None, None) => Err(nothing_to_validate()),
    }
}

fn read_mode(inputs: &Inputs) -> Result<Mode> {
    let Some(input) = inputs.one("mode")? else { return Ok(Mode::Unsaid) };
    match input.text()? {
        "create" => Ok(Mode::Create),
        "update" => Ok(Mode::Update),
        "delete" => Ok(Mode::Delete),
        "profile" => Ok(Mode::Profile),
        _ => Err(input.refused(
            IssueCode::CodeInvalid,
            "mode は create, update, delete, profile のどれかです。",
            "mode is one of create, update, delete and profile.",
        )),
    }
}

/// A profile that is the base definition of the resource's own type leaves the region's rules aside.
fn read_how(inputs: &Inputs, mode: Mode, resource: &Json) -> Result<Validation> {
    let profiles: Vec<String> = inputs.texts("profile")?.into_iter().map(str::to_owned).collect();
    if mode == Mode::Profile && profiles.is_empty() {
        let (ja, en) = ("mode=profile には profile が要ります。", "mode=profile needs a profile.");
        return Err(Error::bad_parameter("profile", ja, en));
    }
    let own = format!("{R4_DEFINITIONS}{}", resource.get_str("resourceType").unwrap_or_default());
    let is_own = |profile: &String| *profile == own || profile.strip_prefix(&own) == Some("|4.0.1");
    let base_only = profiles.iter().any(is_own);
    let profiles = profiles.into_iter().filter(|profile| !is_own(profile)).collect();
    let must_support = inputs.boolean("must-support")?.unwrap_or_default();
    let best_practice = inputs.boolean("best-practice")?.unwrap_or_default();
    Ok(Validation { profiles, base_only, best_practice, must_support })
}

/// Pointers are the resource's own; lines are those of the text that holds it at `place`.
fn locate(issues: &mut [Issue], text: &[u8], place: &str) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut with_pointer: Vec<&mut Issue> = issues.iter_mut().filter(|issue| issue.pointer.is_some()).collect();
    let pointers: Vec<String> =
        with_pointer.iter().map(|issue| format!("{place}{}", issue.pointer.as_deref().unwrap_or_default())).collect();
    let places = locate_all(text, pointers.iter().map(String::as_str));
    for (issue, place) in with_pointer.iter_mut().zip(places) {
        issue.place = Some(place);
    }
}

fn nothing_to_validate() -> Error {
    let (ja, en) = ("検証するリソースがありません。", "There is no resource to validate.");
    Error::bad_request(Issue::error(IssueCode::Required, ja, en).on("http.name:resource"))
}

/// R4 `resource-operation-validate.html`: the resource to delete is nominated by the URL.
fn no_instance() -> Error {
    Error::bad_parameter(
        "mode",
        "mode=delete は 型/id/$validate で使ってください。",
        "Use mode=delete at Type/id/$validate.",
    )
}
