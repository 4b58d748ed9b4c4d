//! `/healthz`: the process is alive. `/readyz`: the database answers and its schema is current.

use axum::extract::State;
use axum::http::StatusCode;

use crate::store;

use super::Site;

pub async fn alive() -> &'static str {
    "alive\n"
}

pub async fn ready(State(site): State<Site>) -> (StatusCode, &'static str) {
    match store::is_current(&site.now().gateway.database).await {
        Ok(true) => (StatusCode::OK, "ready\n"),
        Ok(false) => (StatusCode::SERVICE_UNAVAILABLE, "the database lacks migrations: run kakehashi migrate\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
