//! A version that a target can go back to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A version of a target, as its system names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// What the system calls it, in full: a task definition ARN.
    pub id: String,
    /// What people call it: `api:41`.
    pub label: String,
    /// The version that its image tag names, where it has one: `v41`.
    pub version: Option<String>,
    /// The git commit that it was built from, as far as something names it: seven to forty hexadecimal digits, lower
    /// case. By it, releases of several targets are known to belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What runs in it.
    pub images: Vec<Image>,
    /// When it was last deployed, if known.
    pub deployed_at: Option<Timestamp>,
    /// Who deployed or registered it, if known.
    pub deployed_by: Option<String>,
}

/// One container's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The container's name in the task definition.
    pub container: String,
    /// The image as the task definition names it.
    pub image: String,
    /// The digest that the tag stood for when it was deployed (`sha256:…`), where AWS recorded one.
    pub digest: Option<String>,
}

impl Release {
    /// What people read: the version where there is one, and the system's own name.
    pub fn name(&self) -> String {
        match &self.version {
            Some(version) => format!("{version} ({})", self.label),
            None => self.label.clone(),
        }
    }
}
