//! Strings without case, accents, width and kind of kana. R4 `search.html#string`; Japanese as issue and README say.

use unicode_normalization::UnicodeNormalization;

const DAKUTEN: char = '\u{3099}';
const HANDAKUTEN: char = '\u{309A}';

/// What two strings have in common when they are the same to a reader.
pub fn folded(text: &str) -> String {
    let mut out = String::new();
    for letter in text.nfkd().flat_map(char::to_lowercase).collect::<String>().nfkd() {
        match letter {
            '\u{300}'..='\u{36F}' => {}
            DAKUTEN | HANDAKUTEN => out.push(letter),
            'ß' => out.push_str("ss"),
            'ς' => out.push('σ'),
            'ァ'..='ヶ' => out.push(char::from_u32(u32::from(letter) - u32::from('ァ') + u32::from('ぁ')).unwrap()),
            letter if letter.is_whitespace() => out.push(' '),
            other => out.push(other),
        }
    }
    let words: Vec<&str> = out.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").nfc().collect()
}

/// The parts of a value that escapes and separators make. R4 `search.html#escaping`.
pub fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let last = parts.last_mut().unwrap();
        match letter {
            '\\' => {
                last.push('\\');
                last.extend(letters.next());
            }
            letter if letter == separator => parts.push(String::new()),
            letter => last.push(letter),
        }
    }
    parts
}

pub fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.extend(letters.next()),
            letter => out.push(letter),
        }
    }
    out
}

pub fn escaped(text: &str) -> String {
    text.chars().flat_map(|letter| if ",|$\\".contains(letter) { vec!['\\', letter] } else { vec![letter] }).collect()
}

#[test]
fn what_reads_the_same_is_the_same() {
    for (left, right) in [("ﾊﾟｰﾄﾞ", "ぱーど"), ("ＡＢＣ　Ｄ", "abc d"), ("García", "GARCIA"), ("Straße", "strasse")]
    {
        assert_eq!(folded(left), folded(right));
    }
    assert_ne!(folded("か"), folded("が"));
}
