//! What a schema cannot say, gathered while it is made.

use std::collections::BTreeSet;

use super::super::shape::Structure;

/// True of every schema.
const ALWAYS: &str = "Not checked by this schema, but by the gateway: days that the calendar does not have; members that \
stand twice in one object; ids that must differ; what references lead to; whether codes belong to their systems outside of \
the bindings below, and displays; the safety of narrative; contained resources and entries beyond their type, unless a slice \
below names their profile; whether an extension is defined and may stand where it does; values of extensions of types that \
the resource itself does not use; profiles that meta.profile names. Bindings that are not required lead to warnings, and \
are left out.";

#[derive(Default)]
pub struct Limits {
    of_profiles: BTreeSet<String>,
    base_invariants: BTreeSet<String>,
    base_bindings: BTreeSet<String>,
    base_targets: bool,
}

impl Limits {
    /// `kind` at `path`: what is not said of an element.
    pub fn add(&mut self, kind: &str, path: &str) {
        self.of_profiles.insert(format!("{kind} at {path}"));
    }

    pub fn invariant(&mut self, structure: &Structure, key: &str, path: &str) {
        if structure.is_profile {
            self.add(&format!("invariant {key}"), path);
        } else {
            self.base_invariants.insert(key.to_owned());
        }
    }

    pub fn binding(&mut self, structure: &Structure, path: &str) {
        if structure.is_profile {
            self.add("binding", path);
        } else {
            self.base_bindings.insert(path.to_owned());
        }
    }

    pub fn targets(&mut self, structure: &Structure, path: &str) {
        if structure.is_profile { self.add("targets", path) } else { self.base_targets = true }
    }

    /// The text, a line for each.
    pub fn told(&self) -> String {
        let mut lines = vec![ALWAYS.to_owned()];
        lines.extend(self.of_profiles.iter().cloned());
        let list = |all: &BTreeSet<String>| all.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if !self.base_invariants.is_empty() {
            lines.push(format!("invariants of base R4: {}", list(&self.base_invariants)));
        }
        if !self.base_bindings.is_empty() {
            lines.push(format!(
                "required bindings of base R4 whose codes cannot be listed: {}",
                list(&self.base_bindings)
            ));
        }
        if self.base_targets {
            lines.push("types of the targets of base R4 where the reference does not show them".to_owned());
        }
        lines.join("\n")
    }
}
