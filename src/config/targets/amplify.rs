//! What of an Amplify app can be a target: a branch, and a name of a domain.

use serde::{Deserialize, Serialize};

use crate::config::section::{Field, Reader, Section};

/// A branch of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmplifyTarget {
    /// The app's id or name.
    pub app: String,
    /// The branch.
    pub branch: String,
}

/// A name of a domain of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmplifyDomainTarget {
    /// The app's id or name.
    pub app: String,
    /// The domain.
    pub domain: String,
    /// What stands in front of it; empty for the domain itself.
    pub prefix: String,
    /// The branch that traffic goes back to: the standby.
    pub branch: String,
}

impl AmplifyTarget {
    pub(super) fn identity(&self) -> String {
        format!("Amplify branch {}/{}", self.app, self.branch)
    }
}

impl AmplifyDomainTarget {
    pub(super) fn identity(&self) -> String {
        format!("Amplify domain {}/{}/{}", self.app, self.domain, self.prefix)
    }
}

pub(super) fn read(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<AmplifyTarget> {
    let app = section.required("app", "\"${amplify_app}\"", reader.report).and_then(|field| app(field, reader));
    let branch = section.required("branch", "main", reader.report).and_then(|field| branch(field, reader));
    Some(AmplifyTarget { app: app?, branch: branch? })
}

pub(super) fn read_domain(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<AmplifyDomainTarget> {
    let app = section.required("app", "\"${amplify_app}\"", reader.report).and_then(|field| app(field, reader));
    let domain = section.required("domain", "example.com", reader.report).and_then(|field| domain(field, reader));
    // Left out: the domain itself.
    let prefix = section.optional("prefix", reader.report).map(|field| prefix(field, reader));
    let branch = section.required("branch", "standby", reader.report).and_then(|field| branch(field, reader));
    let prefix = prefix.unwrap_or_else(|| Some(String::new()));
    Some(AmplifyDomainTarget { app: app?, domain: domain?, prefix: prefix?, branch: branch? })
}

/// An app's id, or its name: up to 255 characters (botocore, `Name`).
pub(in crate::config) fn app(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let app = field.text(reader)?;
    if app.starts_with("arn:") {
        field.error(reader.report, "`app` takes the id or the name of an app, not an ARN; write its last part");
    } else if app.len() > 255 {
        field.error(reader.report, "`app` is longer than the name of an Amplify app can be (255 characters)");
    }
    Some(app)
}

/// A branch: up to 255 characters without spaces (botocore, `BranchName`; git).
pub(in crate::config) fn branch(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let branch = field.text(reader)?;
    if branch.len() > 255 || branch.chars().any(|c| c.is_whitespace() || c.is_control()) {
        field.error(reader.report, format!("`{branch}` cannot be the name of a branch; those have no spaces"));
    }
    Some(branch)
}

/// A domain as Amplify lists it: without scheme, path, and what stands in front.
fn domain(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let domain = field.text(reader)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if !domain.contains('.') || domain.len() > 64 || !domain.chars().all(fits) {
        field.error(
            reader.report,
            format!("`{domain}` is not a domain of Amplify; write it as Amplify lists it, such as `example.com`"),
        );
    }
    Some(domain)
}

fn prefix(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let prefix = field.text(reader)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '*');
    if !prefix.chars().all(fits) {
        field.error(
            reader.report,
            format!(
                "`{prefix}` cannot stand in front of a domain; write `www`, or leave `prefix` out for the domain itself"
            ),
        );
    }
    Some(prefix)
}
