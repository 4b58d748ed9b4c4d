//! Why a patch was refused.

use std::fmt;

use crate::fhir::outcome::{Issue, IssueCode};

/// Whose fault it is: the patch's own form, or its meeting with this document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchErrorKind {
    /// The patch document is no patch: 400.
    Malformed,
    /// An operation cannot be applied to this document: 422.
    Inapplicable,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    NotAPatch,
    UnknownOperation,
    UnknownPart,
    MissingPart(&'static str),
    InvalidPointer,
    InvalidIndex,
    InvalidPath,
    InvalidValue,
    MoveIntoItself,
    NoSuchTarget,
    NotAContainer,
    IndexOutOfRange,
    TestFailed,
    SeveralMatches,
    NotAList,
    AlreadyThere,
    IsRoot,
    TooLarge,
}

/// A refused patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchError {
    pub reason: Reason,
    /// Which operation, from 0; `None` for the patch as a whole.
    pub operation: Option<usize>,
    /// The JSON pointer, or FHIRPath expression, that the operation named.
    pub target: Option<String>,
    /// Where the operation stands in the patch that was sent, as a JSON pointer.
    pub pointer: String,
}

impl PatchError {
    pub(super) fn new(reason: Reason) -> Self {
        PatchError { reason, operation: None, target: None, pointer: String::new() }
    }

    #[must_use]
    pub(super) fn target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    #[must_use]
    pub(super) fn in_operation(mut self, index: usize, pointer: String) -> Self {
        self.operation = Some(index);
        self.pointer = pointer;
        self
    }

    pub fn kind(&self) -> PatchErrorKind {
        match self.reason {
            Reason::NotAPatch
            | Reason::UnknownOperation
            | Reason::UnknownPart
            | Reason::MissingPart(_)
            | Reason::InvalidPointer
            | Reason::InvalidPath
            | Reason::InvalidValue
            | Reason::MoveIntoItself => PatchErrorKind::Malformed,
            Reason::InvalidIndex
            | Reason::NoSuchTarget
            | Reason::NotAContainer
            | Reason::IndexOutOfRange
            | Reason::TestFailed
            | Reason::SeveralMatches
            | Reason::NotAList
            | Reason::AlreadyThere
            | Reason::IsRoot
            | Reason::TooLarge => PatchErrorKind::Inapplicable,
        }
    }

    /// The finding for an OperationOutcome. Its pointer is that of the operation in the patch.
    pub fn to_issue(&self) -> Issue {
        let (ja, en) = self.texts();
        let (mut ja_full, mut en_full) = (String::new(), String::new());
        if let Some(index) = self.operation {
            ja_full = format!("パッチの {} 番目の操作: ", index + 1);
            en_full = format!("Operation {} of the patch: ", index + 1);
        }
        ja_full.push_str(&ja);
        en_full.push_str(&en);
        if let Some(target) = &self.target {
            ja_full.push_str(&format!(" 対象: {target}"));
            en_full.push_str(&format!(" Target: {target}"));
        }
        let code = match self.kind() {
            PatchErrorKind::Malformed => IssueCode::Invalid,
            PatchErrorKind::Inapplicable => IssueCode::Processing,
        };
        let mut issue = Issue::error(code, ja_full, en_full);
        issue.pointer = Some(self.pointer.clone());
        issue
    }

    fn texts(&self) -> (String, String) {
        let (ja, en) = match self.reason {
            Reason::MissingPart(part) => {
                return (
                    format!("「{part}」がありません。追加してください。"),
                    format!("\"{part}\" is missing. Add it."),
                );
            }
            Reason::NotAPatch => (
                "パッチ文書の形ではありません。操作の並びを送ってください。",
                "This is not a patch document. Send a list of operations.",
            ),
            Reason::UnknownOperation => ("この種類の操作はありません。", "There is no such kind of operation."),
            Reason::UnknownPart => (
                "この操作が取らない part です。除いてください。",
                "This operation does not take such a part. Remove it.",
            ),
            Reason::InvalidPointer => (
                "JSON Pointer の形ではありません。空か「/」で始めてください。",
                "This is not a JSON Pointer. It is empty or begins with \"/\".",
            ),
            Reason::InvalidIndex => ("配列の番号の形ではありません。", "This is not the form of an array index."),
            Reason::InvalidPath => (
                "FHIRPath 式として読めないか、評価できません。",
                "This cannot be read, or evaluated, as a FHIRPath expression.",
            ),
            Reason::InvalidValue => ("値の形が正しくありません。", "The value does not have a usable form."),
            Reason::MoveIntoItself => ("要素をその内側へは移せません。", "An element cannot be moved into itself."),
            Reason::NoSuchTarget => (
                "対象の要素がこのリソースにありません。現在の版を読み直してください。",
                "The resource has no such element. Read its current version again.",
            ),
            Reason::NotAContainer => ("対象は中に要素を持てません。", "The target cannot hold elements."),
            Reason::IndexOutOfRange => ("番号が並びの範囲の外です。", "The index is outside of the list."),
            Reason::TestFailed => (
                "test の値が現在の値と違います。現在の版を読み直してください。",
                "The value of the test differs from the current one. Read the current version again.",
            ),
            Reason::SeveralMatches => {
                ("対象が複数あります。一つに絞ってください。", "Several elements match. Narrow the path to one.")
            }
            Reason::NotAList => ("対象は繰り返しのある要素ではありません。", "The target is not a repeating element."),
            Reason::AlreadyThere => (
                "要素はすでにあり、繰り返しできません。replace を使ってください。",
                "The element is already there and does not repeat. Use replace.",
            ),
            Reason::IsRoot => ("リソース全体は対象にできません。", "The resource as a whole cannot be the target."),
            Reason::TooLarge => ("結果が大きすぎるか深すぎます。", "The result is too large or nested too deeply."),
        };
        (ja.to_owned(), en.to_owned())
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.reason)?;
        if let Some(index) = self.operation {
            write!(f, " in operation {index}")?;
        }
        self.target.as_ref().map_or(Ok(()), |target| write!(f, " at {target}"))
    }
}

impl std::error::Error for PatchError {}
