//! The search parameters of every type, compiled once: how a resource's index rows are found, and what a query may ask.

use std::collections::{BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::fhir::fhirpath::{Context, Expression, Item, Node};
use crate::fhir::json::Json;
use crate::fhir::outcome::CANONICAL;
use crate::profile::{Definitions, SearchKind, SearchParameter};
use crate::search::extract::{Collector, Element, Path, branches, collect, literal_references};
use crate::store::{ANY_REFERENCE, Derived, Inherited, Reference, Table, Token, parameter_id};

use super::composite::Composite;

/// Changes when rows are made in another way than before: rows of the old way are not whole.
const EXTRACTION: &str = "2";

/// Parameters that are not served here.
const LEFT_OUT: [&str; 5] = ["_content", "_text", "_query", "_list", "_filter"];

/// What the store answers without rows.
const WITHOUT_ROWS: [&str; 2] = ["_id", "_lastUpdated"];

/// What a Bundle holds is no reference to a resource of this server.
const OF_BUNDLES: [&str; 2] = ["composition", "message"];

/// All parameters of all served types.
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
    /// The parameter of a token without code that stands for elements which are there and have nothing to be found by, such
    /// as a reference with a display alone: they are not missing.
    pub bare: i64,
    /// Changes when what makes the rows changes: index rows made by another definition are not whole.
    pub digest: String,
    /// Types that a reference may point to.
    pub targets: Vec<String>,
    /// The parts of a composite, in order.
    pub components: Vec<Component>,
    /// Where its rows are.
    pub table: Table,
    pub inherited: Inherited,
    way: Way,
    collector: Collector,
}

/// A part of a composite.
#[derive(Debug)]
pub struct Component {
    /// The code of the parameter that it stands for.
    pub code: String,
    pub kind: SearchKind,
}

/// How the elements of a parameter are found.
#[derive(Debug)]
enum Way {
    Walks(Vec<Path>),
    Evaluation(Expression),
    Composite(Composite),
    /// Its rows are not of this index.
    None,
}

impl Parameters {
    /// Compiles the parameters of every type that the definitions serve. One that cannot be compiled is left out, with a
    /// word in the log: a definition of the region that is at fault must not stop the rest.
    pub fn compile(definitions: &Definitions) -> Parameters {
        let (mut types, mut numbers) = (HashMap::new(), HashSet::new());
        for served in definitions.served_types() {
            let rtype = served.name.as_str();
            let defined = definitions.search_parameters(rtype).iter();
            let own = defined.filter(|one| !LEFT_OUT.contains(&one.code.as_str()));
            let own = own.filter(|one| rtype != "Bundle" || !OF_BUNDLES.contains(&one.code.as_str()));
            let compiled = own.filter_map(|one| match Parameter::compile(definitions, rtype, one) {
                Ok(parameter) if numbers.insert(parameter.id) => Some(parameter),
                Ok(_) => {
                    tracing::warn!(url = %one.url, "a search parameter is left out: another has its number");
                    None
                }
                Err(reason) => {
                    tracing::warn!(url = %one.url, reason, "a search parameter is left out");
                    None
                }
            });
            types.insert(rtype.to_owned(), compiled.collect());
        }
        Parameters { types }
    }

    /// The parameters of a type, by code.
    pub fn of(&self, rtype: &str) -> &[Parameter] {
        self.types.get(rtype).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every parameter with its type.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.types.iter().flat_map(|(rtype, all)| all.iter().map(move |one| (rtype.as_str(), one)))
    }

    pub fn find(&self, rtype: &str, code: &str) -> Option<&Parameter> {
        self.of(rtype).iter().find(|parameter| parameter.code == code)
    }

    /// The index rows of a resource; its projection is not of this module.
    pub fn derive(&self, rtype: &str, resource: &Json) -> Derived {
        let mut rows = Derived::default();
        for parameter in self.of(rtype) {
            parameter.rows(resource, &mut rows);
        }
        let known: BTreeSet<(&str, &str)> =
            rows.references.iter().map(|row| (row.target_type.as_str(), row.target_id.as_str())).collect();
        let others = literal_references(resource).into_iter();
        let others: Vec<Reference> =
            others.filter(|row| !known.contains(&(row.target_type.as_str(), row.target_id.as_str()))).collect();
        rows.references.extend(others);
        rows
    }

    /// What a resource refers to under one of its reference parameters, or under any of them.
    pub fn references(&self, rtype: &str, code: Option<&str>, resource: &Json) -> Vec<Reference> {
        let mut rows = Derived::default();
        let asked = |parameter: &&Parameter| {
            parameter.kind == SearchKind::Reference && code.is_none_or(|code| parameter.code == code)
        };
        self.of(rtype).iter().filter(asked).for_each(|parameter| parameter.rows(resource, &mut rows));
        rows.references.into_iter().filter(|row| row.param != ANY_REFERENCE).collect()
    }
}

