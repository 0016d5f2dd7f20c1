//! What operators and functions cost.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, Expr, LiteralValue, operators},
};

use super::{
    Bound,
    part::{Linear, Part},
};
use crate::{budget::STEP, expression::functions, json::NODE_BYTES};

/// What a pattern may cost at each call, and for each byte of the text: its compiled form is
/// limited, and at worst all of its states are tried at each byte.
const ANY_PATTERN_WORK: u64 = 1_000_000;
const ANY_PATTERN_WORK_PER_BYTE: u64 = 4_000;
/// The longest text that a number, time or duration is converted to.
const SHORT_TEXT_BYTES: u64 = 512;

impl<'s> Bound<'s, '_> {
    /// The bound of a call; none when it is over the limit already.
    pub(super) fn of_call(&self, expr: &'s IdedExpr, call: &'s CallExpr) -> Option<Part> {
        if let Some(found) = self.known(expr) {
            return Some(self.of_known(found));
        }
        let target = call
            .target
            .iter()
            .map(AsRef::as_ref)
            .filter(|_| !functions::is_optional_constructor(call));
        let args = target
            .chain(&call.args)
            .map(|arg| self.of(arg))
            .collect::<Option<Vec<_>>>()?;
        let parts = args.iter().fold(Part::default(), |sum, arg| sum.and(*arg));
        let scalar = Linear::fixed(NODE_BYTES);
        let name = call.func_name.as_str();
        Some(match name {
            operators::INDEX => member(parts, true),
            operators::CONDITIONAL => {
                let size = args.iter().skip(1).map(|arg| arg.size);
                let size = size.fold(Linear::default(), Linear::max);
                Part { size, ..parts }
            }
            operators::ADD => Part {
                count: args.iter().map(|arg| arg.count).sum(),
                ..Part::made(parts, parts.size)
            },
            functions::MATCHES => {
                let made = Part::made(parts, scalar);
                let (compiling, per_byte) = pattern_work(call);
                let matching = parts.size.times(per_byte).plus(Linear::fixed(compiling));
                Part {
                    work: made.work.plus(matching),
                    ..made
                }
            }
            // The error of an operator holds copies of both operands.
            name if is_fallible_operator(name) => Part {
                size: scalar,
                ..Part::made(parts, parts.size.plus(scalar))
            },
            name if gives_a_scalar(name) => Part::made(parts, scalar),
            // Conversions and optionals: a copy, or a text that is short.
            _ => Part::made(parts, parts.size.plus(Linear::fixed(SHORT_TEXT_BYTES))),
        })
    }
}

/// A member of a value is at most as large as the whole. Of an optional it is a copy.
pub(super) fn member(whole: Part, copied: bool) -> Part {
    let copy = if copied {
        whole.size
    } else {
        Linear::default()
    };
    Part {
        // Resolving a path of names joins all of them again at each level.
        work: whole.work.plus(copy).plus(Linear::fixed(4 * STEP)),
        held: whole.held.plus(copy),
        count: None,
        ..whole
    }
}

/// The work of compiling a pattern, and of matching one byte with it. A literal without counted
/// repetitions has about as many states as characters.
fn pattern_work(call: &CallExpr) -> (u64, u64) {
    let pattern = call.args.last().map(|pattern| &pattern.expr);
    if let Some(Expr::Literal(LiteralValue::String(pattern))) = pattern
        && !pattern.inner().contains('{')
    {
        let length = pattern.inner().len() as u64;
        return (20_000 + 10_000 * length, 10 * length);
    }
    (ANY_PATTERN_WORK, ANY_PATTERN_WORK_PER_BYTE)
}

pub(super) fn literal_size(literal: &LiteralValue) -> u64 {
    let text = match literal {
        LiteralValue::String(text) => text.inner().len(),
        LiteralValue::Bytes(bytes) => bytes.inner().len(),
        LiteralValue::Boolean(_)
        | LiteralValue::Double(_)
        | LiteralValue::Int(_)
        | LiteralValue::Null
        | LiteralValue::UInt(_) => 0,
    };
    NODE_BYTES + text as u64
}

fn is_fallible_operator(name: &str) -> bool {
    matches!(
        name,
        operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
    )
}

/// Whether the value is a number, a boolean or the like, whatever the operands are.
fn gives_a_scalar(name: &str) -> bool {
    matches!(
        name,
        operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::NOT_STRICTLY_FALSE
            | operators::EQUALS
            | operators::NOT_EQUALS
            | operators::NEGATE
            | operators::IN
            | "bool"
            | "contains"
            | "double"
            | "endsWith"
            | "hasValue"
            | "int"
            | "size"
            | "startsWith"
            | "uint"
    )
}
