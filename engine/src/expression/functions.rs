//! The functions that expressions can call: a list, so that nothing new comes in with an update
//! of the CEL crate, and two functions of our own.

use std::sync::{Arc, LazyLock};

use cel::{
    Env, ExecutionError, IdedExpr,
    common::{
        ast::{CallExpr, Expr, operators},
        types::{CelBool, CelList, CelMap, CelString, DYN_TYPE, STRING_TYPE},
        value::{CowVal, Val},
    },
};
use regex::RegexBuilder;

/// A compiled pattern may take this much; `x{1000}{1000}` and the like are refused.
const PATTERN_BYTES: usize = 64 * 1024;

/// Our function around every list or map that is iterated over.
pub(super) const ELEMENTS: &str = "@elements";
/// Whether a text matches a pattern.
pub(super) const MATCHES: &str = "matches";

const OPERATORS: [&str; 23] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::OPT_INDEX,
    operators::OPT_SELECT,
    operators::NOT_STRICTLY_FALSE,
    operators::IN,
    ELEMENTS,
    MATCHES,
];

const FUNCTIONS: [&str; 11] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "size",
    "string",
    "timestamp",
    "type",
    "uint",
];

const METHODS: [&str; 19] = [
    "contains",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "matches",
    "or",
    "orValue",
    "size",
    "startsWith",
    "value",
];

const OPTIONAL_CONSTRUCTORS: [&str; 3] = ["none", "of", "ofNonZeroValue"];

/// The functions, types and macros of all expressions; it never changes.
pub(super) fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        let text = || STRING_TYPE;
        env.add_overload(MATCHES, "matches", vec![text(), text()], matches)
            .expect("cel is built without its own `matches`");
        env.add_member_overload(MATCHES, "string_matches", text(), vec![text()], matches)
            .expect("cel is built without its own `matches`");
        env.add_overload(ELEMENTS, "elements", vec![DYN_TYPE], elements)
            .expect("no function of CEL starts with @");
        Arc::new(env)
    });
    &ENVIRONMENT
}

/// Whether the call is of a function on the list.
pub(super) fn is_known(call: &CallExpr) -> bool {
    let name = call.func_name.as_str();
    match &call.target {
        None => OPERATORS.contains(&name) || FUNCTIONS.contains(&name),
        Some(_) => is_optional_constructor(call) || METHODS.contains(&name),
    }
}

/// Whether the call is `optional.of(x)` or one of its siblings.
pub(super) fn is_optional_constructor(call: &CallExpr) -> bool {
    let on_optional = call
        .target
        .as_ref()
        .is_some_and(|target| matches!(&target.expr, Expr::Ident(name) if name == "optional"));
    on_optional && OPTIONAL_CONSTRUCTORS.contains(&call.func_name.as_str())
}

/// CEL iterates over a map in random order, and a run must not depend on that.
pub(super) fn iterate_in_order(range: &mut IdedExpr) {
    let inner = std::mem::take(range);
    range.id = inner.id;
    range.expr = Expr::Call(CallExpr {
        func_name: ELEMENTS.to_owned(),
        target: None,
        args: vec![inner],
    });
}

/// What a comprehension iterates over: a list as it is, or the keys of a map in order.
fn elements<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let range = args.pop().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    let Some(map) = range.downcast_ref::<CelMap<'_>>() else {
        return Ok(range);
    };
    let mut keys: Vec<_> = map.inner().keys().collect();
    keys.sort();
    let keys: Vec<Box<dyn Val + 'v>> = keys
        .into_iter()
        .map(|key| key.inner().clone_as_boxed())
        .collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [text, pattern] = args.as_slice() else {
        return Err(ExecutionError::MissingArgumentOrTarget);
    };
    let text = text.downcast_ref::<CelString<'_>>();
    let pattern = pattern.downcast_ref::<CelString<'_>>();
    let (Some(text), Some(pattern)) = (text, pattern) else {
        return Err(ExecutionError::MissingArgumentOrTarget);
    };
    let compiled = RegexBuilder::new(pattern.inner())
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .nest_limit(20)
        .build();
    let compiled = compiled.map_err(|_| {
        ExecutionError::function_error(MATCHES, "the pattern is malformed or too large")
    })?;
    let found = compiled.is_match(text.inner());
    Ok(CowVal::owned(CelBool::from(found)))
}
