//! What the region's profiles rest on must be here: value sets that bind, profiles on types, targets of references.
//! Otherwise a rule would be passed over in silence.

use std::sync::Arc;

use super::LoadError;
use super::registry::Registry;
use super::shape::{Element, Strength, Structure};
use super::slicing::Slicing;
use super::terminology::Terminology;

/// Everything that the structures, each with its file, name and that is not loaded.
pub fn missing<'r>(
    registry: &Registry,
    terminology: &Terminology,
    structures: impl Iterator<Item = (&'r str, &'r Arc<Structure>)>,
) -> Vec<LoadError> {
    structures.flat_map(|(file, structure)| missing_of(registry, terminology, file, structure)).collect()
}

fn missing_of(registry: &Registry, terminology: &Terminology, file: &str, structure: &Structure) -> Vec<LoadError> {
    let mut reasons: Vec<(String, String)> = Vec::new();
    let mut look = |element: &Element| {
        let known = |url: &&String| registry.profile(&resolvable(url)).is_none();
        for url in element.types.iter().flat_map(|spec| &spec.profiles).filter(known) {
            reasons.push((element.path.clone(), format!("the profile {url} is not loaded")));
        }
        let known = |url: &&String| registry.type_behind(url).is_none();
        for url in element.types.iter().flat_map(|spec| &spec.targets).filter(known) {
            reasons.push((element.path.clone(), format!("the target profile {url} is not loaded")));
        }
        if let Some(binding) = &element.rules.binding
            && binding.strength == Strength::Required
            && !terminology.knows_value_set(&binding.value_set)
        {
            reasons.push((element.path.clone(), format!("the value set {} is not loaded", binding.value_set)));
        }
    };
    for element in structure.shapes.iter().flat_map(|shape| &shape.elements) {
        look(element);
        each_slice(element.slicing.as_ref(), &mut look);
    }
    reasons.into_iter().map(|(element, reason)| LoadError::new(file, element, reason)).collect()
}

fn each_slice(slicing: Option<&Slicing>, look: &mut impl FnMut(&Element)) {
    let slices = slicing.into_iter().flat_map(|slicing| slicing.slices.iter().chain(slicing.fallback.as_deref()));
    for slice in slices {
        look(&slice.element);
        each_slice(slice.element.slicing.as_ref(), look);
    }
}

/// R4's own profiles on types are named without their base in the pack.
fn resolvable(url: &str) -> String {
    if url.contains(':') { url.to_owned() } else { format!("{}{url}", super::registry::R4_DEFINITIONS) }
}
