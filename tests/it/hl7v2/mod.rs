//! HL7 v2 by MLLP, over real sockets.

mod acks;
mod cancels;
mod charsets;
mod commands;
mod concept_maps;
mod dead_letters;
mod feed;
mod hostile;
mod movements;
mod order;
mod tls;
