//! A Lambda function as a target, and settings of one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::later;
use crate::config::section::{Field, Reader, Section};

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LambdaTarget {
    /// The function's name.
    pub function: String,
    /// The alias that callers use; left out, the function itself is taken back.
    pub alias: Option<String>,
}

/// Settings of a Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LambdaSettingsTarget {
    /// The function's name.
    pub function: String,
    /// Its time-out, in seconds.
    pub timeout: Option<u32>,
    /// Its memory, in MiB.
    pub memory: Option<u32>,
    /// Environment variables that are set; the others stay.
    pub environment: BTreeMap<String, String>,
}

impl LambdaTarget {
    pub(super) fn identity(&self) -> String {
        match &self.alias {
            Some(alias) => format!("Lambda function {}:{alias}", self.function),
            None => format!("Lambda function {}", self.function),
        }
    }
}

impl LambdaSettingsTarget {
    pub(super) fn identity(&self) -> String {
        format!("Lambda settings of {}", self.function)
    }
}

/// Lambda: a function may run for a quarter of an hour, in seconds.
const LONGEST: u64 = 900;
/// Lambda: the least and the most memory of a function, in MiB.
const LEAST_MEMORY: u64 = 128;
const MOST_MEMORY: u64 = 10_240;

pub(super) fn read(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<LambdaTarget> {
    let function = function(section, reader);
    let alias = section.optional("alias", reader.report).and_then(|field| {
        let alias = field.text(reader)?;
        // Lambda: `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`.
        if alias.len() > 128 || !is_name(&alias) || alias.bytes().all(|b| b.is_ascii_digit()) {
            field.error(
                reader.report,
                format!(
                    "`{alias}` cannot be the name of an alias; those are made of letters, digits, `-` and `_`, and are no \
                     plain number"
                ),
            );
        }
        Some(alias)
    });
    Some(LambdaTarget { function: function?, alias })
}

pub(super) fn read_settings(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<LambdaSettingsTarget> {
    let place = section.place;
    let function = function(section, reader);
    let number = |field: Field<'_>, least, most, reader: &mut Reader<'_>| {
        field.whole(least..=most, reader.report).and_then(|number| u32::try_from(number).ok())
    };
    let timeout = section.optional("timeout", reader.report);
    let memory = section.optional("memory", reader.report);
    let environment = section.optional("environment", reader.report);
    if timeout.is_none() && memory.is_none() && environment.is_none() {
        reader.report.error(
            place,
            "`lambda_settings` sets nothing; write what is to be set: `timeout` in seconds, `memory` in MB, or \
             `environment`",
        );
    }
    Some(LambdaSettingsTarget {
        function: function?,
        timeout: timeout.and_then(|field| number(field, 1, LONGEST, reader)),
        memory: memory.and_then(|field| number(field, LEAST_MEMORY, MOST_MEMORY, reader)),
        environment: environment.map(|field| variables(field, reader)).unwrap_or_default(),
    })
}

fn function(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<String> {
    section.required("function", "\"jobs-${env}\"", reader.report).and_then(|field| {
        let function = field.text(reader)?;
        if function.starts_with("arn:") {
            field.error(reader.report, "`function` takes the name of the function, not its ARN; write its last part");
        } else if function.contains(':') {
            field.error(reader.report, "`function` takes the name alone; write what follows the colon as `alias`");
        } else if function.len() > 64 || !is_name(&function) {
            // Lambda: `[a-zA-Z0-9-_]+`, up to 64 characters.
            field.error(
                reader.report,
                format!(
                    "`{function}` cannot be the name of a Lambda function; those are made of letters, digits, `-` and `_`"
                ),
            );
        }
        Some(function)
    })
}

fn variables(field: Field<'_>, reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let entries = field.filled_mapping(reader.report).unwrap_or_default();
    let mut variables = BTreeMap::new();
    for entry in entries {
        if let Some(refusal) = later::secret(&entry.key) {
            reader.report.error(entry.place, refusal);
            continue;
        }
        // Lambda: `[a-zA-Z]([a-zA-Z0-9_])+`.
        let fits = entry.key.len() > 1
            && entry.key.starts_with(|c: char| c.is_ascii_alphabetic())
            && entry.key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !fits {
            reader.report.error(
                entry.place,
                format!(
                    "`{}` cannot be the name of an environment variable of a function; those begin with a letter and are \
                     made of letters, digits and `_`",
                    entry.key
                ),
            );
        }
        let value = Field { key: &entry.key, node: &entry.node }.text(reader);
        variables.extend(value.map(|value| (entry.key.clone(), value)));
    }
    variables
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
