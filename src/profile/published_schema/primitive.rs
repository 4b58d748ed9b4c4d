//! R4's primitive types as plain schemas (`datatypes.html#primitive`). The patterns are those of [`super::super::format`]
//! as far as a pattern can be: days of the calendar and groups of base64 are not.

use serde_json::{Value, json};

const DATE: &str = "(?!0000)[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?";
const DAY: &str = "(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
const CLOCK: &str = "([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?";
const ZONE: &str = "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)";
const OID: &str = "urn:oid:[0-2](\\.(0|[1-9][0-9]*))+";
const UUID: &str = "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// The schema of one value.
pub fn schema(code: &str) -> Value {
    let pattern = match code {
        "boolean" => return json!({ "type": "boolean" }),
        "decimal" => return json!({ "type": "number" }),
        "integer" => return whole(i64::from(i32::MIN)),
        "positiveInt" => return whole(1),
        "unsignedInt" => return whole(0),
        "code" => "^[^\\s]+( [^\\s]+)*$".to_owned(),
        "id" => "^[A-Za-z0-9.-]{1,64}$".to_owned(),
        "uri" | "url" => format!("^((?!urn:(oid|uuid):)[^\\s]+|{OID}|{UUID})$"),
        "canonical" => "^(#|[A-Za-z][A-Za-z0-9+.-]*:)[^\\s]*$".to_owned(),
        "oid" => format!("^{OID}$"),
        "uuid" => format!("^{UUID}$"),
        "date" => format!("^{DATE}$"),
        "dateTime" => format!("^({DATE}|{DAY}T{CLOCK}{ZONE})$"),
        "instant" => format!("^{DAY}T{CLOCK}{ZONE}$"),
        "time" => format!("^{CLOCK}$"),
        "base64Binary" => "^[A-Za-z0-9+/=\\s]+$".to_owned(),
        _ => return json!({ "type": "string", "minLength": 1, "maxLength": 1_048_576 }),
    };
    json!({ "type": "string", "pattern": pattern })
}

fn whole(least: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": i32::MAX })
}
