//! `near`: within a distance of a position. R4 `location.html#search` (Location-near).

use crate::error::Result;
use crate::search::query::refusal;
use crate::store::Circle;

use super::decimal::Decimal;
use super::escape::{split, unescape};

/// What counts as near where no distance is given, in kilometres: R4 leaves it to the server.
const USUAL_DISTANCE: f64 = 10.0;

/// `latitude|longitude|distance|unit`; without a unit it is kilometres.
pub fn circle(name: &str, raw: &str) -> Result<Circle> {
    let parts: Vec<String> = split(raw, '|').into_iter().map(unescape).collect();
    let part = |at: usize| parts.get(at).map(String::as_str).filter(|part| !part.is_empty());
    let number = |text: &str| Decimal::parse(text).map(Decimal::value).filter(|value| value.is_finite());
    let degrees = |at: usize, most: f64| part(at).and_then(number).filter(|value| value.abs() <= most);
    let (Some(latitude), Some(longitude), true) = (degrees(0, 90.0), degrees(1, 180.0), parts.len() <= 4) else {
        return Err(refusal::value(
            name,
            "位置が読めません。「緯度|経度|距離|単位」の形で、緯度は -90 から 90、経度は -180 から 180 です。例: 34.78|135.47|10|km",
            "its position is not readable. Write latitude|longitude|distance|unit, with degrees from -90 to 90 and from -180 to 180. Example: 34.78|135.47|10|km",
        ));
    };
    let distance = match part(2) {
        None => USUAL_DISTANCE,
        Some(text) => number(text).filter(|distance| *distance >= 0.0).ok_or_else(|| {
            refusal::value(name, "距離が 0 以上の数ではありません。", "its distance is not a number from 0 upwards.")
        })?,
    };
    let unit = part(3).unwrap_or("km");
    let metres = metres_in(unit).ok_or_else(|| {
        refusal::value(
            name,
            "距離の単位が使えません。使えるのは m、km、[mi_i]、[mi_us]、[nmi_i]、[ft_i] です。",
            "its unit of distance is not known. These are: m, km, [mi_i], [mi_us], [nmi_i], [ft_i].",
        )
    })?;
    Ok(Circle { latitude, longitude, metres: distance * metres })
}

/// UCUM's codes of lengths that people measure ways by.
fn metres_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "m" => 1.0,
        "km" => 1_000.0,
        "[mi_i]" => 1_609.344,
        "[mi_us]" => 1_609.347_218_694_437,
        "[nmi_i]" => 1_852.0,
        "[ft_i]" => 0.304_8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_and_unit_may_be_left_out() {
        let at = |metres: f64| Circle { latitude: 34.78, longitude: 135.47, metres };
        let read = |text: &str| circle("near", text).unwrap();
        assert_eq!(read("34.78|135.47|2.5|km"), at(2_500.0));
        assert_eq!(read("34.78|135.47|500|m"), at(500.0));
        assert_eq!(read("34.78|135.47|1|[mi_i]"), at(1_609.344));
        assert_eq!(read("34.78|135.47|3"), at(3_000.0));
        for usual in ["34.78|135.47", "34.78|135.47||", "34.78|135.47||km"] {
            assert_eq!(read(usual), at(10_000.0), "{usual}");
        }
    }

    #[test]
    fn what_is_no_circle_is_refused() {
        for bad in [
            "",
            "34.78",
            "34.78|",
            "91|0",
            "-90.1|0",
            "0|180.1",
            "x|0",
            "34.78|135.47|-1",
            "34.78|135.47|1|mile",
            "34.78|135.47|1|km|x",
            "NaN|0",
            "34.78|135.47|1e400",
        ] {
            assert!(circle("near", bad).is_err(), "{bad}");
        }
    }
}
