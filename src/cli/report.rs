//! What `kakehashi validate` prints: findings for people, outcomes for programs, SARIF for code hosts.

use std::fmt;
use std::io::{Result, Write};

use clap::ValueEnum;

use crate::fhir::json::{Json, Number, Object, to_compact};
use crate::fhir::outcome::{Issue, Language, operation_outcome};

use super::sarif;
use super::validate::Judged;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    Ndjson,
    Sarif,
}

/// Writes to standard output as verdicts come in; only what SARIF needs is kept.
pub struct Report {
    format: Format,
    language: Language,
    counted: Counted,
    sarif: sarif::Log,
}

/// What it came to.
#[derive(Clone, Copy, Default)]
pub struct Counted {
    pub valid: usize,
    pub invalid: usize,
    pub errors: usize,
    pub warnings: usize,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counted { valid, invalid, errors, warnings } = self;
        write!(
            f,
            "{} resources: {valid} valid, {invalid} invalid; {errors} errors, {warnings} warnings",
            valid + invalid
        )
    }
}

impl Report {
    pub fn new(format: Format, language: Language) -> Report {
        Report { format, language, counted: Counted::default(), sarif: sarif::Log::default() }
    }

    pub fn begin(&self) -> Result<()> {
        if self.format == Format::Json { writeln!(std::io::stdout(), "[") } else { Ok(()) }
    }

    pub fn tell(&mut self, judged: &Judged) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let first = self.counted.valid + self.counted.invalid == 0;
        self.counted.add(judged);
        match self.format {
            Format::Text => text(&mut out, judged, self.language),
            Format::Json if first => write!(out, "{}", to_compact(&verdict(judged, self.language))),
            Format::Json => write!(out, ",\n{}", to_compact(&verdict(judged, self.language))),
            Format::Ndjson => writeln!(out, "{}", to_compact(&verdict(judged, self.language))),
            Format::Sarif => {
                self.sarif.add(judged, self.language);
                Ok(())
            }
        }
    }

    pub fn end(self) -> Result<Counted> {
        let mut out = std::io::stdout().lock();
        match self.format {
            Format::Text | Format::Ndjson => {}
            Format::Json => writeln!(out, "\n]")?,
            Format::Sarif => writeln!(out, "{}", self.sarif.finish())?,
        }
        out.flush()?;
        Ok(self.counted)
    }
}

impl Counted {
    fn add(&mut self, judged: &Judged) {
        let errors = judged.issues.iter().filter(|issue| issue.is_error()).count();
        self.errors += errors;
        self.warnings += judged.issues.iter().filter(|issue| issue.is_warning()).count();
        *(if errors == 0 { &mut self.valid } else { &mut self.invalid }) += 1;
    }
}

fn text(out: &mut impl Write, judged: &Judged, language: Language) -> Result<()> {
    let word = if judged.is_valid() { "valid" } else { "invalid" };
    writeln!(out, "{}: {word}", judged.item.name())?;
    judged.issues.iter().try_for_each(|issue| writeln!(out, "  {}", line(judged, issue, language)))
}

/// `file:line:column: severity expression: text [rule]`, as editors find places in what a compiler prints.
fn line(judged: &Judged, issue: &Issue, language: Language) -> String {
    let place = match issue.place {
        Some(place) => format!("{}:{}:{}", judged.item.file, place.line, place.column),
        None => judged.item.name(),
    };
    let expression = issue.expression.as_deref().filter(|text| !text.is_empty()).unwrap_or("-");
    let rule = issue.rule.as_ref().map(|rule| format!(" [{rule}]")).unwrap_or_default();
    format!("{place}: {} {expression}: {}{rule}", issue.severity.code(), issue.text(language))
}

/// `{"file": …, "line": …, "valid": …, "outcome": …}`; `line` only where a file has a resource on each line.
fn verdict(judged: &Judged, language: Language) -> Json {
    let mut verdict = Object::new();
    verdict.insert("file", judged.item.file.as_str());
    if let Some(line) = judged.item.line.and_then(|line| i64::try_from(line).ok()) {
        verdict.insert("line", Json::Number(Number::from(line)));
    }
    verdict.insert("valid", Json::Bool(judged.is_valid()));
    verdict.insert("outcome", operation_outcome(&judged.issues, language));
    verdict.into()
}
