//! The inputs of an operation: from the URL, and from a posted Parameters or other resource. R4 `parameters.html`,
//! `operations.html#request`.

use crate::error::{Error, Result};
use crate::exchange::{Verb, aside, check_rules};
use crate::fhir::json::{Json, Object};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::http::App;
use crate::http::ask::Media;
use crate::http::route::Target;

use super::Call;

/// Names and values in the order in which they came: those of the URL first. A name may stand several times.
#[derive(Debug, Default)]
pub struct Inputs {
    list: Vec<Input>,
}

#[derive(Debug)]
pub struct Input {
    pub name: String,
    pub value: Value,
    /// JSON pointer into the Parameters resource; `None` where it came otherwise.
    place: Option<String>,
}

/// What an input is.
#[derive(Debug)]
pub enum Value {
    /// From the URL: text of whichever primitive type the operation wants.
    Text(String),
    /// `value[x]`: the type as it ends the member's name (`Uri`, `Coding`), and the value.
    Typed(String, Json),
    /// Not held to the JSON rules yet: [`Inputs::resource`] does, for all but `$validate`, which tells what is wrong.
    Resource(Json),
    Parts(Inputs),
}

/// The primitive types that are texts.
const TEXTS: [&str; 14] = [
    "String",
    "Uri",
    "Url",
    "Canonical",
    "Code",
    "Id",
    "Oid",
    "Uuid",
    "Markdown",
    "Date",
    "DateTime",
    "Instant",
    "Time",
    "Base64Binary",
];

impl Inputs {
    pub(super) fn read(app: &App, call: &Call<'_>) -> Result<Inputs> {
        let of_url = |(name, value)| Input { name, value: Value::Text(value), place: None };
        let mut inputs = Inputs { list: call.ask.pairs().into_iter().map(of_url).collect() };
        if call.ask.verb != Verb::Post || call.ask.body.is_empty() || call.ask.media != Media::Fhir {
            return Ok(inputs);
        }
        let tree = app.gateway.read_tree(&call.ask.body)?;
        let bare = call.operation.bare;
        if is_wrapper(&tree, call.target, bare) {
            aside(call.ask.body.len(), || check_wrapper(&tree))?;
            inputs.list.extend(Inputs::of_parameters(tree, "parameter", "")?.list);
            return Ok(inputs);
        }
        let Some(name) = bare else { return Err(no_parameters()) };
        inputs.list.push(Input { name: name.to_owned(), value: Value::Resource(tree), place: None });
        Ok(inputs)
    }

    /// Takes the list `member` (`parameter`, then `part`) apart.
    fn of_parameters(mut tree: Json, member: &str, place: &str) -> Result<Inputs> {
        let mut list = Vec::new();
        match tree.as_object_mut().and_then(|tree| tree.remove(member)) {
            None => {}
            Some(Json::Array(items)) => {
                for (index, item) in items.into_iter().enumerate() {
                    list.push(read_parameter(item, format!("{place}/{member}/{index}"))?);
                }
            }
            Some(_) => return Err(malformed(&format!("{place}/{member}"))),
        }
        Ok(Inputs { list })
    }

    /// 400 for a name that is not among these.
    pub(super) fn refuse_others(&self, known: &[&str]) -> Result<()> {
        match self.list.iter().find(|input| !known.contains(&input.name.as_str())) {
            None => Ok(()),
            Some(input) => Err(input.refused(
                IssueCode::NotSupported,
                format!("この操作にないパラメータです。使えるもの: {}", known.join(", ")),
                format!("The operation has no such parameter. It has: {}", known.join(", ")),
            )),
        }
    }

    /// Every value under the name.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Input> + use<'a, 'n> {
        self.list.iter().filter(move |input: &&'a Input| input.name == name)
    }

    /// The value under the name, if any; 400 where there are several.
    pub fn one(&self, name: &str) -> Result<Option<&Input>> {
        let mut found = self.all(name);
        let first = found.next();
        match found.next() {
            None => Ok(first),
            Some(second) => Err(second.refused(
                IssueCode::Duplicate,
                "このパラメータは一度だけです。",
                "The parameter may stand once only.",
            )),
        }
    }

