//! What a worker does for a payment: it tells people, and in the end makes the payment.

use mobius_worker_sdk::{ActionError, Context, Worker};
use serde::Deserialize;

/// Adds the actions to a worker.
pub fn register(worker: Worker) -> Worker {
    worker
        .action("approval.ask", ask)
        .action("approval.close", close)
}

#[derive(Debug, Deserialize)]
struct Payment {
    amount: f64,
}

/// Asks for a decision. A real one would send a message with the run's id in it.
async fn ask(_: Context, payment: Payment) -> Result<(), ActionError> {
    println!("a payment of {} waits for a decision", payment.amount);
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Closing {
    amount: f64,
    outcome: String,
}

/// Makes the payment or not. A real one would give the run's id to the bank, so that a repeated
/// attempt pays once.
async fn close(_: Context, closing: Closing) -> Result<String, ActionError> {
    println!("the payment of {} is {}", closing.amount, closing.outcome);
    Ok(closing.outcome)
}
