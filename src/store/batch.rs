//! One database transaction for whatever units are waiting.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::Text;

use crate::clock::Clock;
use crate::fhir::id::{ResourceKey, ResourceType};
use crate::fhir::instant::Instant;

use super::audit::AuditChain;
use super::board::{BoardCache, BoardReport, Boards, Touch};
use super::cache::Cache;
use super::change::{Action, Method, Refusal, Step, StepResult, Unit, UnitError};
use super::connection::Connection;
use super::derived::{Derive, Projection, Reference};
use super::error::StoreError;
use super::flush::{Audited, flush};
use super::lock::lock_conditions;
use super::overlay::Overlay;
use super::resource::current_rows;
use super::search::{matching_ids, referrers};
use super::sql::{Column, RowAction, Rows};
use super::stamp::Stamp;

/// What became of a unit, once the transaction is committed.
pub(super) type Outcome = Result<Vec<StepResult>, UnitError>;

/// What a batch needs besides its connection.
pub(super) struct Tools<'a> {
    pub derive: &'a dyn Derive,
    pub clock: &'a dyn Clock,
    /// On SQLite.
    pub cache: Option<&'a Cache>,
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
    boards: &mut BoardCache,
    tools: &Tools<'_>,
) -> Result<Committed, StoreError> {
    let mut chain = chain.clone();
    connection.begin().await?;
    let applied = apply(connection, units, &mut chain, boards, tools).await;
    let (outcomes, tx) = match applied {
        Ok(applied) => applied,
        Err(error) => {
            boards.forget();
            connection.rollback().await;
            return Err(error);
        }
    };
    match connection.commit().await {
        Ok(()) => Ok(Committed { outcomes, chain, in_doubt: None }),
        Err(StoreError::Unavailable(_)) if tx != 0 => {
            boards.forget();
            Ok(Committed { outcomes, chain, in_doubt: Some(tx) })
        }
        Err(error) => {
            boards.forget();
            connection.rollback().await;
            Err(error)
        }
    }
}

async fn apply(
    connection: &mut Connection,
    units: &[&Unit],
    chain: &mut AuditChain,
    boards: &mut BoardCache,
    tools: &Tools<'_>,
) -> Result<(Vec<Outcome>, i64), StoreError> {
    lock_conditions(connection, units).await?;
    let (mut outcomes, mut stamp) = (Vec::with_capacity(units.len()), None);
    let versions = units.iter().map(|unit| unit.steps.len()).sum();
    for segment in segments(units) {
        segment_apply(connection, segment, versions, &mut stamp, &mut outcomes, (chain, boards), tools).await?;
    }
    Ok((outcomes, stamp.map_or(0, |stamp: Stamp| stamp.tx)))
}

/// Runs of units in which no unit's searches could see what an earlier unit of the run writes, and none comes twice.
fn segments<'a, 'b>(units: &'a [&'b Unit]) -> Vec<&'a [&'b Unit]> {
    let (mut found, mut start) = (Vec::new(), 0);
    let (mut written, mut digests) = (BTreeSet::<&ResourceType>::new(), BTreeSet::<&str>::new());
    for (at, unit) in units.iter().enumerate() {
        let searches = unit.assertions.iter().any(|assertion| written.contains(&assertion.criteria.rtype));
        let deletes = unit.steps.iter().any(|step| matches!(step.action, Action::Delete));
        let again = unit.digest.as_ref().is_some_and(|digest| digests.contains(digest.as_str()));
        if at > start && (searches || deletes || again) {
            found.push(&units[start..at]);
            (start, written, digests) = (at, BTreeSet::new(), BTreeSet::new());
        }
        written.extend(unit.written_types());
        digests.extend(unit.digest.as_deref());
    }
    found.push(&units[start..]);
    found
}

