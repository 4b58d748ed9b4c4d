//! Texts as an index holds them.

use sha2::{Digest, Sha256};

/// Bytes of a text that go into an index as they are; PostgreSQL's index rows end at 2,704 bytes.
const INDEXED_BYTES: usize = 512;

/// A text as an index holds it and as it is looked up: a long one by its digest.
pub fn index_form(text: &str) -> String {
    if text.len() <= INDEXED_BYTES {
        return text.to_owned();
    }
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold("sha256:".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
}
