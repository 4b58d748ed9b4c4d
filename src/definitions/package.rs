//! FHIR packages (`packages/*.tgz`, the FHIR NPM package form: a gzipped tar with a folder `package/`), unpacked in memory
//! within limits. Nothing is written to disk, so names in them lead nowhere.

use std::io::Read;
use std::path::{Component, Path};

use serde::Deserialize;

use crate::profile::{LoadError, SourceFile};

/// Bytes of one file.
const FILE_LIMIT: u64 = 32 << 20;

/// Bytes of the whole, unpacked: HL7's largest packages stay below.
const TOTAL_LIMIT: u64 = 512 << 20;

/// Files in it.
const COUNT_LIMIT: usize = 50_000;

/// The types that say what other resources are like. Everything else in a package is left out.
const DEFINITIONS: [&str; 6] =
    ["StructureDefinition", "ValueSet", "CodeSystem", "ConceptMap", "SearchParameter", "NamingSystem"];

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "resourceType", borrow, default)]
    resource_type: Option<std::borrow::Cow<'a, str>>,
}

/// The manifest and the definitions of a package; `path` (`packages/name.tgz`) names it, and its files below.
///
/// Only files right in `package/` count: R4's packages keep examples and other things in folders of their own.
pub fn read(path: &str, packed: impl Read) -> Result<Vec<SourceFile>, LoadError> {
    read_within(path, packed, TOTAL_LIMIT)
}

fn read_within(path: &str, packed: impl Read, limit: u64) -> Result<Vec<SourceFile>, LoadError> {
    let problem =
        |element: &str, reason: String| Err(LoadError { file: path.to_owned(), element: element.to_owned(), reason });
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed).take(limit));
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return problem("", error.to_string()),
    };
    let (mut files, mut unpacked) = (Vec::new(), 0);
    for (count, entry) in entries.enumerate() {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) if unpacked >= limit => {
                return problem("", format!("more than {limit} bytes unpacked ({error})"));
            }
            Err(error) => return problem("", error.to_string()),
        };
        unpacked = unpacked.saturating_add(entry.size());
        if count >= COUNT_LIMIT || unpacked > limit {
            return problem("", format!("more than {COUNT_LIMIT} files, or {limit} bytes unpacked"));
        }
        let Some(name) = entry.path().ok().and_then(|inside| file_name(&inside)) else { continue };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if entry.size() > FILE_LIMIT {
            return problem(&name, format!("more than {FILE_LIMIT} bytes"));
        }
        let mut text = String::new();
        if let Err(error) = entry.read_to_string(&mut text) {
            return problem(&name, error.to_string());
        }
        if is_wanted(&name, &text) {
            files.push(SourceFile { path: format!("{path}/{name}"), text });
        }
    }
    if files.iter().all(|file| !file.path.ends_with("/package.json")) {
        return problem("package/package.json", "there is none: this is no FHIR package".to_owned());
    }
    Ok(files)
}

/// `x.json` of `package/x.json` and `./package/x.json`; nothing for what lies elsewhere.
fn file_name(inside: &Path) -> Option<String> {
    let mut parts = inside.components().filter(|part| *part != Component::CurDir);
    let (folder, name) = (parts.next()?, parts.next()?);
    let (Component::Normal(folder), Component::Normal(name), None) = (folder, name, parts.next()) else { return None };
    let name = name.to_str().filter(|name| name.ends_with(".json") && !name.starts_with('.'))?;
    (folder == "package").then(|| name.to_owned())
}

fn is_wanted(name: &str, text: &str) -> bool {
    if name == "package.json" {
        return true;
    }
    let head: Option<Head<'_>> = serde_json::from_str(text).ok();
    let resource_type = head.and_then(|head| head.resource_type);
    resource_type.is_some_and(|resource_type| DEFINITIONS.contains(&resource_type.as_ref()))
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            // Set by hand: the builder itself refuses a name that leads out.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    const MANIFEST: (&str, &str) = ("package/package.json", "{\"name\":\"a\"}");
    const SET: &str = "{\"resourceType\":\"ValueSet\",\"url\":\"u\"}";

    fn names(files: &[(&str, &str)]) -> Vec<String> {
        let read = read("packages/a.tgz", packed(files).as_slice()).unwrap();
        read.into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn definitions_right_in_the_package_count() {
        let files = [
            MANIFEST,
            ("./package/a.json", SET),
            ("package/example/b.json", SET),
            ("package/other/c.json", SET),
            ("package/d.json", "{\"resourceType\":\"Patient\"}"),
            ("package/.index.json", "{}"),
            ("package/no.json", "not JSON"),
            ("package/readme.md", "text"),
            ("elsewhere/e.json", SET),
        ];
        assert_eq!(names(&files), ["packages/a.tgz/package.json", "packages/a.tgz/a.json"]);
    }

    #[test]
    fn names_that_lead_out_are_passed_over() {
        let files = [MANIFEST, ("package/../../x.json", SET), ("/package/x.json", SET), ("../package/x.json", SET)];
        assert_eq!(names(&files), ["packages/a.tgz/package.json"]);
    }

    #[test]
    fn what_is_no_package_or_unpacks_without_end_is_refused() {
        let reason =
            |bytes: &[u8], limit| read_within("a.tgz", bytes, limit).map(|files| files.len()).unwrap_err().reason;
        assert!(!reason(b"no gzip", 1 << 20).is_empty());
        assert!(reason(&packed(&[("package/a.json", SET)]), 1 << 20).contains("no FHIR package"));
        let bomb = packed(&[MANIFEST, ("package/a.json", &" ".repeat(1 << 20))]);
        assert!(bomb.len() < 1 << 14, "it is small while packed");
        assert!(reason(&bomb, 1 << 19).contains("unpacked"));
        let cut = packed(&[MANIFEST, ("package/a.json", SET)]);
        assert!(!reason(&cut[..cut.len() / 2], 1 << 20).is_empty());
    }
}
