//! Operations: `$name` at the system, a type or a resource. R4 `operations.html`.
//!
//! [`OPERATIONS`] is the one list of them, as data: it decides what exists (404), which methods it takes (405 and `Allow`)
//! and what `/metadata` lists. To add one, write `pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer>` in a
//! file of its own and add a row. The handler reads [`Call::inputs`] (the URL's parameters and those of a posted
//! `Parameters` resource, in one list) and answers a resource with [`Call::answer`]; refusals are [`Error`]s as anywhere.
//!
//! One that only reads takes GET as well as POST where that makes sense, and in a transaction it is answered after the commit,
//! as GETs are. One that [`Operation::affects_state`] takes POST alone and stands in no transaction: FHIR's order has no place
//! for it, and it would be a transaction of its own.

mod bed_status;
mod hl7;
mod import_beds;
mod inputs;
pub mod json_schema;
mod occupancy;
mod terminology;
mod vacancies;
mod validate;
mod values;

use futures_util::future::BoxFuture;

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Verb;
use crate::fhir::id::ResourceId;
use crate::fhir::json::{Json, to_compact};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::{Ask, Media};
use crate::http::paging::pretty;
use crate::http::route::{Route, Target};
use crate::profile::Interaction;

pub use inputs::Inputs;

/// Runs an operation.
type Run = for<'a> fn(&'a App, &'a Call<'a>) -> BoxFuture<'a, Result<Answer>>;

/// An operation, and where it can be asked for.
pub struct Operation {
    /// Without the `$`.
    pub name: &'static str,
    /// The types of the type and instance levels.
    pub on: On,
    /// The methods at each level; none where it is not there. GET stands for HEAD, too.
    pub system: &'static [Verb],
    pub on_type: &'static [Verb],
    pub on_instance: &'static [Verb],
    /// Canonical URL of its OperationDefinition.
    pub definition: &'static str,
    /// The names of its inputs. Any other is refused: what goes unheard would make the answer wrong.
    pub inputs: &'static [&'static str],
    /// The input that a posted resource other than Parameters is (R4 `operations.html#request`).
    pub bare: Option<&'static str>,
    /// Whether it writes (R4 `OperationDefinition.affectsState`).
    pub affects_state: bool,
    /// What a posted body may be besides FHIR JSON; such a body is [`Ask::body`] as it came.
    pub media: &'static [Media],
    run: Run,
}

/// The types on which an operation exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Those of these that are served.
    Only(&'static [&'static str]),
    /// Every type of R4, served or not; instances of those served.
    EveryType,
}

/// A table's media type, with its charset for programs that do not look at the byte order mark.
const CSV: &str = "text/csv; charset=utf-8; header=present";

const NOT_THERE: &[Verb] = &[];
const GET: &[Verb] = &[Verb::Get];
const POST: &[Verb] = &[Verb::Post];
const GET_OR_POST: &[Verb] = &[Verb::Get, Verb::Post];

