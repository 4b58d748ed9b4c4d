//! Runs a TestScript: fixtures, variables, operations. R4 `testscript.html`.
//!
//! XML is not offered, so operations that ask for it are done in JSON. A failed assert ends nothing: what follows is tried,
//! too, and tells more.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::assert::check;
use crate::app::{Answer, TestApp};

/// What a user would enter where a script asks for values of the system under test.
const ENTERED: [(&str, &str); 2] = [("PatientSearchFamilyName", "Chalmers"), ("PatientSearchGivenName", "Peter")];

/// What became of an assert.
pub struct Outcome {
    /// The test and the label of the assert within it.
    pub name: String,
    pub fault: Option<String>,
}

/// A response as asserts see it, or a fixture that no request has brought.
pub struct Source {
    pub body: Value,
    pub answer: Option<Answer>,
}

pub struct Run<'a> {
    pub app: &'a TestApp,
    pub sources: HashMap<String, Source>,
    pub last: Option<Source>,
    pub last_url: String,
    /// Canonicals by the names that the script has for them.
    pub profiles: HashMap<String, String>,
    variables: Vec<Value>,
}

impl<'a> Run<'a> {
    /// Ready to run, on a system that knows the patient whom reading tests ask for.
    pub async fn new(app: &'a TestApp, folder: &Path, script: &Value) -> Run<'a> {
        let mut run = Run {
            app,
            sources: HashMap::new(),
            last: None,
            last_url: String::new(),
            profiles: items(script, "profile").iter().map(profile).collect(),
            variables: items(script, "variable").to_vec(),
        };
        for fixture in items(script, "fixture") {
            let file = folder.join(text(&fixture["resource"], "reference").unwrap());
            let body = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            run.sources.insert(text(fixture, "id").unwrap().to_owned(), Source { body, answer: None });
        }
        let known = serde_json::json!({"resourceType": "Patient", "id": "example", "active": true});
        app.put("Patient/example", &known).await;
        run
    }

    /// Setup, tests and teardown; an outcome for each assert.
    pub async fn all(mut self, script: &Value) -> Vec<Outcome> {
        let tests = items(script, "test").iter().map(|test| (text(test, "id").unwrap_or_default(), test));
        let around = |name: &'static str| script.get(name).map(|part| (name, part));
        let parts = around("setup").into_iter().chain(tests).chain(around("teardown"));
        let mut outcomes: Vec<Outcome> = Vec::new();
        for (name, part) in parts {
            let mut after = String::new();
            for action in items(part, "action") {
                if let Some(operation) = action.get("operation") {
                    after = text(operation, "label").map(|label| format!("{label}/")).unwrap_or_default();
                    self.operate(operation).await;
                }
                if let Some(assert) = action.get("assert") {
                    let label = text(assert, "label").unwrap_or_default();
                    let fault = check(&self, assert).await.err();
                    outcomes.push(Outcome { name: format!("{name}/{after}{label}"), fault });
                }
            }
        }
        outcomes
    }

    async fn operate(&mut self, operation: &Value) {
        let code = text(&operation["type"], "code").unwrap();
        let method = match code {
            "create" => "POST",
            "update" => "PUT",
            "delete" => "DELETE",
            "read" | "search" | "history" | "capabilities" => "GET",
            other => panic!("no such operation here: {other}"),
        };
        let path = self.path(operation, code);
        let mut request = self.app.request(method, &path).header("accept", "application/fhir+json");
        for header in items(operation, "requestHeader") {
            request = request.header(text(header, "field").unwrap(), &self.filled(text(header, "value").unwrap()));
        }
        if let Some(source) = text(operation, "sourceId") {
            request = request.json(&self.sources[source].body);
        }
        self.last_url = format!("{}/{path}", self.app.base);
        let answer = request.send().await;
        let response = |answer: Answer| {
            let body = serde_json::from_str(&answer.text).unwrap_or(Value::Null);
            Source { body, answer: Some(answer) }
        };
        if let Some(id) = text(operation, "responseId") {
            let copy = Answer { status: answer.status, headers: answer.headers.clone(), text: answer.text.clone() };
            self.sources.insert(id.to_owned(), response(copy));
        }
        self.last = Some(response(answer));
    }

    /// Below the base: the URL, or the type with what is targeted and the parameters.
    fn path(&self, operation: &Value, code: &str) -> String {
        if let Some(url) = text(operation, "url") {
            let url = self.filled(url);
            return url.strip_prefix(&self.app.base).unwrap_or(&url).trim_start_matches('/').to_owned();
        }
        if code == "capabilities" {
            return "metadata".to_owned();
        }
        let target = text(operation, "targetId").map(|id| format!("/{}", text(&self.sources[id].body, "id").unwrap()));
        let history = if code == "history" { "/_history" } else { "" };
        let parameters = self.filled(text(operation, "params").unwrap_or_default());
        format!("{}{}{history}{parameters}", text(operation, "resource").unwrap(), target.unwrap_or_default())
    }

    /// The text with its variables' values.
    pub fn filled(&self, text: &str) -> String {
        let fill = |text: String, variable: &Value| {
            let mark = format!("${{{}}}", self::text(variable, "name").unwrap());
            if text.contains(&mark) { text.replace(&mark, &self.value(variable)) } else { text }
        };
        self.variables.iter().fold(text.to_owned(), fill)
    }

    fn value(&self, variable: &Value) -> String {
        let source = text(variable, "sourceId").map(|id| &self.sources[id]).or(self.last.as_ref());
        if let Some(header) = text(variable, "headerField") {
            return source.and_then(|source| source.answer.as_ref()).unwrap().header(header).to_owned();
        }
        if let Some(path) = text(variable, "path") {
            return super::assert::first_at(&source.unwrap().body, &super::assert::of_xpath(path)).unwrap();
        }
        let entered = ENTERED.iter().find(|(name, _)| Some(*name) == text(variable, "name")).map(|(_, value)| *value);
        entered.or(text(variable, "defaultValue")).unwrap().to_owned()
    }
}

fn profile(profile: &Value) -> (String, String) {
    (text(profile, "id").unwrap().to_owned(), text(profile, "reference").unwrap().to_owned())
}

pub fn text<'v>(node: &'v Value, name: &str) -> Option<&'v str> {
    node[name].as_str()
}

pub fn items<'v>(node: &'v Value, name: &str) -> &'v [Value] {
    node[name].as_array().map_or(&[], Vec::as_slice)
}
