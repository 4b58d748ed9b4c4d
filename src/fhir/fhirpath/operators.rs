//! Operators. FHIRPath `#operations`.

use std::cmp::Ordering;

use super::ast::Operator;
use super::compare;
use super::decimal::Decimal;
use super::error::EvaluationError;
use super::eval::{Collection, Evaluated, Evaluator, boolean, single};
use super::quantity::Quantity;
use super::temporal::Temporal;
use super::value::{Item, Value};

/// The result of a logical operator whose left side is enough. FHIRPath `#boolean-logic`.
pub(super) fn decided_by_left(operator: Operator, left: &[Item<'_>]) -> Result<Option<bool>, EvaluationError> {
    let decides = match operator {
        Operator::And => (false, false),
        Operator::Or => (true, true),
        Operator::Implies => (false, true),
        _ => return Ok(None),
    };
    Ok((boolean(left, operator.sign())? == Some(decides.0)).then_some(decides.1))
}

pub(super) fn binary<'a>(
    run: &Evaluator<'_, 'a>,
    operator: Operator,
    left: Collection<'a>,
    right: Collection<'a>,
) -> Evaluated<'a> {
    let sign = operator.sign();
    let flag = match operator {
        Operator::And | Operator::Or | Operator::Xor | Operator::Implies => {
            logic(operator, boolean(&left, sign)?, boolean(&right, sign)?)
        }
        Operator::Equal => compare::equal_collections(&left, &right),
        Operator::NotEqual => compare::equal_collections(&left, &right).map(|equal| !equal),
        Operator::Equivalent => Some(compare::equivalent_collections(&left, &right)),
        Operator::NotEquivalent => Some(!compare::equivalent_collections(&left, &right)),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            ordered(operator, &left, &right)?
        }
        Operator::In => member(run, sign, &left, &right)?,
        Operator::Contains => member(run, sign, &right, &left)?,
        Operator::Union => return union(run, left, right),
        _ => return arithmetic(run, operator, &left, &right),
    };
    Ok(flag.map(|flag| Item::Value(Value::Boolean(flag))).into_iter().collect())
}

fn logic(operator: Operator, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (operator, left, right) {
        (Operator::And, Some(false), _) | (Operator::And, _, Some(false)) => Some(false),
        (Operator::And, Some(true), Some(true)) => Some(true),
        (Operator::Or, Some(true), _) | (Operator::Or, _, Some(true)) => Some(true),
        (Operator::Or, Some(false), Some(false)) => Some(false),
        (Operator::Xor, Some(left), Some(right)) => Some(left != right),
        (Operator::Implies, Some(false), _) | (Operator::Implies, _, Some(true)) => Some(true),
        (Operator::Implies, Some(true), Some(false)) => Some(false),
        _ => None,
    }
}

fn ordered(operator: Operator, left: &[Item<'_>], right: &[Item<'_>]) -> Result<Option<bool>, EvaluationError> {
    let sign = operator.sign();
    let (Some(left), Some(right)) = (single(left, sign)?, single(right, sign)?) else { return Ok(None) };
    let order = compare::order(left, right).map_err(|()| EvaluationError::wrong_type(sign))?;
    Ok(order.map(|order| match operator {
        Operator::Less => order == Ordering::Less,
        Operator::LessOrEqual => order != Ordering::Greater,
        Operator::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }))
}

/// `in` and `contains`. FHIRPath `#collections-2`.
fn member(
    run: &Evaluator<'_, '_>,
    sign: &'static str,
    item: &[Item<'_>],
    items: &[Item<'_>],
) -> Result<Option<bool>, EvaluationError> {
    let Some(item) = single(item, sign)? else { return Ok(None) };
    run.spend(items.len(), sign)?;
    Ok(Some(items.iter().any(|other| compare::equal(item, other) == Some(true))))
}

/// Both sides without duplicates. FHIRPath `#-union-collections`.
pub(super) fn union<'a>(run: &Evaluator<'_, 'a>, mut left: Collection<'a>, right: Collection<'a>) -> Evaluated<'a> {
    left.extend(right);
    distinct(run, left)
}

/// The items without those that equal an earlier one.
pub(super) fn distinct<'a>(run: &Evaluator<'_, 'a>, items: Collection<'a>) -> Evaluated<'a> {
    let mut kept: Collection<'a> = Vec::with_capacity(items.len());
    for item in items {
        run.spend(kept.len(), "distinct")?;
        if !kept.iter().any(|known| compare::equal(known, &item) == Some(true)) {
            kept.push(item);
        }
    }
    Ok(kept)
}

