//! What is wrong with a configuration, and where.

use std::fmt;

/// A position in rollbot.yml, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// One thing that is wrong: what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// One sentence without its full stop.
    pub sentence: String,
}

/// Something that is allowed and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file, as it was named to the parser.
    pub file: String,
    /// Where and what.
    pub problem: Problem,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.file, self.problem.place, self.problem.sentence)
    }
}

/// Everything that is wrong with one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file, as it was named to the parser.
    pub file: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}, {}: {}", self.file, problem.place, problem.sentence)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects what is found while a file is read.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Report {
    /// Notes an error.
    pub(super) fn error(&mut self, place: Place, sentence: impl Into<String>) {
        self.problems.push(Problem { place, sentence: sentence.into() });
    }

    /// Notes a warning.
    pub(super) fn warn(&mut self, place: Place, sentence: impl Into<String>) {
        self.warnings.push(Problem { place, sentence: sentence.into() });
    }

    /// The warnings if nothing is wrong, else all errors, each said once: a service is read once per environment, and
    /// most mistakes show in each of them.
    pub(super) fn finish(self, file: &str) -> Result<Vec<Warning>, ConfigErrors> {
        if self.problems.is_empty() {
            let warnings = in_order(self.warnings).into_iter();
            Ok(warnings.map(|problem| Warning { file: file.to_owned(), problem }).collect())
        } else {
            Err(ConfigErrors { file: file.to_owned(), problems: in_order(self.problems) })
        }
    }
}

fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems.dedup();
    problems
}
