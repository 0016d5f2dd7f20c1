//! Templates: JSON whose texts may hold `${expression}`.
//!
//! A text that is one template keeps the type of its value; in mixed text a string goes in as it
//! is and everything else as compact JSON. `$${` stands for a literal `${`. Keys of objects are
//! never templates. A subtree without any expression is kept as it is and only copied.

use mobius_types::JsonObject;
use serde_json::Value;

use crate::{
    budget::Budget,
    expression::{Expression, Fault},
    json::weight,
    name::is_bare_name,
    problem::{Path, Problems},
    scope::Scope,
};

/// A compiled template.
#[derive(Debug)]
pub(crate) enum Template {
    /// No expression anywhere, with its weight.
    Constant(Value, u64),
    Expression(Expression),
    Text(Vec<Piece>),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

/// A piece of mixed text.
#[derive(Debug)]
pub(crate) enum Piece {
    Literal(String),
    Expression(Expression),
}

impl Template {
    pub(crate) fn compile(path: &Path<'_>, value: &Value, problems: &mut Problems) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::constant(value.clone()),
            Value::String(text) => problems
                .take(path, compile_text(text))
                .unwrap_or_else(|| Self::constant(Value::Null)),
            Value::Array(items) => compile_list(path, items, problems),
            Value::Object(fields) => Self::compile_object(path, fields, problems),
        }
    }

    pub(crate) fn compile_object(
        path: &Path<'_>,
        fields: &JsonObject,
        problems: &mut Problems,
    ) -> Self {
        let compiled: Vec<_> = fields
            .iter()
            .map(|(name, field)| {
                let spelled = if is_bare_name(name) {
                    name.clone()
                } else {
                    format!("{name:?}")
                };
                let field = Self::compile(&path.field(&spelled), field, problems);
                (name.clone(), field)
            })
            .collect();
        if compiled.iter().any(|(_, field)| !field.is_constant()) {
            return Self::Object(compiled);
        }
        let fields = compiled
            .into_iter()
            .filter_map(|(name, field)| match field {
                Self::Constant(value, _) => Some((name, value)),
                Self::Expression(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
            });
        Self::constant(Value::Object(fields.collect()))
    }

    fn constant(value: Value) -> Self {
        let weight = weight(&value, u64::MAX);
        Self::Constant(value, weight)
    }

    /// The value, if it is the same whatever the variables are.
    pub(crate) const fn as_constant(&self) -> Option<&Value> {
        match self {
            Self::Constant(value, _) => Some(value),
            Self::Expression(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    const fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(..))
    }

    /// Fills the template in.
    pub(crate) fn render(&self, scope: &Scope<'_>, budget: &mut Budget) -> Result<Value, Fault> {
        match self {
            Self::Constant(value, weight) => {
                budget.charge(*weight, *weight)?;
                Ok(value.clone())
            }
            Self::Expression(expression) => expression.evaluate(scope, budget),
            Self::Text(pieces) => render_text(pieces, scope, budget).map(Value::String),
            Self::List(items) => {
                let items = items.iter().map(|item| item.render(scope, budget));
                items.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Self::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, field)| Ok((name.clone(), field.render(scope, budget)?)));
                fields.collect::<Result<JsonObject, _>>().map(Value::Object)
            }
        }
    }
}

fn compile_list(path: &Path<'_>, items: &[Value], problems: &mut Problems) -> Template {
    let compiled: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| Template::compile(&path.index(index), item, problems))
        .collect();
    if compiled.iter().any(|item| !item.is_constant()) {
        return Template::List(compiled);
    }
    let items = compiled.into_iter().filter_map(|item| match item {
        Template::Constant(value, _) => Some(value),
        Template::Expression(_) | Template::Text(_) | Template::List(_) | Template::Object(_) => {
            None
        }
    });
    Template::constant(Value::Array(items.collect()))
}

fn render_text(pieces: &[Piece], scope: &Scope<'_>, budget: &mut Budget) -> Result<String, Fault> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => {
                budget.charge(literal.len() as u64, literal.len() as u64)?;
                text.push_str(literal);
            }
            Piece::Expression(expression) => match expression.evaluate(scope, budget)? {
                Value::String(value) => text.push_str(&value),
                value @ (Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_)) => text.push_str(&value.to_string()),
            },
        }
    }
    Ok(text)
}

fn compile_text(text: &str) -> Result<Template, String> {
    let mut pieces = split(text)?;
    if pieces.len() == 1
        && let Some(Piece::Expression(_)) = pieces.first()
        && let Some(Piece::Expression(expression)) = pieces.pop()
    {
        return Ok(Template::Expression(expression));
    }
    let mut literal = String::new();
    for piece in &pieces {
        match piece {
            Piece::Literal(text) => literal.push_str(text),
            Piece::Expression(_) => return Ok(Template::Text(pieces)),
        }
    }
    Ok(Template::constant(Value::String(literal)))
}

