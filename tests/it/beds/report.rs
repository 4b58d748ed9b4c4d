//! What becomes of a report's rows, whichever way it came in.

use kakehashi::access::Caller;
use kakehashi::error::ErrorKind;
use kakehashi::exchange::{BedName, BedReport, BedRow, BedStatus, ReportAnswer, RowDone};
use kakehashi::fhir::id::ResourceId;
use kakehashi::fhir::instant::Instant;

use super::city::{BED_IDS, bed, bed_number, build};
use crate::app::TestApp;
use crate::both;

both!(
    a_change_makes_a_version_and_the_same_makes_none,
    each_bad_row_is_told_and_good_ones_are_applied,
    rows_that_go_together_are_applied_or_not_together,
    a_digest_is_taken_once,
);

pub fn row(id: &str, status: BedStatus, as_of: Option<i64>) -> BedRow {
    let bed = BedName::Identifier { system: Some(BED_IDS.to_owned()), value: bed_number(id) };
    BedRow { bed, status, as_of: as_of.map(Instant) }
}

pub async fn report(app: &TestApp, report: BedReport) -> ReportAnswer {
    app.gateway.report_beds(&Caller::local("test"), report).await.unwrap()
}

fn done(answer: &ReportAnswer) -> Vec<Result<RowDone, ErrorKind>> {
    answer.rows.iter().map(|row| row.as_ref().copied().map_err(|error| error.kind)).collect()
}

async fn a_change_makes_a_version_and_the_same_makes_none(app: &TestApp) {
    build(app, &["O", "U"]).await;
    let rows = || vec![row("b0", BedStatus::Housekeeping, None), row("b1", BedStatus::Unoccupied, None)];
    let first = report(app, BedReport { rows: rows(), ..BedReport::default() }).await;
    assert_eq!(done(&first), [Ok(RowDone::Changed(2)), Ok(RowDone::Unchanged)]);
    let second = report(app, BedReport { rows: rows(), ..BedReport::default() }).await;
    assert_eq!(done(&second), [Ok(RowDone::Unchanged), Ok(RowDone::Unchanged)]);
    let bed = app.get("Location/b0").await.expect(200);
    assert_eq!((&bed["operationalStatus"]["code"], &bed["meta"]["versionId"]), (&"H".into(), &"2".into()));
}

async fn each_bad_row_is_told_and_good_ones_are_applied(app: &TestApp) {
    build(app, &["O"]).await;
    app.put("Location/b1", &bed("b1", "w", "U", Some("2026-04-01T09:00:00+09:00"))).await.expect(201);
    let nobody = BedRow { bed: BedName::Id(ResourceId::parse("w").unwrap()), ..row("", BedStatus::Closed, None) };
    let rows = vec![
        row("b0", BedStatus::Unoccupied, None),
        row("b1", BedStatus::Occupied, Some(0)),
        row("b9", BedStatus::Occupied, None),
        nobody,
    ];
    let answer = report(app, BedReport { rows, ..BedReport::default() }).await;
    let refused = [Err(ErrorKind::Conflict), Err(ErrorKind::NotFound), Err(ErrorKind::Unprocessable)];
    assert_eq!(done(&answer)[0], Ok(RowDone::Changed(2)));
    assert_eq!(done(&answer)[1..], refused);
    assert_eq!(app.get("Location/b1").await.expect(200)["operationalStatus"]["code"], "U");
}

async fn rows_that_go_together_are_applied_or_not_together(app: &TestApp) {
    build(app, &["O", "U"]).await;
    let rows = vec![row("b0", BedStatus::Housekeeping, None), row("b9", BedStatus::Occupied, None)];
    let answer = report(app, BedReport { rows, together: true, ..BedReport::default() }).await;
    assert_eq!(done(&answer), [Err(ErrorKind::Conflict), Err(ErrorKind::NotFound)]);
    assert_eq!(app.get("Location/b0").await.expect(200)["operationalStatus"]["code"], "O");
}

async fn a_digest_is_taken_once(app: &TestApp) {
    build(app, &["O"]).await;
    let message = |status| BedReport {
        rows: vec![row("b0", status, None)],
        digest: Some("sender|1".to_owned()),
        ..BedReport::default()
    };
    assert!(!report(app, message(BedStatus::Housekeeping)).await.already_taken);
    app.put("Location/b0", &bed("b0", "w", "U", None)).await.expect(200);
    assert!(report(app, message(BedStatus::Housekeeping)).await.already_taken);
    assert_eq!(app.get("Location/b0").await.expect(200)["operationalStatus"]["code"], "U");
}
