//! Places in a document that is being changed.

use crate::fhir::json::{Json, Limits, Object};

/// The reference tokens of a JSON pointer (RFC 6901); `None` for what is no pointer.
pub(super) fn tokens(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer.strip_prefix('/')?.split('/').map(unescape).collect()
}

fn unescape(token: &str) -> Option<String> {
    let valid = token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    valid.then(|| token.replace("~1", "/").replace("~0", "~"))
}

/// An array index: digits without a leading zero (RFC 6901 section 4).
pub(super) fn index(token: &str) -> Option<usize> {
    let digits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (token == "0" || !token.starts_with('0'))).then(|| token.parse().ok()).flatten()
}

/// The value at `tokens`.
pub(super) fn find<'d>(root: &'d Json, tokens: &[String]) -> Option<&'d Json> {
    tokens.iter().try_fold(root, |node, token| match node {
        Json::Object(object) => object.get(token),
        Json::Array(items) => items.get(index(token)?),
        _ => None,
    })
}

pub(super) fn find_mut<'d>(root: &'d mut Json, tokens: &[String]) -> Option<&'d mut Json> {
    tokens.iter().try_fold(root, |node, token| match node {
        Json::Object(object) => object.get_mut(token),
        Json::Array(items) => items.get_mut(index(token)?),
        _ => None,
    })
}

/// Whether `value` may stand `above` levels down without passing the depth that a parser accepts.
pub(super) fn fits(value: &Json, above: usize) -> bool {
    fn depth(value: &Json, left: usize) -> bool {
        match value {
            Json::Object(object) => left > 0 && object.iter().all(|(_, child)| depth(child, left - 1)),
            Json::Array(items) => left > 0 && items.iter().all(|child| depth(child, left - 1)),
            _ => true,
        }
    }
    Limits::default().depth.checked_sub(above).is_some_and(|left| depth(value, left))
}

/// How many values a tree holds.
pub(super) fn weight(value: &Json) -> usize {
    1 + match value {
        Json::Object(object) => object.iter().map(|(_, child)| weight(child)).sum(),
        Json::Array(items) => items.iter().map(weight).sum(),
        _ => 0,
    }
}

/// Gives the member `old` another key and value, in its place.
pub(super) fn rename(object: &mut Object, old: &str, new: &str, value: Json) {
    let mut value = Some(value);
    *object = std::mem::take(object)
        .iter()
        .filter_map(|(key, json)| match key == old {
            true => Some((new.to_owned(), value.take()?)),
            false => Some((key.to_owned(), json.clone())),
        })
        .collect();
}
