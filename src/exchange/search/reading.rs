//! What can be searched, by which parameters, and a query read against them.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fhir::id::ResourceType;
use crate::fhir::instant::Instant;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::profile::{Interaction, SearchKind, ServedType};
use crate::search::{self, Parameter, SearchRequest};
use crate::store::{Criteria, Table, Whole};

use super::Gateway;

impl Gateway {
    /// The types that searches over the whole system look at, in the order of their answers.
    pub fn searched_types(&self) -> Vec<ResourceType> {
        let searchable =
            |served: &&ServedType| served.allows(Interaction::SearchType) && !self.is_definition(&served.name);
        let served = self.definitions.served_types().iter().filter(searchable);
        served.map(|served| ResourceType::known(&served.name)).collect()
    }

    /// The type of a search over the whole system that `_type` names.
    pub fn searched_type(&self, name: &str) -> Result<ResourceType> {
        let found = self.searched_types().into_iter().find(|rtype| rtype.as_str() == name);
        found.ok_or_else(|| {
            Error::bad_parameter(
                "_type",
                "_type には、このサーバーに保存されるリソース型をカンマ区切りで指定してください。型は /metadata にあります。",
                "_type lists resource types that this server stores, separated by commas. See /metadata for them.",
            )
        })
    }

    /// The parameters by which resources of the type can be searched, in the order of their names.
    pub fn search_parameters(&self, rtype: &str) -> Vec<&Parameter> {
        let dated = !self.is_definition(rtype);
        let all = self.parameters.of(rtype).iter();
        all.filter(|parameter| is_served(parameter) && (dated || parameter.code != "_lastUpdated")).collect()
    }

    /// A search's own pairs, read for the types. `base`: this server's address; `asked`: the now of the first page.
    pub async fn read_search(
        &self,
        types: &[ResourceType],
        pairs: &[(String, String)],
        base: &str,
        asked: Instant,
    ) -> Result<SearchRequest> {
        let whole = self.whole().await?;
        let check = |parameter: &Parameter| check_whole(&whole, parameter);
        search::read(&self.scope(types, base, asked, &check), pairs)
    }

    /// The criteria of a conditional interaction on the type.
    pub(in crate::exchange) async fn criteria(&self, rtype: &ResourceType, query: &str) -> Result<Criteria> {
        let whole = self.whole().await?;
        let check = |parameter: &Parameter| check_whole(&whole, parameter);
        search::read_criteria(&self.scope(&[], "", self.now(), &check), rtype, query)
    }

    fn scope<'a>(
        &'a self,
        types: &'a [ResourceType],
        base: &'a str,
        now: Instant,
        whole: &'a (dyn Fn(&Parameter) -> Result<()> + Sync),
    ) -> search::Scope<'a> {
        let (parameters, definitions) = (&*self.parameters, &*self.definitions);
        search::Scope { types, parameters, definitions, base, now, whole }
    }

    /// Which search parameters have all their rows, as of a second ago at most.
    pub async fn whole(&self) -> Result<Arc<Whole>> {
        Ok(self.parameter_state.now(&self.database).await?)
    }
}

/// Refuses a parameter some of whose rows are not made yet: an answer by them would leave out matches. 400, since the server
/// is well and a parameter is at fault; `transient`, since the same request is answered later (R4
/// `valueset-issue-type.html`; `incomplete` would tell of an answer that was given).
pub(in crate::exchange) fn check_whole(whole: &Whole, parameter: &Parameter) -> Result<()> {
    if whole.has(parameter.id) {
        return Ok(());
    }
    let code = &parameter.code;
    let issue = Issue::error(
        IssueCode::Transient,
        format!(
            "検索パラメータ {code} の索引はまだ完成していません。管理者が `kakehashi reindex` を終えるまで、ほかの条件で検索してください。"
        ),
        format!(
            "The index of search parameter {code} is not complete. Until an administrator has finished \
             `kakehashi reindex`, search by other criteria."
        ),
    );
    Err(Error::bad_request(issue.on(format!("http.name:{code}"))))
}

/// Whether a search takes it; see `search::query` for those that it refuses.
fn is_served(parameter: &Parameter) -> bool {
    let tokens = || parameter.components.iter().any(|part| part.kind == SearchKind::Token);
    let special = || matches!(parameter.table, Table::Position | Table::Vacancy);
    match parameter.kind {
        _ if search::NON_FEATURES.contains(&parameter.code.as_str()) => false,
        SearchKind::Composite => parameter.components.len() == 2 && tokens(),
        SearchKind::Special => special(),
        _ => true,
    }
}
