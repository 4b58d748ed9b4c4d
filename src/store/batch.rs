//! One database transaction for whatever units are waiting.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::Text;

use crate::clock::Clock;
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};

use super::audit::AuditChain;
use super::change::{Action, Refusal, StepResult, Unit, UnitError};
use super::connection::Connection;
use super::derived::{Derive, Reference};
use super::error::StoreError;
use super::flush::{Audited, flush};
use super::overlay::Overlay;
use super::query::matching_ids;
use super::resource::current_rows;
use super::sql::{Column, RowAction, Rows, Sql};
use super::stamp::Stamp;

/// What became of a unit, once the transaction is committed.
pub(super) type Outcome = Result<Vec<StepResult>, UnitError>;

/// What a batch needs besides its connection.
pub(super) struct Tools<'a> {
    pub derive: &'a dyn Derive,
    pub clock: &'a dyn Clock,
}

/// A batch after its commit was asked for.
pub(super) struct Committed {
    pub outcomes: Vec<Outcome>,
    /// The chain with this batch's audit rows.
    pub chain: AuditChain,
    /// PostgreSQL's transaction id, where the connection broke during the commit, which may have happened or not.
    pub in_doubt: Option<i64>,
}

/// Applies the units in order and commits. On an error nothing is stored.
pub(super) async fn run(
    connection: &mut Connection,
    units: &[&Unit],
    chain: &AuditChain,
    tools: &Tools<'_>,
) -> Result<Committed, StoreError> {
    let mut chain = chain.clone();
    connection.begin().await?;
    let applied = apply(connection, units, &mut chain, tools).await;
    let (outcomes, tx) = match applied {
        Ok(applied) => applied,
        Err(error) => {
            connection.rollback().await;
            return Err(error);
        }
    };
    match connection.commit().await {
        Ok(()) => Ok(Committed { outcomes, chain, in_doubt: None }),
        Err(StoreError::Unavailable(_)) if tx != 0 => Ok(Committed { outcomes, chain, in_doubt: Some(tx) }),
        Err(error) => {
            connection.rollback().await;
            Err(error)
        }
    }
}

async fn apply(
    connection: &mut Connection,
    units: &[&Unit],
    chain: &mut AuditChain,
    tools: &Tools<'_>,
) -> Result<(Vec<Outcome>, i64), StoreError> {
    lock_criteria(connection, units).await?;
    let (mut outcomes, mut tx) = (Vec::with_capacity(units.len()), 0);
    for segment in segments(units) {
        tx = segment_apply(connection, segment, &mut outcomes, chain, tools).await?.max(tx);
    }
    Ok((outcomes, tx))
}

/// Units with equal criteria wait for each other over all gateways, always in the same order. On SQLite the write lock
/// does the same for everyone.
async fn lock_criteria(connection: &mut Connection, units: &[&Unit]) -> Result<(), StoreError> {
    if connection.is_sqlite() {
        return Ok(());
    }
    let assertions = units.iter().flat_map(|unit| &unit.assertions);
    let mut names: BTreeSet<String> = assertions.map(|assertion| assertion.criteria.lock_name()).collect();
    names.extend(units.iter().filter_map(|unit| unit.digest.clone()));
    for name in names {
        connection.execute(Sql::new("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))").bind(name)).await?;
    }
    Ok(())
}

/// Runs of units in which no unit's searches could see what an earlier unit of the run writes.
fn segments<'a, 'b>(units: &'a [&'b Unit]) -> Vec<&'a [&'b Unit]> {
    let mut found = Vec::new();
    let (mut start, mut written): (usize, BTreeSet<&ResourceType>) = (0, BTreeSet::new());
    for (at, unit) in units.iter().enumerate() {
        let searches = unit.assertions.iter().any(|assertion| written.contains(&assertion.criteria.rtype));
        let deletes = unit.steps.iter().any(|step| matches!(step.action, Action::Delete));
        if at > start && (searches || deletes || unit.digest.is_some()) {
            found.push(&units[start..at]);
            (start, written) = (at, BTreeSet::new());
        }
        written.extend(unit.written_types());
    }
    found.push(&units[start..]);
    found
}

async fn segment_apply(
    connection: &mut Connection,
    units: &[&Unit],
    outcomes: &mut Vec<Outcome>,
    chain: &mut AuditChain,
    tools: &Tools<'_>,
) -> Result<i64, StoreError> {
    let mut verdicts = Vec::with_capacity(units.len());
    for unit in units {
        verdicts.push(admit(connection, unit).await?);
    }
    let steps = units.iter().flat_map(|unit| &unit.steps);
    let keys: BTreeSet<&ResourceKey> = steps.clone().map(|step| &step.key).collect();
    let rows = current_rows(connection, &keys.into_iter().collect::<Vec<_>>()).await?;
    let mut overlay = Overlay::new(rows, tools.derive)?;
    let mut stamp = Stamp::draw(connection, tools.clock.now(), steps.count()).await?;
    let (mut audited, mut digests) = (Vec::new(), Vec::new());
    for (unit, verdict) in units.iter().zip(verdicts) {
        let outcome = match verdict {
            Ok(()) => unit_apply(connection, unit, &mut overlay, &mut stamp).await?,
            Err(error) => Err(error),
        };
        if let Ok(results) = &outcome {
            audited.extend(results.iter().filter_map(|result| audit(unit, result)));
            digests.extend(unit.digest.clone());
        }
        outcomes.push(outcome);
    }
    remember(connection, digests, &stamp).await?;
    flush(connection, &mut overlay, audited, chain, &mut stamp, tools.derive).await?;
    Ok(stamp.tx)
}