/// All segments of a transaction share one stamp, drawn by the first: a second one would put this transaction's id on log
/// positions behind those of transactions that began later, and readers that stop below the oldest would go past them.
async fn segment_apply(
    connection: &mut Connection,
    units: &[&Unit],
    versions: usize,
    stamp: &mut Option<Stamp>,
    outcomes: &mut Vec<Outcome>,
    (chain, kept): (&mut AuditChain, &mut BoardCache),
    tools: &Tools<'_>,
) -> Result<(), StoreError> {
    let keys: BTreeSet<&ResourceKey> = units.iter().flat_map(|unit| &unit.steps).map(|step| &step.key).collect();
    let rows = current_rows(connection, &keys.into_iter().collect::<Vec<_>>()).await?;
    // After the rows: what changes a match from here on is caught by the version check of the write.
    let (taken, mut verdicts) = (taken(connection, units).await?, Vec::with_capacity(units.len()));
    for unit in units {
        verdicts.push(admit(connection, unit, &taken).await?);
    }
    let stamp = match stamp {
        Some(stamp) => stamp,
        None => {
            let drawn = Stamp::draw(connection, tools.clock.now(), versions, tools.derive.manifest()).await?;
            stamp.insert(drawn)
        }
    };
    if rows.iter().any(|row| stamp.is_behind(row)) {
        return Err(StoreError::Retry("another gateway wrote a version after the stamp was drawn".into()));
    }
    let mut overlay = Overlay::new(rows, tools.derive)?;
    let mut boards = Boards::load(connection, units, &mut overlay, kept, tools.derive).await?;
    let (mut audited, mut digests) = (Vec::new(), Vec::new());
    for (unit, verdict) in units.iter().zip(verdicts) {
        let outcome = match verdict {
            Ok(()) => unit_apply(connection, unit, &mut overlay, &mut boards, stamp, tools.clock.now()).await?,
            Err(error) => Err(error),
        };
        if let Ok(results) = &outcome {
            audited.extend(results.iter().filter_map(|result| audit(unit, result)));
            audited.extend(unit.report.as_ref().map(|report| audit_report(unit, report)));
            digests.extend(unit.digest.clone());
        }
        outcomes.push(outcome);
    }
    // Before anything of it can be seen.
    tools.cache.inspect(|cache| cache.begin_boards(boards.places()));
    remember(connection, digests, stamp).await?;
    flush(connection, &mut overlay, &mut boards, audited, chain, stamp, tools).await?;
    kept.keep(boards.wards);
    Ok(())
}

/// Those of the units' digests that were taken in before.
async fn taken(connection: &mut Connection, units: &[&Unit]) -> Result<BTreeSet<String>, StoreError> {
    const TEXT: &str = "SELECT digest FROM idempotency_key WHERE digest";
    let digests = units.iter().filter_map(|unit| unit.digest.clone()).collect();
    let found: Vec<Taken> = connection.load_each(TEXT, &digests).await?;
    Ok(found.into_iter().map(|taken| taken.digest).collect())
}

/// Whether what planning found still holds.
async fn admit(
    connection: &mut Connection,
    unit: &Unit,
    taken: &BTreeSet<String>,
) -> Result<Result<(), UnitError>, StoreError> {
    if unit.digest.as_ref().is_some_and(|digest| taken.contains(digest)) {
        return Ok(Err(UnitError::AlreadyTaken));
    }
    for assertion in &unit.assertions {
        let limit = assertion.matches.len() + 1;
        if matching_ids(connection, &assertion.criteria, limit).await? != assertion.matches {
            return Ok(Err(UnitError::Moved));
        }
    }
    Ok(Ok(()))
}

async fn unit_apply(
    connection: &mut Connection,
    unit: &Unit,
    overlay: &mut Overlay<'_>,
    boards: &mut Boards<'_>,
    stamp: &mut Stamp,
    now: Instant,
) -> Result<Outcome, StoreError> {
    overlay.begin_unit();
    boards.begin_unit();
    if unit.report.as_ref().is_some_and(|report| !boards.stand(report)) {
        return Ok(Err(UnitError::Moved));
    }
    let mut results = Vec::with_capacity(unit.steps.len());
    for (index, step) in unit.steps.iter().enumerate() {
        match step_apply((unit, step, index), overlay, boards, stamp, now)? {
            Ok(result) => results.push(result),
            Err(error) => {
                overlay.roll_back();
                boards.roll_back();
                return Ok(Err(error));
            }
        }
    }
    unit.report.as_ref().inspect(|report| boards.report(report));
    for (index, step) in unit.steps.iter().enumerate() {
        let deleted = matches!(&results[index], StepResult::Deleted { version: Some(_) });
        if deleted && let Some(by) = still_referenced(connection, &step.key, overlay).await? {
            overlay.roll_back();
            boards.roll_back();
            return Ok(Err(UnitError::Refused { step: index, refusal: Refusal::StillReferenced { by } }));
        }
    }
    Ok(Ok(results))
}

