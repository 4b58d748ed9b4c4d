//! Random elements: each kind of value with what is awkward about it.

use serde_json::{Value, json};

use super::random::Random;

pub const SYSTEMS: [&str; 4] = ["urn:one", "https://example.org/codes", "https://example.org/codes/2", "urn:oid:1.2.3"];
pub const CODES: [&str; 8] = ["a", "A", "b", "a b", "1", "x,y", "p|q", "\\"];
const TEXTS: [&str; 22] = [
    "豊中市立病院",
    "とよなか",
    "トヨナカ",
    "ﾄﾖﾅｶ",
    "ＡＢＣ診療所",
    "ABC",
    "abc",
    "Müller",
    "MULLER",
    "García",
    "garcia",
    "Straße",
    "ガーデン",
    "カーテン",
    "か゛",
    "ｶﾞｰﾃﾞﾝ",
    "Ａ　Ｂ",
    "100%",
    "a_b",
    "O'Brien",
    "$5, or |",
    "ΟΔΟΣ",
];

impl Random {
    pub fn text(&mut self) -> String {
        let text = self.word(&TEXTS);
        match self.below(12) {
            0 => format!("{text} {}", self.word(&TEXTS)),
            1 => format!("{}{text}", self.word(&TEXTS)),
            2 => text.repeat(40),
            3 => format!("{}{text}", "長い名前の".repeat(250)),
            _ => text,
        }
    }

    pub fn coding(&mut self) -> Value {
        let mut coding = json!({"code": self.word(&CODES)});
        if self.chance(75) {
            coding["system"] = json!(self.word(&SYSTEMS));
        }
        if self.chance(40) {
            coding["display"] = json!(self.text());
        }
        coding
    }

    pub fn concept(&mut self) -> Value {
        match self.below(8) {
            0 => json!({"text": self.text()}),
            1 => json!({"coding": [self.coding(), self.coding()], "text": self.text()}),
            2 => json!({"coding": [{"system": self.word(&SYSTEMS), "display": self.text()}]}),
            _ => json!({"coding": [self.coding()]}),
        }
    }

    pub fn identifier(&mut self) -> Value {
        let mut identifier = json!({"value": self.word(&["1", "2", "A-3", "a-3", "x|y", "００1"])});
        if self.chance(4) {
            identifier["value"] = json!("9".repeat(700));
        }
        if self.chance(75) {
            identifier["system"] = json!(self.word(&SYSTEMS));
        }
        if self.chance(40) {
            identifier["type"] = self.concept();
        }
        identifier
    }

    pub fn contact(&mut self) -> Value {
        let value = self.word(&["06-1111", "0611112222", "a@example.org", "A@example.org"]);
        json!({"system": self.word(&["phone", "email", "fax"]), "value": value})
    }

    pub fn name(&mut self) -> Value {
        match self.below(3) {
            0 => json!({"text": self.text()}),
            1 => json!({"family": self.text(), "given": [self.text(), self.text()]}),
            _ => json!({"family": self.text(), "prefix": ["Dr"], "use": "official"}),
        }
    }

    pub fn address(&mut self) -> Value {
        let mut address = json!({"use": self.word(&["home", "work"]), "city": self.text()});
        if self.chance(50) {
            address["line"] = json!([self.text(), self.text()]);
            address["state"] = json!(self.word(&["大阪府", "Osaka"]));
        }
        if self.chance(50) {
            address["postalCode"] = json!(self.word(&["560-0001", "５６０－０００１", "561"]));
            address["country"] = json!("JP");
        }
        address
    }

    /// A day from a handful of years, so that ends of years and leap days come often.
    pub fn day(&mut self) -> String {
        match self.below(6) {
            0 => self.word(&["2024-02-29", "2023-12-31", "2024-01-01", "2026-02-28", "2026-03-01", "1900-02-28"]),
            1 => format!("19{:02}-{:02}-{:02}", self.between(20, 99), self.between(1, 12), self.between(1, 28)),
            _ => format!("20{:02}-{:02}-{:02}", self.between(23, 27), self.between(1, 12), self.between(1, 28)),
        }
    }

    pub fn date(&mut self) -> String {
        let day = self.day();
        let length = *self.pick(&[4, 7, 10, 10, 10]);
        day[..length].to_owned()
    }

    pub fn zone(&mut self) -> String {
        self.word(&["Z", "+09:00", "+09:00", "-11:00", "+14:00", "+05:45", "+00:00"])
    }

    pub fn instant(&mut self) -> String {
        let (hour, minute) = (self.between(0, 23), *self.pick(&[0, 0, 30, 59]));
        let fraction = self.word(&["", "", ".123", ".999", ".500"]);
        let second = *self.pick(&[0, 0, 59]);
        format!("{}T{hour:02}:{minute:02}:{second:02}{fraction}{}", self.day(), self.zone())
    }

