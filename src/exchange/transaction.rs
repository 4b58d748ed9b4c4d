//! transaction: all of a Bundle's entries or none. R4 `http.html#trules`.
//!
//! Planning reads, outside the transaction: which resources the conditions match, what the Bundle's own names stand for.
//! The unit that comes out carries what planning saw as assertions; if they do not hold any more, it is planned anew.

use std::collections::{HashMap, HashSet};

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::fhir::id::{ResourceKey, ResourceType};
use crate::fhir::instant::Instant;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::profile::Interaction;
use crate::store::{
    self, Action, Assertion, Criteria, Derive, Derived, Expect, Step, StepResult, Unit, UnitError, Version,
};

use super::bundle::EntryRequest;
use super::create::written;
use super::plan::{Deed, Plan, Planning};
use super::read::present;
use super::references::{Links, conditional_references};
use super::types::Written;
use super::{Gateway, Planned, Standing, aside, origin, settle};

/// Bytes of entries that are judged before others have their turn: about a millisecond's worth.
const TURN: usize = 32 << 10;

/// What validation found and did not refuse, by the entry's place in the Bundle.
type Findings = HashMap<usize, Vec<Issue>>;

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

/// How entries are taken in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taking<'a> {
    /// Names what is taken in once for ever.
    pub digest: Option<&'a str>,
    /// See [`Unit::as_given`].
    pub as_given: bool,
}

impl Gateway {
    /// Applies all entries in FHIR's order, or none. The answers stand in the entries' own order.
    pub async fn transaction(&self, caller: &Caller, entries: &[EntryRequest]) -> Result<Vec<EntryResponse>> {
        self.take_in(caller, entries, Taking::default()).await
    }

    /// As [`Self::transaction`], in another manner; a second time for one digest is refused as a duplicate (409).
    pub(super) async fn take_in(
        &self,
        caller: &Caller,
        entries: &[EntryRequest],
        taking: Taking<'_>,
    ) -> Result<Vec<EntryResponse>> {
        settle!(self, self.try_transaction(caller, entries, taking))
    }

