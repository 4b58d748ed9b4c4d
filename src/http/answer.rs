//! What is answered: status, the headers that FHIR knows, a body. The one place where an error becomes an OperationOutcome.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

use crate::error::{Error, ErrorKind};
use crate::fhir::instant::Instant;
use crate::fhir::json::to_compact;
use crate::fhir::outcome::{Language, operation_outcome};

use super::gzip;

/// FHIR's own media type; R4 `http.html#mime-type` asks for the charset.
pub const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// Seconds after which a 503 may be tried again.
const RETRY_AFTER_SECONDS: &str = "2";

/// An answer before it is bytes on a connection, so that a batch can take it as an entry.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    /// The version, for `ETag`.
    pub version: Option<i64>,
    pub last_modified: Option<Instant>,
    pub location: Option<String>,
    /// JSON text; empty for none.
    pub body: String,
    /// The methods of the path, with a 405.
    pub allow: Option<String>,
    /// What an operation answers: in a Bundle the entry's resource, even where it is an OperationOutcome.
    pub is_result: bool,
    /// The body's media type, where it is no FHIR resource.
    pub media: Option<&'static str>,
}

impl Answer {
    pub fn ok(body: String) -> Answer {
        Answer { status: 200, body, ..Answer::default() }
    }

    pub fn of_error(error: &Error, language: Language) -> Answer {
        let body = to_compact(&operation_outcome(&error.issues, language));
        Answer { status: error.kind.status(), body, ..Answer::default() }
    }

    /// `W/"3"`
    pub fn etag(&self) -> Option<String> {
        self.version.map(|version| format!("W/\"{version}\""))
    }

    /// As a response; `packed` may send it as gzip. For HEAD, too: the router takes the body away when its length is told.
    pub fn into_response(self, packed: bool) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let etag = self.etag();
        let headers = response.headers_mut();
        let mut put = |name, value: Option<String>| {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        };
        put(header::ETAG, etag);
        put(header::LAST_MODIFIED, self.last_modified.map(Instant::to_http));
        put(header::LOCATION, self.location);
        put(header::ALLOW, self.allow);
        if self.status == ErrorKind::Unavailable.status() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        if !self.body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media.unwrap_or(FHIR_JSON)));
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
            *response.body_mut() = match packed.then(|| gzip::pack(&self.body)).flatten() {
                Some(body) => {
                    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    Body::from(body)
                }
                None => Body::from(self.body),
            };
        }
        response
    }
}
