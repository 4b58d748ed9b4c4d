//! Why a request was refused: one kind for each answer of the specification, turned into status and OperationOutcome in
//! one place (`http::respond`).

use crate::fhir::instant::Instant;
use crate::fhir::outcome::{Issue, IssueCode, locate_issues};
use crate::store::{Refusal, StoreError, UnitError};

/// The kinds, in the order in which a request is judged (ARCHITECTURE.md, "Answers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// 503, with `Retry-After`: too much to do, or the database is away. Nothing was written.
    Unavailable,
    /// 404: not a type, operation or page of this server.
    UnknownTarget,
    /// 405: the type is served, but not so.
    MethodNotAllowed,
    /// 406
    NotAcceptable,
    /// 415
    UnsupportedMediaType,
    /// 413
    TooLarge,
    /// 400: not readable, against the JSON rules, a refused parameter, an id or type other than the URL's.
    BadRequest,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 410
    Gone,
    /// 412
    PreconditionFailed,
    /// 422: the content breaks a profile, an invariant or a business rule.
    Unprocessable,
    /// 409: the state forbids it.
    Conflict,
    /// 500: a defect of this program.
    Internal,
}

/// A refusal with what the caller is told.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: ErrorKind,
    pub issues: Vec<Issue>,
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

impl ErrorKind {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            ErrorKind::Unavailable => 503,
            ErrorKind::UnknownTarget | ErrorKind::NotFound => 404,
            ErrorKind::MethodNotAllowed => 405,
            ErrorKind::NotAcceptable => 406,
            ErrorKind::UnsupportedMediaType => 415,
            ErrorKind::TooLarge => 413,
            ErrorKind::BadRequest => 400,
            ErrorKind::Forbidden => 403,
            ErrorKind::Gone => 410,
            ErrorKind::PreconditionFailed => 412,
            ErrorKind::Unprocessable => 422,
            ErrorKind::Conflict => 409,
            ErrorKind::Internal => 500,
        }
    }
}

impl Error {
    pub fn new(kind: ErrorKind, issue: Issue) -> Self {
        Error { kind, issues: vec![issue] }
    }

    pub fn bad_request(issue: Issue) -> Self {
        Error::new(ErrorKind::BadRequest, issue)
    }

    /// A parameter or header that is refused, named by `expression` (such as `http.name:identifier`).
    pub fn bad_parameter(name: &str, ja: impl Into<String>, en: impl Into<String>) -> Self {
        Error::bad_request(Issue::error(IssueCode::Invalid, ja, en).on(format!("http.name:{name}")))
    }

    pub fn not_found(target: &str) -> Self {
        Error::new(
            ErrorKind::NotFound,
            Issue::error(
                IssueCode::NotFound,
                format!("{target} は存在しません。id を確かめてください。"),
                format!("{target} does not exist. Check the id."),
            ),
        )
    }

    pub fn gone(target: &str) -> Self {
        Error::new(
            ErrorKind::Gone,
            Issue::error(
                IssueCode::Deleted,
                format!("{target} は削除されています。過去の版は _history から読めます。"),
                format!("{target} was deleted. Earlier versions can be read from its _history."),
            ),
        )
    }

    pub fn version_mismatch(target: &str, current: Option<i64>) -> Self {
        let (ja, en) = match current {
            Some(version) => (
                format!(
                    "{target} の現在の版は {version} で、If-Match と異なります。読み直してからやり直してください。"
                ),
                format!("{target} is at version {version}, not the one in If-Match. Read it again and retry."),
            ),
            None => (
                format!("{target} は存在しないため、If-Match を満たしません。"),
                format!("{target} does not exist, so If-Match cannot hold."),
            ),
        };
        Error::new(ErrorKind::PreconditionFailed, Issue::error(IssueCode::Conflict, ja, en).on("http.header:If-Match"))
    }

    pub fn multiple_matches(criteria: &str) -> Self {
        Error::new(
            ErrorKind::PreconditionFailed,
            Issue::error(
                IssueCode::MultipleMatches,
                format!("条件 {criteria} に複数のリソースが一致しました。一つに絞る条件にしてください。"),
                format!("More than one resource matches {criteria}. Use criteria that match one."),
            ),
        )
    }

    /// The content breaks rules; `issues` say which. Errors come first: the first issue is a reason of the refusal.
    pub fn unprocessable(mut issues: Vec<Issue>) -> Self {
        issues.sort_by_key(|issue| !issue.is_error());
        Error { kind: ErrorKind::Unprocessable, issues }
    }

    pub fn unavailable() -> Self {
        Error::new(
            ErrorKind::Unavailable,
            Issue::error(
                IssueCode::Transient,
                "いま処理できません。何も書き込まれていません。少し待ってから同じ要求を送ってください。",
                "The request cannot be served right now. Nothing was written. Send it again a little later.",
            ),
        )
    }

    /// Says nothing of what happened inside; the log does.
    pub fn internal(context: &str, detail: &dyn std::fmt::Display) -> Self {
        tracing::error!(context, %detail, "internal error");
        Error::new(
            ErrorKind::Internal,
            Issue::error(
                IssueCode::Exception,
                "サーバー内部の誤りです。リクエスト ID を添えて管理者に知らせてください。",
                "An internal error. Tell the administrator the request id.",
            ),
        )
    }

