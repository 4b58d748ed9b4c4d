//! What the schema engine found, in words.

use crate::fhir::json::{Json, escape_pointer};
use crate::fhir::outcome::{Issue, IssueCode};

use super::engine::{Finding, Problem};
use super::issue::{error, rule};
use super::shape::{Element, Shape, Structure};

/// A schema finding as an issue, and the pointer below the finding's own that it belongs to.
pub fn of_finding(structure: &Structure, shape: &Shape, node: &Json, finding: &Finding) -> (Issue, String) {
    let member = finding.pointer.split('/').nth(1).unwrap_or_default();
    let known = shape.members.get(member);
    let element = known.and_then(|known| shape.elements.get(known.element));
    let path = element.map_or(shape.path.as_str(), |element| element.path.as_str());
    let value = node.pointer(&finding.pointer);
    let type_name =
        known.and_then(|known| element?.types.get(known.type_index)).map(|spec| spec.code.clone()).unwrap_or_default();
    let at = |name: &str| {
        shape
            .element(name.trim_end_matches("[x]"))
            .map_or_else(|| format!("{}.{name}", shape.path), |element| element.path.clone())
    };
    let mut below = String::new();
    let issue = match &finding.problem {
        Problem::UnknownMember(name) => {
            below = format!("/{}", escape_pointer(name));
            unknown_member(shape, structure, name)
        }
        Problem::Missing(name) => missing(structure, &at(name), name),
        Problem::Absent(name) => {
            below = format!("/{name}");
            not_allowed(structure, shape, &path_of_member(shape, name).unwrap_or_else(|| at(name)), name)
        }
        Problem::SeveralOf(names) => several(structure, &shape.path, names),
        Problem::SiblingMismatch(name) => siblings(structure, &at(name), name),
        Problem::TooFew(limit) => count(structure, path, "min", *limit, value),
        Problem::TooMany(limit) => count(structure, path, "max", *limit, value),
        Problem::Empty => empty(structure, path),
        Problem::OutOfRange => out_of_range(structure, path, &type_name),
        Problem::BadFormat(format) => bad_format(structure, path, format.trim_start_matches("fhir-"), value),
        Problem::WrongKind => wrong_kind(
            structure,
            path,
            (&type_name, element.is_some_and(|element| element.array)),
            known.is_some_and(|known| known.sibling),
            value,
        ),
    };
    (issue, below)
}

/// The element that a member is a form of: `value[x]` for `valueString`.
fn path_of_member(shape: &Shape, name: &str) -> Option<String> {
    let own = shape.members.get(name).and_then(|member| shape.elements.get(member.element));
    own.or_else(|| refusing(shape, name)).map(|element| element.path.clone())
}

/// The choice that leaves out the form `name`.
fn refusing<'s>(shape: &'s Shape, name: &str) -> Option<&'s Element> {
    shape.elements.iter().find(|element| element.refused_members.iter().any(|refused| refused == name))
}

fn unknown_member(shape: &Shape, structure: &Structure, name: &str) -> Issue {
    let near = shape.members.keys().filter(|key| !key.starts_with('_')).map(|key| (distance(key, name), key)).min();
    let near = near.filter(|(far, _)| *far <= 2).map(|(_, key)| key.as_str());
    // A name that is not FHIR's may hold anything, so it is not repeated unless it looks like a name.
    let plain = name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let shown = if plain { format!("「{name}」") } else { String::new() };
    let hint_ja = near.map(|key| format!("「{key}」ではありませんか。")).unwrap_or_default();
    let hint_en = near.map(|key| format!(" Did you mean '{key}'?")).unwrap_or_default();
    let shown_en = if plain { format!("'{name}'") } else { "of this name".to_owned() };
    error(
        IssueCode::Structure,
        format!("{} に要素{shown}はありません。{hint_ja}", shape.path),
        format!("{} has no element {shown_en}.{hint_en}", shape.path),
    )
    .rule(rule(structure, &shape.path, "structure"))
}

