//! Where an extension may stand: the contexts of its definition, by element, by the extension around it, or by FHIRPath,
//! and its context invariants (R4 `defining-extensions.html#context`, `structuredefinition.html`).

use crate::fhir::fhirpath::{Context, Expression, Node, Verdict, pointers_in};
use crate::fhir::json::Json;
use crate::fhir::outcome::{Issue, IssueCode};

use super::inner::Place;
use super::issue;
use super::shape::{ContextKind, Element, Structure};
use super::walk::Walk;

/// Steps that one expression may take.
const STEPS: usize = 200_000;

impl<'a> Walk<'a> {
    /// The walk stands at an extension, the value of `element` (`extension` or `modifierExtension`).
    pub fn extension_context(&mut self, extension: &'a Structure, element: &Element) {
        if !self.surely_fits(extension, element) && !self.fits(extension) {
            self.report(issue::extension_context(extension));
        }
        for invariant in &extension.context_invariants {
            if self.context_invariant(invariant) == Some(false) {
                self.report(context_invariant_broken(extension));
            }
        }
    }

    /// What can be told without looking around: the type that holds the extension, or its base.
    fn surely_fits(&self, extension: &Structure, element: &Element) -> bool {
        let holder = element.path.rsplit_once('.').map_or("", |(holder, _)| holder);
        let holder_is =
            |place: &str| place == "Element" || place == holder || self.inner.registry.specialises(holder, place);
        extension.contexts.is_empty()
            || extension
                .contexts
                .iter()
                .any(|context| matches!(context.kind, ContextKind::Element) && holder_is(&context.expression))
    }

    fn fits(&self, extension: &'a Structure) -> bool {
        let (Some(root), Some(at)) = (self.scopes.first().map(|scope| scope.resource), self.holder()) else {
            return true;
        };
        let mut names = None;
        extension.contexts.iter().any(|context| {
            let place = context.expression.as_str();
            match &context.kind {
                ContextKind::Element => {
                    let place = place.trim_end_matches("[x]");
                    names.get_or_insert_with(|| self.names(root, at)).iter().any(|name| name == place)
                }
                ContextKind::Extension => root.pointer(at).and_then(|holder| holder.get_str("url")) == Some(place),
                ContextKind::FhirPath(expression) => self.selects(expression, at),
            }
        })
    }

    /// The pointer of what the extension stands on.
    fn holder(&self) -> Option<&str> {
        let (list, _) = self.pointer.rsplit_once('/')?;
        list.rsplit_once('/').map(|(holder, _)| holder)
    }

    /// All names of the element at `pointer` that a context may use: `Patient.name.family`, `HumanName.family`, `string`,
    /// `Element`.
    fn names(&self, root: &'a Json, pointer: &str) -> Vec<String> {
        let mut node = Some(root);
        let mut place = self.inner.resource_place(root);
        let mut names = place.map(|(structure, _)| self.type_names(&structure.name)).unwrap_or_default();
        for token in pointer.split('/').skip(1) {
            if let Some(Json::Array(items)) = node {
                node = token.parse().ok().and_then(|at: usize| items.get(at));
            } else {
                node = node.and_then(|node| node.get(token));
                let member = token.strip_prefix('_').unwrap_or(token);
                let (inside, below) = self.step(place, &names, member);
                (place, names) = (inside, below);
            }
            if let Some(inside) = node.and_then(|node| self.inner.resource_place(node)) {
                place = Some(inside);
                names = self.type_names(&inside.0.name);
            }
        }
        names
    }

    /// One member further: where its members are described, and its names.
    fn step(&self, place: Option<Place<'a>>, names: &[String], member: &str) -> (Option<Place<'a>>, Vec<String>) {
        let Some((holder, (element, spec, inside))) =
            place.and_then(|place| Some((place.1, self.inner.member(place, member)?)))
        else {
            return (None, Vec::new());
        };
        // A content reference repeats an element that has a path of its own.
        let own = format!("{}.{}", holder.path, element.name);
        let mut below: Vec<String> = names.iter().map(|name| format!("{name}.{}", element.name)).collect();
        if !below.contains(&own) {
            below.push(own);
        }
        below.extend(self.type_names(&spec.code));
        if let Some((_, shape)) = inside.filter(|_| element.child.is_some())
            && !below.contains(&shape.path)
        {
            below.push(shape.path.clone());
        }
        (inside, below)
    }

    fn type_names(&self, type_name: &str) -> Vec<String> {
        let registry = &self.inner.registry;
        let Some(structure) = registry.base(type_name) else { return vec![type_name.to_owned(), "Element".to_owned()] };
        registry.chain(structure).map(|base| base.name.clone()).collect()
    }

    /// Whether the expression, asked of the resource around, yields the element at `pointer`.
    fn selects(&self, expression: &'a Expression, pointer: &str) -> bool {
        let (Some(root), Some(context)) = (self.scopes.first(), self.context_here()) else { return true };
        let Ok(items) = expression.evaluate(&context) else { return true };
        // The id and extensions of a primitive stand beside it.
        let plain = |pointer: &str| pointer.replace("/_", "/");
        pointers_in(&items, root.resource).into_iter().flatten().any(|found| plain(&found) == plain(pointer))
    }

    /// What an invariant says of the element that the extension stands on; `None` where that cannot be told.
    fn context_invariant(&self, expression: &Expression) -> Option<bool> {
        let root = self.scopes.first()?;
        let mut context = self.context_here()?;
        context.focus = Node::new(root.resource.pointer(self.holder()?)?);
        let itself = [("extension", root.resource.pointer(&self.pointer)?)];
        context.variables = &itself;
        expression.verdict(&context).ok().map(|verdict| verdict == Verdict::Holds)
    }

    /// The resource around in focus.
    fn context_here(&self) -> Option<Context<'a>> {
        let scope = self.scopes.last()?;
        let mut context = Context::new(scope.resource).with_model(self.inner);
        context.root = self.container().unwrap_or(scope.resource);
        context.max_steps = STEPS;
        Some(context)
    }
}

fn context_invariant_broken(extension: &Structure) -> Issue {
    Issue::error(
        IssueCode::Extension,
        "この拡張を使う条件が成り立ちません。",
        "The condition under which this extension may be used does not hold here.",
    )
    .rule(issue::rule(extension, "Extension", "contextInvariant"))
}
