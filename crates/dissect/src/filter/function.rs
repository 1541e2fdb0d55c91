//! The functions: what they take and what they give.

use super::ast::{self, At, OperandKind};
use super::check::{Checked, Checker, Class, Context, Typed, is_constant};
use super::error::{FilterError, FilterErrorKind as Kind, Span, nearest};
use super::path::Path;
use super::topic::TopicFilter;
use super::tree::Operand;

/// A function's name and what it takes and gives, for the completion and the messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How its call looks.
    pub(super) form: &'static str,
    pub(super) about: &'static str,
    kind: FunctionKind,
}

#[derive(Debug, Clone, Copy)]
enum FunctionKind {
    Length,
    Count,
    Upper,
    Lower,
    Maximum,
    Minimum,
    Absolute,
    Shown,
    TopicFilter,
    Json,
}

const fn function(
    name: &'static str,
    form: &'static str,
    about: &'static str,
    kind: FunctionKind,
) -> Function {
    Function { name, form, about, kind }
}

/// All functions.
pub(super) const FUNCTIONS: &[Function] = &[
    function("len", "len(field)", "length of text or bytes, in bytes", FunctionKind::Length),
    function("count", "count(field)", "how often the field occurs in the packet", FunctionKind::Count),
    function("upper", "upper(text)", "text with its ASCII letters in upper case", FunctionKind::Upper),
    function("lower", "lower(text)", "text with its ASCII letters in lower case", FunctionKind::Lower),
    function("max", "max(a, b, …)", "the greatest of all values", FunctionKind::Maximum),
    function("min", "min(a, b, …)", "the least of all values", FunctionKind::Minimum),
    function("abs", "abs(number)", "the number without its sign", FunctionKind::Absolute),
    function("string", "string(field)", "a number, address or truth value as text", FunctionKind::Shown),
    function(
        "mqtt.topic_filter",
        "mqtt.topic_filter(\"a/+/b\")",
        "true if the topic matches an MQTT topic filter",
        FunctionKind::TopicFilter,
    ),
    function(
        "mqtt.json",
        "mqtt.json(\"$.a.b[0]\")",
        "the values at a path in a JSON payload",
        FunctionKind::Json,
    ),
];

pub(super) fn is_known(name: &str) -> bool {
    FUNCTIONS.iter().any(|function| function.name == name)
}

/// A call: its operand, and the class of its values.
pub(super) fn check(
    checker: &mut Checker<'_>,
    name: &At<String>,
    arguments: &[ast::Operand],
    context: Option<Context<'_>>,
    span: Span,
) -> Checked<(Operand, Class)> {
    let Some(function) = FUNCTIONS.iter().find(|function| function.name == name.node) else {
        let nearest = nearest(&name.node, FUNCTIONS.iter().map(|function| function.name));
        return Err(FilterError::new(Kind::UnknownFunction { name: name.node.clone(), nearest }, name.span));
    };
    let call = Call { function, arguments, span };
    let number = Context { class: Class::Number, field: None, shown: "" };
    Ok(match function.kind {
        FunctionKind::TopicFilter => {
            let filter = TopicFilter::parse(call.text("a topic filter in quotes")?);
            let filter = filter.map_err(|kind| FilterError::new(kind, arguments[0].span))?;
            (Operand::TopicFilter(filter), Class::Boolean)
        }
        FunctionKind::Json => {
            let at = |kind| FilterError::new(kind, arguments[0].span);
            let text = call.text("a path in quotes, as \"$.temp\"")?;
            let text = std::str::from_utf8(text).map_err(|_| at(Kind::Path("it is UTF-8")))?;
            (Operand::Json(Path::parse(text).map_err(at)?), Class::Dynamic)
        }
        FunctionKind::Count => {
            let typed = call.one(checker, "a field", None, |_| true)?;
            if typed.field.is_none() && !matches!(typed.operand, Operand::Json(_)) {
                return Err(call.unfit("a field", &typed));
            }
            (Operand::Count(Box::new(typed.operand)), Class::Number)
        }
        FunctionKind::Length => {
            let takes = |class| matches!(class, Class::Text | Class::Bytes | Class::Dynamic);
            (Operand::Length(call.one(checker, "text or bytes", None, takes)?.boxed()), Class::Number)
        }
        FunctionKind::Upper | FunctionKind::Lower => {
            let text = Context { class: Class::Text, field: None, shown: "" };
            let takes = |class| matches!(class, Class::Text | Class::Bytes | Class::Dynamic);
            let typed = call.one(checker, "text", Some(text), takes)?;
            let upper = matches!(function.kind, FunctionKind::Upper);
            (if upper { Operand::Upper(typed.boxed()) } else { Operand::Lower(typed.boxed()) }, Class::Text)
        }
        FunctionKind::Absolute => {
            let takes = |class| matches!(class, Class::Number | Class::Duration | Class::Dynamic);
            let context = context.filter(|context| takes(context.class)).unwrap_or(number);
            let typed = call.one(checker, "a number", Some(context), takes)?;
            let class = typed.class;
            (Operand::Absolute(typed.boxed()), class)
        }
        FunctionKind::Shown => {
            let takes = |class| {
                !matches!(class, Class::Nothing | Class::Text | Class::Bytes | Class::Time | Class::Duration)
            };
            let typed = call.one(checker, "a number, an address or a truth value", None, takes)?;
            (Operand::Shown(typed.boxed()), Class::Text)
        }
        FunctionKind::Maximum | FunctionKind::Minimum => {
            let (operands, class) = call.several(checker, context.unwrap_or(number))?;
            let maximum = matches!(function.kind, FunctionKind::Maximum);
            (if maximum { Operand::Maximum(operands) } else { Operand::Minimum(operands) }, class)
        }
    })
}

