//! The names that expressions can use: `inputs`, `state` and `run`.

use std::cell::OnceCell;

use mobius_types::JsonObject;
use serde_json::{Value, json};

use crate::run::RunFacts;

/// A name at the start of a member path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Root {
    Inputs,
    State,
    Run,
}

impl Root {
    pub(crate) const ALL: [Self; 3] = [Self::Inputs, Self::State, Self::Run];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Inputs => "inputs",
            Self::State => "state",
            Self::Run => "run",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|root| root.name() == name)
    }
}

/// What the names stand for in one evaluation.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    inputs: &'a JsonObject,
    state: &'a JsonObject,
    run: &'a RunObject<'a>,
}

impl<'a> Scope<'a> {
    pub(crate) const fn new(
        inputs: &'a JsonObject,
        state: &'a JsonObject,
        run: &'a RunObject<'a>,
    ) -> Self {
        Self { inputs, state, run }
    }

    pub(crate) fn get(&self, root: Root) -> &'a JsonObject {
        match root {
            Root::Inputs => self.inputs,
            Root::State => self.state,
            Root::Run => self.run.get(),
        }
    }
}

/// The object named `run`, made when an expression first asks for it.
#[derive(Debug)]
pub(crate) struct RunObject<'a> {
    facts: &'a RunFacts,
    object: OnceCell<JsonObject>,
}

impl<'a> RunObject<'a> {
    pub(crate) const fn new(facts: &'a RunFacts) -> Self {
        Self {
            facts,
            object: OnceCell::new(),
        }
    }

    fn get(&self) -> &JsonObject {
        self.object.get_or_init(|| {
            let facts = self.facts;
            JsonObject::from_iter([
                ("id".to_owned(), Value::from(facts.id.as_str())),
                ("attempt".to_owned(), Value::from(facts.attempt)),
                ("metadata".to_owned(), json!(facts.metadata)),
                ("external_id".to_owned(), json!(facts.external_id)),
            ])
        })
    }
}