    pub fn date_time(&mut self) -> String {
        if self.chance(60) { self.instant() } else { self.date() }
    }

    pub fn period(&mut self) -> Value {
        let (start, end) = (self.date_time(), self.date_time());
        let ordered = super::time::range(&start).unwrap().low <= super::time::range(&end).unwrap().low;
        let (start, end) = if ordered { (start, end) } else { (end, start) };
        match self.below(6) {
            0 => json!({"start": start}),
            1 => json!({"end": end}),
            _ if start.len() == end.len() || start.len() >= 19 && end.len() >= 19 => {
                json!({"start": start, "end": end})
            }
            _ => json!({"start": start}),
        }
    }

    pub fn timing(&mut self) -> Value {
        match self.below(4) {
            0 => json!({"event": [self.date_time(), self.date_time()]}),
            1 => json!({"event": [self.date_time()], "repeat": {"boundsPeriod": self.period()}}),
            2 => json!({"code": {"text": "毎日"}}),
            _ => json!({"repeat": {"boundsPeriod": self.period(), "frequency": 1, "period": 1, "periodUnit": "d"}}),
        }
    }

    /// A decimal as text: its precision counts.
    pub fn decimal(&mut self) -> String {
        let number = self.word(&["0", "1", "2", "12", "24", "36", "50", "99", "100", "365", "1000", "7"]);
        let fraction = self.word(&["", "", "", ".0", ".5", ".50", ".49", ".499", ".25", ".000001"]);
        format!("{number}{fraction}")
    }

    pub fn number(&mut self) -> Value {
        serde_json::from_str(&self.decimal()).unwrap()
    }

    /// A quantity of time, or of something else.
    pub fn quantity(&mut self) -> Value {
        let mut quantity = json!({"value": self.number()});
        let code = self.word(&["ms", "s", "min", "h", "d", "wk", "mo", "a", "kg", "g"]);
        match self.below(6) {
            0 => quantity["unit"] = json!(self.word(&["a", "years", "kg"])),
            1 => {
                quantity["system"] = json!("urn:units");
                quantity["code"] = json!(code);
            }
            _ => {
                quantity["system"] = json!("http://unitsofmeasure.org");
                quantity["code"] = json!(code);
                quantity["unit"] = json!(self.word(&["years", "kg", "d"]));
            }
        }
        if self.chance(20) {
            quantity["comparator"] = json!(self.word(&["<", "<=", ">", ">="]));
        }
        quantity
    }

    /// An age in a unit of time.
    pub fn age(&mut self) -> Value {
        let code = self.word(&["min", "h", "d", "wk", "mo", "a"]);
        json!({"value": self.number(), "system": "http://unitsofmeasure.org", "code": code, "unit": "x"})
    }

    pub fn range(&mut self) -> Value {
        let code = self.word(&["mo", "a", "kg"]);
        let end = |value: i64| json!({"value": value, "system": "http://unitsofmeasure.org", "code": code});
        let low = self.between(0, 50);
        match self.below(4) {
            0 => json!({"low": end(low)}),
            1 => json!({"high": end(low)}),
            _ => json!({"low": end(low), "high": end(low + self.between(0, 40))}),
        }
    }

    pub fn position(&mut self) -> Value {
        let (latitude, longitude) = match self.below(6) {
            0 => (self.between(-20, 20), *self.pick(&[1799, -1799, 1800, -1800, 1795])),
            1 => (*self.pick(&[899, 900, -899, -900, 895]), self.between(-1800, 1800)),
            _ => (self.between(346, 349), self.between(1352, 1357)),
        };
        let finer = |tenths: i64| {
            serde_json::from_str::<Value>(&format!(
                "{}{}.{}",
                if tenths < 0 { "-" } else { "" },
                tenths.abs() / 10,
                tenths.abs() % 10
            ))
            .unwrap()
        };
        json!({"latitude": finer(latitude), "longitude": finer(longitude)})
    }

    /// In one of the forms that references have; `base`: the server's own address.
    pub fn reference(&mut self, types: &[&str], base: &str) -> Value {
        let to = format!("{}/g{}", self.word(types), self.between(0, 11));
        match self.below(14) {
            0 => json!({"reference": format!("{base}/{to}")}),
            1 => json!({"reference": format!("https://elsewhere.example/fhir/{to}")}),
            2 => json!({"reference": format!("{to}/_history/{}", self.between(1, 2))}),
            3 => json!({"identifier": self.identifier()}),
            4 => json!({"display": self.text()}),
            5 => json!({"reference": to, "identifier": self.identifier()}),
            _ => json!({"reference": to}),
        }
    }
}
