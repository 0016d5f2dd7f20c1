//! Parts of an expression that are variables, whose actual size is known.

use cel::{
    IdedExpr,
    common::ast::{Expr, LiteralValue, operators},
};
use serde_json::Value;

use super::{
    Bound, MAX_BYTES,
    part::{Elements, Linear, Part},
};
use crate::{
    budget::STEP,
    expression::path::Found,
    json::{NODE_BYTES, weight},
    scope::Root,
};

impl<'a> Bound<'_, 'a> {
    /// A value among the variables. Weighing it is work, too.
    pub(super) fn of_known(&self, found: Option<Found<'a>>) -> Part {
        let size = found.map_or(0, |found| found.weight_up_to(MAX_BYTES));
        Part {
            work: Linear::fixed(STEP + size / 8),
            ..Part::borrowed(Linear::fixed(size))
        }
    }

    pub(super) fn known_elements(&self, found: Found<'a>) -> Elements {
        let part = self.of_known(Some(found));
        match found {
            Found::Value(Value::Array(items)) => {
                let weights = items.iter().map(|item| weight(item, MAX_BYTES));
                Elements::of(part, weights)
            }
            Found::Root(fields) | Found::Value(Value::Object(fields)) => {
                let keys = fields.keys().map(|name| NODE_BYTES + name.len() as u64);
                let keys = Elements::of(part, keys);
                let copied = Part::made(part, Linear::fixed(keys.total));
                Elements {
                    part: copied,
                    ..keys
                }
            }
            Found::Value(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                Elements::of(part, std::iter::empty())
            }
        }
    }

    /// The variable that a path of names leads to: `Some(None)` if it leads nowhere.
    pub(super) fn known(&self, expr: &IdedExpr) -> Option<Option<Found<'a>>> {
        match &expr.expr {
            Expr::Ident(name) => {
                Root::parse(name).map(|root| Some(Found::Root(self.scope.get(root))))
            }
            Expr::Select(select) => {
                let whole = self.known(&select.operand)?;
                Some(whole.and_then(|whole| whole.member(&select.field).ok()))
            }
            Expr::Call(call) => match call.args.as_slice() {
                [container, index] if call.func_name == operators::INDEX => {
                    let whole = self.known(container)?;
                    let Expr::Literal(index) = &index.expr else {
                        return None;
                    };
                    whole.map_or(Some(None), |whole| element(whole, index).map(Some))
                }
                _ => None,
            },
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => None,
        }
    }
}

fn element<'a>(whole: Found<'a>, index: &LiteralValue) -> Option<Found<'a>> {
    match (whole, index) {
        (whole, LiteralValue::String(name)) => whole.member(name.inner()).ok(),
        (Found::Value(Value::Array(items)), LiteralValue::Int(index)) => {
            let index = usize::try_from(*index.inner()).ok()?;
            items.get(index).map(Found::Value)
        }
        (Found::Root(_) | Found::Value(_), _) => None,
    }
}
