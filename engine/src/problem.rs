//! What is wrong with a spec or with inputs, and where.
//!
//! Problems are collected, never returned one by one: an author sees all of them at once.

use std::fmt;

/// How many problems are shown: who has more wants to mend these first.
const MAX_SHOWN: usize = 50;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place, such as `steps[2].next[0].step`; empty for the whole.
    pub path: String,
    /// What is wrong there and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// All that is wrong, in the order of the document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, path: &Path<'_>, message: impl Into<String>) {
        self.0.push(Problem {
            path: path.to_string(),
            message: message.into(),
        });
    }

    /// Adds the problem of a failed check, and gives the value of one that went well.
    pub(crate) fn take<T>(
        &mut self,
        path: &Path<'_>,
        checked: Result<T, impl fmt::Display>,
    ) -> Option<T> {
        checked
            .inspect_err(|error| self.add(path, error.to_string()))
            .ok()
    }

    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().take(MAX_SHOWN).enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        match self.0.len().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            1 => f.write_str("; and 1 more problem"),
            more => write!(f, "; and {more} more problems"),
        }
    }
}

impl std::error::Error for Problems {}

/// A place in a document, spelled out only when there is something to say about it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) const fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    pub(crate) const fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_problems_the_first_are_shown_and_the_others_counted() {
        let mut problems = Problems::default();
        for at in 0..3_000 {
            problems.add(&Path::Root.field("steps").index(at), "is wrong");
        }
        let shown = problems.to_string();
        assert!(
            shown.ends_with("; steps[49]: is wrong; and 2950 more problems"),
            "{shown}"
        );
    }

    #[test]
    fn problems_are_shown_in_one_line_with_their_places() {
        let mut problems = Problems::default();
        let steps = Path::Root.field("steps");
        problems.add(&steps.index(0).field("name"), "is empty");
        problems.add(&Path::Root, "is too large");
        assert_eq!(
            problems.to_string(),
            "steps[0].name: is empty; is too large"
        );
    }
}
