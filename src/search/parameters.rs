//! The search parameters of every type, compiled once: how a resource's index rows are found, and what a query may ask.

use std::collections::HashMap;

use crate::fhir::json::Json;
use crate::profile::{Definitions, SearchComponent, SearchKind, SearchParameter};
use crate::store::{Derived, Inherited, Reference, Table, parameter_id};

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
    pub fn compile(definitions: &Definitions) -> Parameters {
        let of = |rtype: &str| {
            let defined = definitions.search_parameters(rtype);
            defined.iter().map(|one| parameter(rtype, one, defined)).collect()
        };
        let served = definitions.served_types().iter();
        Parameters { types: served.map(|served| (served.name.clone(), of(&served.name))).collect() }
    }

    /// The parameters of a type, by code.
    pub fn of(&self, rtype: &str) -> &[Parameter] {
        self.types.get(rtype).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every parameter, with its type.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.types.iter().flat_map(|(rtype, all)| all.iter().map(move |parameter| (rtype.as_str(), parameter)))
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

fn parameter(rtype: &str, defined: &SearchParameter, all: &[SearchParameter]) -> Parameter {
    let code = defined.code.as_str();
    let component = |part: &SearchComponent| {
        let meant = all.iter().find(|one| one.url == part.definition)?;
        Some(Component { code: meant.code.clone(), kind: meant.kind })
    };
    let table = match (rtype, code, defined.kind) {
        ("Location", "available" | "vacancy", _) => Table::Vacancy,
        ("Location", "as-of", _) => Table::AsOf,
        (_, _, SearchKind::Special) => Table::Position,
        (_, _, SearchKind::Date) => Table::Date,
        (_, _, SearchKind::Number | SearchKind::Quantity) => Table::Quantity,
        (_, _, SearchKind::String) => Table::String,
        (_, _, SearchKind::Reference) => Table::Reference,
        (_, _, SearchKind::Token | SearchKind::Uri | SearchKind::Composite) => Table::Token,
    };
    let inherited = match (rtype, code) {
        ("Location", "near") => Inherited::FromFacility,
        ("Location", "bed-function" | "admittable-sex" | "capability") => Inherited::FromWard,
        _ => Inherited::No,
    };
    Parameter {
        code: code.to_owned(),
        kind: defined.kind,
        url: defined.url.clone(),
        id: parameter_id(rtype, code),
        digest: String::new(),
        targets: defined.targets.clone(),
        components: defined.components.iter().filter_map(component).collect(),
        table,
        inherited,
    }
}
