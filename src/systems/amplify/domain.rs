//! A name of a domain and the branches that it may lead to: what a look finds.

use aws_sdk_amplify::types::SubDomain;
use futures::future::{try_join, try_join_all};

use super::app::{self, App};
use super::inventory::Branch;
use super::job::{Job, Stand, is_same_commit};
use super::look;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::amplify::{CertificateKept, DomainSettings, Subdomain, host};

/// A name of a domain as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainSpec {
    /// The target's name; the step bears it.
    pub name: String,
    /// The app's id or name.
    pub app: String,
    /// The domain.
    pub domain: String,
    /// What stands in front of it; empty for the domain itself.
    pub prefix: String,
    /// The branch that it goes back to: the standby.
    pub branch: String,
}

/// What was found for planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainInventory {
    /// What was looked for.
    pub spec: DomainSpec,
    /// The app.
    pub app: App,
    /// The domain.
    pub association: Association,
    /// The branch that the name leads to, the standby, and one that somebody named; those that there are.
    pub branches: Vec<Shown>,
}

/// A domain of an app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Association {
    /// Its ARN.
    pub arn: String,
    /// What is set.
    pub settings: DomainSettings,
    /// `domainStatus`.
    pub status: String,
    /// `updateStatus`.
    pub update: Option<String>,
    /// Why it is so, in AWS's words.
    pub reason: String,
}

/// A branch and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The branch's name.
    pub name: String,
    /// The branch.
    pub branch: Branch,
    /// Its active job.
    pub job: Option<Job>,
}

/// What was seen of a domain while a name is led elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainSeen {
    /// The domain.
    pub association: Association,
    /// The branch that the name shall lead to; `None` where there is none any more.
    pub to: Option<Shown>,
}

/// How a domain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainStand {
    /// What is set is what visitors get.
    Ready,
    /// It is being changed, or waits for something.
    Busy,
    /// The last change failed.
    Failed,
}

impl Association {
    /// How it stands.
    pub fn stand(&self) -> DomainStand {
        match (self.status.as_str(), self.update.as_deref()) {
            ("FAILED", _) | (_, Some("UPDATE_FAILED")) => DomainStand::Failed,
            ("AVAILABLE", None | Some("UPDATE_COMPLETE")) => DomainStand::Ready,
            _ => DomainStand::Busy,
        }
    }

    /// Both statuses, in AWS's words.
    pub fn words(&self) -> String {
        match &self.update {
            Some(update) => format!("{}, {update}", self.status),
            None => self.status.clone(),
        }
    }
}

impl Shown {
    /// The active job, if it is one that succeeded.
    pub fn good(&self) -> Option<&Job> {
        self.job.as_ref().filter(|job| job.stand() == Stand::Succeeded)
    }
}

impl DomainInventory {
    /// The name as visitors type it.
    pub fn host(&self) -> String {
        host(&self.spec.prefix, &self.spec.domain)
    }

    /// A branch by its name.
    pub fn branch(&self, name: &str) -> Option<&Shown> {
        self.branches.iter().find(|shown| shown.name == name)
    }

    /// The branch that `to` means: its name, or the commit that it shows.
    pub fn named(&self, to: &str) -> Option<&Shown> {
        let shows =
            |shown: &&Shown| shown.good().and_then(Job::commit).is_some_and(|commit| is_same_commit(&commit, to));
        self.branch(to).or_else(|| self.branches.iter().find(shows))
    }
}

/// A fresh look, for planning; a branch that `to` names is looked at too.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such app or domain.
pub async fn look(aws: &Aws, spec: &DomainSpec, to: Option<&str>) -> Result<DomainInventory, AwsError> {
    let app = app::find(aws, &spec.app).await?;
    let association = association(aws, &app.id, &spec.domain).await.map_err(|error| {
        if error.class != ErrorClass::NotFound {
            return error;
        }
        let why = format!("Amplify app {} has no domain {}. Correct `domain` in rollbot.yml", app.name, spec.domain);
        AwsError::local("amplify", "GetDomainAssociation", ErrorClass::NotFound, why)
    })?;
    let now = association.settings.branch_of(&spec.prefix);
    let mut names: Vec<&str> = Vec::new();
    for name in now.into_iter().chain([spec.branch.as_str()]).chain(to) {
        if !names.contains(&name) && !name.eq_ignore_ascii_case("previous") {
            names.push(name);
        }
    }
    let branches = try_join_all(names.iter().map(|name| shown(aws, &app.id, name))).await?;
    let branches = branches.into_iter().flatten().collect();
    Ok(DomainInventory { spec: spec.clone(), app, association, branches })
}

/// What there is to see while a name is led to the branch `to`.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn seen(aws: &Aws, app: &str, domain: &str, to: &str) -> Result<DomainSeen, AwsError> {
    let (association, to) = try_join(association(aws, app, domain), shown(aws, app, to)).await?;
    Ok(DomainSeen { association, to })
}

/// A branch with what it shows; `None` where there is no such branch.
async fn shown(aws: &Aws, app: &str, name: &str) -> Result<Option<Shown>, AwsError> {
    let branch = match look::branch_of(aws, app, name).await {
        Ok(branch) => branch,
        // A name that no branch can have is a bad request.
        Err(error) if matches!(error.class, ErrorClass::NotFound | ErrorClass::Invalid) => return Ok(None),
        Err(error) => return Err(error),
    };
    let job = match &branch.active {
        Some(active) => look::followed(aws, app, name, active).await?.map(|followed| followed.job),
        None => None,
    };
    Ok(Some(Shown { name: name.to_owned(), branch, job }))
}

async fn association(aws: &Aws, app: &str, domain: &str) -> Result<Association, AwsError> {
    let call = aws.reads().amplify.get_domain_association().app_id(app).domain_name(domain);
    let answer = call.send().await.map_err(|error| AwsError::of("amplify", "GetDomainAssociation", &error))?;
    let Some(told) = answer.domain_association else {
        let why = "the answer has no domain in it";
        return Err(AwsError::local("amplify", "GetDomainAssociation", ErrorClass::Bug, why));
    };
    let settings = told.sub_domains().iter().filter_map(SubDomain::sub_domain_setting);
    let mut names: Vec<Subdomain> = settings
        .map(|name| Subdomain { prefix: name.prefix().to_owned(), branch: name.branch_name().to_owned() })
        .collect();
    names.sort();
    let certificate = told.certificate().map(|certificate| CertificateKept {
        kind: certificate.r#type().as_str().to_owned(),
        arn: certificate.custom_certificate_arn().filter(|arn| !arn.is_empty()).map(str::to_owned),
    });
    Ok(Association {
        arn: told.domain_association_arn().to_owned(),
        settings: DomainSettings {
            names,
            auto_names: told.enable_auto_sub_domain(),
            auto_patterns: told.auto_sub_domain_creation_patterns().to_vec(),
            auto_role: told.auto_sub_domain_iam_role().filter(|role| !role.is_empty()).map(str::to_owned),
            certificate,
        },
        status: told.domain_status().as_str().to_owned(),
        update: told.update_status().map(|status| status.as_str().to_owned()),
        reason: told.status_reason().to_owned(),
    })
}
