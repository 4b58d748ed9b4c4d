//! Separators and their escapes: `\,`, `\|`, `\$` and `\\`. R4 `search.html#escaping`.

/// Characters that mean something where they are not escaped.
const SPECIAL: [char; 4] = [',', '|', '$', '\\'];

/// The parts between separators that are not escaped. Escapes stay as they are.
pub fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((part, after)) = split_once(rest, separator) {
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// The text before and after the first separator that is not escaped.
pub fn split_once(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == separator {
            return Some((text.get(..at)?, text.get(at + separator.len_utf8()..)?));
        }
    }
    None
}

/// The text that is meant. A backslash before anything else is a backslash.
pub fn unescape(text: &str) -> String {
    let mut meant = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(next) if character == '\\' && SPECIAL.contains(next) => meant.extend(characters.next()),
            _ => meant.push(character),
        }
    }
    meant
}

/// A text as a value that means just it.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if SPECIAL.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn separators_count_where_they_are_not_escaped() {
        assert_eq!(split(r"a\,b,c\\,d", ','), [r"a\,b", r"c\\", "d"]);
        assert_eq!(split_once(r"s\|t|c|d", '|'), Some((r"s\|t", "c|d")));
        assert_eq!(unescape(r"a\,b\|c\$d\\e\n\"), r"a,b|c$d\e\n\");
        assert_eq!(split("", ','), [""]);
    }

    proptest! {
        #[test]
        fn what_was_escaped_comes_back(texts in proptest::collection::vec(r"[a-z,|$\\ 病]{0,8}", 1..5)) {
            let joined = texts.iter().map(|text| escape(text)).collect::<Vec<_>>().join(",");
            let back: Vec<String> = split(&joined, ',').into_iter().map(unescape).collect();
            prop_assert_eq!(back, texts);
        }
    }
}
