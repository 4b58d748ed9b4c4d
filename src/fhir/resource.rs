//! A resource's text with room for what the server writes into it: `id` and `meta`.
//!
//! The text that came is the text that is kept (ARCHITECTURE.md): the edits are made in place, on the bytes around.

use super::instant::Instant;
use super::json::{Json, Object, scan, to_compact, write_string};

/// A resource's text, cut where `meta.versionId` and `meta.lastUpdated` belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    head: String,
    tail: String,
}

impl Text {
    /// Prepares the text of a resource. `id` replaces or adds the logical id; the client's own `versionId` and
    /// `lastUpdated` go, the rest of `meta` stays as it was written. `tree` is `text` parsed.
    pub fn new(text: &str, tree: &Json, id: &str) -> Text {
        let text = text.trim_start_matches('\u{feff}').trim();
        let members = scan::members(text, 0);
        if members.iter().any(|member| member.key.contains('\\')) {
            // A name written with escapes is legal JSON; such a text is written anew rather than searched in disguise.
            let plain = to_compact(tree);
            return Text::new(&plain, tree, id);
        }
        let mut edits = Edits { text, done: 0, out: String::with_capacity(text.len() + 128) };
        let find = |key: &str| members.iter().find(|member| member.key == key);
        let id_text = quoted(id);
        let (has_id, has_meta) = (find("id").is_some(), find("meta").is_some());
        let anchor = find("resourceType").or(members.first()).map_or(1, |member| member.value.end);
        let mut cut = None;
        for member in &members {
            match member.key {
                "id" => edits.replace(member.value.clone(), &id_text),
                "meta" => {
                    edits.replace(member.value.clone(), "{");
                    cut = Some((edits.out.len(), kept_meta(text, member.value.start)));
                }
                _ => {}
            }
            let after_id = member.value.end == anchor && !has_id || member.key == "id";
            if member.value.end == anchor && !has_id {
                edits.insert(member.value.end, &format!(",\"id\":{id_text}"));
            }
            if after_id && !has_meta {
                edits.insert(member.value.end, ",\"meta\":{");
                cut = Some((edits.out.len(), "}".to_owned()));
            }
        }
        let out = edits.finish();
        let (at, rest) = cut.unwrap_or((out.len(), String::new()));
        Text { head: out[..at].to_owned(), tail: format!("{rest}{}", &out[at..]) }
    }

    /// The text of one version.
    pub fn render(&self, version: i64, at: Instant) -> String {
        let mut text = String::with_capacity(self.head.len() + self.tail.len() + 64);
        text.push_str(&self.head);
        text.push_str("\"versionId\":\"");
        text.push_str(&version.to_string());
        text.push_str("\",\"lastUpdated\":\"");
        text.push_str(&at.to_fhir());
        text.push('"');
        text.push_str(&self.tail);
        text
    }
}

/// The members of the client's `meta` that stay, each behind a comma, and the closing brace.
fn kept_meta(text: &str, from: usize) -> String {
    let mut kept = String::new();
    for member in scan::members(text, from) {
        if !is_server_meta(member.key) {
            kept.push(',');
            kept.push_str(&text[member.start..member.value.end]);
        }
    }
    kept.push('}');
    kept
}

/// Whether a member of `meta` is the server's to write (R4 `resource.html#Meta`).
fn is_server_meta(name: &str) -> bool {
    matches!(name, "versionId" | "lastUpdated" | "_versionId" | "_lastUpdated")
}

struct Edits<'a> {
    text: &'a str,
    done: usize,
    out: String,
}

impl Edits<'_> {
    fn replace(&mut self, place: std::ops::Range<usize>, with: &str) {
        self.out.push_str(&self.text[self.done..place.start]);
        self.out.push_str(with);
        self.done = place.end;
    }

    fn insert(&mut self, at: usize, text: &str) {
        self.replace(at.max(self.done)..at.max(self.done), text);
    }

    fn finish(mut self) -> String {
        self.out.push_str(&self.text[self.done..]);
        self.out
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_string(text, &mut out);
    out
}

/// Whether two contents of one resource say the same, apart from what the server writes into `meta`. The `id` is left
/// aside: it is the same, but stands elsewhere where the server has put it in.
pub fn same_content(left: &Json, right: &Json) -> bool {
    same_content_by(left, right, |_, _| true, |_, left, right| left == right)
}

