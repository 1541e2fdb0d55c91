//! From what a filter says to what it means: names become fields, words become values of the type they are compared
//! with, regular expressions are compiled. After this nothing can go wrong.

mod constant;

use constant::named_value;
use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use super::ast::{self, At, OperandKind, Operator, Quantifier, SetItem, TestKind};
use super::catalogue::{self, Field};
use super::error::{FilterError, FilterErrorKind as Kind, Span, Warning, nearest};
use super::literal::Literal;
use super::value::{Constant, Value};
use super::{arithmetic, function};

pub(super) use super::tree::{Comparison, Node, Operand};

/// Fields and values of one class can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Number,
    Boolean,
    Text,
    Bytes,
    Ipv4,
    Ipv6,
    Time,
    Duration,
    /// Only the payload tells: a number, text, true or false, null.
    Dynamic,
    /// There or not, without a value.
    Nothing,
}

impl Class {
    /// With its article.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Class::Number => "a number",
            Class::Boolean => "true or false",
            Class::Text => "text",
            Class::Bytes => "a byte sequence",
            Class::Ipv4 => "an IPv4 address",
            Class::Ipv6 => "an IPv6 address",
            Class::Time => "a time",
            Class::Duration => "a span of time",
            Class::Dynamic => "a JSON value",
            Class::Nothing => "a heading",
        }
    }
}

pub(super) type Checked<T> = Result<T, FilterError>;

/// The meaning of a filter, and what to warn of.
///
/// # Errors
/// Unknown names; operands that do not go together.
pub(super) fn check(test: &ast::Test, warnings: &mut Vec<Warning>) -> Checked<Node> {
    Checker { warnings }.test(test)
}

pub(super) struct Checker<'a> {
    warnings: &'a mut Vec<Warning>,
}

/// An operand with what messages and constants beside it need to know.
pub(super) struct Typed {
    pub(super) operand: Operand,
    pub(super) class: Class,
    /// Set when the operand is a field and nothing else.
    pub(super) field: Option<Field>,
    /// `mqtt.qos is a number (UINT8)`.
    pub(super) shown: String,
    pub(super) span: Span,
}

impl Typed {
    pub(super) fn context(&self) -> Context<'_> {
        Context { class: self.class, field: self.field, shown: &self.shown }
    }
}

/// What a constant stands beside.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) class: Class,
    pub(super) field: Option<Field>,
    pub(super) shown: &'a str,
}

