//! Cancels: A11, A12, A13.

use super::feed::{Feed, a20, ago, city, message, pv1, senders, statuses};
use crate::app::TestApp;
use crate::both;

both!(
    a_cancelled_admission_gives_the_bed_back_as_it_was,
    a_cancelled_transfer_puts_the_patient_back,
    a_cancelled_discharge_makes_the_bed_occupied,
    a_cancel_leaves_a_bed_alone_that_is_not_occupied,
);

async fn a_cancelled_admission_gives_the_bed_back_as_it_was(app: &TestApp) {
    city(app, &["U", "K"]).await;
    let feed = Feed::start(app, &senders("")).await;
    for bed in ["b0", "b1"] {
        assert_eq!(feed.send(message("A01", &format!("in-{bed}"), &ago(9), &pv1(bed, ""))).await.codes(), "AA");
    }
    assert_eq!(statuses(app, 2).await, "O O");
    for bed in ["b0", "b1"] {
        assert_eq!(feed.send(message("A11", &format!("out-{bed}"), &ago(8), &pv1(bed, ""))).await.codes(), "AA");
    }
    assert_eq!(statuses(app, 2).await, "U K");
}

async fn a_cancelled_transfer_puts_the_patient_back(app: &TestApp) {
    city(app, &["O", "I"]).await;
    let feed = Feed::start(app, &senders("")).await;
    assert_eq!(feed.send(message("A02", "1", &ago(9), &pv1("b1", "b0"))).await.codes(), "AA");
    assert_eq!(statuses(app, 2).await, "H O");
    assert_eq!(feed.send(message("A12", "2", &ago(8), &pv1("b0", "b1"))).await.codes(), "AA");
    assert_eq!(statuses(app, 2).await, "O I");
}

async fn a_cancelled_discharge_makes_the_bed_occupied(app: &TestApp) {
    city(app, &["O"]).await;
    let feed = Feed::start(app, &senders("")).await;
    assert_eq!(feed.send(message("A03", "1", &ago(9), &pv1("b0", ""))).await.codes(), "AA");
    assert_eq!(feed.send(message("A13", "2", &ago(8), &pv1("b0", ""))).await.codes(), "AA");
    assert_eq!(statuses(app, 1).await, "O");
}

async fn a_cancel_leaves_a_bed_alone_that_is_not_occupied(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    assert_eq!(feed.send(message("A01", "1", &ago(9), &pv1("b0", ""))).await.codes(), "AA");
    assert_eq!(feed.send(a20("b0", "C", "2", &ago(8))).await.codes(), "AA");
    assert_eq!(feed.send(message("A11", "3", &ago(7), &pv1("b0", ""))).await.codes(), "AA");
    assert_eq!(statuses(app, 1).await, "C");
}
