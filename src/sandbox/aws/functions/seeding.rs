//! Makes functions out of a seed.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use aws_smithy_types::base64;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::super::ids::Ids;
use super::super::seeding::{ago, refused};
use super::function::{Alias, Content, Function, Functions, Known, LATEST, Provisioned, Slot};
use super::seed::{SeedFunction, SeedPackage};
use crate::incident::time::Now;

impl Functions {
    /// The functions that the seed describes, at `now`.
    pub(in super::super) fn seeded(
        seed: &BTreeMap<String, SeedFunction>,
        (account, region): (&str, &str),
        now: Now,
        ids: &mut Ids,
    ) -> io::Result<Self> {
        let all = seed.iter().map(|(name, seed)| function(name, seed, (account, region), now, ids));
        Ok(Self { account: account.to_owned(), region: region.to_owned(), all: all.collect::<io::Result<_>>()? })
    }
}

fn function(
    name: &str,
    seed: &SeedFunction,
    (account, region): (&str, &str),
    now: Now,
    ids: &mut Ids,
) -> io::Result<Function> {
    let arn = format!("arn:aws:lambda:{region}:{account}:function:{name}");
    let defaults = defaults(account, seed.package);
    let content = |code: &str, settings: &Map<String, Value>| {
        let mut whole = defaults.clone();
        whole.extend(seed.settings.clone());
        whole.extend(settings.clone());
        Content { sha256: sha256(seed.package, code), settings: whole }
    };
    let mut codes: BTreeMap<String, Known> = BTreeMap::new();
    let named = seed.versions.iter().map(|version| version.code.as_str());
    let named = named.chain(seed.latest.iter().map(|latest| latest.code.as_str()));
    for code in named.chain(seed.codes.keys().map(String::as_str)) {
        let does = seed.codes.get(code).cloned().unwrap_or_default();
        codes.insert(sha256(seed.package, code), Known { name: code.to_owned(), zip: zip(code), does });
    }
    let mut versions = Vec::new();
    for (place, version) in seed.versions.iter().enumerate().filter(|(_, version)| !version.deleted) {
        let state = version.state.clone().map(|state| {
            let until = state.seconds.map(|seconds| now.after(Duration::from_secs(seconds)));
            (state, until)
        });
        versions.push(Slot {
            version: (place + 1).to_string(),
            description: version.description.clone(),
            content: content(&version.code, &version.settings),
            modified: ago(now, version.age),
            revision: ids.uuid(),
            state,
            failed: None,
        });
    }
    let (newest, modified) = match (&seed.latest, seed.versions.last()) {
        (Some(latest), _) => (content(&latest.code, &latest.settings), ago(now, latest.age)),
        (None, Some(newest)) => (content(&newest.code, &newest.settings), ago(now, newest.age)),
        (None, None) => return Err(refused(format!("The seed has neither versions nor a latest code for {name}."))),
    };
    let latest = Slot {
        version: LATEST.to_owned(),
        description: String::new(),
        content: newest,
        modified,
        revision: ids.uuid(),
        state: None,
        failed: None,
    };
    let mut aliases = Vec::new();
    for (alias, seed) in &seed.aliases {
        for version in std::iter::once(&seed.version).chain(seed.weights.keys()) {
            if version != LATEST && !versions.iter().any(|slot| slot.version == *version) {
                return Err(refused(format!("The seed has no version {version} of {name} for its alias {alias}.")));
            }
        }
        aliases.push(Alias {
            name: alias.clone(),
            version: seed.version.clone(),
            description: None,
            weights: seed.weights.clone(),
            revision: ids.uuid(),
            shifted_by: seed.shifted_by.clone(),
            provisioned: seed.provisioned.clone().map(|rules| Provisioned { rules, warm_at: Timestamp::MIN, modified }),
        });
    }
    Ok(Function {
        name: name.to_owned(),
        arn,
        package: seed.package,
        latest,
        numbered: u64::try_from(seed.versions.len()).unwrap_or_default(),
        versions,
        aliases,
        codes,
        permissions: seed.permissions.clone(),
        event_sources: seed.event_sources.iter().map(|source| (ids.uuid(), source.clone())).collect(),
        urls: seed.urls.clone(),
        calls: seed.calls.clone(),
        tags: seed.tags.clone(),
        update_seconds: seed.update_seconds,
        update: None,
        since: modified,
    })
}

fn defaults(account: &str, package: SeedPackage) -> Map<String, Value> {
    let mut defaults = json!({
        "Role": format!("arn:aws:iam::{account}:role/functions"),
        "Timeout": 3,
        "MemorySize": 128,
        "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512},
    });
    if let (SeedPackage::Zip, Some(defaults)) = (package, defaults.as_object_mut()) {
        defaults.insert("Runtime".to_owned(), json!("nodejs22.x"));
        defaults.insert("Handler".to_owned(), json!("index.handler"));
    }
    defaults.as_object().cloned().unwrap_or_default()
}

/// What is handed out as code: nobody unpacks it.
fn zip(code: &str) -> Vec<u8> {
    format!("PK\u{3}\u{4} the code {code}").into_bytes()
}

/// `CodeSha256`: of a zip in base64, of an image its digest in hexadecimal digits.
pub(super) fn sha256(package: SeedPackage, code: &str) -> String {
    of_bytes(package, &zip(code))
}

/// `CodeSha256` of what was sent.
pub(super) fn of_bytes(package: SeedPackage, bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    match package {
        SeedPackage::Zip => base64::encode(digest),
        SeedPackage::Image => hex::encode(digest),
    }
}
