//! What a row of an index table must be, as SQL over the table's alias.

use std::f64::consts::{FRAC_PI_2, PI};

use super::super::index::band;
use super::super::sql::{Sql, Value};
use super::criteria::{
    Bound, Circle, Compare, DatePattern, EARTH_RADIUS, Edge, Patterns, QuantityPattern, ReferencePattern,
    StringPattern, Table, TokenPattern, UnitPattern, VacancyPattern, unit_vector,
};

/// Characters of a folded string that its index holds.
const HEAD: usize = 100;

impl Patterns {
    pub(super) fn table(&self) -> Table {
        match self {
            Patterns::Tokens(_) => Table::Token,
            Patterns::References(_) => Table::Reference,
            Patterns::Dates(_) => Table::Date,
            Patterns::Quantities(_) => Table::Quantity,
            Patterns::Strings(_) => Table::String,
            Patterns::Positions(_) => Table::Position,
            Patterns::Vacancies(_) => Table::Vacancy,
            Patterns::AsOf(_) => Table::AsOf,
        }
    }

    /// Each alternative for itself. `now`: milliseconds since 1970.
    pub(super) fn alternatives(&self, t: &str, now: i64) -> Vec<Sql> {
        self.each(t, now, "")
    }

    /// `shield`: what is added to columns of an index that must not be chosen.
    fn each(&self, t: &str, now: i64, shield: &str) -> Vec<Sql> {
        match self {
            Patterns::Tokens(patterns) => patterns.iter().map(|pattern| token(pattern, t)).collect(),
            Patterns::References(patterns) => patterns.iter().map(|pattern| reference(pattern, t)).collect(),
            Patterns::Dates(patterns) => patterns.iter().map(|pattern| date(pattern, t)).collect(),
            Patterns::Quantities(patterns) => patterns.iter().map(|pattern| quantity(pattern, t)).collect(),
            Patterns::Strings(patterns) => patterns.iter().map(|pattern| string(pattern, t)).collect(),
            Patterns::Positions(circles) => circles.iter().map(|circle| position(circle, t)).collect(),
            Patterns::Vacancies(patterns) => patterns.iter().map(|pattern| vacancy(pattern, t, now, shield)).collect(),
            Patterns::AsOf(patterns) => patterns.iter().map(|pattern| as_of(pattern, t)).collect(),
        }
    }

    /// One of the alternatives, for rows that are found by their resource: a planner without statistics would otherwise
    /// walk all wards with a free bed for each of them.
    pub(in crate::store) fn any(&self, t: &str, now: i64) -> Sql {
        join(self.each(t, now, " + 0"), " OR ", "1 = 0")
    }
}

/// `(a) OR (b)`; `none` where there is nothing to join.
pub(super) fn join(parts: Vec<Sql>, word: &str, none: &'static str) -> Sql {
    if parts.is_empty() {
        return Sql::new(none);
    }
    let mut joined = Sql::new("(");
    for (index, part) in parts.into_iter().enumerate() {
        joined = joined.then(if index > 0 { word } else { "" }, []).append(part);
    }
    joined.then(")", [])
}

fn with(text: String, values: impl IntoIterator<Item = Value>) -> Sql {
    Sql::new("").then(&text, values)
}

/// The least text behind all that begin with `text`: no character is greater than U+10FFFF.
pub(super) fn end_of_prefix(text: &str) -> String {
    format!("{text}\u{10FFFF}")
}

fn token(pattern: &TokenPattern, t: &str) -> Sql {
    match pattern {
        TokenPattern::Code(code) => with(format!("{t}.code = ?"), [code.as_str().into()]),
        TokenPattern::Exact { system, code } => {
            with(format!("({t}.code = ? AND {t}.system = ?)"), [code.as_str().into(), (*system).into()])
        }
        TokenPattern::System(system) => with(format!("{t}.system = ?"), [(*system).into()]),
        TokenPattern::Below(uri) => {
            let below = format!("{}/", uri.trim_end_matches('/'));
            let end = end_of_prefix(&below);
            with(
                format!("({t}.code = ? OR ({t}.code >= ? AND {t}.code < ?))"),
                [uri.as_str().into(), below.into(), end.into()],
            )
        }
    }
}

