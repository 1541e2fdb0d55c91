//! Numbers within templates.

use rand::RngExt;
use rand_distr::{Distribution, Exp, LogNormal, Normal, Zipf};

use super::{Moment, Scope};

/// A number to be worked out while rendering.
#[derive(Clone, Debug)]
pub(crate) enum Number {
    Constant(Numeric),
    I,
    Seq,
    NowMs,
    NowNs,
    Negative(Box<Number>),
    Arithmetic(Operator, Box<(Number, Number)>),
    /// Both ends included when both are whole; otherwise the upper one is not.
    Random(Box<(Number, Number)>),
    Normal(Normal<f64>),
    Exponential(Exp<f64>),
    LogNormal(LogNormal<f64>),
    Zipf(Zipf<f64>),
    Choice(Box<[Number]>),
}

/// A whole or a real number; sums of whole numbers stay whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Numeric {
    Whole(i64),
    Real(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Numeric {
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Whole(n) => n as f64,
            Self::Real(x) => x,
        }
    }
}

impl Operator {
    /// Whole numbers give a whole number where there is one; what overflows or divides by zero goes on as a
    /// real number, as IEEE 754 has it.
    pub(crate) fn apply(self, a: Numeric, b: Numeric) -> Numeric {
        if let (Numeric::Whole(a), Numeric::Whole(b)) = (a, b) {
            let whole = match self {
                Self::Add => a.checked_add(b),
                Self::Subtract => a.checked_sub(b),
                Self::Multiply => a.checked_mul(b),
                Self::Divide => a.checked_div(b).filter(|quotient| quotient.wrapping_mul(b) == a),
                Self::Remainder => a.checked_rem_euclid(b),
            };
            if let Some(whole) = whole {
                return Numeric::Whole(whole);
            }
        }
        let (a, b) = (a.as_f64(), b.as_f64());
        Numeric::Real(match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Remainder => a.rem_euclid(b),
        })
    }
}

impl Number {
    pub(crate) fn constant(&self) -> Option<Numeric> {
        match self {
            Self::Constant(value) => Some(*value),
            _ => None,
        }
    }

    /// The scope its names belong to; random numbers begin with the device.
    pub(super) fn scope(&self) -> Scope {
        match self {
            Self::Constant(_) => Scope::Plan,
            Self::I => Scope::Identity,
            Self::Seq | Self::NowMs | Self::NowNs => Scope::Message,
            Self::Negative(of) => of.scope(),
            Self::Arithmetic(_, of) => of.0.scope().max(of.1.scope()),
            Self::Random(of) => of.0.scope().max(of.1.scope()).max(Scope::Identity),
            Self::Normal(_) | Self::Exponential(_) | Self::LogNormal(_) | Self::Zipf(_) => Scope::Identity,
            Self::Choice(of) => of.iter().map(Self::scope).fold(Scope::Identity, Scope::max),
        }
    }

    pub(super) fn value(&self, moment: &mut Moment<'_>) -> Numeric {
        match self {
            Self::Constant(value) => *value,
            Self::I => Numeric::Whole(i64::from(moment.i)),
            Self::Seq => Numeric::Whole(moment.seq as i64),
            Self::NowMs => Numeric::Whole(moment.now_ns / 1_000_000),
            Self::NowNs => Numeric::Whole(moment.now_ns),
            Self::Negative(of) => {
                let value = of.value(moment);
                Operator::Subtract.apply(Numeric::Whole(0), value)
            }
            Self::Arithmetic(operator, of) => {
                let (a, b) = (of.0.value(moment), of.1.value(moment));
                operator.apply(a, b)
            }
            Self::Random(of) => {
                let (a, b) = (of.0.value(moment), of.1.value(moment));
                random(a, b, moment)
            }
            Self::Normal(of) => Numeric::Real(of.sample(&mut moment.random)),
            Self::Exponential(of) => Numeric::Real(of.sample(&mut moment.random)),
            Self::LogNormal(of) => Numeric::Real(of.sample(&mut moment.random)),
            Self::Zipf(of) => Numeric::Whole(of.sample(&mut moment.random) as i64),
            Self::Choice(of) => {
                let chosen = moment.random.random_range(0..of.len());
                of[chosen].value(moment)
            }
        }
    }
}

fn random(a: Numeric, b: Numeric, moment: &mut Moment<'_>) -> Numeric {
    if let (Numeric::Whole(a), Numeric::Whole(b)) = (a, b) {
        return Numeric::Whole(moment.random.random_range(a.min(b)..=a.max(b)));
    }
    let (a, b) = (a.as_f64(), b.as_f64());
    Numeric::Real(a + (b - a) * moment.random.random::<f64>())
}
