//! The codes of a value set, resolved once, and the question whether a code is among them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::code_system::{CodeSystem, Concept, Designation, fold};

/// Whether a code is in a set. What is not at hand is [`Membership::Unknown`], never "no".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Membership {
    No,
    Unknown,
    Yes,
}

impl From<bool> for Membership {
    fn from(holds: bool) -> Membership {
        if holds { Membership::Yes } else { Membership::No }
    }
}

/// The codes of a value set.
#[derive(Default)]
pub struct CodeSet {
    pub(super) included: Vec<Part>,
    pub(super) excluded: Vec<Part>,
    /// The codes in words, for findings; made once.
    words: OnceLock<Option<(String, String)>>,
}

/// One `include` or `exclude`: codes of a system that are in all of the named value sets, too.
pub struct Part {
    /// `None` where value sets alone are named.
    pub system: Option<Box<str>>,
    pub codes: Codes,
    /// Each of them must have the code.
    pub sets: Vec<Arc<CodeSet>>,
}

pub enum Codes {
    /// No restriction of its own.
    Any,
    All(Arc<CodeSystem>),
    Only(Listed),
    /// Decided by the form of the code alone.
    Form(fn(&str) -> Membership),
    Unknown(Gap),
}

/// Codes one by one, in order.
#[derive(Default)]
pub struct Listed {
    pub system: Option<Arc<CodeSystem>>,
    pub entries: Vec<Entry>,
    index: HashMap<Box<str>, usize>,
    case_sensitive: bool,
}

/// A code in a value set, with the texts that the set itself gives.
#[derive(Clone, Default)]
pub struct Entry {
    pub code: Box<str>,
    pub display: Option<Box<str>>,
    pub designations: Vec<Designation>,
}

/// Why the codes of a set are not all known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// A code system that is not at hand.
    System(String),
    /// A code system of which only a part is at hand.
    Fragment(String),
    /// A code system at hand in another version.
    Version(String),
    /// A code system whose codes are known by their form alone.
    Form(String),
    /// A filter over what is not known of the system's concepts.
    Filter { system: String, property: String, operator: String },
    /// A value set that is not at hand.
    ValueSet(String),
    /// Value sets that name each other, or too many steps.
    Circle(String),
    /// A value set that does not say which codes it has.
    NoContent,
}

/// A member of a set, as [`CodeSet::each`] shows it.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    pub system: &'a str,
    pub code: &'a str,
    /// What the set itself says of the code.
    pub entry: Option<&'a Entry>,
    /// What its system says of it.
    pub concept: Option<(&'a CodeSystem, &'a Concept)>,
}

impl CodeSet {
    pub fn new(included: Vec<Part>, excluded: Vec<Part>) -> CodeSet {
        CodeSet { included, excluded, words: OnceLock::new() }
    }

    /// The codes in Japanese and English, as `make` shows them the first time.
    pub fn shown(&self, make: impl FnOnce(&CodeSet) -> Option<(String, String)>) -> Option<(&str, &str)> {
        let words = self.words.get_or_init(|| make(self));
        words.as_ref().map(|(ja, en)| (ja.as_str(), en.as_str()))
    }

    /// Whether some of its codes may be of the system.
    pub fn draws_on(&self, system: &str) -> bool {
        self.included.iter().any(|part| match part.system.as_deref() {
            Some(own) => own == system,
            None => part.sets.iter().all(|set| set.draws_on(system)),
        })
    }

    /// A set about which nothing is known.
    pub fn unknown(gap: Gap) -> CodeSet {
        CodeSet::new(vec![Part::new(None, Codes::Unknown(gap))], Vec::new())
    }

    /// Whether the set has the code. Without a system (a `code` element) any part of the set may hold it.
    pub fn contains(&self, system: Option<&str>, code: &str) -> Membership {
        let held = any(&self.included, system, code);
        if held == Membership::No || self.excluded.is_empty() {
            return held;
        }
        match any(&self.excluded, system, code) {
            Membership::Yes => Membership::No,
            Membership::Unknown => held.min(Membership::Unknown),
            Membership::No => held,
        }
    }

    /// Whether codes of this code system are in it by name.
    pub fn names_system(&self, system: &str) -> bool {
        self.included.iter().any(|part| part.system.as_deref() == Some(system))
    }

    /// The code systems that it names, by itself or through other sets.
    pub fn systems(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for part in &self.included {
            match part.system.as_deref() {
                Some(own) => found.push(own),
                None => found.extend(part.sets.iter().flat_map(|set| set.systems())),
            }
        }
        found
    }

    /// Shows every member once, in the order of the definition, until `f` says `false`.
    pub fn each<'a>(&'a self, f: &mut dyn FnMut(Member<'a>) -> bool) -> Result<(), Gap> {
        self.walk(&mut |member| match self.excludes(member.system, member.code)? {
            true => Ok(true),
            false => Ok(f(member)),
        })
        .map(|_| ())
    }

    fn excludes(&self, system: &str, code: &str) -> Result<bool, Gap> {
        match any(&self.excluded, Some(system), code) {
            Membership::Yes => Ok(true),
            Membership::No => Ok(false),
            Membership::Unknown => Err(self.excluded.iter().find_map(Part::gap).unwrap_or(Gap::NoContent)),
        }
    }

