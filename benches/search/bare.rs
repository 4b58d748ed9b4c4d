//! The statements of the questions alone: the same SQL by as many clients, without HTTP, parsing or rendering.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kakehashi::exchange::{Gateway, PageWish};
use kakehashi::fhir::id::ResourceType;
use kakehashi::fhir::instant::Instant as Moment;
use kakehashi::search::split_query;
use kakehashi::store::{Database, Sql};

use super::questions::QUESTIONS;
use super::region::Region;

/// Different askers whose statements are run in turn.
const ASKERS: usize = 512;

/// The statements of one question, asker by asker. `since` as it stands in a query.
pub async fn statements(gateway: &Gateway, region: Region, question: usize, since: &str) -> Vec<Vec<Sql>> {
    let mut all = Vec::new();
    // A text is kept prepared from its second time on, so the first round is left aside.
    for n in (0..ASKERS).chain(0..ASKERS) {
        let query = (QUESTIONS[question].query)(region, n).replace("{since}", since).replace("&_count=20", "");
        let (rtype, pairs) = query.split_once('?').expect("a query");
        let types = [ResourceType::known(rtype)];
        let now = Moment(chrono::Utc::now().timestamp_millis());
        let request =
            gateway.read_search(&types, &split_query(pairs), "http://localhost/fhir", now).await.expect("a question");
        let wish = PageWish { count: 20, ..PageWish::default() };
        let plans = gateway.explain_search(&request, &wish).await.expect("its statements");
        all.push(plans.into_iter().map(|(sql, _)| sql).collect());
    }
    all.split_off(ASKERS)
}

/// Answers a second by so many clients.
pub async fn run(database: &Database, clients: usize, time: Duration, statements: Vec<Vec<Sql>>) -> f64 {
    let (statements, started) = (Arc::new(statements), Instant::now());
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (database, statements) = (database.clone(), Arc::clone(&statements));
        tasks.push(tokio::spawn(async move {
            let mut done = 0_u32;
            while started.elapsed() < time {
                let asker = (client * 7 + usize::try_from(done).unwrap_or(0)) % statements.len();
                let mut connection = database.reader().await.expect("a connection");
                for sql in &statements[asker] {
                    connection.execute(sql.clone()).await.expect("an answer");
                }
                done += 1;
                drop(connection);
                tokio::task::yield_now().await;
            }
            done
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += task.await.expect("a client");
    }
    f64::from(done) / started.elapsed().as_secs_f64()
}
