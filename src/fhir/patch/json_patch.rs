//! JSON Patch, RFC 6902. R4 `http.html#patch`.

use crate::fhir::fhirpath::same_json;
use crate::fhir::json::{Json, escape_pointer};

use super::error::{PatchError, Reason};
use super::place::{find, find_mut, fits, index, tokens, weight};

/// Values that all `copy` operations of one patch may add together: copies of copies grow exponentially.
const MAX_COPIED: usize = 200_000;

/// Applies the operations in their order; on error the document stays as it was.
pub fn apply(document: &mut Json, patch: &Json) -> Result<(), PatchError> {
    let operations = patch.as_array().ok_or_else(|| PatchError::new(Reason::NotAPatch))?;
    // The form of all operations is judged before any is applied: a malformed patch is malformed whatever it meets.
    let parsed: Vec<Operation<'_>> = operations
        .iter()
        .enumerate()
        .map(|(index, operation)| parse(operation).map_err(|error| error.in_operation(index, format!("/{index}"))))
        .collect::<Result<_, _>>()?;
    let mut changed = document.clone();
    let mut copied = 0;
    for (index, operation) in parsed.iter().enumerate() {
        run(&mut changed, operation, &mut copied)
            .map_err(|error| error.in_operation(index, format!("/{index}")).target(operation.pointer))?;
    }
    *document = changed;
    Ok(())
}

struct Operation<'p> {
    pointer: &'p str,
    path: Vec<String>,
    action: Action<'p>,
}

