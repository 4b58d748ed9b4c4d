//! The use cases: one file for each interaction. They know nothing of HTTP and nothing of SQL.

mod aside;
mod beds;
mod bundle;
mod create;
mod definitions;
mod delete;
mod deriver;
mod history;
mod import;
mod occupancy;
mod patch;
mod plan;
mod policy;
mod prepare;
mod read;
mod references;
mod search;
mod standing;
mod stored_definitions;
mod transaction;
mod types;
mod update;
mod vacancies;
mod validate;

use std::sync::Arc;
use std::time::Duration;

use crate::access::Caller;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::fhir::instant::Instant;
use crate::fhir::json::Limits;
use crate::profile::Definitions;
use crate::search::Parameters;
use crate::store::{
    self, Database, Derive, Origin, ParameterState, Scope, SearchLimits, Stage, StepResult, StoreError, Unit,
    UnitError, Window, WriterSettings, Writers,
};

pub use crate::region::BedStatus;
pub use crate::region::{
    FIGURES, FunctionTotal, OccupancyBy, OccupancyInterval, OccupancyMeans, OccupancyQuery, VacancyMatch, VacancyQuery,
    VacancySort,
};
pub use crate::store::{BoardPolicy, Source, Vacancy, Validity};
pub use aside::aside;
pub use beds::{BedName, BedReport, BedRow, CountReport, ReportAnswer, RowDone};
pub use bundle::{EntryRequest, Verb, entry_requests};
pub use definitions::DefinitionIndex;
pub use deriver::Deriver;
pub use history::{HistoryPage, HistoryQuery, PageStart};
pub use import::Imported;
pub use occupancy::OccupancyFound;
pub use patch::PatchForm;
pub use policy::{Enforcement, NoPolicy, Policy, TypePolicies};
pub use prepare::{Content, check_rules, check_text, check_text_as};
pub use read::{Freshness, Read};
pub use search::{PageWish, SearchPage, TotalWish};
pub use standing::{Standing, parse_etag};
pub use transaction::{EntryResponse, Prefer};
pub use types::{Done, Written};
pub use vacancies::{VacanciesFound, VacanciesWish};
pub use validate::{Mode, Question};

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Bytes of a request body, decompressed.
    pub body: usize,
    /// Arrays and objects inside each other.
    pub depth: usize,
    /// Entries of a batch or transaction.
    pub entries: usize,
    /// Resources on a page, at most, and where the client does not say.
    pub page: usize,
    pub default_page: usize,
    pub search: SearchLimits,
    /// A search that takes as long is told in the log; zero: none is.
    pub slow_search: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        RequestLimits {
            body: 16 << 20,
            depth: 64,
            entries: 5_000,
            page: 1_000,
            default_page: 50,
            search: SearchLimits::default(),
            slow_search: Duration::from_millis(500),
        }
    }
}

/// What is made of definitions, for searching by them.
struct Compiled {
    parameters: Arc<Parameters>,
    deriver: Arc<Deriver>,
    definition_index: Arc<DefinitionIndex>,
    parameter_state: Arc<ParameterState>,
}

impl Compiled {
    fn of(definitions: &Definitions, board_policy: &Arc<BoardPolicy>) -> Compiled {
        let parameters = Arc::new(Parameters::compile(definitions));
        let deriver = Arc::new(Deriver::new(definitions, &parameters, Arc::clone(board_policy)));
        let definition_index = Arc::new(DefinitionIndex::new(definitions, &parameters));
        let parameter_state = Arc::new(ParameterState::new(Arc::clone(deriver.manifest())));
        Compiled { parameters, deriver, definition_index, parameter_state }
    }
}

/// The gateway: definitions, database and writers, shared by all requests. A clone shares them, too.
#[derive(Clone)]
pub struct Gateway {
    pub definitions: Arc<Definitions>,
    /// What can be searched by, of these definitions.
    pub parameters: Arc<Parameters>,
    definition_index: Arc<DefinitionIndex>,
    deriver: Arc<Deriver>,
    parameter_state: Arc<ParameterState>,
    cursor_key: Arc<tokio::sync::OnceCell<[u8; 32]>>,
    wards: Arc<store::WardsNow>,
    pub database: Database,
    pub limits: RequestLimits,
    /// What becomes of content that breaks the rules.
    pub policy: Policy,
    board_policy: Arc<BoardPolicy>,
    writers: Arc<Writers>,
    clock: Arc<dyn Clock>,
    /// How long a use case plans anew when others are faster.
    patience: Duration,
}

