//! The search parameters of every type, compiled once: how a resource's index rows are found, and what a query may ask.

use std::collections::HashMap;

use crate::fhir::json::Json;
use crate::profile::{Definitions, SearchKind};
use crate::store::{Derived, Inherited, Reference, Table};

/// All parameters of all types of the definitions.
#[derive(Debug, Default)]
pub struct Parameters {
    types: HashMap<String, Vec<Parameter>>,
}

/// One parameter of one type.
#[derive(Debug)]
pub struct Parameter {
    pub code: String,
    pub kind: SearchKind,
    pub url: String,
    /// [`crate::store::parameter_id`] of type and code.
    pub id: i64,
    /// Changes when what makes the rows changes: index rows made by another definition are not whole.
    pub digest: String,
    /// Types that a reference may point to.
    pub targets: Vec<String>,
    /// The parts of a composite, in order.
    pub components: Vec<Component>,
    /// Where its rows are.
    pub table: Table,
    pub inherited: Inherited,
}

/// A part of a composite.
#[derive(Debug)]
pub struct Component {
    /// The code of the parameter that it stands for.
    pub code: String,
    pub kind: SearchKind,
}

impl Parameters {
    /// Compiles the parameters of every type that the definitions serve, and of those that chains can reach.
    pub fn compile(_definitions: &Definitions) -> Parameters {
        Parameters::default()
    }

    /// The parameters of a type, by code.
    pub fn of(&self, rtype: &str) -> &[Parameter] {
        self.types.get(rtype).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn find(&self, rtype: &str, code: &str) -> Option<&Parameter> {
        self.of(rtype).iter().find(|parameter| parameter.code == code)
    }

    /// The index rows of a resource; its projection is not of this module.
    pub fn derive(&self, _rtype: &str, _resource: &Json) -> Derived {
        Derived::default()
    }

    /// What a resource refers to under one of its reference parameters, or under any of them.
    pub fn references(&self, _rtype: &str, _code: Option<&str>, _resource: &Json) -> Vec<Reference> {
        Vec::new()
    }
}
