//! Strings as they are compared: without case, accents and width, and with kana of one kind. R4 `search.html#string`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Marks that turn one kana into another: `か` and `が` are different letters, not one with an accent.
const VOICED: char = '\u{3099}';
const SEMI_VOICED: char = '\u{309A}';

/// The folded form: NFKC (half-width kana and full-width Latin become the usual ones), lower case, Latin, Greek and
/// Cyrillic letters without their marks, katakana as hiragana, white space as single spaces.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return spaced(&text.to_ascii_lowercase());
    }
    // Case first: a few capitals decompose only once they are small.
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let stripped: String = lower.nfkd().filter(|letter| !is_mark(*letter)).collect();
    let composed: String = stripped.nfc().flat_map(sharp).map(hiragana).collect();
    spaced(&composed.nfc().collect::<String>())
}

fn is_mark(letter: char) -> bool {
    is_combining_mark(letter) && !matches!(letter, VOICED | SEMI_VOICED) && !is_of_a_script_with_vowel_signs(letter)
}

/// Thai, Devanagari and their like write vowels as marks: without them words are others.
fn is_of_a_script_with_vowel_signs(letter: char) -> bool {
    !matches!(u32::from(letter), 0x0300..=0x036F | 0x0483..=0x0489 | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF)
}

/// Letters that lower case leaves in two spellings.
fn sharp(letter: char) -> impl Iterator<Item = char> {
    let two = match letter {
        'ß' => ['s', 's'],
        'ς' => ['σ', '\0'],
        other => [other, '\0'],
    };
    two.into_iter().filter(|letter| *letter != '\0')
}

fn hiragana(letter: char) -> char {
    match letter {
        'ァ'..='ヶ' | 'ヽ' | 'ヾ' => char::from_u32(u32::from(letter) - 0x60).unwrap_or(letter),
        other => other,
    }
}

fn spaced(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut all = words.next().unwrap_or_default().to_owned();
    for word in words {
        all.push(' ');
        all.push_str(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_accents_width_and_kana_are_one() {
        let same = |left: &str, right: &str| assert_eq!(fold(left), fold(right), "{left} {right}");
        same("Müller", "MULLER");
        same("Straße", "STRASSE");
        same("Ｋａｋｅ　１２３", "kake 123");
        same("ﾄﾖﾅｶ", "とよなか");
        same("ﾄﾖﾅｶ ﾊﾟｰﾄﾞ", "トヨナカ パード");
        same("ガ", "が");
        same("e\u{301}", "é");
        same("ΟΔΟΣ", "οδος");
        same(" a\t\u{3000}b ", "A B");
        assert_ne!(fold("か"), fold("が"));
        assert_ne!(fold("は"), fold("ぱ"));
        assert_ne!(fold("豊中"), fold("豊田"));
        assert_ne!(fold("กา"), fold("กิ"));
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,24}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        /// What begins with a text is found by its beginning, as long as no mark belongs to the letter before the cut.
        #[test]
        fn a_beginning_stays_a_beginning(
            start in "[ぁ-ゖァ-ヶ一-龯Ａ-Ｚ０-９a-zA-ZÀ-ÖØ-öø-ÿｱ-ﾝΑ-Ρа-я]{0,12}",
            rest in "[ぁ-ゖァ-ヶ一-龯Ａ-Ｚ０-９a-zA-ZÀ-ÖØ-öø-ÿｱ-ﾝΑ-Ρа-я ]{0,12}",
        ) {
            prop_assert!(fold(&format!("{start}{rest}")).starts_with(&fold(&start)), "{start} {rest}");
        }

        #[test]
        fn case_kind_of_kana_and_width_make_no_difference(text in "[ぁ-ゖ一-龯a-z0-9]{0,24}") {
            let other = text.chars().flat_map(char::to_uppercase).map(|letter| match u32::from(letter) {
                kana @ 0x3041..=0x3096 => char::from_u32(kana + 0x60).unwrap(),
                ascii @ 0x21..=0x7e => char::from_u32(ascii + 0xfee0).unwrap(),
                _ => letter,
            });
            prop_assert_eq!(fold(&other.collect::<String>()), fold(&text));
            prop_assert_eq!(fold(&text), text);
        }
    }
}
