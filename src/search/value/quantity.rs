//! Numbers and quantities. R4 `search.html#number`, `search.html#quantity`.

use crate::error::Result;
use crate::search::extract::index_form;
use crate::search::query::refusal;
use crate::store::{Bound, Compare, Edge, QuantityPattern, UnitPattern, system_id};

use super::decimal::{Decimal, Factor};
use super::escape::{split, unescape};
use super::prefix::{self, Prefix};

/// Units of measure.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// The patterns of a quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    pub patterns: Vec<QuantityPattern>,
    /// The unit is one of time: the patterns are in seconds, and for the rows in seconds.
    pub in_seconds: bool,
}

/// All bounds of one alternative.
pub type Bounds = Vec<Bound<f64>>;

/// The alternatives of one number.
pub fn number(name: &str, text: &str) -> Result<Vec<Bounds>> {
    let (prefix, number) = prefix::split(text);
    let number = Decimal::parse(number).ok_or_else(|| bad_number(name))?;
    Ok(bounds(prefix, number))
}

/// `number`, `number|system|code` or `number||code`.
pub fn quantity(name: &str, text: &str) -> Result<Quantity> {
    let asked = read(name, text)?;
    let seconds = match &asked.unit {
        Some((system, code)) if system == UCUM => seconds_in(code),
        _ => None,
    };
    Ok(match seconds.and_then(|factor| asked.number.times(factor)) {
        Some(number) => {
            let unit = Some((UCUM.to_owned(), "s".to_owned()));
            Quantity { patterns: patterns(Asked { number, unit, ..asked }), in_seconds: true }
        }
        None => Quantity { patterns: patterns(asked), in_seconds: false },
    })
}

struct Asked {
    prefix: Prefix,
    number: Decimal,
    /// System, empty for any, and code.
    unit: Option<(String, String)>,
}

fn read(name: &str, text: &str) -> Result<Asked> {
    let parts: Vec<&str> = split(text, '|');
    let (prefix, number) = prefix::split(parts.first().copied().unwrap_or_default());
    let number = Decimal::parse(number).ok_or_else(|| bad_number(name))?;
    let unit = match parts.as_slice() {
        [_] => None,
        [_, system, code] if !code.is_empty() => Some((unescape(system), unescape(code))),
        _ => return Err(bad_unit(name)),
    };
    Ok(Asked { prefix, number, unit })
}

fn patterns(asked: Asked) -> Vec<QuantityPattern> {
    let unit = asked.unit.map(|(system, code)| match system.is_empty() {
        true => UnitPattern::Any(index_form(&code)),
        false => UnitPattern::Exact { system: system_id(&system), code: index_form(&code) },
    });
    let one = |bounds| QuantityPattern { bounds, unit: unit.clone() };
    bounds(asked.prefix, asked.number).into_iter().map(one).collect()
}

/// UCUM's units of time.
pub fn seconds_in(code: &str) -> Option<Factor> {
    let (mantissa, exponent) = match code {
        "ms" => (1, -3),
        "s" => (1, 0),
        "min" => (60, 0),
        "h" => (3_600, 0),
        "d" => (86_400, 0),
        "wk" => (604_800, 0),
        // A twelfth of the mean Julian year.
        "mo" => (2_629_800, 0),
        "a" => (31_557_600, 0),
        _ => return None,
    };
    Some(Factor { mantissa, exponent })
}

