//! The region's definitions and R4's facts as plain data, for tests that say by themselves what a profile asks. Read
//! apart from the program's compiler, which is what those tests check.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Canonical addresses of the region's profiles and extensions begin with this.
pub const OURS: &str = "https://kakehashi.example/fhir/StructureDefinition/";

/// What is published with R4.
pub struct R4 {
    /// Kind and name to the fact.
    facts: HashMap<(String, String), Value>,
    elements: HashMap<Place, BTreeMap<String, Base>>,
}

/// An element of a base type.
#[derive(Clone, Debug, Default)]
pub struct Base {
    pub min: u64,
    /// `None` is `*`.
    pub max: Option<u64>,
    /// Type codes; targets of a Reference stand in `targets`.
    pub types: Vec<String>,
    pub targets: Vec<String>,
    /// Strength and value set.
    pub binding: Option<(String, String)>,
    /// Where what is below it is defined: a type and the path in it.
    pub place: Option<Place>,
}

/// A place in the base definitions: `Location` and `position`, `Identifier` and the empty path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub type_name: String,
    pub path: String,
}

impl Place {
    pub fn of_type(name: &str) -> Place {
        Place { type_name: name.to_owned(), path: String::new() }
    }
}

impl R4 {
    pub fn read() -> R4 {
        let packed = std::fs::read("fhir-profiles/r4/r4-facts.txt.gz").unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        let fact = |line: &str| {
            let mut parts = line.splitn(3, '\t');
            let mut next = || parts.next().unwrap().to_owned();
            ((next(), next()), serde_json::from_str(&next()).unwrap())
        };
        let facts: HashMap<(String, String), Value> = text.lines().map(fact).collect();
        let mut elements: HashMap<Place, BTreeMap<String, Base>> = HashMap::new();
        for ((_, name), fact) in facts.iter().filter(|((kind, _), _)| kind == "type") {
            for element in fact["elements"].as_array().unwrap() {
                let path = element["p"].as_str().unwrap();
                let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
                let place = Place { type_name: name.clone(), path: above.to_owned() };
                if !last.is_empty() {
                    elements.entry(place).or_default().insert(last.to_owned(), base(element, name, path));
                }
            }
        }
        R4 { facts, elements }
    }

    fn fact(&self, kind: &str, name: &str) -> Option<&Value> {
        self.facts.get(&(kind.to_owned(), name.to_owned()))
    }

    pub fn is_resource(&self, name: &str) -> bool {
        self.fact("type", name).is_some_and(|fact| fact["kind"] == "resource" && fact["abstract"] != true)
    }

    pub fn is_primitive(&self, name: &str) -> bool {
        self.fact("type", name).is_some_and(|fact| fact["kind"] == "primitive-type") || name == "xhtml"
    }

    /// The elements right below a place, by name (`value[x]` with its brackets).
    pub fn elements(&self, place: &Place) -> Option<&BTreeMap<String, Base>> {
        self.elements.get(place)
    }

    /// The element at a path of names, as in `identifier.system`; a choice as `value[x]`.
    pub fn element(&self, type_name: &str, path: &str) -> Option<Base> {
        let mut place = Place::of_type(type_name);
        let mut found = None;
        for name in path.split('.') {
            let base = self.elements(&place)?.get(name)?;
            place = base.place.clone().unwrap_or_else(|| Place::of_type("Element"));
            found = Some(base.clone());
        }
        found
    }

    /// The codes of a value set with their systems, if whole code systems or listed codes make it up.
    pub fn codes(&self, value_set: &str) -> Option<Vec<(String, String)>> {
        let set = self.fact("values", value_set.split('|').next()?)?;
        if set.get("exclude").is_some() {
            return None;
        }
        set["include"]
            .as_array()?
            .iter()
            .map(|include| self.included(include))
            .collect::<Option<Vec<_>>>()
            .map(|all| all.concat())
    }

