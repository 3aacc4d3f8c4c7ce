//! Deployments that pipelines have told of, per environment and service.

use super::decode::deploy;
use super::envelope::{Shape, seal_json};
use super::error::StoreError;
use super::inbox::Fresh;
use super::quarantine::Unreadable;
use super::table::{Table, Tables, Writes};
use super::used::{Use, remember, used_by};
use crate::incident::deploy::Deploy;

/// How many are kept of a service: further back than anybody goes in an incident.
pub(super) const DEPLOYS: usize = 100;

fn prefix(environment: &str, service: &str) -> Vec<u8> {
    format!("{environment}\0{service}\0").into_bytes()
}

/// The writes that keep `deploy`, unless its id was used before in its environment.
pub(super) fn plan_put(tables: &Tables, deploy: &Deploy) -> Result<(Writes, Fresh), StoreError> {
    let mut writes = Writes::default();
    let name = format!("{}\0{}", deploy.environment, deploy.id);
    if used_by(tables, Use::Deploy, &name)?.is_some() {
        return Ok((writes, Fresh::Duplicate));
    }
    let place = remember(tables, &mut writes, Use::Deploy, &name, "")?;
    let sealed = seal_json(Shape::Deploy, deploy).map_err(|reason| StoreError::Unreadable {
        what: Shape::Deploy.word(),
        key: deploy.id.clone(),
        reason,
    })?;
    let own = prefix(&deploy.environment, &deploy.service);
    let key: Vec<u8> = own.iter().copied().chain(place.to_be_bytes()).collect();
    writes.put(Table::Deploys, key, sealed);
    for old in tables.with_prefix(Table::Deploys, &own).rev().skip(DEPLOYS.saturating_sub(1)) {
        writes.remove(Table::Deploys, old?.0);
    }
    Ok((writes, Fresh::New))
}

/// What was told of a service, newest first.
pub(super) fn list(
    tables: &Tables,
    environment: &str,
    service: &str,
    aside: &mut Vec<Unreadable>,
) -> Result<Vec<Deploy>, StoreError> {
    let mut deploys = Vec::new();
    for entry in tables.with_prefix(Table::Deploys, &prefix(environment, service)).rev() {
        let (key, bytes) = entry?;
        match deploy(&bytes) {
            Ok(deploy) => deploys.push(deploy),
            Err(reason) => aside.push(Unreadable::new(Table::Deploys, key, reason)),
        }
    }
    Ok(deploys)
}
