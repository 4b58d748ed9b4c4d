//! HL7 v2: bed events over MLLP. `docs/hl7v2.md` says what is read and how it is answered.

mod ack;
mod adt;
mod charset;
mod client;
mod dead_letter;
mod desk;
mod listener;
mod location;
mod location_map;
mod message;
mod mllp;
mod refusal;
mod sender;
mod timestamp;
mod tls;

pub use client::{Client, as_new, messages_of, read_answer};
pub use dead_letter::{Replayed, discard, find, replay};
pub use desk::{Desk, Peer, answer};
pub use listener::{Limits, listen};
pub use sender::Senders;
pub use tls::{Certificates, Identity, connector};
