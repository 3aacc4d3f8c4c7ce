//! What a stack was deployed with: template, parameters and what goes with them. The stored form of a snapshot.
//!
//! CloudFormation keeps only the present template, and shows `****` instead of a secret parameter. So a snapshot is taken
//! while a version is live, and a secret keeps whatever value the stack has when one goes back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::incident::ids::Digest;
use crate::incident::release::Release;

/// What CloudFormation shows instead of the value of a `NoEcho` parameter.
const MASK: &str = "****";
/// Words that a parameter's name contains when its value says which version runs, the most telling first.
const VERSION_WORDS: [&str; 6] = ["version", "imagetag", "gitsha", "commit", "release", "tag"];
/// The longest value that is taken for a version: a digest of 64 characters is none that anybody reads.
const LONGEST_VERSION: usize = 48;

/// What a stack is deployed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The template as it was written, before transforms.
    pub template: String,
    /// The parameters, in the order of their names.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
    /// What the template may do: `CAPABILITY_IAM`.
    pub capabilities: Vec<String>,
    /// The role that CloudFormation acts as, where one was given. Kept for the record: CloudFormation goes on using it.
    pub role: Option<String>,
    /// The topics that are told of events. Kept for the record.
    pub notifications: Vec<String>,
    /// The stack policy. Kept for the record: a change set cannot change it.
    pub policy: Option<String>,
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterValue {
    /// This.
    Text(String),
    /// Whatever the stack has now: it is secret, or was left out.
    AsItIs,
}

impl ParameterValue {
    /// A value as CloudFormation shows it.
    pub fn shown(value: &str) -> Self {
        if value == MASK { Self::AsItIs } else { Self::Text(value.to_owned()) }
    }
}

impl Content {
    /// What tells two contents apart: template, parameters and tags. Secrets cannot be told apart.
    pub fn identity(&self) -> Digest {
        let told = (self.template.trim_end(), &self.parameters, &self.tags);
        Digest::of(&serde_json::to_vec(&told).unwrap_or_default())
    }

    /// What tells two templates apart.
    pub fn template_digest(&self) -> Digest {
        Digest::of(self.template.trim_end().as_bytes())
    }

    /// The version that a parameter names: `v41`.
    pub fn version(&self) -> Option<String> {
        let plain = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
        VERSION_WORDS.iter().find_map(|word| {
            self.parameters.iter().find_map(|(name, value)| match value {
                ParameterValue::Text(text) => {
                    let fits = plain(name).contains(word) && !text.is_empty() && text.len() <= LONGEST_VERSION;
                    fits.then(|| text.clone())
                }
                ParameterValue::AsItIs => None,
            })
        })
    }

    /// The git commit that a parameter names: `git-0a1b2c3d` or the digits alone.
    fn commit(&self) -> Option<String> {
        let is_commit = |text: &str| {
            (7..=40).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
                && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        };
        self.parameters.values().find_map(|value| match value {
            ParameterValue::Text(text) => {
                let plain = text.strip_prefix("git-").unwrap_or(text);
                is_commit(plain).then(|| plain.to_owned())
            }
            ParameterValue::AsItIs => None,
        })
    }

    /// The release that it is, deployed at `at`.
    pub fn release(&self, at: Option<Timestamp>) -> Release {
        let label = format!("template {}", self.template_digest().short());
        Release {
            id: self.identity().as_str().to_owned(),
            label,
            version: self.version(),
            commit: self.commit(),
            images: Vec::new(),
            deployed_at: at,
            deployed_by: None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn content(version: &str) -> Content {
        Content {
            template: "Resources: {}\n".to_owned(),
            parameters: BTreeMap::from([
                ("ApiVersion".to_owned(), ParameterValue::Text(version.to_owned())),
                ("DbPassword".to_owned(), ParameterValue::shown("****")),
            ]),
            tags: BTreeMap::new(),
            capabilities: vec!["CAPABILITY_IAM".to_owned()],
            role: None,
            notifications: Vec::new(),
            policy: None,
        }
    }

    #[test]
    fn the_version_is_what_a_parameter_says() {
        assert_eq!(content("v41").version().as_deref(), Some("v41"));
        let mut without = content("v41");
        without.parameters.remove("ApiVersion");
        assert_eq!(without.version(), None);
    }

    #[test]
    fn two_contents_differ_by_template_parameters_and_tags_and_not_by_a_last_line_break() {
        let one = content("v41");
        assert_ne!(one.identity(), content("v42").identity());
        let same = Content { template: "Resources: {}".to_owned(), role: Some("r".to_owned()), ..one.clone() };
        assert_eq!(one.identity(), same.identity());
        let tagged = Content { tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]), ..one.clone() };
        assert_ne!(one.identity(), tagged.identity());
    }

    #[test]
    fn a_secret_keeps_the_value_that_the_stack_has() {
        assert_eq!(content("v41").parameters["DbPassword"], ParameterValue::AsItIs);
    }
}
