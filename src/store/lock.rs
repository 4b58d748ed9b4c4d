//! Which conditional units wait for one another, over all gateways of a PostgreSQL database.
//!
//! A unit that was planned on a search must not run beside one whose write would have changed what the search found,
//! whatever words the two criteria use. So criteria and contents meet on the identifiers themselves: criteria share the
//! names of the identifiers they ask for, a conditional unit's contents own the names of those they bring. Other values
//! are shared by too many resources to wait for: criteria without an identifier wait for everyone who writes their type.
//! Plain writes take no part: they can always be thought of as having come later.

use std::collections::BTreeMap;

use super::change::{Action, Assertion, Unit};
use super::connection::Connection;
use super::derived::parameter_id;
use super::error::StoreError;
use super::search::{Condition, Criteria, Indexed, Patterns, TokenPattern};
use super::sql::{Sql, Value};

/// Beyond so many names a batch takes whole types instead: PostgreSQL's lock table is of fixed size.
const MANY: usize = 256;

/// The names of a batch; `true`: it must be alone with it.
#[derive(Default)]
struct Names {
    tokens: BTreeMap<String, bool>,
    types: BTreeMap<String, bool>,
}

/// Takes what the units need, for the rest of the transaction, always in the same order. On SQLite the write lock does
/// the same for everyone.
pub(super) async fn lock_conditions(connection: &mut Connection, units: &[&Unit]) -> Result<(), StoreError> {
    const TEXT: &str = "SELECT CASE WHEN u.mode = 'own' THEN pg_advisory_xact_lock(hashtextextended(u.name, 0)) \
         ELSE pg_advisory_xact_lock_shared(hashtextextended(u.name, 0)) END \
         FROM unnest(?::text[], ?::text[]) AS u (name, mode)";
    if connection.is_sqlite() {
        return Ok(());
    }
    let mut names = Names::default();
    units.iter().for_each(|unit| names.add(unit));
    let names = names.merged();
    if names.is_empty() {
        return Ok(());
    }
    let modes = names.values().map(|own| if *own { "own" } else { "share" }.to_owned()).collect();
    let names = names.into_keys().collect();
    connection.execute(Sql::new(TEXT).bind(Value::Texts(names)).bind(Value::Texts(modes))).await?;
    Ok(())
}

impl Names {
    fn add(&mut self, unit: &Unit) {
        if let Some(digest) = &unit.digest {
            self.token(digest.clone(), true);
        }
        if unit.assertions.is_empty() {
            return;
        }
        for assertion in &unit.assertions {
            // Who writes a match may take it out of the match.
            let own = writes_a_match(unit, assertion);
            let names = token_names(&assertion.criteria);
            self.whole_type(assertion.criteria.rtype.as_str(), names.is_empty());
            names.into_iter().for_each(|name| self.token(name, own));
        }
        for step in &unit.steps {
            let rtype = step.key.rtype.as_str();
            let Action::Put { draft, .. } = &step.action else { continue };
            self.whole_type(rtype, false);
            let identifying = parameter_id(rtype, IDENTIFYING);
            for token in draft.derived.tokens.iter().filter(|token| token.param == identifying) {
                self.token(token_name(rtype, &token.code), true);
            }
        }
    }

    fn token(&mut self, name: String, own: bool) {
        *self.tokens.entry(name).or_default() |= own;
    }

    fn whole_type(&mut self, rtype: &str, own: bool) {
        *self.types.entry(format!("{rtype}?")).or_default() |= own;
    }

    fn merged(mut self) -> BTreeMap<String, bool> {
        if self.tokens.len() > MANY {
            self.tokens.retain(|name, _| !name.contains('?'));
            self.types.values_mut().for_each(|own| *own = true);
        }
        self.tokens.append(&mut self.types);
        self.tokens
    }
}

fn writes_a_match(unit: &Unit, assertion: &Assertion) -> bool {
    let mut written = unit.steps.iter().filter(|step| !matches!(step.action, Action::Read));
    written.any(|step| step.key.rtype == assertion.criteria.rtype && assertion.matches.contains(&step.key.id))
}

/// The search parameter whose values few resources have.
const IDENTIFYING: &str = "identifier";

/// A resource that matches has one of these identifiers; empty where the criteria name none, so that any resource might
/// match.
fn token_names(criteria: &Criteria) -> Vec<String> {
    let rtype = criteria.rtype.as_str();
    let identifying = parameter_id(rtype, IDENTIFYING);
    let named = |condition: &Condition| {
        let Condition::Indexed(Indexed { param, any_of: Patterns::Tokens(any_of), .. }) = condition else {
            return None;
        };
        let name = |pattern: &TokenPattern| match pattern {
            // The system is left out: `code` and `system|code` may mean the same resource.
            TokenPattern::Code(code) | TokenPattern::Exact { code, .. } => Some(token_name(rtype, code)),
            TokenPattern::System(_) | TokenPattern::Below(_) => None,
        };
        if *param == identifying { any_of.iter().map(name).collect::<Option<Vec<_>>>() } else { None }
    };
    criteria.conditions.iter().find_map(named).unwrap_or_default()
}

fn token_name(rtype: &str, code: &str) -> String {
    format!("{rtype}?{IDENTIFYING}={code}")
}