impl Parameter {
    fn compile(definitions: &Definitions, rtype: &str, source: &SearchParameter) -> Result<Parameter, String> {
        let id = parameter_id(rtype, &source.code);
        let part = |name: &str| parameter_id(rtype, &format!("{}:{name}", source.code));
        let collector = Collector {
            kind: source.kind,
            param: id,
            text: part("text"),
            of_type: part("of-type"),
            identifier: part("identifier"),
            seconds: part("seconds"),
        };
        let components: Vec<Component> = source
            .components
            .iter()
            .map(|component| component_of(definitions, rtype, &component.definition))
            .collect::<Result<_, String>>()?;
        let table = table_of(source);
        let way = match (table, source.kind) {
            (Table::Vacancy | Table::AsOf, _) => Way::None,
            _ if WITHOUT_ROWS.contains(&source.code.as_str()) => Way::None,
            (_, SearchKind::Composite) => Way::Composite(Composite::compile(rtype, source, &components)?),
            _ => way(definitions, rtype, source)?,
        };
        Ok(Parameter {
            code: source.code.clone(),
            kind: source.kind,
            url: source.url.clone(),
            id,
            bare: part("bare"),
            digest: digest(source),
            targets: source.targets.clone(),
            components,
            table,
            inherited: inherited(source),
            way,
            collector,
        })
    }

    fn rows(&self, resource: &Json, rows: &mut Derived) {
        let before = self.rows_of_its_table(rows);
        let mut is_there = false;
        match &self.way {
            Way::Walks(paths) => {
                for path in paths {
                    path.walk(resource, &mut |element| {
                        is_there = true;
                        collect(&self.collector, element, rows);
                    });
                }
            }
            Way::Evaluation(expression) => {
                for json in evaluated(expression, resource, Node::new(resource)) {
                    is_there = true;
                    collect(&self.collector, json.as_element(), rows);
                }
            }
            Way::Composite(composite) => composite.rows(resource, rows),
            Way::None => {}
        }
        if is_there {
            self.not_missing(before, rows);
        }
    }

    /// What is there has rows, or a row that says so.
    fn not_missing(&self, before: usize, rows: &mut Derived) {
        if self.rows_of_its_table(rows) == before {
            rows.tokens.insert(Token { param: self.bare, code: String::new(), system: 0 });
        }
    }

    fn rows_of_its_table(&self, rows: &Derived) -> usize {
        match self.table {
            Table::Token => rows.tokens.len(),
            Table::Reference => rows.references.len(),
            Table::Date => rows.dates.len(),
            Table::Quantity => rows.quantities.len(),
            Table::String => rows.strings.len(),
            Table::Position => rows.positions.len(),
            Table::Vacancy | Table::AsOf => 0,
        }
    }
}

/// What an expression yields: an element of the resource, or a computed truth.
pub(super) enum Found<'a> {
    Element(Element<'a>),
    Truth(bool),
}

static TRUTHS: [Json; 2] = [Json::Bool(false), Json::Bool(true)];

impl<'a> Found<'a> {
    pub(super) fn as_element(&self) -> Element<'a> {
        match self {
            Found::Element(element) => *element,
            Found::Truth(truth) => Element { json: &TRUTHS[usize::from(*truth)], type_name: Some("boolean") },
        }
    }
}

/// Evaluates an expression on a node of the resource. One that fails on this content finds nothing.
pub(super) fn evaluated<'a>(expression: &'a Expression, resource: &'a Json, focus: Node<'a>) -> Vec<Found<'a>> {
    let context = Context { typed_references: true, ..Context::new(resource) }.focused(focus);
    let items = expression.evaluate(&context).unwrap_or_default();
    let found = |item: &Item<'a>| match item {
        Item::Node(node) => Some(Found::Element(Element { json: node.value?, type_name: node.type_name })),
        Item::Value(_) => item.as_boolean().map(Found::Truth),
    };
    items.iter().filter_map(found).collect()
}

fn way(definitions: &Definitions, rtype: &str, source: &SearchParameter) -> Result<Way, String> {
    let Some(expression) = source.expression.as_deref() else { return Err("it has no expression".to_owned()) };
    let branches = branches(rtype, expression);
    let walks: Option<Vec<Path>> =
        branches.iter().map(|branch| Path::compile(definitions.model(), rtype, branch)).collect();
    match walks {
        Some(walks) if !walks.is_empty() => Ok(Way::Walks(walks)),
        _ => Expression::compile(expression).map(Way::Evaluation).map_err(|error| error.to_string()),
    }
}

fn component_of(definitions: &Definitions, rtype: &str, url: &str) -> Result<Component, String> {
    let all = definitions.search_parameters(rtype);
    let known = all.iter().find(|one| one.url == url);
    known
        .map(|one| Component { code: one.code.clone(), kind: one.kind })
        .ok_or_else(|| format!("its part {url} is no parameter of {rtype}"))
}

