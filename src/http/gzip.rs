//! gzip on the way out and in (RFC 9110 8.4.1.3). Bodies are whole texts, so that packing is one call.

use std::io::{Read, Write};

use axum::http::{HeaderMap, header};

/// A shorter body is not worth the work.
const WORTH_PACKING: usize = 1024;

/// Whether the caller takes gzip.
pub fn accepts(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let named = pieces.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named && !pieces.any(|piece| matches!(piece, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// The body packed, where that is worth it.
pub fn pack(body: &str) -> Option<Vec<u8>> {
    if body.len() < WORTH_PACKING {
        return None;
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).ok()?;
    encoder.finish().ok()
}

/// Why a body cannot be unpacked.
pub enum Unpackable {
    NotGzip,
    TooLarge,
}

/// Never unpacks more than the limit: a small body may hold a huge one.
pub fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, Unpackable> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(packed).take(limit as u64 + 1);
    reader.read_to_end(&mut plain).map_err(|_| Unpackable::NotGzip)?;
    if plain.len() > limit { Err(Unpackable::TooLarge) } else { Ok(plain) }
}