enum Action<'p> {
    Add(&'p Json),
    Remove,
    Replace(&'p Json),
    Move(Vec<String>),
    Copy(Vec<String>),
    Test(&'p Json),
}

fn parse(operation: &Json) -> Result<Operation<'_>, PatchError> {
    let missing = |part| PatchError::new(Reason::MissingPart(part));
    if operation.as_object().is_none() {
        return Err(PatchError::new(Reason::NotAPatch));
    }
    let name = operation.get_str("op").ok_or_else(|| missing("op"))?;
    let pointer = operation.get_str("path").ok_or_else(|| missing("path"))?;
    let path = parse_pointer(pointer)?;
    let value = || operation.get("value").ok_or_else(|| missing("value"));
    let from = || parse_pointer(operation.get_str("from").ok_or_else(|| missing("from"))?);
    let action = match name {
        "add" => Action::Add(value()?),
        "remove" => Action::Remove,
        "replace" => Action::Replace(value()?),
        "move" => Action::Move(from()?),
        "copy" => Action::Copy(from()?),
        "test" => Action::Test(value()?),
        _ => return Err(PatchError::new(Reason::UnknownOperation)),
    };
    if let Action::Move(from) = &action
        && path.len() > from.len()
        && path.starts_with(from)
    {
        return Err(PatchError::new(Reason::MoveIntoItself).target(pointer));
    }
    Ok(Operation { pointer, path, action })
}

fn parse_pointer(pointer: &str) -> Result<Vec<String>, PatchError> {
    tokens(pointer).ok_or_else(|| PatchError::new(Reason::InvalidPointer).target(pointer))
}

fn run(document: &mut Json, operation: &Operation<'_>, copied: &mut usize) -> Result<(), PatchError> {
    let no_target = || PatchError::new(Reason::NoSuchTarget);
    let path = &operation.path;
    match &operation.action {
        Action::Add(value) => add(document, path, (*value).clone()),
        Action::Remove => remove(document, path).map(|_| ()),
        Action::Replace(value) => {
            if !fits(value, path.len()) {
                return Err(PatchError::new(Reason::TooLarge));
            }
            *find_mut(document, path).ok_or_else(no_target)? = (*value).clone();
            Ok(())
        }
        Action::Move(from) if from == path => find(document, from).map(|_| ()).ok_or_else(no_target),
        Action::Move(from) => {
            let value = remove(document, from)?;
            add(document, path, value)
        }
        Action::Copy(from) => {
            let value = find(document, from).ok_or_else(no_target)?.clone();
            *copied += weight(&value);
            if *copied > MAX_COPIED {
                return Err(PatchError::new(Reason::TooLarge));
            }
            add(document, path, value)
        }
        Action::Test(value) => match find(document, path).ok_or_else(no_target)? {
            found if same_json(found, value) => Ok(()),
            _ => Err(PatchError::new(Reason::TestFailed)),
        },
    }
}

fn add(document: &mut Json, path: &[String], value: Json) -> Result<(), PatchError> {
    if !fits(&value, path.len()) {
        return Err(PatchError::new(Reason::TooLarge));
    }
    let Some((last, above)) = path.split_last() else {
        *document = value;
        return Ok(());
    };
    match find_mut(document, above).ok_or_else(|| PatchError::new(Reason::NoSuchTarget))? {
        Json::Object(object) => {
            object.insert(last.as_str(), value);
            Ok(())
        }
        Json::Array(items) => {
            let at = if last == "-" { items.len() } else { array_index(last)? };
            if at > items.len() {
                return Err(PatchError::new(Reason::IndexOutOfRange));
            }
            items.insert(at, value);
            Ok(())
        }
        _ => Err(PatchError::new(Reason::NotAContainer)),
    }
}

fn remove(document: &mut Json, path: &[String]) -> Result<Json, PatchError> {
    let no_target = || PatchError::new(Reason::NoSuchTarget);
    let Some((last, above)) = path.split_last() else {
        return Err(PatchError::new(Reason::IsRoot));
    };
    match find_mut(document, above).ok_or_else(no_target)? {
        Json::Object(object) => object.remove(last).ok_or_else(no_target),
        Json::Array(items) => {
            let at = array_index(last)?;
            if at < items.len() { Ok(items.remove(at)) } else { Err(PatchError::new(Reason::IndexOutOfRange)) }
        }
        _ => Err(no_target()),
    }
}

fn array_index(token: &str) -> Result<usize, PatchError> {
    index(token).ok_or_else(|| PatchError::new(Reason::InvalidIndex).target(&escape_pointer(token)))
}

#[cfg(test)]
mod tests {
    use super::super::PatchErrorKind;
    use super::*;
    use crate::fhir::json::{Limits, parse as parse_json, to_compact};
    use proptest::prelude::*;

    fn json(text: &str) -> Json {
        parse_json(text.as_bytes(), Limits::default()).unwrap()
    }

    fn applied(document: &str, patch: &str) -> Result<String, PatchError> {
        let mut document = json(document);
        let before = document.clone();
        let result = apply(&mut document, &json(patch));
        if result.is_err() {
            assert_eq!(document, before, "a refused patch leaves no trace");
        }
        result.map(|()| to_compact(&document))
    }

    #[test]
    fn number_text_and_key_order_survive() {
        let patch = r#"[{"op":"replace","path":"/b","value":2.50},{"op":"add","path":"/d/-","value":1e2},
            {"op":"move","from":"/a","path":"/e"},{"op":"copy","from":"/d/0","path":"/d/0"}]"#;
        let result = applied(r#"{"c":1.0,"b":1,"a":"x","d":[0.10]}"#, patch).unwrap();
        assert_eq!(result, r#"{"c":1.0,"b":2.50,"d":[0.10,0.10,1e2],"e":"x"}"#);
    }

    #[test]
    fn the_form_of_the_patch_and_its_meeting_with_the_document_fail_differently() {
        let document = r#"{"a":[1],"b":"x"}"#;
        for (patch, operation, reason) in [
            ("{}", None, Reason::NotAPatch),
            (r#"[{"op":"add","path":"/b"}]"#, Some(0), Reason::MissingPart("value")),
            (r#"[{"op":"remove","path":"/b"},{"op":"x","path":"/b"}]"#, Some(1), Reason::UnknownOperation),
            (r#"[{"op":"remove","path":"b"}]"#, Some(0), Reason::InvalidPointer),
            (r#"[{"op":"remove","path":"/~2"}]"#, Some(0), Reason::InvalidPointer),
            (r#"[{"op":"move","from":"/a","path":"/a/0"}]"#, Some(0), Reason::MoveIntoItself),
        ] {
            let error = applied(document, patch).unwrap_err();
            assert_eq!((error.kind(), error.operation, error.reason), (PatchErrorKind::Malformed, operation, reason));
        }
        for (patch, reason) in [
            (r#"[{"op":"remove","path":"/c"}]"#, Reason::NoSuchTarget),
            (r#"[{"op":"remove","path":"/b"},{"op":"remove","path":"/b"}]"#, Reason::NoSuchTarget),
            (r#"[{"op":"add","path":"/a/01","value":1}]"#, Reason::InvalidIndex),
            (r#"[{"op":"add","path":"/a/2","value":1}]"#, Reason::IndexOutOfRange),
            (r#"[{"op":"add","path":"/b/c","value":1}]"#, Reason::NotAContainer),
            (r#"[{"op":"test","path":"/a/0","value":2}]"#, Reason::TestFailed),
            (r#"[{"op":"remove","path":""}]"#, Reason::IsRoot),
        ] {
            let error = applied(document, patch).unwrap_err();
            assert_eq!((error.kind(), error.reason), (PatchErrorKind::Inapplicable, reason), "{patch}");
        }
        let issue = applied(document, r#"[{"op":"remove","path":"/c"}]"#).unwrap_err().to_issue();
        assert_eq!(issue.pointer.as_deref(), Some("/0"));
        assert!(issue.en.ends_with("Target: /c") && issue.ja.contains("1 番目"));
    }

    #[test]
    fn copies_of_copies_are_bounded() {
        let step = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
        let patch = format!("[{}]", vec![step; 60].join(","));
        assert_eq!(applied(r#"{"a":[1]}"#, &patch).unwrap_err().reason, Reason::TooLarge);
    }

    /// The cases of HL7's suite, which follow RFC 6902's appendix.
    #[test]
    fn the_published_cases_pass() {
        let file =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/fhir-test-cases/r4/patch/json-patch-tests.json");
        let Ok(text) = std::fs::read(file) else {
            eprintln!("passed over: {file} is absent");
            return;
        };
        for case in parse_json(&text, Limits::default()).unwrap().as_array().unwrap() {
            let mut document = case.get("doc").unwrap().clone();
            let result = apply(&mut document, case.get("patch").unwrap());
            let comment = case.get_str("comment");
            match case.get("expected") {
                Some(expected) => assert!(result.is_ok() && same_json(&document, expected), "{comment:?} {result:?}"),
                None => assert!(result.is_err(), "{comment:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn adding_and_removing_again_changes_nothing(key in "[a-z~/]{1,4}", value in any::<i64>()) {
            let document = json(r#"{"A":1.50,"B":[true,null]}"#);
            let pointer = escape_pointer(&key);
            let patch = format!(
                r#"[{{"op":"add","path":"/{pointer}","value":{value}}},{{"op":"test","path":"/{pointer}","value":{value}}},
                {{"op":"move","from":"/{pointer}","path":"/B/1"}},{{"op":"remove","path":"/B/1"}}]"#
            );
            let mut changed = document.clone();
            apply(&mut changed, &json(&patch)).unwrap();
            prop_assert_eq!(changed, document);
        }

        #[test]
        fn no_patch_makes_it_panic(op in "add|remove|replace|move|copy|test", path in "(/[aB0-9~-]{0,2}){0,3}", from in "(/[aB0-9-]{0,2}){0,3}") {
            let patch = format!(r#"[{{"op":"{op}","path":"{path}","from":"{from}","value":{{"x":[]}}}}]"#);
            let _ = applied(r#"{"a":[[1],{"B":2}],"B":"x"}"#, &patch);
        }
    }
}
