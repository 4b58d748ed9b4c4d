//! Applying a report: what changes becomes new versions, all in one unit.

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::prepare::Content;
use crate::exchange::read::present;
use crate::exchange::{Gateway, Planned, origin, settle};
use crate::fhir::id::ResourceKey;
use crate::fhir::json::{Json, Limits, Object, parse, to_compact};
use crate::fhir::outcome::{CANONICAL, Issue, IssueCode};
use crate::profile::Interaction;
use crate::region;
use crate::store::{Action, Bed, Expect, Method, Projection, Step, StepResult, Unit, UnitError};

use super::{BedName, BedReport, BedRow, ReportAnswer, RowDone};

const TABLE_0116: &str = "http://terminology.hl7.org/CodeSystem/v2-0116";

/// A row whose bed is known.
enum RowPlan {
    /// The step that changes it.
    Change(Box<Step>),
    Unchanged,
}

impl Gateway {
    /// Applies a report: every good row, or, where they go together, all rows or none. Refused rows are 404 (no such bed),
    /// 409 (older than what is stored) or 422.
    pub async fn report_beds(&self, caller: &Caller, report: BedReport) -> Result<ReportAnswer> {
        settle!(self, self.try_report(caller, &report))
    }

    async fn try_report(&self, caller: &Caller, report: &BedReport) -> Result<Planned<ReportAnswer>> {
        let mut plans = Vec::with_capacity(report.rows.len());
        for row in &report.rows {
            plans.push(self.plan_row(row).await);
        }
        if report.together && plans.iter().any(Result::is_err) {
            let rows = plans.into_iter().map(|plan| Err(plan.err().unwrap_or_else(not_alone))).collect();
            return Ok(Planned::Done(ReportAnswer { rows, already_taken: false }));
        }
        let steps = plans.iter().filter_map(|plan| match plan {
            Ok(RowPlan::Change(step)) => Some((**step).clone()),
            _ => None,
        });
        let unit =
            Unit { steps: steps.collect(), digest: report.digest.clone(), origin: origin(caller), ..Unit::default() };
        let applied = match self.apply(unit).await {
            Ok(applied) => applied,
            Err(UnitError::Moved) => return Ok(Planned::Moved),
            Err(UnitError::AlreadyTaken) => {
                return Ok(Planned::Done(ReportAnswer { rows: Vec::new(), already_taken: true }));
            }
            Err(error) => return Err(error.into()),
        };
        let mut applied = applied.into_iter();
        let rows = plans.into_iter().map(|plan| match plan? {
            RowPlan::Unchanged => Ok(RowDone::Unchanged),
            RowPlan::Change(_) => Ok(match applied.next() {
                Some(StepResult::Written { version, .. }) => RowDone::Changed(version.version),
                _ => RowDone::Unchanged,
            }),
        });
        Ok(Planned::Done(ReportAnswer { rows: rows.collect(), already_taken: false }))
    }

    async fn plan_row(&self, row: &BedRow) -> Result<RowPlan> {
        let key = self.key_of_bed(&row.bed).await?;
        let found = present(self.current(&key).await?, &key)?;
        let body = found.body.as_deref().unwrap_or_default();
        let mut tree = parse(body.as_bytes(), Limits { depth: usize::MAX })
            .map_err(|error| Error::internal("a stored text does not parse", &error))?;
        let Projection::Bed(bed) = region::project(key.rtype.as_str(), &tree) else {
            return Err(not_a_bed(&key));
        };
        let as_of = row.as_of.unwrap_or_else(|| self.now());
        if bed.as_of.is_some_and(|stored| stored > as_of.0) {
            return Err(overtaken(&key, &bed));
        }
        if bed.operational_status.as_deref() == Some(row.status.code()) {
            return Ok(RowPlan::Unchanged);
        }
        set_status(&mut tree, row.status.code(), &as_of.to_fhir());
        let content = Content { text: to_compact(&tree), tree };
        self.check(&content)?;
        let draft = self.draft(&content, &key.rtype, &key.id);
        let action = Action::Put { draft, method: Method::Put };
        Ok(RowPlan::Change(Box::new(Step { key, expect: Expect::Unmoved(found.version), action })))
    }

    async fn key_of_bed(&self, name: &BedName) -> Result<ResourceKey> {
        let rtype = self.served("Location", Interaction::Update)?;
        let (system, value) = match name {
            BedName::Id(id) => return Ok(ResourceKey { rtype, id: id.clone() }),
            BedName::Identifier { system, value } => (system, value),
        };
        let token = match system {
            Some(system) => format!("{}|{}", escape(system), escape(value)),
            None => escape(value),
        };
        let query = form_encoded(&token);
        let criteria = self.criteria(&rtype, &format!("identifier={query}")).await?;
        match self.single_match(&criteria, "identifier").await? {
            Some(id) => Ok(ResourceKey { rtype, id }),
            None => Err(Error::not_found(&format!("Location?identifier={token}"))),
        }
    }
}

/// A value of a search, with what separates values taken as it is. R4 `search.html#escaping`.
fn escape(text: &str) -> String {
    text.chars().flat_map(|letter| ",|$\\".contains(letter).then_some('\\').into_iter().chain([letter])).collect()
}

fn form_encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn set_status(tree: &mut Json, code: &str, as_of: &str) {
    let Some(bed) = tree.as_object_mut() else { return };
    let status = [("system".to_owned(), Json::from(TABLE_0116)), ("code".to_owned(), Json::from(code))];
    bed.insert("operationalStatus", status.into_iter().collect::<Object>());
    let url = format!("{CANONICAL}/StructureDefinition/as-of");
    let other = |extension: &&Json| extension.get_str("url") != Some(&url);
    let mut extensions: Vec<Json> =
        bed.get("extension").and_then(Json::as_array).unwrap_or_default().iter().filter(other).cloned().collect();
    let moment = [("url".to_owned(), Json::from(url.as_str())), ("valueInstant".to_owned(), Json::from(as_of))];
    extensions.push(Json::Object(moment.into_iter().collect()));
    bed.insert("extension", extensions);
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

fn not_a_bed(key: &ResourceKey) -> Error {
    Error::unprocessable(vec![Issue::error(
        IssueCode::BusinessRule,
        format!("{key} は病床 (physicalType が bd) ではありません。"),
        format!("{key} is no bed: its physicalType is not bd."),
    )])
}

fn overtaken(key: &ResourceKey, bed: &Bed) -> Error {
    let stored = bed.as_of.map(|moment| crate::fhir::instant::Instant(moment).to_fhir()).unwrap_or_default();
    Error::new(
        ErrorKind::Conflict,
        Issue::error(
            IssueCode::Conflict,
            format!("{key} には {stored} 時点のより新しい報告があります。この行は反映していません。"),
            format!("{key} has a newer report, as of {stored}. This row was not applied."),
        ),
    )
}
