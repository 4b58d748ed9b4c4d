//! transaction: all of a Bundle's entries or none. R4 `http.html#trules`.
//!
//! Planning reads, outside the transaction: which resources the conditions match, what the Bundle's own names stand for.
//! The unit that comes out carries what planning saw as assertions; if they do not hold any more, it is planned anew.

use std::collections::{HashMap, HashSet};

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::json::{Limits, parse};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhir::resource::same_content;
use crate::profile::Interaction;
use crate::search::criteria_of;
use crate::store::{
    self, Action, Assertion, Condition, Criteria, Derive, Derived, Expect, Method, Step, StepResult, TokenPattern,
    Unit, UnitError, Version,
};

use super::bundle::{EntryRequest, Verb};
use super::patch::PatchForm;
use super::prepare::{Content, check_id, check_type};
use super::read::present;
use super::references::{Links, conditional_references};
use super::types::Written;
use super::update::Standing;
use super::{Deriver, Gateway, Planned, origin, settle};

/// What became of an entry.
#[derive(Clone, Debug)]
pub enum EntryResponse {
    Written(Written),
    Deleted(Option<Version>),
    Read(Version),
    /// A GET other than a read: answered by the caller, after the commit.
    Deferred,
}

/// `Prefer: return=…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    #[default]
    Unsaid,
    Minimal,
    Representation,
    OperationOutcome,
}

/// An entry whose target is known.
struct Plan {
    entry: usize,
    deed: Deed,
}

enum Deed {
    Put {
        key: ResourceKey,
        expect: Expect,
        content: Content,
        method: Method,
    },
    Delete {
        key: ResourceKey,
        expect: Expect,
    },
    Read {
        key: ResourceKey,
    },
    /// A conditional create whose resource exists.
    Existing {
        key: ResourceKey,
    },
    Nothing,
    Deferred,
}

impl Deed {
    fn key(&self) -> Option<&ResourceKey> {
        match self {
            Deed::Put { key, .. } | Deed::Delete { key, .. } | Deed::Read { key } | Deed::Existing { key } => Some(key),
            Deed::Nothing | Deed::Deferred => None,
        }
    }

    fn writes(&self) -> bool {
        matches!(self, Deed::Put { .. } | Deed::Delete { .. })
    }
}

/// What planning has found so far.
#[derive(Default)]
struct Planning {
    deleted: HashSet<ResourceKey>,
    assertions: Vec<Assertion>,
    creating: HashSet<String>,
}

impl Gateway {
    /// Applies all entries in FHIR's order, or none. The answers stand in the entries' own order.
    pub async fn transaction(&self, caller: &Caller, entries: &[EntryRequest]) -> Result<Vec<EntryResponse>> {
        self.take_in(caller, entries, None).await
    }

    /// As [`Self::transaction`], once for ever for one digest: a second time is refused as a duplicate (409).
    pub(super) async fn take_in(
        &self,
        caller: &Caller,
        entries: &[EntryRequest],
        digest: Option<&str>,
    ) -> Result<Vec<EntryResponse>> {
        settle!(self, self.try_transaction(caller, entries, digest))
    }

    async fn try_transaction(
        &self,
        caller: &Caller,
        entries: &[EntryRequest],
        digest: Option<&str>,
    ) -> Result<Planned<Vec<EntryResponse>>> {
        let mut planning = Planning::default();
        let mut order: Vec<&EntryRequest> = entries.iter().collect();
        order.sort_by_key(|entry| entry.verb);
        let mut plans = Vec::with_capacity(order.len());
        for (at, entry) in order.iter().enumerate() {
            let deed = self.plan(entry, &mut planning).await.map_err(|error| error.within_entry(entry.index))?;
            plans.push(Plan { entry: at, deed });
        }
        check_duplicates(&plans, &order)?;
        self.link(&mut plans, &order, &mut planning).await?;
        self.validate_all(&plans, &order).await?;
        let unit = self.unit(&plans, planning.assertions, caller, digest);
        let results = match self.apply(unit).await {
            Ok(results) => results,
            Err(UnitError::Moved) => return Ok(Planned::Moved),
            Err(UnitError::Refused { step, refusal }) => return Err(refused_step(&plans, &order, step, refusal)),
            Err(error) => return Err(error.into()),
        };
        self.responses(plans, &order, results).await
    }

