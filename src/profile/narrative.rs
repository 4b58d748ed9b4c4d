//! Narrative: `text.div` is one well-formed XHTML `div` with safe elements and attributes and something to read.
//! txt-1 and txt-2, R4 `narrative.html`. A scanner in one pass; it never builds a tree.

use crate::fhir::json::Json;

use super::issue;
use super::walk::Walk;

const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// Elements nested deeper than this are refused.
const DEPTH: usize = 128;

/// HTML 4.0 chapters 7–11 and 15, links, images and image maps.
const ELEMENTS: &str = " a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd del dfn div dl dt \
em h1 h2 h3 h4 h5 h6 hr i img ins kbd li map ol p pre q s samp small span strong sub sup table tbody td \
tfoot th thead tr tt u ul var ";

/// Attributes without effects beyond looks and links.
const ATTRIBUTES: &str = " abbr accesskey align alt axis bgcolor border cellpadding cellspacing char charoff charset cite class \
clear color cols colspan compact coords datetime dir face frame headers height href hreflang hspace id \
ismap lang longdesc name nohref noshade nowrap rel rev rowspan rules scope shape size span src start \
style summary tabindex target title type usemap valign value vspace width xml:lang xml:space xmlns rows ";

impl<'a> Walk<'a> {
    pub fn narrative(&mut self, value: &'a Json) {
        let Some(div) = value.get_str("div") else { return };
        if let Err(fault) = check(div) {
            let (key, ja, en) = fault.words();
            self.within("div", |walk| walk.report(issue::narrative(key, ja, en)));
        }
    }
}

/// What links inside the narrative lead to, and their names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Anchors<'t> {
    pub names: Vec<&'t str>,
    pub links: Vec<&'t str>,
}

/// The anchors of a narrative; none where it is not well formed.
pub fn anchors(div: &str) -> Anchors<'_> {
    check(div).unwrap_or_default()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Syntax,
    Root,
    Namespace,
    Element,
    Attribute,
    Entity,
    Script,
    Blank,
}

impl Fault {
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Fault::Syntax => ("xhtml", "整形式の XHTML ではありません。", "Not well-formed XHTML."),
            Fault::Root => ("xhtml", "全体を一つの div 要素で囲みます。", "The whole must be one div element."),
            Fault::Namespace => {
                ("xhtml", "div には XHTML の名前空間が必要です。", "The div needs the XHTML namespace.")
            }
            Fault::Element => {
                ("txt-1", "使えない HTML 要素があります。", "An HTML element is not allowed in narrative.")
            }
            Fault::Attribute => {
                ("txt-1", "使えない HTML 属性があります。", "An HTML attribute is not allowed in narrative.")
            }
            Fault::Entity => (
                "xhtml",
                "XML で定義されていない実体参照があります。",
                "An entity is not defined in XML; use its number.",
            ),
            Fault::Script => ("txt-1", "実行可能な URL は使えません。", "A URL that runs code is not allowed."),
            Fault::Blank => ("txt-2", "読める内容がありません。", "There is nothing to read."),
        }
    }
}

fn check(text: &str) -> Result<Anchors<'_>, Fault> {
    let mut scanner = Scanner {
        rest: text.trim(),
        open: Vec::new(),
        prefix: None,
        readable: false,
        done: false,
        anchors: Anchors::default(),
    };
    while !scanner.rest.is_empty() {
        scanner.step()?;
    }
    if !scanner.done {
        return Err(if scanner.open.is_empty() { Fault::Root } else { Fault::Syntax });
    }
    if scanner.readable { Ok(scanner.anchors) } else { Err(Fault::Blank) }
}

struct Scanner<'t> {
    rest: &'t str,
    open: Vec<&'t str>,
    /// Of the XHTML namespace, with its colon; empty for the default one.
    prefix: Option<String>,
    readable: bool,
    done: bool,
    anchors: Anchors<'t>,
}

