//! Where the definitions come from: a folder with packages of others, or those built into the program.

mod pack;
mod package;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

pub use pack::{Packed, pack};

use crate::profile::{Definitions, LoadError, Settings, SourceFile};

/// The folder that is used where none is named.
const USUAL_FOLDER: &str = "fhir-profiles";

/// The facts of base R4 (`fhir-profiles/r4/SOURCE.md`).
const R4_FACTS: &[u8] = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");

#[derive(rust_embed::RustEmbed)]
#[folder = "fhir-profiles"]
#[include = "*.json"]
#[include = "*.toml"]
#[exclude = "examples/*"]
struct BuiltIn;

/// Loads and compiles the definitions of [`folder`], or those built in. Answers where they came from.
pub fn load(named: Option<&Path>, settings: Settings) -> Result<(Definitions, String), Vec<LoadError>> {
    match folder(named) {
        Some(folder) => Ok((load_folder(&folder, settings)?, folder.display().to_string())),
        None => Ok((compile(&built_in(), settings)?, "built in".to_owned())),
    }
}

/// Loads and compiles the definitions of this very folder.
pub fn load_folder(folder: &Path, settings: Settings) -> Result<Definitions, Vec<LoadError>> {
    compile(&read_folder(folder).map_err(|error| vec![error])?, settings)
}

fn compile(files: &[SourceFile], settings: Settings) -> Result<Definitions, Vec<LoadError>> {
    let definitions = Definitions::load(R4_FACTS, files, settings)?;
    definitions.warnings().iter().for_each(|warning| tracing::warn!(%warning, "definitions"));
    Ok(definitions)
}

/// The definitions that the program was built with.
pub fn built_in() -> Vec<SourceFile> {
    let read = |path: std::borrow::Cow<'static, str>| {
        let file = BuiltIn::get(&path)?;
        Some(SourceFile { path: path.into_owned(), text: String::from_utf8_lossy(&file.data).into_owned() })
    };
    BuiltIn::iter().filter_map(read).collect()
}

/// The folder that settings name, or the usual one; `None` where the definitions are those built in.
pub fn folder(named: Option<&Path>) -> Option<PathBuf> {
    let usual = || Some(PathBuf::from(USUAL_FOLDER)).filter(|folder| folder.is_dir());
    named.map(Path::to_path_buf).or_else(usual)
}

/// Every definition, rule and package of a folder; the files of a package stand below its name.
pub fn read_folder(root: &Path) -> Result<Vec<SourceFile>, LoadError> {
    let mut files = Vec::new();
    for path in paths(root)? {
        let name = relative(root, &path);
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending {
            Some("json" | "toml") if !name.starts_with("packages/") => {
                files.push(SourceFile { text: read_text(root, &name)?, path: name });
            }
            Some("tgz") if name.starts_with("packages/") && name.matches('/').count() == 1 => {
                let packed = File::open(&path).map_err(|error| unreadable(&path, &error))?;
                files.extend(package::read(&name, BufReader::new(packed))?);
            }
            _ => {}
        }
    }
    Ok(files)
}

/// The JSON files of a folder, without packages.
fn read_json_files(root: &Path) -> Result<Vec<SourceFile>, LoadError> {
    let paths = paths(root)?.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let names = paths.map(|path| relative(root, &path)).filter(|name| !name.starts_with("packages/"));
    names.map(|path| Ok(SourceFile { text: read_text(root, &path)?, path })).collect()
}

/// All files below `root`, in order; what is no definition by its folder is left out.
fn paths(root: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let problem = |error: std::io::Error| unreadable(&folder, &error);
        for entry in std::fs::read_dir(&folder).map_err(problem)? {
            let path = entry.map_err(problem)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match path.is_dir() {
                true if matches!(name.as_ref(), "examples" | "r4") => {}
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    Ok(files)
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

fn read_text(root: &Path, name: &str) -> Result<String, LoadError> {
    let path = root.join(name);
    std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> LoadError {
    LoadError { file: path.display().to_string(), element: String::new(), reason: error.to_string() }
}
