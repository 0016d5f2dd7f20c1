//! Expressions: CEL behind a guard.
//!
//! The CEL crate has no limits of its own: a short text can take hours or exhaust the memory, and
//! its parser can overflow the stack. So nothing outside this folder touches it. An expression
//! is limited when it is compiled (`check`), its cost is bounded with the actual sizes of the
//! variables before it is evaluated (`cost`), and it is evaluated on a stack that is large enough.
//!
//! A plain member path (`state.order.id`), by far the most common expression, is looked up in
//! the JSON directly, with the same errors.

mod check;
mod cost;
mod evaluate;
mod functions;
mod path;
#[cfg(test)]
mod tests;
mod value;

use serde_json::Value;

use crate::{
    budget::{Budget, Exhausted, STEP},
    json::{is_truthy, weight},
    scope::Scope,
};
use check::Checked;
use path::MemberPath;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Expression {
    source: String,
    program: Program,
}

#[derive(Debug)]
enum Program {
    Path(MemberPath),
    Cel(Checked),
}

/// Why there is no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The expression failed on these variables; says how.
    Failed(String),
    /// The transition has used up its allowance.
    Exhausted,
}

impl From<Exhausted> for Fault {
    fn from(Exhausted: Exhausted) -> Self {
        Self::Exhausted
    }
}

impl Expression {
    /// Compiles an expression; the error says what is wrong with it.
    pub(crate) fn compile(source: &str) -> Result<Self, String> {
        let program = match MemberPath::parse(source) {
            Some(path) => Program::Path(path),
            None => Program::Cel(check::parse(source)?),
        };
        Ok(Self {
            source: source.trim().to_owned(),
            program,
        })
    }

    /// The value, as a new copy.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>, budget: &mut Budget) -> Result<Value, Fault> {
        match &self.program {
            Program::Path(path) => {
                let value = path.look_up(scope).map_err(|error| self.failed(&error))?;
                let bytes = value.weight();
                budget.charge(bytes, bytes)?;
                Ok(value.into_json())
            }
            Program::Cel(checked) => {
                let work = cost::bound(checked, scope).map_err(|error| self.failed(&error))?;
                budget.charge(work, 0)?;
                let value = evaluate::evaluate(checked, scope);
                let value = value.map_err(|error| self.failed(&error))?;
                budget.charge(0, weight(&value, u64::MAX))?;
                Ok(value)
            }
        }
    }

    /// Whether the value is truthy.
    pub(crate) fn holds(&self, scope: &Scope<'_>, budget: &mut Budget) -> Result<bool, Fault> {
        match &self.program {
            Program::Path(path) => {
                budget.charge(STEP, 0)?;
                let value = path.look_up(scope).map_err(|error| self.failed(&error))?;
                Ok(value.is_truthy())
            }
            Program::Cel(_) => Ok(is_truthy(&self.evaluate(scope, budget)?)),
        }
    }

    fn failed(&self, reason: &str) -> Fault {
        Fault::Failed(format!("`{}`: {reason}", self.source))
    }
}

/// The reason of a member that is not there.
fn no_such_key(key: &str) -> String {
    format!("there is no key `{key}`; test for it with has() or `in`")
}

/// The reason of a member asked of something that can't have any.
fn no_fields(kind: &str) -> String {
    format!("a value of type {kind} has no fields")
}
