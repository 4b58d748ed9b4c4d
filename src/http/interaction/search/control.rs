//! Parameters that are about the answer rather than about what matches. R4 `search.html#return`.

use crate::error::{Error, Result};
use crate::exchange::TotalWish;
use crate::http::ask::{Form, Summary};
use crate::http::paging::read_count;

/// Those of one search.
#[derive(Debug)]
pub struct Control {
    /// `_count`, as it was asked for.
    pub count: Option<usize>,
    pub total: TotalWish,
    /// `_maxresults`: matches on all pages.
    pub most: Option<usize>,
    /// `_type`, where the search is one over types.
    pub types: Option<Vec<String>>,
    pub form: Form,
    /// As they came, for the self link and for the pages to come: what is of a single page is not among them.
    pub lasting: Vec<(String, String)>,
    /// `_total`, as it came.
    total_said: Option<String>,
}

/// Parameters that may come with `_cursor`: all else is in it.
const BESIDE_CURSOR: [&str; 4] = ["_count", "_total", "_format", "_pretty"];

impl Control {
    /// Takes the result parameters out of the pairs. `over_types`: whether `_type` is one of them.
    pub fn take(pairs: &mut Vec<(String, String)>, over_types: bool) -> Result<Control> {
        let mut control = Control {
            count: None,
            total: TotalWish::Unsaid,
            most: None,
            types: None,
            form: Form::of(pairs)?,
            lasting: Vec::new(),
            total_said: None,
        };
        let (own, rest): (Vec<_>, Vec<_>) =
            std::mem::take(pairs).into_iter().partition(|(name, _)| is_control(name, over_types));
        *pairs = rest;
        for (at, (name, value)) in own.iter().enumerate() {
            // How the answer is written was settled before the search is read: `_format`, `_pretty`.
            let settled = matches!(name.as_str(), "_format" | "_pretty");
            match own[..at].iter().find(|(earlier, _)| earlier == name) {
                Some((_, earlier)) if settled || earlier == value => {}
                Some(_) => return Err(twice(name)),
                None => control.apply(name, value)?,
            }
        }
        control.check(pairs)?;
        Ok(control)
    }

    fn apply(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "_count" => self.count = Some(read_count(value)?),
            "_maxresults" => self.most = Some(read_most(value)?),
            "_total" => {
                self.total = match value {
                    "none" => TotalWish::No,
                    "estimate" => TotalWish::Estimate,
                    "accurate" => TotalWish::Accurate,
                    _ => return Err(bad_total()),
                };
                self.total_said = Some(value.to_owned());
            }
            "_type" => {
                self.types = Some(value.split(',').map(str::to_owned).collect());
                self.lasting.push((name.to_owned(), value.to_owned()));
            }
            "_summary" | "_elements" => self.lasting.push((name.to_owned(), value.to_owned())),
            _ => {}
        }
        Ok(())
    }

    /// Combinations that R4 forbids, or that would leave one of two parameters without effect.
    fn check(&self, rest: &[(String, String)]) -> Result<()> {
        let includes = rest.iter().any(|(name, _)| matches!(name.split(':').next(), Some("_include" | "_revinclude")));
        if self.form.summary == Summary::Text && includes {
            let (ja, en) = (
                "_summary=text は _include や _revinclude と一緒に使えません。",
                "_summary=text cannot be used with _include or _revinclude.",
            );
            return Err(Error::bad_parameter("_summary", ja, en));
        }
        let parts = !matches!(self.form.summary, Summary::False | Summary::Count);
        if parts && self.form.elements.is_some() {
            let (ja, en) = ("_summary と _elements はどちらか一方です。", "Use either _summary or _elements.");
            return Err(Error::bad_parameter("_elements", ja, en));
        }
        Ok(())
    }

    /// Whether the total alone is asked for.
    pub fn counts_only(&self) -> bool {
        self.count == Some(0) || self.form.summary == Summary::Count
    }

    /// What was applied of them, with the page size that was used: for the self link.
    pub fn applied(&self, size: usize) -> Vec<(String, String)> {
        let number = |name: &str, value: usize| (name.to_owned(), value.to_string());
        let mut applied = self.lasting.clone();
        applied.extend(self.total_said.iter().map(|said| ("_total".to_owned(), said.clone())));
        applied.extend(self.most.map(|most| number("_maxresults", most)));
        applied.extend(self.count.map(|count| number("_count", count.min(size))));
        applied
    }
}