    /// All of them as the pairs that a URL would have: what is no primitive, Coding, Duration or Period is refused.
    pub fn pairs(&self) -> Result<Vec<(String, String)>> {
        self.list.iter().map(|input| Ok((input.name.clone(), input.as_parameter()?))).collect()
    }

    /// A text: a string, uri, code, date or the like.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        self.one(name)?.map(Input::text).transpose()
    }

    pub fn texts(&self, name: &str) -> Result<Vec<&str>> {
        self.all(name).map(Input::text).collect()
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>> {
        let Some(input) = self.one(name)? else { return Ok(None) };
        let found = match &input.value {
            Value::Text(text) => text.parse().ok(),
            Value::Typed(_, value) => value.as_bool(),
            Value::Resource(_) | Value::Parts(_) => None,
        };
        found.map(Some).ok_or_else(|| input.of_another_type("boolean"))
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>> {
        let Some(input) = self.one(name)? else { return Ok(None) };
        let found = match &input.value {
            Value::Text(text) => text.parse().ok(),
            Value::Typed(_, value) => value.as_number().and_then(|number| number.as_i64()),
            Value::Resource(_) | Value::Parts(_) => None,
        };
        found.map(Some).ok_or_else(|| input.of_another_type("integer"))
    }

    /// A value of a complex type, such as `Coding`.
    pub fn typed(&self, name: &str, type_name: &str) -> Result<Option<&Json>> {
        let Some(input) = self.one(name)? else { return Ok(None) };
        match &input.value {
            Value::Typed(found, value) if found == type_name && value.as_object().is_some() => Ok(Some(value)),
            _ => Err(input.of_another_type(type_name)),
        }
    }

    /// A resource that keeps the JSON rules.
    pub fn resource(&self, name: &str) -> Result<Option<&Json>> {
        let Some(input) = self.one(name)? else { return Ok(None) };
        let resource = input.as_resource()?;
        check_rules(resource).map_err(|error| input.around(error))?;
        Ok(Some(resource))
    }
}

impl Input {
    pub fn text(&self) -> Result<&str> {
        match &self.value {
            Value::Text(text) | Value::Typed(_, Json::String(text)) if self.is_text() => Ok(text),
            _ => Err(self.of_another_type("string")),
        }
    }

    fn as_parameter(&self) -> Result<String> {
        let token = |value: &Json, first: &str| match (value.get_str(first), value.get_str("code")) {
            (Some(first), Some(code)) => Some(format!("{first}|{code}")),
            (None, Some(code)) => Some(code.to_owned()),
            _ => None,
        };
        let found = match &self.value {
            Value::Text(text) | Value::Typed(_, Json::String(text)) => Some(text.clone()),
            Value::Typed(_, Json::Number(number)) => Some(number.as_str().to_owned()),
            Value::Typed(_, Json::Bool(value)) => Some(value.to_string()),
            Value::Typed(name, value) if name == "Coding" => token(value, "system"),
            Value::Typed(name, value) if name == "Period" => {
                let moment = |name: &str| value.get_str(name).unwrap_or_default();
                Some(format!("{}/{}", moment("start"), moment("end")))
            }
            Value::Typed(name, value) if name == "Duration" => {
                let number = value.get("value").and_then(|number| number.as_number());
                number.map(|number| format!("{}|{}", number.as_str(), value.get_str("code").unwrap_or("min")))
            }
            _ => None,
        };
        found.ok_or_else(|| self.of_another_type("string"))
    }

    fn is_text(&self) -> bool {
        matches!(&self.value, Value::Text(_))
            || matches!(&self.value, Value::Typed(name, _) if TEXTS.contains(&name.as_str()))
    }

    /// A resource as it came, against the JSON rules perhaps.
    pub fn as_resource(&self) -> Result<&Json> {
        match &self.value {
            Value::Resource(tree) => Ok(tree),
            _ => Err(self.of_another_type("resource")),
        }
    }

    /// JSON pointer of the resource in what was posted.
    pub fn resource_place(&self) -> String {
        self.place.as_ref().map(|place| format!("{place}/resource")).unwrap_or_default()
    }

    /// A refusal of the resource, seen from what was posted.
    fn around(&self, mut error: Error) -> Error {
        if self.place.is_some() {
            let place = self.resource_place();
            let seen = |issue: Issue| {
                let pointer = format!("{place}{}", issue.pointer.as_deref().unwrap_or_default());
                issue.at("Parameters", pointer)
            };
            error.issues = error.issues.into_iter().map(seen).collect();
        }
        error
    }

    /// A 400 that names this input.
    pub fn refused(&self, code: IssueCode, ja: impl Into<String>, en: impl Into<String>) -> Error {
        let issue = Issue::error(code, ja, en);
        Error::bad_request(match &self.place {
            Some(pointer) => issue.at("Parameters", pointer.as_str()),
            None => issue.on(format!("http.name:{}", self.name)),
        })
    }

    fn of_another_type(&self, wanted: &str) -> Error {
        self.refused(
            IssueCode::Value,
            format!("このパラメータの値は {wanted} にしてください。"),
            format!("The parameter's value must be a {wanted}."),
        )
    }
}

/// Whether a posted resource holds the inputs, and is not one itself. To a type-level call on Parameters a Parameters
/// resource is the input, unless it holds that.
fn is_wrapper(tree: &Json, target: &Target, bare: Option<&str>) -> bool {
    let holds = |name| {
        let is_it = |parameter: &Json| parameter.get_str("name") == Some(name) && parameter.get("resource").is_some();
        tree.items("parameter").iter().any(is_it)
    };
    let meant = bare.filter(|_| target.rtype() == Some("Parameters"));
    tree.get_str("resourceType") == Some("Parameters") && meant.is_none_or(holds)
}

/// The JSON rules outside the resources that it holds.
fn check_wrapper(tree: &Json) -> Result<()> {
    let Err(mut error) = check_rules(tree) else { return Ok(()) };
    let inside = |pointer: &str| pointer.contains("/resource/") || pointer.ends_with("/resource");
    error.issues.retain(|issue| issue.pointer.as_deref().is_some_and(|pointer| !inside(pointer)));
    if error.issues.is_empty() { Ok(()) } else { Err(error) }
}

fn read_parameter(mut tree: Json, place: String) -> Result<Input> {
    let Some(name) = tree.get_str("name").map(str::to_owned) else { return Err(malformed(&place)) };
    let has_parts = tree.get("part").is_some();
    let Some(parameter) = tree.as_object_mut() else { return Err(malformed(&place)) };
    let (typed, resource) = (take_value(parameter), parameter.remove("resource"));
    let value = match (typed, resource, has_parts) {
        (Some((type_name, value)), None, false) => Value::Typed(type_name, value),
        (None, Some(resource), false) if resource.as_object().is_some() => Value::Resource(resource),
        (None, None, true) => Value::Parts(Inputs::of_parameters(tree, "part", &place)?),
        _ => return Err(malformed(&place)),
    };
    Ok(Input { name, value, place: Some(place) })
}

/// The member `value[x]`. With a second one nothing is left that could be read.
fn take_value(parameter: &mut Object) -> Option<(String, Json)> {
    let is_value = |name: &str| name.strip_prefix("value").is_some_and(|rest| rest.starts_with(char::is_uppercase));
    let names: Vec<String> =
        parameter.iter().map(|(name, _)| name).filter(|name| is_value(name)).map(str::to_owned).collect();
    let [name] = names.as_slice() else { return None };
    let value = parameter.remove(name)?;
    Some((name.trim_start_matches("value").to_owned(), value))
}

/// R4 `parameters.html`, inv-1.
fn malformed(pointer: &str) -> Error {
    let issue = Issue::error(
        IssueCode::Structure,
        "parameter は name と、value[x]・resource・part のどれか一つを持つものの配列です。",
        "A parameter has a name and one of value[x], resource and part; parameters and parts are arrays.",
    );
    Error::bad_request(issue.at("Parameters", pointer))
}

fn no_parameters() -> Error {
    let (ja, en) = ("ここには Parameters リソースを送ってください。", "Send a Parameters resource here.");
    Error::bad_request(Issue::error(IssueCode::Structure, ja, en).on("resourceType"))
}
