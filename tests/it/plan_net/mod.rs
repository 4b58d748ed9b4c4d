//! The searches that the Inferno test kit for Da Vinci Plan-Net asks of a directory, generated from its metadata: every
//! parameter, chain, include, reverse include, reverse chain and combination on the types that are served here. Each answer
//! is compared with what a plain look at the resources says.

mod directory;
mod matrix;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::app::{TestApp, shared_data};
use crate::both;
use crate::search::keys;

use directory::{TYPES, directory, fits, key, nodes, values};
use matrix::{Group, Parameter, read};

both!(
    searches_and_chains_find_exactly_what_they_should,
    includes_bring_exactly_what_they_should,
    reverse_chains_and_combinations_find_exactly_what_they_should
);

const KIT: &str = "inferno-plan-net/lib/davinci_plan_net_test_kit";

/// What the matrix asks for beyond R4 or of types that are not served.
const PASSED_OVER: [&str; 3] = [
    "InsurancePlan: not served",
    "Organization:coverage-area: Plan-Net's own",
    "PractitionerRole:network: Plan-Net's own",
];

struct Matrix {
    folder: PathBuf,
    groups: Vec<Group>,
    resources: Vec<Value>,
    passed_over: BTreeSet<String>,
    searches: usize,
}

impl Matrix {
    /// The matrix, and the directory as the gateway has stored it. `None` where the kit's data is not there.
    async fn load(app: &TestApp) -> Option<Matrix> {
        let folder = shared_data(KIT)?;
        let groups = read(&std::fs::read_to_string(folder.join("generated/v1.1.0/metadata.yml")).unwrap());
        assert_eq!(groups.len(), 9, "the matrix is read whole");
        let mut resources = Vec::new();
        for resource in directory() {
            resources.push(app.put(&key(&resource), &resource).await.expect(201));
            // `_lastUpdated` tells the resources apart.
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        Some(Matrix { folder, groups, resources, passed_over: BTreeSet::new(), searches: 0 })
    }

    /// The groups of the types that are served.
    fn served(&mut self) -> Vec<&'static Group> {
        let groups: &'static [Group] = Box::leak(std::mem::take(&mut self.groups).into_boxed_slice());
        let (served, others) = groups.iter().partition::<Vec<_>, _>(|group| TYPES.contains(&group.resource.as_str()));
        self.passed_over.extend(others.iter().map(|group| format!("{}: not served", group.resource)));
        served
    }

    fn of_type<'a>(&'a self, rtype: &'a str) -> impl Iterator<Item = &'a Value> {
        self.resources.iter().filter(move |resource| resource["resourceType"] == rtype)
    }

    fn fitting(&self, rtype: &str, parameter: &Parameter, value: &str) -> BTreeSet<String> {
        self.of_type(rtype).filter(|resource| fits(parameter, resource, value)).map(key).collect()
    }

    fn values(&self, rtype: &str, parameter: &Parameter) -> BTreeSet<String> {
        self.of_type(rtype).flat_map(|resource| values(parameter, resource)).collect()
    }

    /// Runs a search; the answer must have these matches, each once, and these resources beside them.
    async fn check(&mut self, app: &TestApp, query: &str, matches: &BTreeSet<String>, includes: &BTreeSet<String>) {
        self.searches += 1;
        let request = app.request("GET", &format!("{query}&_count=100")).header("prefer", "handling=strict");
        let bundle = request.send().await.expect(200);
        for (mode, expected) in [("match", matches), ("include", includes), ("outcome", &BTreeSet::new())] {
            let mut found = keys(&bundle, mode);
            found.sort();
            assert!(found.iter().eq(expected), "{query}: {mode}: {found:?}, expected {expected:?}");
        }
    }

    /// Searches by each value; they must find something, and not always everything.
    async fn check_values(&mut self, app: &TestApp, asked: BTreeMap<String, BTreeSet<String>>) {
        let name = asked.keys().next().unwrap_or_else(|| panic!("nothing is asked")).clone();
        let all = TYPES.map(|rtype| self.of_type(rtype).count()).into_iter().max().unwrap();
        assert!(asked.values().any(|found| !found.is_empty() && found.len() < all), "{name} tells nothing apart");
        for (query, expected) in asked {
            self.check(app, &query, &expected, &BTreeSet::new()).await;
        }
    }
}

fn parameter<'a>(groups: &[&'a Group], rtype: &str, code: &str) -> Option<&'a Parameter> {
    let of_type = groups.iter().filter(|group| group.resource == rtype);
    of_type.filter_map(|group| group.parameters.get(code)).next()
}