impl Checker<'_> {
    fn test(&mut self, test: &ast::Test) -> Checked<Node> {
        Ok(match &test.node {
            TestKind::Or(tests) => Node::Or(self.tests(tests)?),
            TestKind::Xor(tests) => Node::Xor(self.tests(tests)?),
            TestKind::And(tests) => Node::And(self.tests(tests)?),
            TestKind::Not(test) => Node::Not(Box::new(self.test(test)?)),
            TestKind::Truth(operand) => self.truth(operand)?,
            TestKind::Relation { quantifier, first, rest } => {
                let mut left = first;
                let mut relations = Vec::with_capacity(rest.len());
                for (operator, right) in rest {
                    relations.push(self.relation(*quantifier, left, operator, right)?);
                    left = right;
                }
                match relations.pop() {
                    Some(only) if relations.is_empty() => only,
                    last => Node::And(relations.into_iter().chain(last).collect()),
                }
            }
            TestKind::Member { quantifier, operand, negated, set } => {
                let member = self.member(*quantifier, operand, set)?;
                if *negated { Node::Not(Box::new(member)) } else { member }
            }
        })
    }

    fn tests(&mut self, tests: &[ast::Test]) -> Checked<Box<[Node]>> {
        tests.iter().map(|test| self.test(test)).collect()
    }

    /// An operand in the place of a test.
    fn truth(&mut self, operand: &ast::Operand) -> Checked<Node> {
        if let OperandKind::Word(word) = &operand.node
            && catalogue::find(field_name(word)).is_none()
        {
            return Err(self.no_field(word, operand.span));
        }
        if is_constant(operand) {
            return Err(FilterError::new(Kind::ConstantTest(operand.to_string()), operand.span));
        }
        let typed = self.operand(operand, None)?;
        Ok(match typed.operand {
            Operand::TopicFilter(_) | Operand::Arithmetic(..) | Operand::Negative(_) => {
                Node::NonZero(typed.operand)
            }
            operand @ (Operand::Field(_) | Operand::NoLayer | Operand::Json(_) | Operand::Slice(..)) => {
                Node::Exists(operand)
            }
            _ => {
                let name = match &operand.node {
                    OperandKind::Call { function, .. } => format!("{}()", function.node),
                    _ => operand.to_string(),
                };
                return Err(FilterError::new(Kind::FunctionAlone(name), operand.span));
            }
        })
    }

    fn relation(
        &mut self,
        quantifier: Option<Quantifier>,
        left: &ast::Operand,
        operator: &At<Operator>,
        right: &ast::Operand,
    ) -> Checked<Node> {
        if is_constant(left) && is_constant(right) {
            return Err(self.constant_relation(left));
        }
        let (comparison, usual) = match operator.node {
            Operator::Equal => (Comparison::Equal, Quantifier::Any),
            Operator::NotEqual => (Comparison::NotEqual, Quantifier::All),
            Operator::AllEqual => (Comparison::Equal, Quantifier::All),
            Operator::AnyNotEqual => (Comparison::NotEqual, Quantifier::Any),
            Operator::Greater => (Comparison::Greater, Quantifier::Any),
            Operator::Less => (Comparison::Less, Quantifier::Any),
            Operator::GreaterOrEqual => (Comparison::GreaterOrEqual, Quantifier::Any),
            Operator::LessOrEqual => (Comparison::LessOrEqual, Quantifier::Any),
            Operator::Contains | Operator::Matches => {
                return self.search(quantifier == Some(Quantifier::All), left, operator.node, right);
            }
        };
        let all = quantifier.unwrap_or(usual) == Quantifier::All;
        let (left, right) = if is_constant(left) {
            let right = self.valued(right, None)?;
            let left = self.valued(left, Some(right.context()))?;
            (left, right)
        } else {
            let left = self.valued(left, None)?;
            let right = self.valued(right, Some(left.context()))?;
            (left, right)
        };
        if !comparable(left.class, right.class) {
            let right_shown = right.shown.replacen(" is ", ", ", 1);
            let kind = Kind::Incompatible { left: left.shown, right: right_shown };
            return Err(FilterError::new(kind, right.span));
        }
        Ok(Node::Relation { all, comparison, left: left.operand, right: right.operand })
    }

    /// `contains` and `matches`.
    fn search(
        &mut self,
        all: bool,
        left: &ast::Operand,
        operator: Operator,
        right: &ast::Operand,
    ) -> Checked<Node> {
        if is_constant(left) {
            return Err(self.constant_relation(left));
        }
        let left = self.operand(left, None)?;
        if !matches!(left.class, Class::Text | Class::Bytes | Class::Dynamic) {
            let kind = Kind::Operator { operator: operator.sign(), operand: left.shown };
            return Err(FilterError::new(kind, left.span));
        }
        if operator == Operator::Matches {
            let OperandKind::Text(pattern) = &right.node else {
                return Err(FilterError::new(Kind::MatchesWantsText, right.span));
            };
            let regex = regex(pattern, left.class).map_err(|kind| FilterError::new(kind, right.span))?;
            return Ok(Node::Matches { all, operand: left.operand, regex: Box::new(regex) });
        }
        let class = if left.class == Class::Dynamic { Class::Text } else { left.class };
        let right = self.operand(right, Some(Context { class, field: None, shown: &left.shown }))?;
        match (right.class, right.operand) {
            (Class::Text | Class::Bytes, Operand::Constant(Constant::Text(part) | Constant::Bytes(part))) => {
                let finder = Box::new(Finder::new(&part).into_owned());
                Ok(Node::Contains { all, operand: left.operand, finder })
            }
            (Class::Text | Class::Bytes | Class::Dynamic, operand) => Ok(Node::Relation {
                all,
                comparison: Comparison::Contains,
                left: left.operand,
                right: operand,
            }),
            _ => Err(FilterError::new(
                Kind::Operator { operator: "contains", operand: right.shown },
                right.span,
            )),
        }
    }

    fn member(
        &mut self,
        quantifier: Option<Quantifier>,
        operand: &ast::Operand,
        items: &[SetItem],
    ) -> Checked<Node> {
        if is_constant(operand) {
            return Err(self.constant_relation(operand));
        }
        let typed = self.valued(operand, None)?;
        let mut set = Vec::with_capacity(items.len());
        for SetItem { low, high } in items {
            let mut item = |operand: &ast::Operand| {
                let item = self.operand(operand, Some(typed.context()))?;
                if !comparable(typed.class, item.class) {
                    let kind = Kind::Incompatible { left: typed.shown.clone(), right: item.shown };
                    return Err(FilterError::new(kind, item.span));
                }
                Ok(item.operand)
            };
            set.push((item(low)?, high.as_ref().map(item).transpose()?));
        }
        Ok(Node::Member { all: quantifier == Some(Quantifier::All), operand: typed.operand, set: set.into() })
    }

    /// An operand that has values.
    fn valued(&mut self, operand: &ast::Operand, context: Option<Context<'_>>) -> Checked<Typed> {
        let typed = self.operand(operand, context)?;
        if typed.class == Class::Nothing {
            return Err(FilterError::new(Kind::NoValue { operand: typed.shown }, typed.span));
        }
        Ok(typed)
    }

    /// `context`: what the operand stands beside, which says what a constant means.
    pub(super) fn operand(&mut self, operand: &ast::Operand, context: Option<Context<'_>>) -> Checked<Typed> {
        let span = operand.span;
        match &operand.node {
            OperandKind::Word(word) => self.word(word, context, span),
            OperandKind::Text(text) => self.literal(Literal::Text(text), context, span),
            OperandKind::Character(byte) => self.literal(Literal::Character(*byte), context, span),
            OperandKind::Call { function, arguments } => {
                let (checked, class) = function::check(self, function, arguments, context, span)?;
                let shown = format!("{}() is {}", function.node, class.shown());
                Ok(Typed { operand: checked, class, field: None, shown, span })
            }
            OperandKind::Slice { of, ranges } => {
                let of = self.operand(of, None)?;
                if !matches!(of.class, Class::Text | Class::Bytes | Class::Ipv4 | Class::Ipv6) {
                    return Err(FilterError::new(Kind::Slice { operand: of.shown }, of.span));
                }
                let checked = Operand::Slice(Box::new(of.operand), ranges.as_slice().into());
                let shown = format!("{operand} is {}", Class::Bytes.shown());
                Ok(Typed { operand: checked, class: Class::Bytes, field: None, shown, span })
            }
            OperandKind::Layer { of, layers } => {
                let OperandKind::Word(word) = &of.node else {
                    return Err(FilterError::new(Kind::LayerOfNoField, of.span));
                };
                let Some(field) = catalogue::find(field_name(word)) else {
                    return Err(self.no_field(word, of.span));
                };
                let first = layers.iter().any(|range| range.first == 1);
                let mut typed = typed_field(field, span);
                if !first {
                    typed.operand = Operand::NoLayer;
                }
                Ok(typed)
            }
            OperandKind::Negative(of) => {
                let of = self.operand(of, context)?;
                if !matches!(of.class, Class::Number | Class::Duration | Class::Dynamic) {
                    return Err(FilterError::new(
                        Kind::Operator { operator: "-", operand: of.shown },
                        of.span,
                    ));
                }
                let Typed { operand: inner, class, .. } = of;
                let checked = match &inner {
                    Operand::Constant(constant) => folded(arithmetic::negative(constant.value()), span)?,
                    _ => Operand::Negative(Box::new(inner)),
                };
                let shown = format!("{operand} is {}", class.shown());
                Ok(Typed { operand: checked, class, field: None, shown, span })
            }
            OperandKind::Arithmetic { operator, left, right } => {
                self.arithmetic(operand, operator.node, left, right, context)
            }
        }
    }

    fn word(&mut self, word: &str, context: Option<Context<'_>>, span: Span) -> Checked<Typed> {
        if let Some(field) = catalogue::find(field_name(word)) {
            // A field's name can also be the name of a value: `mqtt.payload_kind == json`.
            let named =
                context.and_then(|context| context.field).and_then(|beside| named_value(beside, word));
            if named.is_none() || word.contains('.') {
                return Ok(typed_field(field, span));
            }
        }
        if function::is_known(word) && !matches!(context, Some(Context { class: Class::Text, .. })) {
            return Err(FilterError::new(Kind::FunctionWithoutArguments(word.to_owned()), span));
        }
        if word.strip_prefix('.').is_some_and(|name| name.starts_with(char::is_alphabetic)) {
            return Err(self.no_field(word, span));
        }
        let typed = self.literal(Literal::Word(word), context, span)?;
        if is_like_a_field(word) && matches!(typed.class, Class::Text | Class::Dynamic) {
            let message = format!("{word} is no field and is taken as text; quote it to say so");
            self.warnings.push(Warning { message, span });
        }
        Ok(typed)
    }

    fn arithmetic(
        &mut self,
        whole: &ast::Operand,
        operator: ast::Arithmetic,
        left: &ast::Operand,
        right: &ast::Operand,
        context: Option<Context<'_>>,
    ) -> Checked<Typed> {
        let beside = |typed: &Typed| arithmetic::constant_class(operator, typed.class);
        let (left, right) = match (is_constant(left), is_constant(right)) {
            (true, true) => (self.operand(left, context)?, self.operand(right, context)?),
            (true, false) => {
                let right = self.operand(right, context)?;
                let context = Context { class: beside(&right), field: None, shown: &right.shown };
                (self.operand(left, Some(context))?, right)
            }
            (false, _) => {
                let left = self.operand(left, context)?;
                let context = Context { class: beside(&left), field: None, shown: &left.shown };
                let right = self.operand(right, Some(context))?;
                (left, right)
            }
        };
        let Some(class) = arithmetic::class(operator, left.class, right.class) else {
            let takes =
                |class| !matches!(class, Class::Boolean | Class::Text | Class::Bytes | Class::Nothing);
            let culprit = if takes(left.class) { right } else { left };
            let kind = Kind::Operator { operator: operator.sign(), operand: culprit.shown };
            return Err(FilterError::new(kind, culprit.span));
        };
        let divides = matches!(operator, ast::Arithmetic::Divide | ast::Arithmetic::Modulo);
        if divides && matches!(&right.operand, Operand::Constant(zero) if !zero.value().is_nonzero()) {
            return Err(FilterError::new(Kind::DivisionByZero, right.span));
        }
        let operand = match (left.operand, right.operand) {
            (Operand::Constant(left), Operand::Constant(right)) => {
                folded(arithmetic::apply(operator, left.value(), right.value()), whole.span)?
            }
            (left, right) => Operand::Arithmetic(operator, Box::new((left, right))),
        };
        let shown = format!("{whole} is {}", class.shown());
        Ok(Typed { operand, class, field: None, shown, span: whole.span })
    }

    fn no_field(&self, word: &str, span: Span) -> FilterError {
        let name = field_name(word);
        if function::is_known(name) {
            return FilterError::new(Kind::FunctionWithoutArguments(name.to_owned()), span);
        }
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return FilterError::new(Kind::ConstantTest(name.to_owned()), span);
        }
        let nearest = nearest(name, catalogue::names());
        FilterError::new(Kind::UnknownField { name: name.to_owned(), nearest }, span)
    }

    /// Both sides are constants; most often the left one should have been a field.
    fn constant_relation(&self, left: &ast::Operand) -> FilterError {
        match &left.node {
            OperandKind::Word(word) => self.no_field(word, left.span),
            _ => FilterError::new(Kind::ConstantTest(left.to_string()), left.span),
        }
    }
}