/// Of the pairs of a page that goes on: its cursor. 400 where another parameter tries to change the search.
pub fn cursor(pairs: &mut Vec<(String, String)>) -> Result<Option<String>> {
    let Some(at) = pairs.iter().position(|(name, _)| name == "_cursor") else { return Ok(None) };
    let (_, cursor) = pairs.remove(at);
    match pairs.iter().find(|(name, _)| !BESIDE_CURSOR.contains(&name.as_str())) {
        Some((name, _)) => Err(Error::bad_parameter(
            name,
            "next リンクの検索は変えられません。_cursor と一緒に使えるのは _count, _total, _format, _pretty だけです。",
            "The search of a next link cannot be changed. Only _count, _total, _format and _pretty go with _cursor.",
        )),
        None => Ok(Some(cursor)),
    }
}

fn is_control(name: &str, over_types: bool) -> bool {
    let always = ["_count", "_total", "_maxresults", "_summary", "_elements", "_format", "_pretty"];
    always.contains(&name) || over_types && name == "_type"
}

fn read_most(value: &str) -> Result<usize> {
    value.parse().ok().filter(|most| *most > 0).ok_or_else(|| {
        let (ja, en) = ("_maxresults は 1 以上の整数です。", "_maxresults is a whole number from 1.");
        Error::bad_parameter("_maxresults", ja, en)
    })
}

fn twice(name: &str) -> Error {
    Error::bad_parameter(
        name,
        format!("{name} が異なる値で二度指定されています。一つにしてください。"),
        format!("{name} is given twice, with different values. Give it once."),
    )
}

fn bad_total() -> Error {
    let (ja, en) =
        ("_total は none, estimate, accurate のどれかです。", "_total is one of none, estimate and accurate.");
    Error::bad_parameter("_total", ja, en)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::split_query;

    fn take(query: &str) -> (Result<Control>, Vec<(String, String)>) {
        let mut pairs = split_query(query);
        (Control::take(&mut pairs, true), pairs)
    }

    #[test]
    fn result_parameters_are_told_from_criteria() {
        let (control, rest) = take("name=a&_count=5&_total=none&_elements=name&_type=A,B&_maxresults=7&_sort=name");
        let control = control.unwrap();
        assert_eq!(rest, split_query("name=a&_sort=name"));
        assert_eq!((control.count, control.most, control.total), (Some(5), Some(7), TotalWish::No));
        assert_eq!(control.types, Some(vec!["A".into(), "B".into()]));
        let applied = "_elements=name&_type=A,B&_total=none&_maxresults=7&_count=3";
        assert_eq!(control.applied(3), split_query(applied), "the page size is that of the answer");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for bad in [
            "_count=1&_count=2",
            "_total=none&_total=accurate",
            "_maxresults=0",
            "_maxresults=x",
            "_count=-1",
            "_total=some",
            "_summary=some",
            "_summary=text&_include=Task:focus",
            "_summary=text&_revinclude:iterate=Task:focus",
            "_summary=true&_elements=name",
        ] {
            assert!(take(bad).0.is_err(), "{bad}");
        }
        for good in ["_count=1&_count=1", "_summary=count&_elements=name", "_summary=data&_include=Task:focus"] {
            assert!(take(good).0.is_ok(), "{good}");
        }
    }

    #[test]
    fn a_cursor_stands_nearly_alone() {
        let read = |query: &str| cursor(&mut split_query(query));
        assert_eq!(read("_count=1&_cursor=a&_format=json").unwrap(), Some("a".into()));
        assert_eq!(read("name=a").unwrap(), None);
        for bad in ["_cursor=a&name=b", "_cursor=a&_cursor=a", "_cursor=a&_sort=name", "_cursor=a&_summary=true"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
