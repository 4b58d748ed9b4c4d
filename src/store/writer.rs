//! Group commit: whatever units are waiting become one transaction.
//!
//! SQLite has one writer on a thread of its own; PostgreSQL has several tasks, and a resource always meets the same one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant as Moment;

use crate::clock::Clock;

use super::audit::AuditChain;
use super::batch::{self, Outcome, Tools};
use super::board::BoardCache;
use super::cache::FOREIGN_CHANGES;
use super::change::{StepResult, Unit, UnitError};
use super::checkpoint;
use super::connection::{Connection, Database};
use super::derived::Derive;
use super::error::StoreError;
use super::resource::Number;
use super::sql::Sql;

/// How writers work.
#[derive(Clone, Copy, Debug)]
pub struct WriterSettings {
    /// Units that share one commit, at most; 1 switches grouping off.
    pub group: usize,
    /// Writers on PostgreSQL.
    pub writers: usize,
    /// Units that may wait for one writer before further ones are refused.
    pub queue: usize,
    /// How long a unit may be tried before it is answered 503.
    pub deadline: Duration,
}

impl Default for WriterSettings {
    fn default() -> Self {
        WriterSettings { group: 64, writers: 0, queue: 4096, deadline: Duration::from_secs(10) }
    }
}

impl WriterSettings {
    /// Fewer writers make larger groups; more use processors that would stand idle.
    fn writers_on_postgres(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.writers > 0 { self.writers } else { (processors / 2).max(1) }
    }
}

struct Job {
    unit: Unit,
    deadline: Moment,
    /// The unit goes back with its outcome: its caller's thread frees it, not the writer's.
    reply: oneshot::Sender<(Outcome, Unit)>,
}

/// How rows are made at the moment, for all writers.
type Deriving = Arc<RwLock<Arc<dyn Derive>>>;

/// The way in for changes.
pub struct Writers {
    queues: Vec<mpsc::Sender<Job>>,
    derive: Deriving,
    deadline: Duration,
    closing: AtomicBool,
    threads: std::sync::Mutex<Vec<std::thread::JoinHandle<()>>>,
    tasks: std::sync::Mutex<Vec<tokio::task::JoinHandle<()>>>,
    /// Ends the checkpoint's thread when it is dropped.
    checkpoints: Option<std::sync::mpsc::Sender<()>>,
}

impl Writers {
    /// Starts the writers. Must be called within a runtime.
    pub fn start(
        database: &Database,
        derive: Arc<dyn Derive>,
        clock: &Arc<dyn Clock>,
        settings: WriterSettings,
    ) -> Result<Writers, StoreError> {
        let count = if database.is_sqlite() { 1 } else { settings.writers_on_postgres() };
        let derive: Deriving = Arc::new(RwLock::new(derive));
        let (mut queues, mut threads, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let (queue, jobs) = mpsc::channel(settings.queue);
            queues.push(queue);
            let writer = Writer {
                database: database.clone(),
                derive: Arc::clone(&derive),
                clock: Arc::clone(clock),
                group: settings.group.max(1),
                chain: AuditChain::start(),
                boards: BoardCache::default(),
                connection: None,
                patience: settings.deadline,
                data_version: None,
            };
            if database.is_sqlite() {
                threads.push(spawn_thread(writer, jobs)?);
            } else {
                tasks.push(tokio::spawn(writer.run(jobs)));
            }
        }
        let mut checkpoints = None;
        if database.is_sqlite() {
            let (stop, stopped) = std::sync::mpsc::channel();
            let database = database.clone();
            threads.push(named_thread("checkpoint", move || checkpoint::run(database, &stopped))?);
            checkpoints = Some(stop);
        }
        let (threads, tasks) = (std::sync::Mutex::new(threads), std::sync::Mutex::new(tasks));
        let closing = AtomicBool::new(false);
        Ok(Writers { queues, derive, deadline: settings.deadline, closing, threads, tasks, checkpoints })
    }

    /// Applies the unit, whole or not at all. What is answered `Ok` is on the disk.
    pub async fn apply(&self, unit: Unit) -> Result<Vec<StepResult>, UnitError> {
        if self.closing.load(Ordering::Acquire) {
            return Err(UnitError::Overloaded);
        }
        let (reply, answer) = oneshot::channel();
        let queue = self.queue_of(&unit);
        let job = Job { unit, deadline: Moment::now() + self.deadline, reply };
        queue.try_send(job).map_err(|_| UnitError::Overloaded)?;
        answer.await.map_or(Err(UnitError::InDoubt), |(outcome, _unit)| outcome)
    }

