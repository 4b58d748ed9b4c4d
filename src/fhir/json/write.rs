//! Writing a tree as text, compact or for people.

use super::value::Json;

/// The shortest text: no white space, only the escapes that JSON demands.
pub fn to_compact(value: &Json) -> String {
    let mut out = String::new();
    write(value, &mut out, None);
    out
}

/// Two spaces a level, one member a line.
pub fn to_pretty(value: &Json) -> String {
    let mut out = String::new();
    write(value, &mut out, Some(0));
    out.push('\n');
    out
}

fn write(value: &Json, out: &mut String, indent: Option<usize>) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Json::Number(number) => out.push_str(number.as_str()),
        Json::String(text) => write_string(text, out),
        Json::Array(items) => {
            list('[', ']', items.iter(), out, indent, write);
        }
        Json::Object(object) => list('{', '}', object.iter(), out, indent, |(key, value), out, indent| {
            write_string(key, out);
            out.push_str(if indent.is_some() { ": " } else { ":" });
            write(value, out, indent);
        }),
    }
}

fn list<T>(
    open: char,
    close: char,
    items: impl ExactSizeIterator<Item = T>,
    out: &mut String,
    indent: Option<usize>,
    each: impl Fn(T, &mut String, Option<usize>),
) {
    let inner = indent.map(|level| level + 1);
    let empty = items.len() == 0;
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        new_line(out, inner);
        each(item, out, inner);
    }
    if !empty {
        new_line(out, indent);
    }
    out.push(close);
}

fn new_line(out: &mut String, indent: Option<usize>) {
    if let Some(level) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
}

/// `text` as a JSON string, quotes included.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut run = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[run..at]);
        if escape.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(escape);
        }
        run = at + 1;
    }
    out.push_str(&text[run..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::{Limits, parse};
    use proptest::prelude::*;

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<i64>().prop_map(|integer| Json::Number(integer.into())),
            ".*".prop_map(Json::String),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
                prop::collection::vec((".*", inner), 0..5)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(tree in json()) {
            let limits = Limits::default();
            prop_assert_eq!(&parse(to_compact(&tree).as_bytes(), limits).unwrap(), &tree);
            prop_assert_eq!(&parse(to_pretty(&tree).as_bytes(), limits).unwrap(), &tree);
        }
    }
}
