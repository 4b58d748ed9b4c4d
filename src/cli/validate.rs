//! `kakehashi validate`: what the gateway would say of files, without a server.

use std::io::{BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::exchange::check_text_as;
use crate::fhir::json::{Limits, parse};
use crate::fhir::outcome::{Issue, Language};
use crate::profile::{Definitions, Validation};

use super::files::{self, Item, Items};
use super::report::{Format, Report};
use super::{Common, failed, load_definitions, progress};

/// Resources that are read before they are judged side by side.
const AT_A_TIME: usize = 256;

/// Bytes after which no more are read before those are judged.
const BYTES_AT_A_TIME: usize = 8 << 20;

#[derive(Args)]
pub struct ValidateArgs {
    /// Files (.json: a resource; .ndjson: one a line), folders of them, or `-` for standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    paths: Vec<PathBuf>,
    /// Canonical address of a profile that every resource is held to, too; can be given several times
    #[arg(long, value_name = "URL")]
    profile: Vec<String>,
    /// Leave the region's rules aside: base R4 and what meta.profile declares
    #[arg(long)]
    base_only: bool,
    /// Tell of elements marked mustSupport that are absent, too
    #[arg(long)]
    must_support: bool,
    /// Warn of best practices that are not followed, such as a narrative in each resource
    #[arg(long)]
    best_practice: bool,
    /// Language of the findings
    #[arg(long, value_enum, default_value_t = Lang::En)]
    lang: Lang,
    /// text; json: an array of {file, line, valid, outcome}; ndjson: one of these a line; sarif: SARIF 2.1.0 for code hosts
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lang {
    Ja,
    En,
}

/// What is said of one item.
pub struct Judged {
    pub item: Item,
    pub issues: Vec<Issue>,
}

impl Judged {
    pub fn is_valid(&self) -> bool {
        !self.issues.iter().any(Issue::is_error)
    }
}

pub fn run(common: &Common, args: &ValidateArgs) -> Result<ExitCode, ExitCode> {
    let config = common.config(Vec::new())?;
    let definitions = load_definitions(&config)?;
    let how = Validation {
        profiles: args.profile.clone(),
        base_only: args.base_only,
        best_practice: args.best_practice,
        must_support: args.must_support,
    };
    let judge = Judge { definitions: &definitions, depth: config.limits.depth, how };
    let language = if args.lang == Lang::Ja { Language::Ja } else { Language::En };
    let (found, mut unreadable) = find(&args.paths);
    let bytes = found.iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum();
    let bar = if found.len() > 1 { progress(bytes, "bytes") } else { indicatif::ProgressBar::hidden() };
    let mut report = Report::new(args.format, language);
    report.begin().map_err(|error| failed(&error))?;
    let mut reading = Reading { files: found.iter(), items: None, unreadable: 0 };
    loop {
        let batch = reading.batch();
        if batch.is_empty() {
            break;
        }
        let read: usize = batch.iter().map(|item| item.text.len()).sum();
        let judged = judge.all(batch);
        bar.suspend(|| judged.iter().try_for_each(|judged| report.tell(judged))).map_err(|error| failed(&error))?;
        bar.inc(read as u64);
    }
    unreadable += reading.unreadable;
    bar.finish_and_clear();
    let counted = report.end().map_err(|error| failed(&error))?;
    let missing = if unreadable > 0 { format!("; {unreadable} that cannot be read") } else { String::new() };
    if let Err(error) = writeln!(std::io::stderr(), "{counted}{missing}.") {
        tracing::debug!(%error, "nobody reads the summary");
    }
    Ok(match (unreadable > 0, counted.invalid > 0) {
        (true, _) => ExitCode::from(2),
        (false, true) => ExitCode::from(1),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// All files in the order given, and how many paths cannot be read.
fn find(paths: &[PathBuf]) -> (Vec<PathBuf>, usize) {
    let (mut found, mut unreadable) = (Vec::new(), 0);
    for path in paths {
        if is_stdin(path) {
            found.push(path.clone());
        } else if let Err(error) = files::find(path, &mut found) {
            failed(&format!("{}: {error}", path.display()));
            unreadable += 1;
        }
    }
    (found, unreadable)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The items of all files, in order.
struct Reading<'f> {
    files: std::slice::Iter<'f, PathBuf>,
    items: Option<(String, Items)>,
    unreadable: usize,
}

impl Reading<'_> {
    fn batch(&mut self) -> Vec<Item> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < AT_A_TIME && bytes < BYTES_AT_A_TIME {
            let Some(item) = self.next() else { break };
            bytes += item.text.len();
            batch.push(item);
        }
        batch
    }

    /// The next item that can be read. What cannot is told, and the rest of its file passed over.
    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some((name, items)) = &mut self.items {
                match items.next() {
                    Some(Ok(item)) => return Some(item),
                    Some(Err(error)) => {
                        failed(&format!("{name}: {error}"));
                        self.unreadable += 1;
                    }
                    None => {}
                }
                self.items = None;
            }
            let file = self.files.next()?;
            let name = file.display().to_string();
            let items = if is_stdin(file) { stdin() } else { files::items(file) };
            match items {
                Ok(items) => self.items = Some((name, items)),
                Err(error) => {
                    failed(&format!("{name}: {error}"));
                    self.unreadable += 1;
                }
            }
        }
    }
}

/// One resource, or one a line where the first line is a whole JSON value and more follows.
fn stdin() -> std::io::Result<Items> {
    let (mut text, file) = (Vec::new(), "-".to_owned());
    std::io::stdin().lock().read_to_end(&mut text)?;
    let mut filled = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let whole = |line: &[u8]| parse(line, Limits::default()).is_ok();
    if filled.next().is_some_and(whole) && filled.next().is_some() {
        return Ok(files::lines(file, BufReader::new(Cursor::new(text))));
    }
    Ok(Box::new(std::iter::once(Ok(Item { file, line: None, text }))))
}

struct Judge<'d> {
    definitions: &'d Definitions,
    depth: usize,
    how: Validation,
}

impl Judge<'_> {
    /// Judges all, side by side; the answers stand in the items' order.
    fn all(&self, items: Vec<Item>) -> Vec<Judged> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let each = items.len().div_ceil(threads).max(1);
        let found: Vec<Vec<Issue>> = std::thread::scope(|scope| {
            let workers: Vec<_> = items
                .chunks(each)
                .map(|items| scope.spawn(|| items.iter().map(|item| self.one(item)).collect::<Vec<_>>()))
                .collect();
            let done = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            done.flatten().collect()
        });
        items.into_iter().zip(found).map(|(item, issues)| Judged { item, issues }).collect()
    }

    fn one(&self, item: &Item) -> Vec<Issue> {
        let mut issues = check_text_as(self.definitions, &item.text, self.depth, &self.how);
        if let Some(line) = item.line {
            for place in issues.iter_mut().filter_map(|issue| issue.place.as_mut()) {
                place.line += line - 1;
            }
        }
        issues
    }
}
