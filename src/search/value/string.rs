//! Strings. R4 `search.html#string`.

use crate::error::Result;
use crate::search::fold::fold;
use crate::search::query::refusal;
use crate::store::StringPattern;

use super::escape::unescape;

/// How a string is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    StartsWith,
    Contains,
    Exact,
}

pub fn pattern(name: &str, raw: &str, manner: Manner) -> Result<StringPattern> {
    let text = unescape(raw);
    let folded = fold(&text);
    // Marks and spaces alone would be found in every text.
    if folded.is_empty() && manner != Manner::Exact {
        return Err(refusal::value(name, "探す文字がありません。", "it has no letters to look for."));
    }
    Ok(match manner {
        Manner::StartsWith => StringPattern::StartsWith(folded),
        Manner::Contains => StringPattern::Contains(folded),
        Manner::Exact => StringPattern::Exact { text, folded },
    })
}
