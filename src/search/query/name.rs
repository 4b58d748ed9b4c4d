//! Names of parameters: code, modifier, chain, `_has`. R4 `search.html#modifiers`, `#chaining`, `#has`.

use crate::error::Result;
use crate::fhir::outcome::IssueCode;

use super::{CHAIN, refusal};

/// A name taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// `code` or `code:modifier`.
    Plain { code: &'a str, modifier: Option<&'a str> },
    /// `code.rest` or `code:Type.rest`.
    Chain { code: &'a str, rtype: Option<&'a str>, rest: &'a str },
    /// `_has:Type:code:rest`.
    Has { source: &'a str, code: &'a str, rest: &'a str },
}

impl<'a> Name<'a> {
    pub fn read(name: &'a str) -> Result<Name<'a>> {
        if let Some(rest) = name.strip_prefix("_has").filter(|rest| rest.is_empty() || rest.starts_with(':')) {
            let mut parts = rest.splitn(4, ':').skip(1).filter(|part| !part.is_empty());
            return match (parts.next(), parts.next(), parts.next()) {
                (Some(source), Some(code), Some(rest)) => Ok(Name::Has { source, code, rest }),
                _ => Err(refusal::name(
                    name,
                    IssueCode::Invalid,
                    "「_has:型:参照パラメータ:パラメータ」の形で書いてください。例: _has:Task:focus:status",
                    "it is written _has:Type:reference:parameter, such as _has:Task:focus:status.",
                )),
            };
        }
        let (head, rest) = match name.split_once('.') {
            Some((head, rest)) => (head, Some(rest)),
            None => (name, None),
        };
        let (code, modifier) = match head.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (head, None),
        };
        Ok(match rest {
            Some(rest) => Name::Chain { code, rtype: modifier, rest },
            None => Name::Plain { code, modifier },
        })
    }

    /// The parameter that it begins with; of `_has`, the reference.
    pub fn code(&self) -> &'a str {
        match *self {
            Name::Plain { code, .. } | Name::Chain { code, .. } | Name::Has { code, .. } => code,
        }
    }
}

/// Refuses what follows too many references.
pub fn check_depth(whole: &str, depth: usize) -> Result<()> {
    match depth < CHAIN {
        true => Ok(()),
        false => Err(refusal::too_costly(
            whole,
            &format!("参照をたどれるのは {CHAIN} 段までです。"),
            &format!("a chain follows at most {CHAIN} references."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let plain = |code, modifier| Name::Plain { code, modifier };
        for (text, expected) in [
            ("name", plain("name", None)),
            ("name:exact", plain("name", Some("exact"))),
            ("_hash", plain("_hash", None)),
            ("subject.name:exact", Name::Chain { code: "subject", rtype: None, rest: "name:exact" }),
            ("subject:Patient.gp.name", Name::Chain { code: "subject", rtype: Some("Patient"), rest: "gp.name" }),
            ("_has:Task:focus:owner.name", Name::Has { source: "Task", code: "focus", rest: "owner.name" }),
            ("_has:Task:focus:_has:A:b:c:not", Name::Has { source: "Task", code: "focus", rest: "_has:A:b:c:not" }),
        ] {
            assert_eq!(Name::read(text).unwrap(), expected, "{text}");
        }
        for bad in ["_has", "_has:", "_has:Task", "_has:Task:focus", "_has:Task:focus:", "_has::focus:x"] {
            assert!(Name::read(bad).is_err(), "{bad}");
        }
    }
}
