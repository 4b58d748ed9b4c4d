//! The CapabilityStatement template: which types are served, and what clients may do with each.

use crate::fhir::json::{Json, Limits, parse};

use super::LoadError;
use super::registry::Registry;

/// A type that the gateway serves.
#[derive(Clone, Debug)]
pub struct ServedType {
    pub name: String,
    pub interactions: Vec<Interaction>,
    pub profile: Option<String>,
    pub supported_profiles: Vec<String>,
}

/// The codes of R4 `valueset-type-restful-interaction.html`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interaction {
    Read,
    Vread,
    Update,
    Patch,
    Delete,
    HistoryInstance,
    HistoryType,
    Create,
    SearchType,
}

impl Interaction {
    pub const ALL: [Interaction; 9] = [
        Interaction::Read,
        Interaction::Vread,
        Interaction::Update,
        Interaction::Patch,
        Interaction::Delete,
        Interaction::HistoryInstance,
        Interaction::HistoryType,
        Interaction::Create,
        Interaction::SearchType,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Interaction::Read => "read",
            Interaction::Vread => "vread",
            Interaction::Update => "update",
            Interaction::Patch => "patch",
            Interaction::Delete => "delete",
            Interaction::HistoryInstance => "history-instance",
            Interaction::HistoryType => "history-type",
            Interaction::Create => "create",
            Interaction::SearchType => "search-type",
        }
    }
}

impl ServedType {
    pub fn allows(&self, interaction: Interaction) -> bool {
        self.interactions.contains(&interaction)
    }
}

/// Reads the template; every type and profile in it must be known.
pub fn read(path: &str, text: &str, registry: &Registry) -> Result<(Json, Vec<ServedType>), LoadError> {
    let error = |element: &str, reason: String| LoadError::new(path, element, reason);
    let template = parse(text.as_bytes(), Limits::default()).map_err(|problem| error("", problem.to_string()))?;
    let resources = template.items("rest").first().map(|rest| rest.items("resource")).unwrap_or_default();
    let mut served = Vec::new();
    for (index, resource) in resources.iter().enumerate() {
        let place = format!("rest[0].resource[{index}]");
        let name = resource.get_str("type").unwrap_or_default();
        if !registry.is_resource(name) {
            return Err(error(&place, format!("R4 has no resource type {name}")));
        }
        let mut interactions = Vec::new();
        for interaction in resource.items("interaction") {
            let code = interaction.get_str("code").unwrap_or_default();
            let known = Interaction::ALL.into_iter().find(|known| known.code() == code);
            interactions.push(known.ok_or_else(|| error(&place, format!("{code} is no interaction that is offered")))?);
        }
        let supported_profiles: Vec<String> =
            resource.items("supportedProfile").iter().filter_map(Json::as_str).map(str::to_owned).collect();
        if let Some(unknown) = supported_profiles.iter().find(|url| registry.profile(url).is_none()) {
            return Err(error(&place, format!("the profile {unknown} is not loaded")));
        }
        let profile = resource.get_str("profile").map(str::to_owned);
        served.push(ServedType { name: name.to_owned(), interactions, profile, supported_profiles });
    }
    Ok((template, served))
}
