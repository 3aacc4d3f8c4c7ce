//! What a step on Amplify Hosting does: plain data.

use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a step on Amplify Hosting does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum AmplifyWork {
    /// Deploys what an earlier job of a branch deployed.
    Branch(BranchJob),
    /// Leads a name of a domain to another branch.
    Domain(DomainRoute),
}

/// A branch and the job that it shall show again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchJob {
    /// The app's id.
    pub app: String,
    /// What people call the app.
    pub name: String,
    /// The branch.
    pub branch: String,
    /// The job that was shown when the plan was made: what is taken back.
    pub from: Option<String>,
    /// The job that is deployed again.
    pub job: String,
    /// By which of Amplify's ways.
    pub way: JobWay,
}

/// By which of Amplify's ways an earlier job is deployed again: the app's kind leaves no choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum JobWay {
    /// `StartJob` RETRY, for an app with a repository: the job's commit is built again.
    Rebuild {
        /// The commit.
        commit: String,
    },
    /// `StartDeployment`, for an app without one: what the job deployed is deployed from the same place again.
    Redeploy {
        /// Where that lies.
        source: String,
        /// `ZIP` or `BUCKET_PREFIX`; `None` where Amplify did not say.
        kind: Option<String>,
    },
}

/// A name of a domain and the branch that it shall lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainRoute {
    /// The app's id.
    pub app: String,
    /// What people call the app.
    pub name: String,
    /// The domain.
    pub domain: String,
    /// What stands in front of it; empty for the domain itself.
    pub prefix: String,
    /// The branch that the name led to when the plan was made.
    pub from: String,
    /// The branch that it shall lead to.
    pub to: String,
    /// The job that this branch showed when the plan was made: what visitors will get.
    pub shows: String,
    /// Everything that `UpdateDomainAssociation` replaces, as it was when the plan was made.
    pub settings: DomainSettings,
}

/// Everything that `UpdateDomainAssociation` replaces.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DomainSettings {
    /// Every name with its branch, sorted.
    pub names: Vec<Subdomain>,
    /// Whether new branches get names by themselves.
    pub auto_names: bool,
    /// Which branches do.
    pub auto_patterns: Vec<String>,
    /// The role that makes those names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_role: Option<String>,
    /// The certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateKept>,
}

/// A name of a domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subdomain {
    /// What stands in front of the domain; empty for the domain itself.
    pub prefix: String,
    /// The branch that it leads to.
    pub branch: String,
}

/// A domain's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateKept {
    /// `AMPLIFY_MANAGED` or `CUSTOM`.
    pub kind: String,
    /// The ARN of a custom one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

/// A branch that has to show a job that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmplifyCheck {
    /// The app's id or name.
    pub app: String,
    /// The branch.
    pub branch: String,
    /// What it has to show, where the plan takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Box<BranchJob>>,
}

impl AmplifyWork {
    /// What approval binds beside resource, releases, verbs and losses: everything that is written to a domain, and the
    /// place that something is deployed from.
    pub fn bound(&self) -> Option<serde_json::Value> {
        match self {
            Self::Branch(work) => match &work.way {
                JobWay::Rebuild { commit } => Some(json!({ "commit": commit })),
                JobWay::Redeploy { source, .. } => Some(json!({ "source": source })),
            },
            Self::Domain(work) => Some(json!({ "shows": work.shows, "settings": work.settings })),
        }
    }

    /// What changed where that differs between two looks, for people.
    pub fn bound_words(&self) -> &'static str {
        match self {
            Self::Branch(_) => "what would be deployed is something else now",
            Self::Domain(_) => "the domain's settings or what the branch shows have changed",
        }
    }
}

impl DomainRoute {
    /// The name as visitors type it: `www.example.com`.
    pub fn host(&self) -> String {
        host(&self.prefix, &self.domain)
    }
}

/// A name as visitors type it.
pub fn host(prefix: &str, domain: &str) -> String {
    if prefix.is_empty() { domain.to_owned() } else { format!("{prefix}.{domain}") }
}

impl DomainSettings {
    /// The branch that a name leads to.
    pub fn branch_of(&self, prefix: &str) -> Option<&str> {
        self.names.iter().find(|name| name.prefix == prefix).map(|name| name.branch.as_str())
    }

    /// The same with one name leading to `branch`.
    #[must_use]
    pub fn with(&self, prefix: &str, branch: &str) -> Self {
        let mut settings = self.clone();
        for name in settings.names.iter_mut().filter(|name| name.prefix == prefix) {
            branch.clone_into(&mut name.branch);
        }
        settings
    }

    /// Every name with its branch, for people: `example.com to main, www.example.com to main`.
    pub fn words(&self, domain: &str) -> String {
        let names = self.names.iter().map(|name| format!("{} to {}", host(&name.prefix, domain), name.branch));
        names.collect::<Vec<_>>().join(", ")
    }
}
