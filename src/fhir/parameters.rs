//! Parameters, the resource in which operations answer (R4 `parameters.html`).

use super::json::{Json, Object};

/// The resource.
pub fn parameters(list: Vec<Json>) -> Json {
    let mut parameters = Object::new();
    parameters.insert("resourceType", "Parameters");
    if !list.is_empty() {
        parameters.insert("parameter", list);
    }
    parameters.into()
}

/// A parameter, or a part of one; `member` is `value[x]` with its type, `resource` or `part`.
pub fn part(name: &str, member: &str, value: impl Into<Json>) -> Json {
    Json::from([("name", name.into()), (member, value.into())])
}

/// A parameter that has parts.
pub fn parts_of(name: &str, parts: Vec<Json>) -> Json {
    part(name, "part", parts)
}
