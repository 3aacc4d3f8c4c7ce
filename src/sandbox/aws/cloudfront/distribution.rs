//! One distribution: its configuration, what of it is deployed, its invalidations and its edge.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::ids::Ids;
use super::super::json::iso;
use super::config;
use super::edge::Edge;
use super::invalidation::Invalidation;
use super::seed::SeedDistribution;
use crate::incident::time::Now;

/// A distribution.
#[derive(Debug)]
pub(super) struct Distribution {
    pub(super) id: String,
    pub(super) seed: SeedDistribution,
    pub(super) etag: String,
    /// As it was sent last.
    pub(super) config: Value,
    /// As edges have it.
    pub(super) deployed: Value,
    pub(super) changed: Timestamp,
    /// When `config` is deployed; nothing when it is.
    pub(super) due: Option<Timestamp>,
    /// Newest last.
    pub(super) invalidations: Vec<Invalidation>,
    pub(super) edge: Edge,
}

/// An id or an `ETag` of CloudFront: a letter and 13 more.
pub(super) fn named(letter: char, ids: &mut Ids) -> String {
    let rest: String = ids.hex().chars().take(13).collect();
    format!("{letter}{}", rest.to_uppercase())
}

impl Distribution {
    /// When something happens next by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.invalidations.iter().filter_map(|one| one.due).chain(self.due).min()
    }

    /// Does what is due.
    pub(super) fn step(&mut self, now: Now) {
        let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= now.at);
        if is_due(self.due) {
            self.due = None;
            self.deployed.clone_from(&self.config);
        }
        for invalidation in self.invalidations.iter_mut().filter(|one| is_due(one.due)) {
            invalidation.due = None;
            self.edge.forget(invalidation);
        }
    }

    /// Takes a configuration, which is then deployed.
    pub(super) fn take(&mut self, config: Value, now: Now, ids: &mut Ids) {
        self.config = config;
        self.etag = named('E', ids);
        self.changed = now.at;
        self.due = Some(now.after(self.seed.deploys_for));
    }

    /// Somebody else is quicker, where the scenario says so.
    pub(super) fn contend(&mut self, now: Now, ids: &mut Ids) {
        if self.seed.contended == 0 {
            return;
        }
        self.seed.contended -= 1;
        let mut config = self.config.clone();
        if let Some(config) = config.as_object_mut() {
            config.insert("Comment".to_owned(), json!(format!("changed by hand, {} to go", self.seed.contended)));
        }
        self.take(config, now, ids);
    }

    /// Those under way.
    pub(super) fn in_progress(&self) -> impl Iterator<Item = &Invalidation> {
        self.invalidations.iter().filter(|one| one.due.is_some())
    }

    fn status(&self) -> &'static str {
        if self.due.is_some() { "InProgress" } else { "Deployed" }
    }

    fn arn(&self, account: &str) -> String {
        format!("arn:aws:cloudfront::{account}:distribution/{}", self.id)
    }

    fn domain_name(&self) -> String {
        format!("d{}.cloudfront.net", self.id.to_lowercase())
    }

    /// `Distribution`.
    pub(super) fn described(&self, account: &str) -> Value {
        json!({
            "Id": self.id,
            "ARN": self.arn(account),
            "Status": self.status(),
            "LastModifiedTime": iso(self.changed),
            "InProgressInvalidationBatches": self.in_progress().count(),
            "DomainName": self.domain_name(),
            "ActiveTrustedSigners": {"Enabled": false, "Quantity": 0},
            "ActiveTrustedKeyGroups": {"Enabled": false, "Quantity": 0},
            "DistributionConfig": self.config,
        })
    }

    /// `DistributionSummary`: parts of the configuration beside what it is, empty where a client left them out.
    pub(super) fn summary(&self, account: &str) -> Value {
        let nothing = config::listed(&[]);
        let usual = [
            ("Aliases", nothing.clone()),
            ("Origins", nothing.clone()),
            ("DefaultCacheBehavior", json!({})),
            ("CacheBehaviors", nothing.clone()),
            ("CustomErrorResponses", nothing),
            ("Comment", json!("")),
            ("PriceClass", json!("PriceClass_All")),
            ("Enabled", json!(true)),
            ("ViewerCertificate", json!({"CloudFrontDefaultCertificate": true})),
            ("Restrictions", json!({"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}})),
            ("WebACLId", json!("")),
            ("HttpVersion", json!("http2")),
            ("IsIPV6Enabled", json!(true)),
            ("Staging", json!(false)),
        ];
        let mut summary = json!({
            "Id": self.id,
            "ARN": self.arn(account),
            "ETag": self.etag,
            "Status": self.status(),
            "LastModifiedTime": iso(self.changed),
            "DomainName": self.domain_name(),
        });
        if let Some(summary) = summary.as_object_mut() {
            for (name, usual) in usual {
                summary.insert(name.to_owned(), self.config.get(name).cloned().unwrap_or(usual));
            }
        }
        summary
    }
}
