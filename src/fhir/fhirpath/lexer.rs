//! From text to tokens. FHIRPath `#lexical-elements`.

use super::error::{CompileError, CompileErrorKind};
use super::temporal::{Kind, Temporal};

/// Longer expressions are refused.
const MAX_LENGTH: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A plain identifier or a keyword.
    Word(String),
    /// An identifier in backticks: never a keyword.
    Quoted(String),
    String(String),
    Number(String),
    Temporal(Temporal),
    /// `$this`, `$index`, `$total`, without the `$`.
    Special(String),
    /// `%name`, without the `%`.
    Variable(String),
    Sign(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub token: Token,
    pub offset: usize,
}

const SIGNS: [&str; 21] =
    ["!=", "!~", "<=", ">=", "=", "~", "<", ">", "|", "&", "+", "-", "*", "/", "(", ")", "[", "]", "{", "}", "."];

/// The tokens of `text`, the last of which is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, CompileError> {
    if text.len() > MAX_LENGTH {
        return Err(CompileError::new(CompileErrorKind::TooLong, MAX_LENGTH, ""));
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut found = Vec::new();
    loop {
        lexer.skip_space()?;
        let offset = lexer.at;
        let token = lexer.token()?;
        let end = token == Token::End;
        found.push(Placed { token, offset });
        if end {
            return Ok(found);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn fail<T>(&self) -> Result<T, CompileError> {
        let found: String = self.rest().chars().take(12).collect();
        Err(CompileError::new(CompileErrorKind::Syntax, self.at, found))
    }

    fn skip_space(&mut self) -> Result<(), CompileError> {
        loop {
            let trimmed = self.rest().trim_start();
            self.at = self.text.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                let Some(length) = trimmed.find("*/") else { return self.fail() };
                self.at += length + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, CompileError> {
        let Some(first) = self.rest().chars().next() else { return Ok(Token::End) };
        match first {
            '\'' => Ok(Token::String(self.quoted('\'')?)),
            '`' => Ok(Token::Quoted(self.quoted('`')?)),
            '@' => self.temporal(),
            '0'..='9' => Ok(Token::Number(self.number().to_owned())),
            'A'..='Z' | 'a'..='z' | '_' => Ok(Token::Word(self.word().to_owned())),
            '$' => {
                self.at += 1;
                Ok(Token::Special(self.word().to_owned()))
            }
            '%' => {
                self.at += 1;
                self.variable()
            }
            ',' => {
                self.at += 1;
                Ok(Token::Sign(","))
            }
            _ => match SIGNS.iter().find(|sign| self.rest().starts_with(**sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    Ok(Token::Sign(sign))
                }
                None => self.fail(),
            },
        }
    }

    fn take(&mut self, accept: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.bytes().take_while(|byte| accept(*byte)).count();
        self.at += length;
        &rest[..length]
    }

    fn word(&mut self) -> &'t str {
        self.take(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    fn number(&mut self) -> &'t str {
        let start = self.at;
        self.take(|byte| byte.is_ascii_digit());
        let mut after = self.rest().bytes();
        if after.next() == Some(b'.') && after.next().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.take(|byte| byte.is_ascii_digit());
        }
        &self.text[start..self.at]
    }

    fn variable(&mut self) -> Result<Token, CompileError> {
        let name = match self.rest().chars().next() {
            Some(quote @ ('`' | '\'')) => self.quoted(quote)?,
            _ => self.take(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-').to_owned(),
        };
        if name.is_empty() { self.fail() } else { Ok(Token::Variable(name)) }
    }

    /// `@2015-02-04T14:34:28.123+09:00` and its shorter forms; `@T14:34`. FHIRPath `#datetime`.
    fn temporal(&mut self) -> Result<Token, CompileError> {
        let start = self.at;
        self.at += 1;
        let is_time = self.rest().starts_with('T');
        self.take(|byte| byte.is_ascii_digit() || byte == b'-' && !is_time);
        let kind = match (is_time, self.rest().starts_with('T')) {
            (true, _) => Kind::Time,
            (false, true) => Kind::DateTime,
            (false, false) => Kind::Date,
        };
        if kind != Kind::Date {
            self.at += 1;
            self.time_of_day(kind == Kind::DateTime);
        }
        let text = self.text[start + 1..self.at].trim_start_matches('T').trim_end_matches('T');
        match Temporal::parse(kind, text) {
            Some(temporal) => Ok(Token::Temporal(temporal)),
            None => {
                self.at = start;
                self.fail()
            }
        }
    }

    fn time_of_day(&mut self, zone: bool) {
        self.take(|byte| byte.is_ascii_digit() || byte == b':');
        let mut after = self.rest().bytes();
        if after.next() == Some(b'.') && after.next().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.take(|byte| byte.is_ascii_digit());
        }
        if !zone {
            return;
        }
        if self.rest().starts_with('Z') {
            self.at += 1;
        } else if self.rest().starts_with(['+', '-']) && self.rest().get(3..4) == Some(":") {
            self.at += 1;
            self.take(|byte| byte.is_ascii_digit() || byte == b':');
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, CompileError> {
        let start = self.at;
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((index, char)) = chars.next() {
            if char == quote {
                self.at = start + index + 1;
                return Ok(out);
            }
            if char != '\\' {
                out.push(char);
                continue;
            }
            let Some((_, escaped)) = chars.next() else { break };
            match escaped {
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                'f' => out.push('\u{c}'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    match u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
                        Some(char) => out.push(char),
                        None => return self.fail(),
                    }
                }
                // An unknown escape stands for its character: the escapes of regular expressions are often
                // written with a single backslash in published definitions.
                '\\' | '/' | '\'' | '"' | '`' => out.push(escaped),
                _ => {
                    out.push('\\');
                    out.push(escaped);
                }
            }
        }
        self.fail()
    }
}
