//! Behaviour of the engine as a whole; the published suite is run by the conformance tests.

use super::*;
use crate::fhir::json::{Json, Limits, parse};

fn json(text: &str) -> Json {
    parse(text.as_bytes(), Limits::default()).unwrap()
}

fn patient() -> Json {
    json(
        r##"{"resourceType":"Patient","active":true,"birthDate":"1974-12-25",
        "_birthDate":{"extension":[{"url":"http://e/time","valueDateTime":"1974-12-25T14:35:45-05:00"}]},
        "name":[{"use":"official","family":"A","given":["B","C"]},{"use":"usual","given":[null,"D"],
        "_given":[{"extension":[{"url":"http://e/x","valueString":"y"}]}]}],
        "deceasedBoolean":false,"contained":[{"resourceType":"Organization","id":"o"}],
        "managingOrganization":{"reference":"#o"},"generalPractitioner":[{"reference":"Practitioner/1"}]}"##,
    )
}

fn shown(expression: &str, resource: &Json) -> String {
    let compiled = Expression::compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let items = match compiled.evaluate(&Context::new(resource)) {
        Ok(items) => items,
        Err(error) => return format!("error: {error}"),
    };
    let show = |item: &Item<'_>| item.value().map_or("{..}".to_owned(), |value| value.to_string());
    items.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[test]
fn paths_reach_choices_siblings_and_contained_resources() {
    let patient = patient();
    for (expression, expected) in [
        ("Patient.name.given", "B C {..} D"),
        ("name.given.select($this.hasValue())", "true true false true"),
        ("name[1].given[0].extension('http://e/x').value", "y"),
        ("birthDate.extension.value is dateTime", "true"),
        ("deceased is boolean and deceased.not()", "true"),
        ("managingOrganization.resolve() is Organization", "true"),
        ("generalPractitioner.resolve().exists()", "false"),
        ("name.where(use = 'usual').given.where(hasValue())", "D"),
        ("birthDate < @1975", "true"),
        ("birthDate + 1 month", "1975-01-25"),
        ("name.select(given.first() | family)", "B A {..}"),
        ("%resource.active and %context.active and $this.active", "true"),
        ("text.`div`.exists()", "false"),
    ] {
        assert_eq!(shown(expression, &patient), expected, "{expression}");
    }
}

#[test]
fn references_can_be_judged_by_the_type_they_name() {
    let patient = patient();
    let expression = Expression::compile("generalPractitioner.where(resolve() is Practitioner).count() = 1").unwrap();
    let context = Context { typed_references: true, ..Context::new(&patient) };
    assert_eq!(expression.holds(&context), Ok(true));
    assert_eq!(expression.holds(&Context::new(&patient)), Ok(false));
}

#[test]
fn items_know_where_they_stand() {
    let patient = patient();
    let place = |text: &str| {
        let expression = Expression::compile(text).unwrap();
        let items = expression.evaluate(&Context::new(&patient)).unwrap();
        items.iter().map(|item| item.pointer_in(&patient).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(place("name.given"), ["/name/0/given/0", "/name/0/given/1", "/name/1/given/0", "/name/1/given/1"]);
    assert_eq!(place("deceased"), ["/deceasedBoolean"]);
    assert_eq!(place("Patient"), [""]);
    assert_eq!(place("birthDate.extension"), ["/_birthDate/extension/0"]);
}

#[test]
fn what_the_engine_does_not_know_is_refused_when_compiled() {
    for (expression, kind) in [
        ("name.unknown()", CompileErrorKind::UnknownFunction),
        ("name.where()", CompileErrorKind::ArgumentCount),
        ("%unknown", CompileErrorKind::UnknownVariable),
        ("value as Thing", CompileErrorKind::UnknownType),
        ("name.matches('(')", CompileErrorKind::RegularExpression),
        ("name +", CompileErrorKind::Syntax),
        ("'open", CompileErrorKind::Syntax),
        ("@2015-13", CompileErrorKind::Syntax),
        ("", CompileErrorKind::Syntax),
    ] {
        assert_eq!(Expression::compile(expression).unwrap_err().kind, kind, "{expression}");
    }
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(Expression::compile(&deep).unwrap_err().kind, CompileErrorKind::TooDeep);
    assert_eq!(Expression::compile(&vec!["1"; 5000].join("+")).unwrap_err().kind, CompileErrorKind::TooDeep);
    assert_eq!(Expression::compile(&" ".repeat(70_000)).unwrap_err().kind, CompileErrorKind::TooLong);
}

#[test]
fn work_is_bounded() {
    let patient = patient();
    let twice = ".combine($this.descendants().combine($this.descendants()))".repeat(30);
    let expression = Expression::compile(&format!("descendants(){twice}.distinct()")).unwrap();
    let context = Context { max_steps: 1000, ..Context::new(&patient) };
    assert_eq!(expression.evaluate(&context).unwrap_err().kind, EvaluationErrorKind::TooManySteps);
    for grows in [
        format!("'ab'{}", ".replace('', 'xxxxxxxxxx')".repeat(100)),
        format!("'ab'{}", ".replaceMatches('.', '$0$0$0')".repeat(100)),
        format!("'ab'{}", ".select($this & $this)".repeat(100)),
        format!("'ab'{}", ".select($this + $this)".repeat(100)),
    ] {
        let expression = Expression::compile(&grows).unwrap();
        let error = expression.evaluate(&Context::new(&patient)).unwrap_err();
        assert_eq!(error.kind, EvaluationErrorKind::TooManySteps, "{grows}");
    }
}

#[test]
fn an_invariant_is_broken_by_false_alone() {
    let patient = patient();
    let verdict = |text: &str| Expression::compile(text).unwrap().verdict(&Context::new(&patient));
    assert_eq!(verdict("active"), Ok(Verdict::Holds));
    assert_eq!(verdict("name.first()"), Ok(Verdict::Holds));
    assert_eq!(verdict("active.not()"), Ok(Verdict::Fails));
    assert_eq!(verdict("{}"), Ok(Verdict::Undecided));
    assert_eq!(verdict("name").unwrap_err().kind, EvaluationErrorKind::NotSingleton);
    assert_eq!(verdict("@2020 <= @2020-01"), Ok(Verdict::Undecided));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_compiler_or_a_run_panic(text in r"[a-z$%@'`0-9.()\[\]{}|&+*/<>=!~T: -]{0,40}") {
        if let Ok(expression) = Expression::compile(&text) {
            let _ = expression.evaluate(&Context::new(&patient()));
        }
    }

    #[test]
    fn words_of_the_language_in_any_order_do_not_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "name", ".", "given", "(", ")", "where(", "exists()", "=", "and", "-", "1", "'a'", "@2015", "5 days",
                "+", "|", "substring(", "$this", "descendants()", "[0]", "{}", "lowBoundary()", "/", "0", ",", "is",
                "Quantity", "4 'mg'", "*", "2147483647", "9223372036854775807", "abs()", "power(", "round(", "<",
            ]),
            0..12,
        )
    ) {
        if let Ok(expression) = Expression::compile(&words.join(" ")) {
            let _ = expression.evaluate(&Context::new(&patient()));
        }
    }
}
