//! Where the definitions come from: a folder with packages of others, or those built into the program.

mod package;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

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

/// The folder that is used: the one named, or the usual one if it is there.
pub fn folder(named: Option<&Path>) -> Option<PathBuf> {
    let usual = Some(PathBuf::from(USUAL_FOLDER)).filter(|folder| folder.is_dir());
    named.map(Path::to_path_buf).or(usual)
}

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

/// Every definition, rule and package of a folder; unpacked packages stand in it as folders do.
pub fn read_folder(root: &Path) -> Result<Vec<SourceFile>, LoadError> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let problem = |error: std::io::Error| LoadError {
            file: folder.display().to_string(),
            element: String::new(),
            reason: error.to_string(),
        };
        for entry in std::fs::read_dir(&folder).map_err(problem)? {
            let path = entry.map_err(problem)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "examples" | "r4") {
                    folders.push(path);
                }
            } else if name.ends_with(".json") || name.ends_with(".toml") {
                let text = std::fs::read_to_string(&path).map_err(problem)?;
                let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                files.push(SourceFile { path: relative, text });
            } else if name.ends_with(".tgz") && folder == root.join("packages") {
                let relative = format!("packages/{name}");
                files.extend(package::read(&relative, BufReader::new(File::open(&path).map_err(problem)?))?);
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}
