//! The code that was probably meant: nearest by spelling, or the one whose display was given instead.

/// Longer texts are not compared.
const LENGTH: usize = 64;

/// Candidates looked at.
const CANDIDATES: usize = 4_000;

/// Of `(code, display)` pairs the code nearest to `wrong`, if any is near.
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    let length = lower.chars().count();
    if length == 0 || length > LENGTH {
        return None;
    }
    // A short code has many neighbours; only its case is forgiven.
    let reach = if length < 4 { 0 } else { (length / 3).min(3) };
    let mut best: Option<(usize, &str)> = None;
    for (code, display) in candidates.take(CANDIDATES) {
        let by_display = display.filter(|display| display.to_lowercase() == lower).map(|_| 0);
        let distance = by_display.or_else(|| {
            let candidate = code.to_lowercase();
            let close = candidate.chars().count().abs_diff(length) <= reach;
            close.then(|| distance(&lower, &candidate)).filter(|distance| *distance <= reach)
        });
        if let Some(distance) = distance
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, code));
        }
    }
    best.map(|(_, code)| code)
}

/// Insertions, deletions, replacements and swaps of neighbours between two texts.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let first: Vec<usize> = (0..=right.len()).collect();
    let (mut before, mut last) = (first.clone(), first);
    for (row, own) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, column) + usize::from(own != other);
            let mut least = replaced.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let swapped =
                row > 0 && column > 0 && left.get(row - 1) == Some(other) && right.get(column - 1) == Some(own);
            if swapped {
                least = least.min(at(&before, column - 1) + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_and_displays_find_their_code() {
        let codes = [("active", Some("Active")), ("suspended", None), ("inactive", None), ("O", Some("Occupied"))];
        let of = |wrong: &str| nearest(wrong, codes.into_iter());
        assert_eq!(of("actvie"), Some("active"));
        assert_eq!(of("Suspendd"), Some("suspended"));
        assert_eq!(of("occupied"), Some("O"));
        assert_eq!(of("o"), Some("O"));
        assert_eq!((of("closed"), of(""), of(&"x".repeat(200))), (None, None, None));
    }

    #[test]
    fn distance_counts_edits() {
        for (left, right, edits) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "", 3), ("kitten", "sitting", 3)]
        {
            assert_eq!((distance(left, right), distance(right, left)), (edits, edits), "{left} {right}");
        }
    }
}