impl<'t> Scanner<'t> {
    fn step(&mut self) -> Result<(), Fault> {
        if let Some(rest) = self.rest.strip_prefix("<!--") {
            let end = rest.find("-->").ok_or(Fault::Syntax)?;
            self.rest = &rest[end + 3..];
            return Ok(());
        }
        if let Some(rest) = self.rest.strip_prefix("<![CDATA[").filter(|_| !self.open.is_empty()) {
            let end = rest.find("]]>").ok_or(Fault::Syntax)?;
            self.readable |= !rest[..end].trim().is_empty();
            self.rest = &rest[end + 3..];
            return Ok(());
        }
        if self.rest.starts_with("<!") || self.rest.starts_with("<?") {
            return Err(Fault::Syntax);
        }
        if let Some(rest) = self.rest.strip_prefix("</") {
            return self.close(rest);
        }
        match self.rest.strip_prefix('<') {
            Some(rest) => self.open(rest),
            None => self.text(),
        }
    }

    fn text(&mut self) -> Result<(), Fault> {
        let end = self.rest.find('<').unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if self.open.is_empty() && !text.trim().is_empty() {
            return Err(Fault::Root);
        }
        entities(text)?;
        self.readable |= text.contains(|character: char| !character.is_whitespace());
        self.rest = rest;
        Ok(())
    }

    fn close(&mut self, rest: &'t str) -> Result<(), Fault> {
        let end = rest.find('>').ok_or(Fault::Syntax)?;
        let name = rest[..end].trim_end();
        if self.open.pop() != Some(name) {
            return Err(Fault::Syntax);
        }
        self.done = self.open.is_empty();
        self.rest = &rest[end + 1..];
        Ok(())
    }

    fn open(&mut self, rest: &'t str) -> Result<(), Fault> {
        let end = rest
            .find(|character: char| character.is_whitespace() || matches!(character, '>' | '/'))
            .ok_or(Fault::Syntax)?;
        let (name, rest) = rest.split_at(end);
        if self.open.len() >= DEPTH || name.is_empty() {
            return Err(Fault::Syntax);
        }
        let root = self.open.is_empty();
        if root && self.done {
            return Err(Fault::Root);
        }
        let mut namespaces = Vec::new();
        let (rest, empty) = attributes(rest, &mut namespaces, &mut self.anchors)?;
        if root {
            self.root(name, &namespaces)?;
        }
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let local = name.strip_prefix(prefix).ok_or(Fault::Namespace)?;
        if !listed(ELEMENTS, local) {
            return Err(Fault::Element);
        }
        self.readable |= local == "img";
        if empty {
            self.done |= root;
        } else {
            self.open.push(name);
        }
        self.rest = rest;
        Ok(())
    }

    fn root(&mut self, name: &str, namespaces: &[(&str, &str)]) -> Result<(), Fault> {
        let (prefix, local) = name.rsplit_once(':').map_or(("", name), |(prefix, local)| (prefix, local));
        if local != "div" {
            return Err(Fault::Root);
        }
        let wanted = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        if !namespaces.iter().any(|(key, value)| *key == wanted && *value == XHTML) {
            return Err(Fault::Namespace);
        }
        self.prefix = Some(if prefix.is_empty() { String::new() } else { format!("{prefix}:") });
        Ok(())
    }
}

/// Reads attributes up to the end of the tag: what follows it, and whether the tag closes itself.
fn attributes<'t>(
    mut rest: &'t str,
    namespaces: &mut Vec<(&'t str, &'t str)>,
    anchors: &mut Anchors<'t>,
) -> Result<(&'t str, bool), Fault> {
    let mut seen = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix("/>") {
            return Ok((rest, true));
        }
        if let Some(rest) = rest.strip_prefix('>') {
            return Ok((rest, false));
        }
        let (name, after) = rest.split_once('=').ok_or(Fault::Syntax)?;
        let name = name.trim_end();
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or(Fault::Syntax)?;
        let (value, tail) = after[1..].split_once(quote).ok_or(Fault::Syntax)?;
        if value.contains('<')
            || name.is_empty()
            || name.contains(|character: char| character.is_whitespace() || character == '"')
        {
            return Err(Fault::Syntax);
        }
        // The names allowed are few, and so are those before this one.
        if seen.contains(&name) {
            return Err(Fault::Syntax);
        }
        seen.push(name);
        entities(value)?;
        if name.starts_with("xmlns") {
            namespaces.push((name, value));
        } else if !listed(ATTRIBUTES, name) {
            return Err(Fault::Attribute);
        } else if matches!(name, "href" | "src" | "cite" | "longdesc") && runs_code(value) {
            return Err(Fault::Script);
        }
        match name {
            "id" | "name" => anchors.names.push(value),
            "href" | "src" => anchors.links.extend(value.strip_prefix('#').filter(|id| !id.is_empty())),
            _ => {}
        }
        rest = tail;
    }
}