    fn included(&self, include: &Value) -> Option<Vec<(String, String)>> {
        let keys: Vec<&str> = include.as_object()?.keys().map(String::as_str).collect();
        let system = include["system"].as_str()?;
        if let ["codes", "system"] = keys[..] {
            let codes = include["codes"].as_array()?.iter().filter_map(Value::as_str);
            return Some(codes.map(|code| (system.to_owned(), code.to_owned())).collect());
        }
        if keys != ["system"] {
            return None;
        }
        let codes = self.fact("codes", system).filter(|codes| codes["complete"] == true)?;
        let mut found = Vec::new();
        for concept in codes["concepts"].as_array()? {
            found.push((system.to_owned(), concept[0].as_str()?.to_owned()));
        }
        Some(found)
    }
}

fn base(element: &Value, type_name: &str, path: &str) -> Base {
    let max = if element["x"] == "*" { None } else { Some(1) };
    let mut base = Base { min: element["n"].as_u64().unwrap_or(0), max, ..Base::default() };
    for text in element["t"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let (code, targets) = text.split_once('(').unwrap_or((text, ""));
        base.types.push(code.to_owned());
        if code == "Reference" {
            base.targets = targets.trim_end_matches(')').split('|').map(str::to_owned).collect();
        }
    }
    if let (Some(strength), Some(set)) = (element["b"][0].as_str(), element["b"][1].as_str()) {
        base.binding = Some((strength.to_owned(), set.to_owned()));
    }
    base.place = match (element["r"].as_str(), &base.types[..]) {
        (Some(content), _) => Some(Place { type_name: type_name.to_owned(), path: content.to_owned() }),
        (None, [one]) if one == "BackboneElement" || one == "Element" => {
            Some(Place { type_name: type_name.to_owned(), path: path.to_owned() })
        }
        (None, [one]) => Some(Place::of_type(one)),
        _ => None,
    };
    base
}

/// The files of the folder: StructureDefinitions by canonical address, codes of value sets.
pub struct Contract {
    pub r4: R4,
    pub structures: BTreeMap<String, Value>,
    value_sets: HashMap<String, Value>,
    code_systems: HashMap<String, Value>,
}

/// JSON files of a folder inside `fhir-profiles/`, sorted by name.
pub fn json_files(folder: &str) -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), serde_json::from_str(&text).unwrap())
    };
    paths.into_iter().map(read).collect()
}

impl Contract {
    pub fn read() -> Contract {
        let by_url = |folder: &str| {
            let files = json_files(folder).into_iter();
            files.map(|(_, resource)| (resource["url"].as_str().unwrap().to_owned(), resource))
        };
        Contract {
            r4: R4::read(),
            structures: by_url("StructureDefinition").collect(),
            value_sets: by_url("ValueSet").collect(),
            code_systems: by_url("CodeSystem").collect(),
        }
    }

    /// What the differential says of an element, by its id.
    pub fn differential<'c>(&'c self, url: &str, id: &str) -> Option<&'c Value> {
        elements(self.structures.get(url)?).find(|element| element["id"] == id)
    }

    /// The codes that a value set lists, ours or R4's; `None` where that cannot be told from what is at hand.
    pub fn codes(&self, value_set: &str) -> Option<Vec<(String, String)>> {
        let Some(set) = self.value_sets.get(value_set) else { return self.r4.codes(value_set) };
        let mut found = Vec::new();
        for include in set["compose"]["include"].as_array()? {
            let system = include["system"].as_str()?;
            let named = include["concept"].as_array();
            let concepts = named.or_else(|| self.code_systems.get(system)?["concept"].as_array())?;
            found.extend(
                concepts.iter().filter_map(|concept| Some((system.to_owned(), concept["code"].as_str()?.to_owned()))),
            );
        }
        Some(found)
    }
}

/// The elements of a definition's differential.
pub fn elements(structure: &Value) -> impl Iterator<Item = &Value> {
    structure["differential"]["element"].as_array().into_iter().flatten()
}

/// A fact that is named with its type, as `fixedUri` or `patternCodeableConcept`.
pub fn typed<'v>(element: &'v Value, prefix: &str) -> Option<&'v Value> {
    element.as_object()?.iter().find(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value)
}
