//! Reads the pack of R4 facts that `examples/distil_r4` writes: lines of `kind TAB name TAB json`.
//!
//! Only the index is built at start; a line is parsed when something asks for it, so that types outside the
//! served closure cost nothing.

use std::collections::HashMap;
use std::io::Read as _;
use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;

/// The pack, unpacked once into memory.
pub struct Facts {
    text: String,
    index: HashMap<&'static str, HashMap<String, Range<usize>>>,
}

/// What a line can be about.
const KINDS: [&str; 7] = ["source", "type", "profile", "search", "codes", "values", "compartment"];

/// More than this the pack never unpacks to.
const UNPACKED_LIMIT: u64 = 16 * 1024 * 1024;

/// A base type as distilled.
#[derive(Deserialize)]
pub struct TypeFacts {
    pub kind: String,
    pub base: Option<String>,
    #[serde(default, rename = "abstract")]
    pub is_abstract: bool,
    pub elements: Vec<ElementFacts>,
}

/// One element of a base type; the keys are those of the generator.
#[derive(Deserialize)]
pub struct ElementFacts {
    /// Path below the type; empty for the type itself.
    #[serde(rename = "p")]
    pub path: String,
    #[serde(default, rename = "n")]
    pub min: u32,
    #[serde(default, rename = "x")]
    pub max: Option<String>,
    #[serde(default, rename = "t")]
    pub types: Vec<String>,
    #[serde(default, rename = "r")]
    pub content_of: Option<String>,
    #[serde(default, rename = "m")]
    pub modifier: u8,
    #[serde(default, rename = "s")]
    pub summary: u8,
    /// Strength, value set, and the set that codes must not leave even where the strength lets them.
    #[serde(default, rename = "b")]
    pub binding: Option<(String, String, Option<String>)>,
    /// Key, severity, expression.
    #[serde(default, rename = "c")]
    pub constraints: Vec<(String, String, Option<String>)>,
    #[serde(default, rename = "l")]
    pub max_length: Option<usize>,
}

impl Facts {
    /// Unpacks a gzipped pack and indexes its lines.
    pub fn read(packed: &[u8]) -> Result<Facts, String> {
        let mut text = String::with_capacity(packed.len().saturating_mul(9));
        flate2::read::GzDecoder::new(packed)
            .take(UNPACKED_LIMIT)
            .read_to_string(&mut text)
            .map_err(|error| format!("the pack of R4 facts cannot be unpacked: {error}"))?;
        let mut index: HashMap<&'static str, HashMap<String, Range<usize>>> = HashMap::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let (kind, name, json_at) = split(line).ok_or_else(|| format!("byte {start} of the pack is no fact"))?;
            let kind =
                KINDS.into_iter().find(|known| *known == kind).ok_or_else(|| format!("{kind} is no kind of fact"))?;
            index.entry(kind).or_default().insert(name.to_owned(), start + json_at..start + line.trim_end().len());
            start += line.len();
        }
        Ok(Facts { text, index })
    }

    /// The JSON text of one fact.
    pub fn text(&self, kind: &str, name: &str) -> Option<&str> {
        self.text.get(self.index.get(kind)?.get(name)?.clone())
    }

    pub fn value(&self, kind: &str, name: &str) -> Option<Value> {
        serde_json::from_str(self.text(kind, name)?).ok()
    }

    pub fn base_type(&self, name: &str) -> Option<TypeFacts> {
        serde_json::from_str(self.text("type", name)?).ok()
    }

    pub fn contains(&self, kind: &str, name: &str) -> bool {
        self.index.get(kind).is_some_and(|names| names.contains_key(name))
    }

    /// The names of a kind, in no order.
    pub fn names(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.index.get(kind).into_iter().flat_map(|names| names.keys().map(String::as_str))
    }
}

fn split(line: &str) -> Option<(&str, &str, usize)> {
    let (kind, rest) = line.split_once('\t')?;
    let (name, _) = rest.split_once('\t')?;
    Some((kind, name, kind.len() + name.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::tests::pack;

    #[test]
    fn the_pack_knows_every_kind() {
        let facts = Facts::read(pack()).unwrap();
        assert_eq!(facts.value("source", "npm").unwrap()["version"], "5.2.13");
        for kind in KINDS {
            assert!(facts.names(kind).count() > 0, "{kind}");
        }
        let location = facts.base_type("Location").unwrap();
        assert_eq!(location.base.as_deref(), Some("DomainResource"));
        assert!(location.elements.iter().any(|element| element.path == "position.longitude" && element.min == 1));
    }
}
