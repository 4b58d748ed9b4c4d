//! Random resources of the served types.

use serde_json::{Map, Value, json};

use super::judge::REGION;
use super::random::Random;

/// Makes resources; `base`: the server's own address, for references by it.
pub struct Maker<'a> {
    pub random: &'a mut Random,
    pub base: &'a str,
}

impl Maker<'_> {
    /// A resource of a type, or `None` for a type that is not made here.
    pub fn resource(&mut self, rtype: &str, id: &str) -> Option<Value> {
        let parts = match rtype {
            "Patient" | "Practitioner" | "RelatedPerson" => self.person(rtype),
            "Organization" => self.organization(),
            "Location" => self.location(id),
            "HealthcareService" => self.service(),
            "ServiceRequest" => self.request(),
            "Task" => self.task(),
            "CareTeam" => self.team(),
            "PractitionerRole" | "OrganizationAffiliation" => self.role(rtype),
            "Encounter" => self.encounter(),
            "Condition" => self.condition(),
            "Group" => self.group(),
            "Measure" => self.measure(),
            "DocumentReference" => self.document(),
            "Provenance" => self.provenance(),
            _ => return None,
        };
        let mut resource = Map::new();
        resource.insert("resourceType".to_owned(), json!(rtype));
        resource.insert("id".to_owned(), json!(id));
        self.meta(&mut resource);
        for (name, value, percent) in parts {
            if self.random.chance(percent) {
                resource.insert(name.to_owned(), value);
            }
        }
        Some(Value::Object(resource))
    }

    fn meta(&mut self, resource: &mut Map<String, Value>) {
        let mut meta = Map::new();
        if self.random.chance(30) {
            meta.insert("tag".to_owned(), json!([self.random.coding()]));
        }
        if self.random.chance(10) {
            meta.insert("security".to_owned(), json!([self.random.coding()]));
        }
        if self.random.chance(20) {
            let source = self.random.word(&["urn:uuid:1", "https://example.org/a", "https://example.org/a/b#1"]);
            meta.insert("source".to_owned(), json!(source));
        }
        if !meta.is_empty() {
            resource.insert("meta".to_owned(), Value::Object(meta));
        }
    }

    fn to(&mut self, types: &[&str]) -> Value {
        self.random.reference(types, self.base)
    }

    fn some(&mut self, make: impl Fn(&mut Random) -> Value) -> Value {
        let count = *self.random.pick(&[1, 1, 2, 3]);
        Value::Array((0..count).map(|_| make(self.random)).collect())
    }

    fn flag(&mut self) -> Value {
        json!(self.random.chance(50))
    }

    fn person(&mut self, rtype: &str) -> Vec<(&'static str, Value, usize)> {
        let mut parts = vec![
            ("active", self.flag(), 60),
            ("name", self.some(Random::name), 85),
            ("gender", json!(self.random.word(&["male", "female", "other", "unknown"])), 70),
            ("birthDate", json!(self.random.date()), 80),
            ("address", self.some(Random::address), 50),
            ("telecom", self.some(Random::contact), 60),
            ("identifier", self.some(Random::identifier), 70),
        ];
        if rtype == "RelatedPerson" {
            parts.push(("patient", self.to(&["Patient"]), 100));
            parts.push(("relationship", self.some(Random::concept), 50));
        }
        if rtype == "Patient" {
            parts.push(("generalPractitioner", json!([self.to(&["Practitioner", "Organization"])]), 50));
            parts.push(("managingOrganization", self.to(&["Organization"]), 50));
            match self.random.below(3) {
                0 => parts.push(("deceasedBoolean", self.flag(), 100)),
                1 => parts.push(("deceasedDateTime", json!(self.random.date_time()), 100)),
                _ => {}
            }
        }
        parts
    }

    fn organization(&mut self) -> Vec<(&'static str, Value, usize)> {
        let name = self.random.text();
        let alias = self.some(|random| json!(random.text()));
        vec![
            ("active", self.flag(), 60),
            ("name", json!(name), 100),
            ("alias", alias, 40),
            ("type", self.some(Random::concept), 60),
            ("identifier", self.some(Random::identifier), 60),
            ("address", self.some(Random::address), 50),
            ("partOf", self.to(&["Organization"]), 50),
        ]
    }

    /// `g0` … are sites, wards and beds by turns, so that references among them make trees.
    fn location(&mut self, id: &str) -> Vec<(&'static str, Value, usize)> {
        let number: usize = id.trim_start_matches('g').parse().unwrap_or_default();
        let kind = ["si", "wa", "bd", "bd"][number % 4];
        let above = match kind {
            "wa" => format!("Location/g{}", 4 * self.random.below(4)),
            "bd" => format!("Location/g{}", 4 * self.random.below(4) + 1),
            _ => format!("Location/g{}", 4 * self.random.below(12)),
        };
        let system = "http://terminology.hl7.org/CodeSystem/location-physical-type";
        let mut parts = vec![
            ("status", json!(self.random.word(&["active", "suspended", "inactive"])), 80),
            ("name", json!(self.random.text()), 90),
            ("alias", self.some(|random| json!(random.text())), 30),
            ("type", self.some(Random::concept), 60),
            ("physicalType", json!({"coding": [{"system": system, "code": kind}]}), 95),
            ("operationalStatus", self.random.coding(), 40),
            ("identifier", self.some(Random::identifier), 50),
            ("address", self.random.address(), 40),
            ("managingOrganization", self.to(&["Organization"]), 50),
            ("partOf", json!({"reference": above}), if kind == "si" { 30 } else { 90 }),
            ("position", self.random.position(), if kind == "si" { 85 } else { 20 }),
        ];
        parts.push(("extension", self.extensions(kind), 100));
        parts.retain(|(_, value, _)| value.as_array().is_none_or(|items| !items.is_empty()));
        parts
    }

    fn extensions(&mut self, kind: &str) -> Value {
        let coded = |name: &str, code: &str| {
            let system = format!("{REGION}/CodeSystem/{name}");
            json!({"url": format!("{REGION}/StructureDefinition/{name}"), "valueCoding": {"system": system, "code": code}})
        };
        let mut all = Vec::new();
        if kind == "si" {
            return json!(all);
        }
        let percent = if kind == "wa" { 80 } else { 30 };
        if kind == "wa" && self.random.chance(percent) {
            all.push(coded("bed-function", &self.random.word(&["acute", "comprehensive", "chronic"])));
        }
        for code in ["oxygen", "ventilator", "dialysis"] {
            if self.random.chance(percent / 2) {
                all.push(coded("capability", code));
            }
        }
        if self.random.chance(percent) {
            all.push(coded("admittable-sex", &self.random.word(&["male", "female", "any"])));
        }
        if kind == "bd" && self.random.chance(70) {
            let url = format!("{REGION}/StructureDefinition/as-of");
            all.push(json!({"url": url, "valueInstant": self.random.instant()}));
        }
        if kind == "wa" {
            for sex in ["male", "female", "any"] {
                if self.random.chance(50) {
                    all.push(self.vacancy(sex));
                }
            }
        }
        json!(all)
    }

    fn vacancy(&mut self, sex: &str) -> Value {
        let system = format!("{REGION}/CodeSystem/admittable-sex");
        let mut parts = vec![
            json!({"url": "sex", "valueCoding": {"system": system, "code": sex}}),
            json!({"url": "isolation", "valueBoolean": false}),
            json!({"url": "available", "valueUnsignedInt": self.random.between(0, 4)}),
            json!({"url": "asOf", "valueInstant": self.random.instant()}),
        ];
        if self.random.chance(75) {
            let until = self.random.word(&["2020-01-01T00:00:00Z", "2099-01-01T00:00:00+09:00"]);
            parts.push(json!({"url": "validUntil", "valueInstant": until}));
        }
        parts.push(json!({"url": "source", "valueCode": "manual"}));
        json!({"url": format!("{REGION}/StructureDefinition/bed-vacancy"), "extension": parts})
    }

    fn service(&mut self) -> Vec<(&'static str, Value, usize)> {
        vec![
            ("active", self.flag(), 70),
            ("name", json!(self.random.text()), 100),
            ("providedBy", self.to(&["Organization"]), 80),
            ("location", json!([self.to(&["Location"]), self.to(&["Location"])]), 70),
            ("coverageArea", json!([self.to(&["Location"])]), 50),
            ("category", self.some(Random::concept), 50),
            ("type", self.some(Random::concept), 60),
            ("specialty", self.some(Random::concept), 60),
            ("characteristic", self.some(Random::concept), 30),
            ("program", self.some(Random::concept), 30),
            ("identifier", self.some(Random::identifier), 50),
        ]
    }

    fn request(&mut self) -> Vec<(&'static str, Value, usize)> {
        let subject = self.to(&["Patient", "Patient", "Group", "Location"]);
        let mut parts = vec![
            ("status", json!(self.random.word(&["active", "completed", "on-hold", "revoked"])), 100),
            ("intent", json!(self.random.word(&["order", "plan", "proposal"])), 100),
            ("priority", json!(self.random.word(&["routine", "urgent", "stat"])), 60),
            ("subject", subject, 100),
            ("requester", self.to(&["Practitioner", "PractitionerRole", "Organization"]), 80),
            ("performer", json!([self.to(&["Practitioner", "CareTeam", "Patient"])]), 60),
            ("performerType", self.random.concept(), 30),
            ("code", self.random.concept(), 60),
            ("category", self.some(Random::concept), 60),
            ("bodySite", self.some(Random::concept), 30),
            ("authoredOn", json!(self.random.date_time()), 80),
            ("encounter", self.to(&["Encounter"]), 40),
            ("replaces", json!([self.to(&["ServiceRequest"])]), 30),
            ("basedOn", json!([self.to(&["ServiceRequest"])]), 30),
            ("requisition", self.random.identifier(), 40),
            ("instantiatesUri", json!([self.url(), self.url()]), 40),
            ("instantiatesCanonical", json!([self.canonical()]), 40),
            ("identifier", self.some(Random::identifier), 60),
        ];
        match self.random.below(4) {
            0 => parts.push(("occurrenceDateTime", json!(self.random.date_time()), 100)),
            1 => parts.push(("occurrencePeriod", self.random.period(), 100)),
            2 => parts.push(("occurrenceTiming", self.random.timing(), 100)),
            _ => {}
        }
        parts
    }

    fn url(&mut self) -> String {
        let root =
            self.random.word(&["http://example.org/m", "http://example.org/m/", "http://example.org", "urn:oid:1.2"]);
        let rest = self.random.word(&["", "/a", "/a/b", "/ab", "/A"]);
        if root.starts_with("urn") || root.ends_with('/') { root } else { format!("{root}{rest}") }
    }

    fn canonical(&mut self) -> String {
        let root = self.random.word(&["http://example.org/PlanDefinition/a", "http://example.org/PlanDefinition/b"]);
        let version = self.random.word(&["", "", "|1", "|2.0"]);
        format!("{root}{version}")
    }

    fn task(&mut self) -> Vec<(&'static str, Value, usize)> {
        let owner = self.to(&["Organization", "PractitionerRole", "CareTeam", "HealthcareService"]);
        vec![
            ("status", json!(self.random.word(&["requested", "accepted", "rejected", "completed"])), 100),
            ("intent", json!(self.random.word(&["order", "plan"])), 100),
            ("priority", json!(self.random.word(&["routine", "asap"])), 50),
            ("businessStatus", self.random.concept(), 30),
            ("code", self.random.concept(), 50),
            ("focus", self.to(&["ServiceRequest"]), 80),
            ("for", self.to(&["Patient"]), 70),
            ("owner", owner, 80),
            ("requester", self.to(&["Practitioner", "Organization"]), 60),
            ("encounter", self.to(&["Encounter"]), 30),
            ("partOf", json!([self.to(&["Task"])]), 40),
            ("basedOn", json!([self.to(&["ServiceRequest", "CareTeam"])]), 30),
            ("performerType", self.some(Random::concept), 40),
            ("groupIdentifier", self.random.identifier(), 40),
            ("authoredOn", json!(self.random.date_time()), 60),
            ("lastModified", json!(self.random.date_time()), 50),
            ("executionPeriod", self.random.period(), 50),
            ("identifier", self.some(Random::identifier), 40),
        ]
    }

    fn team(&mut self) -> Vec<(&'static str, Value, usize)> {
        let member = json!({"member": self.to(&["Practitioner", "PractitionerRole", "Organization", "CareTeam"])});
        let other = json!({"member": self.to(&["Practitioner", "Patient", "RelatedPerson"])});
        vec![
            ("status", json!(self.random.word(&["active", "inactive", "proposed"])), 80),
            ("category", self.some(Random::concept), 50),
            ("subject", self.to(&["Patient", "Group"]), 80),
            ("encounter", self.to(&["Encounter"]), 30),
            ("period", self.random.period(), 60),
            ("participant", json!([member, other]), 80),
            ("identifier", self.some(Random::identifier), 40),
        ]
    }

    fn role(&mut self, rtype: &str) -> Vec<(&'static str, Value, usize)> {
        let mut parts = vec![
            ("active", self.flag(), 70),
            ("period", self.random.period(), 60),
            ("organization", self.to(&["Organization"]), 70),
            ("code", self.some(Random::concept), 60),
            ("specialty", self.some(Random::concept), 60),
            ("location", json!([self.to(&["Location"])]), 60),
            ("healthcareService", json!([self.to(&["HealthcareService"])]), 60),
            ("telecom", self.some(Random::contact), 50),
            ("identifier", self.some(Random::identifier), 50),
        ];
        match rtype {
            "PractitionerRole" => parts.push(("practitioner", self.to(&["Practitioner"]), 80)),
            _ => {
                parts.push(("participatingOrganization", self.to(&["Organization"]), 80));
                parts.push(("network", json!([self.to(&["Organization"])]), 40));
            }
        }
        parts
    }

    fn encounter(&mut self) -> Vec<(&'static str, Value, usize)> {
        let stay = json!({"location": self.to(&["Location"]), "period": self.random.period()});
        let length = json!({
            "value": self.random.number(), "system": "http://unitsofmeasure.org",
            "code": self.random.word(&["min", "h", "d"])
        });
        let participant =
            json!({"individual": self.to(&["Practitioner", "PractitionerRole"]), "type": [self.random.concept()]});
        vec![
            ("status", json!(self.random.word(&["planned", "arrived", "finished"])), 100),
            ("class", self.random.coding(), 100),
            ("type", self.some(Random::concept), 50),
            ("subject", self.to(&["Patient", "Group"]), 80),
            ("period", self.random.period(), 70),
            ("length", length, 60),
            ("location", json!([stay]), 50),
            ("participant", json!([participant]), 60),
            ("serviceProvider", self.to(&["Organization"]), 50),
            ("partOf", self.to(&["Encounter"]), 40),
            ("reasonCode", self.some(Random::concept), 40),
            ("basedOn", json!([self.to(&["ServiceRequest"])]), 40),
            ("identifier", self.some(Random::identifier), 40),
        ]
    }

    fn condition(&mut self) -> Vec<(&'static str, Value, usize)> {
        let mut parts = vec![
            ("subject", self.to(&["Patient", "Group"]), 100),
            ("code", self.random.concept(), 70),
            ("category", self.some(Random::concept), 50),
            ("severity", self.random.concept(), 40),
            ("bodySite", self.some(Random::concept), 30),
            ("encounter", self.to(&["Encounter"]), 40),
            ("asserter", self.to(&["Practitioner", "Patient", "RelatedPerson"]), 40),
            ("recordedDate", json!(self.random.date_time()), 60),
            (
                "evidence",
                json!([{"code": [self.random.concept()], "detail": [self.to(&["Condition", "ServiceRequest"])]}]),
                40,
            ),
            ("identifier", self.some(Random::identifier), 40),
        ];
        match self.random.below(6) {
            0 | 1 => parts.push(("onsetAge", self.random.age(), 100)),
            2 => parts.push(("onsetRange", self.random.range(), 100)),
            3 => parts.push(("onsetPeriod", self.random.period(), 100)),
            4 => parts.push(("onsetDateTime", json!(self.random.date_time()), 100)),
            _ => parts.push(("onsetString", json!(self.random.text()), 100)),
        }
        match self.random.below(4) {
            0 => parts.push(("abatementAge", self.random.age(), 100)),
            1 => parts.push(("abatementDateTime", json!(self.random.date_time()), 100)),
            2 => parts.push(("abatementString", json!(self.random.text()), 100)),
            _ => {}
        }
        parts
    }

    fn group(&mut self) -> Vec<(&'static str, Value, usize)> {
        let mut characteristic = json!({"code": self.random.concept(), "exclude": self.flag()});
        match self.random.below(4) {
            0 => characteristic["valueBoolean"] = self.flag(),
            1 => characteristic["valueQuantity"] = self.random.age(),
            2 => characteristic["valueRange"] = self.random.range(),
            _ => characteristic["valueCodeableConcept"] = self.random.concept(),
        }
        let other =
            json!({"code": self.random.concept(), "exclude": false, "valueCodeableConcept": self.random.concept()});
        vec![
            ("active", self.flag(), 60),
            ("type", json!(self.random.word(&["person", "practitioner"])), 100),
            ("actual", json!(true), 100),
            ("code", self.random.concept(), 60),
            ("characteristic", json!([characteristic, other]), 80),
            ("member", json!([{"entity": self.to(&["Patient"])}, {"entity": self.to(&["Practitioner"])}]), 60),
            ("managingEntity", self.to(&["Organization"]), 50),
            ("identifier", self.some(Random::identifier), 40),
        ]
    }

    fn measure(&mut self) -> Vec<(&'static str, Value, usize)> {
        let mut contexts = Vec::new();
        for _ in 0..self.random.between(1, 2) {
            let mut context = json!({"code": self.random.coding()});
            match self.random.below(3) {
                0 => context["valueQuantity"] = self.random.quantity(),
                1 => context["valueRange"] = self.random.range(),
                _ => context["valueCodeableConcept"] = self.random.concept(),
            }
            contexts.push(context);
        }
        vec![
            ("url", json!(self.url()), 80),
            ("version", json!(self.random.word(&["1", "1.0", "2"])), 60),
            ("name", json!("Figures"), 50),
            ("title", json!(self.random.text()), 70),
            ("status", json!(self.random.word(&["draft", "active"])), 100),
            ("date", json!(self.random.date_time()), 60),
            ("publisher", json!(self.random.text()), 60),
            ("description", json!(self.random.text()), 60),
            ("useContext", Value::Array(contexts), 80),
            ("jurisdiction", self.some(Random::concept), 40),
            ("topic", self.some(Random::concept), 40),
            ("effectivePeriod", self.random.period(), 50),
            ("library", json!([self.canonical()]), 40),
            ("identifier", self.some(Random::identifier), 40),
        ]
    }

    fn document(&mut self) -> Vec<(&'static str, Value, usize)> {
        let relation = |maker: &mut Self| {
            let code = maker.random.word(&["replaces", "transforms", "appends"]);
            json!({"code": code, "target": maker.to(&["DocumentReference"])})
        };
        let relations = json!([relation(self), relation(self)]);
        let url = json!(self.url());
        vec![
            ("status", json!(self.random.word(&["current", "superseded"])), 100),
            ("type", self.random.concept(), 60),
            ("category", self.some(Random::concept), 50),
            ("subject", self.to(&["Patient", "Practitioner", "Group"]), 80),
            ("date", json!(self.random.instant()), 70),
            ("author", json!([self.to(&["Practitioner", "Organization", "Patient"])]), 60),
            ("custodian", self.to(&["Organization"]), 40),
            ("description", json!(self.random.text()), 60),
            ("relatesTo", relations, 60),
            ("securityLabel", self.some(Random::concept), 40),
            ("context", json!({"period": self.random.period(), "facilityType": self.random.concept()}), 50),
            (
                "content",
                json!([{"attachment": {"contentType": "text/plain", "language": "ja", "url": url}, "format": self.random.coding()}]),
                100,
            ),
            ("identifier", self.some(Random::identifier), 40),
        ]
    }

    fn provenance(&mut self) -> Vec<(&'static str, Value, usize)> {
        let mut parts = vec![
            ("target", json!([self.to(&["Patient", "ServiceRequest"]), self.to(&["Task"])]), 100),
            ("recorded", json!(self.random.instant()), 100),
            ("agent", json!([{"type": self.random.concept(), "who": self.to(&["Practitioner", "Organization"])}]), 100),
            ("location", self.to(&["Location"]), 40),
        ];
        match self.random.below(3) {
            0 => parts.push(("occurredPeriod", self.random.period(), 100)),
            1 => parts.push(("occurredDateTime", json!(self.random.date_time()), 100)),
            _ => {}
        }
        parts
    }
}
