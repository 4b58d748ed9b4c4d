//! `htmlChecks()`: the elements and attributes that a narrative may have. R4 `narrative.html#xhtml`.
//!
//! Non-features: entities are not looked up, and prefixes are taken to mean XHTML. Native narrative rules go further.

/// Elements of HTML 4.0 chapters 7–11 (except 4 of 9) and 15, `a` and `img`.
const ELEMENTS: &str = " p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite \
blockquote hr address bdo kbd ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp \
img map area sub sup ins del ";

const ATTRIBUTES: &str = " xmlns xml:lang xml:space title style class id lang dir accesskey tabindex span width align \
valign char charoff abbr axis headers scope rowspan colspan cellpadding cellspacing summary border frame rules href \
name src alt height longdesc usemap ismap shape coords nohref start value type cite datetime rel rev hreflang charset \
nowrap bgcolor compact clear noshade size color ";

/// Whether the text is one `div` of allowed elements, with balanced tags and some content.
pub(super) fn is_narrative(div: &str) -> bool {
    let text = div.trim();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    let mut content = false;
    while let Some(at) = rest.find('<') {
        content |= !rest[..at].trim().is_empty();
        if (at > 0 || rest.len() < text.len()) && open.is_empty() {
            return false;
        }
        if let Some(comment) = rest[at..].strip_prefix("<!--") {
            let Some(end) = comment.find("-->") else { return false };
            rest = &comment[end + 3..];
            continue;
        }
        let Some(end) = tag_end(&rest[at..]) else { return false };
        let tag = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name.trim()) {
                return false;
            }
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let name = tag.split(char::is_whitespace).next().unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default();
        let first = open.is_empty();
        if (first && local != "div") || !listed(ELEMENTS, local) || !attributes_allowed(&tag[name.len()..]) {
            return false;
        }
        content |= local == "img";
        if !closed {
            open.push(name);
        }
    }
    open.is_empty() && content && rest.is_empty()
}

/// Where the tag at the start of `text` ends: a `>` outside of quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(index, char)| {
        match (quote, char) {
            (None, '"' | '\'') => quote = Some(char),
            (Some(open), _) if open == char => quote = None,
            (None, '>') => return Some(index),
            _ => {}
        }
        None
    })
}

fn listed(list: &str, name: &str) -> bool {
    !name.is_empty() && list.split(' ').any(|known| known == name)
}

fn attributes_allowed(text: &str) -> bool {
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once('=') else { return false };
        let after = after.trim_start();
        let Some(quote @ ('"' | '\'')) = after.chars().next() else { return false };
        let Some(end) = after[1..].find(quote) else { return false };
        let value = after[1..=end].trim().to_ascii_lowercase();
        let name = name.trim();
        if !(listed(ATTRIBUTES, name) || name.starts_with("xmlns:")) || value.starts_with("javascript:") {
            return false;
        }
        rest = after[end + 2..].trim_start();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_narrative;

    #[test]
    fn narratives_are_one_div_of_listed_elements() {
        assert!(is_narrative(r#"<div xmlns="http://www.w3.org/1999/xhtml"><p class="a">x<br/></p></div>"#));
        assert!(is_narrative(r#"<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>a</h:p></h:div>"#));
        for bad in [
            "",
            "text",
            "<div> </div>",
            "<p>x</p>",
            "<div><script>x</script></div>",
            r#"<div onclick="x">x</div>"#,
            r#"<div><a href="javascript:x">x</a></div>"#,
            "<div>x</div><div>y</div>",
            "<div><p>x</div>",
            "<div>x",
        ] {
            assert!(!is_narrative(bad), "{bad}");
        }
    }
}
