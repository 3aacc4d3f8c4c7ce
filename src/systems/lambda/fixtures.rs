//! A function for the tables: version 1 to 3, of which 3 is the bad one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::act::{Do, Receipt};
use super::callers::Callers;
use super::inventory::{Alias, AliasInventory, Code, LATEST, LambdaInventory, LambdaSpec, Standing, Weight};
use super::judge::Past;
use super::settings::{Fingerprint, Setting};
use super::shifting::Shifting;
use crate::systems::step_kind::Outcome;

pub(super) const ARN: &str = "arn:aws:lambda:eu-north-1:1:function:jobs";

pub(super) fn minutes(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    start.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap()
}

pub(super) fn standing(status: &str) -> Standing {
    Standing { status: status.to_owned(), code: None, reason: None }
}

pub(super) fn code(version: &str, sha256: &str, timeout: u32, at: i64) -> Code {
    let mut code = Code {
        version: version.to_owned(),
        arn: if version == LATEST { ARN.to_owned() } else { format!("{ARN}:{version}") },
        sha256: sha256.to_owned(),
        size: 1_000,
        modified: Some(minutes(at)),
        revision: format!("revision-{version}"),
        timeout,
        memory: 128,
        standing: standing("Active"),
        update: standing("Successful"),
        ..Code::default()
    };
    code.settings.values.insert(Setting::Timeout, format!("{timeout} s"));
    code.settings.environment = BTreeMap::from([("TABLE".to_owned(), Fingerprint::of("jobs"))]);
    code
}

/// Three versions, the newest twenty minutes old; `$LATEST` is the newest.
pub(super) fn versions() -> Vec<Code> {
    vec![code("3", "sha-three", 3, -20), code("2", "sha-two", 3, -4_000), code("1", "sha-one", 3, -9_000)]
}

pub(super) fn alias(version: &str, weights: &[(&str, f64)]) -> Alias {
    Alias {
        arn: format!("{ARN}:live"),
        name: "live".to_owned(),
        version: version.to_owned(),
        weights: weights.iter().map(|(version, share)| ((*version).to_owned(), Weight::of(*share))).collect(),
        revision: "alias-1".to_owned(),
    }
}

/// The function by its alias.
pub(super) fn aliased(alias: Alias) -> LambdaInventory {
    let callers = Callers { of_alias: vec!["API Gateway".to_owned()], ..Callers::default() };
    let found = AliasInventory { alias, callers, provisioned: None, shifting: Shifting::No };
    let mut inventory = plain();
    inventory.spec.alias = Some("live".to_owned());
    inventory.aliases = vec![("live".to_owned(), found.alias.version.clone())];
    inventory.alias = Some(found);
    inventory
}

/// The function without an alias.
pub(super) fn plain() -> LambdaInventory {
    let versions = versions();
    let states = versions.iter().map(|code| (code.version.clone(), standing("Active"))).collect();
    LambdaInventory {
        spec: LambdaSpec { name: "jobs".to_owned(), function: "jobs".to_owned(), alias: None },
        latest: code(LATEST, "sha-three", 3, -20),
        versions,
        states,
        aliases: Vec::new(),
        alias: None,
        stack: None,
    }
}

/// An act of the present attempt, so many minutes after the beginning.
pub(super) fn act(what: Do, at: i64, outcome: Outcome<Receipt>) -> Past {
    Past { number: 1, attempt: 1, at: minutes(at), what, outcome }
}

pub(super) fn taken() -> Outcome<Receipt> {
    Outcome::Accepted(Receipt { revision: Some("new".to_owned()) })
}
