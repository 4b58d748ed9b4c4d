//! The tree: [`Json`], [`Object`] and [`Number`].

use std::fmt;

/// A JSON value whose objects keep their order and whose numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Json>),
    Object(Object),
}

/// A number as it was written. Two numbers are equal when their texts are: in FHIR `1.5` and `1.50` differ
/// in precision (R4 `datatypes.html#decimal`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

/// An object's members in the order in which they were written. Keys are unique: the parser sees to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    members: Vec<(String, Json)>,
}

impl Json {
    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Json::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Json::Number(number) => Some(number),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Json::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The member `key` of an object; `None` on every other kind.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.as_object()?.get(key)
    }

    /// The text of the string member `key`.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// The items of the array member `key`; empty where there is none.
    pub fn items(&self, key: &str) -> &[Json] {
        self.get(key).and_then(Json::as_array).unwrap_or_default()
    }

    /// The value at a JSON pointer (RFC 6901).
    pub fn pointer(&self, pointer: &str) -> Option<&Json> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |node, token| match node {
            Json::Object(object) => object.get(&unescape_pointer(token)),
            Json::Array(items) => items.get(token.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// This tree as `serde_json` sees it, for libraries that ask for it. Decimal text may lose digits on the way.
    pub fn to_serde(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::Number(number) => number.to_serde(),
            Json::String(text) => Value::String(text.clone()),
            Json::Array(items) => Value::Array(items.iter().map(Json::to_serde).collect()),
            Json::Object(object) => {
                Value::Object(object.iter().map(|(key, value)| (key.to_owned(), value.to_serde())).collect())
            }
        }
    }

    /// A tree from `serde_json`, for values that the program itself builds.
    pub fn from_serde(value: &serde_json::Value) -> Json {
        use serde_json::Value;
        match value {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Number(number) => Json::Number(Number(number.to_string().into())),
            Value::String(text) => Json::String(text.clone()),
            Value::Array(items) => Json::Array(items.iter().map(Json::from_serde).collect()),
            Value::Object(map) => {
                Json::Object(map.iter().map(|(key, value)| (key.clone(), Json::from_serde(value))).collect())
            }
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::String(text)
    }
}

impl From<bool> for Json {
    fn from(flag: bool) -> Self {
        Json::Bool(flag)
    }
}

impl From<i64> for Json {
    fn from(integer: i64) -> Self {
        Json::Number(integer.into())
    }
}

impl<const N: usize> From<[(&str, Json); N]> for Json {
    /// An object of these members, whose names differ.
    fn from(members: [(&str, Json); N]) -> Self {
        Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

impl Number {
    /// `text` must follow the JSON grammar for numbers; the parser and the formatters of integers are its only callers.
    pub(crate) fn from_text(text: &str) -> Self {
        Number(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value as an integer, where the text is one.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    fn to_serde(&self) -> serde_json::Value {
        if let Ok(integer) = self.0.parse::<i64>() {
            return integer.into();
        }
        self.0.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or(serde_json::Value::Null, Into::into)
    }
}

impl From<i64> for Number {
    fn from(integer: i64) -> Self {
        Number(integer.to_string().into())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Object {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        self.members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Json> {
        self.members.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key`, in its old place if it was there, else at the end. Answers the value that stood there.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Json>) -> Option<Json> {
        let (key, value) = (key.into(), value.into());
        match self.get_mut(&key) {
            Some(slot) => Some(std::mem::replace(slot, value)),
            None => {
                self.members.push((key, value));
                None
            }
        }
    }

    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let at = self.members.iter().position(|(name, _)| name == key)?;
        Some(self.members.remove(at).1)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Json)> {
        self.members.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Json)> {
        self.members.iter_mut().map(|(key, value)| (key.as_str(), value))
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Appends a member that the caller knows to be new.
    pub(crate) fn push_unchecked(&mut self, key: String, value: Json) {
        self.members.push((key, value));
    }
}

impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Json::Object(object)
    }
}

impl FromIterator<(String, Json)> for Object {
    fn from_iter<T: IntoIterator<Item = (String, Json)>>(members: T) -> Self {
        let mut object = Object::new();
        for (key, value) in members {
            object.insert(key, value);
        }
        object
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Json::Array(items)
    }
}

/// One reference token of a JSON pointer, escaped (RFC 6901 section 3).
pub fn escape_pointer(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

pub(super) fn unescape_pointer(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The FHIRPath form of a JSON pointer into a resource of `root` type: `/name/0/given` is `Patient.name[0].given`.
pub fn expression_of_pointer(root: &str, pointer: &str) -> String {
    let mut expression = root.to_owned();
    for token in pointer.split('/').skip(1) {
        if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) {
            expression.push_str(&format!("[{token}]"));
        } else {
            expression.push('.');
            // The `_` of a primitive's sibling is JSON's, not the element's.
            expression.push_str(&unescape_pointer(token.strip_prefix('_').unwrap_or(token)));
        }
    }
    expression
}
