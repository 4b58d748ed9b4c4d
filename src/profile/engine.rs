//! The one place where `jsonschema` is used: it runs compiled schemas straight on [`Json`], without a detour
//! through `serde_json::Value`, and reports what it finds as [`Finding`]s.

use std::borrow::Cow;

use jsonschema::json::{Array, JsonNumber, Node, NodeIdentity, Object as SchemaObject};
use jsonschema::types::JsonType;
use jsonschema::{Draft, Keyword, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use crate::fhir::json::{Json, Number, Object};

use super::format;
use super::keyword;

/// A compiled schema.
pub struct Schema(Validator<FhirJson>);

/// More findings than this about one object are not reported.
const LIMIT: usize = 200;

/// What a schema found wrong, at a pointer relative to the object it was run on.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub pointer: String,
    pub problem: Problem,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    UnknownMember(String),
    Missing(String),
    Absent(String),
    WrongKind,
    BadFormat(String),
    TooFew(u64),
    TooMany(u64),
    OutOfRange,
    SeveralOf(String),
    SiblingMismatch(String),
    Empty,
}

impl Schema {
    /// Compiles a schema that this crate has derived. It holds no reference, so nothing is ever fetched.
    pub fn compile(schema: &Value) -> Result<Schema, String> {
        let mut options = jsonschema::options_for::<FhirJson>()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false);
        for (name, check) in format::FORMATS {
            options = options.with_format(*name, check);
        }
        options = options
            .with_keyword("x-required", |_, value, _| Ok(keyword_box(keyword::Required::new(value))))
            .with_keyword("x-absent", |_, value, _| Ok(keyword_box(keyword::Absent::new(value))))
            .with_keyword("x-choice", |_, value, _| Ok(keyword_box(keyword::Choice::new(value))))
            .with_keyword("x-siblings", |_, value, _| Ok(keyword_box(keyword::Siblings::new(value))));
        options.build(schema).map(Schema).map_err(|error| error.masked().to_string())
    }

    pub fn is_valid(&self, node: &Json) -> bool {
        self.0.is_valid(node)
    }

    pub fn findings(&self, node: &Json) -> Vec<Finding> {
        self.0.iter_errors(node).take(LIMIT).flat_map(|error| findings(&error)).collect()
    }
}

fn findings(error: &ValidationError<'_>) -> Vec<Finding> {
    let at = |problem| Finding { pointer: error.instance_path().as_str().to_owned(), problem };
    let problem = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            return unexpected.iter().map(|name| at(Problem::UnknownMember(name.clone()))).collect();
        }
        ValidationErrorKind::Custom { keyword, message } => {
            let several = message.split('\n').map(str::to_owned);
            return several.map(|name| at(custom_problem(keyword, name))).collect();
        }
        ValidationErrorKind::Format { format } => Problem::BadFormat(format.clone()),
        ValidationErrorKind::MinItems { limit } => Problem::TooFew(*limit),
        ValidationErrorKind::MaxItems { limit } => Problem::TooMany(*limit),
        ValidationErrorKind::MinProperties { .. } => Problem::Empty,
        ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. } => Problem::OutOfRange,
        _ => Problem::WrongKind,
    };
    vec![at(problem)]
}

fn custom_problem(keyword: &str, name: String) -> Problem {
    match keyword {
        "x-required" => Problem::Missing(name),
        "x-absent" => Problem::Absent(name),
        "x-choice" => Problem::SeveralOf(name),
        _ => Problem::SiblingMismatch(name),
    }
}

fn keyword_box<K>(keyword: K) -> Box<dyn for<'i> Keyword<'i, FhirJson>>
where
    K: keyword::ObjectRule + Send + Sync + 'static,
{
    Box::new(ObjectKeyword(keyword))
}

/// An [`ObjectRule`](keyword::ObjectRule) as a keyword of `jsonschema`; several names travel in one message.
struct ObjectKeyword<K>(K);

impl<'i, K: keyword::ObjectRule + Send + Sync> Keyword<'i, FhirJson> for ObjectKeyword<K> {
    fn validate(&self, instance: &'i Json) -> Result<(), ValidationError<'i>> {
        let broken = instance.as_object().map(|object| self.0.broken(object)).unwrap_or_default();
        if broken.is_empty() { Ok(()) } else { Err(ValidationError::custom(broken.join("\n"))) }
    }

    fn is_valid(&self, instance: &'i Json) -> bool {
        instance.as_object().is_none_or(|object| self.0.holds(object))
    }
}

/// [`Json`] as a representation that `jsonschema` runs on.
pub struct FhirJson;

impl jsonschema::json::Json for FhirJson {
    type Node<'a> = &'a Json;
    type PreparedKey = String;
    type StringBuffer = Option<Json>;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Option<Json>, string: &str, f: impl FnOnce(&Json) -> T) -> T {
        f(buffer.insert(Json::from(string)))
    }
}

impl<'a> Node<'a, FhirJson> for &'a Json {
    type Object = &'a Object;
    type Array = &'a [Json];
    type Number = &'a Number;

    fn as_object(&self) -> Option<&'a Object> {
        Json::as_object(self)
    }

    fn as_array(&self) -> Option<&'a [Json]> {
        Json::as_array(self)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        Json::as_str(self).map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        Json::as_number(self)
    }

    fn as_boolean(&self) -> Option<bool> {
        Json::as_bool(self)
    }

    fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }

    fn json_type(&self) -> JsonType {
        match self {
            Json::Null => JsonType::Null,
            Json::Bool(_) => JsonType::Boolean,
            Json::Number(_) => JsonType::Number,
            Json::String(_) => JsonType::String,
            Json::Array(_) => JsonType::Array,
            Json::Object(_) => JsonType::Object,
        }
    }

    /// Only error values come this way, and no message of ours shows one: containers are cut short.
    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(match self {
            Json::Array(_) | Json::Object(_) => Value::Null,
            scalar => scalar.to_serde(),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref::<Json>(self) as usize))
    }
}

impl<'a> SchemaObject<'a, FhirJson> for &'a Object {
    type Node = &'a Json;
    type MemberName = &'a str;
    type MembersIter = Box<dyn Iterator<Item = (&'a str, &'a Json)> + 'a>;

    fn len(&self) -> usize {
        Object::len(self)
    }

    fn get(&self, key: &String) -> Option<&'a Json> {
        Object::get(self, key)
    }

    fn members(&self) -> Self::MembersIter {
        Box::new(Object::iter(self))
    }
}

impl<'a> Array<'a, FhirJson> for &'a [Json] {
    type Node = &'a Json;
    type ElementsIter = std::slice::Iter<'a, Json>;

    fn len(&self) -> usize {
        <[Json]>::len(self)
    }

    fn elements(&self) -> Self::ElementsIter {
        self.iter()
    }
}

/// FHIR decides by the written form: `1.0` is no integer (R4 `datatypes.html#integer`).
impl JsonNumber for &Number {
    fn as_u64(&self) -> Option<u64> {
        self.as_str().parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        Number::as_i64(self)
    }

    fn as_f64(&self) -> Option<f64> {
        self.as_str().parse().ok()
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(Number::as_str(self))
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        let exact = Number::as_i64(self).map(serde_json::Number::from);
        let near = || JsonNumber::as_f64(self).and_then(serde_json::Number::from_f64);
        Cow::Owned(exact.or_else(near).unwrap_or_else(|| 0.into()))
    }

    fn is_integer(&self) -> bool {
        self.is_written_as_integer()
    }

    fn is_written_as_integer(&self) -> bool {
        !Number::as_str(self).contains(['.', 'e', 'E'])
    }
}
