//! JSON pointers as FHIRPath: `/extension/0/valueTiming/_repeat` is `…extension[0].value.ofType(Timing).repeat`,
//! which needs to know the types on the way.

use std::fmt::Write as _;

use crate::fhir::json::Json;

use super::inner::{Inner, Place};

/// The expression of `pointer` into `root`; names that no definition has appear as they are.
pub fn of_pointer(inner: &Inner, root: &Json, pointer: &str) -> String {
    let mut expression = root.get_str("resourceType").unwrap_or("Resource").to_owned();
    let mut node = Some(root);
    let mut place = inner.resource_place(root);
    for token in pointer.split('/').skip(1) {
        if let Some(Json::Array(items)) = node {
            // Writing to a String cannot fail.
            let _ = write!(expression, "[{token}]");
            node = token.parse().ok().and_then(|at: usize| items.get(at));
        } else {
            let name = token.replace("~1", "/").replace("~0", "~");
            place = place.and_then(|place| step(inner, place, &name, &mut expression)).or_else(|| {
                let _ = write!(expression, ".{name}");
                None
            });
            node = node.and_then(|node| node.get(&name));
        }
        if let Some(inside) = node.and_then(|node| inner.resource_place(node)) {
            place = Some(inside);
        }
    }
    expression
}

/// Writes the member's name and answers where its children are described; `None`, having written nothing, for a
/// member that the shape does not have.
fn step<'i>(inner: &'i Inner, place: Place<'i>, name: &str, expression: &mut String) -> Option<Place<'i>> {
    let (element, spec, below) = inner.member(place, name)?;
    let below = below?;
    let _ = write!(expression, ".{}", element.name);
    if element.choice {
        let _ = write!(expression, ".ofType({})", spec.code);
    }
    Some(below)
}