/// The same for members that `count`, each compared with its counterpart by `same`.
pub fn same_content_by(
    left: &Json,
    right: &Json,
    count: impl Fn(&str, &Json) -> bool,
    same: impl Fn(&str, &Json, &Json) -> bool,
) -> bool {
    let (Json::Object(left), Json::Object(right)) = (left, right) else { return left == right };
    let counted = |(name, value): &(&str, &Json)| count(name, value);
    let pairs = |left: &(&str, &Json), right: &(&str, &Json)| left.0 == right.0 && same(left.0, left.1, right.1);
    all_pairs(own_members(left).filter(counted), own_members(right).filter(counted), pairs)
        && client_meta(left).eq(client_meta(right))
}

/// Whether both have as many items, and each is `same` as its counterpart.
pub fn all_pairs<T>(
    mut left: impl Iterator<Item = T>,
    mut right: impl Iterator<Item = T>,
    same: impl Fn(&T, &T) -> bool,
) -> bool {
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(left), Some(right)) if same(&left, &right) => {}
            _ => return false,
        }
    }
}

fn own_members(object: &Object) -> impl Iterator<Item = (&str, &Json)> {
    object.iter().filter(|(key, _)| !matches!(*key, "id" | "meta"))
}

fn client_meta(object: &Object) -> impl Iterator<Item = (&str, &Json)> {
    let meta = object.get("meta").and_then(Json::as_object);
    meta.into_iter().flat_map(Object::iter).filter(|(key, _)| !is_server_meta(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::{Limits, parse};

    fn rendered(text: &str) -> String {
        let tree = parse(text.as_bytes(), Limits::default()).unwrap();
        Text::new(text, &tree, "x").render(3, Instant(0))
    }

    const META: &str = r#""versionId":"3","lastUpdated":"1970-01-01T00:00:00.000Z""#;

    #[test]
    fn meta_is_added_and_everything_else_stays_as_written() {
        assert_eq!(
            rendered("{ \"resourceType\" : \"Basic\",\n  \"n\": 1.50 }"),
            format!("{{ \"resourceType\" : \"Basic\",\"id\":\"x\",\"meta\":{{{META}}},\n  \"n\": 1.50 }}")
        );
        assert_eq!(
            rendered(r#"{"id":"old","n":1,"resourceType":"Basic"}"#),
            format!(r#"{{"id":"x","meta":{{{META}}},"n":1,"resourceType":"Basic"}}"#)
        );
        assert_eq!(
            rendered(r#"{"resourceType":"Basic"}"#),
            format!(r#"{{"resourceType":"Basic","id":"x","meta":{{{META}}}}}"#)
        );
    }

    #[test]
    fn the_clients_meta_stays_but_for_version_and_time() {
        let text = r#"{"resourceType":"Basic","meta":{"versionId":"9","profile":["p"],"lastUpdated":"2020"},"id":"x"}"#;
        assert_eq!(rendered(text), format!(r#"{{"resourceType":"Basic","meta":{{{META},"profile":["p"]}},"id":"x"}}"#));
        let before = r#"{"meta":{"tag":[]},"resourceType":"Basic","b":1}"#;
        assert_eq!(
            rendered(before),
            format!(r#"{{"meta":{{{META},"tag":[]}},"resourceType":"Basic","id":"x","b":1}}"#)
        );
    }

    #[test]
    fn names_in_disguise_are_found() {
        let text = r#"{"resourceType":"Basic","met\u0061":{"versionId":"9"}}"#;
        assert_eq!(rendered(text), format!(r#"{{"resourceType":"Basic","id":"x","meta":{{{META}}}}}"#));
    }

    #[test]
    fn content_is_compared_without_the_servers_meta() {
        let tree = |text: &str| parse(text.as_bytes(), Limits::default()).unwrap();
        let a = tree(r#"{"id":"x","meta":{"versionId":"1"},"n":1.5}"#);
        assert!(same_content(&a, &tree(r#"{"id":"x","n":1.5}"#)));
        assert!(same_content(&a, &tree(r#"{"n":1.5,"id":"x"}"#)));
        assert!(!same_content(&a, &tree(r#"{"id":"x","n":1.50}"#)));
        assert!(!same_content(&a, &tree(r#"{"id":"x","meta":{"profile":["p"]},"n":1.5}"#)));
    }
}
