//! What expressions mean, what they say when they fail, and that none can do harm.

use std::time::{Duration, Instant};

use mobius_types::JsonObject;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{run::RunFacts, scope::RunObject};

fn evaluate_in(source: &str, state: &Value) -> Result<Value, String> {
    let expression = Expression::compile(source)?;
    let facts = RunFacts {
        id: "run_1".to_owned(),
        attempt: 2,
        metadata: [("team".to_owned(), "a".to_owned())].into(),
        external_id: None,
    };
    let run = RunObject::new(&facts);
    let inputs = JsonObject::from_iter([("n".to_owned(), json!(7))]);
    let scope = Scope::new(&inputs, state.as_object().unwrap(), &run);
    match expression.evaluate(&scope, &mut Budget::default()) {
        Ok(value) => Ok(value),
        Err(Fault::Failed(message)) => Err(message),
        Err(Fault::Exhausted) => Err("exhausted".to_owned()),
    }
}

fn evaluate(source: &str) -> Result<Value, String> {
    let state = json!({
        "count": 11, "f": 1.5, "whole": 3.0, "big": u64::MAX, "name": "Ann", "nul": null,
        "items": [1, 2, 3], "order": {"id": "o1", "lines": [{"sku": "a", "n": 2}]},
        "odd key": true, "tags": {"b": 1, "a": 2, "c": 3}, "t": true,
        "time": "2026-01-02T03:04:05Z",
    });
    evaluate_in(source, &state)
}