/// Splits a text into literals and expressions.
fn split(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if let Some(before) = rest[..start].strip_suffix('$') {
            literal.push_str(before);
            literal.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        literal.push_str(&rest[..start]);
        let source = &rest[start + 2..];
        let end = expression_end(source).ok_or("has a `${` without its `}`")?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        let expression = Expression::compile(&source[..end])
            .map_err(|reason| format!("`${{{}}}` {reason}", &source[..end]))?;
        pieces.push(Piece::Expression(expression));
        rest = &source[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// Where the `}` is that ends the expression: not one of a map inside it, nor in a text.
fn expression_end(source: &str) -> Option<usize> {
    let bytes = source.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            b'\'' | b'"' => {
                at = text_end(bytes, at)?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where a text that starts here has ended: behind its closing quote or quotes.
fn text_end(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let triple = bytes[start..].starts_with(&[quote; 3]);
    let closing = if triple {
        &[quote; 3][..]
    } else {
        &[quote][..]
    };
    let is_raw = is_raw_text(&bytes[..start]);
    let mut at = start + closing.len();
    while at < bytes.len() {
        if bytes[at..].starts_with(closing) {
            return Some(at + closing.len());
        }
        at += if bytes[at] == b'\\' && !is_raw { 2 } else { 1 };
    }
    None
}

/// Whether what stands before a quote is the prefix of a raw text: `r`, `br` or `rb`, not the
/// end of a name.
fn is_raw_text(before: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let word = before.iter().rev().take_while(|byte| is_word(byte)).count();
    let prefix = &before[before.len() - word..];
    matches!(prefix.to_ascii_lowercase().as_slice(), b"r" | b"br" | b"rb")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{run::RunFacts, scope::RunObject};

    fn render(template: Value) -> Result<Value, String> {
        let mut problems = Problems::default();
        let compiled = Template::compile(&Path::Root.field("p"), &template, &mut problems);
        problems
            .into_result(())
            .map_err(|problems| problems.to_string())?;
        let state = json!({"n": 3, "name": "Ann", "list": [1, {"a": null}], "f": 1.5, "t": true});
        let facts = RunFacts::default();
        let run = RunObject::new(&facts);
        let inputs = JsonObject::new();
        let scope = Scope::new(&inputs, state.as_object().unwrap(), &run);
        compiled
            .render(&scope, &mut Budget::default())
            .map_err(|fault| format!("{fault:?}"))
    }

    #[test]
    fn templates_are_filled_in() {
        for (template, value) in [
            (json!("plain"), json!("plain")),
            (json!(""), json!("")),
            (json!("${state.n}"), json!(3)),
            (json!("${ state.list }"), json!([1, {"a": null}])),
            (json!("n=${state.n}!"), json!("n=3!")),
            (json!("${state.name}${state.n}"), json!("Ann3")),
            (
                json!("${state.list} ${state.t} ${null}"),
                json!("[1,{\"a\":null}] true null"),
            ),
            (json!("$${state.n}"), json!("${state.n}")),
            (json!("$$${state.n}"), json!("$${state.n}")),
            (json!("$${a} ${state.n}"), json!("${a} 3")),
            (json!("cost: 5$ {x} $"), json!("cost: 5$ {x} $")),
            (json!("${{'a': {'b': state.n}}.a.b}"), json!(3)),
            (json!("${'}' + state.name}"), json!("}Ann")),
            (json!("${'\\'}' + \"{\"}"), json!("'}{")),
            (json!("${'''a'}'b'''}"), json!("a'}'b")),
            (json!("${r'\\' + '}'}"), json!("\\}")),
            (
                json!({"a": ["${state.n}", 1], "${state.n}": "b"}),
                json!({"a": [3, 1], "${state.n}": "b"}),
            ),
            (json!([null, true, 1.5, {}]), json!([null, true, 1.5, {}])),
        ] {
            assert_eq!(render(template.clone()), Ok(value), "{template}");
        }
    }

    #[test]
    fn malformed_templates_are_problems_with_their_place() {
        for (template, problem) in [
            (json!("${state.n"), "p: has a `${` without its `}`"),
            (
                json!({"a": ["${}"]}),
                "p.a[0]: `${}` is an empty expression",
            ),
            (
                json!({"a b": "${x}"}),
                "p.\"a b\": `${x}` uses the unknown name `x`",
            ),
            (json!("${'a}"), "p: has a `${` without its `}`"),
        ] {
            let error = render(template.clone()).unwrap_err();
            assert!(error.starts_with(problem), "{template}: {error}");
        }
    }

    #[test]
    fn a_subtree_without_expressions_is_one_constant() {
        let mut problems = Problems::default();
        let template = json!({"a": {"b": ["x", "$${y}"]}});
        let compiled = Template::compile(&Path::Root, &template, &mut problems);
        assert!(compiled.is_constant());
    }
}
