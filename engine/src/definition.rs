//! A workflow's spec, validated and compiled once, then shared by all of its runs.
//!
//! All problems of a spec are reported together. A definition without problems can fail a run
//! only through its data: expressions that don't fit the variables, and limits.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use mobius_types::{JobOptions, JsonObject, WorkflowSpec};

use crate::{
    graph::{self, MAIN, Reach, StepIndex},
    inputs::Inputs,
    job_options::CompiledOptions,
    json::is_too_deep,
    problem::{Path, Problems},
    run::RunFacts,
    state::Variables,
    steps::{self, Names, Step, join::JoinStep},
};

/// A validated spec with its expressions compiled. It never changes.
#[derive(Debug)]
pub struct Definition {
    spec: Arc<WorkflowSpec>,
    inputs: Inputs,
    options: CompiledOptions,
    pub(crate) steps: Vec<Step>,
    /// The index of the first step.
    pub(crate) start: usize,
    /// What the first branch starts with.
    pub(crate) variables: Variables,
    /// The branches that edges start by name, each with the index of the step whose edge does.
    pub(crate) named_branches: BTreeMap<String, usize>,
    /// The branches whose final variables an output or a join reads.
    pub(crate) kept_branches: BTreeSet<String>,
    /// The branches of which a join wants to know that they have ended.
    pub(crate) awaited_branches: BTreeSet<String>,
    /// Which steps lead to which.
    pub(crate) reach: Reach,
}

impl Definition {
    /// Validates a spec and compiles its expressions.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn compile(spec: WorkflowSpec) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        graph::check_name(&Path::Root.field("name"), &spec.name, &mut problems);
        let inputs = Inputs::compile(&spec.inputs, &mut problems);
        let options = CompiledOptions::compile(&spec, &mut problems);
        check_state(&spec, &mut problems);
        let index = StepIndex::build(&spec, &mut problems);
        let start = start(&spec, &index, &mut problems);
        let named_branches = graph::branch_sources(&spec);
        let steps = compile_steps(&spec, &index, &named_branches, &mut problems);
        if !spec.steps.is_empty() {
            graph::check_reachability(&spec, start, &index, &mut problems);
            graph::check_joins(&spec, start, &index, &mut problems);
        }
        graph::check_branches(&spec, &mut problems);
        let mut kept_branches = check_outputs(&spec, &named_branches, &mut problems);
        problems.into_result(())?;
        kept_branches.extend(joins(&steps).flat_map(JoinStep::read).map(str::to_owned));
        let awaited_branches = joins(&steps).flat_map(JoinStep::listed).cloned().collect();
        let reach = match joins(&steps).next() {
            Some(_) => Reach::compute(&spec, &index),
            None => Reach::default(),
        };
        Ok(Self {
            inputs,
            options,
            start,
            variables: Variables::new(spec.state.clone()),
            kept_branches,
            awaited_branches,
            reach,
            steps,
            named_branches,
            spec: Arc::new(spec),
        })
    }

    /// The spec that was compiled.
    #[must_use]
    pub fn spec(&self) -> &WorkflowSpec {
        &self.spec
    }

    /// Checks the inputs of a start and fills defaults in.
    ///
    /// A workflow that declares no inputs takes any; otherwise undeclared ones are refused.
    /// `null` is a value, which only the type `any` accepts.
    ///
    /// # Errors
    /// Every input that is missing, of another type or not declared.
    pub fn check_inputs(&self, given: JsonObject) -> Result<JsonObject, Problems> {
        self.inputs.check(given)
    }

    /// What the spec says of how the jobs of one run are claimed, with its key filled in.
    ///
    /// # Errors
    /// The key can't be made of what the run was started with.
    pub fn job_options(
        &self,
        inputs: &JsonObject,
        facts: &RunFacts,
    ) -> Result<JobOptions, Problems> {
        Ok(JobOptions {
            concurrency_key: self.options.key(inputs, facts)?,
            ..self.spec.job_options()
        })
    }

    /// The step of this name.
    pub(crate) fn step_named(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// What a completed run gives back, from the final variables of its branches. An output whose
    /// variable was never set is left out.
    pub(crate) fn outputs(&self, ended: &mut BTreeMap<String, Variables>) -> JsonObject {
        if self.spec.outputs.is_empty() {
            return ended.remove(MAIN).unwrap_or_default().into_values();
        }
        let outputs = self.spec.outputs.iter().filter_map(|output| {
            let variables = ended.get(output.branch.as_deref().unwrap_or(MAIN))?;
            let value = variables.values().get(&output.variable)?;
            Some((output.name.clone(), value.clone()))
        });
        outputs.collect()
    }
}

fn check_state(spec: &WorkflowSpec, problems: &mut Problems) {
    let list = Path::Root.field("state");
    for (name, value) in &spec.state {
        if is_too_deep(value) {
            problems.add(&list.field(name), "is nested deeper than 100 levels");
        }
    }
}

fn start(spec: &WorkflowSpec, index: &StepIndex<'_>, problems: &mut Problems) -> usize {
    match &spec.start_at {
        Some(name) => index.resolve(&Path::Root.field("start_at"), name, problems),
        None => 0,
    }
}

fn compile_steps(
    spec: &WorkflowSpec,
    index: &StepIndex<'_>,
    branches: &BTreeMap<String, usize>,
    problems: &mut Problems,
) -> Vec<Step> {
    let list = Path::Root.field("steps");
    let names = Names {
        steps: index,
        branches,
    };
    let mut compiled = Vec::with_capacity(spec.steps.len());
    for (at, step) in spec.steps.iter().enumerate() {
        compiled.extend(steps::compile(&list.index(at), step, &names, problems));
    }
    compiled
}

fn joins(steps: &[Step]) -> impl Iterator<Item = &JoinStep> {
    steps.iter().filter_map(|step| step.kind.as_join())
}

/// Gives the names of the branches that outputs read.
fn check_outputs(
    spec: &WorkflowSpec,
    branches: &BTreeMap<String, usize>,
    problems: &mut Problems,
) -> BTreeSet<String> {
    let list = Path::Root.field("outputs");
    let mut names = HashSet::new();
    let mut read = BTreeSet::new();
    if spec.outputs.is_empty() {
        read.insert(MAIN.to_owned());
    }
    for (at, output) in spec.outputs.iter().enumerate() {
        let path = list.index(at);
        graph::check_name(&path.field("name"), &output.name, problems);
        if !names.insert(output.name.as_str()) {
            let message = format!("`{}` is declared twice", output.name);
            problems.add(&path.field("name"), message);
        }
        if output.variable.is_empty() {
            problems.add(&path.field("variable"), "is empty");
        }
        let branch = output.branch.as_deref().unwrap_or(MAIN);
        if branch != MAIN && !branches.contains_key(branch) {
            let message = format!("no edge starts a branch `{branch}`");
            problems.add(&path.field("branch"), message);
        }
        read.insert(branch.to_owned());
    }
    read
}
