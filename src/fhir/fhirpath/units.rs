//! A small part of UCUM: enough to bring the units of everyday measurements together. <https://ucum.org/ucum>
//!
//! What is not in the table is compared by its code alone: special units (`Cel`), arbitrary units (`[iU]`) and rare ones.

use super::decimal::Decimal;

/// A unit as a factor and powers of base dimensions.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub factor: Decimal,
    /// Base dimension and exponent, sorted, without zeros.
    dimensions: Vec<(&'static str, i32)>,
}

/// Code, mantissa and scale of the factor, dimensions, whether prefixes apply.
type Atom = (&'static str, i128, u32, &'static [(&'static str, i32)], bool);

const ATOMS: [Atom; 32] = [
    ("m", 1, 0, &[("m", 1)], true),
    ("g", 1, 0, &[("g", 1)], true),
    ("s", 1, 0, &[("s", 1)], true),
    ("mol", 1, 0, &[("mol", 1)], true),
    ("K", 1, 0, &[("K", 1)], true),
    ("A", 1, 0, &[("A", 1)], true),
    ("cd", 1, 0, &[("cd", 1)], true),
    ("min", 60, 0, &[("s", 1)], false),
    ("h", 3600, 0, &[("s", 1)], false),
    ("d", 86_400, 0, &[("s", 1)], false),
    ("wk", 604_800, 0, &[("s", 1)], false),
    ("a", 31_557_600, 0, &[("s", 1)], false),
    ("mo", 2_629_800, 0, &[("s", 1)], false),
    ("l", 1, 3, &[("m", 3)], true),
    ("L", 1, 3, &[("m", 3)], true),
    ("Hz", 1, 0, &[("s", -1)], true),
    ("N", 1000, 0, &[("g", 1), ("m", 1), ("s", -2)], true),
    ("Pa", 1000, 0, &[("g", 1), ("m", -1), ("s", -2)], true),
    ("bar", 100_000_000, 0, &[("g", 1), ("m", -1), ("s", -2)], true),
    ("m[Hg]", 133_322_387, 0, &[("g", 1), ("m", -1), ("s", -2)], true),
    ("J", 1000, 0, &[("g", 1), ("m", 2), ("s", -2)], true),
    ("W", 1000, 0, &[("g", 1), ("m", 2), ("s", -3)], true),
    ("cal", 4184, 0, &[("g", 1), ("m", 2), ("s", -2)], true),
    ("[in_i]", 254, 4, &[("m", 1)], false),
    ("[ft_i]", 3048, 4, &[("m", 1)], false),
    ("[mi_i]", 1_609_344, 3, &[("m", 1)], false),
    ("[lb_av]", 45_359_237, 5, &[("g", 1)], false),
    ("[oz_av]", 28_349_523_125, 9, &[("g", 1)], false),
    ("t", 1_000_000, 0, &[("g", 1)], true),
    ("%", 1, 2, &[], false),
    ("U", 1, 0, &[("U", 1)], true),
    ("[iU]", 1, 0, &[("[iU]", 1)], true),
];

const PREFIXES: [(&str, i128, u32); 12] = [
    ("da", 10, 0),
    ("k", 1000, 0),
    ("h", 100, 0),
    ("d", 1, 1),
    ("c", 1, 2),
    ("m", 1, 3),
    ("u", 1, 6),
    ("n", 1, 9),
    ("p", 1, 12),
    ("f", 1, 15),
    ("M", 1_000_000, 0),
    ("G", 1_000_000_000, 0),
];

impl Unit {
    fn one() -> Unit {
        Unit { factor: Decimal::ONE, dimensions: Vec::new() }
    }

    /// Terms joined by `.` and `/`, each an atom with an exponent; braces are comments. No parentheses.
    pub fn parse(code: &str) -> Option<Unit> {
        let mut unit = Unit::one();
        let mut divide = false;
        let mut rest = code;
        loop {
            let end = rest.find(['.', '/']).unwrap_or(rest.len());
            if end > 0 {
                unit = unit.times(&Unit::term(&rest[..end])?, divide)?;
            } else if !rest.starts_with('/') || rest.len() != code.len() {
                return None;
            }
            let Some(sign) = rest[end..].chars().next() else { return Some(unit) };
            divide = sign == '/';
            rest = &rest[end + 1..];
        }
    }

    /// A unit that stands for itself alone.
    pub fn named(mut self, name: &'static str) -> Unit {
        self.dimensions = vec![(name, 1)];
        self
    }

    pub fn same_dimension(&self, other: &Unit) -> bool {
        self.dimensions == other.dimensions
    }

    fn term(text: &str) -> Option<Unit> {
        let text = text.split_once('{').map_or(text, |(before, _)| before);
        if text.is_empty() || text == "1" {
            return Some(Unit::one());
        }
        let atom_end = text.rfind(|char: char| !char.is_ascii_digit() && !"+-".contains(char))? + 1;
        let (atom, exponent) = text.split_at(atom_end);
        let exponent: i32 = if exponent.is_empty() { 1 } else { exponent.parse().ok()? };
        let atom = Unit::atom(atom)?;
        if exponent.abs() > 6 {
            return None;
        }
        (0..exponent.abs()).try_fold(Unit::one(), |unit, _| unit.times(&atom, exponent < 0))
    }

    fn atom(code: &str) -> Option<Unit> {
        let plain = |code: &str| ATOMS.iter().find(|atom| atom.0 == code);
        let unit = |atom: &Atom| Unit { factor: Decimal::new(atom.1, atom.2), dimensions: atom.3.to_vec() };
        if let Some(atom) = plain(code) {
            return Some(unit(atom));
        }
        PREFIXES.iter().find_map(|(prefix, mantissa, scale)| {
            let atom = plain(code.strip_prefix(prefix)?).filter(|atom| atom.4)?;
            let mut unit = unit(atom);
            unit.factor = unit.factor.multiply(Decimal::new(*mantissa, *scale))?;
            Some(unit)
        })
    }

    fn times(mut self, other: &Unit, divide: bool) -> Option<Unit> {
        self.factor = if divide { self.factor.divide(other.factor)? } else { self.factor.multiply(other.factor)? };
        for (name, exponent) in &other.dimensions {
            let exponent = if divide { -exponent } else { *exponent };
            match self.dimensions.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += exponent,
                None => self.dimensions.push((name, exponent)),
            }
        }
        self.dimensions.retain(|(_, exponent)| *exponent != 0);
        self.dimensions.sort_unstable();
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn units_of_one_dimension_come_together() {
        let same = |left: &str, right: &str| Unit::parse(left).unwrap().same_dimension(&Unit::parse(right).unwrap());
        assert!(same("cm", "[in_i]") && same("mmol/L", "mol/m3") && same("kg.m.s-2", "N") && same("m/m", "1"));
        assert!(!same("cm", "s") && !same("g", "g/m"));
        assert!(Unit::parse("[s]").is_none() && Unit::parse("").is_none() && Unit::parse("m//s").is_none());
        let litre = Unit::parse("L").unwrap().factor;
        assert_eq!(litre.compare(Unit::parse("dm3").unwrap().factor), Ordering::Equal);
    }
}
