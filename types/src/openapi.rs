//! Schemas that can't be derived from a Rust type: free-form objects, and a step's six shapes.

#![expect(
    dead_code,
    reason = "the shapes of a step exist for their schemas alone"
)]

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{
            AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType,
            Type,
        },
    },
};

use crate::{
    WorkflowActionKind, WorkflowCatch, WorkflowEach, WorkflowEdge, WorkflowEdgeMatchingStrategy,
    WorkflowInteractionConfig, WorkflowJoinConfig, WorkflowPauseConfig, WorkflowRetry,
    WorkflowSleepConfig, WorkflowStep, WorkflowStepLayout, WorkflowWaitSignalConfig,
};

/// A JSON object with any properties.
pub struct AnyObject;

impl PartialSchema for AnyObject {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for AnyObject {}

/// Any JSON value but null.
pub struct InteractionValue;

impl PartialSchema for InteractionValue {
    fn schema() -> RefOr<Schema> {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        OneOfBuilder::new()
            .item(AnyObject::schema())
            .item(ArrayBuilder::new().items(anything))
            .item(of(Type::String))
            .item(of(Type::Number))
            .item(of(Type::Integer))
            .item(of(Type::Boolean))
            .into()
    }
}

impl ToSchema for InteractionValue {}

/// What all steps share.
#[derive(ToSchema)]
struct WorkflowStepBase {
    /// The step's name, unique in the workflow.
    name: String,
    /// What the step is for.
    description: Option<String>,
    /// Where the branch goes when the step is done.
    #[schema(required = false)]
    next: Vec<WorkflowEdge>,
    /// Whether every edge that matches is followed (`all`, the default) or only the first.
    edge_matching_strategy: Option<WorkflowEdgeMatchingStrategy>,
    /// Runs the step once for each item of a collection.
    each: Option<WorkflowEach>,
    /// Where an editor draws the step; nothing else reads it.
    layout: Option<WorkflowStepLayout>,
}

/// A step that runs an action.
#[derive(ToSchema)]
struct WorkflowExecutableStep {
    #[schema(inline = false)]
    #[serde(flatten)]
    base: WorkflowStepBase,
    /// The action to run.
    action: String,
    /// Who runs the action: a worker (the default) or the control plane.
    action_kind: Option<WorkflowActionKind>,
    /// The variable that takes the action's result.
    store: Option<String>,
    /// What the action is given; strings in it may hold `${…}` expressions.
    parameters: Option<AnyObject>,
    /// When a failed attempt is tried again.
    #[schema(required = false)]
    retry: Vec<WorkflowRetry>,
    /// Where the branch goes when the step has failed for good.
    #[schema(required = false)]
    catch: Vec<WorkflowCatch>,
}

/// A step that waits for other branches.
#[derive(ToSchema)]
struct WorkflowJoinStep {
    #[serde(flatten)]
    base: WorkflowStepBase,
    /// What to wait for.
    join: WorkflowJoinConfig,
}

/// A step that waits for a signal.
#[derive(ToSchema)]
struct WorkflowWaitSignalStep {
    #[serde(flatten)]
    base: WorkflowStepBase,
    /// What to wait for.
    wait_signal: WorkflowWaitSignalConfig,
}

/// A step that waits for a time.
#[derive(ToSchema)]
struct WorkflowSleepStep {
    #[serde(flatten)]
    base: WorkflowStepBase,
    /// How long to wait.
    sleep: WorkflowSleepConfig,
}

/// A step that waits until an operator resumes the run.
#[derive(ToSchema)]
struct WorkflowPauseStep {
    #[serde(flatten)]
    base: WorkflowStepBase,
    /// Why it waits.
    pause: WorkflowPauseConfig,
}

/// A step that asks a person.
#[derive(ToSchema)]
struct WorkflowInteractionStep {
    #[serde(flatten)]
    base: WorkflowStepBase,
    /// Whom to ask what.
    interaction: WorkflowInteractionConfig,
}

impl PartialSchema for WorkflowStep {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(utoipa::openapi::Ref::from_schema_name(
                "WorkflowExecutableStep",
            ))
            .item(utoipa::openapi::Ref::from_schema_name("WorkflowJoinStep"))
            .item(utoipa::openapi::Ref::from_schema_name(
                "WorkflowWaitSignalStep",
            ))
            .item(utoipa::openapi::Ref::from_schema_name("WorkflowSleepStep"))
            .item(utoipa::openapi::Ref::from_schema_name("WorkflowPauseStep"))
            .item(utoipa::openapi::Ref::from_schema_name(
                "WorkflowInteractionStep",
            ))
            .description(Some("One step, of exactly one of these shapes."))
            .into()
    }
}

impl ToSchema for WorkflowStep {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
        add::<WorkflowExecutableStep>(schemas);
        add::<WorkflowJoinStep>(schemas);
        add::<WorkflowWaitSignalStep>(schemas);
        add::<WorkflowSleepStep>(schemas);
        add::<WorkflowPauseStep>(schemas);
        add::<WorkflowInteractionStep>(schemas);
    }
}