    async fn try_transaction(
        &self,
        caller: &Caller,
        entries: &[EntryRequest],
        taking: Taking<'_>,
    ) -> Result<Planned<Vec<EntryResponse>>> {
        let mut planning = Planning::default();
        let mut order: Vec<&EntryRequest> = entries.iter().collect();
        order.sort_by_key(|entry| entry.verb);
        let (mut plans, mut faults) = self.plan_all(&order, &mut planning).await?;
        faults.extend(check_duplicates(&plans, &order).err());
        if faults.is_empty() {
            self.link(&mut plans, &order, &mut planning).await?;
        }
        let findings = self.judge(&plans, &order, faults).await?;
        let bytes = entries.iter().filter_map(|entry| entry.resource.as_ref()).map(|content| content.text.len()).sum();
        let unit = aside(bytes, || self.unit(&plans, planning.assertions, caller, taking));
        let results = match self.apply(unit).await {
            Ok(results) => results,
            Err(UnitError::Moved) => return Ok(Planned::Moved),
            Err(UnitError::Refused { step, refusal }) => {
                let refused = refused_step(&plans, &order, step, refusal);
                return Err(self.first_refusal(&plans, &order, refused).await);
            }
            Err(error) => return Err(error.into()),
        };
        self.responses(plans, &order, results, findings).await
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
        let written: HashMap<ResourceKey, Derived> = plans.iter().filter_map(|plan| self.written_rows(plan)).collect();
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
        let tree = store::stored_tree(standing.body.as_deref().unwrap_or_default());
        // As the writer will judge it.
        let same = tree.is_ok_and(|tree| self.deriver.is_same(key.rtype.as_str(), &tree, &content.tree));
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
        let criteria = self.criteria(&rtype, query).await?;
        let limit = written.len() + planning.deleted.len() + 2;
        let mut connection = self.database.reader().await?;
        let matches = store::matching_ids(&mut connection, &criteria, limit).await?;
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

    /// The entries' deeds, in FHIR's order, and the refusals of those that have none: all of them, for the order in which
    /// refusals are told is not that of the entries.
    async fn plan_all(&self, order: &[&EntryRequest], planning: &mut Planning) -> Result<(Vec<Plan>, Vec<Error>)> {
        let (mut plans, mut faults) = (Vec::with_capacity(order.len()), Vec::new());
        for (at, entry) in order.iter().enumerate() {
            match self.plan(entry, planning).await {
                Ok(deed) => plans.push(Plan { entry: at, deed }),
                // What is away for one entry is away for all.
                Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
                Err(error) => faults.push(error.within_entry(entry.index)),
            }
        }
        Ok((plans, faults))
    }

    /// Refuses what is at fault or has invalid content; else what is to be told of the entries' contents.
    async fn judge(&self, plans: &[Plan], order: &[&EntryRequest], mut faults: Vec<Error>) -> Result<Findings> {
        let (invalid, findings) = self.check_entries(plans, order).await;
        faults.extend(invalid);
        match first_told(faults) {
            Some(first) => Err(self.first_refusal(plans, order, first).await),
            None => Ok(findings),
        }
    }

    /// The refusal that comes first in the order of ARCHITECTURE.md, "Answers", whichever entry it is of: 412 before 422
    /// before 409. Only where something is refused is it worth asking for what the writer finds by itself.
    async fn first_refusal(&self, plans: &[Plan], order: &[&EntryRequest], found: Error) -> Error {
        if found.kind < ErrorKind::NotFound {
            return found;
        }
        match self.broken_conditions(plans, order).await {
            Ok(broken) => {
                let first = first_told(broken).filter(|first| first.kind < found.kind);
                first.unwrap_or(found)
            }
            Err(unavailable) => unavailable,
        }
    }

    /// Many entries take a while: others have their turn in between.
    async fn check_entries(&self, plans: &[Plan], order: &[&EntryRequest]) -> (Vec<Error>, Findings) {
        let (mut invalid, mut findings) = (Vec::new(), Findings::new());
        let mut bytes = 0;
        for plan in plans {
            let Deed::Put { content, .. } = &plan.deed else { continue };
            let index = order[plan.entry].index;
            match self.check(content) {
                Ok(found) if found.is_empty() => {}
                Ok(found) => drop(findings.insert(index, found)),
                Err(error) => invalid.push(error.within_entry(index)),
            }
            bytes += content.text.len();
            if bytes >= TURN {
                bytes = 0;
                tokio::task::yield_now().await;
            }
        }
        (invalid, findings)
    }

    /// Versions that do not stand, and reads of what neither stands nor is written here.
    async fn broken_conditions(&self, plans: &[Plan], order: &[&EntryRequest]) -> Result<Vec<Error>> {
        let written: HashSet<&ResourceKey> =
            plans.iter().filter(|plan| plan.deed.writes()).filter_map(|plan| plan.deed.key()).collect();
        let mut broken = Vec::new();
        for plan in plans {
            let checked = match &plan.deed {
                Deed::Put { key, expect: Expect::Version(version), .. }
                | Deed::Delete { key, expect: Expect::Version(version) } => {
                    self.check_standing(key, Standing::Version(*version)).await
                }
                Deed::Read { key } if !written.contains(key) => present(self.current(key).await?, key).map(|_| ()),
                _ => Ok(()),
            };
            broken.extend(checked.err().map(|error| error.within_entry(order[plan.entry].index)));
        }
        Ok(broken)
    }

    fn written_rows(&self, plan: &Plan) -> Option<(ResourceKey, Derived)> {
        let Deed::Put { key, content, .. } = &plan.deed else { return None };
        Some((key.clone(), self.deriver.derive(key.rtype.as_str(), &content.tree)))
    }

    fn unit(&self, plans: &[Plan], assertions: Vec<Assertion>, caller: &Caller, taking: Taking<'_>) -> Unit {
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
        Unit {
            assertions,
            steps: steps.collect(),
            digest: taking.digest.map(str::to_owned),
            as_given: taking.as_given,
            origin: origin(caller),
            ..Unit::default()
        }
    }

    async fn responses(
        &self,
        plans: Vec<Plan>,
        order: &[&EntryRequest],
        results: Vec<StepResult>,
        mut findings: Findings,
    ) -> Result<Planned<Vec<EntryResponse>>> {
        let mut results = results.into_iter();
        let mut answers: Vec<(usize, EntryResponse)> = Vec::with_capacity(plans.len());
        for plan in plans {
            let index = order[plan.entry].index;
            let answer = match plan.deed {
                Deed::Nothing => EntryResponse::Deleted(None),
                Deed::Deferred => EntryResponse::Deferred,
                Deed::Existing { .. } => match results.next() {
                    Some(StepResult::Read(version)) => EntryResponse::Written(Written::existing(version)),
                    _ => return Ok(Planned::Moved),
                },
                _ => {
                    let found = findings.remove(&index).unwrap_or_default();
                    let answer = results.next().and_then(|result| response(result, found));
                    answer.ok_or_else(|| Error::internal("an entry without its result", &index))?
                }
            };
            answers.push((index, answer));
        }
        let read = answers.iter_mut().filter_map(|(_, answer)| match answer {
            EntryResponse::Read(version) => Some(version),
            _ => None,
        });
        self.lay_over(&mut read.collect::<Vec<_>>()).await?;
        answers.sort_by_key(|(index, _)| *index);
        Ok(Planned::Done(answers.into_iter().map(|(_, answer)| answer).collect()))
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

fn response(result: StepResult, findings: Vec<Issue>) -> Option<EntryResponse> {
    match result {
        StepResult::Deleted { version } => Some(EntryResponse::Deleted(version)),
        StepResult::Read(version) => Some(EntryResponse::Read(version)),
        result => written(result, findings).map(EntryResponse::Written),
    }
}

/// Whether a resource that is being written will match.
fn satisfies(key: &ResourceKey, rows: &Derived, criteria: &Criteria) -> bool {
    // What is being written now is newer than any moment a client can name.
    store::matches(criteria, key.id.as_str(), Instant(i64::MAX), rows)
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

/// The first kind of refusal, with all findings of that kind in the order of the entries where the content is at fault.
fn first_told(faults: Vec<Error>) -> Option<Error> {
    let kind = faults.iter().map(|error| error.kind).min()?;
    let mut told = faults.into_iter().filter(|error| error.kind == kind);
    if kind != ErrorKind::Unprocessable {
        return told.next();
    }
    let mut issues: Vec<Issue> = told.flat_map(|error| error.issues).collect();
    issues.sort_by_key(|issue| issue.pointer.as_deref().and_then(entry_number));
    Some(Error::unprocessable(issues))
}

fn entry_number(pointer: &str) -> Option<usize> {
    pointer.strip_prefix("/entry/")?.split('/').next()?.parse().ok()
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