/// With every comparator that the matrix names, where it names any: but `ap`, whose reach hangs on the time of the question.
fn with_comparators(parameter: &Parameter, values: BTreeSet<String>) -> BTreeSet<String> {
    let compared = |value: &String| {
        parameter
            .comparators
            .iter()
            .filter(|sign| *sign != "ap")
            .map(|sign| format!("{sign}{value}"))
            .collect::<Vec<_>>()
    };
    values.iter().flat_map(compared).chain(values.iter().cloned()).collect()
}

async fn searches_and_chains_find_exactly_what_they_should(app: &TestApp) {
    let Some(mut matrix) = Matrix::load(app).await else { return };
    let groups = matrix.served();
    for group in &groups {
        let rtype = group.resource.as_str();
        for code in group.searches.iter().flatten() {
            let parameter = &group.parameters[code];
            if parameter.is_own() {
                matrix.passed_over.insert(format!("{rtype}:{code}: Plan-Net's own"));
                continue;
            }
            let asked = with_comparators(parameter, matrix.values(rtype, parameter)).into_iter().map(|value| {
                let found = matrix.fitting(rtype, parameter, &value);
                (format!("{rtype}?{code}={value}"), found)
            });
            let asked = asked.collect();
            matrix.check_values(app, asked).await;
            for chain in &parameter.chains {
                let target = self::parameter(&groups, &parameter.target, chain).unwrap();
                assert!(!target.is_own());
                let asked = chained(&matrix, rtype, code, parameter, chain, target);
                matrix.check_values(app, asked).await;
            }
        }
    }
    finish(&matrix, &PASSED_OVER, 600);
}

/// What a chain asks, untyped and typed, by each value of the target's.
fn chained(
    matrix: &Matrix,
    rtype: &str,
    code: &str,
    link: &Parameter,
    chain: &str,
    target: &Parameter,
) -> BTreeMap<String, BTreeSet<String>> {
    let by_value = |value: String| {
        let targets = matrix.fitting(&link.target, target, &value);
        let refers = |resource: &&Value| {
            nodes(link, resource).into_iter().any(|node| targets.contains(node["reference"].as_str().unwrap()))
        };
        let found: BTreeSet<String> = matrix.of_type(rtype).filter(refers).map(key).collect();
        [
            (format!("{rtype}?{code}.{chain}={value}"), found.clone()),
            (format!("{rtype}?{code}:{}.{chain}={value}", link.target), found),
        ]
    };
    matrix.values(&link.target, target).into_iter().flat_map(by_value).collect()
}

async fn includes_bring_exactly_what_they_should(app: &TestApp) {
    let Some(mut matrix) = Matrix::load(app).await else { return };
    let groups = matrix.served();
    for group in &groups {
        let includes = group.includes.iter().map(|include| ("_include", include));
        for (direction, name) in includes.chain(group.revincludes.iter().map(|include| ("_revinclude", include))) {
            let (source, code) = name.split_once(':').unwrap();
            let Some(link) = parameter(&groups, source, code) else {
                assert_eq!(source, "InsurancePlan", "{name}");
                continue;
            };
            if link.is_own() {
                matrix.passed_over.insert(format!("{name}: Plan-Net's own"));
                continue;
            }
            let of_type: Vec<Value> = matrix.of_type(&group.resource).cloned().collect();
            let mut brought = 0;
            for matched in &of_type {
                let matches = BTreeSet::from([key(matched)]);
                let mut beside = beside(&matrix, direction, source, link, matched);
                beside.remove(&key(matched));
                brought += beside.len();
                let query = format!("{}?_id={}&{direction}={name}", group.resource, matched["id"].as_str().unwrap());
                matrix.check(app, &query, &matches, &beside).await;
            }
            assert!(brought > 0, "{direction}={name} is never tried");
        }
    }
    finish(&matrix, &PASSED_OVER, 150);
}

fn beside(matrix: &Matrix, direction: &str, source: &str, link: &Parameter, matched: &Value) -> BTreeSet<String> {
    if direction == "_include" {
        return nodes(link, matched).iter().map(|node| node["reference"].as_str().unwrap().to_owned()).collect();
    }
    matrix.fitting(source, link, &key(matched))
}

