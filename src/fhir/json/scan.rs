//! Where things stand in a text that is already known to be JSON, so that it can be edited in place.
//!
//! The functions trust their input: they are called after [`super::parse`] has accepted the same text.

use std::ops::Range;

/// One member of an object: the key (unescaped only as far as FHIR names need: not at all) and its value's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    pub key: &'a str,
    /// From the key's opening quote.
    pub start: usize,
    /// The value's bytes in the text.
    pub value: Range<usize>,
}

/// The members of the object that starts at or after `from`, skipping white space. Empty for any other value.
pub fn members(text: &str, from: usize) -> Vec<Member<'_>> {
    let bytes = text.as_bytes();
    let mut at = skip_space(bytes, from);
    let mut found = Vec::new();
    if bytes.get(at) != Some(&b'{') {
        return found;
    }
    at = skip_space(bytes, at + 1);
    while bytes.get(at) == Some(&b'"') {
        let start = at;
        let key_end = string_end(bytes, at);
        at = skip_space(bytes, key_end);
        let value_start = skip_space(bytes, at + 1);
        let value_end = value_end(bytes, value_start);
        found.push(Member { key: &text[start + 1..key_end - 1], start, value: value_start..value_end });
        at = skip_space(bytes, value_end);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
    }
    found
}

/// The places of the items of the array that starts at or after `from`. Empty for any other value.
pub fn items(text: &str, from: usize) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = skip_space(bytes, from);
    let mut found = Vec::new();
    if bytes.get(at) != Some(&b'[') {
        return found;
    }
    at = skip_space(bytes, at + 1);
    while at < bytes.len() && bytes[at] != b']' {
        let end = value_end(bytes, at);
        found.push(at..end);
        at = skip_space(bytes, end);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
    }
    found
}

/// The place of the value at a JSON pointer, or of the nearest ancestor that exists.
pub fn locate(text: &str, pointer: &str) -> Range<usize> {
    let start = document_start(text);
    let mut place = start..value_end(text.as_bytes(), start);
    for token in pointer.split('/').skip(1) {
        let next = match text.as_bytes().get(place.start) {
            Some(b'{') => members(text, place.start).into_iter().find(|member| member.key == token).map(|m| m.value),
            Some(b'[') => token.parse().ok().and_then(|index: usize| items(text, place.start).into_iter().nth(index)),
            _ => None,
        };
        match next {
            Some(next) => place = next,
            None => break,
        }
    }
    place
}

/// Where the one value of the text begins, after a byte order mark and white space.
pub fn document_start(text: &str) -> usize {
    skip_space(text.as_bytes(), if text.starts_with('\u{feff}') { 3 } else { 0 })
}

fn value_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => nested_end(bytes, at),
        _ => at + bytes[at.min(bytes.len())..].iter().take_while(|byte| !b",]} \t\r\n".contains(byte)).count(),
    }
}

fn nested_end(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// One past the closing quote of the string that opens at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    from + bytes[from.min(bytes.len())..].iter().take_while(|byte| b" \t\r\n".contains(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_items_are_found_through_strings_that_look_like_structure() {
        let text = r#" { "a" : "}\"]" , "b":[ 1.50 ,{"c":[]}, "x,y" ] }"#;
        let found = members(text, 0);
        assert_eq!(found.iter().map(|m| (m.key, &text[m.value.clone()])).collect::<Vec<_>>()[0], ("a", r#""}\"]""#));
        let list: Vec<_> = items(text, found[1].value.start).into_iter().map(|place| &text[place]).collect();
        assert_eq!(list, ["1.50", r#"{"c":[]}"#, r#""x,y""#]);
        assert_eq!(&text[locate(text, "/b/1/c")], "[]");
        assert_eq!(&text[locate(text, "/b/9/c")], &text[found[1].value.clone()]);
    }
}
