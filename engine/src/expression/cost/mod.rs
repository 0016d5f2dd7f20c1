//! An upper bound of what an evaluation costs, from the syntax tree and the actual sizes of the
//! variables, before anything is evaluated.
//!
//! CEL has no loops but the comprehensions over a list, and these are never nested (`check`). So
//! inside a body every cost is linear in the weight of the item, and the sum over all items
//! follows from their number and total weight, without looking at each body again. Everything is
//! counted as if no operator stopped early.

mod calls;
mod known;
mod part;

use cel::{
    IdedExpr,
    common::ast::{ComprehensionExpr, EntryExpr, Expr},
};

use super::{
    check::{Checked, Fields},
    functions,
};
use crate::{
    budget::STEP,
    json::{NODE_BYTES, object_weight, weight},
    scope::{Root, Scope},
};
use calls::{literal_size, member};
use part::{Elements, Linear, Part};

const MAX_WORK: u64 = 1_000_000 * STEP;
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The work of an expression with these variables at most; an error if that, or the memory for
/// the variables, the values on the way and the result together, is too much.
pub(super) fn bound(checked: &Checked, scope: &Scope<'_>) -> Result<u64, String> {
    let too_expensive = || {
        "it could take more than 1,000,000 steps or 16 MiB with these values; \
         let an action do it"
            .to_owned()
    };
    let bound = || {
        let bound = Bound { scope, item: None };
        let variables = bound.variables(checked);
        within(variables, variables)?;
        let whole = bound.of(&checked.ast)?;
        // The result is copied once more, to JSON.
        let copied = variables.saturating_add(whole.size.fixed);
        let work = whole.work.fixed.saturating_add(copied);
        let bytes = whole.held.fixed.saturating_add(copied);
        within(work, bytes)?;
        Some(work)
    };
    bound().ok_or_else(too_expensive)
}

fn within(work: u64, bytes: u64) -> Option<()> {
    (work <= MAX_WORK && bytes <= MAX_BYTES).then_some(())
}

struct Bound<'s, 'a> {
    scope: &'s Scope<'a>,
    item: Option<&'s str>,
}

impl<'s, 'a> Bound<'s, 'a> {
    /// The weight of what is handed to CEL.
    fn variables(&self, checked: &Checked) -> u64 {
        let of_root = |(root, fields): (&Root, &Fields)| {
            let object = self.scope.get(*root);
            match fields {
                Fields::All => object_weight(object, MAX_BYTES),
                Fields::Named(names) => names
                    .iter()
                    .filter_map(|name| object.get(name))
                    .map(|value| NODE_BYTES + weight(value, MAX_BYTES))
                    .sum(),
            }
        };
        checked.reads.iter().map(of_root).sum()
    }

    /// The bound of a part; none when it is over the limit already.
    fn of(&self, expr: &'s IdedExpr) -> Option<Part> {
        let part = match &expr.expr {
            Expr::Unspecified | Expr::Struct(_) => Part::default(),
            Expr::Literal(literal) => Part::borrowed(Linear::fixed(literal_size(literal))),
            Expr::Ident(name) => self.of_name(expr, name),
            Expr::Select(select) => match self.known(expr) {
                Some(found) => self.of_known(found),
                None => member(self.of(&select.operand)?, is_call(&select.operand)),
            },
            Expr::Call(call) => self.of_call(expr, call)?,
            Expr::List(list) => {
                let parts = self.all(list.elements.iter())?;
                let count = list.elements.len() as u64;
                let size = parts.size.plus(Linear::fixed(NODE_BYTES));
                Part {
                    count: Some(count),
                    ..Part::made(parts, size)
                }
            }
            Expr::Map(map) => {
                let parts = self.all(
                    map.entries
                        .iter()
                        .flat_map(|entry| entry_parts(&entry.expr)),
                )?;
                let count = map.entries.len() as u64;
                let size = parts.size.plus(Linear::fixed(NODE_BYTES * (count + 1)));
                Part {
                    count: Some(count),
                    ..Part::made(parts, size)
                }
            }
            Expr::Comprehension(comprehension) => self.of_comprehension(comprehension)?,
        };
        within(part.work.fixed, part.held.fixed)?;
        Some(part)
    }

