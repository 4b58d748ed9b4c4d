//! `/metadata`: the CapabilityStatement, from the template and from what is wired. R4 `capabilitystatement.html`.

use crate::exchange::{Enforcement, Gateway};
use crate::fhir::json::{Json, Object, to_compact};
use crate::profile::{Interaction, SearchKind, ServedType};
use crate::search::Parameter;

use super::App;
use super::answer::Answer;
use super::ask::Ask;
use super::interaction::operation::offered;
use super::paging::pretty;

/// The statement with this server's address in it, without search parameters that a reindex has still to complete.
pub async fn answer(app: &App, ask: &Ask) -> Answer {
    let mut statement = (*app.capability).clone();
    // A database that is away does not keep the statement from being told.
    if let Ok(whole) = app.gateway.whole().await {
        let missing: Vec<(&str, &str)> =
            whole.missing().map(|made| (made.rtype.as_str(), made.code.as_str())).collect();
        leave_out(&mut statement, &missing);
    }
    let implementation = statement.as_object_mut().and_then(|statement| statement.get_mut("implementation"));
    if let Some(implementation) = implementation.and_then(Json::as_object_mut) {
        implementation.insert("url", ask.base.as_str());
    }
    Answer::ok(pretty(to_compact(&statement), &ask.form))
}

/// Takes what is searched by these parameters out of the statement.
fn leave_out(statement: &mut Json, missing: &[(&str, &str)]) {
    if missing.is_empty() {
        return;
    }
    let rests = statement.as_object_mut().and_then(|statement| statement.get_mut("rest"));
    for rest in rests.into_iter().flat_map(items_mut) {
        let named = |place: &Json| place.get_str("name").unwrap_or_default().to_owned();
        for resource in rest.get_mut("resource").into_iter().flat_map(items_mut) {
            let rtype = resource.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
            let is_missing = |code: &str| missing.contains(&(rtype.as_str(), code));
            retain(resource, "searchParam", |param| !is_missing(&named(param)));
            for list in ["searchInclude", "searchRevInclude"] {
                retain(resource, list, |include| {
                    let pair = include.as_str().and_then(|text| text.split_once(':'));
                    pair.is_none_or(|pair| !missing.contains(&pair))
                });
            }
        }
        retain(rest, "searchParam", |param| !missing.iter().any(|(_, code)| *code == named(param)));
    }
}

/// The objects of an array.
fn items_mut(array: &mut Json) -> impl Iterator<Item = &mut Object> {
    let items = if let Json::Array(items) = array { items.as_mut_slice() } else { &mut [] };
    items.iter_mut().filter_map(Json::as_object_mut)
}

fn retain(object: &mut Object, name: &str, keep: impl Fn(&Json) -> bool) {
    if let Some(Json::Array(items)) = object.get_mut(name) {
        items.retain(keep);
        // FHIR's JSON has no empty arrays.
        if items.is_empty() {
            object.remove(name);
        }
    }
}

/// What this gateway offers, without its address.
pub fn statement(gateway: &Gateway) -> Json {
    let definitions = &gateway.definitions;
    let mut statement = definitions.capability_template().clone();
    let Some(members) = statement.as_object_mut() else { return statement };
    let mut software = Object::new();
    software.insert("name", "Kakehashi");
    software.insert("version", env!("CARGO_PKG_VERSION"));
    members.insert("software", software);
    members.insert("fhirVersion", "4.0.1");
    members.insert("format", vec![Json::from("json"), Json::from("application/fhir+json")]);
    members.insert("patchFormat", vec![Json::from("application/json-patch+json"), Json::from("application/fhir+json")]);
    let mut rest = Object::new();
    rest.insert("mode", "server");
    let mut security = Object::new();
    security.insert("cors", Json::Bool(false));
    security.insert(
        "description",
        "No access rules are configured: every caller on this machine has every role. For trying out only.",
    );
    rest.insert("security", security);
    let resources = definitions.served_types().iter().map(|served| resource(gateway, served));
    rest.insert("resource", resources.collect::<Vec<_>>());
    let system = ["transaction", "batch", "history-system", "search-system"];
    rest.insert("interaction", system.map(coded).to_vec());
    list_common(&mut rest, gateway);
    list_operations(&mut rest, None);
    members.insert("rest", vec![Json::Object(rest)]);
    statement
}

fn coded(code: &str) -> Json {
    let mut interaction = Object::new();
    interaction.insert("code", code);
    interaction.into()
}

