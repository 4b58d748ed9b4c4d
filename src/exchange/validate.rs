//! `$validate`: what an interaction would say of a resource, without doing it. R4 `resource-operation-validate.html`.

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::fhir::id::{ResourceKey, ResourceType};
use crate::fhir::json::Json;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::profile::{Interaction, Validation};
use crate::store::{self, Refusal};

use super::prepare::{Content, check_id, check_type, keeps_rules};
use super::{Gateway, Standing, aside};

/// As which request a resource is judged (R4 `valueset-resource-validation-mode.html`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By itself.
    #[default]
    Unsaid,
    Create,
    Update,
    Delete,
    Profile,
}

/// What is asked of whom.
#[derive(Clone, Debug, Default)]
pub struct Question<'a> {
    /// The URL's type and id, as far as it has them.
    pub rtype: Option<&'a str>,
    pub id: Option<&'a str>,
    pub mode: Mode,
    /// The length of the text that holds the resource.
    pub bytes: usize,
    pub how: Validation,
}

impl Gateway {
    /// The content of a resource that is held: in the store, or a definition. 404 and 410 as read.
    pub async fn held(&self, caller: &Caller, rtype: &str, id: &str) -> Result<Content> {
        let key = self.key(rtype, id, Interaction::Read)?;
        let text = match self.is_definition(rtype) {
            true => self.definition(rtype, id)?.text.clone(),
            false => self.read(caller, &key).await?.version.body.unwrap_or_default(),
        };
        let tree = store::stored_tree(&text)?;
        Ok(Content { text, tree })
    }

    /// All findings, errors first: the content's, and what the URL's interaction would be refused for.
    pub fn validate(&self, question: &Question<'_>, resource: &Json) -> Vec<Issue> {
        aside(question.bytes, || self.judged(question, resource))
    }

    fn judged(&self, question: &Question<'_>, resource: &Json) -> Vec<Issue> {
        let mut issues = self.unfit(question, resource);
        let writes = matches!(question.mode, Mode::Create | Mode::Update) && question.how == Validation::default();
        issues.extend(match keeps_rules(&self.definitions, resource) {
            Err(error) => error.issues,
            Ok(()) if writes => self.policy.findings(&self.definitions, resource),
            Ok(()) => self.definitions.validate_as(resource, &question.how),
        });
        issues.sort_by_key(|issue| !issue.is_error());
        issues
    }

    /// Why the deletion would be refused, if it would.
    pub async fn validate_deletion(&self, rtype: &str, id: &str) -> Result<Vec<Issue>> {
        let key = match self.key(rtype, id, Interaction::Delete) {
            Ok(key) => key,
            Err(refused) => return Ok(refused.issues),
        };
        let current = self.current(&key).await?;
        if Standing::Some.check(&key, current.as_ref()).is_err() {
            // Deleting nothing is no error.
            return Ok(Vec::new());
        }
        let mut connection = self.database.reader().await?;
        let by = store::referrers(&mut connection, &key).await?.into_iter().find(|by| *by != key);
        let refused = by.map(|by| Error::refused(&key.to_string(), Refusal::StillReferenced { by }));
        Ok(refused.map(|refused| refused.issues).unwrap_or_default())
    }

    /// What the interaction would refuse before it looks at the content.
    fn unfit(&self, question: &Question<'_>, resource: &Json) -> Vec<Issue> {
        let own = resource.get_str("resourceType").unwrap_or_default();
        let rtype = question.rtype.unwrap_or(own);
        let mut issues = Vec::new();
        let mut note = |checked: Result<()>| issues.extend(checked.err().into_iter().flat_map(|error| error.issues));
        if question.rtype.is_some() {
            note(check_type(resource, &ResourceType::known(rtype)));
        }
        match question.mode {
            Mode::Create => note(self.served(rtype, Interaction::Create).map(|_| ())),
            Mode::Update => match question.id.or_else(|| resource.get_str("id")) {
                Some(id) => {
                    let key = self.key(rtype, id, Interaction::Update);
                    note(key.and_then(|ResourceKey { rtype, id }| check_id(resource, &rtype, &id)));
                }
                None => note(Err(no_id(rtype))),
            },
            Mode::Unsaid | Mode::Delete | Mode::Profile => {}
        }
        issues
    }
}

/// A PUT to no id.
fn no_id(rtype: &str) -> Error {
    let (ja, en) = ("更新するリソースには id が要ります。", "A resource to update needs an id.");
    Error::bad_request(Issue::error(IssueCode::Required, ja, en).at(rtype, "/id"))
}
