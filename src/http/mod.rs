//! FHIR over HTTP: requests into types, use cases, answers out of them.

mod answer;
mod ask;
mod bundle_text;
mod capability;
mod cursor;
mod gzip;
mod health;
mod interaction;
mod paging;
mod prompt;
mod receive;
mod route;
mod server;
mod site;
mod subset;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;

use crate::exchange::Gateway;
use crate::fhir::json::Json;
use crate::intake::hl7v2::{Desk, Senders};
use crate::profile::Definitions;

pub use server::serve;
pub use site::Site;

/// Where FHIR begins.
pub const FHIR_PATH: &str = "/fhir";

/// What every request shares.
pub struct App {
    pub gateway: Arc<Gateway>,
    /// The address that links carry; `None`: the request's own.
    pub base_url: Option<Arc<str>>,
    /// How long a request's body may take to come.
    pub body_timeout: Duration,
    /// Who sends HL7 v2.
    pub senders: Arc<Senders>,
    capability: Arc<Json>,
}

impl App {
    pub fn new(gateway: Arc<Gateway>, base_url: Option<&str>, body_timeout: Duration) -> App {
        let capability = Arc::new(capability::statement(&gateway));
        let base_url = base_url.map(|url| url.trim_end_matches('/').into());
        App { gateway, base_url, body_timeout, senders: Arc::default(), capability }
    }

    /// The same with senders of HL7 v2.
    #[must_use]
    pub fn with_senders(&self, senders: Senders) -> App {
        let (gateway, capability) = (Arc::clone(&self.gateway), Arc::clone(&self.capability));
        App {
            gateway,
            capability,
            senders: Arc::new(senders),
            base_url: self.base_url.clone(),
            body_timeout: self.body_timeout,
        }
    }

    /// What HL7 v2 messages are taken in with.
    pub fn desk(&self) -> Desk {
        Desk { gateway: Arc::clone(&self.gateway), senders: Arc::clone(&self.senders) }
    }

    fn with_definitions(&self, definitions: Arc<Definitions>) -> App {
        let gateway = Arc::new(self.gateway.with_definitions(definitions));
        let capability = Arc::new(capability::statement(&gateway));
        let (base_url, senders) = (self.base_url.clone(), Arc::clone(&self.senders));
        App { gateway, capability, base_url, senders, body_timeout: self.body_timeout }
    }
}

/// The server's routes.
pub fn router(site: Site) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        // FHIR's paths are read by `Route`, not by the router.
        .fallback(receive::any)
        .with_state(site)
}
