//! `kakehashi serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;

use crate::access::Caller;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::definitions;
use crate::demo::{self, Plan};
use crate::exchange::{BedName, BedReport, Gateway};
use crate::fhir::id::ResourceId;
use crate::fhir::json::{Json, to_compact};
use crate::http::{self, App, FHIR_PATH, Site};
use crate::store::{self, KeepingDays};

use super::files::Item;
use super::hl7::{self, Listening};
use super::import::take_in_all;
use super::reload::{Hangups, Hl7Files};
use super::{Common, failed, load_definitions, open_migrated, progress, warn_of_missing};

/// How often the demo's feeds report.
const HEARTBEAT: Duration = Duration::from_secs(120);

#[derive(Args)]
pub struct ServeArgs {
    /// Fill an empty database with a synthetic region and keep its feeds fresh
    #[arg(long)]
    demo: bool,
    /// Seed of the synthetic region
    #[arg(long, value_name = "NUMBER", default_value_t = Plan::default().seed)]
    demo_seed: u64,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Address and port to listen on for HL7 v2 by MLLP [default: none]
    #[arg(long, value_name = "ADDR")]
    mllp_listen: Option<SocketAddr>,
    /// FHIR base address that links carry [default: the request's own]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Listen on an address other than loopback although no access rules exist
    #[arg(long)]
    insecure_open: bool,
}

impl ServeArgs {
    fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = Vec::new();
        flags.extend(self.listen.map(|value| ("listen", value.to_string())));
        flags.extend(self.mllp_listen.map(|value| ("mllp_listen", value.to_string())));
        flags.extend(self.base_url.clone().map(|value| ("base_url", value)));
        flags.extend(self.insecure_open.then(|| ("insecure_open", "true".to_owned())));
        flags
    }
}

pub async fn run(common: &Common, args: ServeArgs) -> Result<ExitCode, ExitCode> {
    let config = common.config(args.flags())?;
    let hangups = Hangups::listen();
    let folder = definitions::folder(config.profiles.as_deref());
    let gateway = start_gateway(&config).await?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| failed(&error))?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let plan = Plan { seed: args.demo_seed, ..Plan::default() };
    if args.demo {
        load_demo(&Arc::new(gateway.clone()), &plan).await?;
    }
    let stored = gateway.store_definitions(&Caller::local("definitions")).await;
    stored.map_err(|error| failed(&error.issues.first().map_or("definitions", |issue| issue.en.as_str())))?;
    let app = App::new(Arc::new(gateway.clone()), config.base_url.as_deref(), config.body_timeout);
    let site = Site::new(match &config.mllp.senders {
        Some(path) => app.with_senders(hl7::senders(path)?),
        None => app,
    });
    let mllp = Listening::start(&config, &site).await?;
    announce(&config, address, args.demo, mllp.as_ref());
    let heart = args.demo.then(|| tokio::spawn(beat(site.clone(), plan)));
    let days = KeepingDays { outbox: config.outbox_days, dead_letters: config.dead_letter_days };
    let house = store::keep_house(gateway.database.clone(), Arc::new(SystemClock), days);
    let house = tokio::spawn(house);
    let holds = tokio::spawn(watch_holds(site.clone()));
    let certificates = mllp.as_ref().and_then(|mllp| mllp.certificates.clone());
    let hl7 = Hl7Files { senders: config.mllp.senders.clone(), certificates };
    let reloads = hangups.reload(site.clone(), folder, config.strictness, hl7);
    http::serve(listener, http::router(site), stop_signal(reloads)).await;
    if let Some(mllp) = mllp {
        mllp.stop().await;
    }
    end(house, "housekeeping").await;
    end(holds, "the watch over holds").await;
    if let Some(heart) = heart {
        end(heart, "the heartbeat").await;
    }
    gateway.close().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// A gateway on the configured definitions and database.
pub(super) async fn start_gateway(config: &Config) -> Result<Gateway, ExitCode> {
    let definitions = Arc::new(load_definitions(config)?);
    let unknown = config.policy.unknown_types(&definitions);
    if !unknown.is_empty() {
        return Err(failed(&format!("validation_by_type: R4 has no resource type {}", unknown.join(", "))));
    }
    let database = open_migrated(config).await?;
    let gateway = Gateway::start(definitions, database, Arc::new(SystemClock), config.limits, config.writing);
    let gateway = gateway
        .map_err(|error| failed(&error))?
        .with_policy(config.policy.clone())
        .with_board_policy(config.board_policy.clone());
    warn_of_missing(&gateway).await;
    Ok(gateway)
}

