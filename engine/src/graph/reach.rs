//! Which steps a branch can still come to from a step: what tells a join that a branch will never
//! be started any more.

use mobius_types::WorkflowSpec;

use super::{MAX_STEPS, StepIndex, targets};

/// For each step a row of bits: the steps that a way leads to from there, itself included.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    words: usize,
    rows: Vec<u64>,
}

impl Reach {
    /// Follows all ways of a spec, whatever their conditions. Nothing is computed for a spec with
    /// too many steps, which is refused anyway.
    pub(crate) fn compute(spec: &WorkflowSpec, index: &StepIndex<'_>) -> Self {
        let count = spec.steps.len();
        if count > MAX_STEPS {
            return Self::default();
        }
        let words = count.div_ceil(64);
        let mut reach = Self {
            words,
            rows: vec![0; words * count],
        };
        for (at, step) in spec.steps.iter().enumerate() {
            reach.set(at, at);
            for target in targets(step) {
                if let Some(target) = index.get(target) {
                    reach.set(at, target);
                }
            }
        }
        reach.close();
        reach
    }

    /// Warshall's algorithm: what leads to a step leads on to all that the step leads to.
    fn close(&mut self) {
        let count = self.rows.len().checked_div(self.words).unwrap_or(0);
        for via in 0..count {
            let onward = self.row(via).to_vec();
            for from in 0..count {
                if self.leads(from, via) {
                    let row = &mut self.rows[from * self.words..][..self.words];
                    row.iter_mut()
                        .zip(&onward)
                        .for_each(|(word, on)| *word |= on);
                }
            }
        }
    }

    /// Whether a way leads from the one step to the other; every step leads to itself.
    pub(crate) fn leads(&self, from: usize, to: usize) -> bool {
        let word = self.rows.get(from * self.words + to / 64);
        word.is_some_and(|word| word & (1 << (to % 64)) != 0)
    }

    fn row(&self, at: usize) -> &[u64] {
        &self.rows[at * self.words..][..self.words]
    }

    fn set(&mut self, from: usize, to: usize) {
        self.rows[from * self.words + to / 64] |= 1 << (to % 64);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::problem::Problems;

    fn reach(next: &[(&str, &[&str])]) -> Reach {
        let steps = next.iter().map(|(name, next)| {
            let next: Vec<_> = next.iter().map(|step| json!({"step": step})).collect();
            json!({"name": name, "action": "a", "next": next})
        });
        let spec = json!({"name": "w", "steps": steps.collect::<Vec<_>>()});
        let spec: WorkflowSpec = serde_json::from_value(spec).unwrap();
        let mut problems = Problems::default();
        let index = StepIndex::build(&spec, &mut problems);
        Reach::compute(&spec, &index)
    }

    #[test]
    fn ways_are_followed_over_several_steps_and_loops() {
        let reach = reach(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &[])]);
        let row = |from| (0..4).map(|to| reach.leads(from, to)).collect::<Vec<_>>();
        assert_eq!(row(0), [true, true, true, false]);
        assert_eq!(row(1), [false, true, true, false]);
        assert_eq!(row(2), [false, true, true, false]);
        assert_eq!(row(3), [false, false, false, true]);
    }

    #[test]
    fn a_long_chain_reaches_its_end() {
        let names: Vec<_> = (0..200).map(|n| format!("s{n}")).collect();
        let next: Vec<Vec<&str>> = (1..=200)
            .map(|n| names.get(n).map(String::as_str).into_iter().collect())
            .collect();
        let steps: Vec<_> = names
            .iter()
            .map(String::as_str)
            .zip(next.iter().map(Vec::as_slice))
            .collect();
        let reach = reach(&steps);
        assert!(reach.leads(0, 199));
        assert!(!reach.leads(1, 0));
    }
}