impl Gateway {
    /// Starts the writers; must be called within a runtime.
    pub fn start(
        definitions: Arc<Definitions>,
        database: Database,
        clock: Arc<dyn Clock>,
        limits: RequestLimits,
        writing: WriterSettings,
    ) -> std::result::Result<Gateway, StoreError> {
        let Compiled { parameters, deriver, definition_index, parameter_state } =
            Compiled::of(&definitions, &Arc::default());
        let derive: Arc<dyn Derive> = Arc::<Deriver>::clone(&deriver);
        let writers = Writers::start(&database, derive, &clock, writing)?;
        let (policy, writers, patience) = (Policy::default(), Arc::new(writers), writing.deadline);
        Ok(Gateway {
            definitions,
            parameters,
            definition_index,
            deriver,
            parameter_state,
            cursor_key: Arc::default(),
            wards: Arc::default(),
            database,
            limits,
            policy,
            board_policy: Arc::default(),
            writers,
            clock,
            patience,
        })
    }

    /// The same with a policy other than to enforce all rules.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Gateway {
        Gateway { policy, ..self }
    }

    /// The same gateway with other agreements about reports and holds.
    #[must_use]
    pub fn with_board_policy(self, board_policy: BoardPolicy) -> Gateway {
        let definitions = Arc::clone(&self.definitions);
        Gateway { board_policy: Arc::new(board_policy), ..self }.with_definitions(definitions)
    }

    /// The same gateway with other definitions, by which the writers make rows from here on.
    #[must_use]
    pub fn with_definitions(&self, definitions: Arc<Definitions>) -> Gateway {
        let Compiled { parameters, deriver, definition_index, parameter_state } =
            Compiled::of(&definitions, &self.board_policy);
        self.writers.derive_by(Arc::<Deriver>::clone(&deriver));
        Gateway { definitions, parameters, deriver, definition_index, parameter_state, ..self.clone() }
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Whether nothing was ever stored.
    pub async fn is_empty(&self) -> Result<bool> {
        let mut connection = self.database.reader().await?;
        let newest = store::history_page(&mut connection, &Scope::System, &Window::default(), 1).await?;
        Ok(newest.is_empty())
    }

    /// Finishes the writes that were accepted. The last clone does it.
    pub async fn close(self) {
        match Arc::into_inner(self.writers) {
            Some(writers) => writers.close().await,
            None => {
                tracing::warn!("a request still holds the gateway; a write that it was not told of may not be finished")
            }
        }
    }

    fn json_limits(&self) -> Limits {
        Limits { depth: self.limits.depth }
    }

    async fn apply(&self, unit: Unit) -> std::result::Result<Vec<StepResult>, UnitError> {
        self.writers.apply(unit).await
    }

    /// How long a use case goes on planning anew.
    fn patience(&self) -> Patience {
        Patience { until: tokio::time::Instant::now() + self.patience }
    }
}

/// Plans and applies until nobody else moved what the plan was based on.
macro_rules! settle {
    ($gateway:expr, $attempt:expr) => {{
        let patience = $gateway.patience();
        loop {
            match $attempt.await? {
                $crate::exchange::Planned::Done(done) => break Ok(done),
                $crate::exchange::Planned::Moved => patience.again().await?,
            }
        }
    }};
}
use settle;

struct Patience {
    until: tokio::time::Instant,
}

impl Patience {
    /// Lets another attempt begin, or ends with 503.
    async fn again(&self) -> Result<()> {
        if tokio::time::Instant::now() > self.until {
            return Err(Error::unavailable());
        }
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// How an attempt ended.
enum Planned<T> {
    Done(T),
    /// Somebody else changed what the plan was based on.
    Moved,
}

/// Computes index and projections anew by these definitions, whose search parameters are whole then; `progress` is told
/// how far a stage is, of how much.
pub async fn reindex(
    definitions: &Definitions,
    database: &Database,
    board_policy: &BoardPolicy,
    progress: &(dyn Fn(Stage, u64, u64) + Sync),
) -> std::result::Result<u64, StoreError> {
    let parameters = Arc::new(Parameters::compile(definitions));
    let derive: Arc<dyn Derive> = Arc::new(Deriver::new(definitions, &parameters, Arc::new(board_policy.clone())));
    store::reindex(database, &derive, progress).await
}

fn origin(caller: &Caller) -> Origin {
    Origin { request_id: Arc::clone(&caller.request_id), agent: Arc::clone(&caller.name) }
}