    /// The same refusal, seen from the Bundle whose entry was refused.
    #[must_use]
    pub fn within_entry(mut self, index: usize) -> Self {
        self.issues = self.issues.into_iter().map(|issue| issue.within_entry(index)).collect();
        self
    }

    /// The same refusal, with the lines and columns of its findings in the body that was sent.
    #[must_use]
    pub fn located_in(mut self, body: &[u8]) -> Self {
        locate_issues(&mut self.issues, body);
        self
    }

    /// The refusal of a step on `target`.
    pub fn refused(target: &str, refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Error::not_found(target),
            Refusal::Deleted => Error::gone(target),
            Refusal::VersionMismatch { current } => Error::version_mismatch(target, current),
            Refusal::StillReferenced { by } => Error::new(
                ErrorKind::Conflict,
                Issue::error(
                    IssueCode::Conflict,
                    format!("{target} は {by} から参照されているため削除できません。先に参照を外してください。"),
                    format!("{target} is referred to by {by} and cannot be deleted. Remove that reference first."),
                ),
            ),
            Refusal::Overtaken { stored } => Error::overtaken(target, Instant(stored)),
            Refusal::InFuture { asked, now } => Error::in_future(Instant(asked), Instant(now)),
            Refusal::HoldTooLong { latest } => {
                let latest = Instant(latest).to_fhir();
                Error::unprocessable(vec![Issue::error(
                    IssueCode::BusinessRule,
                    format!("病床を確保できるのは {latest} までです。hold-until をそれ以前にしてください。"),
                    format!("A bed is kept until {latest} at most. Set hold-until to no later moment."),
                )])
            }
            Refusal::CountsAreDerived => Error::unprocessable(vec![Issue::error(
                IssueCode::BusinessRule,
                format!(
                    "{target} の空床数は病床の状態から計算されます。bed-vacancy を省き、病床の状態を送ってください。"
                ),
                format!("The counts of {target} are made from its beds. Leave bed-vacancy out, and report the beds."),
            )]),
            Refusal::BedTaken { place } => conflict(
                format!("Location/{place} は空いていません。別の病床か病棟を location に指定してください。"),
                format!("Location/{place} is not free. Name another bed or ward in location."),
            ),
            Refusal::NoBedLeft { place } => conflict(
                format!("Location/{place} に空床が残っていません。別の病棟を location に指定してください。"),
                format!("Location/{place} has no free bed left. Name another ward in location."),
            ),
        }
    }
}

fn conflict(ja: String, en: String) -> Error {
    Error::new(ErrorKind::Conflict, Issue::error(IssueCode::Conflict, ja, en))
}

impl Error {
    /// 409: what is stored of the target was reported as of a later moment.
    pub fn overtaken(target: &str, stored: Instant) -> Error {
        let stored = stored.to_fhir();
        conflict(
            format!("{target} には {stored} 時点のより新しい報告があります。この報告は反映していません。"),
            format!("{target} has a newer report, as of {stored}. This one was not applied."),
        )
    }

    /// 422: what is reported is of a moment to come.
    pub fn in_future(asked: Instant, now: Instant) -> Error {
        let (asked, now) = (asked.to_fhir(), now.to_fhir());
        Error::unprocessable(vec![Issue::error(
            IssueCode::BusinessRule,
            format!("時点 {asked} は未来です (ゲートウェイの時刻は {now})。送信側の時計を確かめてください。"),
            format!("The moment {asked} lies ahead (the gateway's clock says {now}). Check the sender's clock."),
        )])
    }

    /// 400: the question would cost more than one may; `detail` says what of it.
    pub fn too_costly(detail: &str) -> Error {
        Error::bad_request(Issue::error(
            IssueCode::TooCostly,
            "この検索は対象が多すぎます。条件を加えるか、並べ替えを減らしてください。",
            format!("This search would look at too much: {detail}. Add criteria, or sort by less."),
        ))
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Retry(detail) | StoreError::Unavailable(detail) => {
                tracing::warn!(%detail, "the database is not available");
                Error::unavailable()
            }
            StoreError::InDoubt { tx } => Error::internal("a read in doubt", &tx),
            StoreError::TooCostly(detail) => Error::too_costly(&detail),
            StoreError::OtherDefinitions => Error::unavailable(),
            StoreError::Internal(detail) => Error::internal("store", &detail),
        }
    }
}

/// For units whose refusals and moves the use case has dealt with.
impl From<UnitError> for Error {
    fn from(error: UnitError) -> Self {
        match error {
            UnitError::Refused { refusal, .. } => Error::refused("", refusal),
            UnitError::Moved | UnitError::Overloaded => Error::unavailable(),
            UnitError::Unavailable(detail) => {
                tracing::warn!(%detail, "the database is not available");
                Error::unavailable()
            }
            UnitError::InDoubt => Error::new(
                ErrorKind::Unavailable,
                Issue::error(
                    IssueCode::Transient,
                    "確定の途中でデータベースとの接続が切れ、書き込まれたかどうか確かめられません。読み直して確かめてください。",
                    "The database was lost during the commit and it is not known whether the write stands. Read to find out.",
                ),
            ),
            UnitError::AlreadyTaken => Error::new(
                ErrorKind::Conflict,
                Issue::error(IssueCode::Duplicate, "すでに取り込み済みです。", "This item has been taken in before."),
            ),
            UnitError::Internal(detail) => Error::internal("writer", &detail),
        }
    }
}
