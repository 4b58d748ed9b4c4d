//! Rules → JSON Schema (2020-12) for one object: which members there are, of which JSON kind and primitive format,
//! how often, and which must or must not stand together. Each object has its own small schema; the walk
//! ([`super::walk`]) goes down the tree, so types are compiled once, on first use, and recursion costs nothing.

use serde_json::{Map, Value, json};

use super::engine::Schema;
use super::shape::{Element, Kind, Shape, Structure, TypeRef};

/// The compiled schema of a shape; `None` where it says nothing, an error where it cannot be compiled.
pub fn schema<'a>(structure: &Structure, shape: &'a Shape) -> Result<Option<&'a Schema>, &'a str> {
    let compile = || emit(structure, shape).map(|schema| Schema::compile(&schema)).transpose();
    shape.schema.get_or_init(compile).as_ref().map(Option::as_ref).map_err(String::as_str)
}

/// The schema of a shape as JSON, with this crate's keywords.
pub fn emit(structure: &Structure, shape: &Shape) -> Option<Value> {
    let mut rules = ObjectRules::default();
    for element in &shape.elements {
        rules.add(element, structure.is_profile);
    }
    let mut schema = Map::from_iter([("type".to_owned(), json!("object"))]);
    if !structure.is_profile {
        if structure.kind == Kind::Resource && structure.shapes.first().is_some_and(|root| std::ptr::eq(root, shape)) {
            rules.properties.insert("resourceType".into(), json!({ "type": "string" }));
        }
        schema.insert("minProperties".into(), 1.into());
        schema.insert("additionalProperties".into(), false.into());
    }
    let mut says = !structure.is_profile;
    let lists = [
        ("x-required", (!rules.required.is_empty()).then_some(Value::Object(rules.required))),
        ("x-absent", (!rules.absent.is_empty()).then(|| json!(rules.absent))),
        ("x-choice", (!rules.choices.is_empty()).then(|| json!(rules.choices))),
        ("x-siblings", (!rules.siblings.is_empty()).then(|| json!(rules.siblings))),
        ("properties", (!rules.properties.is_empty()).then_some(Value::Object(rules.properties))),
    ];
    for (keyword, value) in lists {
        if let Some(value) = value {
            schema.insert(keyword.to_owned(), value);
            says = true;
        }
    }
    says.then_some(Value::Object(schema))
}

#[derive(Default)]
struct ObjectRules {
    properties: Map<String, Value>,
    required: Map<String, Value>,
    absent: Vec<String>,
    choices: Vec<Vec<String>>,
    siblings: Vec<String>,
}

impl ObjectRules {
    fn add(&mut self, element: &Element, overlay: bool) {
        let forms = || element.forms.iter().flat_map(|form| [Some(form.name.clone()), form.sibling.clone()]).flatten();
        if element.max == Some(0) {
            self.absent.extend(forms());
            return;
        }
        self.absent.extend(element.refused_members.iter().cloned());
        if element.min > 0 {
            // A form that the profile refuses is told as that, not as absent, too.
            let some = forms().chain(element.refused_members.iter().cloned());
            self.required.insert(element.display_name(), some.collect());
        }
        if overlay {
            self.add_bounds(element);
            return;
        }
        if element.choice {
            self.choices.push(element.forms.iter().map(|form| form.name.clone()).collect());
        }
        for form in &element.forms {
            let Some(spec) = element.types.get(form.type_index) else { continue };
            self.properties.insert(form.name.clone(), bounded(element, value_schema(spec, element.array)));
            if let Some(sibling) = &form.sibling {
                self.properties.insert(sibling.clone(), sibling_schema(element.array));
                if element.array {
                    self.siblings.push(form.name.clone());
                }
            }
        }
    }

    /// A profile repeats nothing of the base but how often an element stands.
    fn add_bounds(&mut self, element: &Element) {
        if !element.array || (element.min < 2 && element.max.is_none()) {
            return;
        }
        for form in &element.forms {
            self.properties.insert(form.name.clone(), bounded(element, Map::new()));
        }
    }
}

fn bounded(element: &Element, mut schema: Map<String, Value>) -> Value {
    if element.array {
        if element.min > 1 {
            schema.insert("minItems".into(), element.min.into());
        }
        if let Some(max) = element.max {
            schema.insert("maxItems".into(), max.into());
        }
    }
    Value::Object(schema)
}

fn value_schema(spec: &TypeRef, array: bool) -> Map<String, Value> {
    if !array {
        return item_schema(spec, false);
    }
    let mut schema = Map::from_iter([("type".to_owned(), json!("array"))]);
    schema.insert("minItems".into(), 1.into());
    schema.insert("items".into(), Value::Object(item_schema(spec, true)));
    schema
}

/// One value. Within an array of primitives `null` holds a place; `x-siblings` sees whether it may.
fn item_schema(spec: &TypeRef, in_array: bool) -> Map<String, Value> {
    let primitive = spec.is_primitive();
    let (kind, mut rest) = match spec.code.as_str() {
        _ if !primitive => ("object", Map::new()),
        "boolean" => ("boolean", Map::new()),
        "decimal" => ("number", Map::new()),
        "integer" => ("integer", range(i64::from(i32::MIN))),
        "positiveInt" => ("integer", range(1)),
        "unsignedInt" => ("integer", range(0)),
        code => ("string", Map::from_iter([("format".to_owned(), json!(format!("fhir-{code}")))])),
    };
    let kind = if primitive && in_array { json!([kind, "null"]) } else { json!(kind) };
    rest.insert("type".into(), kind);
    rest
}

fn range(min: i64) -> Map<String, Value> {
    Map::from_iter([("minimum".to_owned(), json!(min)), ("maximum".to_owned(), json!(i32::MAX))])
}

fn sibling_schema(array: bool) -> Value {
    if array {
        json!({ "type": "array", "minItems": 1, "items": { "type": ["object", "null"] } })
    } else {
        json!({ "type": "object" })
    }
}
