//! What can go wrong, as values. Neither error carries data of the resource: both may be logged and answered.

use std::fmt;

/// Why an expression was refused before it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompileErrorKind {
    Syntax,
    UnknownFunction,
    /// A known function with too few or too many arguments.
    ArgumentCount,
    UnknownVariable,
    UnknownType,
    /// A regular expression literal that this engine cannot run.
    RegularExpression,
    TooDeep,
    TooLong,
}

/// A refused expression, with the place in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    pub kind: CompileErrorKind,
    /// Bytes from the start of the expression.
    pub offset: usize,
    /// The word or sign of the expression that was not understood.
    pub found: String,
}

impl CompileError {
    pub(super) fn new(kind: CompileErrorKind, offset: usize, found: impl Into<String>) -> Self {
        CompileError { kind, offset, found: found.into() }
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            CompileErrorKind::Syntax => "syntax error",
            CompileErrorKind::UnknownFunction => "unknown function",
            CompileErrorKind::ArgumentCount => "wrong number of arguments",
            CompileErrorKind::UnknownVariable => "unknown variable",
            CompileErrorKind::UnknownType => "unknown type",
            CompileErrorKind::RegularExpression => "unsupported regular expression",
            CompileErrorKind::TooDeep => "nested too deeply",
            CompileErrorKind::TooLong => "too long",
        };
        write!(f, "{what} at {}: {}", self.offset, self.found)
    }
}

impl std::error::Error for CompileError {}

/// Why an evaluation stopped without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluationErrorKind {
    /// Several items where one is allowed (FHIRPath `#singleton-evaluation-of-collections`).
    NotSingleton,
    /// An operand or argument of a type that the operation does not take.
    WrongType,
    /// An argument outside of what the function accepts, such as an unusable regular expression.
    InvalidArgument,
    /// The function needs a hook that the [`Context`](super::Context) does not have.
    NoHook,
    /// The evaluation went past the context's limit of steps.
    TooManySteps,
}

/// An evaluation that has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    pub kind: EvaluationErrorKind,
    /// The function or operator that stopped.
    pub operation: &'static str,
}

impl EvaluationError {
    pub(super) fn new(kind: EvaluationErrorKind, operation: &'static str) -> Self {
        EvaluationError { kind, operation }
    }

    pub(super) fn not_singleton(operation: &'static str) -> Self {
        Self::new(EvaluationErrorKind::NotSingleton, operation)
    }

    pub(super) fn wrong_type(operation: &'static str) -> Self {
        Self::new(EvaluationErrorKind::WrongType, operation)
    }

    pub(super) fn invalid_argument(operation: &'static str) -> Self {
        Self::new(EvaluationErrorKind::InvalidArgument, operation)
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            EvaluationErrorKind::NotSingleton => "more than one item where one is allowed",
            EvaluationErrorKind::WrongType => "operand of the wrong type",
            EvaluationErrorKind::InvalidArgument => "unusable argument",
            EvaluationErrorKind::NoHook => "not available here",
            EvaluationErrorKind::TooManySteps => "too many steps",
        };
        write!(f, "{}: {what}", self.operation)
    }
}

impl std::error::Error for EvaluationError {}
