//! FHIR's XML form read as JSON (R4 `xml.html`, `json.html`), so that published suites whose files are XML can be run.
//! For tests alone: the gateway speaks JSON.

use std::fmt::Write as _;

use kakehashi::fhir::json::{Json, Limits, parse, write_string};
use kakehashi::profile::Definitions;
use roxmltree::{Document, Node};

const PRIMITIVES: [&str; 20] = [
    "boolean",
    "integer",
    "decimal",
    "base64Binary",
    "instant",
    "string",
    "uri",
    "date",
    "dateTime",
    "time",
    "code",
    "oid",
    "id",
    "markdown",
    "unsignedInt",
    "positiveInt",
    "url",
    "canonical",
    "uuid",
    "xhtml",
];

/// The resource in an XML document.
pub fn to_json(definitions: &Definitions, text: &str) -> Json {
    let document = Document::parse(text.trim_start_matches('\u{feff}')).unwrap();
    let text = Reader { definitions }.resource(document.root_element());
    parse(text.as_bytes(), Limits::default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

struct Reader<'d> {
    definitions: &'d Definitions,
}

/// The elements of one name: values and what stands beside them.
struct Group<'x> {
    name: &'x str,
    repeats: bool,
    values: Vec<String>,
    siblings: Vec<String>,
}

impl Reader<'_> {
    fn resource(&self, node: Node<'_, '_>) -> String {
        let name = node.tag_name().name();
        self.object(name, node, &format!("\"resourceType\":\"{name}\""))
    }

    /// An object of the type or at the path `place`.
    fn object(&self, place: &str, node: Node<'_, '_>, head: &str) -> String {
        let mut members: Vec<String> = Some(head.to_owned()).filter(|head| !head.is_empty()).into_iter().collect();
        let attributes = node.attributes().filter(|attribute| attribute.name() != "value");
        members.extend(attributes.map(|attribute| format!("\"{}\":{}", attribute.name(), quoted(attribute.value()))));
        let mut groups: Vec<Group<'_>> = Vec::new();
        for child in node.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            let at = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
                let repeats = self.definitions.element_repeats(place, name).unwrap_or(false);
                groups.push(Group { name, repeats, values: Vec::new(), siblings: Vec::new() });
                groups.len() - 1
            });
            let (value, sibling) = self.element(place, name, child);
            groups[at].values.push(value);
            groups[at].siblings.push(sibling);
        }
        groups.iter().for_each(|group| group.write(&mut members));
        format!("{{{}}}", members.join(","))
    }

    /// An element's value and, for a primitive, what stands beside it.
    fn element(&self, place: &str, name: &str, node: Node<'_, '_>) -> (String, String) {
        const NONE: &str = "null";
        if node.tag_name().namespace() == Some("http://www.w3.org/1999/xhtml") {
            let text = &node.document().input_text()[node.range()];
            return (quoted(text), NONE.to_owned());
        }
        let is_resource =
            |child: &Node<'_, '_>| child.tag_name().name().starts_with(|first: char| first.is_ascii_uppercase());
        if let Some(nested) = node.first_element_child().filter(is_resource) {
            return (self.resource(nested), NONE.to_owned());
        }
        let type_name = self.type_of(place, name);
        if !PRIMITIVES.contains(&type_name.as_str()) {
            return (self.object(&type_name, node, ""), NONE.to_owned());
        }
        let beside = self.object("Element", node, "");
        let sibling = if beside == "{}" { NONE.to_owned() } else { beside };
        (node.attribute("value").map_or_else(|| NONE.to_owned(), |text| primitive(&type_name, text)), sibling)
    }

    /// The element's type, or the path that stands for an anonymous one.
    fn type_of(&self, place: &str, name: &str) -> String {
        let model = self.definitions.model();
        if let Some(found) = model.element_type(place, name) {
            return found.to_owned();
        }
        // A choice: `valueQuantity`, `multipleBirthInteger`.
        for (at, _) in name.char_indices().filter(|(_, letter)| letter.is_ascii_uppercase()) {
            let suffix = &name[at..];
            if model.element_type(suffix, "extension").is_some() {
                return suffix.to_owned();
            }
            if let Some(primitive) = PRIMITIVES.iter().find(|primitive| primitive.eq_ignore_ascii_case(suffix)) {
                return (*primitive).to_owned();
            }
        }
        "string".to_owned()
    }
}

impl Group<'_> {
    fn write(&self, members: &mut Vec<String>) {
        for (prefix, items) in [("", &self.values), ("_", &self.siblings)] {
            if items.iter().all(|item| item == "null") {
                continue;
            }
            let mut member = String::new();
            let list = if self.repeats { format!("[{}]", items.join(",")) } else { items[0].clone() };
            write!(member, "\"{prefix}{}\":{list}", self.name).unwrap();
            members.push(member);
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_string(text, &mut out);
    out
}

fn primitive(type_name: &str, text: &str) -> String {
    let is_number = || parse(text.as_bytes(), Limits::default()).is_ok_and(|value| value.as_number().is_some());
    match type_name {
        "boolean" if matches!(text, "true" | "false") => text.to_owned(),
        "decimal" | "integer" | "positiveInt" | "unsignedInt" if is_number() => text.to_owned(),
        _ => quoted(text),
    }
}
