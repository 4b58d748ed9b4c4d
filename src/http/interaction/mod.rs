//! One file for each interaction: from an [`Ask`](super::ask::Ask) to a use case, and from its result to an answer.

mod bundle;
mod create;
mod delete;
mod history;
mod patch;
mod read;
mod search;
mod update;
mod written;

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Verb;
use crate::fhir::outcome::{Issue, IssueCode};

use super::App;
use super::answer::Answer;
use super::ask::Ask;
use super::capability;
use super::route::Route;

/// Answers one interaction, alone or as an entry of a batch.
pub async fn dispatch(app: &App, ask: &Ask, route: &Route) -> Result<Answer> {
    match (route, ask.verb) {
        (Route::Metadata, Verb::Get | Verb::Head) => Ok(capability::answer(app, ask)),
        (Route::System, Verb::Post) => bundle::answer(app, ask).await,
        (Route::SystemHistory, Verb::Get | Verb::Head) => history::system(app, ask).await,
        (Route::TypeHistory(rtype), Verb::Get | Verb::Head) => history::of_type(app, ask, rtype).await,
        (Route::InstanceHistory(rtype, id), Verb::Get | Verb::Head) => history::of_instance(app, ask, rtype, id).await,
        (Route::Type(rtype), Verb::Get | Verb::Head) => search::answer(app, ask, rtype).await,
        (Route::TypeSearch(rtype), Verb::Post) => search::answer(app, ask, rtype).await,
        (Route::Type(rtype), Verb::Post) => create::answer(app, ask, rtype).await,
        (Route::Type(rtype), Verb::Put) => update::conditional(app, ask, rtype).await,
        (Route::Type(rtype), Verb::Patch) => patch::conditional(app, ask, rtype).await,
        (Route::Type(rtype), Verb::Delete) => delete::conditional(app, ask, rtype).await,
        (Route::Instance(rtype, id), Verb::Get | Verb::Head) => read::current(app, ask, rtype, id).await,
        (Route::Instance(rtype, id), Verb::Put) => update::instance(app, ask, rtype, id).await,
        (Route::Instance(rtype, id), Verb::Patch) => patch::instance(app, ask, rtype, id).await,
        (Route::Instance(rtype, id), Verb::Delete) => delete::instance(app, ask, rtype, id).await,
        (Route::Version(rtype, id, version), Verb::Get | Verb::Head) => read::version(app, ask, rtype, id, version).await,
        _ => Err(method_not_allowed(route)),
    }
}

fn method_not_allowed(route: &Route) -> Error {
    let methods = route.methods();
    Error::new(
        ErrorKind::MethodNotAllowed,
        Issue::error(
            IssueCode::NotSupported,
            format!("この URL ではそのメソッドを使えません。使えるもの: {methods}"),
            format!("The method is not offered at this URL. It offers: {methods}"),
        ),
    )
}
