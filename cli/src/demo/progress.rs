//! Shows how far the demo is: lines with the time since the start, and a bar on a terminal.

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

    /// Says how many steps follow.
    pub(super) fn expect(&self, steps: usize) {
        self.bar.set_length(steps as u64);
        let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} runs");
        if let Ok(style) = style {
            self.bar.set_style(style);
        }
        if self.is_terminal {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// One step is done. Without a terminal, every tenth part of the way is a line.
    pub(super) fn step(&self) {
        self.bar.inc(1);
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(1).max(1));
        if !self.is_terminal && done * 10 / all != (done - 1) * 10 / all {
            self.say(&format!("{done} of {all} runs are completed"));
        }
    }

    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
