//! `UpdateDomainAssociation`, with one attempt. It replaces the whole list of names, so everything that shall stay is
//! written as well.

use aws_sdk_amplify::types::{CertificateSettings, CertificateType, DomainAssociation, SubDomainSetting};
use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::amplify::{DomainSettings, Subdomain};
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum DomainDo {
    /// `UpdateDomainAssociation`; doing it twice comes to the same.
    #[serde(rename = "UpdateDomainAssociation")]
    Update {
        /// The app's id.
        app: String,
        /// The domain.
        domain: String,
        /// Everything that is written.
        settings: DomainSettings,
    },
}

/// What Amplify answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainReceipt {
    /// `domainStatus`.
    pub status: String,
    /// `updateStatus`.
    pub update: Option<String>,
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(aws: &Aws, what: &DomainDo) -> Result<Acted<DomainReceipt>, AwsError> {
    let DomainDo::Update { app, domain, settings } = what;
    let names: Result<Vec<SubDomainSetting>, AwsError> = settings.names.iter().map(setting).collect();
    let call = aws.writes().amplify.update_domain_association().app_id(app).domain_name(domain);
    let call = call.set_sub_domain_settings(Some(names?)).enable_auto_sub_domain(settings.auto_names);
    let patterns = Some(settings.auto_patterns.clone()).filter(|patterns| !patterns.is_empty());
    let call = call.set_auto_sub_domain_creation_patterns(patterns);
    let call = call.set_auto_sub_domain_iam_role(settings.auto_role.clone());
    let answer = call.set_certificate_settings(certificate(settings)?).send().await;
    let answer = answer.map_err(|error| AwsError::of("amplify", "UpdateDomainAssociation", &error))?;
    let told = answer.domain_association();
    let receipt = DomainReceipt {
        status: told.map(|told| told.domain_status().as_str().to_owned()).unwrap_or_default(),
        update: told.and_then(DomainAssociation::update_status).map(|status| status.as_str().to_owned()),
    };
    Ok(Acted { receipt, request_id: answer.request_id().map(str::to_owned) })
}

fn setting(name: &Subdomain) -> Result<SubDomainSetting, AwsError> {
    SubDomainSetting::builder().prefix(&name.prefix).branch_name(&name.branch).build().map_err(|error| unmade(&error))
}

fn certificate(settings: &DomainSettings) -> Result<Option<CertificateSettings>, AwsError> {
    let Some(kept) = &settings.certificate else { return Ok(None) };
    let made = CertificateSettings::builder()
        .r#type(CertificateType::from(kept.kind.as_str()))
        .set_custom_certificate_arn(kept.arn.clone())
        .build();
    made.map(Some).map_err(|error| unmade(&error))
}

fn unmade(error: &aws_smithy_types::error::operation::BuildError) -> AwsError {
    AwsError::local("amplify", "UpdateDomainAssociation", ErrorClass::Bug, error.to_string())
}
