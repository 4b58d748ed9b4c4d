//! The words that cells hold, in Japanese and English, as data.

use unicode_normalization::UnicodeNormalization;

use crate::exchange::BedStatus;

/// Statuses besides the codes of table 0116.
pub const STATUSES: [(BedStatus, &[&str]); 6] = [
    (BedStatus::Unoccupied, &["空床", "空き", "空", "未使用", "unoccupied", "vacant", "free", "empty"]),
    (BedStatus::Occupied, &["使用中", "使用", "在床", "入院中", "利用中", "occupied", "in use"]),
    (BedStatus::Housekeeping, &["清掃中", "清掃", "清掃待ち", "準備中", "housekeeping", "cleaning"]),
    (BedStatus::Contaminated, &["汚染", "消毒中", "消毒待ち", "contaminated"]),
    (BedStatus::Isolated, &["隔離", "隔離中", "isolated", "isolation"]),
    (BedStatus::Closed, &["閉鎖", "閉鎖中", "休床", "休止", "休止中", "closed"]),
];

/// The codes of `admittable-sex`.
pub const SEXES: [(&str, &[&str]); 3] = [
    ("male", &["男", "男性", "男子", "male", "m"]),
    ("female", &["女", "女性", "女子", "female", "f"]),
    ("any", &["不問", "共用", "混合", "男女", "男女共用", "どちらも", "any", "both", "mixed"]),
];

/// Yes and no.
pub const YES: &[&str] = &["はい", "有", "あり", "可", "隔離", "○", "◯", "1", "true", "yes", "y"];
pub const NO: &[&str] = &["いいえ", "無", "なし", "否", "一般", "×", "0", "false", "no", "n"];

/// A cell as words are compared: width and kind of letter do not matter.
pub fn plain(text: &str) -> String {
    text.trim().nfkc().collect::<String>().trim().to_lowercase()
}

/// The status of a word, or of a code whatever its width and case.
pub fn status(text: &str) -> Option<BedStatus> {
    let word = plain(text);
    let by_word = STATUSES.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(status, _)| *status);
    by_word.or_else(|| BedStatus::from_code(&word.to_uppercase()))
}

pub fn sex(text: &str) -> Option<&'static str> {
    let word = plain(text);
    SEXES.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(code, _)| *code)
}

pub fn flag(text: &str) -> Option<bool> {
    let word = plain(text);
    let is = |words: &[&str]| words.iter().any(|one| plain(one) == word);
    if is(YES) { Some(true) } else { is(NO).then_some(false) }
}

/// A number of beds, such as `3`, `３` or `3床`. No hospital has a million.
pub fn count(text: &str) -> Option<i64> {
    let word = plain(text);
    let digits = word.strip_suffix('床').unwrap_or(&word).trim_end();
    let is_number = (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_are_read_whatever_their_width() {
        for status in BedStatus::ALL {
            assert_eq!(super::status(status.code()), Some(status));
            assert_eq!(super::status(&status.code().to_lowercase()), Some(status));
        }
        for (wanted, words) in STATUSES {
            assert!(words.iter().all(|word| status(word) == Some(wanted)), "{words:?}");
        }
        assert_eq!(status("Ｕ"), Some(BedStatus::Unoccupied));
        assert_eq!(status("空床かも"), None);
        assert_eq!((sex("女性"), sex("Ｍ"), sex("x")), (Some("female"), Some("male"), None));
        assert_eq!((flag("有"), flag("×"), flag("FALSE"), flag("?")), (Some(true), Some(false), Some(false), None));
    }

    #[test]
    fn no_word_means_two_things() {
        let statuses = STATUSES.iter().flat_map(|(_, words)| words.iter());
        let sexes = SEXES.iter().flat_map(|(_, words)| words.iter());
        for words in [statuses.collect::<Vec<_>>(), sexes.collect(), YES.iter().chain(NO).collect()] {
            let mut plain: Vec<String> = words.iter().map(|word| super::plain(word)).collect();
            plain.sort();
            let all = plain.len();
            plain.dedup();
            assert_eq!(plain.len(), all, "{plain:?}");
        }
    }

    #[test]
    fn counts_are_whole_numbers() {
        assert_eq!((count("3"), count("３"), count("3床"), count(" 0 ")), (Some(3), Some(3), Some(3), Some(0)));
        for text in ["", "-1", "1.5", "三", "1,000", "1e3", "9999999", "+1", "床"] {
            assert_eq!(count(text), None, "{text}");
        }
    }
}
