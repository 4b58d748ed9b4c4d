//! Which types are served, and what clients may do with them: data, from the CapabilityStatement's template.

use crate::error::{Error, ErrorKind, Result};
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::profile::Interaction;
use crate::store::Version;

use super::Gateway;

/// A write that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub done: Done,
    /// The version that stands now.
    pub version: Version,
    /// What validation found and did not refuse.
    pub findings: Vec<Issue>,
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Created,
    Updated,
    /// The content was the same.
    Unchanged,
    /// A conditional create found this one.
    Existing,
}

impl Written {
    /// A resource that was there already: nothing was judged.
    pub fn existing(version: Version) -> Written {
        Written { done: Done::Existing, version, findings: Vec::new() }
    }
}

impl Gateway {
    /// The served type of that name, if clients may use `interaction` on it.
    pub fn served(&self, name: &str, interaction: Interaction) -> Result<ResourceType> {
        let Some(served) = self.definitions.served_types().iter().find(|served| served.name == name) else {
            return Err(unknown_type(name));
        };
        if served.allows(interaction) {
            return Ok(ResourceType::known(&served.name));
        }
        Err(Error::new(
            ErrorKind::MethodNotAllowed,
            Issue::error(
                IssueCode::NotSupported,
                format!("{name} では {} はできません。できることは /metadata にあります。", interaction.code()),
                format!("{name} does not offer {}. See /metadata for what it offers.", interaction.code()),
            ),
        ))
    }

    /// The key of `name/id`, if clients may use `interaction`. An id that cannot be one names nothing.
    pub fn key(&self, name: &str, id: &str, interaction: Interaction) -> Result<ResourceKey> {
        let rtype = self.served(name, interaction)?;
        let id = ResourceId::parse(id).ok_or_else(|| {
            let writes = matches!(interaction, Interaction::Update | Interaction::Patch);
            if writes { invalid_id() } else { Error::not_found(&format!("{name}/…")) }
        })?;
        Ok(ResourceKey { rtype, id })
    }
}

fn unknown_type(name: &str) -> Error {
    let known_form = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let shown = if known_form { name } else { "…" };
    Error::new(
        ErrorKind::UnknownTarget,
        Issue::error(
            IssueCode::NotSupported,
            format!("{shown} はこのサーバーのリソース型ではありません。使える型は /metadata にあります。"),
            format!("{shown} is not a resource type of this server. See /metadata for those it serves."),
        ),
    )
}

fn invalid_id() -> Error {
    Error::bad_request(Issue::error(
        IssueCode::Value,
        "id は英数字、ハイフン、ピリオドだけの 1 〜 64 文字です。",
        "An id is 1 to 64 characters of A-Z, a-z, 0-9, hyphen and dot.",
    ))
}