fn resource(gateway: &Gateway, served: &ServedType) -> Json {
    let mut resource = Object::new();
    resource.insert("type", served.name.as_str());
    let policy = match gateway.policy.of(&served.name) {
        Enforcement::Enforce => None,
        Enforcement::Warn => Some("Content that breaks R4 or a profile is stored; what was found is told as warnings."),
        Enforcement::Off => Some("Content is stored without validation."),
    };
    if let Some(policy) = policy.filter(|_| served.allows(Interaction::Create)) {
        resource.insert("documentation", policy);
    }
    if let Some(profile) = &served.profile {
        resource.insert("profile", profile.as_str());
    }
    if !served.supported_profiles.is_empty() {
        let profiles = served.supported_profiles.iter().map(|profile| Json::from(profile.as_str()));
        resource.insert("supportedProfile", profiles.collect::<Vec<_>>());
    }
    let interactions = served.interactions.iter().map(|interaction| coded(interaction.code()));
    resource.insert("interaction", interactions.collect::<Vec<_>>());
    let (writes, creates) = (served.allows(Interaction::Update), served.allows(Interaction::Create));
    let stored = gateway.is_stored(&served.name);
    resource.insert(
        "versioning",
        if writes {
            "versioned-update"
        } else if stored {
            "versioned"
        } else {
            "no-version"
        },
    );
    resource.insert("readHistory", Json::Bool(served.allows(Interaction::Vread)));
    resource.insert("updateCreate", Json::Bool(writes));
    resource.insert("conditionalCreate", Json::Bool(creates));
    resource.insert("conditionalRead", if stored { "full-support" } else { "not-supported" });
    resource.insert("conditionalUpdate", Json::Bool(writes));
    let delete = if served.allows(Interaction::Delete) { "single" } else { "not-supported" };
    resource.insert("conditionalDelete", delete);
    if served.allows(Interaction::SearchType) {
        list_search(&mut resource, gateway, &served.name);
    }
    list_operations(&mut resource, Some(&served.name));
    resource.into()
}

fn list_operations(place: &mut Object, rtype: Option<&str>) {
    let listed = offered(rtype).map(|operation| {
        let mut listed = Object::new();
        listed.insert("name", operation.name);
        listed.insert("definition", operation.definition);
        Json::Object(listed)
    });
    let listed: Vec<Json> = listed.collect();
    if !listed.is_empty() {
        place.insert("operation", listed);
    }
}

/// What a search of the type can ask, and what can come with its matches (R4 `capabilitystatement.html`).
fn list_search(resource: &mut Object, gateway: &Gateway, rtype: &str) {
    let parameters = gateway.search_parameters(rtype);
    let listed: Vec<Json> = parameters.iter().map(|parameter| listed(parameter)).collect();
    if !listed.is_empty() {
        resource.insert("searchParam", listed);
    }
    if gateway.is_definition(rtype) {
        return;
    }
    let leads_out = |parameter: &&&Parameter| parameter.kind == SearchKind::Reference;
    let includes = parameters.iter().filter(leads_out).map(|parameter| format!("{rtype}:{}", parameter.code));
    resource.insert("searchInclude", texts(std::iter::once("*".to_owned()).chain(includes)));
    let mut reverse = vec!["*".to_owned()];
    for source in gateway.searched_types() {
        let leads_here = |parameter: &&&Parameter| {
            parameter.kind == SearchKind::Reference && parameter.targets.iter().any(|target| target == rtype)
        };
        let parameters = gateway.search_parameters(source.as_str());
        reverse.extend(parameters.iter().filter(leads_here).map(|parameter| format!("{source}:{}", parameter.code)));
    }
    resource.insert("searchRevInclude", texts(reverse.into_iter()));
}

/// What can be asked of all types at once.
fn list_common(rest: &mut Object, gateway: &Gateway) {
    let types = gateway.searched_types();
    let Some(first) = types.first() else { return };
    let everywhere = |parameter: &&Parameter| {
        types.iter().all(|rtype| {
            gateway.parameters.find(rtype.as_str(), &parameter.code).is_some_and(|other| other.kind == parameter.kind)
        })
    };
    let mut common: Vec<Json> =
        gateway.search_parameters(first.as_str()).into_iter().filter(everywhere).map(listed).collect();
    let mut by_type = Object::new();
    by_type.insert("name", "_type");
    by_type.insert("type", "token");
    common.push(Json::Object(by_type));
    rest.insert("searchParam", common);
}

fn listed(parameter: &Parameter) -> Json {
    let mut listed = Object::new();
    listed.insert("name", parameter.code.as_str());
    if !parameter.url.is_empty() {
        listed.insert("definition", parameter.url.as_str());
    }
    listed.insert("type", parameter.kind.code());
    Json::Object(listed)
}

fn texts(all: impl Iterator<Item = String>) -> Vec<Json> {
    all.map(|text| Json::from(text.as_str())).collect()
}
