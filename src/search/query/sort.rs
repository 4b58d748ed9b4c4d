//! `_sort`: keys in order of weight. R4 `search.html#sort`.

use crate::error::Result;
use crate::fhir::outcome::IssueCode;
use crate::profile::SearchKind;
use crate::search::request::{Near, SearchRequest};
use crate::store::{MOST_KEYS, SortBy, SortKey, Table};

use super::{Reader, refusal};

impl Reader<'_> {
    /// Adds the keys for each type; `asked` are the `_sort` parameters as they came.
    pub(super) fn sort(&self, request: &mut SearchRequest, asked: &[(&str, &str)]) -> Result<()> {
        for (name, value) in asked {
            if let Some((_, modifier)) = name.split_once(':') {
                return Err(refusal::modifier(name, modifier, &[]));
            }
            super::check_value(name, value)?;
            for key in value.split(',') {
                let (code, descending) = match key.strip_prefix('-') {
                    Some(code) => (code, true),
                    None => (key, false),
                };
                for searched in &mut request.types {
                    let by = self.sort_by(searched.rtype.as_str(), code, request.near.as_ref())?;
                    searched.sort.push(SortKey { by, descending });
                }
            }
        }
        if request.types.iter().any(|searched| searched.sort.len() > MOST_KEYS) {
            return Err(refusal::too_costly(
                "_sort",
                &format!("並べ替えの項目は {MOST_KEYS} までです。"),
                &format!("a search is sorted by at most {MOST_KEYS} keys."),
            ));
        }
        Ok(())
    }

    fn sort_by(&self, rtype: &str, code: &str, near: Option<&Near>) -> Result<SortBy> {
        match code {
            "_id" => return Ok(SortBy::Id),
            "_lastUpdated" => return Ok(SortBy::LastUpdated),
            "_score" => {
                return Err(refusal::name(
                    "_sort",
                    IssueCode::NotSupported,
                    "_score では並べ替えられません。",
                    "_score is not supported.",
                ));
            }
            _ => {}
        }
        let parameter = self.parameter("_sort", rtype, code)?;
        let (table, inherited) = (parameter.table, parameter.inherited);
        match (parameter.kind, near) {
            (SearchKind::Special, Some(near)) if near.param == parameter.id => {
                Ok(SortBy::Distance { centre: near.circle, param: near.param, inherited })
            }
            (SearchKind::Special, _) => Err(refusal::name(
                "_sort",
                IssueCode::Invalid,
                &format!("{code} で並べ替えるには、{code} で場所も指定してください。例: near=34.78|135.47|10|km"),
                &format!("to sort by {code}, say where by {code}, too, such as near=34.78|135.47|10|km."),
            )),
            (SearchKind::Composite, _) => Err(refusal::name(
                "_sort",
                IssueCode::NotSupported,
                &format!("{code} は組合せのパラメータで、並べ替えられません。"),
                &format!("{code} is a composite and has no order."),
            )),
            _ => {
                let param = if matches!(table, Table::Vacancy | Table::AsOf) { 0 } else { parameter.id };
                Ok(SortBy::Indexed { table, param, inherited })
            }
        }
    }
}
