//! The published FHIRPath tests for R4 (`../shared/data/fhir-test-cases/r4/fhirpath`), run with the types of R4's
//! definitions. `conformance/fhirpath.toml` names every test that comes out otherwise, with the reason; a test that it
//! does not list, and one that passes after all, fail this one.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use kakehashi::fhir::fhirpath::{Context, Expression, Item};
use kakehashi::fhir::json::{Json, Limits, parse};
use roxmltree::{Document, Node};

use crate::app::{definitions, shared_data};
use crate::differences::assert_listed;
use crate::fhir_xml;

/// The test resources, in the form that the test names.
struct Inputs<'f> {
    folder: &'f Path,
    read: HashMap<String, Json>,
}

impl Inputs<'_> {
    fn get(&mut self, name: &str) -> &Json {
        let folder = self.folder;
        self.read.entry(name.to_owned()).or_insert_with(|| {
            let text = std::fs::read_to_string(folder.join("input").join(name)).unwrap();
            match name.ends_with(".xml") {
                true => fhir_xml::to_json(&definitions(), &text),
                false => parse(text.as_bytes(), Limits::default()).unwrap(),
            }
        })
    }
}

/// What a test expects: an error, or items in words.
fn expected(test: Node<'_, '_>) -> Option<Vec<String>> {
    let expression = test.children().find(|child| child.has_tag_name_local("expression")).unwrap();
    if expression.attribute("invalid").is_some() {
        return None;
    }
    let outputs = test.children().filter(|child| child.has_tag_name_local("output"));
    Some(outputs.map(|output| plain(output.text().unwrap_or_default())).collect())
}

/// A date or time without the mark of a literal.
fn plain(text: &str) -> String {
    let text = text.strip_prefix('@').unwrap_or(text);
    text.strip_prefix('T')
        .filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        .unwrap_or(text)
        .to_owned()
}

fn shown(item: &Item<'_>) -> String {
    plain(&item.value().map_or_else(|| "{}".to_owned(), |value| value.to_string()))
}

trait Local {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl Local for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

/// The items that come out, or the error.
fn run(text: &str, resource: &Json, predicate: bool) -> Result<Vec<String>, String> {
    let expression = Expression::compile(text).map_err(|error| error.to_string())?;
    let definitions = definitions();
    let context = Context::new(resource).with_model(definitions.model());
    let items = expression.evaluate(&context).map_err(|error| error.to_string())?;
    if predicate {
        let single =
            matches!(items.as_slice(), [item] if item.value().is_none_or(|value| value.to_string() != "false"));
        return Ok(vec![single.to_string()]);
    }
    Ok(items.iter().map(shown).collect())
}

/// `None` where the test passes, else what came out.
fn fault(test: Node<'_, '_>, inputs: &mut Inputs<'_>) -> Option<String> {
    let empty = Json::Object(Default::default());
    let expression = test.children().find(|child| child.has_tag_name_local("expression")).unwrap();
    let text = expression.text().unwrap_or_default();
    let resource = test.attribute("inputfile").map_or(&empty, |name| inputs.get(name));
    let found = run(text, resource, test.attribute("predicate") == Some("true"));
    match (expected(test), found) {
        (None, Err(_)) => None,
        (None, Ok(found)) => Some(format!("{text}: an error was expected, found {found:?}")),
        (Some(_), Err(error)) => Some(format!("{text}: {error}")),
        (Some(mut wanted), Ok(mut found)) => {
            if test.attribute("ordered") == Some("false") {
                wanted.sort();
                found.sort();
            }
            (wanted != found).then(|| format!("{text}: expected {wanted:?}, found {found:?}"))
        }
    }
}

/// How many tests of a suite were run, and what came out otherwise.
fn faults(folder: &Path, suite: &Path) -> (usize, BTreeMap<String, String>) {
    let text = std::fs::read_to_string(suite).unwrap();
    let document = Document::parse(&text).unwrap();
    let mut inputs = Inputs { folder, read: HashMap::new() };
    let (mut run, mut faults) = (0, BTreeMap::new());
    for test in document.descendants().filter(|node| node.has_tag_name_local("test")) {
        let input = test.attribute("inputfile").map(|name| folder.join("input").join(name));
        if input.is_some_and(|input| !input.exists()) {
            continue;
        }
        run += 1;
        if let Some(fault) = fault(test, &mut inputs) {
            faults.insert(test.attribute("name").unwrap().to_owned(), fault);
        }
    }
    (run, faults)
}

#[test]
fn published_tests_pass_but_for_those_that_are_listed() {
    let Some(folder) = shared_data("fhir-test-cases/r4/fhirpath") else { return };
    let (run, faults) = faults(&folder, &folder.join("tests-fhir-r4.xml"));
    println!("{} of {run} published FHIRPath tests pass", run - faults.len());
    faults.iter().for_each(|(name, fault)| println!("  {name}: {fault}"));
    assert_listed("fhirpath.toml", faults.keys());
    assert!(run > 900, "only {run} tests were found");
}

/// The suite of later versions, as far as its inputs are R4: much of it is beyond what R4 asks, so only the rate counts.
#[test]
fn most_tests_of_later_versions_pass() {
    let Some(folder) = shared_data("fhir-test-cases/r4/fhirpath") else { return };
    let Some(suite) = shared_data("fhir-test-cases/r5/fhirpath/tests-fhir-r5.xml") else { return };
    let (run, faults) = faults(&folder, &suite);
    println!("{} of {run} published FHIRPath tests of R5 pass", run - faults.len());
    faults.iter().for_each(|(name, fault)| println!("  {name}: {fault}"));
    assert!(run > 900 && faults.len() * 100 <= run * 3, "{} of {run} fail", faults.len());
}