    /// Every included code; whoever asks leaves out doubles. Answers whether the end was reached.
    fn walk<'a>(&'a self, f: &mut dyn FnMut(Member<'a>) -> Result<bool, Gap>) -> Result<bool, Gap> {
        for part in &self.included {
            if !part.walk(f)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The first reason why not all codes are known.
    pub fn gap(&self) -> Option<Gap> {
        self.included.iter().chain(&self.excluded).find_map(Part::gap)
    }
}

impl Part {
    pub fn new(system: Option<&str>, codes: Codes) -> Part {
        Part { system: system.map(Into::into), codes, sets: Vec::new() }
    }

    fn contains(&self, system: Option<&str>, code: &str) -> Membership {
        if let (Some(own), Some(asked)) = (self.system.as_deref(), system)
            && own != asked
        {
            return Membership::No;
        }
        let of_own = if system.is_some() { system } else { self.system.as_deref() };
        let mut answer = self.codes.contains(code);
        for set in &self.sets {
            if answer == Membership::No {
                break;
            }
            answer = answer.min(set.contains(of_own, code));
        }
        answer
    }

    fn walk<'a>(&'a self, f: &mut dyn FnMut(Member<'a>) -> Result<bool, Gap>) -> Result<bool, Gap> {
        let system = self.system.as_deref().unwrap_or_default();
        let (first, others) = match &self.codes {
            Codes::Any => (self.sets.first(), self.sets.get(1..).unwrap_or_default()),
            _ => (None, self.sets.as_slice()),
        };
        let mut keep = |member: Member<'a>| {
            for set in others {
                match set.contains(Some(member.system), member.code) {
                    Membership::Yes => {}
                    Membership::No => return Ok(true),
                    Membership::Unknown => return Err(set.gap().unwrap_or(Gap::NoContent)),
                }
            }
            f(member)
        };
        match &self.codes {
            Codes::Any => match first {
                Some(set) => set.walk(&mut |member| match set.excludes(member.system, member.code)? {
                    true => Ok(true),
                    false => keep(member),
                }),
                None => Ok(true),
            },
            Codes::All(all) => {
                for concept in all.concepts().iter().filter(|concept| !concept.is_abstract) {
                    let member = Member { system, code: &concept.code, entry: None, concept: Some((all, concept)) };
                    if !keep(member)? {
                        return Ok(false);
                    }
                }
                if all.complete { Ok(true) } else { Err(Gap::Fragment(all.url.clone())) }
            }
            Codes::Only(listed) => {
                for entry in &listed.entries {
                    let concept = listed.system.as_deref().and_then(|all| Some((all, all.concept(&entry.code)?)));
                    if !keep(Member { system, code: &entry.code, entry: Some(entry), concept })? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Codes::Form(_) => Err(Gap::Form(system.to_owned())),
            Codes::Unknown(gap) => Err(gap.clone()),
        }
    }

    fn gap(&self) -> Option<Gap> {
        let own = match &self.codes {
            Codes::Unknown(gap) => Some(gap.clone()),
            Codes::All(system) if !system.complete => Some(Gap::Fragment(system.url.clone())),
            Codes::Form(_) => Some(Gap::Form(self.system.as_deref().unwrap_or_default().to_owned())),
            _ => None,
        };
        own.or_else(|| self.sets.iter().find_map(|set| set.gap()))
    }
}

fn any(parts: &[Part], system: Option<&str>, code: &str) -> Membership {
    let mut answer = Membership::No;
    for part in parts {
        answer = answer.max(part.contains(system, code));
        if answer == Membership::Yes {
            break;
        }
    }
    answer
}

impl Codes {
    fn contains(&self, code: &str) -> Membership {
        match self {
            Codes::Any => Membership::Yes,
            Codes::All(system) => match system.concept(code) {
                Some(concept) => Membership::from(!concept.is_abstract),
                None => system.has(code),
            },
            Codes::Only(listed) => Membership::from(listed.entry(code).is_some()),
            Codes::Form(judge) => judge(code),
            Codes::Unknown(_) => Membership::Unknown,
        }
    }
}

impl Listed {
    pub fn new(system: Option<Arc<CodeSystem>>, entries: Vec<Entry>) -> Listed {
        let case_sensitive = system.as_ref().is_none_or(|system| system.case_sensitive);
        let keys = entries.iter().enumerate().rev();
        let index = keys.map(|(at, entry)| (fold(&entry.code, case_sensitive).into(), at)).collect();
        Listed { system, entries, index, case_sensitive }
    }

    pub fn entry(&self, code: &str) -> Option<&Entry> {
        self.entries.get(*self.index.get(&*fold(code, self.case_sensitive))?)
    }
}

impl<'a> Member<'a> {
    /// The display in a language: the value set's own texts go before the system's.
    pub fn display(&self, language: Option<&str>) -> Option<&'a str> {
        let own = self.entry.and_then(|entry| match language {
            Some(wanted) => {
                let mut texts = entry.designations.iter();
                let of = |text: &&Designation| {
                    text.language.as_deref().is_some_and(|own| super::code_system::speaks(own, wanted))
                };
                texts.find(of).map(|text| &*text.value)
            }
            None => None,
        });
        let general = self.entry.and_then(|entry| entry.display.as_deref());
        let of_system = self.concept.map(|(system, concept)| system.display(concept, language));
        match (language, self.concept) {
            // A translation of the system's is nearer to what was asked than a display of the set's.
            (Some(_), Some((system, concept))) if system.display(concept, language) != concept.display() => {
                own.or(of_system)
            }
            _ => own.or(general).or(of_system),
        }
    }

    /// All further texts of the code.
    pub fn designations(&self) -> impl Iterator<Item = &'a Designation> {
        let of_set = self.entry.map(|entry| entry.designations.as_slice()).unwrap_or_default();
        let of_system = self.concept.map(|(_, concept)| concept.designations.as_slice()).unwrap_or_default();
        of_set.iter().chain(of_system)
    }

    pub fn inactive(&self) -> bool {
        self.concept.is_some_and(|(_, concept)| concept.inactive)
    }
}
