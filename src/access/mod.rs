//! Who is calling. Every use case takes a [`Caller`], so that access rules have their place.

use std::sync::Arc;

/// The one on whose behalf a request is served.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The system or person, as audit rows name it.
    pub name: Arc<str>,
    /// The organisation for which it acts; `None` is every one.
    pub organization: Option<Arc<str>>,
    pub roles: Roles,
    /// Why, where the caller says so.
    pub purpose: Option<Arc<str>>,
    /// Names the request in logs, audit rows and the answer.
    pub request_id: Arc<str>,
}

/// What a caller may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// Every role: the open local caller of a server without access rules.
    Every,
}

impl Caller {
    /// The gateway itself, which keeps agreements when their time has come.
    pub fn gateway(request_id: &str) -> Self {
        Caller { name: "kakehashi".into(), ..Caller::local(request_id) }
    }

    /// A caller on this machine while no access rules are configured.
    pub fn local(request_id: &str) -> Self {
        Caller {
            name: "local".into(),
            organization: None,
            roles: Roles::Every,
            purpose: None,
            request_id: request_id.into(),
        }
    }
}
