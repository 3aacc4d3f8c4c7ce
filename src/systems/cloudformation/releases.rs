//! Which versions of a stack there are, and which of them one goes back to. Pure.

use super::events::{self, StackEvent};
use super::inventory::{DELETED, Kept, StackInventory};
use crate::incident::release::Release;
use crate::systems::planned::{Ran, ReleaseLine, ReleaseStatus, Usable};

/// The shortest beginning of a digest that names a version: shorter ones are typing errors.
const SHORTEST_DIGEST: usize = 4;

/// A kept version that was chosen, and how, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The version.
    pub kept: &'a Kept,
    /// How it was found.
    pub how: String,
}

/// The kept version that `to` names, or the one before what is deployed.
///
/// # Errors
/// Why there is none, in a sentence that says what to do.
pub fn choose<'a>(inventory: &'a StackInventory, to: Option<&str>) -> Result<Chosen<'a>, String> {
    let name = &inventory.stack.name;
    let history = &inventory.history;
    match to {
        None | Some("previous") => previous(inventory).map_or_else(
            || {
                Err(format!(
                    "Rollbot has kept no earlier version of {name}: CloudFormation keeps only the present template, and \
                     Rollbot has seen no other yet. Configure `previous: {{ s3: … }}`, or deploy the earlier commit \
                     again."
                ))
            },
            |kept| {
                let how = "the version that was deployed before, as Rollbot kept it".to_owned();
                Ok(Chosen { kept, how })
            },
        ),
        Some(asked) => {
            let found = history.iter().find(|kept| names(&kept.release, asked));
            found.map(|kept| Chosen { kept, how: format!("asked for as `{asked}`") }).ok_or_else(|| {
                let known: Vec<String> = history.iter().take(6).map(|kept| kept.release.name()).collect();
                if known.is_empty() {
                    format!("Rollbot has kept no version of {name}, so `{asked}` names none.")
                } else {
                    format!("`{asked}` names no version of {name} that Rollbot has kept. It has: {}.", known.join(", "))
                }
            })
        }
    }
}

/// The newest version from before the present one was deployed first. Going by time alone would lead from a version that
/// was gone back to into the bad one after it.
fn previous(inventory: &StackInventory) -> Option<&Kept> {
    let now = inventory.now()?;
    let first = inventory.history.iter().rposition(|kept| kept.release.id == now.id);
    let older = first.map_or(0, |first| first.saturating_add(1));
    inventory.history.iter().skip(older).find(|kept| kept.release.id != now.id)
}

/// Whether `asked` names `release`: by its version, a beginning of its digests, or a beginning of its time.
pub fn names(release: &Release, asked: &str) -> bool {
    let digest = asked.trim_start_matches("template ").to_ascii_lowercase();
    let is_digest = digest.len() >= SHORTEST_DIGEST && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let template = release.label.strip_prefix("template ").unwrap_or(&release.label);
    let by_digest = is_digest && (release.id.starts_with(&digest) || template.starts_with(&digest));
    let by_time = asked.len() >= "2026-11-21".len()
        && release.deployed_at.is_some_and(|at| at.to_string().starts_with(asked.trim_end_matches('Z')));
    release.version.as_deref() == Some(asked) || by_digest || by_time
}

/// The stack's status, with what is deployed or what went wrong, as a sentence without a full stop.
pub fn stands(inventory: &StackInventory) -> String {
    let status = inventory.stack.status.name();
    let since = inventory.stack.updated_at.map(|at| format!(", since {}", at.strftime("%-d %b %H:%M UTC")));
    let since = since.unwrap_or_default();
    if let Some(now) = inventory.now() {
        return format!("{status}: runs {}{since}", now.name());
    }
    match events::root_cause(events::newest_operation(&inventory.events)) {
        Some(cause) => format!("{status}{since}; what failed first: {}", cause.line()),
        None => format!("{status}{since}"),
    }
}

/// What ran, newest first, as far as Rollbot has kept it.
pub fn past(inventory: &StackInventory) -> Vec<Ran> {
    let ran = inventory.history.iter().filter_map(|kept| {
        let since = kept.release.deployed_at?;
        Some(Ran { release: kept.release.clone(), since })
    });
    ran.collect()
}

/// What could be gone back to and what runs now, newest first.
pub fn releases(inventory: &StackInventory) -> Vec<ReleaseLine> {
    let now = inventory.now();
    let mut lines = Vec::new();
    match &now {
        Some(now) => lines.push(line(now.clone(), ReleaseStatus::RunsNow)),
        None => lines.push(line(under_way(inventory), ReleaseStatus::BeingDeployed)),
    }
    let mut told: Vec<&str> = now.iter().map(|now| now.id.as_str()).collect();
    for kept in &inventory.history {
        if !told.contains(&kept.release.id.as_str()) {
            told.push(&kept.release.id);
            lines.push(line(kept.release.clone(), ReleaseStatus::Good));
        }
    }
    if let Some(Ok(source)) = &inventory.source
        && !told.contains(&source.release.id.as_str())
    {
        lines.push(line(source.release.clone(), ReleaseStatus::Good));
    }
    lines
}

fn line(release: Release, status: ReleaseStatus) -> ReleaseLine {
    ReleaseLine { release, status, usable: Usable::Yes }
}

/// What is under way, or was left stuck, as the release that it is.
pub fn under_way(inventory: &StackInventory) -> Release {
    let begun = events::beginning(&inventory.events);
    let status = inventory.stack.status.name();
    Release {
        id: begun.map_or_else(|| inventory.stack.arn.clone(), |event| event.id.clone()),
        label: if inventory.stack.status.is_of_a_creation() {
            format!("creation ({status})")
        } else {
            format!("update ({status})")
        },
        version: None,
        commit: None,
        images: Vec::new(),
        deployed_at: begun.and_then(|event: &StackEvent| event.at).or(inventory.stack.updated_at),
        deployed_by: None,
    }
}

/// What ran before what is under way: the newest version that Rollbot has kept, or that which only CloudFormation knows.
pub fn before(inventory: &StackInventory) -> Release {
    inventory.history.first().map_or_else(
        || Release {
            id: format!("before {}", under_way(inventory).id),
            label: if inventory.stack.status.is_of_a_creation() {
                "nothing".to_owned()
            } else {
                "what ran before the update".to_owned()
            },
            version: None,
            commit: None,
            images: Vec::new(),
            deployed_at: None,
            deployed_by: None,
        },
        |kept| kept.release.clone(),
    )
}

/// No stack at all.
pub fn deleted() -> Release {
    Release {
        id: DELETED.to_owned(),
        label: DELETED.to_owned(),
        version: None,
        commit: None,
        images: Vec::new(),
        deployed_at: None,
        deployed_by: None,
    }
}
