//! The audit trail of changes: one row each, in the transaction of what it records, chained by SHA-256.

use sha2::{Digest, Sha256};

use crate::fhir::instant::Instant;

use super::flush::Audited;
use super::sql::{Column, RowAction, Rows};

/// A row before it has its place in a chain.
pub(super) struct AuditRecord {
    audited: Audited,
    at: Instant,
}

impl AuditRecord {
    pub fn new(audited: Audited, at: Instant) -> Self {
        AuditRecord { audited, at }
    }
}

/// One writer's chain. A writer starts a chain of its own, so that chains need no lock between gateways.
#[derive(Clone)]
pub(super) struct AuditChain {
    name: String,
    position: i64,
    hash: [u8; 32],
}

impl AuditChain {
    pub fn start() -> Self {
        AuditChain { name: uuid::Uuid::now_v7().to_string(), position: 0, hash: [0; 32] }
    }

    /// Its name and its last place; 0 where it is empty.
    pub fn end(&self) -> (&str, i64) {
        (&self.name, self.position)
    }

    /// Gives the records their places and hashes: SHA-256 over the previous hash and every column, each behind its length.
    pub fn seal(&mut self, records: impl Iterator<Item = AuditRecord>) -> Rows {
        let mut rows = AuditRows::default();
        for AuditRecord { audited, at } in records {
            self.position += 1;
            let mut hasher = Sha256::new();
            hasher.update(self.hash);
            let (rtype, rid) = (audited.key.rtype.as_str(), audited.key.id.as_str());
            let numbers = [self.position, at.0, audited.version].map(i64::to_be_bytes);
            let texts = [&self.name, &*audited.origin.request_id, &*audited.origin.agent, audited.action, rtype, rid];
            for part in numbers.iter().map(<[u8; 8]>::as_slice).chain(texts.map(str::as_bytes)) {
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
            self.hash = hasher.finalize().into();
            rows.push(self, &audited, at);
        }
        rows.into_rows()
    }
}

#[derive(Default)]
struct AuditRows {
    chain: Vec<String>,
    position: Vec<i64>,
    at: Vec<i64>,
    request_id: Vec<String>,
    agent: Vec<String>,
    action: Vec<String>,
    rtype: Vec<String>,
    rid: Vec<String>,
    version: Vec<i64>,
    hash: Vec<Vec<u8>>,
}

impl AuditRows {
    fn push(&mut self, chain: &AuditChain, audited: &Audited, at: Instant) {
        self.chain.push(chain.name.clone());
        self.position.push(chain.position);
        self.at.push(at.0);
        self.request_id.push(audited.origin.request_id.to_string());
        self.agent.push(audited.origin.agent.to_string());
        self.action.push(audited.action.to_owned());
        self.rtype.push(audited.key.rtype.to_string());
        self.rid.push(audited.key.id.to_string());
        self.version.push(audited.version);
        self.hash.push(chain.hash.to_vec());
    }

    fn into_rows(self) -> Rows {
        Rows {
            columns: vec![
                ("chain", Column::Texts(self.chain)),
                ("position", Column::Ints(self.position)),
                ("at", Column::Ints(self.at)),
                ("request_id", Column::Texts(self.request_id)),
                ("agent", Column::Texts(self.agent)),
                ("action", Column::Texts(self.action)),
                ("rtype", Column::Texts(self.rtype)),
                ("rid", Column::Texts(self.rid)),
                ("version", Column::Ints(self.version)),
                ("hash", Column::Bytes(self.hash)),
            ],
            action: RowAction::Insert { table: "audit_event", suffix: "" },
        }
    }
}
