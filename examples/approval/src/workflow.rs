//! The workflow of a payment.

use mobius_worker_sdk::types::WorkflowSpec;
use serde_json::json;

/// The workflow. Inputs: `amount`, and `patience`, how long to wait for a decision.
#[must_use]
pub fn workflow() -> WorkflowSpec {
    let spec = json!({
        "name": "approval",
        "description": "Makes a payment once it is approved and released.",
        "inputs": [
            {"name": "amount", "type": "number", "description": "What is to be paid."},
            {
                "name": "patience", "type": "string", "default": "24h",
                "description": "How long to wait for a decision."
            },
        ],
        "outputs": [{"name": "outcome", "variable": "outcome"}],
        "steps": [
            {
                "name": "ask",
                "action": "approval.ask",
                "parameters": {"amount": "${inputs.amount}"},
                "next": [{"step": "decide"}],
            },
            {
                "name": "decide",
                "wait_signal": {
                    "topic": "decision", "timeout": "${inputs.patience}",
                    "store": "decision", "on_timeout": "expire",
                },
                "edge_matching_strategy": "first",
                "next": [
                    {"step": "hold", "condition": "state.decision.approved"},
                    {"step": "refuse"},
                ],
            },
            {
                "name": "hold",
                "pause": {"reason": "Approved payments are released by hand."},
                "next": [{"step": "pay"}],
            },
            close("pay", "paid"),
            close("refuse", "refused"),
            close("expire", "expired"),
        ],
    });
    serde_json::from_value(spec).expect("the spec is well-formed")
}

/// A last step, which says what became of the payment.
fn close(name: &str, outcome: &str) -> serde_json::Value {
    json!({
        "name": name,
        "action": "approval.close",
        "parameters": {"amount": "${inputs.amount}", "outcome": outcome},
        "store": "outcome",
    })
}
