//! What a static site needs beside a look: the list of objects that a plan writes and deletes.
//!
//! A site has ten thousand objects, and a record has no room for them. So the list lies in the store under the digest of
//! its bytes, put there before the plan that names the digest is proposed; whoever carries the plan out reads it from
//! there.

use tracing::warn;

use crate::aws::Aws;
use crate::config::{SiteDeletes, SiteLayout, SiteTarget};
use crate::incident::ids::{IncidentId, StepId};
use crate::incident::site::SiteWay;
use crate::incident::work::Work;
use crate::systems::kinds::Inventory;
use crate::systems::static_site::inventory::{Found, Layout};
use crate::systems::static_site::manifest::{Extra, Manifest};
use crate::systems::static_site::{SiteSpec, prepare};

use super::engine::{Engine, storage};
use super::planning::{Failed, Occasion};
use super::refusal::Refusal;

/// A configured static site, as the systems know it.
pub(super) fn spec(name: &str, site: &SiteTarget) -> SiteSpec {
    SiteSpec {
        name: name.to_owned(),
        bucket: site.bucket.clone(),
        distribution: site.distribution.clone(),
        layout: match &site.layout {
            SiteLayout::Releases { prefix, live } => Layout::Releases { prefix: prefix.clone(), live: live.clone() },
            SiteLayout::OriginPath { prefix, origin } => {
                Layout::OriginPath { prefix: prefix.clone(), origin: origin.clone() }
            }
            SiteLayout::Versions => Layout::Versions,
        },
        invalidate: site.invalidate.clone(),
        extra: match site.deletes {
            SiteDeletes::Last => Extra::Deleted,
            SiteDeletes::Never => Extra::Left,
        },
    }
}

/// `inventory` with the list of objects that going to `to` takes; for a plan that is proposed, the list is in the store.
pub(super) async fn complete(
    engine: &Engine,
    aws: &Aws,
    inventory: Inventory,
    to: Option<&str>,
    occasion: Occasion<'_>,
) -> Result<Inventory, Failed> {
    let Inventory::Site(mut site) = inventory else { return Ok(inventory) };
    Box::pin(prepare(aws, &mut site, to)).await?;
    let manifest = match &site.found {
        Found::Builds(found) => found.manifest.as_ref(),
        Found::Versions(found) => found.manifest.as_ref(),
    };
    if let (Occasion::Incident(_), Some(manifest)) = (occasion, manifest) {
        engine.store.put_blob(&manifest.bytes()).await.map_err(|error| Failed::Store(storage(error)))?;
    }
    Ok(Inventory::Site(site))
}

/// The list of objects that a step of a running plan carries out; `None` where it has none.
pub(super) async fn manifest(engine: &Engine, id: &IncidentId, step: &StepId) -> Result<Option<Manifest>, Refusal> {
    let Some(incident) = engine.incident(id).await.map_err(storage)? else { return Ok(None) };
    let Some(run) = incident.run() else { return Ok(None) };
    let Some((_, step)) = run.proposal.plan.step(step) else { return Ok(None) };
    Ok(manifest_of(engine, &step.work).await)
}

/// The list of objects that `work` carries out; `None` where it has none, or the store has lost it: the step says so.
pub(super) async fn manifest_of(engine: &Engine, work: &Work) -> Option<Manifest> {
    let Work::Site(site) = work else { return None };
    let SiteWay::Objects(copies) = &site.way else { return None };
    match engine.store.blob(&copies.manifest).await {
        Ok(bytes) => bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
        Err(error) => {
            warn!(bucket = site.bucket, %error, "the list of objects cannot be read");
            None
        }
    }
}
