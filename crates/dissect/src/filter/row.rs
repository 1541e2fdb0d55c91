//! What a filter can say of a packet that has not been read.

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

    /// Whether an operand's values are only known once later packets have been read.
    pub(super) fn looks_ahead(&self) -> bool {
        match self {
            Node::Or(nodes) | Node::And(nodes) | Node::Xor(nodes) => nodes.iter().any(Node::looks_ahead),
            Node::Not(node) => node.looks_ahead(),
            leaf => !leaf.operands(&mut |operand| operand.fields(&mut |field| !field.looks_ahead())),
        }
    }

    /// Whether `test` holds for all operands of a node that joins no others.
    fn operands(&self, test: &mut dyn FnMut(&Operand) -> bool) -> bool {
        match self {
            Node::Always | Node::Or(_) | Node::And(_) | Node::Xor(_) | Node::Not(_) => true,
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

    /// Whether `test` holds for all fields in it.
    fn fields(&self, test: &mut dyn FnMut(Field) -> bool) -> bool {
        self.own_field().is_none_or(&mut *test) && self.children(&mut |child| child.fields(test))
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
