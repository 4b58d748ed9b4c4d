//! From tokens to the tree. FHIRPath `#grammar` and `#operator-precedence`.

use regex::{Regex, RegexBuilder};

use super::ast::{CallStep, Expr, Kind, Operator, Step, Variable};
use super::decimal::Decimal;
use super::error::{CompileError, CompileErrorKind};
use super::functions::{self, Arguments};
use super::lexer::{self, Placed, Token};
use super::quantity::Quantity;
use super::temporal::Unit;
use super::types::TypeName;
use super::value::Value;

type Parsed<T> = Result<T, CompileError>;

/// How deep parentheses, arguments and signs may nest.
const MAX_DEPTH: usize = 48;

/// The tree of a whole expression.
pub(super) fn parse(text: &str) -> Parsed<Expr> {
    let mut parser = Parser { tokens: lexer::tokens(text)?, at: 0, depth: 0 };
    let root = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(root),
        _ => parser.fail(CompileErrorKind::Syntax),
    }
}

/// A regular expression with FHIRPath's settings: partial match, single line mode, bounded size.
pub(super) fn regex(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).dot_matches_new_line(true).size_limit(1 << 20).build().ok()
}

const TYPE_LEVEL: u8 = 9;
const UNARY_LEVEL: u8 = 12;

fn operator(token: &Token) -> Option<(Operator, u8)> {
    match token {
        Token::Word(word) => word_operator(word),
        Token::Sign(sign) => sign_operator(sign),
        _ => None,
    }
}

fn word_operator(word: &str) -> Option<(Operator, u8)> {
    Some(match word {
        "implies" => (Operator::Implies, 1),
        "or" => (Operator::Or, 2),
        "xor" => (Operator::Xor, 2),
        "and" => (Operator::And, 3),
        "in" => (Operator::In, 4),
        "contains" => (Operator::Contains, 4),
        "div" => (Operator::Div, 11),
        "mod" => (Operator::Mod, 11),
        _ => return None,
    })
}

