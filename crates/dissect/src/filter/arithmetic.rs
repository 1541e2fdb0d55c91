//! Arithmetic on values and on their classes.

use super::ast::Arithmetic;
use super::check::Class;
use super::value::{Network, Value};

const NANOSECONDS: i128 = 1_000_000_000;

/// The class of what arithmetic on two classes gives; `None` where it makes no sense.
pub(super) fn class(operator: Arithmetic, left: Class, right: Class) -> Option<Class> {
    use Arithmetic::{Add, And, Divide, Multiply, Subtract};
    use Class::{Duration, Dynamic, Ipv4, Ipv6, Number, Time};
    match (operator, left, right) {
        (_, Number, Number) => Some(Number),
        (_, Dynamic, Number | Dynamic) | (_, Number, Dynamic) => Some(Dynamic),
        (And, Ipv4, Ipv4) => Some(Ipv4),
        (And, Ipv6, Ipv6) => Some(Ipv6),
        (Add | Subtract, Duration, Duration) => Some(Duration),
        (Add | Subtract, Time, Duration) | (Add, Duration, Time) => Some(Time),
        (Subtract, Time, Time) => Some(Duration),
        (Multiply | Divide, Duration, Number) | (Multiply, Number, Duration) => Some(Duration),
        (Divide, Duration, Duration) => Some(Dynamic),
        _ => None,
    }
}

/// The class a constant takes beside an operand of class `other`.
pub(super) fn constant_class(operator: Arithmetic, other: Class) -> Class {
    match (operator, other) {
        (Arithmetic::Add | Arithmetic::Subtract, Class::Time) => Class::Duration,
        (Arithmetic::Multiply | Arithmetic::Divide, Class::Duration) => Class::Number,
        (_, Class::Boolean | Class::Text | Class::Bytes | Class::Nothing) => Class::Number,
        (_, other) => other,
    }
}

/// `None`: no value, because of a division by zero, an overflow, or JSON that is no number.
pub(super) fn apply(operator: Arithmetic, left: Value<'_>, right: Value<'_>) -> Option<Value<'static>> {
    use Arithmetic::{Add, And, Divide, Multiply, Subtract};
    Some(match (operator, left, right) {
        (_, Value::Number(a), Value::Number(b)) => Value::Number(whole(operator, a, b)?),
        (_, Value::Float(a), Value::Float(b)) => Value::Float(real(operator, a, b)?),
        (_, Value::Number(a), Value::Float(b)) => Value::Float(real(operator, a as f64, b)?),
        (_, Value::Float(a), Value::Number(b)) => Value::Float(real(operator, a, b as f64)?),
        (And, Value::Ipv4(a), Value::Ipv4(b)) => {
            Value::Ipv4(Network { address: a.address & b.address, mask: a.mask & b.mask })
        }
        (And, Value::Ipv6(a), Value::Ipv6(b)) => {
            Value::Ipv6(Network { address: a.address & b.address, mask: a.mask & b.mask })
        }
        (Divide, Value::Duration(a), Value::Duration(b)) => Value::Float(real(operator, a as f64, b as f64)?),
        (Add | Subtract, Value::Duration(a), Value::Duration(b)) => {
            Value::Duration(nanoseconds(operator, a, b)?)
        }
        (Subtract, Value::Time(a), Value::Time(b)) => Value::Duration(nanoseconds(operator, a, b)?),
        (Add | Subtract, Value::Time(a), Value::Duration(b)) | (Add, Value::Duration(a), Value::Time(b)) => {
            Value::Time(nanoseconds(operator, a, b)?)
        }
        (Multiply | Divide, Value::Duration(a), Value::Number(b))
        | (Multiply, Value::Number(b), Value::Duration(a)) => {
            Value::Duration(i64::try_from(whole(operator, i128::from(a), b)?).ok()?)
        }
        _ => return None,
    })
}

/// The value with its sign changed.
pub(super) fn negative(value: Value<'_>) -> Option<Value<'static>> {
    Some(match value {
        Value::Number(n) => Value::Number(n.checked_neg()?),
        Value::Float(x) => Value::Float(-x),
        Value::Duration(ns) => Value::Duration(ns.checked_neg()?),
        _ => return None,
    })
}

/// The value without its sign.
pub(super) fn absolute(value: Value<'_>) -> Option<Value<'static>> {
    Some(match value {
        Value::Number(n) => Value::Number(n.checked_abs()?),
        Value::Float(x) => Value::Float(x.abs()),
        Value::Duration(ns) => Value::Duration(ns.checked_abs()?),
        _ => return None,
    })
}

fn whole(operator: Arithmetic, a: i128, b: i128) -> Option<i128> {
    match operator {
        Arithmetic::And => Some(a & b),
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Modulo => a.checked_rem(b),
    }
}

fn real(operator: Arithmetic, a: f64, b: f64) -> Option<f64> {
    let result = match operator {
        Arithmetic::And => return None,
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::Modulo => a % b,
    };
    result.is_finite().then_some(result)
}

fn nanoseconds(operator: Arithmetic, a: i64, b: i64) -> Option<i64> {
    i64::try_from(whole(operator, i128::from(a), i128::from(b))?).ok()
}

/// Whole and decimal seconds as nanoseconds; digits after the ninth are dropped.
pub(super) fn seconds(whole: u64, fraction: &str) -> Option<i64> {
    let mut nanoseconds = 0i128;
    for i in 0..9 {
        let digit = fraction.as_bytes().get(i).map_or(0, |b| i128::from(b - b'0'));
        nanoseconds = nanoseconds * 10 + digit;
    }
    i64::try_from(i128::from(whole) * NANOSECONDS + nanoseconds).ok()
}
