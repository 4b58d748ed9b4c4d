//! What can go wrong in a database, sorted by what the caller can do about it.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database was busy, chose this transaction as a deadlock's victim, or another gateway was faster: try again.
    #[error("the database asks for another attempt: {0}")]
    Retry(String),
    /// The database cannot be reached or cannot write (gone, full, read-only); it may come back.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection broke while a commit was under way, so that its fate is not known yet.
    #[error("the outcome of transaction {tx} is not known")]
    InDoubt { tx: i64 },
    /// The question costs more than one may.
    #[error("{0}")]
    TooCostly(String),
    /// Rows are made by other definitions than the ones at hand.
    #[error(
        "a gateway or another reindex works by other definitions than these: give all of them the same, let the gateways \
         read theirs again (SIGHUP), then start anew"
    )]
    OtherDefinitions,
    /// A defect in this program.
    #[error("the database refused a statement: {0}")]
    Internal(String),
}

impl From<Diesel> for StoreError {
    fn from(error: Diesel) -> Self {
        let text = error.to_string();
        match &error {
            Diesel::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => StoreError::Retry(text),
            Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => StoreError::Retry(text),
            Diesel::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            | Diesel::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _)
            | Diesel::BrokenTransactionManager => StoreError::Unavailable(text),
            Diesel::DatabaseError(_, _) => by_message(text),
            _ => StoreError::Internal(text),
        }
    }
}

/// diesel names only some kinds; the rest is told by the databases' own, stable words.
fn by_message(text: String) -> StoreError {
    const RETRY: [&str; 4] =
        ["database is locked", "database table is locked", "deadlock detected", "could not serialize"];
    const GONE: [&str; 14] = [
        "database or disk is full",
        "disk I/O error",
        "readonly database",
        "unable to open database",
        "connection closed",
        "connection reset",
        "broken pipe",
        "terminating connection",
        "the database system is",
        "No space left",
        "could not extend file",
        "could not write",
        "too many clients",
        "cannot execute",
    ];
    if text.contains("canceling statement due to statement timeout") {
        return StoreError::TooCostly("it took too long".into());
    }
    if RETRY.iter().any(|words| text.contains(words)) {
        StoreError::Retry(text)
    } else if GONE.iter().any(|words| text.to_lowercase().contains(&words.to_lowercase())) {
        StoreError::Unavailable(text)
    } else {
        StoreError::Internal(text)
    }
}