/// Whether what planning found still holds.
async fn admit(connection: &mut Connection, unit: &Unit) -> Result<Result<(), UnitError>, StoreError> {
    if let Some(digest) = &unit.digest {
        let sql = Sql::new("SELECT digest AS rid, '' AS rtype FROM idempotency_key WHERE digest = ?");
        let found: Vec<Referrer> = connection.load(sql.bind(digest.as_str())).await?;
        if !found.is_empty() {
            return Ok(Err(UnitError::AlreadyTaken));
        }
    }
    for assertion in &unit.assertions {
        let limit = i64::try_from(assertion.matches.len()).unwrap_or(i64::MAX).saturating_add(1);
        if matching_ids(connection, &assertion.criteria, None, limit).await? != assertion.matches {
            return Ok(Err(UnitError::Moved));
        }
    }
    Ok(Ok(()))
}

async fn unit_apply(
    connection: &mut Connection,
    unit: &Unit,
    overlay: &mut Overlay<'_>,
    stamp: &mut Stamp,
) -> Result<Outcome, StoreError> {
    overlay.begin_unit();
    let mut results = Vec::with_capacity(unit.steps.len());
    for (index, step) in unit.steps.iter().enumerate() {
        match overlay.apply(step, index, stamp) {
            Ok(result) => results.push(result),
            Err(error) => {
                overlay.roll_back();
                return Ok(Err(error));
            }
        }
    }
    for (index, step) in unit.steps.iter().enumerate() {
        let deleted = matches!(&results[index], StepResult::Deleted { version: Some(_) });
        if deleted && let Some(by) = still_referenced(connection, &step.key, overlay).await? {
            overlay.roll_back();
            return Ok(Err(UnitError::Refused { step: index, refusal: Refusal::StillReferenced { by } }));
        }
    }
    Ok(Ok(results))
}

#[derive(QueryableByName)]
struct Referrer {
    #[diesel(sql_type = Text)]
    rtype: String,
    #[diesel(sql_type = Text)]
    rid: String,
}

/// A resource that refers to `target` after this unit: one that the unit leaves alone, or one that it writes so.
async fn still_referenced(
    connection: &mut Connection,
    target: &ResourceKey,
    overlay: &Overlay<'_>,
) -> Result<Option<ResourceKey>, StoreError> {
    let as_reference =
        Reference { target_type: target.rtype.to_string(), target_id: target.id.to_string() };
    let written = overlay.entries.iter().filter(|(key, entry)| *key != target && !entry.added.is_empty());
    for (key, entry) in written {
        if entry.derived().references.contains(&as_reference) {
            return Ok(Some(key.clone()));
        }
    }
    let sql = Sql::new(
        "SELECT r.rtype, r.rid FROM resource r WHERE r.key IN \
         (SELECT f.key FROM resource_reference f WHERE f.target_type = ? AND f.target_id = ?)",
    );
    let sql = sql.bind(target.rtype.as_str()).bind(target.id.as_str());
    let referrers: Vec<Referrer> = connection.load(sql).await?;
    let untouched = |key: &ResourceKey| {
        key != target && overlay.entries.get(key).is_none_or(|entry| entry.added.is_empty())
    };
    let keys = referrers.into_iter().filter_map(|row| {
        Some(ResourceKey { rtype: ResourceType::known(&row.rtype), id: ResourceId::parse(&row.rid)? })
    });
    Ok(keys.into_iter().find(untouched))
}

async fn remember(connection: &mut Connection, digests: Vec<String>, stamp: &Stamp) -> Result<(), StoreError> {
    let at = vec![stamp.at.0; digests.len()];
    let rows = Rows {
        columns: vec![("digest", Column::Texts(digests)), ("at", Column::Ints(at))],
        action: RowAction::Insert { table: "idempotency_key", suffix: "" },
    };
    connection.execute_rows(&rows).await?;
    Ok(())
}

/// The audit row for a step that changed something.
fn audit(unit: &Unit, result: &StepResult) -> Option<Audited> {
    let (version, action) = match result {
        StepResult::Written { version, created: true } => (version, "create"),
        StepResult::Written { version, created: false } => (version, "update"),
        StepResult::Deleted { version: Some(version) } => (version, "delete"),
        StepResult::Deleted { version: None } | StepResult::Unchanged(_) | StepResult::Read(_) => return None,
    };
    Some(Audited { key: version.key.clone(), version: version.version, action, origin: unit.origin.clone() })
}
