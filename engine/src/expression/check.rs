//! What an expression may look like: its limits, its names and its functions.
//!
//! Everything that can be refused without knowing the variables is refused here, when a workflow
//! is saved.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use cel::{
    IdedExpr,
    common::ast::{
        CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators,
    },
};

use super::functions;
use crate::scope::Root;

pub(super) const MAX_SOURCE_BYTES: usize = 2_048;
const MAX_PARSER_DEPTH: u16 = 32;
const MAX_NODES: usize = 400;
const MAX_COMPREHENSIONS: usize = 3;
/// A debug build of the parser takes more than 100 KiB a level.
const PARSER_STACK_BYTES: usize = 32 * 1024 * 1024;

/// The name under which the macros of CEL collect their result; no source can spell it.
const ACCUMULATOR: &str = "@result";
/// The types that an expression may name, as in `type(state.x) == int`.
const TYPE_NAMES: [&str; 9] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "uint",
];

/// An expression that is within the limits.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) ast: IdedExpr,
    /// How deep the syntax tree is, which decides the stack for its evaluation.
    pub(super) depth: usize,
    /// What the expression reads; only that is handed to CEL.
    pub(super) reads: BTreeMap<Root, Fields>,
}

/// The fields of a root that an expression reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fields {
    All,
    Named(BTreeSet<String>),
}

/// Parses and checks an expression; the error says what is wrong with it.
pub(super) fn parse(source: &str) -> Result<Checked, String> {
    if source.trim().is_empty() {
        return Err("is an empty expression".to_owned());
    }
    if source.len() > MAX_SOURCE_BYTES {
        return Err(format!("is longer than {MAX_SOURCE_BYTES} bytes"));
    }
    let mut ast = stacker::maybe_grow(PARSER_STACK_BYTES / 2, PARSER_STACK_BYTES, || {
        parse_cel(source)
    })?;
    let mut checker = Checker::default();
    checker.visit(&mut ast, 1)?;
    Ok(Checked {
        ast,
        depth: checker.depth,
        reads: checker.reads,
    })
}

/// The generated parser is not ours, and a panic on an odd text must not be more than an error.
fn parse_cel(source: &str) -> Result<IdedExpr, String> {
    let parser = functions::environment()
        .parser()
        .max_recursion_depth(MAX_PARSER_DEPTH)
        .error_recovery_limit(3);
    let parsed = catch_unwind(AssertUnwindSafe(|| parser.parse(source)));
    let parsed = parsed.map_err(|_| "is not an expression".to_owned())?;
    parsed.map_err(|errors| match errors.errors.first() {
        Some(error) => format!(
            "is not an expression: {} (column {})",
            error.msg, error.pos.1
        ),
        None => "is not an expression".to_owned(),
    })
}

#[derive(Default)]
struct Checker {
    nodes: usize,
    depth: usize,
    comprehensions: usize,
    /// The variable of the comprehension whose body is being visited.
    item: Option<String>,
    reads: BTreeMap<Root, Fields>,
}

impl Checker {
    fn visit(&mut self, expr: &mut IdedExpr, depth: usize) -> Result<(), String> {
        self.nodes += 1;
        self.depth = self.depth.max(depth);
        if self.nodes > MAX_NODES {
            return Err(format!("has more than {MAX_NODES} parts"));
        }
        match &mut expr.expr {
            Expr::Unspecified => Err("is not a complete expression".to_owned()),
            Expr::Struct(_) => Err("makes a message; only lists and maps are possible".to_owned()),
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.visit_name(name),
            Expr::Select(select) => self.visit_select(select, depth),
            Expr::Call(call) => self.visit_call(call, depth),
            Expr::List(list) => self.visit_all(&mut list.elements, depth),
            Expr::Map(map) => map
                .entries
                .iter_mut()
                .try_for_each(|entry| self.visit_entry(&mut entry.expr, depth)),
            Expr::Comprehension(comprehension) => self.visit_comprehension(comprehension, depth),
        }
    }

    fn visit_all(&mut self, list: &mut [IdedExpr], depth: usize) -> Result<(), String> {
        list.iter_mut()
            .try_for_each(|element| self.visit(element, depth + 1))
    }

    fn visit_entry(&mut self, entry: &mut EntryExpr, depth: usize) -> Result<(), String> {
        match entry {
            EntryExpr::StructField(field) => self.visit(&mut field.value, depth + 1),
            EntryExpr::MapEntry(entry) => {
                self.visit(&mut entry.key, depth + 1)?;
                self.visit(&mut entry.value, depth + 1)
            }
        }
    }

    fn visit_name(&mut self, name: &str) -> Result<(), String> {
        if let Some(root) = Root::parse(name) {
            self.reads.insert(root, Fields::All);
            return Ok(());
        }
        let is_item = self.item.as_deref() == Some(name);
        if is_item || name == ACCUMULATOR || TYPE_NAMES.contains(&name) {
            return Ok(());
        }
        Err(format!(
            "uses the unknown name `{name}`; known are `inputs`, `state` and `run`"
        ))
    }

    fn visit_select(&mut self, select: &mut SelectExpr, depth: usize) -> Result<(), String> {
        if let Expr::Ident(name) = &select.operand.expr
            && let Some(root) = Root::parse(name)
        {
            self.read_field(root, &select.field);
            return Ok(());
        }
        self.visit(&mut select.operand, depth + 1)
    }

