//! What a filter can say of a packet that has not been read, and what it asks for.

use super::catalogue::Field;
use super::tree::{Node, Operand};
use crate::fields::RowFacts;

impl Node {
    /// The answer, where what the index knows suffices for it.
    pub(super) fn of_row(&self, facts: &RowFacts<'_>) -> Option<bool> {
        match self {
            Node::Or(nodes) => first_of(nodes, true, facts),
            Node::And(nodes) => first_of(nodes, false, facts),
            Node::Xor(nodes) => {
                nodes.iter().try_fold(false, |odd, node| node.of_row(facts).map(|answer| odd ^ answer))
            }
            Node::Not(node) => node.of_row(facts).map(|answer| !answer),
            leaf => leaf.operands(&mut |operand| operand.is_told_by(facts)).then(|| leaf.matches(facts)),
        }
    }

    /// Gives `each` the fields that are asked for, some of them more than once.
    pub(super) fn fields(&self, each: &mut dyn FnMut(Field)) {
        self.operands(&mut |operand| operand.fields(each));
    }

    /// Whether topics or payloads are asked for beside fields.
    pub(super) fn asks_for_message(&self) -> bool {
        !self.operands(&mut |operand| !operand.asks_for_message())
    }

    /// Whether `test` holds for all operands.
    fn operands(&self, test: &mut dyn FnMut(&Operand) -> bool) -> bool {
        match self {
            Node::Always => true,
            Node::Or(nodes) | Node::And(nodes) | Node::Xor(nodes) => {
                nodes.iter().all(|node| node.operands(test))
            }
            Node::Not(node) => node.operands(test),
            Node::Exists(operand)
            | Node::NonZero(operand)
            | Node::Contains { operand, .. }
            | Node::Matches { operand, .. } => test(operand),
            Node::Relation { left, right, .. } => test(left) && test(right),
            Node::Member { operand, set, .. } => {
                test(operand)
                    && set.iter().all(|(low, high)| test(low) && high.as_ref().is_none_or(&mut *test))
            }
        }
    }
}

/// The answer of nodes of which one with the answer `decisive` decides for all.
fn first_of(nodes: &[Node], decisive: bool, facts: &RowFacts<'_>) -> Option<bool> {
    let mut all = Some(!decisive);
    for node in nodes {
        match node.of_row(facts) {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

impl Operand {
    /// Whether the index alone tells all its values.
    fn is_told_by(&self, facts: &RowFacts<'_>) -> bool {
        match self {
            Operand::Json(_) | Operand::TopicFilter(_) => !facts.is_publish(),
            operand => {
                operand.children(&mut |child| child.is_told_by(facts))
                    && operand.own_field().is_none_or(|field| facts.tells(field))
            }
        }
    }

    /// Gives `each` its fields. True: there may be more elsewhere.
    fn fields(&self, each: &mut dyn FnMut(Field)) -> bool {
        self.own_field().into_iter().for_each(&mut *each);
        self.children(&mut |child| child.fields(each))
    }

    fn asks_for_message(&self) -> bool {
        matches!(self, Operand::Json(_) | Operand::TopicFilter(_))
            || !self.children(&mut |child| !child.asks_for_message())
    }

    fn own_field(&self) -> Option<Field> {
        match self {
            Operand::Field(field) => Some(*field),
            _ => None,
        }
    }

    /// Whether `test` holds for all operands directly in it.
    fn children(&self, test: &mut dyn FnMut(&Operand) -> bool) -> bool {
        match self {
            Operand::Field(_)
            | Operand::NoLayer
            | Operand::Constant(_)
            | Operand::Json(_)
            | Operand::TopicFilter(_) => true,
            Operand::Slice(of, _)
            | Operand::Length(of)
            | Operand::Count(of)
            | Operand::Upper(of)
            | Operand::Lower(of)
            | Operand::Shown(of)
            | Operand::Absolute(of)
            | Operand::Negative(of) => test(of),
            Operand::Maximum(operands) | Operand::Minimum(operands) => operands.iter().all(test),
            Operand::Arithmetic(_, sides) => test(&sides.0) && test(&sides.1),
        }
    }
}
