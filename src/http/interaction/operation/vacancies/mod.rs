//! `Location/$vacancies`: which wards can take a patient now. `fhir-profiles/OperationDefinition/vacancies.json`.

mod reading;
mod reply;

use std::collections::HashSet;

use crate::error::Result;
use crate::exchange::VacanciesWish;
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::cursor::{Cursor, not_ours};
use crate::http::paging::read_count;
use crate::store::{Place, SortValue};

use super::Call;

pub const INPUTS: &[&str] = &[
    "area",
    "near",
    "function",
    "fee",
    "specialty",
    "sex",
    "isolation",
    "capability",
    "minimum",
    "max-age",
    "stale",
    "sort",
    "_count",
    "_cursor",
];

/// Under the base: where next links lead, and what they are sealed for.
const PATH: &str = "Location/$vacancies";

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let key = app.gateway.cursor_key().await?;
    let mut pairs = call.inputs(app)?.pairs()?;
    let count = take(&mut pairs, "_count").map(|value| read_count(&value)).transpose()?;
    let this = take(&mut pairs, "_cursor");
    let before = this.as_deref().map(|text| Cursor::open(text, &key, PATH)).transpose()?;
    if let Some(cursor) = &before {
        if !pairs.is_empty() {
            return Err(not_ours());
        }
        pairs.clone_from(&cursor.pairs);
    }
    let asked = before.as_ref().map_or(app.gateway.now(), Cursor::asked);
    let (query, specialties) = reading::read(app, &pairs)?;
    let mut seen = before.as_ref().map_or_else(|| Ok(HashSet::new()), |cursor| unpack(&cursor.place))?;
    let size = if count == Some(0) { 0 } else { app.gateway.page_size(count) };
    let wish = VacanciesWish { query, specialties, asked, seen: seen.clone(), count: size };
    let found = app.gateway.vacancies(&call.ask.caller, wish).await?;
    seen.extend(found.matches.iter().map(|(_, one)| one.key));
    let next = (found.more && size > 0).then(|| {
        let place = pack(&seen);
        Cursor { pairs: pairs.clone(), asked: asked.0, left: None, place }.seal(&key, PATH)
    });
    Ok(reply::bundle(app, call.ask, &found, &reply::Links { pairs: &pairs, this, next: next.transpose()?, count }))
}

fn take(pairs: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let at = pairs.iter().position(|(own, _)| own == name)?;
    Some(pairs.remove(at).1)
}

/// The wards that were on pages, as differences of their keys in order.
fn pack(seen: &HashSet<i64>) -> Place {
    let mut keys: Vec<i64> = seen.iter().copied().collect();
    keys.sort_unstable();
    let mut last = 0;
    let step = |key: i64| format!("{:x}", key - std::mem::replace(&mut last, key));
    let steps: Vec<String> = keys.into_iter().map(step).collect();
    Place { at: 0, values: vec![SortValue::Text(steps.join(","))], key: 0 }
}

fn unpack(place: &Place) -> Result<HashSet<i64>> {
    let [SortValue::Text(text)] = place.values.as_slice() else { return Err(not_ours()) };
    let mut last = 0;
    let key = |step: &str| {
        last += i64::from_str_radix(step, 16).ok()?;
        Some(last)
    };
    text.split(',').filter(|step| !step.is_empty()).map(key).collect::<Option<_>>().ok_or_else(not_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_packed_and_unpacked() {
        for keys in [vec![], vec![1], vec![7, 9, 4_000_000_000, 12]] {
            let seen: HashSet<i64> = keys.into_iter().collect();
            assert_eq!(unpack(&pack(&seen)).unwrap(), seen);
        }
    }
}
