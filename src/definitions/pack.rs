//! The folder as a publishable FHIR package. `confluence.hl7.org/display/FHIR/NPM+Package+Specification`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, GzBuilder};

use crate::fhir::json::{Json, Limits, Object, parse, to_pretty};
use crate::profile::{LoadError, SourceFile};

use super::{read_json_files, read_text};

/// The time that npm gives every file: the bytes depend on the content alone, and no tool stumbles over the year 1970.
const MTIME: u64 = 499_162_500;

/// A packed folder.
pub struct Packed {
    /// `name-version.tgz`, as npm would call it.
    pub file_name: String,
    pub bytes: Vec<u8>,
}

/// Packs the definitions of `root` into `package/` and its valid examples into `package/example/`. The same folder makes
/// the same bytes. What only Kakehashi reads (rules, the CapabilityStatement template, packages of others) stays out.
pub fn pack(root: &Path) -> Result<Packed, LoadError> {
    let manifest = read_text(root, "package.json")?;
    let mut files = BTreeMap::new();
    let (mut definitions, mut examples) = (Vec::new(), Vec::new());
    for file in read_json_files(root)?.into_iter().filter(|file| file.path.contains('/')) {
        definitions.push(put(&mut files, "package", file)?);
    }
    let own_examples = root.join("examples");
    let found = if own_examples.is_dir() { read_json_files(&own_examples)? } else { Vec::new() };
    for file in found.into_iter().filter(|file| !file.path.contains('/')) {
        let file = SourceFile { path: format!("examples/{}", file.path), text: file.text };
        examples.push(put(&mut files, "package/example", file)?);
    }
    files.insert("package/.index.json".to_owned(), index(definitions));
    files.insert("package/example/.index.json".to_owned(), index(examples));
    let refused = |reason: String| LoadError { reason, ..problem("package.json") };
    let (manifest, file_name) = manifest_of(&manifest).map_err(refused)?;
    let bytes = archive(&manifest, &files).map_err(|error| refused(error.to_string()))?;
    Ok(Packed { file_name, bytes })
}

fn problem(file: &str) -> LoadError {
    LoadError { file: file.to_owned(), element: String::new(), reason: String::new() }
}

/// Puts a resource under `Type-id.json` and answers its entry in the index.
fn put(files: &mut BTreeMap<String, String>, folder: &str, file: SourceFile) -> Result<Json, LoadError> {
    let refused = |reason: String| LoadError { reason, ..problem(&file.path) };
    let resource = parse(file.text.as_bytes(), Limits::default()).map_err(|error| refused(error.to_string()))?;
    let text = |key: &str| resource.get_str(key).ok_or_else(|| refused(format!("{key} is missing")));
    let name = format!("{}-{}.json", text("resourceType")?, text("id")?);
    let mut entry = Object::new();
    entry.insert("filename", name.as_str());
    for key in ["resourceType", "id", "url", "version", "kind", "type", "content"] {
        if let Some(value) = resource.get_str(key) {
            entry.insert(key, value);
        }
    }
    match files.insert(format!("{folder}/{name}"), file.text.clone()) {
        None => Ok(entry.into()),
        Some(_) => Err(refused(format!("another file of this folder is {name}, too"))),
    }
}

fn index(mut entries: Vec<Json>) -> String {
    entries.sort_by(|left, right| left.get_str("filename").cmp(&right.get_str("filename")));
    let mut index = Object::new();
    index.insert("index-version", Json::Number(1.into()));
    index.insert("files", entries);
    to_pretty(&index.into())
}

/// The folder's manifest with the folders that the package has, and the package's file name.
fn manifest_of(text: &str) -> Result<(String, String), String> {
    let mut manifest = parse(text.as_bytes(), Limits::default()).map_err(|error| error.to_string())?;
    let (Some(name), Some(version)) = (manifest.get_str("name"), manifest.get_str("version")) else {
        return Err("name and version are needed".to_owned());
    };
    let file_name = format!("{}-{version}.tgz", name.replace(['/', '@'], "-"));
    if let Some(manifest) = manifest.as_object_mut() {
        let folders = [("lib", "package"), ("example", "example")];
        let folders: Object = folders.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        manifest.insert("directories", folders);
    }
    Ok((to_pretty(&manifest), file_name))
}

fn archive(manifest: &str, files: &BTreeMap<String, String>) -> std::io::Result<Vec<u8>> {
    // 255: no operating system is told.
    let packer = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(packer);
    let first = std::iter::once(("package/package.json", manifest));
    for (path, text) in first.chain(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))) {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(MTIME);
        archive.append_data(&mut header, path, text.as_bytes())?;
    }
    let mut packed = archive.into_inner()?.finish()?;
    packed.flush()?;
    Ok(packed)
}
