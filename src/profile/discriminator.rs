//! What a slice expects at its discriminators, read from the slice's own rules and from the profiles that these name.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fhir::json::Json;

use super::registry::Registry;
use super::slicing::{Expected, Path, Step, Test};
use super::snapshot::{self, Node};
use super::terminology::without_version;

/// Profiles that a path may lead through.
const PROFILE_LIMIT: usize = 8;

/// The test that `slice` makes of a discriminator, or why there is none.
pub fn test(registry: &Registry, slice: &Node, kind: &str, path: &str) -> Result<Test, String> {
    let Some(path) = Path::parse(path) else { return Err(format!("the discriminator path {path} is not one of R4's")) };
    let expected = match kind {
        "value" | "pattern" => at(registry, slice, &path.steps, 0, &|node, rest| expected_value(registry, node, rest)),
        "type" => expected_type(registry, slice, &path.steps),
        "exists" => at(registry, slice, &path.steps, 0, &|node, rest| expected_presence(node, rest)),
        "profile" => at(registry, slice, &path.steps, 0, &|node, rest| expected_profile(node, rest)),
        _ => return Err(format!("R4 has no discriminator type {kind}")),
    };
    match expected {
        Some(expected) => Ok(Test { path, expected }),
        None => Err(format!("the slice does not say what is at its discriminator {kind}:{}", path.text)),
    }
}

/// Goes down the rules along `steps` and asks each place what it expects of the rest; the first answer counts. Where the
/// slice's own rules end, those of the profile on its type go on.
fn at(
    registry: &Registry,
    node: &Node,
    steps: &[Step],
    profiles: usize,
    answer: &dyn Fn(&Node, &[Step]) -> Option<Expected>,
) -> Option<Expected> {
    if let Some(expected) = answer(node, steps) {
        return Some(expected);
    }
    let (step, rest) = steps.split_first()?;
    let below = |node: &Node| match step {
        Step::Resolve => None,
        Step::Member(name) => {
            let child = node.child(name)?;
            // What a slice that must be there says is said of the element.
            let present = child.slices.iter().filter(|slice| slice.facts.get("min").is_some_and(|min| *min != 0));
            let mut places = std::iter::once(child).chain(present);
            places.find_map(|place| at(registry, place, rest, profiles, answer))
        }
        Step::Extension(url) => at(registry, extension_slice(node, url)?, rest, profiles, answer),
        Step::OfType(name) => at(registry, of_type(node, name), rest, profiles, answer),
    };
    if let Some(expected) = below(node) {
        return Some(expected);
    }
    if profiles >= PROFILE_LIMIT {
        return None;
    }
    let (key, steps) = if *step == Step::Resolve { ("targetProfile", rest) } else { ("profile", steps) };
    type_list(node, key).into_iter().find_map(|url| {
        let tree = snapshot::tree(registry, &url).ok()?;
        at(registry, &tree, steps, profiles + 1, answer)
    })
}

fn expected_value(registry: &Registry, node: &Node, rest: &[Step]) -> Option<Expected> {
    if let Some(value) = value_fact(node) {
        return Some(Expected::Pattern(Json::from_serde(below(value, rest)?)));
    }
    if let [Step::Member(name)] = rest
        && name == "url"
        && let Some(url) = type_list(node, "profile").into_iter().next()
    {
        return Some(Expected::Pattern(Json::from(url)));
    }
    if !rest.is_empty() {
        return None;
    }
    if let Some(pattern) = assembled(node) {
        return Some(Expected::Pattern(pattern));
    }
    let binding = node.facts.get("binding").filter(|binding| binding["strength"] == "required")?;
    let url = without_version(binding["valueSet"].as_str()?);
    Some(Expected::Codes(url.to_owned(), registry.value_set(url)))
}

/// Fixed values of children together make the pattern that the element must hold.
fn assembled(node: &Node) -> Option<Json> {
    let mut members: BTreeMap<String, Json> = BTreeMap::new();
    for child in &node.children {
        let value = value_fact(child).map(Json::from_serde).or_else(|| assembled(child));
        if let Some(value) = value {
            members.insert(child.name.clone(), value);
        }
    }
    (!members.is_empty()).then(|| Json::Object(members.into_iter().collect()))
}

fn expected_type(registry: &Registry, slice: &Node, steps: &[Step]) -> Option<Expected> {
    let targets = |node: &Node| -> Option<Expected> {
        let all = type_list(node, "targetProfile");
        let types: Vec<String> = all.iter().filter_map(|url| registry.type_behind(url)).collect();
        (!types.is_empty()).then_some(Expected::Type(types))
    };
    let types = |node: &Node, rest: &[Step]| match rest {
        [] => {
            let given = node.facts.get("type").and_then(Value::as_array).into_iter().flatten();
            let mut types: Vec<String> = given.filter_map(|spec| spec["code"].as_str().map(str::to_owned)).collect();
            if types.is_empty() {
                // `valueQuantity` as the name of a slice of `value[x]` says its type.
                let tail = node.name.trim_start_matches(|letter: char| !letter.is_ascii_uppercase());
                types.extend(crate::fhir::fhirpath::choice_type(tail).map(str::to_owned));
            }
            (!types.is_empty()).then_some(Expected::Type(types))
        }
        [Step::Resolve] => targets(node),
        _ => None,
    };
    at(registry, slice, steps, 0, &types)
}

fn expected_presence(node: &Node, rest: &[Step]) -> Option<Expected> {
    if !rest.is_empty() {
        return None;
    }
    if node.text("max") == Some("0") {
        return Some(Expected::Exists(false));
    }
    node.facts.get("min").and_then(Value::as_u64).filter(|min| *min > 0).map(|_| Expected::Exists(true))
}

fn expected_profile(node: &Node, rest: &[Step]) -> Option<Expected> {
    let profiles = match rest {
        [] => type_list(node, "profile"),
        [Step::Resolve] => type_list(node, "targetProfile"),
        _ => return None,
    };
    (!profiles.is_empty()).then_some(Expected::Profile(profiles))
}

fn value_fact(node: &Node) -> Option<&Value> {
    node.typed_fact("fixed").or_else(|| node.typed_fact("pattern"))
}

/// What a pattern says at a path below it.
fn below<'v>(value: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match (step, value) {
        (Step::Member(name), Value::Array(items)) => items.first()?.get(name),
        (Step::Member(name), _) => value.get(name),
        (Step::OfType(_), _) => Some(value),
        _ => None,
    })
}

/// The canonical addresses, without version, that the types of a node name under `key`.
fn type_list(node: &Node, key: &str) -> Vec<String> {
    let specs = node.facts.get("type").and_then(Value::as_array).into_iter().flatten();
    let named = specs.flat_map(|spec| spec[key].as_array().into_iter().flatten()).filter_map(Value::as_str);
    named.map(|url| without_version(url).to_owned()).collect()
}

fn extension_slice<'n>(node: &'n Node, url: &str) -> Option<&'n Node> {
    let slices = &node.child("extension")?.slices;
    slices.iter().find(|slice| type_list(slice, "profile").iter().any(|profile| profile == url))
}

/// The slice of a choice for one type; the choice itself where there is none.
fn of_type<'n>(node: &'n Node, name: &str) -> &'n Node {
    let own = |slice: &&Node| slice.name.ends_with(name) && slice.name.len() > name.len();
    node.slices.iter().find(own).unwrap_or(node)
}