async fn reverse_chains_and_combinations_find_exactly_what_they_should(app: &TestApp) {
    let Some(mut matrix) = Matrix::load(app).await else { return };
    let groups = matrix.served();
    matrix.passed_over.clear();
    let groups_of = |name: &str| -> Value {
        let file = matrix.folder.join("custom_groups").join(name).join("examples.json");
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    let (reverse, combined) = (groups_of("reverse_chain_tests"), groups_of("combination_searches"));
    for (target, asked) in reverse.as_object().unwrap() {
        for one in asked.as_array().unwrap() {
            let part = |name: &str| one[name].as_str().unwrap();
            // A network is an Organization.
            let rtype = if target == "Network" { "Organization" } else { target };
            let (source, link, by) = (part("source_resource"), part("target_param"), part("constraining_param"));
            check_reverse(app, &mut matrix, &groups, [rtype, source, link, by]).await;
        }
    }
    for (rtype, asked) in combined.as_object().unwrap() {
        for one in asked.as_array().unwrap() {
            check_combination(app, &mut matrix, &groups, rtype, one).await;
        }
    }
    finish(&matrix, &[PASSED_OVER[0], PASSED_OVER[2]], 60);
}

/// What resources of `source` that fit refer to.
fn referred(matrix: &Matrix, source: &str, link: &Parameter, by: &Parameter, value: &str) -> BTreeSet<String> {
    let sources = matrix.of_type(source).filter(|resource| fits(by, resource, value));
    sources.flat_map(|resource| values(link, resource)).collect()
}

async fn check_reverse(app: &TestApp, matrix: &mut Matrix, groups: &[&Group], [rtype, source, link, by]: [&str; 4]) {
    if !TYPES.contains(&source) {
        matrix.passed_over.insert(format!("{source}: not served"));
        return;
    }
    let (by_definition, link_definition) = (parameter(groups, source, by), parameter(groups, source, link));
    let (by_definition, link_definition) = (by_definition.unwrap(), link_definition.unwrap());
    if let Some((own, _)) = [(by, by_definition), (link, link_definition)].into_iter().find(|(_, one)| one.is_own()) {
        matrix.passed_over.insert(format!("{source}:{own}: Plan-Net's own"));
        return;
    }
    let asked = matrix.values(source, by_definition).into_iter().map(|value| {
        let found = referred(matrix, source, link_definition, by_definition, &value);
        (format!("{rtype}?_has:{source}:{link}:{by}={value}"), found)
    });
    let asked = asked.collect();
    matrix.check_values(app, asked).await;
}

/// Several parameters at once, the last of them perhaps a reverse chain, and perhaps an include.
async fn check_combination(app: &TestApp, matrix: &mut Matrix, groups: &[&Group], rtype: &str, asked: &Value) {
    let bases = asked["base_search_params"].as_array().unwrap().iter().map(|base| base.as_str().unwrap());
    let bases: Vec<&str> = bases.collect();
    let mut queries = BTreeMap::from([(format!("{rtype}?"), matrix.of_type(rtype).map(key).collect::<BTreeSet<_>>())]);
    for base in bases {
        let definition = parameter(groups, rtype, base).unwrap();
        let choices = matrix.values(rtype, definition).into_iter();
        let choices = choices.map(|value| (format!("{base}={value}"), matrix.fitting(rtype, definition, &value)));
        queries = narrowed(&queries, &choices.collect::<Vec<_>>());
    }
    if let Some(by) = asked["reverse_chain_param"].as_str() {
        let (source, link) =
            (asked["additional_resource_type"].as_str().unwrap(), asked["reverse_chain_target"].as_str().unwrap());
        let definitions = (parameter(groups, source, by).unwrap(), parameter(groups, source, link).unwrap());
        let choices = matrix.values(source, definitions.0).into_iter().map(|value| {
            let found = referred(matrix, source, definitions.1, definitions.0, &value);
            (format!("_has:{source}:{link}:{by}={value}"), found)
        });
        queries = narrowed(&queries, &choices.collect::<Vec<_>>());
    }
    let include = asked["include_param"].as_str();
    assert!(queries.values().any(|found| !found.is_empty()), "{asked}");
    for (query, found) in queries {
        let Some(include) = include else {
            matrix.check(app, &query, &found, &BTreeSet::new()).await;
            continue;
        };
        let link = parameter(groups, rtype, include.split_once(':').unwrap().1).unwrap();
        let matched = matrix.of_type(rtype).filter(|resource| found.contains(&key(resource)));
        let beside = matched.flat_map(|resource| values(link, resource)).collect();
        matrix.check(app, &format!("{query}&_include={include}"), &found, &beside).await;
    }
}

type Queries = BTreeMap<String, BTreeSet<String>>;

/// Each query with each choice beside it.
fn narrowed(queries: &Queries, choices: &[(String, BTreeSet<String>)]) -> Queries {
    let with = |(query, found): (&String, &BTreeSet<String>)| {
        let with = |(criterion, fitting): &(String, BTreeSet<String>)| {
            let glue = if query.ends_with('?') { "" } else { "&" };
            (format!("{query}{glue}{criterion}"), found & fitting)
        };
        choices.iter().map(with).collect::<Vec<_>>()
    };
    queries.iter().flat_map(with).collect()
}

fn finish(matrix: &Matrix, passed_over: &[&str], at_least: usize) {
    let expected: BTreeSet<String> = passed_over.iter().map(|one| (*one).to_owned()).collect();
    assert_eq!(matrix.passed_over, expected);
    println!("plan_net: {} searches; passed over: {expected:?}", matrix.searches);
    assert!(matrix.searches >= at_least, "{} searches", matrix.searches);
}