fn reference(pattern: &ReferencePattern, t: &str) -> Sql {
    match pattern {
        ReferencePattern::To { rtype, id, version } => {
            let sql = with(
                format!("({t}.target_id = ? AND {t}.target_type = ?"),
                [id.as_str().into(), rtype.as_str().into()],
            );
            match version {
                Some(version) => sql.then(&format!(" AND {t}.version = ?)"), [version.as_str().into()]),
                None => sql.then(")", []),
            }
        }
        ReferencePattern::Below { rtype, id, parent } => with(
            format!(
                "({t}.target_type = ? AND {t}.target_id IN (WITH RECURSIVE below (rid) AS (SELECT s.rid FROM resource s \
                 WHERE s.rtype = ? AND s.rid = ? UNION SELECT r.rid FROM below b JOIN index_reference f ON f.target_id = b.rid AND f.target_type = ? \
                 AND f.param = {parent} JOIN resource r ON r.key = f.key) SELECT rid FROM below))"
            ),
            [rtype.as_str(), rtype.as_str(), id.as_str(), rtype.as_str()].map(Value::from),
        ),
        ReferencePattern::Above { rtype, id, parent } => with(
            format!(
                "({t}.target_type = ? AND {t}.target_id IN (WITH RECURSIVE above (rid) AS (SELECT s.rid FROM resource s \
                 WHERE s.rtype = ? AND s.rid = ? UNION SELECT f.target_id FROM above a JOIN resource r ON r.rtype = ? AND r.rid = a.rid \
                 JOIN index_reference f ON f.key = r.key AND f.param = {parent} AND f.target_type = ?) \
                 SELECT rid FROM above))"
            ),
            [rtype.as_str(), rtype.as_str(), id.as_str(), rtype.as_str(), rtype.as_str()].map(Value::from),
        ),
    }
}

fn bound<T: Copy + Into<Value>>(bound: &Bound<T>, t: &str) -> Sql {
    let edge = match bound.edge {
        Edge::Low => "low",
        Edge::High => "high",
    };
    with(format!("{t}.{edge} {} ?", sign(bound.compare)), [bound.value.into()])
}

fn sign(compare: Compare) -> &'static str {
    match compare {
        Compare::Below => "<",
        Compare::AtMost => "<=",
        Compare::AtLeast => ">=",
        Compare::Above => ">",
    }
}

fn date(pattern: &DatePattern, t: &str) -> Sql {
    let mut parts: Vec<Sql> = pattern.0.iter().map(|part| bound(part, t)).collect();
    parts.extend(closing(&pattern.0).map(|part| bound(&part, t)));
    join(parts, " AND ", "1 = 1")
}

/// A range that must lie within two bounds begins below the upper one, too: so one index range is enough.
fn closing<T: Copy>(bounds: &[Bound<T>]) -> Option<Bound<T>> {
    let from = bounds.iter().any(|bound| bound.edge == Edge::Low && bound.compare == Compare::AtLeast);
    let until = bounds
        .iter()
        .find(|bound| bound.edge == Edge::High && matches!(bound.compare, Compare::AtMost | Compare::Below))?;
    from.then_some(Bound { edge: Edge::Low, compare: Compare::AtMost, value: until.value })
}

fn quantity(pattern: &QuantityPattern, t: &str) -> Sql {
    let mut parts: Vec<Sql> = pattern.bounds.iter().map(|part| bound(part, t)).collect();
    parts.extend(closing(&pattern.bounds).map(|part| bound(&part, t)));
    match &pattern.unit {
        None => {}
        Some(UnitPattern::Exact { system, code }) => {
            parts.push(with(format!("{t}.system = ? AND {t}.code = ?"), [(*system).into(), code.as_str().into()]));
        }
        Some(UnitPattern::Any(text)) => {
            parts.push(with(format!("({t}.code = ? OR {t}.unit = ?)"), [text.as_str().into(), text.as_str().into()]));
        }
    }
    join(parts, " AND ", "1 = 1")
}