/// Letters to change; enough for a hint.
fn distance(left: &str, right: &str) -> usize {
    if left.len().abs_diff(right.len()) > 2 || right.len() > 60 {
        return usize::MAX;
    }
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.chars().enumerate() {
        let mut corner = at;
        let mut last = at + 1;
        for (column, other) in right.iter().enumerate() {
            let up = row.get(column + 1).copied().unwrap_or_default();
            let cost = (corner + usize::from(letter != *other)).min(up + 1).min(last + 1);
            corner = up;
            if let Some(cell) = row.get_mut(column) {
                *cell = last;
            }
            last = cost;
        }
        if let Some(cell) = row.last_mut() {
            *cell = last;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

fn missing(structure: &Structure, path: &str, name: &str) -> Issue {
    error(
        IssueCode::Required,
        format!("必須の要素「{name}」がありません。"),
        format!("The required element '{name}' is missing."),
    )
    .rule(rule(structure, path, "min"))
}

fn not_allowed(structure: &Structure, shape: &Shape, path: &str, name: &str) -> Issue {
    let forms = refusing(shape, name).map(|choice| choice.forms.as_slice()).unwrap_or_default();
    let forms: Vec<&str> = forms.iter().map(|form| form.name.as_str()).collect();
    let (ja, en) = match forms.as_slice() {
        [] => Default::default(),
        some => (format!("使えるもの: {}。", some.join(", ")), format!(" Allowed: {}.", some.join(", "))),
    };
    error(
        IssueCode::Structure,
        format!("要素「{name}」は、このプロファイルでは使えません。{ja}"),
        format!("The element '{name}' is not allowed by this profile.{en}"),
    )
    .rule(rule(structure, path, "max"))
}

fn several(structure: &Structure, path: &str, names: &str) -> Issue {
    error(
        IssueCode::Structure,
        format!("選択型の要素は一つだけです: {names}。"),
        format!("Only one of these may stand: {names}."),
    )
    .rule(rule(structure, path, "choice"))
}

fn siblings(structure: &Structure, path: &str, name: &str) -> Issue {
    error(
        IssueCode::Structure,
        format!("配列「{name}」と「_{name}」の両方が空(null)の位置があります。"),
        format!("A place is empty (null) in both arrays, '{name}' and '_{name}'."),
    )
    .rule(rule(structure, path, "json"))
}

fn count(structure: &Structure, path: &str, key: &str, limit: u64, value: Option<&Json>) -> Issue {
    let found = value.and_then(Json::as_array).map_or(0, <[Json]>::len);
    let (ja, en) = if key == "min" { ("以上", "at least") } else { ("以下", "at most") };
    error(
        if key == "min" { IssueCode::Required } else { IssueCode::Structure },
        format!("要素の数は{limit}{ja}でなければなりません({found}個ありました)。"),
        format!("There must be {en} {limit}; {found} found."),
    )
    .rule(rule(structure, path, key))
}

fn empty(structure: &Structure, path: &str) -> Issue {
    error(IssueCode::Structure, "空のオブジェクトは使えません。".into(), "An object must not be empty.".into())
        .rule(rule(structure, path, "ele-1"))
}

fn out_of_range(structure: &Structure, path: &str, type_name: &str) -> Issue {
    let range = match type_name {
        "positiveInt" => " (1 … 2147483647)",
        "unsignedInt" => " (0 … 2147483647)",
        "integer" => " (-2147483648 … 2147483647)",
        _ => "",
    };
    error(
        IssueCode::Value,
        format!("値が {type_name} の範囲{range}にありません。"),
        format!("The value is outside the range of {type_name}{range}."),
    )
    .rule(rule(structure, path, "type"))
}

fn bad_format(structure: &Structure, path: &str, format: &str, value: Option<&Json>) -> Issue {
    let length = value.and_then(Json::as_str).map_or(0, |text| text.chars().count());
    let (ja, en) = format_hint(format);
    error(
        IssueCode::Value,
        format!("{format} の形式ではありません({length}文字)。{ja}"),
        format!("Not in the form of {format} ({length} characters found). {en}"),
    )
    .rule(rule(structure, path, "type"))
}

fn format_hint(format: &str) -> (&'static str, &'static str) {
    match format {
        "date" => {
            ("YYYY、YYYY-MM または YYYY-MM-DD(実在する日)。", "Use YYYY, YYYY-MM or YYYY-MM-DD, a day that exists.")
        }
        "dateTime" => (
            "YYYY-MM-DD または YYYY-MM-DDThh:mm:ss+09:00 など。",
            "Use YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with an offset or Z.",
        ),
        "instant" => ("YYYY-MM-DDThh:mm:ss+09:00 など、秒と時差まで。", "Use YYYY-MM-DDThh:mm:ss with an offset or Z."),
        "time" => ("hh:mm:ss。", "Use hh:mm:ss."),
        "id" => ("英数字・「-」・「.」で64文字まで。", "Use up to 64 of A-Z a-z 0-9 - and full stop."),
        "code" => ("前後に空白がなく、連続した空白のない文字列。", "No space at the ends, single spaces inside."),
        "uri" | "url" => ("空白のない URI。", "A URI without white space."),
        "canonical" => ("絶対 URI、または「#」で始まる参照。", "An absolute URI, or a fragment that begins with #."),
        "oid" => ("urn:oid:1.2.… の形。", "Use urn:oid:1.2.…"),
        "uuid" => ("urn:uuid: と小文字の UUID。", "Use urn:uuid: with lower-case digits."),
        "base64Binary" => ("Base64。", "Use Base64."),
        _ => ("空でなく、1 MiB までの文字列。", "A text that is not empty, up to 1 MiB."),
    }
}

fn kind(value: Option<&Json>) -> (&'static str, &'static str) {
    match value {
        Some(Json::Object(_)) => ("オブジェクト", "an object"),
        Some(Json::Array(_)) => ("配列", "an array"),
        Some(Json::String(_)) => ("文字列", "a string"),
        Some(Json::Number(_)) => ("数値", "a number"),
        Some(Json::Bool(_)) => ("真偽値", "a boolean"),
        Some(Json::Null) => ("null", "null"),
        None => ("なし", "nothing"),
    }
}

fn wrong_kind(
    structure: &Structure,
    path: &str,
    (type_name, array): (&str, bool),
    sibling: bool,
    value: Option<&Json>,
) -> Issue {
    let (ja, en) = kind(value);
    // Inside an array the place is an item.
    let array = array && !matches!(value, Some(Json::Array(_)));
    let expected = if sibling { "{id, extension}" } else { type_name };
    let (list_ja, list_en) = if array { ("の配列", "an array of ") } else { ("", "") };
    error(
        IssueCode::Structure,
        format!("JSON の型が違います: {ja}ですが、{expected}{list_ja}でなければなりません。"),
        format!("Wrong JSON form: found {en}, expected {list_en}{expected}."),
    )
    .rule(rule(structure, path, "type"))
}
