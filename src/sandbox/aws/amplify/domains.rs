//! `UpdateDomainAssociation`: the list of prefixes is replaced as a whole.

use serde_json::{Value, json};

use super::super::json::{text, texts};
use super::super::refusal::Refusal;
use super::app::App;
use super::domain::{Domain, requested};
use crate::incident::time::Now;

impl App {
    /// The domain that a request names.
    pub(super) fn domain_named(&self, request: &Value) -> Result<&Domain, Refusal> {
        let name = text(request, "domainName").unwrap_or_default();
        self.domains.iter().find(|domain| domain.rules.name == name).ok_or_else(|| no_such_domain(name))
    }

    pub(super) fn update_domain(&mut self, request: &Value, now: Now) -> Result<Value, Refusal> {
        let name = text(request, "domainName").unwrap_or_default();
        let domain = self.domain_named(request)?;
        if domain.update.is_some() {
            let message = format!("An update of the domain {name} is already in progress.");
            return Err(Refusal::new("BadRequestException", message));
        }
        let mut wanted = domain.rules.clone();
        if let Some(listed) = requested(request) {
            for one in &listed {
                self.branch(&one.branch)?;
                if listed.iter().filter(|other| other.prefix == one.prefix).count() > 1 {
                    let message = format!("The prefix '{}' is named more than once.", one.prefix);
                    return Err(Refusal::new("BadRequestException", message));
                }
            }
            wanted.sub_domains = listed;
        }
        // What is not named is not kept: AWS takes its default instead.
        wanted.auto_sub_domain = request.get("enableAutoSubDomain").and_then(Value::as_bool).unwrap_or_default();
        let patterns = texts(request, "autoSubDomainCreationPatterns");
        wanted.auto_patterns = patterns.into_iter().map(str::to_owned).collect();
        wanted.auto_role = text(request, "autoSubDomainIAMRole").map(str::to_owned);
        if let Some(certificate) = request.get("certificateSettings") {
            wanted.custom_certificate = text(certificate, "customCertificateArn").map(str::to_owned);
        }
        if let Some(domain) = self.domains.iter_mut().find(|domain| domain.rules.name == name) {
            domain.begin(wanted, now);
        }
        Ok(json!({"domainAssociation": self.domain_named(request)?.described(self)}))
    }
}

fn no_such_domain(name: &str) -> Refusal {
    Refusal::new("NotFoundException", format!("Domain association {name} not found."))
}