    async fn plan(&self, entry: &EntryRequest, planning: &mut Planning) -> Result<Deed> {
        let (rtype, id) = entry.target();
        match entry.verb {
            Verb::Delete => self.plan_delete(entry, rtype, id, planning).await,
            Verb::Post => self.plan_create(entry, rtype, id, planning).await,
            Verb::Put => self.plan_update(entry, rtype, id, planning).await,
            Verb::Patch => self.plan_patch(entry, rtype, id, planning).await,
            Verb::Get | Verb::Head => match id {
                Some(id) if !id.contains('/') && is_plain_read(entry) && self.is_stored(rtype) => {
                    Ok(Deed::Read { key: self.key(rtype, id, Interaction::Read)? })
                }
                _ => Ok(Deed::Deferred),
            },
        }
    }

    async fn plan_delete(
        &self,
        entry: &EntryRequest,
        rtype: &str,
        id: Option<&str>,
        planning: &mut Planning,
    ) -> Result<Deed> {
        let key = match (id, &entry.query) {
            (Some(id), _) => self.key(rtype, id, Interaction::Delete)?,
            (None, Some(query)) => {
                let criteria = criteria_of(&self.served(rtype, Interaction::Delete)?, query)?;
                match self.match_one(&criteria, planning).await? {
                    Some(key) => key,
                    None => return Ok(Deed::Nothing),
                }
            }
            (None, None) => return Err(no_target()),
        };
        planning.deleted.insert(key.clone());
        Ok(Deed::Delete { key, expect: entry.if_match.map_or(Expect::Anything, Expect::Version) })
    }

    async fn plan_create(
        &self,
        entry: &EntryRequest,
        rtype: &str,
        id: Option<&str>,
        planning: &mut Planning,
    ) -> Result<Deed> {
        if id.is_some() {
            return Err(Error::bad_request(Issue::error(
                IssueCode::Invalid,
                "POST の url はリソース型だけです。id を決めたいときは PUT を使ってください。",
                "The url of a POST is a type alone. Use PUT to choose the id.",
            )));
        }
        let rtype = self.served(rtype, Interaction::Create)?;
        let content = entry.resource.clone().ok_or_else(no_target)?;
        check_type(&content.tree, &rtype)?;
        if let Some(query) = &entry.if_none_exist {
            let criteria = criteria_of(&rtype, query)?;
            if let Some(key) = self.match_one(&criteria, planning).await? {
                return Ok(Deed::Existing { key });
            }
            if !planning.creating.insert(format!("{criteria:?}")) {
                return Err(Error::bad_request(Issue::error(
                    IssueCode::Duplicate,
                    "同じ ifNoneExist を持つ POST が二つあります。一つにして、他から参照してください。",
                    "Two POSTs have the same ifNoneExist. Keep one, and refer to it from elsewhere.",
                )));
            }
        }
        let key = ResourceKey { rtype, id: ResourceId::generate() };
        Ok(Deed::Put { key, expect: Expect::New, content, method: Method::Post })
    }

    async fn plan_update(
        &self,
        entry: &EntryRequest,
        rtype: &str,
        id: Option<&str>,
        planning: &mut Planning,
    ) -> Result<Deed> {
        let content = entry.resource.clone().ok_or_else(no_target)?;
        let method = Method::Put;
        match (id, &entry.query) {
            (Some(id), _) => {
                let key = self.key(rtype, id, Interaction::Update)?;
                check_type(&content.tree, &key.rtype)?;
                check_id(&content.tree, &key.rtype, &key.id)?;
                let expect = match (entry.if_match, entry.if_none_match.as_deref()) {
                    (Some(version), _) => Expect::Version(version),
                    (None, Some("*")) => self.expectation(&key, Standing::None).await?,
                    (None, _) => Expect::Anything,
                };
                Ok(Deed::Put { key, expect, content, method })
            }
            (None, Some(query)) => {
                let rtype = self.served(rtype, Interaction::Update)?;
                check_type(&content.tree, &rtype)?;
                let criteria = criteria_of(&rtype, query)?;
                let found = self.match_one(&criteria, planning).await?.map(|key| key.id);
                let (id, expect) = self.conditional_target(&criteria, found.as_ref(), &content, entry.if_match).await?;
                Ok(Deed::Put { key: ResourceKey { rtype, id }, expect, content, method })
            }
            (None, None) => Err(no_target()),
        }
    }

