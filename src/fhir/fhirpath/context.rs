//! What an expression is evaluated against.

use std::time::SystemTime;

use crate::fhir::json::Json;

use super::hooks::{Model, Profiles, Resolver, Terminology};
use super::value::Node;

/// Steps that one evaluation may take. The largest published examples need some ten thousand.
const DEFAULT_STEPS: usize = 2_000_000;

/// The resource, the element in focus, and the hooks. R4 `fhirpath.html#variables`.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// `%resource`
    pub resource: &'a Json,
    /// `%rootResource`: the container of a contained resource, else the resource itself.
    pub root: &'a Json,
    /// Where the expression starts, and `%context`.
    pub focus: Node<'a>,
    /// What `%current`, `%previous` and `%extension` stand for; a name that is not here is empty.
    pub variables: &'a [(&'a str, &'a Json)],
    pub model: Option<&'a dyn Model>,
    pub resolver: Option<&'a dyn Resolver>,
    pub terminology: Option<&'a dyn Terminology>,
    pub profiles: Option<&'a dyn Profiles>,
    /// Lets `resolve()` answer a reference that cannot be followed with an empty resource of the type that the
    /// reference names, so that `where(resolve() is Patient)` of search parameters works without loading anything.
    pub typed_references: bool,
    /// The time of `now()`; without it, the system's.
    pub now: Option<SystemTime>,
    pub max_steps: usize,
}

impl<'a> Context<'a> {
    /// The resource itself in focus, without hooks.
    pub fn new(resource: &'a Json) -> Self {
        Context {
            resource,
            root: resource,
            focus: Node::new(resource),
            variables: &[],
            model: None,
            resolver: None,
            terminology: None,
            profiles: None,
            typed_references: false,
            now: None,
            max_steps: DEFAULT_STEPS,
        }
    }

    /// The same surroundings with another element in focus.
    #[must_use]
    pub fn focused(mut self, focus: Node<'a>) -> Self {
        self.focus = focus;
        self
    }

    #[must_use]
    pub fn with_model(mut self, model: &'a dyn Model) -> Self {
        self.model = Some(model);
        self
    }
}