    fn read_field(&mut self, root: Root, field: &str) {
        let fields = self.reads.entry(root);
        match fields.or_insert_with(|| Fields::Named(BTreeSet::new())) {
            Fields::All => {}
            Fields::Named(names) => {
                names.insert(field.to_owned());
            }
        }
    }

    fn visit_call(&mut self, call: &mut CallExpr, depth: usize) -> Result<(), String> {
        if let Some((root, field)) = indexed_root(call) {
            self.read_field(root, &field);
            return Ok(());
        }
        if !functions::is_known(call) {
            return Err(format!("calls the unknown function `{}`", call.func_name));
        }
        // In `optional.of(x)` the target is a namespace, not a value.
        if !functions::is_optional_constructor(call)
            && let Some(target) = &mut call.target
        {
            self.visit(target, depth + 1)?;
        }
        self.visit_all(&mut call.args, depth)
    }

    fn visit_comprehension(
        &mut self,
        comprehension: &mut ComprehensionExpr,
        depth: usize,
    ) -> Result<(), String> {
        self.comprehensions += 1;
        if self.comprehensions > MAX_COMPREHENSIONS {
            return Err(format!(
                "has more than {MAX_COMPREHENSIONS} loops over a list"
            ));
        }
        if comprehension.accu_var != ACCUMULATOR || comprehension.iter_var2.is_some() {
            return Err("uses optMap() or optFlatMap(), which are not available".to_owned());
        }
        if self.item.is_some() {
            return Err("has a loop over a list inside another one".to_owned());
        }
        if Root::parse(&comprehension.iter_var).is_some() {
            let name = &comprehension.iter_var;
            return Err(format!(
                "uses `{name}` as the name of an item; take another one"
            ));
        }
        self.visit(&mut comprehension.iter_range, depth + 1)?;
        self.visit(&mut comprehension.accu_init, depth + 1)?;
        self.item = Some(comprehension.iter_var.clone());
        self.visit(&mut comprehension.loop_cond, depth + 1)?;
        self.visit(&mut comprehension.loop_step, depth + 1)?;
        self.visit(&mut comprehension.result, depth + 1)?;
        self.item = None;
        functions::iterate_in_order(&mut comprehension.iter_range);
        Ok(())
    }
}

/// `state["order id"]` reads one field, like `state.order`.
fn indexed_root(call: &CallExpr) -> Option<(Root, String)> {
    let [container, index] = call.args.as_slice() else {
        return None;
    };
    let (Expr::Ident(name), Expr::Literal(LiteralValue::String(field))) =
        (&container.expr, &index.expr)
    else {
        return None;
    };
    let is_index = call.func_name == operators::INDEX || call.func_name == operators::OPT_INDEX;
    let root = is_index.then(|| Root::parse(name)).flatten()?;
    Some((root, field.inner().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(source: &str) -> String {
        parse(source)
            .err()
            .unwrap_or_else(|| panic!("{source} is accepted"))
    }

    #[test]
    fn expressions_outside_the_limits_are_refused() {
        for (source, reason) in [
            (" ".to_owned(), "empty"),
            ("1".repeat(2_049), "longer than 2048"),
            (vec!["1"; 300].join("+"), "more than 400 parts"),
            (
                format!("{}1{}", "(".repeat(200), ")".repeat(200)),
                "not an expression",
            ),
            ("[1].map(x, [2].map(y, x + y))".to_owned(), "inside another"),
            (
                "[1].map(a,a).map(b,b).map(c,c).map(d,d)".to_owned(),
                "more than 3 loops",
            ),
            ("optional.of(1).optMap(v, v + v)".to_owned(), "optMap"),
            ("Order{id: 1}".to_owned(), "message"),
            ("[1].map(state, state)".to_owned(), "as the name of an item"),
            ("1 +".to_owned(), "not an expression"),
            ("state.a = 1".to_owned(), "not an expression"),
            ("a and b".to_owned(), "not an expression"),
            ("other.x > 1".to_owned(), "unknown name `other`"),
            ("now() > 1".to_owned(), "unknown function `now`"),
            (
                "'a'.replace('a', 'b')".to_owned(),
                "unknown function `replace`",
            ),
            ("[1].map(x, y)".to_owned(), "unknown name `y`"),
        ] {
            let refusal = refusal(&source);
            assert!(refusal.contains(reason), "{source}: {refusal}");
        }
    }

    #[test]
    fn only_the_fields_that_are_read_are_noted() {
        let named = |names: &[&str]| Fields::Named(names.iter().map(ToString::to_string).collect());
        for (source, root, fields) in [
            ("state.a.b + state.c", Root::State, named(&["a", "c"])),
            (
                "has(state.a) || state['b c'] == 1",
                Root::State,
                named(&["a", "b c"]),
            ),
            ("state.?a.orValue(1)", Root::State, Fields::All),
            ("size(state) + state.a", Root::State, Fields::All),
            ("'x' in inputs", Root::Inputs, Fields::All),
        ] {
            assert_eq!(parse(source).unwrap().reads[&root], fields, "{source}");
        }
    }
}
