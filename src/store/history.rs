//! Past and present incidents, newest first, page by page.

use serde::{Deserialize, Serialize};

use super::commit::Stored;
use crate::incident::incident::Incident;

/// Which incidents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HistoryFilter {
    /// All.
    #[default]
    All,
    /// Those of an environment.
    Environment {
        /// Its name.
        environment: String,
    },
    /// Those of a service in an environment.
    Service {
        /// The environment's name.
        environment: String,
        /// The service's name.
        service: String,
    },
}

/// A part of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most so many incidents.
    pub limit: usize,
    /// Only what is older than this; `None` begins with the newest.
    pub before: Option<Cursor>,
}

/// A place in a history; good for every filter, and across restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The incidents, newest first, open ones included.
    pub incidents: Vec<Stored>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl Page {
    /// The newest `limit` incidents.
    pub fn first(limit: usize) -> Self {
        Self { limit, before: None }
    }
}

impl Cursor {
    /// The cursor as text, for a command line or a button.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A cursor from its text; one that was not made here points at the end of the history.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The cursor at a place: the part of the index key that is the same under every filter.
    pub(super) fn at(place: &[u8]) -> Self {
        Self(hex::encode(place))
    }

    pub(super) fn place(&self) -> Vec<u8> {
        hex::decode(&self.0).unwrap_or_default()
    }
}

impl HistoryFilter {
    /// What the index keys of these incidents begin with.
    pub(super) fn prefix(&self) -> Vec<u8> {
        match self {
            Self::All => b"all\0".to_vec(),
            Self::Environment { environment } => format!("environment\0{environment}\0").into_bytes(),
            Self::Service { environment, service } => format!("service\0{environment}\0{service}\0").into_bytes(),
        }
    }
}

/// The place of `incident` in every history: when it was opened, then its name.
pub(super) fn place(incident: &Incident) -> Vec<u8> {
    let micros = u64::try_from(incident.opened_at.as_microsecond()).unwrap_or(0);
    let mut place = micros.to_be_bytes().to_vec();
    place.extend_from_slice(incident.id.as_str().as_bytes());
    place
}

/// The index keys of `incident`.
pub(super) fn index_keys(incident: &Incident) -> Vec<Vec<u8>> {
    let environment = incident.request.environment.clone();
    let service = incident.request.service.clone();
    let filters = [
        HistoryFilter::All,
        HistoryFilter::Environment { environment: environment.clone() },
        HistoryFilter::Service { environment, service },
    ];
    filters
        .iter()
        .map(|filter| {
            let mut key = filter.prefix();
            key.extend(place(incident));
            key
        })
        .collect()
}