    async fn plan_patch(
        &self,
        entry: &EntryRequest,
        rtype: &str,
        id: Option<&str>,
        planning: &mut Planning,
    ) -> Result<Deed> {
        let key = match (id, &entry.query) {
            (Some(id), _) => self.key(rtype, id, Interaction::Patch)?,
            (None, Some(query)) => {
                let criteria = criteria_of(&self.served(rtype, Interaction::Patch)?, query)?;
                let found = self.match_one(&criteria, planning).await?;
                found.ok_or_else(|| Error::not_found(&format!("{rtype}?…")))?
            }
            (None, None) => return Err(no_target()),
        };
        let standing = present(self.current(&key).await?, &key)?;
        self.check_version(&key, entry.if_match).await?;
        let resource = entry.resource.as_ref().ok_or_else(no_target)?;
        let patch = match entry.json_patch() {
            Some(document) => self.read_patch(PatchForm::Json, &document)?,
            None => self.read_patch(PatchForm::FhirPath, resource.text.as_bytes())?,
        };
        let content = self.patched(&standing, &patch)?;
        Ok(Deed::Put { key, expect: Expect::Unmoved(standing.version), content, method: Method::Patch })
    }

    /// The one match that this transaction does not delete; the assertion holds all of them.
    async fn match_one(&self, criteria: &Criteria, planning: &mut Planning) -> Result<Option<ResourceKey>> {
        let limit = i64::try_from(planning.deleted.len()).unwrap_or(i64::MAX).saturating_add(2);
        let mut connection = self.database.reader().await?;
        let matches = store::matching_ids(&mut connection, criteria, None, limit).await?;
        let keys = matches.iter().map(|id| ResourceKey { rtype: criteria.rtype.clone(), id: id.clone() });
        let mut left: Vec<_> = keys.filter(|key| !planning.deleted.contains(key)).collect();
        if left.len() > 1 {
            return Err(Error::multiple_matches(&format!("{}?…", criteria.rtype)));
        }
        planning.assertions.push(Assertion { criteria: criteria.clone(), matches });
        Ok(left.pop())
    }

    /// Gives every reference its final form.
    async fn link(&self, plans: &mut [Plan], order: &[&EntryRequest], planning: &mut Planning) -> Result<()> {
        let mut links = Links::default();
        for plan in plans.iter_mut() {
            let Some(full_url) = &order[plan.entry].full_url else { continue };
            let versioned = order.iter().any(|entry| names_a_version(entry, full_url));
            let version = if versioned { self.coming_version(&mut plan.deed).await? } else { None };
            if let Some(key) = plan.deed.key() {
                links.add(full_url, key.clone(), version);
            }
        }
        let written: HashMap<ResourceKey, Derived> = plans.iter().filter_map(written_rows).collect();
        for at in 0..plans.len() {
            let Deed::Put { content, .. } = &plans[at].deed else { continue };
            for reference in conditional_references(&content.tree) {
                let entry = order[plans[at].entry].index;
                let found = self.resolve(&reference, &written, planning).await;
                links.add_conditional(&reference, &found.map_err(|error| error.within_entry(entry))?);
            }
        }
        for plan in plans {
            if let Deed::Put { content, .. } = &mut plan.deed
                && links.rewrite(&mut content.tree, order[plan.entry].full_url.as_deref())
            {
                content.text = crate::fhir::json::to_compact(&content.tree);
            }
        }
        Ok(())
    }

    /// The version that will stand after the transaction, held to by what the deed expects.
    async fn coming_version(&self, deed: &mut Deed) -> Result<Option<i64>> {
        let Deed::Put { key, expect, content, .. } = deed else { return Ok(None) };
        if *expect == Expect::New {
            return Ok(Some(1));
        }
        let Some(standing) = self.current(key).await? else {
            *expect = if *expect == Expect::Anything { Expect::New } else { *expect };
            return Ok(Some(1));
        };
        if *expect == Expect::Anything {
            *expect = Expect::Unmoved(standing.version);
        }
        let body = standing.body.as_deref().unwrap_or_default();
        let same =
            parse(body.as_bytes(), Limits { depth: usize::MAX }).is_ok_and(|tree| same_content(&tree, &content.tree));
        Ok(Some(if same { standing.version } else { standing.version + 1 }))
    }

