//! Shows how far the demo is: lines with the time since the start, and a sign of life on a terminal.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is shown goes to standard error; the table alone goes to standard output.
pub(super) struct Progress {
    begun: Instant,
    bar: ProgressBar,
    is_terminal: bool,
}

impl Progress {
    pub(super) fn start() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self {
            begun: Instant::now(),
            bar,
            is_terminal,
        }
    }

    /// Says what has just happened or is about to.
    pub(super) fn say(&self, line: &str) {
        eprintln!("{:>6.2}s  {line}", self.begun.elapsed().as_secs_f64());
    }

    /// Says what goes on now, and shows on a terminal that it does.
    pub(super) fn begin(&self, line: &str) {
        self.say(line);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}") {
            self.bar.set_style(style);
        }
        if self.is_terminal {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// What went on is done.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
