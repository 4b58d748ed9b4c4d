//! Counts of wards without beds of their own: what a person says of a ward takes the place of all that was said before.

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::exchange::prepare::Content;
use crate::exchange::{Done, Gateway, Planned, origin, settle};
use crate::fhir::id::{ResourceId, ResourceKey};
use crate::fhir::instant::Instant;
use crate::fhir::json::to_compact;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::profile::Interaction;
use crate::region;
use crate::store::{self, Action, Boarded, Derive, Expect, Method, Projection, Refusal, Step, Unit, Vacancy};

use super::{CountReport, RowDone};

impl Gateway {
    /// Gives a ward these counts and no others. 404 where there is no such ward, 409 where what is stored is newer, 422 where
    /// the counts break the rules or are made from the ward's beds.
    pub async fn report_counts(&self, caller: &Caller, report: CountReport) -> Result<RowDone> {
        settle!(self, self.try_counts(caller, &report))
    }

    /// The latest moment that a report may be of: senders' clocks may be ahead of this one by so much.
    pub fn latest_moment(&self) -> Instant {
        Instant(self.now().0.saturating_add(self.deriver.board_policy().ahead))
    }

    async fn try_counts(&self, caller: &Caller, report: &CountReport) -> Result<Planned<RowDone>> {
        let key = self.key_of_ward(report).await?;
        let found = self.read(caller, &key).await?.version;
        let body = found.body.as_deref().unwrap_or_default();
        let old = store::stored_tree(body)?;
        let Projection::Ward(ward) = region::project(key.rtype.as_str(), &old) else { return Err(not_a_ward(&key)) };
        let new = region::with_counts(&old, &report.counts);
        let unchanged = region::is_same_location(&old, &new);
        if report.dry_run && self.has_beds(&key).await? {
            return Err(Error::refused(&key.to_string(), Refusal::CountsAreDerived));
        }
        let newest = report.counts.iter().filter_map(|count| count.as_of).max();
        if let Some(asked) = newest.filter(|asked| *asked > self.latest_moment().0) {
            return Err(Error::in_future(Instant(asked), self.now()));
        }
        check_newest(&key, &ward.vacancies, &report.counts, unchanged)?;
        let content = Content { text: to_compact(&new), tree: new };
        let findings = self.check(&content)?;
        if report.dry_run {
            let done = if unchanged { RowDone::Unchanged } else { RowDone::Changed(found.version + 1) };
            return Ok(Planned::Done(done));
        }
        let draft = self.draft(&content, &key.rtype, &key.id);
        let action = Action::Put { draft, method: Method::Put };
        let step = Step { key, expect: Expect::Unmoved(found.version), action };
        let unit = Unit { steps: vec![step], origin: origin(caller), ..Unit::default() };
        Ok(match self.write(unit, findings).await? {
            Planned::Moved => Planned::Moved,
            Planned::Done(written) => Planned::Done(match written.done {
                Done::Unchanged | Done::Existing => RowDone::Unchanged,
                Done::Created | Done::Updated => RowDone::Changed(written.version.version),
            }),
        })
    }

    async fn key_of_ward(&self, report: &CountReport) -> Result<ResourceKey> {
        let rtype = self.served("Location", Interaction::Update)?;
        let mut connection = self.database.reader().await?;
        let id = self.find_part(&mut connection, &report.ward, report.within.as_ref()).await?;
        let id = ResourceId::parse(&id).ok_or_else(|| Error::not_found("Location/…"))?;
        Ok(ResourceKey { rtype, id })
    }

    /// Whether the ward's counts are made from beds.
    async fn has_beds(&self, ward: &ResourceKey) -> Result<bool> {
        let (mut connection, mut boards) = (self.database.reader().await?, Boarded::default());
        boards.add_ward(&mut connection, ward.id.as_str()).await?;
        Ok(!boards.beds.is_empty())
    }
}

/// 409 where something newer would be overwritten, or dropped with its sex and isolation, which the write itself would not
/// see. The same content again is a retry.
fn check_newest(key: &ResourceKey, old: &[Vacancy], new: &[Vacancy], unchanged: bool) -> Result<()> {
    let newest = new.iter().filter_map(|count| count.as_of).max().unwrap_or(0);
    for known in old {
        let successor = new.iter().find(|count| (&count.sex, count.isolation) == (&known.sex, known.isolation));
        let asked = successor.map_or(newest, |count| count.as_of.unwrap_or(0));
        if let Some(stored) = known.as_of.filter(|stored| *stored > asked && !unchanged) {
            return Err(Error::overtaken(&key.to_string(), Instant(stored)));
        }
    }
    Ok(())
}

fn not_a_ward(key: &ResourceKey) -> Error {
    Error::unprocessable(vec![Issue::error(
        IssueCode::BusinessRule,
        format!("{key} は病棟 (physicalType が wa) ではありません。"),
        format!("{key} is no ward: its physicalType is not wa."),
    )])
}
