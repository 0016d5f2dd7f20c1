//! The lines that a child is told.

use std::{io::BufRead, thread};

use tokio::sync::mpsc;

/// Reads the standard input in a thread of its own. The channel closes when the input ends, which
/// also happens when whoever started us has ended.
pub(crate) fn lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