pub(super) fn typed_field(field: Field, span: Span) -> Typed {
    let class = field.class();
    let shown = format!("{} is {} ({})", field.name(), class.shown(), field.type_name());
    Typed { operand: Operand::Field(field), class, field: Some(field), shown, span }
}

/// A field may be written with a dot before it, which no value has.
pub(super) fn field_name(word: &str) -> &str {
    word.strip_prefix('.').unwrap_or(word)
}

/// Whether there is no field in it.
pub(super) fn is_constant(operand: &ast::Operand) -> bool {
    match &operand.node {
        OperandKind::Word(word) => catalogue::find(field_name(word)).is_none(),
        OperandKind::Text(_) | OperandKind::Character(_) => true,
        OperandKind::Call { function, arguments } => {
            !function.node.contains('.') && !arguments.is_empty() && arguments.iter().all(is_constant)
        }
        OperandKind::Slice { of, .. } | OperandKind::Layer { of, .. } | OperandKind::Negative(of) => {
            is_constant(of)
        }
        OperandKind::Arithmetic { left, right, .. } => is_constant(left) && is_constant(right),
    }
}

pub(super) fn is_like_a_field(word: &str) -> bool {
    word.split_once('.').is_some_and(|(protocol, _)| catalogue::find(protocol).is_some())
}

fn comparable(left: Class, right: Class) -> bool {
    let bytes = |class| matches!(class, Class::Text | Class::Bytes);
    left == right || left == Class::Dynamic || right == Class::Dynamic || (bytes(left) && bytes(right))
}

/// A constant that was computed while checking.
pub(super) fn folded(value: Option<Value<'_>>, span: Span) -> Checked<Operand> {
    let constant = value.and_then(Value::constant);
    constant.map(Operand::Constant).ok_or_else(|| FilterError::new(Kind::Overflow, span))
}

/// Case is ignored, as in Wireshark. Text is matched by characters, byte sequences by bytes.
fn regex(pattern: &[u8], class: Class) -> Result<Regex, Kind> {
    const SIZE_LIMIT: usize = 1 << 20;
    let pattern = std::str::from_utf8(pattern).map_err(|_| Kind::Regex("it is not UTF-8".to_owned()))?;
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .unicode(class != Class::Bytes)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            Kind::Regex(last.trim_start_matches("error: ").to_owned())
        })
}
