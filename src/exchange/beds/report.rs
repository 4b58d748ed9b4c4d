//! Applying a report: what changes becomes new versions, what does not is as fresh as the report, all in one unit.

use std::collections::HashMap;

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::prepare::Content;
use crate::exchange::{self, Gateway, origin, settle};
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::json::to_compact;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::region::{self, BedStatus};
use crate::store::{
    self, Action, BoardReport, Derive, Expect, Method, Refusal, Step, StepResult, Unit, UnitError, Version,
};

use super::plan::{Planned, ReportPlan};
use super::{BedReport, ReportAnswer, RowDone};

impl Gateway {
    /// Applies a report: every good row, or, where they go together, all rows or none. All of it is one transaction.
    /// Refused rows are 404 (no such bed), 409 (older than what is stored) or 422.
    pub async fn report_beds(&self, caller: &Caller, report: BedReport) -> Result<ReportAnswer> {
        settle!(self, self.try_report(caller, &report))
    }

    async fn try_report(&self, caller: &Caller, report: &BedReport) -> Result<exchange::Planned<ReportAnswer>> {
        let mut plan = self.plan_report(report).await?;
        let steps = self.steps(report, &mut plan).await?;
        if report.together && plan.rows.iter().any(Result::is_err) {
            let rows = plan.rows.into_iter().map(|row| Err(row.err().unwrap_or_else(not_alone))).collect();
            return Ok(exchange::Planned::Done(ReportAnswer { rows, already_taken: false }));
        }
        let wards = plan.wards(report, self.now(), self.deriver.board_policy().ahead);
        let of = plan.of(report).filter(|_| !wards.is_empty());
        let unit = Unit {
            steps,
            digest: report.digest.clone(),
            report: of.map(|of| BoardReport { of, wards }),
            source: report.source,
            is_report: true,
            origin: origin(caller),
            ..Unit::default()
        };
        let nothing = unit.steps.is_empty() && unit.report.is_none() && unit.digest.is_none();
        if nothing || report.dry_run {
            return Ok(exchange::Planned::Done(answer(plan, Vec::new())));
        }
        match self.apply(unit).await {
            Ok(applied) => Ok(exchange::Planned::Done(answer(plan, applied))),
            // A newer report came in between: planned anew, it is that row's refusal.
            Err(UnitError::Moved | UnitError::Refused { refusal: Refusal::Overtaken { .. }, .. }) => {
                Ok(exchange::Planned::Moved)
            }
            Err(UnitError::AlreadyTaken) => {
                Ok(exchange::Planned::Done(ReportAnswer { rows: Vec::new(), already_taken: true }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The steps of the rows that change a bed, in their order. A row whose bed cannot be written so is refused in the plan.
    async fn steps(&self, report: &BedReport, plan: &mut ReportPlan) -> Result<Vec<Step>> {
        let changing = plan.rows.iter().flatten().filter(|row| row.changes);
        let ids: Vec<ResourceId> = changing.filter_map(|row| ResourceId::parse(&row.bed)).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let current = self.current_beds(&ids, plan).await?;
        let current: HashMap<&str, &Version> =
            current.iter().map(|version| (version.key.id.as_str(), version)).collect();
        let mut steps = Vec::with_capacity(ids.len());
        for (row, planned) in report.rows.iter().zip(&mut plan.rows) {
            let Some(found) = planned.as_ref().ok().filter(|planned| planned.changes) else { continue };
            match self.step(row.status, found, current.get(found.bed.as_str()).copied()) {
                Ok(step) => steps.push(step),
                Err(error) => *planned = Err(error),
            }
        }
        Ok(steps)
    }

    /// The versions that the steps are made of; those that planning has loaded are not read again.
    async fn current_beds(&self, ids: &[ResourceId], plan: &mut ReportPlan) -> Result<Vec<Version>> {
        let loaded: Vec<Version> = ids.iter().filter_map(|id| plan.take_current(id.as_str())).collect();
        if loaded.len() == ids.len() {
            return Ok(loaded);
        }
        let mut connection = self.database.reader().await?;
        Ok(store::current_of(&mut connection, &ResourceType::known("Location"), ids).await?)
    }

    fn step(&self, status: BedStatus, row: &Planned, current: Option<&Version>) -> Result<Step> {
        let gone = || Error::not_found(&format!("Location/{}", row.bed));
        let version = current.ok_or_else(gone)?;
        let body = version.body.as_deref().ok_or_else(gone)?;
        let tree = region::with_status(&store::stored_tree(body)?, status, row.as_of);
        let content = Content { text: to_compact(&tree), tree };
        self.check(&content)?;
        let key: ResourceKey = version.key.clone();
        let draft = self.draft(&content, &key.rtype, &key.id);
        Ok(Step { key, expect: Expect::Unmoved(version.version), action: Action::Put { draft, method: Method::Put } })
    }
}

fn answer(plan: ReportPlan, applied: Vec<StepResult>) -> ReportAnswer {
    let mut applied = applied.into_iter();
    let rows = plan.rows.into_iter().map(|row| match row? {
        Planned { changes: false, .. } => Ok(RowDone::Unchanged),
        Planned { changes: true, .. } => Ok(match applied.next() {
            Some(StepResult::Written { version, .. } | StepResult::Unchanged(version)) => {
                RowDone::Changed(version.version)
            }
            _ => RowDone::Changed(0),
        }),
    });
    ReportAnswer { rows: rows.collect(), already_taken: false }
}

fn not_alone() -> Error {
    Error::new(
        ErrorKind::Conflict,
        Issue::error(
            IssueCode::Conflict,
            "同じ報告の別の行が受け付けられないため、この行も反映していません。",
            "Another row of the same report was refused, so this one was not applied either.",
        ),
    )
}
