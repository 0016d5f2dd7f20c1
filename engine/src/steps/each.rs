//! Action steps that run once for each item of a collection.
//!
//! The items of an array are its elements, of an object its fields as `{"key", "value"}` in the
//! order of the keys, of `null` none, and of anything else the value itself. For the parameters
//! the item is a variable, and so is its position, `index`.

use mobius_types::WorkflowEach;
use serde_json::{Value, json};

use super::{Entered, Entry, action::ActionStep};
use crate::{
    action::{Action, NewFanOut},
    budget::Budget,
    expression::Fault,
    json::{is_too_deep, weight},
    name::is_bare_name,
    problem::{Path, Problems},
    scope::Scope,
    template::Template,
    waiting::Waiting,
};

/// The variable that holds an item, unless `as` says otherwise.
const ITEM: &str = "item";
/// The variable that holds the position of an item, from zero.
pub(crate) const INDEX: &str = "index";

/// The compiled `each` of a step.
#[derive(Debug)]
pub(crate) struct EachStep {
    items: Template,
    /// The variable that holds the item.
    pub(crate) bind: String,
    max_concurrency: Option<u32>,
    max_failures: u32,
}

/// What there is to do, item by item.
#[derive(Debug)]
pub(crate) enum Items {
    List(Vec<Value>),
    Fields(Vec<(String, Value)>),
}

impl Items {
    fn of(value: Value) -> Self {
        match value {
            Value::Null => Self::List(Vec::new()),
            Value::Array(items) => Self::List(items),
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.into_iter().collect();
                fields.sort_by(|(one, _), (other, _)| one.cmp(other));
                Self::Fields(fields)
            }
            scalar @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                Self::List(vec![scalar])
            }
        }
    }

    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Fields(fields) => fields.len(),
        }
    }

    /// A copy of one item, which the budget has room for.
    pub(crate) fn get(&self, index: usize, budget: &mut Budget) -> Result<Option<Value>, Fault> {
        let (key, value) = match self {
            Self::List(items) => (None, items.get(index)),
            Self::Fields(fields) => {
                let field = fields.get(index);
                (field.map(|(key, _)| key), field.map(|(_, value)| value))
            }
        };
        let Some(value) = value else {
            return Ok(None);
        };
        let bytes = weight(value, u64::MAX) + key.map_or(0, |key| key.len() as u64);
        budget.charge(bytes, bytes)?;
        Ok(Some(match key {
            Some(key) => json!({"key": key, "value": value}),
            None => value.clone(),
        }))
    }
}

impl EachStep {
    /// The items that these variables give.
    pub(crate) fn items(&self, scope: &Scope<'_>, budget: &mut Budget) -> Result<Items, Fault> {
        self.items.render(scope, budget).map(Items::of)
    }

    /// Counts the items. Their parameters are evaluated when their jobs are made.
    pub(super) fn enter(
        &self,
        action: &ActionStep,
        entry: &mut Entry<'_>,
    ) -> Result<Entered, Fault> {
        let items = self.items(&entry.scope, entry.budget)?.len();
        if items == 0 {
            let none = |name: &String| (name.clone(), Value::Array(Vec::new()));
            return Ok(Entered::Passes(action.store.as_ref().map(none)));
        }
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let fan_out = Action::FanOut(NewFanOut {
            job: entry.job.clone(),
            step: entry.step.to_owned(),
            action: action.action.clone(),
            server: action.server,
            items,
            max_concurrency: self.max_concurrency,
            max_failures: self.max_failures,
            stores_results: action.store.is_some(),
            timeout: action.timeout,
            max_attempts: action.max_attempts,
        });
        Ok(Entered::Waits(Waiting::FanOut { items }, vec![fan_out]))
    }
}

pub(super) fn compile(path: &Path<'_>, config: &WorkflowEach, problems: &mut Problems) -> EachStep {
    let bind = config.bind.as_deref().unwrap_or(ITEM);
    if !is_bare_name(bind) {
        let message = "is not the name of a variable; write letters, digits and `_`";
        problems.add(&path.field("as"), message);
    } else if bind == INDEX {
        problems.add(&path.field("as"), "`index` is the position of the item");
    }
    if is_too_deep(&config.items) {
        problems.add(&path.field("items"), "is nested deeper than 100 levels");
    }
    EachStep {
        items: Template::compile(&path.field("items"), &config.items, problems),
        bind: bind.to_owned(),
        max_concurrency: config.max_concurrency.and_then(|given| {
            let path = path.field("max_concurrency");
            problems.take(&path, bounded(given, 1))
        }),
        max_failures: config.max_failures.map_or(0, |given| {
            let path = path.field("max_failures");
            problems.take(&path, bounded(given, 0)).unwrap_or(0)
        }),
    }
}

/// A number that is at least so large. Larger ones than fit mean as much as the largest.
fn bounded(given: i64, least: i64) -> Result<u32, String> {
    if given < least {
        return Err(format!("is less than {least}"));
    }
    Ok(u32::try_from(given).unwrap_or(u32::MAX))
}
