//! `kakehashi import`: files and folders of resources, Bundles and NDJSON; tables of beds (`import_csv`).

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use futures_util::StreamExt;

use crate::access::Caller;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Gateway, Imported};

use super::files::{self, Item};
use super::import_csv::{self, CsvArgs};
use super::serve::start_gateway;
use super::{Common, failed, progress};

/// Items on their way at a time: enough for writers to share commits.
const AT_A_TIME: usize = 128;
/// Problems that are told in full; the rest is counted.
const PROBLEMS_SHOWN: usize = 50;

#[derive(Args)]
pub struct ImportArgs {
    /// Files (.json: a resource or Bundle; .ndjson: one a line; .csv: beds or ward counts) and folders of resources
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    csv: CsvArgs,
}

/// What an import came to.
#[derive(Default)]
pub struct Report {
    pub counted: Imported,
    pub refused: usize,
    pub problems: Vec<String>,
}

pub async fn run(common: &Common, args: ImportArgs) -> Result<ExitCode, ExitCode> {
    let config = common.config(Vec::new())?;
    let (tables, paths): (Vec<&PathBuf>, Vec<&PathBuf>) =
        args.paths.iter().partition(|path| import_csv::is_table(path));
    args.csv.check(!paths.is_empty(), tables.is_empty())?;
    let gateway = Arc::new(start_gateway(&config).await?);
    if paths.is_empty() {
        let code = import_csv::run(&gateway, &tables, &args.csv).await;
        if let Ok(gateway) = Arc::try_unwrap(gateway) {
            gateway.close().await;
        }
        return code;
    }
    let mut found = Vec::new();
    for path in paths {
        files::find(path, &mut found).map_err(|error| failed(&format!("{}: {error}", path.display())))?;
    }
    let bytes = found.iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum();
    let bar = progress(bytes, "bytes");
    let mut total = Report::default();
    for file in &found {
        let unreadable = |error: std::io::Error| failed(&format!("{}: {error}", file.display()));
        let (mut items, mut broken) = (files::items(file).map_err(unreadable)?, None);
        let readable = std::iter::from_fn(|| match items.next()? {
            Ok(item) => Some(item),
            Err(error) => {
                broken = Some(error);
                None
            }
        });
        let counting = readable.inspect(|item| bar.inc(item.text.len() as u64));
        let report = take_in_all(&gateway, counting, &indicatif::ProgressBar::hidden()).await;
        total.counted.add(report.counted);
        total.refused += report.refused;
        total.problems.extend(report.problems);
        if let Some(error) = broken {
            return Err(unreadable(error));
        }
    }
    bar.finish_and_clear();
    total.problems.truncate(PROBLEMS_SHOWN);
    total.problems.iter().for_each(|problem| eprintln!("{problem}"));
    if let Ok(gateway) = Arc::try_unwrap(gateway) {
        gateway.close().await;
    }
    let Imported { created, updated, unchanged } = total.counted;
    println!("{created} created, {updated} updated, {unchanged} unchanged, {} items refused.", total.refused);
    Ok(if total.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes in items. Each is stored whole or not at all; one that is refused does not stop the rest.
pub async fn take_in_all(
    gateway: &Arc<Gateway>,
    items: impl Iterator<Item = Item>,
    bar: &indicatif::ProgressBar,
) -> Report {
    let caller = Caller::local("import");
    let one = |item: Item| {
        let (gateway, caller) = (Arc::clone(gateway), caller.clone());
        async move { (item.name(), patiently(&gateway, &caller, &item.text).await) }
    };
    let mut report = Report::default();
    // In order, so that of two versions of a resource the later one stays.
    let mut taking = futures_util::stream::iter(items.map(one)).buffered(AT_A_TIME);
    while let Some((name, taken)) = taking.next().await {
        bar.inc(1);
        match taken {
            Ok(imported) => report.counted.add(imported),
            Err(error) => {
                report.refused += 1;
                if report.problems.len() < PROBLEMS_SHOWN {
                    report.problems.extend(describe(&name, &error));
                }
            }
        }
    }
    report
}

/// A busy database is waited for.
async fn patiently(gateway: &Gateway, caller: &Caller, text: &[u8]) -> Result<Imported, Error> {
    for _ in 0..30 {
        match gateway.import(caller, text).await {
            Err(error) if error.kind == ErrorKind::Unavailable => {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            done => return done,
        }
    }
    gateway.import(caller, text).await
}

fn describe(name: &str, error: &Error) -> Vec<String> {
    let issues = error.issues.iter().filter(|issue| issue.is_error()).take(5);
    issues
        .map(|issue| {
            format!(
                "{name}: {}: {}",
                issue.expression.as_deref().filter(|place| !place.is_empty()).unwrap_or("-"),
                issue.en
            )
        })
        .collect()
}
