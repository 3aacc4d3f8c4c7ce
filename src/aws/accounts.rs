//! The accounts of all environments, entered through their roles.
//!
//! Rollbot refuses an account that is not the one the configuration names: a wrong profile or a copied role would
//! otherwise roll back the wrong production. The session of an assumed role bears the incident's id, so that `CloudTrail`
//! tells which rollback made a call.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_types::SdkConfig;
use tokio::sync::OnceCell;

use super::account::Account;
use super::clients::{Aws, timeouts};
use super::error::{AwsError, ErrorClass};
use super::flight::Flights;
use crate::clock::Clock;

/// How many incidents' clients are kept: more than are ever open at once, and few enough to forget old sessions.
const KEPT: usize = 64;

/// The accounts of all environments.
#[derive(Debug)]
pub struct Accounts {
    environments: BTreeMap<String, Environment>,
    endpoint_url: Option<String>,
}

#[derive(Debug)]
struct Environment {
    account: Account,
    base: OnceCell<SdkConfig>,
    /// Set once the credentials were seen to belong to the configured account.
    checked: OnceCell<()>,
    flights: Arc<Flights>,
    /// Clients by session, the newest last.
    sessions: Mutex<VecDeque<(String, Aws)>>,
}

impl Accounts {
    /// The accounts of these environments. `endpoint_url` replaces AWS's own endpoints for every service; `None` leaves
    /// them to the SDK, which reads `AWS_ENDPOINT_URL` and its per-service forms.
    pub fn new(accounts: impl IntoIterator<Item = Account>, endpoint_url: Option<String>, clock: Clock) -> Self {
        Self::made(accounts, endpoint_url, None, clock)
    }

    /// The accounts of these environments, entered with the credentials, region and endpoint of `base` and nothing from
    /// the process's environment.
    pub fn over(accounts: impl IntoIterator<Item = Account>, base: &SdkConfig, clock: Clock) -> Self {
        Self::made(accounts, None, Some(base), clock)
    }

    fn made(
        accounts: impl IntoIterator<Item = Account>,
        endpoint_url: Option<String>,
        base: Option<&SdkConfig>,
        clock: Clock,
    ) -> Self {
        let environments = accounts
            .into_iter()
            .map(|account| {
                let environment = Environment {
                    base: OnceCell::new_with(base.cloned()),
                    checked: OnceCell::new(),
                    flights: Arc::new(Flights::new(clock)),
                    sessions: Mutex::default(),
                    account,
                };
                (environment.account.environment.clone(), environment)
            })
            .collect();
        Self { environments, endpoint_url }
    }

    /// The clients of `environment` for `session`: an incident's id, or another name of 2 to 64 letters, digits and
    /// `+=,.@-`. It becomes the role session's name.
    ///
    /// # Errors
    /// When the environment is not known, the role cannot be assumed, or the credentials belong to another account.
    pub async fn aws(&self, environment: &str, session: &str) -> Result<Aws, AwsError> {
        let Some(environment) = self.environments.get(environment) else {
            return Err(AwsError::local(
                "sts",
                "AssumeRole",
                ErrorClass::Bug,
                format!("there is no environment called {environment}"),
            ));
        };
        if let Some(aws) = environment.kept(session) {
            return Ok(aws);
        }
        let config = environment.enter(self.endpoint_url.as_deref(), session).await;
        let aws = Aws::new(&config, Arc::clone(&environment.flights));
        environment.checked.get_or_try_init(|| check(&environment.account, &aws)).await?;
        environment.keep(session, &aws);
        Ok(aws)
    }
}

impl Environment {
    async fn enter(&self, endpoint_url: Option<&str>, session: &str) -> SdkConfig {
        let base = self
            .base
            .get_or_init(|| async {
                let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts());
                if let Some(region) = &self.account.region {
                    loader = loader.region(Region::new(region.clone()));
                }
                if let Some(endpoint_url) = endpoint_url {
                    loader = loader.endpoint_url(endpoint_url);
                }
                loader.load().await
            })
            .await;
        let Some(role) = &self.account.assume_role else {
            return base.clone();
        };
        let mut provider = AssumeRoleProvider::builder(role).session_name(session).configure(base);
        if let Some(external_id) = &self.account.external_id {
            provider = provider.external_id(external_id);
        }
        let credentials = aws_credential_types::provider::SharedCredentialsProvider::new(provider.build().await);
        base.to_builder().credentials_provider(credentials).build()
    }

    fn kept(&self, session: &str) -> Option<Aws> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().find(|(name, _)| name == session).map(|(_, aws)| aws.clone())
    }

    fn keep(&self, session: &str, aws: &Aws) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= KEPT {
            sessions.pop_front();
        }
        sessions.push_back((session.to_owned(), aws.clone()));
    }
}

/// Whether the credentials belong to the configured account.
async fn check(account: &Account, aws: &Aws) -> Result<(), AwsError> {
    let Some(wanted) = &account.account else {
        return Ok(());
    };
    let identity = aws
        .reads()
        .sts
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| AwsError::of("sts", "GetCallerIdentity", &error))?;
    match identity.account() {
        Some(found) if found == wanted => Ok(()),
        found => Err(AwsError::local(
            "sts",
            "GetCallerIdentity",
            ErrorClass::Denied,
            format!(
                "the credentials for {} belong to account {}, but the configuration names {wanted}; nothing was done. \
                 Correct aws.account or aws.assume_role of this environment",
                account.environment,
                found.unwrap_or("unknown"),
            ),
        )),
    }
}