/// Every operation of this server.
static OPERATIONS: &[Operation] = &[
    Operation {
        name: "validate",
        on: On::EveryType,
        system: NOT_THERE,
        on_type: POST,
        on_instance: GET_OR_POST,
        definition: "http://hl7.org/fhir/OperationDefinition/Resource-validate",
        inputs: validate::INPUTS,
        bare: Some("resource"),
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(validate::answer(app, call)),
    },
    Operation {
        name: "validate",
        on: On::EveryType,
        system: POST,
        on_type: NOT_THERE,
        on_instance: NOT_THERE,
        // R4's own has no system level.
        definition: "https://kakehashi.example/fhir/OperationDefinition/validate",
        inputs: validate::INPUTS,
        bare: Some("resource"),
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(validate::answer(app, call)),
    },
    Operation {
        name: "lookup",
        on: On::Only(&["CodeSystem"]),
        system: NOT_THERE,
        on_type: GET_OR_POST,
        on_instance: NOT_THERE,
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup",
        inputs: terminology::lookup::INPUTS,
        bare: None,
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(terminology::lookup::answer(app, call)),
    },
    Operation {
        name: "validate-code",
        on: On::Only(&["CodeSystem"]),
        system: NOT_THERE,
        on_type: GET_OR_POST,
        on_instance: GET_OR_POST,
        definition: "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code",
        inputs: terminology::validate_code::OF_SYSTEM,
        bare: None,
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(terminology::validate_code::in_system(app, call)),
    },
    Operation {
        name: "validate-code",
        on: On::Only(&["ValueSet"]),
        system: NOT_THERE,
        on_type: GET_OR_POST,
        on_instance: GET_OR_POST,
        definition: "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code",
        inputs: terminology::validate_code::OF_SET,
        bare: Some("valueSet"),
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(terminology::validate_code::in_set(app, call)),
    },
    Operation {
        name: "expand",
        on: On::Only(&["ValueSet"]),
        system: NOT_THERE,
        on_type: GET_OR_POST,
        on_instance: GET_OR_POST,
        definition: "http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
        inputs: terminology::expand::INPUTS,
        bare: Some("valueSet"),
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(terminology::expand::answer(app, call)),
    },
    Operation {
        name: "translate",
        on: On::Only(&["ConceptMap"]),
        system: NOT_THERE,
        on_type: GET_OR_POST,
        on_instance: GET_OR_POST,
        definition: "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate",
        inputs: terminology::translate::INPUTS,
        bare: None,
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(terminology::translate::answer(app, call)),
    },
    Operation {
        name: "bed-status",
        on: On::Only(&["Location"]),
        system: NOT_THERE,
        on_type: POST,
        on_instance: POST,
        definition: "https://kakehashi.example/fhir/OperationDefinition/bed-status",
        inputs: bed_status::INPUTS,
        bare: None,
        affects_state: true,
        media: &[Media::Ndjson],
        run: |app, call| Box::pin(bed_status::answer(app, call)),
    },
    Operation {
        name: "vacancies",
        on: On::Only(&["Location"]),
        system: NOT_THERE,
        on_type: GET_OR_POST,
        on_instance: NOT_THERE,
        definition: "https://kakehashi.example/fhir/OperationDefinition/vacancies",
        inputs: vacancies::INPUTS,
        bare: None,
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(vacancies::answer(app, call)),
    },
    Operation {
        name: occupancy::NAME,
        on: On::Only(&["Location"]),
        system: NOT_THERE,
        on_type: GET_OR_POST,
        on_instance: GET_OR_POST,
        definition: "https://kakehashi.example/fhir/OperationDefinition/occupancy",
        inputs: occupancy::INPUTS,
        bare: None,
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(occupancy::answer(app, call)),
    },
    Operation {
        name: "import-beds",
        on: On::Only(&["Location"]),
        system: NOT_THERE,
        on_type: POST,
        on_instance: POST,
        definition: "https://kakehashi.example/fhir/OperationDefinition/import-beds",
        inputs: import_beds::INPUTS,
        bare: None,
        affects_state: true,
        media: &[Media::Csv],
        run: |app, call| Box::pin(import_beds::answer(app, call)),
    },
    Operation {
        name: import_beds::TEMPLATE,
        on: On::Only(&["Location"]),
        system: NOT_THERE,
        on_type: GET,
        on_instance: NOT_THERE,
        definition: "https://kakehashi.example/fhir/OperationDefinition/import-beds-template",
        inputs: &["kind"],
        bare: None,
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(import_beds::template(app, call)),
    },
    Operation {
        name: json_schema::NAME,
        on: On::Only(&["StructureDefinition"]),
        system: NOT_THERE,
        on_type: NOT_THERE,
        on_instance: GET,
        definition: "https://kakehashi.example/fhir/OperationDefinition/json-schema",
        inputs: &[],
        bare: None,
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(json_schema::answer(app, call)),
    },
    Operation {
        name: "hl7-dead-letters",
        on: On::Only(&[]),
        system: GET_OR_POST,
        on_type: NOT_THERE,
        on_instance: NOT_THERE,
        definition: "https://kakehashi.example/fhir/OperationDefinition/hl7-dead-letters",
        inputs: hl7::dead_letters::INPUTS,
        bare: None,
        affects_state: false,
        media: &[],
        run: |app, call| Box::pin(hl7::dead_letters::answer(app, call)),
    },
    Operation {
        name: "hl7-replay",
        on: On::Only(&[]),
        system: POST,
        on_type: NOT_THERE,
        on_instance: NOT_THERE,
        definition: "https://kakehashi.example/fhir/OperationDefinition/hl7-replay",
        inputs: hl7::replay::INPUTS,
        bare: None,
        affects_state: true,
        media: &[],
        run: |app, call| Box::pin(hl7::replay::answer(app, call)),
    },
];

/// One call of an operation.
pub struct Call<'a> {
    pub ask: &'a Ask,
    pub target: &'a Target,
    operation: &'static Operation,
}