fn bounds(prefix: Prefix, number: Decimal) -> Vec<Bounds> {
    let bound = |edge, compare, value| Bound { edge, compare, value };
    let value = number.value();
    let (low, high) = number.precision();
    match prefix {
        Prefix::Equal => {
            vec![vec![bound(Edge::Low, Compare::AtLeast, low), bound(Edge::High, Compare::Below, high)]]
        }
        Prefix::NotEqual => {
            vec![vec![bound(Edge::Low, Compare::Below, low)], vec![bound(Edge::High, Compare::AtLeast, high)]]
        }
        Prefix::Greater => vec![vec![bound(Edge::High, Compare::Above, value)]],
        Prefix::Less => vec![vec![bound(Edge::Low, Compare::Below, value)]],
        Prefix::GreaterOrEqual => vec![vec![bound(Edge::High, Compare::AtLeast, value)]],
        Prefix::LessOrEqual => vec![vec![bound(Edge::Low, Compare::AtMost, value)]],
        Prefix::StartsAfter => vec![vec![bound(Edge::Low, Compare::Above, value)]],
        Prefix::EndsBefore => vec![vec![bound(Edge::High, Compare::Below, value)]],
        Prefix::Approximately => {
            let (low, high) = number.about();
            vec![vec![bound(Edge::High, Compare::AtLeast, low), bound(Edge::Low, Compare::AtMost, high)]]
        }
    }
}

fn bad_number(name: &str) -> crate::error::Error {
    refusal::value(name, "数として読めません。例: 5.4、ge100、1e2", "it is not a number. Examples: 5.4, ge100, 1e2")
}

fn bad_unit(name: &str) -> crate::error::Error {
    refusal::value(
        name,
        "単位が読めません。「数」「数|system|コード」「数||コード」のどれかで書いてください。例: 5.4|http://unitsofmeasure.org|mg",
        "its unit is not readable. Write number, number|system|code or number||code, such as 5.4|http://unitsofmeasure.org|mg",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_has_three_forms() {
        let unit = |text: &str| quantity("q", text).unwrap().patterns[0].unit.clone();
        assert_eq!(unit("5.4"), None);
        let exact = UnitPattern::Exact { system: system_id(UCUM), code: "mg".into() };
        assert_eq!(unit("le5.4|http://unitsofmeasure.org|mg"), Some(exact));
        assert_eq!(unit("5.4||mg"), Some(UnitPattern::Any("mg".into())));
        for bad in ["", "x", "5.4|", "5.4|mg", "5.4||", "5.4|s|c|d", "zz5", "|s|c"] {
            assert!(quantity("q", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_in_seconds() {
        let hours = quantity("q", "1.5|http://unitsofmeasure.org|h").unwrap();
        assert!(hours.in_seconds);
        let bound = |edge, compare, value| Bound { edge, compare, value };
        let expected = vec![bound(Edge::Low, Compare::AtLeast, 5_220.0), bound(Edge::High, Compare::Below, 5_580.0)];
        assert_eq!(hours.patterns[0].bounds, expected);
        assert_eq!(hours.patterns[0].unit, Some(UnitPattern::Exact { system: system_id(UCUM), code: "s".into() }));
        assert!(!quantity("q", "1.5||h").unwrap().in_seconds);
    }

    #[test]
    fn every_prefix_has_its_own_bounds() {
        let fits = |prefix: &str, low: f64, high: f64| {
            number("n", &format!("{prefix}100")).unwrap().iter().any(|bounds| {
                bounds.iter().all(|bound| {
                    let found = if bound.edge == Edge::Low { low } else { high };
                    match bound.compare {
                        Compare::Below => found < bound.value,
                        Compare::AtMost => found <= bound.value,
                        Compare::AtLeast => found >= bound.value,
                        Compare::Above => found > bound.value,
                    }
                })
            })
        };
        let rows = [89.0, 99.4, 99.5, 100.0, 100.4, 100.5, 111.0].map(|value| (value, value));
        for (prefix, expected) in [
            ("", [false, false, true, true, true, false, false]),
            ("ne", [true, true, false, false, false, true, true]),
            ("gt", [false, false, false, false, true, true, true]),
            ("lt", [true, true, true, false, false, false, false]),
            ("ge", [false, false, false, true, true, true, true]),
            ("le", [true, true, true, true, false, false, false]),
            ("sa", [false, false, false, false, true, true, true]),
            ("eb", [true, true, true, false, false, false, false]),
            ("ap", [false, true, true, true, true, true, false]),
        ] {
            assert_eq!(rows.map(|(low, high)| fits(prefix, low, high)), expected, "{prefix}");
        }
        assert!(fits("gt", 50.0, 150.0) && !fits("sa", 50.0, 150.0), "a range that reaches over the number");
    }
}