/// Whether `name` stands in a list of words between spaces.
fn listed(words: &str, name: &str) -> bool {
    words.split_ascii_whitespace().any(|word| word == name)
}

fn runs_code(url: &str) -> bool {
    let plain: String = url.chars().filter(|character| !character.is_whitespace() && !character.is_control()).collect();
    let lower = plain.to_ascii_lowercase();
    // A scheme hidden behind character references is not read; no honest link needs one there.
    let head = lower.split([':', '/', '?', '#']).next().unwrap_or_default();
    matches!(head, "javascript" | "vbscript") || lower.starts_with("data:text/html") || head.contains('&')
}

/// Only what XML itself defines, and numbers.
fn entities(text: &str) -> Result<(), Fault> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('&') {
        let (name, tail) = after.split_once(';').ok_or(Fault::Entity)?;
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).is_some();
        let known = match name.strip_prefix('#') {
            Some(code) => code.strip_prefix('x').map_or_else(|| number(code, 10), |hex| number(hex, 16)),
            None => matches!(name, "lt" | "gt" | "amp" | "quot" | "apos"),
        };
        if !known {
            return Err(Fault::Entity);
        }
        rest = tail;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn div(inside: &str) -> Result<(), Fault> {
        check(&format!("<div xmlns=\"{XHTML}\">{inside}</div>")).map(|_| ())
    }

    #[test]
    fn links_and_what_they_lead_to_are_found() {
        let text = format!("<div xmlns='{XHTML}'><p id='a'>x</p><a name='b' href='#a'>x</a><img src='#c'/></div>");
        assert_eq!(check(&text), Ok(Anchors { names: vec!["a", "b"], links: vec!["a", "c"] }));
    }

    #[test]
    fn safe_narrative_passes() {
        for inside in [
            "東病棟",
            "<p class='x'>a &lt; b &#x65e5;</p>",
            "<!-- n --><img src='a.png' alt=''/>",
            "<a href='#n' name='n'>a</a>",
        ] {
            assert_eq!(div(inside), Ok(()), "{inside}");
        }
        assert!(check(&format!("<h:div xmlns:h='{XHTML}'><h:p>a</h:p></h:div>")).is_ok());
    }

    #[test]
    fn unsafe_or_broken_narrative_is_refused() {
        for (inside, fault) in [
            ("<script>x</script>", Fault::Element),
            ("<SCRIPT>x</SCRIPT>", Fault::Element),
            ("<p onclick='x()'>a</p>", Fault::Attribute),
            ("<a href=' java\nscript:x()'>a</a>", Fault::Script),
            ("<a href='&#106;avascript:x()'>a</a>", Fault::Script),
            ("&nbsp;", Fault::Entity),
            ("<p>a<b></p></b>", Fault::Syntax),
            ("<p class=x>a</p>", Fault::Syntax),
            ("<p class='x' title='t' class='y'>a</p>", Fault::Syntax),
            (" <p> </p>\n", Fault::Blank),
        ] {
            assert_eq!(div(inside), Err(fault), "{inside}");
        }
        assert_eq!(check("plain"), Err(Fault::Root));
        assert_eq!(check("<div>a</div>"), Err(Fault::Namespace));
        assert_eq!(check(&format!("<div xmlns='{XHTML}'>a</div><div xmlns='{XHTML}'>b</div>")), Err(Fault::Root));
    }
}