fn sign_operator(sign: &str) -> Option<(Operator, u8)> {
    Some(match sign {
        "=" => (Operator::Equal, 5),
        "!=" => (Operator::NotEqual, 5),
        "~" => (Operator::Equivalent, 5),
        "!~" => (Operator::NotEquivalent, 5),
        "<" => (Operator::Less, 6),
        "<=" => (Operator::LessOrEqual, 6),
        ">" => (Operator::Greater, 6),
        ">=" => (Operator::GreaterOrEqual, 6),
        "|" => (Operator::Union, 8),
        "+" => (Operator::Add, 10),
        "-" => (Operator::Subtract, 10),
        "&" => (Operator::Concatenate, 10),
        "*" => (Operator::Multiply, 11),
        "/" => (Operator::Divide, 11),
        _ => return None,
    })
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |placed| &placed.token)
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |placed| placed.offset)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn fail<T>(&self, kind: CompileErrorKind) -> Parsed<T> {
        let found = match self.peek() {
            Token::Word(text) | Token::Quoted(text) | Token::Number(text) | Token::String(text) => text.clone(),
            Token::Special(text) => format!("${text}"),
            Token::Variable(text) => format!("%{text}"),
            Token::Temporal(temporal) => format!("@{temporal}"),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => String::new(),
        };
        Err(CompileError::new(kind, self.offset(), found))
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(next) if *next == sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.eat(sign) { Ok(()) } else { self.fail(CompileErrorKind::Syntax) }
    }

    fn build(&self, kind: Kind) -> Parsed<Expr> {
        Expr::new(kind).ok_or_else(|| CompileError::new(CompileErrorKind::TooDeep, self.offset(), ""))
    }

    /// Operators of at least `level`, all of which lean to the left.
    fn expression(&mut self, level: u8) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail(CompileErrorKind::TooDeep);
        }
        let mut left = self.unary()?;
        loop {
            if let Token::Word(word) = self.peek()
                && (word == "is" || word == "as")
                && level <= TYPE_LEVEL
            {
                let is = word == "is";
                self.at += 1;
                let type_name = self.type_name()?;
                let inner = Box::new(left);
                left = self.build(if is { Kind::Is(inner, type_name) } else { Kind::As(inner, type_name) })?;
                continue;
            }
            match operator(self.peek()) {
                Some((operator, found)) if found >= level => {
                    self.at += 1;
                    let right = self.expression(found + 1)?;
                    left = self.build(Kind::Binary(operator, Box::new(left), Box::new(right)))?;
                }
                _ => break,
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        if self.eat("-") {
            let inner = Box::new(self.expression(UNARY_LEVEL)?);
            return self.build(Kind::Negate(inner));
        }
        if self.eat("+") {
            let inner = Box::new(self.expression(UNARY_LEVEL)?);
            return self.build(Kind::Plus(inner));
        }
        self.path()
    }

    fn path(&mut self) -> Parsed<Expr> {
        let mut steps = Vec::new();
        let base = match self.peek() {
            Token::Word(_) | Token::Quoted(_) if !self.is_boolean() => {
                steps.push(self.invocation()?);
                None
            }
            _ => Some(self.term()?),
        };
        loop {
            if self.eat(".") {
                match self.peek() {
                    Token::Word(_) | Token::Quoted(_) => steps.push(self.invocation()?),
                    _ => return self.fail(CompileErrorKind::Syntax),
                }
            } else if self.eat("[") {
                steps.push(Step::Index(self.expression(0)?));
                self.expect("]")?;
            } else {
                break;
            }
        }
        match base {
            Some(base) if steps.is_empty() => Ok(base),
            base => self.build(Kind::Path(base.map(Box::new), steps)),
        }
    }

    fn is_boolean(&self) -> bool {
        matches!(self.peek(), Token::Word(word) if word == "true" || word == "false")
    }

    /// A member or a function.
    fn invocation(&mut self) -> Parsed<Step> {
        let place = self.at;
        let name = match self.next() {
            // `div`, `contains`, `in` and their kin are members after a dot, too: `text.div`.
            Token::Word(name) | Token::Quoted(name) => name,
            _ => {
                self.at = place;
                return self.fail(CompileErrorKind::Syntax);
            }
        };
        if !self.eat("(") {
            return Ok(Step::Member(name));
        }
        let Some(entry) = functions::find(&name) else {
            self.at = place;
            return self.fail(CompileErrorKind::UnknownFunction);
        };
        let mut call = CallStep { entry, args: Vec::new(), type_name: None, regex: None, equals: Vec::new() };
        let mut count = 0;
        if !self.eat(")") {
            loop {
                count += 1;
                match entry.arguments {
                    Arguments::Type => call.type_name = Some(self.type_name()?),
                    _ => call.args.push(self.expression(0)?),
                }
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        if !(entry.least..=entry.most).contains(&count) {
            self.at = place;
            return self.fail(CompileErrorKind::ArgumentCount);
        }
        if entry.name == "where" {
            call.equals = call.args.first().and_then(Expr::text_equalities).unwrap_or_default();
        }
        if entry.arguments == Arguments::Pattern
            && let Some(pattern) = call.args.first().and_then(Expr::as_text)
        {
            call.regex = functions::compile_pattern(entry.name, pattern);
            if call.regex.is_none() {
                self.at = place;
                return self.fail(CompileErrorKind::RegularExpression);
            }
        }
        Ok(Step::Call(Box::new(call)))
    }

    fn term(&mut self) -> Parsed<Expr> {
        let place = self.at;
        let kind = match self.next() {
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Sign("{") => {
                self.expect("}")?;
                Kind::Empty
            }
            Token::Word(word) => Kind::Literal(Value::Boolean(word == "true")),
            Token::String(text) => Kind::Literal(Value::String(text.into())),
            Token::Temporal(temporal) => Kind::Literal(Value::Temporal(temporal)),
            Token::Number(text) => Kind::Literal(self.number(&text, place)?),
            Token::Special(name) if name == "this" => Kind::This,
            Token::Special(name) if name == "index" => Kind::Index,
            Token::Special(name) if name == "total" => Kind::Total,
            Token::Variable(name) => match variable(&name) {
                Some(variable) => Kind::Variable(variable),
                None => {
                    self.at = place;
                    return self.fail(CompileErrorKind::UnknownVariable);
                }
            },
            _ => {
                self.at = place;
                return self.fail(CompileErrorKind::Syntax);
            }
        };
        self.build(kind)
    }

    /// A number, or a quantity where a unit follows. FHIRPath `#quantity`.
    fn number(&mut self, text: &str, place: usize) -> Parsed<Value<'static>> {
        let unit = match self.peek() {
            Token::String(code) => Some((code.clone(), false)),
            Token::Word(word) if Unit::of_word(word).is_some() => Some((word.clone(), true)),
            _ => None,
        };
        let integer = if text.contains('.') { None } else { text.parse::<i64>().ok() };
        let (decimal, unit) = match (integer, Decimal::parse(text), unit) {
            (Some(integer), _, None) => return Ok(Value::Integer(integer)),
            (_, Some(decimal), unit) => (decimal, unit),
            (_, None, _) => {
                self.at = place;
                return self.fail(CompileErrorKind::Syntax);
            }
        };
        let Some((unit, calendar)) = unit else { return Ok(Value::Decimal(decimal)) };
        self.at += 1;
        Ok(Value::Quantity(Box::new(Quantity { value: decimal, unit: unit.into(), calendar })))
    }

    fn type_name(&mut self) -> Parsed<TypeName> {
        let place = self.at;
        let first = self.identifier()?;
        let second = if self.eat(".") { Some(self.identifier()?) } else { None };
        let found = match &second {
            Some(name) => TypeName::parse(Some(&first), name),
            None => TypeName::parse(None, &first),
        };
        if found.is_none() {
            self.at = place;
        }
        found.map_or_else(|| self.fail(CompileErrorKind::UnknownType), Ok)
    }

    fn identifier(&mut self) -> Parsed<String> {
        match self.peek() {
            Token::Word(name) | Token::Quoted(name) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => self.fail(CompileErrorKind::Syntax),
        }
    }
}

/// R4 `fhirpath.html#variables`; `%current` and `%previous` are those of topic-based subscriptions, `%extension` that of
/// context invariants.
fn variable(name: &str) -> Option<Variable> {
    Some(match name {
        "resource" => Variable::Resource,
        "rootResource" => Variable::RootResource,
        "context" => Variable::Context,
        "ucum" => Variable::Text("http://unitsofmeasure.org".to_owned()),
        "sct" => Variable::Text("http://snomed.info/sct".to_owned()),
        "loinc" => Variable::Text("http://loinc.org".to_owned()),
        "current" | "previous" | "extension" => Variable::Supplied(name.to_owned()),
        _ => match name.split_once('-')? {
            ("vs", id) => Variable::Text(format!("http://hl7.org/fhir/ValueSet/{id}")),
            ("ext", id) => Variable::Text(format!("http://hl7.org/fhir/StructureDefinition/{id}")),
            _ => return None,
        },
    })
}