    /// Batches from here on make rows so. Drafts whose rows were made otherwise have them made anew.
    pub fn derive_by(&self, derive: Arc<dyn Derive>) {
        *self.derive.write().unwrap_or_else(PoisonError::into_inner) = derive;
    }

    fn queue_of(&self, unit: &Unit) -> &mpsc::Sender<Job> {
        let mut hasher = DefaultHasher::new();
        match (unit.assertions.first(), unit.steps.first()) {
            (Some(assertion), _) => assertion.criteria.lock_name().hash(&mut hasher),
            (None, Some(step)) => step.key.hash(&mut hasher),
            (None, None) => {}
        }
        let count = self.queues.len() as u64;
        &self.queues[usize::try_from(hasher.finish() % count).unwrap_or(0)]
    }

    /// Finishes what was accepted, then ends the writers.
    pub async fn close(mut self) {
        self.closing.store(true, Ordering::Release);
        self.queues.clear();
        self.checkpoints = None;
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a writer ended badly");
            }
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let ended = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(ended, Ok(Ok(()))) {
                tracing::error!("the writer's thread ended badly");
            }
        }
    }
}

fn spawn_thread(writer: Writer, jobs: mpsc::Receiver<Job>) -> Result<std::thread::JoinHandle<()>, StoreError> {
    let failed = |error: std::io::Error| StoreError::Internal(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
    named_thread("writer", move || runtime.block_on(writer.run(jobs)))
}

fn named_thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>, StoreError> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    spawned.map_err(|error| StoreError::Internal(error.to_string()))
}

struct Writer {
    database: Database,
    derive: Deriving,
    clock: Arc<dyn Clock>,
    group: usize,
    chain: AuditChain,
    /// Boards as this writer left them.
    boards: BoardCache,
    connection: Option<Connection>,
    /// How long the fate of a broken commit is asked after.
    patience: Duration,
    /// SQLite's count of changes by others, as this connection last saw it.
    data_version: Option<i64>,
}