/// An operation at a target of its.
#[derive(Clone, Copy)]
pub struct Offered {
    operation: &'static Operation,
    methods: &'static [Verb],
}

impl Operation {
    fn is_on(&self, rtype: &str) -> bool {
        match self.on {
            On::Only(types) => types.contains(&rtype),
            On::EveryType => true,
        }
    }

    fn at(&'static self, target: &Target) -> Option<Offered> {
        let methods = match target {
            Target::System => self.system,
            Target::Type(_) => self.on_type,
            Target::Instance(_, _) => self.on_instance,
        };
        let there = !methods.is_empty() && target.rtype().is_none_or(|rtype| self.is_on(rtype));
        there.then_some(Offered { operation: self, methods })
    }
}

impl Offered {
    pub fn takes(self, verb: Verb) -> bool {
        self.methods.contains(&if verb == Verb::Head { Verb::Get } else { verb })
    }

    pub fn affects_state(self) -> bool {
        self.operation.affects_state
    }

    /// What a posted body may be besides FHIR JSON.
    pub fn media(self) -> &'static [Media] {
        self.operation.media
    }

    /// For the header `Allow`.
    pub fn allow(self) -> &'static str {
        match (self.takes(Verb::Get), self.takes(Verb::Post)) {
            (true, true) => "GET, HEAD, POST",
            (true, false) => "GET, HEAD",
            (false, _) => "POST",
        }
    }
}

impl Call<'_> {
    /// Reads the inputs. 400 where they cannot be read or are none of the operation's.
    pub fn inputs(&self, app: &App) -> Result<Inputs> {
        let inputs = Inputs::read(app, self)?;
        inputs.refuse_others(self.operation.inputs)?;
        Ok(inputs)
    }

    /// The resource that the operation is asked of; `None` at its type or the system. 404 where there can be no such one.
    pub fn instance(&self) -> Result<Option<ResourceId>> {
        let Target::Instance(rtype, id) = self.target else { return Ok(None) };
        ResourceId::parse(id).map(Some).ok_or_else(|| Error::not_found(&format!("{rtype}/…")))
    }

    /// The operation's result: a resource.
    pub fn answer(&self, resource: &Json) -> Answer {
        Answer { is_result: true, ..Answer::ok(pretty(to_compact(resource), &self.ask.form)) }
    }
}

/// The operation of that name at the target. 404 where the type or the operation is not there.
pub fn find(app: &App, target: &Target, name: &str) -> Result<Offered> {
    let found = OPERATIONS.iter().filter(|operation| operation.name == name).find_map(|operation| operation.at(target));
    if let Some(rtype) = target.rtype() {
        let on_every_type = found.is_some_and(|found| found.operation.on == On::EveryType);
        let unserved = on_every_type && matches!(target, Target::Type(_));
        if !(unserved && app.gateway.definitions.is_known_type(rtype)) {
            // The type's own refusal, as any interaction would give it.
            app.gateway.served(rtype, Interaction::Read)?;
        }
    }
    found.ok_or_else(unknown_operation)
}

/// The media type in which an operation answers besides FHIR JSON, or in its place.
pub fn own_form(name: &str) -> Option<&'static str> {
    match name {
        json_schema::NAME => Some(json_schema::MEDIA),
        import_beds::TEMPLATE | occupancy::NAME => Some("text/csv"),
        _ => None,
    }
}

/// Whether the path is an operation that writes.
pub fn affects_state(app: &App, route: &Route) -> bool {
    matches!(route, Route::Operation(target, name) if find(app, target, name).is_ok_and(Offered::affects_state))
}

/// Answers a call whose method the operation takes.
pub async fn answer(app: &App, ask: &Ask, target: &Target, offered: Offered) -> Result<Answer> {
    let operation = offered.operation;
    (operation.run)(app, &Call { ask, target, operation }).await
}

/// The operations of a type and its resources, or of the system, for `/metadata`.
pub fn offered(rtype: Option<&str>) -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(move |operation| match rtype {
        Some(rtype) => !(operation.on_type.is_empty() && operation.on_instance.is_empty()) && operation.is_on(rtype),
        None => !operation.system.is_empty(),
    })
}

fn unknown_operation() -> Error {
    Error::new(
        ErrorKind::UnknownTarget,
        Issue::error(
            IssueCode::NotSupported,
            "その $ 操作はここにはありません。使える操作は /metadata にあります。",
            "There is no such $ operation here. See /metadata for those there are.",
        ),
    )
}