/// What the region keeps in tables of its own (`DOMAIN`: laid-over values) is not indexed a second time.
fn table_of(source: &SearchParameter) -> Table {
    let is = |name: &str| source.url.strip_prefix(CANONICAL) == Some(&format!("/SearchParameter/{name}"));
    if is("available") || is("vacancy") {
        return Table::Vacancy;
    }
    if is("as-of") {
        return Table::AsOf;
    }
    match source.kind {
        SearchKind::Token | SearchKind::Uri | SearchKind::Composite => Table::Token,
        SearchKind::Reference => Table::Reference,
        SearchKind::Date => Table::Date,
        SearchKind::Number | SearchKind::Quantity => Table::Quantity,
        SearchKind::String => Table::String,
        SearchKind::Special => Table::Position,
    }
}

/// A bed without a value of its own has its ward's, and what has no position has its facility's.
fn inherited(source: &SearchParameter) -> Inherited {
    let local = source.url.strip_prefix(CANONICAL).and_then(|rest| rest.strip_prefix("/SearchParameter/"));
    match (local, source.url.as_str()) {
        (Some("bed-function" | "admittable-sex" | "capability"), _) => Inherited::FromWard,
        (_, "http://hl7.org/fhir/SearchParameter/Location-near") => Inherited::FromFacility,
        _ => Inherited::No,
    }
}

fn digest(source: &SearchParameter) -> String {
    let parts: Vec<String> = source
        .components
        .iter()
        .map(|component| format!("{}={}", component.definition, component.expression))
        .collect();
    let expression = source.expression.as_deref().unwrap_or_default();
    let text = format!("{EXTRACTION}\n{:?}\n{expression}\n{}", source.kind, parts.join("\n"));
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path as FilePath;

    use super::*;
    use crate::fhir::json::{Limits, parse};
    use crate::profile::Settings;

    fn compiled() -> (Definitions, Parameters) {
        let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
        let definitions = Definitions::load(pack, &crate::definitions::built_in(), Settings::default()).unwrap();
        let parameters = Parameters::compile(&definitions);
        (definitions, parameters)
    }

    /// R4's published examples and the region's, where they are at hand.
    fn examples() -> Vec<Json> {
        let root = FilePath::new(env!("CARGO_MANIFEST_DIR"));
        let folders = ["fhir-profiles/examples", "../shared/data/r4-core/examples", "../shared/data/hl7-r4-examples"];
        let mut waiting: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
        let mut found = Vec::new();
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    waiting.push(path);
                } else if path.extension().is_some_and(|ending| ending == "json") {
                    found.extend(parse(&std::fs::read(path).unwrap(), Limits { depth: 256 }));
                }
            }
        }
        found
    }

    #[test]
    fn every_parameter_of_every_served_type_is_compiled() {
        let (definitions, parameters) = compiled();
        let mut left_out = BTreeSet::new();
        let mut numbers = HashMap::new();
        for served in definitions.served_types() {
            for defined in definitions.search_parameters(&served.name) {
                match parameters.find(&served.name, &defined.code) {
                    Some(found) => assert_eq!(numbers.insert(found.id, &defined.url), None, "{}", defined.url),
                    None => drop(left_out.insert(defined.code.as_str())),
                }
            }
        }
        assert_eq!(left_out, BTreeSet::from(["_content", "_query", "_text", "composition", "message"]));
    }

    #[test]
    fn a_walk_finds_what_the_expression_finds() {
        let (definitions, parameters) = compiled();
        let (mut compared, mut rows) = (0, 0);
        for resource in examples() {
            let rtype = resource.get_str("resourceType").unwrap_or_default().to_owned();
            for defined in definitions.search_parameters(&rtype) {
                let Some(parameter) = parameters.find(&rtype, &defined.code) else { continue };
                if !matches!(parameter.way, Way::Walks(_)) {
                    continue;
                }
                let expression = Expression::compile(defined.expression.as_deref().unwrap()).unwrap();
                let mut walked = Derived::default();
                parameter.rows(&resource, &mut walked);
                let context = Context { typed_references: true, ..Context::new(&resource) };
                let context = context.with_model(definitions.model());
                let (mut evaluated, mut is_there) = (Derived::default(), false);
                for item in expression.evaluate(&context).unwrap() {
                    let Some(node) = item.node() else { continue };
                    let Some(json) = node.value else { continue };
                    collect(&parameter.collector, Element { json, type_name: node.type_name }, &mut evaluated);
                    is_there = true;
                }
                if is_there {
                    parameter.not_missing(0, &mut evaluated);
                }
                assert_eq!(
                    walked,
                    evaluated,
                    "{rtype} {} {}",
                    defined.code,
                    resource.get_str("id").unwrap_or_default()
                );
                compared += 1;
                rows += usize::from(walked != Derived::default());
            }
        }
        assert!(compared > 100 && rows > 50, "{compared} {rows}");
    }

    #[test]
    fn most_parameters_walk() {
        let (_, parameters) = compiled();
        let all: Vec<_> = parameters.all().map(|(_, parameter)| parameter).collect();
        let evaluated = all.iter().filter(|parameter| matches!(parameter.way, Way::Evaluation(_)));
        let evaluated: BTreeSet<_> = evaluated.map(|parameter| parameter.code.as_str()).collect();
        assert_eq!(evaluated, BTreeSet::from(["deceased"]));
    }
}