fn string(pattern: &StringPattern, t: &str) -> Sql {
    match pattern {
        StringPattern::StartsWith(text) => {
            let head: String = text.chars().take(HEAD).collect();
            let range = with(
                format!("substr({t}.folded, 1, {HEAD}) >= ? AND substr({t}.folded, 1, {HEAD}) < ?"),
                [head.as_str().into(), end_of_prefix(&head).into()],
            );
            if head.len() == text.len() {
                return range;
            }
            range.then(&format!(" AND {t}.folded LIKE ? ESCAPE '\\'"), [format!("{}%", escaped(text)).into()])
        }
        StringPattern::Contains(text) => {
            with(format!("{t}.folded LIKE ? ESCAPE '\\'"), [format!("%{}%", escaped(text)).into()])
        }
        StringPattern::Exact { text, folded } => {
            let head: String = folded.chars().take(HEAD).collect();
            with(format!("(substr({t}.folded, 1, {HEAD}) = ? AND {t}.exact = ?)"), [head.into(), text.as_str().into()])
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// The square of the chord from the centre to the row's point.
pub(super) fn chord(circle: &Circle, t: &str) -> Sql {
    let [x, y, z] = unit_vector(circle.latitude, circle.longitude);
    with(
        format!("(({t}.x - ?) * ({t}.x - ?) + ({t}.y - ?) * ({t}.y - ?) + ({t}.z - ?) * ({t}.z - ?))"),
        [x, x, y, y, z, z].map(Value::Double),
    )
}

/// The square of the chord that spans a distance along the globe.
pub(super) fn chord_of_metres(metres: f64) -> f64 {
    let angle = (metres / EARTH_RADIUS).min(PI);
    let chord = 2.0 * (angle / 2.0).sin();
    chord * chord
}

pub(super) fn position(circle: &Circle, t: &str) -> Sql {
    let angle = circle.metres / EARTH_RADIUS;
    let (south, north) = (circle.latitude - angle.to_degrees(), circle.latitude + angle.to_degrees());
    let mut parts = vec![bands(band(south), band(north), t)];
    parts.extend(longitudes(circle, angle, t));
    parts.push(chord(circle, t).then(" <= ?", [chord_of_metres(circle.metres).into()]));
    join(parts, " AND ", "1 = 1")
}

/// A few bands are told one by one, so that the index narrows longitudes within each.
fn bands(south: i64, north: i64, t: &str) -> Sql {
    const FEW: i64 = 16;
    if north - south >= FEW {
        return with(format!("{t}.band BETWEEN ? AND ?"), [south.into(), north.into()]);
    }
    let marks = vec!["?"; usize::try_from(north - south + 1).unwrap_or(1)].join(", ");
    with(format!("{t}.band IN ({marks})"), (south..=north).map(Value::Int))
}

/// The meridians between which the circle lies; all of them where it holds a pole.
fn longitudes(circle: &Circle, angle: f64, t: &str) -> Option<Sql> {
    let latitude = circle.latitude.to_radians();
    if latitude.abs() + angle >= FRAC_PI_2 {
        return None;
    }
    // The widest part of a circle on a sphere; a little more, for rounding.
    let half = (angle.sin() / latitude.cos()).min(1.0).asin().to_degrees() + 1e-6;
    let (west, east) = (circle.longitude - half, circle.longitude + half);
    let between = |from: f64, to: f64| with(format!("{t}.longitude BETWEEN ? AND ?"), [from.into(), to.into()]);
    Some(match (west < -180.0, east > 180.0) {
        (true, true) => return None,
        (true, false) => join(vec![between(west + 360.0, 180.0), between(-180.0, east)], " OR ", "1 = 0"),
        (false, true) => join(vec![between(west, 180.0), between(-180.0, east - 360.0)], " OR ", "1 = 0"),
        (false, false) => between(west, east),
    })
}

/// The slice is believed still, and fits. DOMAIN §3: past its `validUntil` nobody knows.
fn vacancy(pattern: &VacancyPattern, t: &str, now: i64, shield: &str) -> Sql {
    let mut parts = vec![with(format!("{t}.valid_until > ?"), [now.into()])];
    if let Some(sex) = &pattern.sex {
        let column = if shield.is_empty() { format!("{t}.sex") } else { format!("coalesce({t}.sex, '')") };
        parts.push(with(format!("{column} = ?"), [sex.as_str().into()]));
    }
    parts.push(with(format!("{t}.available{shield} IS NOT NULL"), []));
    for bound in &pattern.available {
        parts.push(with(format!("{t}.available{shield} {} ?", sign(bound.compare)), [whole(bound).into()]));
    }
    join(parts, " AND ", "1 = 1")
}

/// The whole number that bounds whole numbers as `bound` does: an index of whole numbers is not asked with fractions.
fn whole(bound: &Bound<f64>) -> i64 {
    let value = match bound.compare {
        Compare::Below | Compare::AtLeast => bound.value.ceil(),
        Compare::AtMost | Compare::Above => bound.value.floor(),
    };
    #[expect(clippy::cast_possible_truncation, reason = "numbers beyond an i64 bound as its ends do")]
    let value = value as i64;
    value
}

/// A moment is as wide as a millisecond.
fn as_of(pattern: &DatePattern, t: &str) -> Sql {
    let part = |bound: &Bound<i64>| {
        let edge = if bound.edge == Edge::Low { "" } else { " + 1" };
        with(format!("{t}.as_of{edge} {} ?", sign(bound.compare)), [bound.value.into()])
    };
    join(pattern.0.iter().map(part).collect(), " AND ", "1 = 1")
}
