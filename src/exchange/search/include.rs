//! `_include`, `_revinclude` and `:iterate`: what comes with the matches. R4 `search.html#include`.

use std::collections::HashSet;

use crate::error::Result;
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::json::Json;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::search::Include;
use crate::store::{self, Connection, Hit, Version};

use super::Gateway;

/// How often `:iterate` looks at what was included last.
const ROUNDS: usize = 8;

/// The resources that the includes ask for: each once, none that is a match. What is left out is told.
pub(super) async fn include(
    gateway: &Gateway,
    connection: &mut Connection,
    includes: &[Include],
    matches: &[Hit],
    told: &mut Vec<Issue>,
) -> Result<Vec<Version>> {
    if includes.is_empty() {
        return Ok(Vec::new());
    }
    let mut gathering = Gathering {
        gateway,
        connection,
        seen: matches.iter().map(|hit| hit.version.key.clone()).collect(),
        included: Vec::new(),
        full: false,
    };
    gathering.round(includes, matches.iter().map(|hit| &hit.version)).await?;
    let again: Vec<Include> = includes.iter().filter(|include| include.iterate).cloned().collect();
    let (mut looked_at, mut rounds) = (0, 1);
    while !again.is_empty() && looked_at < gathering.included.len() && rounds < ROUNDS {
        let newest = gathering.included[looked_at..].to_vec();
        looked_at = gathering.included.len();
        gathering.round(&again, newest.iter()).await?;
        rounds += 1;
    }
    let unseen = !again.is_empty() && looked_at < gathering.included.len();
    if gathering.full {
        told.push(too_many(gateway.limits.search.included));
    } else if unseen {
        told.push(too_deep());
    }
    Ok(gathering.included)
}

struct Gathering<'a> {
    gateway: &'a Gateway,
    connection: &'a mut Connection,
    seen: HashSet<ResourceKey>,
    included: Vec<Version>,
    /// Something was left out.
    full: bool,
}

impl Gathering<'_> {
    /// Looks once from these resources, in both directions.
    async fn round(&mut self, includes: &[Include], from: impl Iterator<Item = &Version>) -> Result<()> {
        let from: Vec<&Version> = from.collect();
        let (reverse, forward): (Vec<&Include>, Vec<&Include>) = includes.iter().partition(|include| include.reverse);
        if !forward.is_empty() {
            self.forward(&forward, &from).await?;
        }
        for include in reverse {
            self.reverse(include, &from).await?;
        }
        Ok(())
    }

    async fn forward(&mut self, includes: &[&Include], from: &[&Version]) -> Result<()> {
        let (mut wanted, mut asked): (Vec<ResourceKey>, HashSet<ResourceKey>) = (Vec::new(), HashSet::new());
        for version in from {
            let rtype = version.key.rtype.as_str();
            let mut asking = includes.iter().filter(|one| one.source.as_deref().is_none_or(|source| source == rtype));
            let Some(first) = asking.next() else { continue };
            let Some(resource) = body(version) else { continue };
            for include in std::iter::once(first).chain(asking) {
                let keys = self.referred(rtype, &resource, include);
                wanted.extend(keys.into_iter().filter(|key| !self.seen.contains(key) && asked.insert(key.clone())));
            }
        }
        // One more than there is room for tells that something is left out.
        wanted.truncate(self.room().saturating_add(1));
        if !wanted.is_empty() {
            let found = store::currents(self.connection, &wanted).await?;
            self.take(found);
        }
        Ok(())
    }

    fn referred(&self, rtype: &str, resource: &Json, include: &Include) -> Vec<ResourceKey> {
        let references = self.gateway.parameters.references(rtype, include.code.as_deref(), resource);
        let wanted = references.into_iter().filter(|reference| {
            include.target.as_ref().is_none_or(|target| *target == reference.target_type)
                && self.gateway.is_stored(&reference.target_type)
        });
        let key = |reference: crate::store::Reference| {
            let id = ResourceId::parse(&reference.target_id)?;
            Some(ResourceKey { rtype: ResourceType::known(&reference.target_type), id })
        };
        wanted.filter_map(key).collect()
    }

    async fn reverse(&mut self, include: &Include, from: &[&Version]) -> Result<()> {
        let fits = |key: &&ResourceKey| include.target.as_deref().is_none_or(|target| target == key.rtype.as_str());
        let targets: Vec<ResourceKey> = from.iter().map(|version| &version.key).filter(fits).cloned().collect();
        if targets.is_empty() {
            return Ok(());
        }
        let mut sources = self.gateway.searched_types();
        sources.retain(|rtype| include.source.as_deref().is_none_or(|source| source == rtype.as_str()));
        for source in sources {
            let param = match &include.code {
                None => None,
                Some(code) => match self.gateway.parameters.find(source.as_str(), code) {
                    Some(parameter) => Some(parameter.id),
                    None => continue,
                },
            };
            // Those that are there already may come again.
            let limit = self.room() + self.seen.len() + 1;
            let found = store::referring(self.connection, &source, param, &targets, limit).await?;
            self.take(found);
        }
        Ok(())
    }

    fn room(&self) -> usize {
        self.gateway.limits.search.included.saturating_sub(self.included.len())
    }

    fn take(&mut self, versions: Vec<Version>) {
        for version in versions {
            if self.seen.contains(&version.key) {
                continue;
            }
            if self.room() == 0 {
                self.full = true;
                return;
            }
            self.seen.insert(version.key.clone());
            self.included.push(version);
        }
    }
}

/// What is stored was read once within the limits of its time.
fn body(version: &Version) -> Option<Json> {
    store::stored_tree(version.body.as_ref()?).ok()
}

fn too_many(limit: usize) -> Issue {
    Issue::warning(
        IssueCode::TooCostly,
        format!(
            "_include と _revinclude のリソースは 1 ページ {limit} 件までのため、一部を省きました。_count を小さくしてください。"
        ),
        format!("A page has at most {limit} included resources: some were left out. Ask for a smaller _count."),
    )
}

fn too_deep() -> Issue {
    Issue::warning(
        IssueCode::TooCostly,
        format!(":iterate は {ROUNDS} 回で打ち切りました。その先のリソースは含まれていません。"),
        format!(":iterate ended after {ROUNDS} rounds. What lies beyond is not included."),
    )
}
