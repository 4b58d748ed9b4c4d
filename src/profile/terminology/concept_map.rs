//! ConceptMaps: which code of one system stands for which of another. R4 `conceptmap.html`.

use serde_json::Value;

/// A ConceptMap.
#[derive(Clone, Default)]
pub struct ConceptMap {
    pub url: String,
    pub version: Option<String>,
    /// The value sets, or code systems, that it goes from and to.
    pub source: Option<String>,
    pub target: Option<String>,
    pub groups: Vec<Group>,
}

/// The mappings between two code systems.
#[derive(Clone, Default)]
pub struct Group {
    pub source: String,
    pub target: String,
    pub elements: Vec<Element>,
    pub unmapped: Option<Unmapped>,
}

#[derive(Clone)]
pub struct Element {
    pub code: String,
    pub targets: Vec<Target>,
}

#[derive(Clone)]
pub struct Target {
    pub code: Option<String>,
    pub display: Option<String>,
    pub equivalence: String,
    pub comment: Option<String>,
    /// Other elements that must have a value: property, system, value.
    pub depends_on: Vec<Dependency>,
    pub product: Vec<Dependency>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub property: String,
    pub system: Option<String>,
    pub value: String,
}

/// What holds for codes that no element names.
#[derive(Clone)]
pub enum Unmapped {
    Provided,
    Fixed { code: String, display: Option<String> },
    OtherMap(String),
}

impl ConceptMap {
    /// Reads a ConceptMap resource.
    pub fn from_resource(resource: &Value) -> ConceptMap {
        let named = |base: &str| {
            let of = |kind: &str| resource[format!("{base}{kind}")].as_str().map(str::to_owned);
            of("Uri").or_else(|| of("Canonical"))
        };
        ConceptMap {
            url: text(resource, "url"),
            version: resource["version"].as_str().map(str::to_owned),
            source: named("source"),
            target: named("target"),
            groups: items(resource, "group").iter().map(Group::read).collect(),
        }
    }
}

impl Group {
    fn read(source: &Value) -> Group {
        let element = |element: &Value| Element {
            code: text(element, "code"),
            targets: items(element, "target").iter().map(Target::read).collect(),
        };
        let unmapped = &source["unmapped"];
        Group {
            source: text(source, "source"),
            target: text(source, "target"),
            elements: items(source, "element").iter().map(element).collect(),
            unmapped: match unmapped["mode"].as_str() {
                Some("provided") => Some(Unmapped::Provided),
                Some("fixed") => Some(Unmapped::Fixed {
                    code: text(unmapped, "code"),
                    display: unmapped["display"].as_str().map(str::to_owned),
                }),
                Some("other-map") => Some(Unmapped::OtherMap(text(unmapped, "url"))),
                _ => None,
            },
        }
    }
}

impl Target {
    fn read(source: &Value) -> Target {
        let optional = |key: &str| source[key].as_str().map(str::to_owned);
        let dependencies = |key: &str| items(source, key).iter().map(Dependency::read).collect();
        Target {
            code: optional("code"),
            display: optional("display"),
            equivalence: text(source, "equivalence"),
            comment: optional("comment"),
            depends_on: dependencies("dependsOn"),
            product: dependencies("product"),
        }
    }
}

impl Dependency {
    fn read(source: &Value) -> Dependency {
        Dependency {
            property: text(source, "property"),
            system: source["system"].as_str().map(str::to_owned),
            value: text(source, "value"),
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}