    /// The one resource that a conditional reference names, after this transaction's own writes.
    async fn resolve(
        &self,
        reference: &str,
        written: &HashMap<ResourceKey, Derived>,
        planning: &mut Planning,
    ) -> Result<ResourceKey> {
        let (rtype, query) = reference.split_once('?').unwrap_or((reference, ""));
        let rtype: ResourceType = self.served(rtype, Interaction::SearchType).map_err(|mut error| {
            error.kind = ErrorKind::BadRequest;
            error
        })?;
        let criteria = criteria_of(&rtype, query)?;
        let limit = i64::try_from(written.len() + planning.deleted.len()).unwrap_or(i64::MAX).saturating_add(2);
        let mut connection = self.database.reader().await?;
        let matches = store::matching_ids(&mut connection, &criteria, None, limit).await?;
        let stored = matches.iter().map(|id| ResourceKey { rtype: rtype.clone(), id: id.clone() });
        let own = written.iter().filter(|(key, rows)| key.rtype == rtype && satisfies(key, rows, &criteria));
        let mut found: Vec<ResourceKey> =
            stored.filter(|key| !planning.deleted.contains(key) && !written.contains_key(key)).collect();
        found.extend(own.map(|(key, _)| key.clone()));
        planning.assertions.push(Assertion { criteria, matches });
        match (found.pop(), found.is_empty()) {
            (Some(key), true) => Ok(key),
            (Some(_), false) => Err(Error::multiple_matches(&format!("{rtype}?…"))),
            (None, _) => Err(no_match(&rtype)),
        }
    }

    async fn validate_all(&self, plans: &[Plan], order: &[&EntryRequest]) -> Result<()> {
        let mut issues = Vec::new();
        for plan in plans {
            let Deed::Put { content, .. } = &plan.deed else { continue };
            if let Some(invalid) = self.invalid(&content.tree) {
                issues.extend(invalid.within_entry(order[plan.entry].index).issues);
            }
        }
        if issues.is_empty() {
            return Ok(());
        }
        // 412 comes before 422.
        for plan in plans {
            if let Deed::Put { key, expect: Expect::Version(version), .. }
            | Deed::Delete { key, expect: Expect::Version(version) } = &plan.deed
            {
                let checked = self.check_version(key, Some(*version)).await;
                checked.map_err(|error| error.within_entry(order[plan.entry].index))?;
            }
        }
        issues.sort_by_key(|issue| issue.pointer.as_deref().and_then(entry_number));
        Err(Error::unprocessable(issues))
    }

    fn unit(&self, plans: &[Plan], assertions: Vec<Assertion>, caller: &Caller, digest: Option<&str>) -> Unit {
        let steps = plans.iter().filter_map(|plan| {
            Some(match &plan.deed {
                Deed::Put { key, expect, content, method } => {
                    let draft = self.draft(content, &key.rtype, &key.id);
                    let action = Action::Put { draft, method: *method };
                    Step { key: key.clone(), expect: *expect, action }
                }
                Deed::Delete { key, expect } => Step { key: key.clone(), expect: *expect, action: Action::Delete },
                Deed::Read { key } | Deed::Existing { key } => {
                    Step { key: key.clone(), expect: Expect::Anything, action: Action::Read }
                }
                Deed::Nothing | Deed::Deferred => return None,
            })
        });
        Unit { assertions, steps: steps.collect(), digest: digest.map(str::to_owned), origin: origin(caller) }
    }

    async fn responses(
        &self,
        plans: Vec<Plan>,
        order: &[&EntryRequest],
        results: Vec<StepResult>,
    ) -> Result<Planned<Vec<EntryResponse>>> {
        let mut results = results.into_iter();
        let mut answers: Vec<(usize, EntryResponse)> = Vec::with_capacity(plans.len());
        for plan in plans {
            let index = order[plan.entry].index;
            let answer = match plan.deed {
                Deed::Nothing => EntryResponse::Deleted(None),
                Deed::Deferred => EntryResponse::Deferred,
                Deed::Existing { .. } => match results.next() {
                    Some(StepResult::Read(version)) => EntryResponse::Written(Written::Existing(version)),
                    _ => return Ok(Planned::Moved),
                },
                _ => response(results.next()).ok_or_else(|| Error::internal("an entry without its result", &index))?,
            };
            answers.push((index, answer));
        }
        answers.sort_by_key(|(index, _)| *index);
        Ok(Planned::Done(answers.into_iter().map(|(_, answer)| answer).collect()))
    }

    /// Whether resources of the type are in the store, and not only among the definitions.
    pub fn is_stored(&self, rtype: &str) -> bool {
        self.served(rtype, Interaction::Vread).is_ok() || self.served(rtype, Interaction::Create).is_ok()
    }
}

/// Whether the entry's resource refers to a version of `full_url`, whole or as `Type/id`.
fn names_a_version(entry: &EntryRequest, full_url: &str) -> bool {
    let Some(content) = &entry.resource else { return false };
    let mut segments = full_url.rsplitn(3, '/');
    let relative = match (segments.next(), segments.next()) {
        (Some(id), Some(rtype)) => format!("{rtype}/{id}"),
        _ => full_url.to_owned(),
    };
    content.text.contains(&format!("{relative}/_history/"))
}

