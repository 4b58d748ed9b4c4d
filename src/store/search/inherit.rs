//! Values that beds and wards inherit (`DOMAIN` §2), resolved when asked: nothing is copied into the children.

use std::borrow::Cow;

use super::super::derived::parameter_id;
use super::super::sql::Sql;
use super::criteria::{Condition, Criteria, Indexed, Inherited, Patterns, SortBy, Table, TokenPattern};
use super::find::Search;

/// The key of the resource whose rows count for the one with key `k`: its own, or that of the ward or facility from
/// which it inherits.
pub(super) fn origin(table: Table, param: i64, inherited: Inherited, k: &str) -> String {
    let table = table.name();
    let own = |key: &str| {
        format!("(SELECT 1 FROM {table} oo WHERE oo.key = {key} AND oo.param = {param} LIMIT 1) IS NOT NULL")
    };
    let ward = format!("FROM bed ob JOIN ward ow ON ow.id = ob.ward_id WHERE ob.key = {k}");
    match inherited {
        Inherited::No => k.to_owned(),
        Inherited::FromWard => format!("CASE WHEN {} THEN {k} ELSE (SELECT ow.key {ward}) END", own(k)),
        Inherited::FromFacility => format!(
            "CASE WHEN {} THEN {k} ELSE coalesce((SELECT ow.key {ward} AND {}), \
             (SELECT og.key FROM bed ob JOIN ward ow ON ow.id = ob.ward_id JOIN facility og ON og.id = ow.facility_id \
             WHERE ob.key = {k}), \
             (SELECT og.key FROM ward ow JOIN facility og ON og.id = ow.facility_id WHERE ow.key = {k})) END",
            own(k),
            own("ow.key")
        ),
    }
}

/// `SELECT … AS key` over those that have the rows, and those that inherit them. `also`: what else each takes along, such as
/// `, o.chord AS chord`, from the rows of `own`.
pub(super) fn heirs(own: Sql, also: &str, table: Table, param: i64, inherited: Inherited, beds: bool) -> Sql {
    if inherited == Inherited::No {
        return own;
    }
    let table = table.name();
    let none =
        |key: &str| format!("(SELECT 1 FROM {table} i WHERE i.key = {key} AND i.param = {param} LIMIT 1) IS NULL");
    let mut sql = Sql::new("WITH own AS (").append(own).then(&format!(") SELECT o.key AS key{also} FROM own o"), []);
    if inherited == Inherited::FromFacility {
        let text = format!(
            " UNION ALL SELECT w.key AS key{also} FROM own o JOIN facility f ON f.key = o.key \
             JOIN ward w ON w.facility_id = f.id WHERE {}",
            none("w.key")
        );
        sql = sql.then(&text, []);
        if beds {
            let text = format!(
                " UNION ALL SELECT b.key AS key{also} FROM own o JOIN facility f ON f.key = o.key \
                 JOIN ward w ON w.facility_id = f.id JOIN bed b ON b.ward_id = w.id WHERE {} AND {}",
                none("w.key"),
                none("b.key")
            );
            sql = sql.then(&text, []);
        }
    }
    if beds {
        let text = format!(
            " UNION ALL SELECT b.key AS key{also} FROM own o JOIN ward w ON w.key = o.key \
             JOIN bed b ON b.ward_id = w.id WHERE {}",
            none("b.key")
        );
        sql = sql.then(&text, []);
    }
    sql
}

/// Whether a bed could match: counts are a ward's, and `physical-type` tells what the rest is.
pub(super) fn may_be_bed(criteria: &Criteria) -> bool {
    let physical_type = parameter_id("Location", "physical-type");
    let no_bed = |condition: &Condition| match condition {
        Condition::Indexed(Indexed { any_of: Patterns::Vacancies(_), .. }) => true,
        Condition::Indexed(Indexed { param, any_of: Patterns::Tokens(patterns), .. }) if *param == physical_type => {
            !patterns.iter().any(|pattern| match pattern {
                TokenPattern::Code(code) | TokenPattern::Exact { code, .. } => code == "bd",
                TokenPattern::System(_) | TokenPattern::Below(_) => true,
            })
        }
        _ => false,
    };
    !criteria.conditions.iter().any(no_bed)
}

/// The same search, asking for own rows where only beds inherit and no bed can match.
pub(super) fn without_beds(search: &Search) -> Cow<'_, Search> {
    let inherits = |condition: &Condition| match condition {
        Condition::Indexed(indexed) => indexed.inherited == Inherited::FromWard,
        Condition::Present { inherited, .. } => *inherited == Inherited::FromWard,
        Condition::Not(_) | Condition::AnyOf(_) => true,
        _ => false,
    };
    let gains = |criteria: &Criteria| criteria.conditions.iter().any(inherits) && !may_be_bed(criteria);
    if !search.types.iter().any(|one| gains(&one.criteria)) {
        return Cow::Borrowed(search);
    }
    let mut search = search.clone();
    for one in search.types.iter_mut().filter(|one| gains(&one.criteria)) {
        one.criteria.conditions.iter_mut().for_each(ask_own_rows);
        for key in &mut one.sort {
            if let SortBy::Indexed { inherited, .. } = &mut key.by {
                *inherited = of_no_bed(*inherited);
            }
        }
    }
    Cow::Owned(search)
}

fn ask_own_rows(condition: &mut Condition) {
    match condition {
        Condition::Indexed(Indexed { inherited, .. }) | Condition::Present { inherited, .. } => {
            *inherited = of_no_bed(*inherited);
        }
        Condition::Not(inner) => ask_own_rows(inner),
        Condition::AnyOf(alternatives) => alternatives.iter_mut().for_each(ask_own_rows),
        _ => {}
    }
}

fn of_no_bed(inherited: Inherited) -> Inherited {
    if inherited == Inherited::FromWard { Inherited::No } else { inherited }
}
