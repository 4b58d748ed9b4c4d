//! Bundles as text: stored resources are put in as they are, without being read. R4 `bundle.html`.

use crate::fhir::json::write_string;

/// A Bundle under construction.
pub struct BundleText {
    out: String,
    entries: usize,
}

/// The entry's place in a searchset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SearchMode {
    Match {
        /// How far it is from where the search looks.
        metres: Option<f64>,
    },
    Include,
    Outcome,
}

impl BundleText {
    pub fn new(kind: &str) -> Self {
        BundleText { out: format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\""), entries: 0 }
    }

    #[must_use]
    pub fn total(mut self, total: Option<i64>) -> Self {
        if let Some(total) = total {
            self.out.push_str(&format!(",\"total\":{total}"));
        }
        self
    }

    /// Links by relation; must come before the entries.
    #[must_use]
    pub fn links(mut self, links: &[(&str, String)]) -> Self {
        if links.is_empty() {
            return self;
        }
        self.out.push_str(",\"link\":[");
        for (index, (relation, url)) in links.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.out.push_str(&format!("{{\"relation\":\"{relation}\",\"url\":"));
            write_string(url, &mut self.out);
            self.out.push('}');
        }
        self.out.push(']');
        self
    }

    /// An entry of members that are already JSON, such as `("resource", "{…}")`; empty ones are left out.
    pub fn entry(&mut self, members: &[(&str, &str)]) {
        self.out.push_str(if self.entries == 0 { ",\"entry\":[" } else { "," });
        self.entries += 1;
        self.out.push('{');
        let mut first = true;
        for (name, value) in members.iter().filter(|(_, value)| !value.is_empty()) {
            if !first {
                self.out.push(',');
            }
            first = false;
            self.out.push_str(&format!("\"{name}\":"));
            self.out.push_str(value);
        }
        self.out.push('}');
    }

    pub fn search_entry(&mut self, full_url: &str, resource: &str, mode: SearchMode) {
        let search = match mode {
            SearchMode::Match { metres: None } => "{\"mode\":\"match\"}",
            SearchMode::Match { metres: Some(metres) } => &near(metres),
            SearchMode::Include => "{\"mode\":\"include\"}",
            SearchMode::Outcome => "{\"mode\":\"outcome\"}",
        };
        // What is made for this answer has no address; HL7's validator asks for one all the same.
        let made = || quoted(&uuid::Uuid::new_v4().urn().to_string());
        let full_url = if full_url.is_empty() { made() } else { quoted(full_url) };
        self.entry(&[("fullUrl", &full_url), ("resource", resource), ("search", search)]);
    }

    pub fn finish(mut self) -> String {
        self.out.push_str(if self.entries > 0 { "]}" } else { "}" });
        self.out
    }
}

fn near(metres: f64) -> String {
    format!("{{\"extension\":[{}],\"mode\":\"match\"}}", distance(metres))
}

/// The extension of a match that is as far away (R4 `extension-location-distance.html`), to the metre.
pub fn distance(metres: f64) -> String {
    format!(
        "{{\"url\":\"http://hl7.org/fhir/StructureDefinition/location-distance\",\"valueDistance\":\
         {{\"value\":{:.3},\"unit\":\"km\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"km\"}}}}",
        metres / 1000.0
    )
}

/// An object of string members; empty ones are left out.
pub fn object(members: &[(&str, &str)]) -> String {
    let written = members.iter().filter(|(_, value)| !value.is_empty());
    let parts: Vec<String> = written.map(|(name, value)| format!("\"{name}\":{}", quoted(value))).collect();
    format!("{{{}}}", parts.join(","))
}

pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}