    /// All parts, one after the other.
    fn all(&self, parts: impl Iterator<Item = &'s IdedExpr>) -> Option<Part> {
        let mut sum = Part::default();
        for part in parts {
            sum = sum.and(self.of(part)?);
            within(sum.work.fixed, sum.held.fixed)?;
        }
        Some(sum)
    }

    fn of_name(&self, expr: &IdedExpr, name: &str) -> Part {
        if self.item == Some(name) {
            return Part::borrowed(Linear {
                fixed: 0,
                per_item: 1,
            });
        }
        match self.known(expr) {
            Some(found) => self.of_known(found),
            // The name of a type, or the accumulator, which is a scalar or never copied.
            None => Part::borrowed(Linear::fixed(NODE_BYTES)),
        }
    }

    fn of_comprehension(&self, comprehension: &'s ComprehensionExpr) -> Option<Part> {
        let elements = self.elements(&comprehension.iter_range)?;
        let body = Bound {
            scope: self.scope,
            item: Some(&comprehension.iter_var),
        };
        let step = body.of(&comprehension.loop_step)?;
        let turn = body.of(&comprehension.loop_cond)?.and(step);
        // Each turn binds a copy of the item.
        let overhead = Linear {
            fixed: 4 * STEP,
            per_item: 1,
        };
        let work = turn
            .work
            .plus(overhead)
            .over(elements.count, elements.total);
        let collects = collects(comprehension);
        let size = if collects {
            let size = step.size.over(elements.count, elements.total);
            size.saturating_add(NODE_BYTES)
        } else {
            NODE_BYTES
        };
        let one_turn = turn
            .held
            .over(1, elements.largest)
            .saturating_add(elements.largest);
        let held = one_turn.saturating_add(size);
        Some(Part {
            work: elements.part.work.plus(Linear::fixed(work)),
            held: elements.part.held.plus(Linear::fixed(held)),
            size: Linear::fixed(size),
            count: collects.then_some(elements.count),
        })
    }

    fn elements(&self, range: &'s IdedExpr) -> Option<Elements> {
        let inner = match &range.expr {
            Expr::Call(call) if call.func_name == functions::ELEMENTS => call.args.first()?,
            Expr::Call(_)
            | Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Select(_)
            | Expr::Struct(_) => range,
        };
        if let Some(Some(found)) = self.known(inner) {
            return Some(self.known_elements(found));
        }
        let part = self.of(inner)?;
        let total = part.size.fixed;
        Some(Elements {
            part: if is_list(inner) {
                part
            } else {
                // The keys of a map are copied and sorted.
                part.and(Part::made(part, part.size))
            },
            count: part.count.unwrap_or(total / NODE_BYTES),
            total,
            largest: total,
        })
    }
}

/// Whether the value is a list for sure.
fn is_list(expr: &IdedExpr) -> bool {
    match &expr.expr {
        Expr::List(_) => true,
        Expr::Comprehension(comprehension) => collects(comprehension),
        Expr::Call(_)
        | Expr::Unspecified
        | Expr::Ident(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => false,
    }
}

/// Whether the result is a list (`map`, `filter`) rather than a scalar (`all`, `exists`).
const fn collects(comprehension: &ComprehensionExpr) -> bool {
    matches!(comprehension.accu_init.expr, Expr::List(_))
}

const fn is_call(expr: &IdedExpr) -> bool {
    matches!(expr.expr, Expr::Call(_))
}

fn entry_parts(entry: &EntryExpr) -> impl Iterator<Item = &IdedExpr> {
    let (key, value) = match entry {
        EntryExpr::StructField(field) => (None, &field.value),
        EntryExpr::MapEntry(entry) => (Some(&entry.key), &entry.value),
    };
    key.into_iter().chain([value])
}