impl Writer {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(self.group);
        loop {
            let arrived = match self.database.cache() {
                None => jobs.recv_many(&mut waiting, self.group).await,
                Some(_) => {
                    match tokio::time::timeout(FOREIGN_CHANGES, jobs.recv_many(&mut waiting, self.group)).await {
                        Ok(arrived) => arrived,
                        Err(_) => {
                            self.notice_foreign_changes().await;
                            continue;
                        }
                    }
                }
            };
            if arrived == 0 {
                return;
            }
            self.together(std::mem::take(&mut waiting)).await;
        }
    }

    async fn connect(&mut self) -> Result<Connection, StoreError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.database.writer().await,
        }
    }

    /// On SQLite another process may have written, which this connection can tell from its own writing.
    async fn notice_foreign_changes(&mut self) {
        if self.database.cache().is_none() {
            return;
        }
        let (began, mut found) = (std::time::Instant::now(), None);
        if let Ok(mut connection) = self.connect().await {
            let sql = Sql::new("SELECT data_version AS value FROM pragma_data_version");
            let rows: Result<Vec<Number>, StoreError> = connection.load(sql).await;
            found = rows.ok().and_then(|rows| rows.first().map(|row| row.value));
            self.connection = Some(connection);
        }
        let changed = found.is_none() || found != self.data_version;
        self.data_version = found;
        self.database.cache().inspect(|cache| cache.looked(began, changed));
    }

    /// One transaction for all; if the database refuses it, each for itself, so that one never fails its neighbours.
    async fn together(&mut self, jobs: Vec<Job>) {
        let units: Vec<&Unit> = jobs.iter().map(|job| &job.unit).collect();
        match self.attempt(&units).await {
            Ok(outcomes) => {
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    answer(job, outcome);
                }
            }
            // It may stand: tried again, it might stand twice.
            Err(StoreError::InDoubt { tx }) => {
                tracing::error!(tx, units = jobs.len(), "the fate of a group commit is not known");
                jobs.into_iter().for_each(|job| answer(job, Err(UnitError::InDoubt)));
            }
            Err(error) => {
                tracing::debug!(%error, units = jobs.len(), "a group commit failed; each unit is tried alone");
                for job in jobs {
                    let outcome = self.alone(&job).await;
                    answer(job, outcome);
                }
            }
        }
    }

    async fn alone(&mut self, job: &Job) -> Outcome {
        let mut pause = Duration::from_millis(2);
        let mut last = String::from("there was no time for an attempt");
        loop {
            if Moment::now() > job.deadline {
                return Err(UnitError::Unavailable(format!("the deadline passed: {last}")));
            }
            let error = match self.attempt(&[&job.unit]).await {
                Ok(outcomes) => return outcomes.into_iter().next().unwrap_or(Err(UnitError::InDoubt)),
                Err(error) => error,
            };
            let again = matches!(error, StoreError::Retry(_) | StoreError::Unavailable(_));
            if !again {
                return Err(error.into());
            }
            last = error.to_string();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }

    async fn attempt(&mut self, units: &[&Unit]) -> Result<Vec<Outcome>, StoreError> {
        self.notice_foreign_changes().await;
        let mut connection = self.connect().await?;
        let derive = Arc::clone(&self.derive.read().unwrap_or_else(PoisonError::into_inner));
        let tools = Tools { derive: &*derive, clock: &*self.clock, cache: self.database.cache() };
        let keys = units.iter().flat_map(|unit| &unit.steps).map(|step| &step.key);
        self.database.cache().inspect(|cache| cache.begin_batch(keys));
        let ran = batch::run(&mut connection, units, &self.chain, &mut self.boards, &tools).await;
        self.database.cache().inspect(|cache| cache.end_batch());
        let committed = match ran {
            Ok(committed) => committed,
            Err(error) => {
                // A connection that failed is not used again.
                self.connection = (!matches!(error, StoreError::Unavailable(_))).then_some(connection);
                return Err(error);
            }
        };
        match committed.in_doubt {
            None => self.connection = Some(connection),
            Some(tx) => {
                drop(connection);
                // The old chain's end is not known until this is: a batch on top of it might meet its own positions.
                let chain = std::mem::replace(&mut self.chain, AuditChain::start());
                let settled = settle(&self.database, tx, &committed.chain, self.patience).await;
                if matches!(settled, Err(StoreError::Retry(_))) {
                    self.chain = chain;
                }
                settled?;
            }
        }
        self.chain = committed.chain;
        Ok(committed.outcomes)
    }
}

/// The connection broke during a commit: the database is asked whether the transaction stands.
///
/// Its id tells only whether it may still be running: a server that crashed gives the ids of lost transactions to others.
/// What tells its fate is the last audit row of the batch, whose place no other writer can have.
async fn settle(database: &Database, tx: i64, chain: &AuditChain, patience: Duration) -> Result<(), StoreError> {
    let until = Moment::now() + patience;
    loop {
        match stands(database, tx, chain).await {
            Ok(Some(true)) => return Ok(()),
            Ok(Some(false)) => return Err(StoreError::Retry("the transaction went with its connection".into())),
            _ if Moment::now() > until => return Err(StoreError::InDoubt { tx }),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Whether the transaction was committed; `None` while it may be running.
async fn stands(database: &Database, tx: i64, chain: &AuditChain) -> Result<Option<bool>, StoreError> {
    const STATUS: &str = "SELECT CASE WHEN ? >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint THEN 'unknown' \
         ELSE coalesce(pg_xact_status(?::text::xid8), 'unknown') END AS name";
    // A statement of its own, so that it sees what the first one found ended.
    const LAST: &str = "SELECT chain AS name FROM audit_event WHERE chain = ? AND position = ?";
    let mut connection = database.writer().await?;
    let status: Vec<Status> = connection.load(Sql::new(STATUS).bind(tx).bind(tx.to_string())).await?;
    if status.first().is_none_or(|row| row.name == "in progress") {
        return Ok(None);
    }
    let (name, position) = chain.end();
    let last: Vec<Status> = connection.load(Sql::new(LAST).bind(name).bind(position)).await?;
    Ok(Some(position == 0 || !last.is_empty()))
}

#[derive(diesel::QueryableByName)]
struct Status {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

fn answer(job: Job, outcome: Outcome) {
    if job.reply.send((outcome, job.unit)).is_err() {
        tracing::debug!("the caller left before its answer");
    }
}
