//! patch and conditional patch. R4 `http.html#patch`.

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::json::{Json, check_fhir_rules, to_compact};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhir::patch::{PatchError, PatchErrorKind, fhirpath_patch, json_patch};
use crate::profile::Definitions;
use crate::store::{self, Action, Assertion, Criteria, Expect, Method, Step, Unit, Version};

use super::prepare::{Content, keeps_rules, read_json};
use super::{Gateway, Planned, Standing, Written, origin, settle};

/// The two languages in which a change can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchForm {
    /// RFC 6902, `application/json-patch+json`.
    Json,
    /// R4 `fhirpatch.html`, a Parameters resource.
    FhirPath,
}

/// A patch that was read.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    form: PatchForm,
    document: Json,
}

impl Gateway {
    /// Changes the resource in place. 404 and 410 as read; 412 where `standing` does not hold; 422 where
    /// the patch does not fit or what comes out is not valid.
    pub async fn patch(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        form: PatchForm,
        body: &[u8],
        standing: Standing,
    ) -> Result<Written> {
        let patch = self.read_patch(form, body)?;
        settle!(self, self.try_patch(caller, key, &patch, standing, Vec::new()))
    }

    /// Changes the one resource that matches; none is 404, several are 412.
    pub async fn patch_conditionally(
        &self,
        caller: &Caller,
        rtype: &ResourceType,
        query: &str,
        form: PatchForm,
        body: &[u8],
        standing: Standing,
    ) -> Result<Written> {
        let patch = self.read_patch(form, body)?;
        let criteria = self.criteria(rtype, query).await?;
        settle!(self, self.try_patch_match(caller, &criteria, &patch, standing))
    }

    async fn try_patch_match(
        &self,
        caller: &Caller,
        criteria: &Criteria,
        patch: &Patch,
        standing: Standing,
    ) -> Result<Planned<Written>> {
        let found = self.single_match(criteria, "URL").await?;
        let id = found.ok_or_else(|| Error::not_found(&format!("{}?…", criteria.rtype)))?;
        let key = ResourceKey { rtype: criteria.rtype.clone(), id: id.clone() };
        let assertion = Assertion { criteria: criteria.clone(), matches: vec![id] };
        self.try_patch(caller, &key, patch, standing, vec![assertion]).await
    }

    pub(super) fn read_patch(&self, form: PatchForm, body: &[u8]) -> Result<Patch> {
        let document = read_json(body, self.json_limits())?;
        if form == PatchForm::FhirPath {
            keeps_rules(&self.definitions, &document)?;
            if document.get_str("resourceType") != Some("Parameters") {
                return Err(Error::bad_request(Issue::error(
                    IssueCode::Structure,
                    "FHIRPath Patch は Parameters リソースで送ります。JSON Patch なら Content-Type を application/json-patch+json にしてください。",
                    "A FHIRPath Patch is a Parameters resource. For a JSON Patch, use application/json-patch+json.",
                )));
            }
        }
        Ok(Patch { form, document })
    }

    async fn try_patch(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        patch: &Patch,
        standing: Standing,
        assertions: Vec<Assertion>,
    ) -> Result<Planned<Written>> {
        let found = self.read(caller, key).await?.version;
        standing.check(key, Some(&found))?;
        let content = self.patched(&found, patch)?;
        let findings = self.check(&content)?;
        let draft = self.draft(&content, &key.rtype, &key.id);
        let action = Action::Put { draft, method: Method::Patch };
        let step = Step { key: key.clone(), expect: Expect::Unmoved(found.version), action };
        self.write(
            Unit { assertions, steps: vec![step], digest: None, origin: origin(caller), ..Unit::default() },
            findings,
        )
        .await
    }

    /// The content that comes out of a patch; not validated.
    pub(super) fn patched(&self, found: &Version, patch: &Patch) -> Result<Content> {
        let body = found.body.as_deref().unwrap_or_default();
        let mut tree = store::stored_tree(body)?;
        let applied = match patch.form {
            PatchForm::Json => json_patch::apply(&mut tree, &patch.document),
            PatchForm::FhirPath => fhirpath_patch::apply(&mut tree, &patch.document, &Repeats(&self.definitions)),
        };
        applied.map_err(patch_error)?;
        check_identity(&tree, &found.key.rtype, &found.key.id)?;
        if !check_fhir_rules(&tree).is_empty() {
            let broken = keeps_rules(&self.definitions, &tree).err().map(|error| error.issues).unwrap_or_default();
            return Err(Error::unprocessable(broken));
        }
        Ok(Content { text: to_compact(&tree), tree })
    }
}

/// Tells the patch which elements are lists.
struct Repeats<'a>(&'a Definitions);

impl fhirpath_patch::Cardinality for Repeats<'_> {
    fn repeats(&self, type_path: &str, name: &str) -> Option<bool> {
        self.0.element_repeats(type_path, name)
    }
}

/// A patch changes neither type nor id.
fn check_identity(tree: &Json, rtype: &ResourceType, id: &ResourceId) -> Result<()> {
    if tree.get_str("resourceType") == Some(rtype.as_str()) && tree.get_str("id") == Some(id.as_str()) {
        return Ok(());
    }
    Err(Error::unprocessable(vec![Issue::error(
        IssueCode::BusinessRule,
        "パッチで resourceType や id を変えることはできません。",
        "A patch cannot change the resourceType or the id.",
    )]))
}

fn patch_error(error: PatchError) -> Error {
    let kind = match error.kind() {
        PatchErrorKind::Malformed => ErrorKind::BadRequest,
        PatchErrorKind::Inapplicable => ErrorKind::Unprocessable,
    };
    Error::new(kind, error.to_issue())
}
