//! Where hospitals accept home-care patients, by specialty.

use std::collections::HashSet;

use diesel::QueryableByName;
use diesel::sql_types::Text;

use super::super::connection::Database;
use super::super::derived::parameter_id;
use super::super::error::StoreError;
use super::super::search::{Patterns, TokenPattern};
use super::super::sql::Sql;

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = Text)]
    id: String,
}

/// The logical ids of the locations, facilities or wards, of active services of the type that have one of the specialties.
/// Asks the index of the HealthcareService parameters specialty, service-type, active and location.
pub async fn acceptance_places(
    database: &Database,
    service_type: &TokenPattern,
    specialties: &[TokenPattern],
) -> Result<HashSet<String>, StoreError> {
    let param = |code: &str| parameter_id("HealthcareService", code);
    let token = |patterns: &[TokenPattern]| Patterns::Tokens(patterns.to_vec()).any("t", 0);
    let probe = |code: &str| {
        format!(" AND (SELECT 1 FROM index_token t WHERE t.key = s.key AND t.param = {} AND ", param(code))
    };
    let head = format!(
        "SELECT DISTINCT l.target_id AS id FROM (SELECT t.key FROM index_token t WHERE t.param = {} AND ",
        param("specialty")
    );
    let tail = format!(
        ") s JOIN index_reference l ON l.key = s.key AND l.param = {} WHERE l.target_type = 'Location'",
        param("location")
    );
    let sql = Sql::new(head).append(token(specialties)).then(&tail, []);
    let sql = sql.then(&probe("service-type"), []).append(token(std::slice::from_ref(service_type)));
    let is_active = [TokenPattern::Code("true".to_owned())];
    let sql = sql.then(" LIMIT 1) IS NOT NULL", []).then(&probe("active"), []).append(token(&is_active));
    let sql = sql.then(" LIMIT 1) IS NOT NULL", []);
    let places: Vec<Place> = database.reader().await?.load_many(sql).await?;
    Ok(places.into_iter().map(|place| place.id).collect())
}
