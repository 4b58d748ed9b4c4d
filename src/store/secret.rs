//! What the gateways of a database share and nobody else knows: made when it is first asked for, then always the same.

use chacha20poly1305::aead::OsRng;
use chacha20poly1305::aead::rand_core::RngCore;
use diesel::QueryableByName;
use diesel::sql_types::Binary;

use super::connection::Database;
use super::error::StoreError;
use super::sql::{Column, RowAction, Rows, Sql};

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = Binary)]
    value: Vec<u8>,
}

/// `N` random bytes under a name. Of gateways that ask at the same time one makes them, and all get the same.
pub async fn secret<const N: usize>(database: &Database, name: &str) -> Result<[u8; N], StoreError> {
    const TEXT: &str = "SELECT value FROM secret WHERE name = ?";
    let found: Vec<Kept> = database.reader().await?.load(Sql::new(TEXT).bind(name)).await?;
    if let Some(kept) = found.into_iter().next() {
        return sized(kept);
    }
    let mut made = [0; N];
    OsRng.fill_bytes(&mut made);
    let rows = Rows {
        columns: vec![("name", Column::Texts(vec![name.to_owned()])), ("value", Column::Bytes(vec![made.to_vec()]))],
        action: RowAction::Insert { table: "secret", suffix: "ON CONFLICT (name) DO NOTHING" },
    };
    let mut connection = database.writer().await?;
    connection.execute_rows(&rows).await?;
    // Whoever was first is right.
    let found: Vec<Kept> = connection.load(Sql::new(TEXT).bind(name)).await?;
    found.into_iter().next().map_or_else(|| Err(StoreError::Internal("a secret is gone".into())), sized)
}

fn sized<const N: usize>(kept: Kept) -> Result<[u8; N], StoreError> {
    kept.value.try_into().map_err(|_| StoreError::Internal("a secret of another length".into()))
}
