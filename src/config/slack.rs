//! The top of the file: Slack, people and the store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::incident::ids::{ChannelId, GroupId, UserId};
use crate::incident::policy::Principal;

use super::names;
use super::problems::Report;
use super::section::{Field, Part, Reader, Section};

/// The name in `may` lists that stands for every full member; it cannot name a person.
pub(super) const MEMBERS: &str = "members";

/// Where incidents are kept when nothing is said.
const DEFAULT_STORE: &str = "./rollbot-data";

/// The shortest id that Slack gives out, with its letter.
const SHORTEST_ID: usize = 8;

/// What concerns the whole workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlackSection {
    /// The channel for status posts and the audit trail.
    pub operations: Option<ChannelId>,
}

/// Where incidents are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSection {
    /// On this machine.
    Sled {
        /// The folder; a relative one counts from the working directory of the process.
        path: PathBuf,
    },
}

impl Default for StoreSection {
    fn default() -> Self {
        Self::Sled { path: PathBuf::from(DEFAULT_STORE) }
    }
}

/// Reads `slack`.
pub(super) fn read_slack(field: Field<'_>, report: &mut Report) -> Option<SlackSection> {
    let mut section = Section::open(field, Part::Slack, report)?;
    let operations = section.optional("operations", report).and_then(|field| channel(field, report));
    section.close(report);
    Some(SlackSection { operations })
}

/// Reads `store`.
pub(super) fn read_store(field: Field<'_>, reader: &mut Reader<'_>) -> Option<StoreSection> {
    let mut section = Section::open(field, Part::Store, reader.report)?;
    let sled = section.optional("sled", reader.report);
    section.close(reader.report);
    let mut section = Section::open(sled?, Part::Sled, reader.report)?;
    let path = section.optional("path", reader.report).and_then(|field| field.text(reader));
    section.close(reader.report);
    Some(StoreSection::Sled { path: PathBuf::from(path.as_deref().unwrap_or(DEFAULT_STORE)) })
}

/// Reads `people`: every name that stands there counts as defined, so that one bad id is reported once.
pub(super) fn read_people(field: Field<'_>, report: &mut Report) -> BTreeMap<String, Principal> {
    let mut people = BTreeMap::new();
    for entry in field.mapping(report).unwrap_or_default() {
        let name = entry.key.clone();
        if name == MEMBERS {
            report.error(
                entry.place,
                "`members` stands for all full members and cannot name a person or group; choose another name",
            );
            continue;
        }
        if let Some(sentence) = names::unusable(&name) {
            report.error(entry.place, sentence);
        }
        let id = Field { key: &name, node: &entry.node }.plain_text(report).unwrap_or_default();
        let principal = if is_id(id, "S") {
            Principal::Group { id: GroupId::new(id), name: name.clone() }
        } else {
            if !id.is_empty() && !is_id(id, "UW") {
                report.error(
                    entry.node.place,
                    format!(
                        "`{id}` is not the id of a Slack user (U…) or user group (S…); copy the member id from the \
                         person's profile, or the id from the group's address"
                    ),
                );
            }
            Principal::Person { id: UserId::new(id), name: name.clone() }
        };
        people.insert(name, principal);
    }
    people
}

/// Reads a list of channels.
pub(super) fn channels(field: Field<'_>, report: &mut Report) -> Option<Vec<ChannelId>> {
    let mut channels = Vec::new();
    for item in field.filled_list(report)? {
        if let Some(id) = channel(item, report) {
            if channels.contains(&id) {
                item.error(report, format!("`{id}` stands here a second time; remove one"));
            }
            channels.push(id);
        }
    }
    Some(channels)
}

fn channel(field: Field<'_>, report: &mut Report) -> Option<ChannelId> {
    let id = field.plain_text(report)?;
    if is_id(id, "CG") {
        return Some(ChannelId::new(id));
    }
    field.error(
        report,
        format!(
            "`{id}` is not the id of a channel (C… or G…); copy it from the bottom of the channel's details in Slack"
        ),
    );
    None
}

fn is_id(text: &str, letters: &str) -> bool {
    text.len() >= SHORTEST_ID
        && text.starts_with(|first| letters.contains(first))
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}