#[test]
fn expressions_have_the_values_of_cel() {
    for (source, value) in [
        ("state.count", json!(11)),
        ("state.order.lines", json!([{"sku": "a", "n": 2}])),
        ("inputs.n + state.count", json!(18)),
        ("state.count > 10 && state.f <= 1.5", json!(true)),
        ("state.count == 11.0", json!(true)),
        ("state.whole == 3", json!(true)),
        ("state.count / 2", json!(5)),
        ("state.count % 2", json!(1)),
        ("double(state.count) + state.f", json!(12.5)),
        ("state.big > 1", json!(true)),
        ("state.big", json!(u64::MAX)),
        ("state.items.map(i, i * 2)", json!([2, 4, 6])),
        ("state.items.filter(i, i > 1).map(i, i)", json!([2, 3])),
        ("state.items.exists(i, i == 2)", json!(true)),
        ("state.items.all(i, i > 1)", json!(false)),
        ("state.items.exists_one(i, i == 2)", json!(true)),
        ("state.items[1]", json!(2)),
        ("2 in state.items", json!(true)),
        ("'id' in state.order", json!(true)),
        ("state['odd key']", json!(true)),
        ("state.order.lines[0].sku + '!'", json!("a!")),
        ("has(state.missing)", json!(false)),
        ("has(state.order.id)", json!(true)),
        ("state.?missing.orValue(5)", json!(5)),
        ("state.?missing", json!(null)),
        ("optional.of(1).value()", json!(1)),
        ("state.nul == null", json!(true)),
        ("state.missing > 1 || true", json!(true)),
        ("size(state.name) + size(state.items)", json!(6)),
        ("state.name.matches('^A.n$')", json!(true)),
        ("matches(state.name, 'x')", json!(false)),
        ("state.t ? 'yes' : 'no'", json!("yes")),
        (
            "{'a': [state.count], 'b': {'c': null}}",
            json!({"a": [11], "b": {"c": null}}),
        ),
        ("{1: 'a', true: 'b'}", json!({"1": "a", "true": "b"})),
        ("state.tags.map(k, k)", json!(["a", "b", "c"])),
        ("state.tags == {'a': 2, 'b': 1, 'c': 3}", json!(true)),
        ("state.items == [1, 2.0, 3u]", json!(true)),
        ("run.id + run.metadata.team", json!("run_1a")),
        ("run.attempt", json!(2)),
        ("run.external_id == null", json!(true)),
        ("string(state.count)", json!("11")),
        (
            "timestamp(state.time) + duration('90m')",
            json!("2026-01-02T04:34:05Z"),
        ),
        ("timestamp(state.time).getFullYear()", json!(2026)),
        ("duration('1h30m')", json!("5400s")),
        ("duration('-1.5s')", json!("-1.5s")),
        ("b'ab'", json!("YWI=")),
        ("type(state.count) == int", json!(true)),
        ("true", json!(true)),
    ] {
        assert_eq!(evaluate(source), Ok(value), "{source}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    for (source, reason) in [
        (
            "state.missing",
            "there is no key `missing`; test for it with has() or `in`",
        ),
        ("state.order.missing", "there is no key `missing`"),
        ("state.missing == null", "there is no key `missing`"),
        ("state['mis sing']", "there is no key `mis sing`"),
        ("has(state.a.b)", "there is no key `a`"),
        ("state.count.x", "a value of type int has no fields"),
        ("state.count.x == 1", "a value of type int has no fields"),
        ("state.items.x", "a value of type list has no fields"),
        ("state.items.x == 1", "a value of type list has no fields"),
        ("state.nul.x", "a value of type null has no fields"),
        ("state.nul.x == 1", "a value of type null has no fields"),
        ("state.t.x", "a value of type boolean has no fields"),
        ("state.t.x == 1", "a value of type boolean has no fields"),
        ("state.name.x == 1", "a value of type string has no fields"),
        ("state.f.x == 1", "a value of type double has no fields"),
        (
            "state.count + state.f",
            "no `add` of int and double; convert the other number with double()",
        ),
        ("state.count + state.name", "no `add` of int and string"),
        ("state.count > '10'", "`>` does not take (int, string)"),
        ("state.nul > 1", "`>` does not take (null"),
        ("!state.nul", "`!` does not take (null"),
        ("state.name && true", "`&&` does not take (string, bool)"),
        ("state.count / 0", "divided by zero"),
        ("9223372036854775807 + 1", "out of range"),
        ("state.items[9]", "the list has no index 9"),
        ("1.0 / 0.0", "infinite or not a number"),
        ("state.name.matches('(')", "malformed or too large"),
        (
            "state.name.matches('x{1000}{1000}')",
            "malformed or too large",
        ),
        ("int('x')", "int()"),
        ("{'a': 1, 'a': 2}", "has the key `a` twice"),
        ("'a\\x00b'", "NUL"),
        ("state.count.map(x, x)", "expected"),
    ] {
        let error = evaluate(source).unwrap_err();
        assert!(error.starts_with('`'), "{source}: {error}");
        assert!(error.contains(reason), "{source}: {error}");
    }
}

#[test]
fn an_error_never_carries_a_large_value() {
    let state = json!({"text": "x".repeat(1_000_000), "list": vec![1; 50_000]});
    for source in [
        "state.text + 1",
        "state.list + 1",
        "state.list < 1",
        "{state.text: 1, state.text: 2}",
        "int(state.text)",
        "timestamp(state.text)",
        "state.text[1]",
        "state.list[state.text]",
        "state[state.text]",
        "state.text.matches(state.text)",
        "duration(state.text)",
    ] {
        let error = evaluate_in(source, &state).unwrap_err();
        assert!(error.len() < 1_500, "{source}: {} bytes", error.len());
    }
}

#[test]
fn maps_are_iterated_in_the_order_of_their_keys() {
    let fields = (0..100).map(|n| (format!("k{n:02}"), json!(n)));
    let state = json!({"m": JsonObject::from_iter(fields)});
    let keys = evaluate_in("state.m.map(k, k)", &state).unwrap();
    let keys = keys.as_array().unwrap();
    assert_eq!(keys.len(), 100);
    assert!(keys.is_sorted_by(|a, b| a.as_str() <= b.as_str()));
}

#[test]
fn ordinary_work_on_ten_thousand_items_is_within_the_limits() {
    let items: Vec<_> = (0..10_000)
        .map(|n| json!({"id": n, "name": format!("item {n}"), "done": n % 2 == 0}))
        .collect();
    let state = json!({ "few": items[..1_000], "items": items });
    for (source, size) in [
        ("state.items.map(i, i.id)", 10_000),
        ("state.items.filter(i, i.done)", 5_000),
        ("state.items.filter(i, i.name.startsWith('item 9'))", 1_111),
        ("state.few.filter(i, i.name.matches('7$'))", 100),
        ("state.items", 10_000),
    ] {
        let value = evaluate_in(source, &state).map(|value| value.as_array().unwrap().len());
        assert_eq!(value, Ok(size), "{source}");
    }
}

/// States with much of something.
fn large_states() -> [Value; 4] {
    [
        json!({"l": vec![7; 60_000], "s": "x".repeat(4_000_000), "k": vec![1; 1_000]}),
        json!({"l": vec!["y".repeat(100); 20_000], "s": "ab".repeat(500_000), "k": vec!["abc"; 1_000]}),
        json!({"l": vec![json!({"a": 1, "b": [1, 2, 3]}); 15_000], "s": "", "k": []}),
        json!({"l": [json!("z".repeat(3_000_000)), 1, 2, 3], "s": "", "k": vec![0; 2_000]}),
    ]
}

/// Texts that make an unguarded evaluator hang, eat memory or overflow its stack.
fn hostile() -> Vec<String> {
    let texts = HOSTILE.iter().map(ToString::to_string);
    texts.chain(hostile_by_size()).collect()
}

const HOSTILE: &[&str] = &[
    "state.l.all(a, state.l.all(b, a == b))",
    "state.l.map(a, state.l)",
    "state.l.map(a, state.s)",
    "state.l.map(a, a in state.l)",
    "state.l.filter(a, state.l == state.l)",
    "state.l.map(a, [a, a, a, a]).map(b, [b, b, b, b]).map(c, [c, c, c, c])",
    "state.k.map(a, state.l + state.l)",
    "[state.s].map(x, x + x).map(x, x + x).map(x, x + x)",
    "state.s.matches('(a*)*(b*)*(x+x+)+y')",
    "state.s.matches('(a|b|ab)*c{2,500}d')",
    "state.s.matches('[ab]*a[ab]{250}c')",
    "state.s.matches(state.s)",
    "state.k.all(a, state.s.matches('\\\\w+\\\\d+$'))",
    "state.k.all(a, 'x'.matches('(\\\\w{10}){10}'))",
    "state.l.exists(a, string(a).matches('a{100}'))",
    "state.l.map(x, x).map(x, {x: x, 'a': x})",
    "state.l < state.l",
    "state.l - state.l",
    "type(type(type(state)))",
    "dyn(dyn(dyn(dyn(state))))",
    "optional.of(optional.of(optional.of(state)))",
    "timestamp('9999-12-31T23:59:59Z') + duration('2540400h')",
    "duration('9223372036s') + duration('9223372036s')",
    "timestamp(9223372036854775807)",
    "-(-9223372036854775807 - 1)",
    "(-9223372036854775807 - 1) / -1",
    "(-9223372036854775807 - 1) % -1",
    "int(1e300) + uint(-1)",
    "timestamp('2026-01-01T00:00:00Z').getHours('No/Where')",
    "'\u{0}'",
    "\u{202e}state.a",
    "\"\\ud800\"",
    "b'\\xff' == 'a'",
    "string(b'\\xff')",
];

fn hostile_by_size() -> Vec<String> {
    vec![
        vec!["state.s"; 250].join(" + "),
        vec!["state.l"; 250].join(" + "),
        vec!["state.l == state.l"; 80].join(" && "),
        format!("[{}]", vec!["state"; 300].join(",")),
        vec!["1"; 200].join("+"),
        vec!["'a'"; 200].join("+"),
        format!("{}1{}", "[".repeat(30), "]".repeat(30)),
        format!("{}1{}", "(".repeat(31), ")".repeat(31)),
        format!("{}true", "!".repeat(300)),
        format!("{}1", "-".repeat(300)),
        "(".repeat(2_000),
        "[".repeat(2_000),
        "{".repeat(2_000),
        "'".repeat(2_000),
        "a.".repeat(1_000),
        "state".to_owned() + &".a".repeat(390),
        "has(".repeat(400),
        "1?".repeat(500),
        format!("{}1{}", "true?".repeat(30), ":1".repeat(30)),
        format!("state{}", "[0]".repeat(190)),
        format!("state{}", ".?a".repeat(190)),
    ]
}

#[test]
fn hostile_expressions_end_soon_on_a_small_stack() {
    let evaluated = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(|| {
            let states = large_states();
            for (source, state) in hostile()
                .iter()
                .flat_map(|source| states.iter().map(move |state| (source, state)))
            {
                let started = Instant::now();
                // What it says is not the point: it must come back, and soon.
                let _ = evaluate_in(source, state);
                let elapsed = started.elapsed();
                let shown: String = source.chars().take(60).collect();
                // A release build needs at most 50 ms; this one has no optimisation.
                assert!(elapsed < Duration::from_secs(2), "{shown} took {elapsed:?}");
            }
        });
    evaluated.unwrap().join().unwrap();
}

/// Pieces that form expressions often enough to get behind the parser.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "state",
        "inputs",
        "run",
        ".",
        ".a",
        ".?a",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        "?",
        " + ",
        " - ",
        " * ",
        " / ",
        " % ",
        " == ",
        " < ",
        " && ",
        " || ",
        "!",
        "-",
        " in ",
        "1",
        "0",
        "9223372036854775807",
        "1.5",
        "1e308",
        "2u",
        "'a'",
        "\"",
        "r'\\'",
        "b'a'",
        "true",
        "null",
        "x",
        ".map(x, ",
        ".filter(x, ",
        ".all(x, ",
        "has(",
        "size(",
        "string(",
        "int(",
        "timestamp('2026-01-01T00:00:00Z')",
        "duration('1h')",
        ".getHours('UTC')",
        ".matches('a+')",
        "optional.of(",
        ".orValue(",
        "é",
        "//",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_refused_or_evaluated_and_twice_alike(source in pieces()) {
        let state = json!({"a": [1, "b", {"a": null}], "b": 1.5});
        prop_assert_eq!(evaluate_in(&source, &state), evaluate_in(&source, &state));
    }

    #[test]
    fn a_path_means_the_same_to_cel_and_to_the_short_cut(
        members in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d"]), 0..4),
    ) {
        let state = json!({"a": {"b": {"c": [1]}, "c": "x"}, "b": 2, "c": null, "d": [1.5, true]});
        let path = format!("state{}", members.iter().map(|m| format!(".{m}")).collect::<String>());
        let through_cel = evaluate_in(&format!("({path})"), &state);
        let direct = evaluate_in(&path, &state);
        let reason = |outcome: Result<Value, String>| {
            outcome.map_err(|message| message.split_once("`: ").map(|(_, reason)| reason.to_owned()))
        };
        prop_assert_eq!(reason(direct), reason(through_cel));
    }
}