/// One step, with its part in the boards of wards.
fn step_apply(
    (unit, step, index): (&Unit, &Step, usize),
    overlay: &mut Overlay<'_>,
    boards: &mut Boards<'_>,
    stamp: &mut Stamp,
    now: Instant,
) -> Result<Result<StepResult, UnitError>, StoreError> {
    let on_board = matches!(step.key.rtype.as_str(), "Location" | "Task") && !matches!(step.action, Action::Read);
    if !on_board {
        return Ok(overlay.apply(step, index, stamp));
    }
    let before = overlay.projection(&step.key)?;
    let result = match overlay.apply(step, index, stamp) {
        Ok(result) => result,
        Err(error) => return Ok(Err(error)),
    };
    let (after, method) = match &step.action {
        Action::Put { draft, method } => (&draft.derived.projection, *method),
        Action::Delete | Action::Read => (&Projection::None, Method::Delete),
    };
    let unchanged = matches!(result, StepResult::Unchanged(_));
    // By the clock by which freshness is judged, which PostgreSQL's may not be.
    let (id, now) = (step.key.id.as_str(), now.0);
    let Unit { source, as_given, is_report, .. } = *unit;
    let touched =
        boards.touch(&Touch { id, before: &before, after, method, source, unchanged, as_given, is_report, now });
    Ok(touched.map(|()| result).map_err(|refusal| UnitError::Refused { step: index, refusal }))
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = Text)]
    digest: String,
}

/// A resource that refers to `target` after this unit: one that the unit leaves alone, or one that it writes so.
async fn still_referenced(
    connection: &mut Connection,
    target: &ResourceKey,
    overlay: &Overlay<'_>,
) -> Result<Option<ResourceKey>, StoreError> {
    let refers = |reference: &Reference| {
        reference.target_type == target.rtype.as_str() && reference.target_id == target.id.as_str()
    };
    let written = overlay.entries.iter().filter(|(key, entry)| *key != target && !entry.added.is_empty());
    for (key, entry) in written {
        if entry.derived(key.rtype.as_str(), overlay.derive).references.iter().any(refers) {
            return Ok(Some(key.clone()));
        }
    }
    let untouched =
        |key: &ResourceKey| key != target && overlay.entries.get(key).is_none_or(|entry| entry.added.is_empty());
    Ok(referrers(connection, target).await?.into_iter().find(untouched))
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

/// The audit row for a step that changed something, if only how fresh a bed is: by its last row a writer knows whether a
/// batch stands whose commit it lost sight of.
fn audit(unit: &Unit, result: &StepResult) -> Option<Audited> {
    let (version, action) = match result {
        StepResult::Written { version, created: true } => (version, "create"),
        StepResult::Written { version, created: false } => (version, "update"),
        StepResult::Deleted { version: Some(version) } => (version, "delete"),
        // It may have told a board something: that things are as they were, or that a hold is over.
        StepResult::Unchanged(version) if matches!(version.key.rtype.as_str(), "Location" | "Task") => {
            (version, "report")
        }
        StepResult::Deleted { version: None } | StepResult::Unchanged(_) | StepResult::Read(_) => return None,
    };
    Some(Audited { key: version.key.clone(), version: version.version, action, origin: unit.origin.clone() })
}

/// The audit row for a report, which may have changed nothing but how fresh things are.
fn audit_report(unit: &Unit, report: &BoardReport) -> Audited {
    Audited { key: report.of.clone(), version: 0, action: "report", origin: unit.origin.clone() }
}