pub(super) fn negate(items: Collection<'_>) -> Evaluated<'_> {
    let Some(item) = single(&items, "-")? else { return Ok(Vec::new()) };
    let negated = match item.value() {
        Some(Value::Integer(integer)) => integer.checked_neg().map(Value::Integer),
        Some(Value::Decimal(decimal)) => Some(Value::Decimal(decimal.negate())),
        Some(Value::Quantity(quantity)) => {
            Some(Value::Quantity(Box::new(quantity.with_value(quantity.value.negate()))))
        }
        _ => return Err(EvaluationError::wrong_type("-")),
    };
    Ok(negated.map(Item::Value).into_iter().collect())
}

pub(super) fn plus(items: Collection<'_>) -> Evaluated<'_> {
    match single(&items, "+")?.map(Item::value) {
        None | Some(Some(Value::Integer(_) | Value::Decimal(_) | Value::Quantity(_))) => Ok(items),
        _ => Err(EvaluationError::wrong_type("+")),
    }
}

/// FHIRPath `#math`. Overflow and division by zero are empty.
fn arithmetic<'a>(run: &Evaluator<'_, 'a>, operator: Operator, left: &[Item<'a>], right: &[Item<'a>]) -> Evaluated<'a> {
    let sign = operator.sign();
    let (left, right) = (single(left, sign)?, single(right, sign)?);
    if operator == Operator::Concatenate {
        return concatenate(run, left, right);
    }
    let (Some(left), Some(right)) = (left, right) else { return Ok(Vec::new()) };
    let (left, right) = match (left.value(), right.value()) {
        (Some(left), Some(right)) => (temporal_beside(left, &right), right),
        _ => return Err(EvaluationError::wrong_type(sign)),
    };
    let result = match (&left, &right) {
        (Value::Integer(left), Value::Integer(right)) => integers(operator, *left, *right),
        (Value::Integer(_) | Value::Decimal(_), Value::Integer(_) | Value::Decimal(_)) => {
            left.as_decimal().zip(right.as_decimal()).and_then(|(left, right)| decimals(operator, left, right))
        }
        (Value::String(left), Value::String(right)) if operator == Operator::Add => {
            run.spend(left.len() + right.len(), sign)?;
            Some(Value::String(format!("{left}{right}").into()))
        }
        (Value::Temporal(temporal), Value::Quantity(quantity)) => shifted(operator, temporal, quantity)?,
        (Value::Quantity(left), Value::Quantity(right)) => quantities(operator, left, right)?,
        (Value::Quantity(left), number) if number.as_decimal().is_some() => {
            quantities(operator, left, &Quantity::of_number(number.as_decimal().unwrap_or(Decimal::ONE)))?
        }
        (number, Value::Quantity(right)) if number.as_decimal().is_some() => {
            quantities(operator, &Quantity::of_number(number.as_decimal().unwrap_or(Decimal::ONE)), right)?
        }
        _ => return Err(EvaluationError::wrong_type(sign)),
    };
    Ok(result.map(Item::Value).into_iter().collect())
}

/// A text of unknown type that meets a duration is read as a date.
fn temporal_beside<'a>(left: Value<'a>, right: &Value<'_>) -> Value<'a> {
    match (&left, right) {
        (Value::String(text), Value::Quantity(_)) => Temporal::parse_any_date(text).map_or(left, Value::Temporal),
        _ => left,
    }
}

/// `&`: an absent side is the empty string.
fn concatenate<'a>(run: &Evaluator<'_, 'a>, left: Option<&Item<'a>>, right: Option<&Item<'a>>) -> Evaluated<'a> {
    let text = |item: Option<&Item<'a>>| match item {
        None => Ok(String::new()),
        Some(item) => match item.as_text() {
            Some(text) => Ok(text.into_owned()),
            None => item.value().map(|value| value.to_string()).ok_or(EvaluationError::wrong_type("&")),
        },
    };
    let joined = text(left)? + &text(right)?;
    run.spend(joined.len(), "&")?;
    Ok(vec![Item::text(joined)])
}

fn integers(operator: Operator, left: i64, right: i64) -> Option<Value<'static>> {
    match operator {
        Operator::Add => left.checked_add(right).map(Value::Integer),
        Operator::Subtract => left.checked_sub(right).map(Value::Integer),
        Operator::Multiply => left.checked_mul(right).map(Value::Integer),
        Operator::Div => left.checked_div(right).map(Value::Integer),
        Operator::Mod => left.checked_rem(right).map(Value::Integer),
        _ => decimals(operator, left.into(), right.into()),
    }
}

fn decimals(operator: Operator, left: Decimal, right: Decimal) -> Option<Value<'static>> {
    match operator {
        Operator::Add => left.sum(right).map(Value::Decimal),
        Operator::Subtract => left.sum(right.negate()).map(Value::Decimal),
        Operator::Multiply => left.multiply(right).map(Value::Decimal),
        Operator::Divide => left.divide(right).map(Value::Decimal),
        Operator::Div => {
            left.whole_quotient(right).and_then(|quotient| i64::try_from(quotient).ok()).map(Value::Integer)
        }
        Operator::Mod => left.modulo(right).map(Value::Decimal),
        _ => None,
    }
}

/// A date or time plus or minus a duration. FHIRPath `#datetime-arithmetic`.
fn shifted(
    operator: Operator,
    temporal: &Temporal,
    quantity: &Quantity<'_>,
) -> Result<Option<Value<'static>>, EvaluationError> {
    let sign = operator.sign();
    let unit = quantity.calendar_unit().ok_or(EvaluationError::wrong_type(sign))?;
    let amount = i64::try_from(quantity.value.truncated()).map_err(|_| EvaluationError::invalid_argument(sign))?;
    let amount = match operator {
        Operator::Add => amount,
        Operator::Subtract => -amount,
        _ => return Err(EvaluationError::wrong_type(sign)),
    };
    Ok(temporal.plus(amount, unit).map(Value::Temporal))
}

fn quantities(
    operator: Operator,
    left: &Quantity<'_>,
    right: &Quantity<'_>,
) -> Result<Option<Value<'static>>, EvaluationError> {
    let result = match operator {
        Operator::Multiply => left.combine(right, false),
        Operator::Divide => left.combine(right, true),
        Operator::Add | Operator::Subtract if left.unit == right.unit => {
            let other = if operator == Operator::Add { right.value } else { right.value.negate() };
            left.value.sum(other).map(|value| Quantity {
                value,
                unit: left.unit.to_string().into(),
                calendar: left.calendar,
            })
        }
        Operator::Add | Operator::Subtract => None,
        _ => return Err(EvaluationError::wrong_type(operator.sign())),
    };
    Ok(result.map(|quantity| Value::Quantity(Box::new(quantity))))
}
