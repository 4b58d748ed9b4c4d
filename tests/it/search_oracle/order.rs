//! The order of results. R4 `search.html#sort`: of several values the first in the direction counts, none comes last.

use std::cmp::Ordering;

use kakehashi::profile::SearchKind;

use super::board::{moments, vacancies};
use super::judge::{centre, dates, metres, position, quantity, strings, tokens};
use super::queries::Query;
use super::text::folded;
use super::world::{Resource, World};

/// Characters of a text by which the server sorts.
const HEAD: usize = 100;

/// Bytes of a code up to which the server keeps it as it is.
const CODE: usize = 512;

#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Key {
    Number(f64),
    Whole(i64),
    Text(String),
}

impl World {
    /// The ids of all matches, in order.
    pub fn answer(&self, query: &Query, now: i64) -> Vec<String> {
        let holds =
            |resource: &&Resource| query.criteria.iter().all(|(name, value)| self.matches(resource, name, value, now));
        let mut found: Vec<&Resource> = self.of(&query.rtype).filter(holds).collect();
        if query.sort.first().is_some_and(|(_, descends)| *descends) {
            found.reverse();
        }
        found.sort_by(|left, right| {
            let each = query.sort.iter().map(|(code, descends)| {
                let key = |resource| self.key(resource, code, *descends, query, now);
                match (key(left), key(right)) {
                    (Some(left), Some(right)) => {
                        let order = left.partial_cmp(&right).unwrap();
                        if *descends { order.reverse() } else { order }
                    }
                    (left, right) => left.is_none().cmp(&right.is_none()),
                }
            });
            each.fold(Ordering::Equal, Ordering::then)
        });
        found.into_iter().map(|resource| resource.id.clone()).collect()
    }

    fn key(&self, resource: &Resource, code: &str, descends: bool, query: &Query, now: i64) -> Option<Key> {
        let elements = self.elements(resource, code);
        let all: Vec<Key> = match code {
            "_id" => vec![Key::Text(resource.id.clone())],
            "_lastUpdated" => vec![Key::Whole(resource.turn)],
            "available" => vacancies(resource, now).iter().map(|(_, count)| Key::Number(count.as_f64())).collect(),
            "as-of" => moments(resource).into_iter().map(Key::Whole).collect(),
            "near" => {
                // Of several circles the first one's centre.
                let asked = &query.criteria.iter().find(|(name, _)| name == "near").unwrap().1;
                let from = centre(asked.split(',').next().unwrap());
                let found = elements.iter().filter_map(|element| position(&element.json));
                found.map(|to| Key::Whole((metres(from, to) * 10.0).round() as i64)).collect()
            }
            _ => match self.parameter(&resource.rtype, code).unwrap().kind {
                SearchKind::String => {
                    let texts = elements.iter().flat_map(strings);
                    texts.map(|text| Key::Text(folded(&text).chars().take(HEAD).collect())).collect()
                }
                SearchKind::Token => elements.iter().flat_map(tokens).map(|token| Key::Text(token.code)).collect(),
                SearchKind::Uri => {
                    let uris = elements.iter().filter_map(|element| element.json.as_str());
                    let both = uris.flat_map(|uri| [uri, uri.split('|').next().unwrap()]);
                    both.map(|uri| Key::Text(uri.to_owned())).collect()
                }
                SearchKind::Date => {
                    let ranges = elements.iter().filter_map(dates);
                    ranges.map(|range| Key::Whole(if descends { range.high } else { range.low })).collect()
                }
                _ => {
                    let spans = elements.iter().filter_map(|element| quantity(&element.json));
                    spans.map(|found| Key::Number(if descends { found.most() } else { found.least() })).collect()
                }
            },
        };
        let ordered = |left: &Key, right: &Key| left.partial_cmp(right).unwrap();
        if descends { all.into_iter().max_by(ordered) } else { all.into_iter().min_by(ordered) }
    }

    /// Whether the order of this query is one that the oracle knows: long codes are sorted by their digests.
    pub fn knows_order(&self, query: &Query) -> bool {
        let is_long = |code: &str| {
            let elements = self.of(&query.rtype).flat_map(|resource| self.elements(resource, code));
            elements.flat_map(tokens).any(|token| token.code.len() > CODE)
        };
        !query.sort.iter().any(|(code, _)| is_long(code))
    }
}
