//! What a query is refused with: 400, naming the parameter. No value is repeated: it may be a patient's.

use crate::error::Error;
use crate::fhir::outcome::{Issue, IssueCode};

/// Characters of a name that are repeated.
const SHOWN: usize = 100;

/// A parameter's name as it may be repeated.
pub fn shown(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(SHOWN).collect()
}

/// A value that cannot be read; the words say why.
pub fn value(name: &str, ja: &str, en: &str) -> Error {
    let name = shown(name);
    Error::bad_parameter(
        &name,
        format!("{name} の値が正しくありません。{ja}"),
        format!("The value of {name} is wrong: {en}"),
    )
}

/// A parameter whose name is wrong or cannot be used so.
pub fn name(name: &str, code: IssueCode, ja: &str, en: &str) -> Error {
    let name = shown(name);
    let issue = Issue::error(code, format!("検索パラメータ {name}: {ja}"), format!("Search parameter {name}: {en}"));
    Error::bad_request(issue.on(format!("http.name:{name}")))
}

/// A modifier that the parameter does not have.
pub fn modifier(whole: &str, modifier: &str, possible: &[&str]) -> Error {
    let modifier = shown(modifier);
    let (ja, en) = match possible {
        [] => (
            format!("修飾子 :{modifier} は使えません。修飾子なしで指定してください。"),
            format!("the modifier :{modifier} is not possible here. Leave it out."),
        ),
        _ => {
            let list = possible.iter().map(|one| format!(":{one}")).collect::<Vec<_>>().join(", ");
            (
                format!("修飾子 :{modifier} は使えません。使えるのは {list} です。"),
                format!("the modifier :{modifier} is not possible here. Possible are {list}."),
            )
        }
    };
    name(whole, IssueCode::NotSupported, &ja, &en)
}

/// A name in a chain, `_has`, `_sort` or include that the type does not have. Passing over it would change the answer.
pub fn unknown(whole: &str, rtype: &str, code: &str) -> Error {
    let code = shown(code);
    name(
        whole,
        IssueCode::NotFound,
        &format!("{rtype} に検索パラメータ {code} はありません。"),
        &format!("there is no search parameter {code} of {rtype}."),
    )
}

/// A name that is no resource type.
pub fn unknown_type(whole: &str, rtype: &str) -> Error {
    let rtype = shown(rtype);
    name(
        whole,
        IssueCode::NotFound,
        &format!("{rtype} というリソース型では検索できません。"),
        &format!("resources of a type {rtype} cannot be searched."),
    )
}

/// More than one search may ask.
pub fn too_costly(whole: &str, ja: &str, en: &str) -> Error {
    name(whole, IssueCode::TooCostly, ja, en)
}