struct Call<'a> {
    function: &'a Function,
    arguments: &'a [ast::Operand],
    span: Span,
}

impl Call<'_> {
    /// The text between the quotes of the only argument.
    fn text(&self, wanted: &'static str) -> Checked<&[u8]> {
        match self.only()?.node {
            OperandKind::Text(ref text) => Ok(text),
            _ => {
                let given = format!("{} is not in quotes", self.arguments[0]);
                let kind = Kind::ArgumentType { function: self.function.name, wanted, given };
                Err(FilterError::new(kind, self.arguments[0].span))
            }
        }
    }

    /// The only argument, of a class that the function takes.
    fn one(
        &self,
        checker: &mut Checker<'_>,
        wanted: &'static str,
        context: Option<Context<'_>>,
        takes: impl Fn(Class) -> bool,
    ) -> Checked<Typed> {
        let argument = self.only()?;
        let typed = checker.operand(argument, context)?;
        if takes(typed.class) { Ok(typed) } else { Err(self.unfit(wanted, &typed)) }
    }

    /// One or more arguments of one class; constants take the class of the first that is none.
    fn several(&self, checker: &mut Checker<'_>, context: Context<'_>) -> Checked<(Box<[Operand]>, Class)> {
        let Some(first) = self.arguments.iter().find(|a| !is_constant(a)).or(self.arguments.first()) else {
            return Err(self.miscounted("one value or more"));
        };
        let leader = checker.operand(first, Some(context))?;
        if leader.class == Class::Nothing {
            return Err(self.unfit("values", &leader));
        }
        let mut operands = Vec::with_capacity(self.arguments.len());
        for argument in self.arguments {
            let typed = checker.operand(argument, Some(leader.context()))?;
            if typed.class != leader.class {
                return Err(self.unfit("values of one type", &typed));
            }
            operands.push(typed.operand);
        }
        Ok((operands.into(), leader.class))
    }

    fn only(&self) -> Checked<&ast::Operand> {
        match self.arguments {
            [only] => Ok(only),
            _ => Err(self.miscounted("one value")),
        }
    }

    fn miscounted(&self, wanted: &'static str) -> FilterError {
        let kind = Kind::ArgumentCount { function: self.function.name, wanted, given: self.arguments.len() };
        FilterError::new(kind, self.span)
    }

    fn unfit(&self, wanted: &'static str, typed: &Typed) -> FilterError {
        let given = typed.shown.clone();
        FilterError::new(Kind::ArgumentType { function: self.function.name, wanted, given }, typed.span)
    }
}

impl Typed {
    fn boxed(self) -> Box<Operand> {
        Box::new(self.operand)
    }
}