/// Ends holds of beds that have run out: at once at the start, then within a second.
async fn watch_holds(site: Site) {
    loop {
        let gateway = Arc::clone(&site.now().gateway);
        match gateway.lapse_holds(&Caller::gateway("hold-expiry")).await {
            Ok(0) => {}
            Ok(holds) => tracing::info!(holds, "holds of beds have run out"),
            // The next round finds the same holds.
            Err(error) => tracing::warn!(status = error.kind.status(), "holds could not be looked at"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Stops a task that would go on for ever.
async fn end(task: tokio::task::JoinHandle<()>, name: &str) {
    task.abort();
    if let Err(error) = task.await
        && !error.is_cancelled()
    {
        tracing::error!(%error, "{name} ended badly");
    }
}

/// Tells where to look. Whoever started the server may have stopped listening: that is no reason to end.
fn announce(config: &Config, address: SocketAddr, demo: bool, mllp: Option<&Listening>) {
    let base = config.base_url.clone().unwrap_or_else(|| format!("http://{address}{FHIR_PATH}"));
    let mut text = format!(
        "Kakehashi serves FHIR R4 at {base}\n\
         No access rules are configured: every caller has every role. For trying out only.\n"
    );
    if let Some(mllp) = mllp {
        text.push_str(&format!("HL7 v2 comes in by MLLP at {}\n", mllp.address));
    }
    if demo {
        text.push_str("Look at:\n");
        for path in SIGHTS {
            text.push_str(&format!("  curl '{base}/{path}'\n"));
        }
    }
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::debug!(%error, "nobody reads the announcement");
    }
}

/// What is worth a look in the demo region.
const SIGHTS: [&str; 6] = [
    "metadata",
    "Location/hosp-01?_pretty=true",
    "Location/hosp-01-w01?_pretty=true",
    "CareTeam?_count=5&_pretty=true",
    "ServiceRequest?_count=5&_pretty=true",
    "Location/_history?_count=5&_pretty=true",
];

/// Fills a database that has no facility yet.
async fn load_demo(gateway: &Arc<Gateway>, plan: &Plan) -> Result<(), ExitCode> {
    if !gateway.is_empty().await.map_err(|error| failed(&error.kind.status()))? {
        println!("The database has data already: the demo region is not loaded again.");
        return Ok(());
    }
    println!("Loading the demo region …");
    let region = demo::region(plan, chrono::Utc::now()).map(|resource| to_compact(&resource));
    let bar = progress(0, "resources");
    let report = take_in_all(gateway, region.map(Item::from), &bar).await;
    bar.finish_and_clear();
    report.problems.iter().for_each(|problem| eprintln!("kakehashi: {problem}"));
    println!("{} resources loaded.", report.counted.created);
    if report.problems.is_empty() { Ok(()) } else { Err(ExitCode::FAILURE) }
}

/// Reports what the demo's feeds would.
async fn beat(site: Site, plan: Plan) {
    let caller = Caller::local("demo-heartbeat");
    for tick in 1_u64.. {
        tokio::time::sleep(HEARTBEAT).await;
        let gateway = Arc::clone(&site.now().gateway);
        // Wards have their counts from their beds.
        let is_bed = |resource: &Json| resource.get("operationalStatus").is_some();
        for bed in demo::heartbeat(&plan, chrono::Utc::now(), tick).iter().filter(|resource| is_bed(resource)) {
            if let Err(error) = gateway.import(&caller, to_compact(bed).as_bytes()).await {
                tracing::warn!(status = error.kind.status(), "a bed of the heartbeat was refused");
            }
        }
        let sites = demo::fed_sites(&plan).into_iter().filter_map(|id| ResourceId::parse(&id)).map(BedName::Id);
        let report = BedReport { still_true: sites.collect(), ..BedReport::default() };
        if let Err(error) = gateway.report_beds(&caller, report).await {
            tracing::warn!(status = error.kind.status(), "the heartbeat was refused");
        }
    }
}

/// Ctrl-C, SIGTERM, or the end of what is done at each SIGHUP.
async fn stop_signal(hangups: impl Future<Output = ()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        () = hangups => {}
    }
    tracing::info!("stopping: finishing what was accepted");
}
