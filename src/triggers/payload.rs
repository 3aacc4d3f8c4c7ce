//! The body of `POST /triggers/deploys`, read strictly: what is misspelt must not pass for what is left out.

use jiff::Timestamp;
use serde::Deserialize;

use crate::incident::deploy::{Deploy, DeployStatus};

/// The longest id and names.
const LONGEST_NAME: usize = 200;
/// The longest text; a card shows less.
const LONGEST_TEXT: usize = 2000;

/// The body as it comes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    id: String,
    pub(super) environment: String,
    service: String,
    status: DeployStatus,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    revision: Option<String>,
    #[serde(default)]
    branch: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

impl Body {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// What it tells, at `at`.
    ///
    /// # Errors
    /// What is wrong and what to do.
    pub(super) fn deploy(self, at: Timestamp) -> Result<Deploy, String> {
        for (name, value) in [("id", &self.id), ("environment", &self.environment), ("service", &self.service)] {
            if value.trim().is_empty() {
                return Err(format!("`{name}` is empty. Give it a value."));
            }
            if value.len() > LONGEST_NAME {
                return Err(format!("`{name}` is longer than {LONGEST_NAME} characters. Shorten it."));
            }
        }
        let texts = [
            ("stage", &self.stage),
            ("revision", &self.revision),
            ("branch", &self.branch),
            ("author", &self.author),
            ("url", &self.url),
            ("reason", &self.reason),
        ];
        if let Some((name, _)) =
            texts.iter().find(|(_, text)| text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT))
        {
            return Err(format!("`{name}` is longer than {LONGEST_TEXT} characters. Shorten it, or leave it out."));
        }
        let is_url = |url: &String| url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if self.url.as_ref().is_some_and(|url| !is_url(url)) {
            return Err("`url` is no http or https URL. Correct it, or leave it out.".to_owned());
        }
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Ok(Deploy {
            id: self.id,
            environment: self.environment,
            service: self.service,
            status: self.status,
            stage: given(self.stage),
            revision: given(self.revision),
            branch: given(self.branch),
            author: given(self.author),
            url: self.url,
            reason: given(self.reason),
            at,
        })
    }
}
