//! What requests are answered with, and how another set of definitions takes its place while they are.

use std::sync::{Arc, PoisonError, RwLock};

use crate::intake::hl7v2::Senders;
use crate::profile::Definitions;

use super::App;

/// The gateway as it stands. A request takes it once, with [`Site::now`], and keeps to it: it never sees two sets of
/// definitions, and what is renewed meanwhile concerns the next.
#[derive(Clone)]
pub struct Site {
    app: Arc<RwLock<Arc<App>>>,
}

impl Site {
    pub fn new(app: App) -> Site {
        Site { app: Arc::new(RwLock::new(Arc::new(app))) }
    }

    pub fn now(&self) -> Arc<App> {
        // Nothing can panic while the lock is held; if it did, what it guards would still be whole.
        Arc::clone(&self.app.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers requests from here on by these definitions.
    pub fn renew(&self, definitions: Arc<Definitions>) {
        self.replace(self.now().with_definitions(definitions));
    }

    /// Takes HL7 v2 in from here on by this list of senders.
    pub fn renew_senders(&self, senders: Senders) {
        self.replace(self.now().with_senders(senders));
    }

    fn replace(&self, renewed: App) {
        let renewed = Arc::new(renewed);
        let before = std::mem::replace(&mut *self.app.write().unwrap_or_else(PoisonError::into_inner), renewed);
        // Outside the lock: it may be the last to hold a whole set of definitions.
        drop(before);
    }
}
