//! What commands read: files of one resource, NDJSON, and folders of them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// A resource as it stands in a file: whether it is UTF-8 or JSON at all is judged later.
pub struct Item {
    /// The file's name as it was given or found.
    pub file: String,
    /// From 1, in a file with a resource on each line.
    pub line: Option<usize>,
    pub text: Vec<u8>,
}

impl Item {
    /// `file`, or `file:line`.
    pub fn name(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }
}

/// What the program itself has made.
impl From<String> for Item {
    fn from(text: String) -> Item {
        Item { file: String::new(), line: None, text: text.into_bytes() }
    }
}

/// The items of a file, one after the other; an error ends them.
pub type Items = Box<dyn Iterator<Item = std::io::Result<Item>>>;

/// Adds `path`, or the `.json` and `.ndjson` files below it in the order of their names. Links to folders are not
/// followed: they may lead round in circles.
pub fn find(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        File::open(path)?;
        found.push(path.to_path_buf());
        return Ok(());
    }
    let mut entries: Vec<std::fs::DirEntry> = std::fs::read_dir(path)?.collect::<std::io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let named = path.extension().is_some_and(|ending| ending == "json" || ending == "ndjson");
        if entry.file_type()?.is_dir() || (named && !path.is_dir()) {
            find(&path, found)?;
        }
    }
    Ok(())
}

/// The items of a file.
pub fn items(path: &Path) -> std::io::Result<Items> {
    let file = path.display().to_string();
    if path.extension().is_some_and(|ending| ending == "ndjson") {
        return Ok(lines(file, BufReader::new(File::open(path)?)));
    }
    let text = std::fs::read(path)?;
    Ok(Box::new(std::iter::once(Ok(Item { file, line: None, text }))))
}

/// A resource on each line that is not blank.
pub fn lines(file: String, reader: impl BufRead + 'static) -> Items {
    let is_blank = |line: &Vec<u8>| line.iter().all(u8::is_ascii_whitespace);
    let lines = reader.split(b'\n').enumerate().filter(move |(_, line)| !line.as_ref().is_ok_and(is_blank));
    Box::new(lines.map(move |(index, line)| Ok(Item { file: file.clone(), line: Some(index + 1), text: line? })))
}
