//! One file for each interaction: from an [`Ask`](super::ask::Ask) to a use case, and from its result to an answer.

mod bundle;
mod create;
mod delete;
mod history;
pub mod operation;
mod patch;
mod read;
mod search;
mod update;
mod written;

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Verb;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::profile::Interaction;

use super::App;
use super::answer::Answer;
use super::ask::Ask;
use super::capability;
use super::route::Route;

/// Answers one interaction, alone or as an entry of a batch.
pub async fn dispatch(app: &App, ask: &Ask, route: &Route) -> Result<Answer> {
    match (route, ask.verb) {
        (Route::Metadata, Verb::Get | Verb::Head) => Ok(capability::answer(app, ask).await),
        (Route::System, Verb::Post) => bundle::answer(app, ask).await,
        (Route::SystemHistory, Verb::Get | Verb::Head) => history::system(app, ask).await,
        (Route::TypeHistory(rtype), Verb::Get | Verb::Head) => history::of_type(app, ask, rtype).await,
        (Route::InstanceHistory(rtype, id), Verb::Get | Verb::Head) => history::of_instance(app, ask, rtype, id).await,
        (Route::System, Verb::Get | Verb::Head) | (Route::SystemSearch, Verb::Post) => search::system(app, ask).await,
        (Route::Type(rtype), Verb::Get | Verb::Head) | (Route::TypeSearch(rtype), Verb::Post) => {
            search::of_type(app, ask, rtype).await
        }
        (Route::Compartment(name, id, rtype), Verb::Get | Verb::Head)
        | (Route::CompartmentSearch(name, id, rtype), Verb::Post) => {
            search::compartment(app, ask, name, id, rtype).await
        }
        (Route::Type(rtype), Verb::Post) => create::answer(app, ask, rtype).await,
        (Route::Type(rtype), Verb::Put) => update::conditional(app, ask, rtype).await,
        (Route::Type(rtype), Verb::Patch) => patch::conditional(app, ask, rtype).await,
        (Route::Type(rtype), Verb::Delete) => delete::conditional(app, ask, rtype).await,
        (Route::Instance(rtype, id), Verb::Get | Verb::Head) => read::current(app, ask, rtype, id).await,
        (Route::Instance(rtype, id), Verb::Put) => update::instance(app, ask, rtype, id).await,
        (Route::Instance(rtype, id), Verb::Patch) => patch::instance(app, ask, rtype, id).await,
        (Route::Instance(rtype, id), Verb::Delete) => delete::instance(app, ask, rtype, id).await,
        (Route::Version(rtype, id, version), Verb::Get | Verb::Head) => {
            read::version(app, ask, rtype, id, version).await
        }
        (Route::Operation(target, name), verb) => {
            let offered = operation::find(app, target, name)?;
            if offered.takes(verb) {
                operation::answer(app, ask, target, offered).await
            } else {
                Err(method_not_allowed(app, route))
            }
        }
        _ => Err(method_not_allowed(app, route)),
    }
}

pub fn is_known(app: &App, name: &str) -> bool {
    app.gateway.definitions.served_types().iter().any(|served| served.name == name)
}

/// 404 unless the path's type is served; for an operation, unless it exists there.
pub fn check_type(app: &App, route: &Route) -> Result<()> {
    if let Route::Operation(target, name) = route {
        return operation::find(app, target, name).map(|_| ());
    }
    match route.rtype().filter(|name| !is_known(app, name)) {
        // The type's own refusal, as any interaction would give it.
        Some(rtype) => app.gateway.served(rtype, Interaction::Read).map(|_| ()),
        None => Ok(()),
    }
}

/// 405 unless the path has the method and its type offers what it means.
pub fn check_method(app: &App, route: &Route, verb: Verb) -> Result<()> {
    if let Route::Operation(target, name) = route {
        let takes = operation::find(app, target, name)?.takes(verb);
        return if takes { Ok(()) } else { Err(method_not_allowed(app, route)) };
    }
    let offer = route.offers().iter().find(|(_, offered, _)| *offered == verb);
    match (offer, route.rtype()) {
        (None, _) => Err(method_not_allowed(app, route)),
        (Some((_, _, Some(interaction))), Some(rtype)) => app.gateway.served(rtype, *interaction).map(|_| ()),
        (Some(_), _) => Ok(()),
    }
}

/// The methods that the path offers on its type, for `Allow`.
pub fn methods(app: &App, route: &Route) -> String {
    if let Route::Operation(target, name) = route {
        return operation::find(app, target, name).map(operation::Offered::allow).unwrap_or_default().to_owned();
    }
    let served =
        app.gateway.definitions.served_types().iter().find(|served| Some(served.name.as_str()) == route.rtype());
    let open = |interaction: &Option<Interaction>| match interaction {
        Some(interaction) => served.is_some_and(|served| served.allows(*interaction)),
        None => true,
    };
    let open = route.offers().iter().filter(|(_, _, interaction)| open(interaction));
    open.map(|(name, _, _)| *name).collect::<Vec<_>>().join(", ")
}

fn method_not_allowed(app: &App, route: &Route) -> Error {
    let methods = methods(app, route);
    Error::new(
        ErrorKind::MethodNotAllowed,
        Issue::error(
            IssueCode::NotSupported,
            format!("この URL ではそのメソッドを使えません。使えるもの: {methods}"),
            format!("The method is not offered at this URL. It offers: {methods}"),
        ),
    )
}