/// Without conditions or parameters that shape the answer, which the caller knows how to deal with.
fn is_plain_read(entry: &EntryRequest) -> bool {
    entry.query.is_none() && entry.if_none_match.is_none() && entry.if_modified_since.is_none()
}

fn response(result: Option<StepResult>) -> Option<EntryResponse> {
    Some(match result? {
        StepResult::Written { version, created: true } => EntryResponse::Written(Written::Created(version)),
        StepResult::Written { version, created: false } => EntryResponse::Written(Written::Updated(version)),
        StepResult::Unchanged(version) => EntryResponse::Written(Written::Unchanged(version)),
        StepResult::Deleted { version } => EntryResponse::Deleted(version),
        StepResult::Read(version) => EntryResponse::Read(version),
    })
}

fn written_rows(plan: &Plan) -> Option<(ResourceKey, Derived)> {
    let Deed::Put { key, content, .. } = &plan.deed else { return None };
    Some((key.clone(), Deriver.derive(key.rtype.as_str(), &content.tree)))
}

/// Whether a resource that is being written will match.
fn satisfies(key: &ResourceKey, rows: &Derived, criteria: &Criteria) -> bool {
    criteria.conditions.iter().all(|condition| match condition {
        Condition::Id(ids) => ids.iter().any(|id| id == key.id.as_str()),
        Condition::Token { param, any_of } => rows.tokens.iter().filter(|token| token.param == *param).any(|token| {
            any_of.iter().any(|pattern| match pattern {
                TokenPattern::Code(code) => token.code == *code,
                TokenPattern::Exact { system, code } => token.code == *code && token.system == *system,
                TokenPattern::System(system) => token.system == *system,
            })
        }),
        // What is being written now is newer than any moment a client can name.
        Condition::LastUpdated { until, .. } => until.is_none(),
        Condition::NotLastUpdated { .. } => true,
    })
}

/// R4 `http.html#trules`: a resource may stand once in a transaction.
fn check_duplicates(plans: &[Plan], order: &[&EntryRequest]) -> Result<()> {
    let mut seen = HashMap::new();
    for plan in plans.iter().filter(|plan| plan.deed.writes()) {
        let (Some(key), index) = (plan.deed.key(), order[plan.entry].index) else { continue };
        if let Some(first) = seen.insert(key, index) {
            let issue = Issue::error(
                IssueCode::Duplicate,
                format!("同じリソースが entry[{first}] と entry[{index}] にあります。一つにまとめてください。"),
                format!("The same resource stands in entry[{first}] and entry[{index}]. Keep one of them."),
            );
            return Err(Error::bad_request(issue.on(format!("Bundle.entry[{index}]"))));
        }
    }
    let mut names = HashSet::new();
    for entry in order {
        if let Some(full_url) = &entry.full_url
            && !names.insert(full_url)
        {
            let issue = Issue::error(
                IssueCode::Duplicate,
                "fullUrl が重複しています。エントリごとに別のものにしてください。",
                "The fullUrl stands twice in the Bundle. Give each entry its own.",
            );
            return Err(Error::bad_request(issue.on(format!("{}.fullUrl", entry.place()))));
        }
    }
    Ok(())
}

fn refused_step(plans: &[Plan], order: &[&EntryRequest], step: usize, refusal: store::Refusal) -> Error {
    let with_step = plans.iter().filter(|plan| !matches!(plan.deed, Deed::Nothing | Deed::Deferred));
    let Some(plan) = with_step.into_iter().nth(step) else { return Error::internal("a step without its entry", &step) };
    let target = plan.deed.key().map(ToString::to_string).unwrap_or_default();
    Error::refused(&target, refusal).within_entry(order[plan.entry].index)
}

fn entry_number(pointer: &str) -> Option<usize> {
    pointer.strip_prefix("/entry/")?.split('/').next()?.parse().ok()
}

fn no_target() -> Error {
    Error::bad_request(Issue::error(
        IssueCode::Invalid,
        "url は「型/id」か「型?条件」の形にしてください。",
        "The url must have the form Type/id or Type?criteria.",
    ))
}

fn no_match(rtype: &ResourceType) -> Error {
    Error::new(
        ErrorKind::PreconditionFailed,
        Issue::error(
            IssueCode::NotFound,
            format!("条件付き参照 {rtype}?… に一致するリソースがありません。"),
            format!("The conditional reference {rtype}?… matches no resource."),
        ),
    )
}
