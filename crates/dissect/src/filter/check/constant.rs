//! Constants: what a literal means beside an operand, and what is wrong with one that means nothing there.

use super::super::catalogue::Field;
use super::super::error::{FilterError, FilterErrorKind as Kind, Span, nearest};
use super::super::literal::{Literal, example};
use super::super::value::Constant;
use super::{Checked, Checker, Class, Context, Operand, Typed, is_like_a_field};

impl Checker<'_> {
    /// A constant of the class its context wants.
    pub(super) fn literal(
        &mut self,
        literal: Literal<'_>,
        context: Option<Context<'_>>,
        span: Span,
    ) -> Checked<Typed> {
        let fail = |kind| Err(FilterError::new(kind, span));
        let Some(context) = context else {
            return fail(Kind::ConstantTest(literal.shown()));
        };
        let typed = |constant: Constant| {
            let shown = format!("{} is {}", literal.shown(), context.class.shown());
            Typed { operand: Operand::Constant(constant), class: context.class, field: None, shown, span }
        };
        let Some(constant) = literal.constant(context.class) else {
            return match self.name(literal, context, span)? {
                Some(number) => Ok(typed(Constant::Number(number.into()))),
                None => match literal {
                    Literal::Word(word) if is_like_a_field(word) => Err(self.no_field(word, span)),
                    _ => fail(mismatch(literal, context)),
                },
            };
        };
        match (&constant, context.field) {
            (Constant::Number(number), Some(field)) => {
                if let Some(maximum) = field.maximum().filter(|maximum| *number > i128::from(*maximum)) {
                    let field = field.name().to_owned();
                    return fail(Kind::TooBig { literal: literal.shown(), field, maximum });
                }
            }
            (Constant::Bytes(bytes), Some(field)) if field.is_ether() && bytes.len() != 6 => {
                let wanted = "a hardware address of six bytes, as 02:00:5e:10:00:01".to_owned();
                return fail(Kind::Literal { literal: literal.shown(), wanted });
            }
            _ => {}
        }
        Ok(typed(constant))
    }

    /// The number behind the name of one of the field's values.
    fn name(&mut self, literal: Literal<'_>, context: Context<'_>, span: Span) -> Checked<Option<u64>> {
        let Some(field) = context.field.filter(|field| field.value_names().next().is_some()) else {
            return Ok(None);
        };
        let name = match literal {
            Literal::Word(word) => word.to_owned(),
            Literal::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Literal::Character(_) => return Ok(None),
        };
        match named_value(field, &name) {
            Some(number) => Ok(Some(number)),
            None if is_like_a_field(&name) => Ok(None),
            None => match nearest(&name, field.value_names().map(|(_, name)| name)) {
                None => Ok(None),
                nearest => {
                    let field = format!("{} ({})", field.name(), field.type_name());
                    Err(FilterError::new(Kind::UnknownValue { field, name, nearest }, span))
                }
            },
        }
    }
}

/// The number whose name `name` is: letter by letter, or without regard to what is not a letter or digit.
pub(super) fn named_value(field: Field, name: &str) -> Option<u64> {
    let bare = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let exact = field.value_names().find(|(_, known)| known.eq_ignore_ascii_case(name));
    let wanted = bare(name);
    exact.or_else(|| field.value_names().find(|(_, known)| bare(known) == wanted)).map(|(number, _)| number)
}

fn mismatch(literal: Literal<'_>, context: Context<'_>) -> Kind {
    match (literal, context.class) {
        (Literal::Text(_), Class::Number) => {
            Kind::Incompatible { left: context.shown.to_owned(), right: literal.shown() }
        }
        _ => Kind::Literal { literal: literal.shown(), wanted: example(context.class).to_owned() },
    }
}
