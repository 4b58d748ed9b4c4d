//! Where values stand in a text, in lines and columns: for people and their editors.

use std::borrow::Cow;
use std::collections::HashMap;

use super::parse::{Limits, parse};
use super::scan::{document_start, items, members};
use super::value::{Json, unescape_pointer};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// The place of the value at a JSON pointer, or of its nearest ancestor that exists. Like [`super::scan`], it trusts that
/// the text has been parsed before.
pub fn locate(text: &str, pointer: &str) -> Place {
    let mut found = Place { line: 1, column: 1 };
    locate_all(text, [pointer]).into_iter().for_each(|place| found = place);
    found
}

/// The same for many pointers, in their order: however many there are, each byte is read once for each level of nesting.
pub fn locate_all<'p>(text: &str, pointers: impl IntoIterator<Item = &'p str>) -> Vec<Place> {
    let wanted: Vec<Wanted<'p>> = pointers.into_iter().map(|pointer| pointer.split('/')).enumerate().collect();
    let mut offsets = vec![0; wanted.len()];
    let below = wanted.into_iter().map(|(index, mut tokens)| {
        tokens.next();
        (index, tokens)
    });
    descend(text, document_start(text), below.collect(), &mut offsets);
    places_of(text.as_bytes(), &offsets)
}

/// The number of a pointer, and those of its tokens that are still to be followed.
type Wanted<'p> = (usize, std::str::Split<'p, char>);

fn descend(text: &str, start: usize, wanted: Vec<Wanted<'_>>, offsets: &mut [usize]) {
    let mut below: HashMap<String, Vec<Wanted<'_>>> = HashMap::new();
    for (index, mut tokens) in wanted {
        offsets[index] = start;
        if let Some(token) = tokens.next() {
            below.entry(unescape_pointer(token)).or_default().push((index, tokens));
        }
    }
    if below.is_empty() {
        return;
    }
    for member in members(text, start) {
        if let Some(wanted) = below.remove(unescaped(member.key).as_ref()) {
            descend(text, member.value.start, wanted, offsets);
        }
    }
    for (index, item) in items(text, start).into_iter().enumerate() {
        if let Some(wanted) = below.remove(&index.to_string()) {
            descend(text, item.start, wanted, offsets);
        }
    }
}

fn unescaped(key: &str) -> Cow<'_, str> {
    if !key.contains('\\') {
        return Cow::Borrowed(key);
    }
    match parse(format!("\"{key}\"").as_bytes(), Limits::default()) {
        Ok(Json::String(key)) => Cow::Owned(key),
        _ => Cow::Borrowed(key),
    }
}

/// The places of offsets into a text. A byte order mark takes no column, and bytes that are no UTF-8 take one.
pub(super) fn places_of(text: &[u8], offsets: &[usize]) -> Vec<Place> {
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_by_key(|index| offsets[*index]);
    let mut places = vec![Place { line: 1, column: 1 }; offsets.len()];
    let mut now = Place { line: 1, column: 1 };
    let mut at = if text.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    for index in order {
        let until = offsets[index].clamp(at, text.len());
        for chunk in text[at..until].utf8_chunks() {
            for character in chunk.valid().chars() {
                now = if character == '\n' {
                    Place { line: now.line + 1, column: 1 }
                } else {
                    Place { column: now.column + 1, ..now }
                };
            }
            now.column += usize::from(!chunk.invalid().is_empty());
        }
        at = until;
        places[index] = now;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::value::{Object, escape_pointer};
    use super::super::write::to_pretty;
    use super::*;

    #[test]
    fn a_place_counts_characters_and_passes_over_the_mark() {
        let text = "\u{feff}{\"名\": \"あ\",\n  \"b\": [1,\r\n 22]}";
        assert_eq!(locate(text, ""), Place { line: 1, column: 1 });
        assert_eq!(locate(text, "/名"), Place { line: 1, column: 7 });
        assert_eq!(locate(text, "/b/1"), Place { line: 3, column: 2 });
        assert_eq!(locate(text, "/b/7/x"), locate(text, "/b"), "the nearest ancestor");
    }

    #[test]
    fn many_are_told_in_the_order_asked() {
        let text = "[10,\n20,\n30]";
        let lines: Vec<usize> = locate_all(text, ["/2", "/0", "", "/2"]).iter().map(|place| place.line).collect();
        assert_eq!(lines, [3, 1, 1, 3]);
    }

    /// Any tree, with keys and strings that look like structure, pointers and escapes.
    fn tree() -> impl Strategy<Value = Json> {
        let text = r#"[a-b"\\/~{}\[\],:0-1あ\n ]{0,5}"#;
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<i64>().prop_map(|number| Json::Number(number.into())),
            text.prop_map(Json::from),
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            let members = proptest::collection::vec((text, inner.clone()), 0..5);
            prop_oneof![
                proptest::collection::vec(inner, 0..5).prop_map(Json::Array),
                members.prop_map(|members| Json::Object(members.into_iter().collect::<Object>())),
            ]
        })
    }

    fn pointers(node: &Json, here: &str, found: &mut Vec<String>) {
        found.push(here.to_owned());
        match node {
            Json::Object(object) => object.iter().for_each(|(key, value)| {
                pointers(value, &format!("{here}/{}", escape_pointer(key)), found);
            }),
            Json::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
                pointers(item, &format!("{here}/{index}"), found);
            }),
            _ => {}
        }
    }

    /// The text from a place on, found by a way of its own.
    fn rest_from(text: &str, place: Place) -> String {
        let mut rest = String::new();
        for (number, line) in text.split('\n').enumerate().skip(place.line - 1) {
            let skipped = if number + 1 == place.line { place.column - 1 } else { 0 };
            rest.extend(line.chars().skip(skipped));
            rest.push('\n');
        }
        rest
    }

    proptest! {
        #[test]
        fn a_value_begins_where_it_is_located(tree in tree(), pretty: bool) {
            let text = if pretty { to_pretty(&tree) } else { super::super::write::to_compact(&tree) };
            let mut all = Vec::new();
            pointers(&tree, "", &mut all);
            let places = locate_all(&text, all.iter().map(String::as_str));
            for (pointer, place) in all.iter().zip(places) {
                prop_assert_eq!(place, locate(&text, pointer));
                // What begins there is the value: cut at each length, one cut parses as it.
                let rest = rest_from(&text, place);
                let value = tree.pointer(pointer).unwrap();
                let begins = rest.char_indices().map(|(at, letter)| at + letter.len_utf8()).any(|end| {
                    parse(&rest.as_bytes()[..end], Limits::default()).as_ref() == Ok(value)
                });
                prop_assert!(begins && !rest.starts_with(char::is_whitespace), "{} at {:?} in {}", pointer, place, text);
            }
        }
    }
}
