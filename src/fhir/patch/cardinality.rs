//! What must be known of an element's definition before it can be added.

/// Tells repeating elements and choice elements. The profile module knows; [`Unknown`] leaves it to the document and
/// to a short list of names.
pub trait Cardinality {
    /// Whether `name` repeats within the element at `type_path`, such as `Patient` or `Patient.contact`.
    fn repeats(&self, type_path: &str, name: &str) -> Option<bool>;

    /// Whether `name` is a choice of types there, `name[x]`.
    fn is_choice(&self, type_path: &str, name: &str) -> Option<bool> {
        let _ = (type_path, name);
        None
    }
}

/// Knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unknown;

impl Cardinality for Unknown {
    fn repeats(&self, _: &str, _: &str) -> Option<bool> {
        None
    }
}

const REPEATING: [&str; 34] = [
    "extension",
    "modifierExtension",
    "contained",
    "identifier",
    "telecom",
    "coding",
    "given",
    "prefix",
    "suffix",
    "line",
    "contact",
    "participant",
    "note",
    "tag",
    "security",
    "profile",
    "communication",
    "photo",
    "alias",
    "link",
    "component",
    "entry",
    "generalPractitioner",
    "parameter",
    "part",
    "qualification",
    "performer",
    "reasonCode",
    "reasonReference",
    "supportingInfo",
    "basedOn",
    "replaces",
    "item",
    "endpoint",
];

const CHOICES: [&str; 16] = [
    "deceased",
    "multipleBirth",
    "onset",
    "abatement",
    "effective",
    "occurrence",
    "performed",
    "medication",
    "reported",
    "asNeeded",
    "bounds",
    "timing",
    "quantity",
    "occurred",
    "serviced",
    "allowed",
];

/// Where an element called `value` is a choice.
const VALUE_PARENTS: [&str; 10] = [
    "extension",
    "modifierExtension",
    "component",
    "characteristic",
    "useContext",
    "parameter",
    "part",
    "input",
    "output",
    "Observation",
];

/// The hook's answer, or the short list's.
pub(super) fn repeats(hook: &dyn Cardinality, type_path: &str, name: &str) -> bool {
    hook.repeats(type_path, name).unwrap_or_else(|| {
        let person = matches!(type_path, "Patient" | "Practitioner" | "Person" | "RelatedPerson");
        REPEATING.contains(&name) || (person && matches!(name, "name" | "address"))
    })
}

/// The hook's answer, or the short list's.
pub(super) fn is_choice(hook: &dyn Cardinality, type_path: &str, name: &str) -> bool {
    hook.is_choice(type_path, name).unwrap_or_else(|| {
        let parent = type_path.rsplit('.').next().unwrap_or_default();
        CHOICES.contains(&name) || (name == "value" && VALUE_PARENTS.contains(&parent))
    })
}
