//! Names of things, one type each, so that they cannot be mixed up.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id as given; nothing is checked.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// An incident: `rb-` and five or more characters that are not mistaken for one another.
    IncidentId
);
id!(
    /// A freeze: `fz-` and five characters like those of an incident.
    FreezeId
);
id!(
    /// A step within one plan: `backend`, `verify/http-1`.
    StepId
);
id!(
    /// A Slack user: `U…` or `W…`.
    UserId
);
id!(
    /// A Slack user group: `S…`.
    GroupId
);
id!(
    /// A Slack channel: `C…` or `G…`.
    ChannelId
);
id!(
    /// A Slack workspace: `T…`.
    TeamId
);
id!(
    /// Something that only one incident may hold: an ARN, or what identifies a resource that has none.
    Resource
);
id!(
    /// A SHA-256 in hexadecimal.
    Digest
);

impl IncidentId {
    /// The characters of an incident id: no vowels (no words by accident), none of `0 1 l`.
    const ALPHABET: &'static [u8; 28] = b"23456789bcdfghjkmnpqrstvwxyz";

    /// An id of five characters made of `entropy`: seventeen million of them, and the store refuses a second use.
    pub fn from_entropy(entropy: u64) -> Self {
        Self(Self::made("rb-", entropy))
    }

    fn made(prefix: &str, mut entropy: u64) -> String {
        let base = Self::ALPHABET.len() as u64;
        let mut id = String::from(prefix);
        for _ in 0..5 {
            let at = usize::try_from(entropy % base).unwrap_or(0);
            id.push(Self::ALPHABET.get(at).copied().map_or('x', char::from));
            entropy /= base;
        }
        id
    }

    /// Whether `text` has the form of an incident id.
    pub fn is_one(text: &str) -> bool {
        text.strip_prefix("rb-").is_some_and(|rest| rest.len() >= 4 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    }
}

impl FreezeId {
    /// An id of five characters made of `entropy`.
    pub fn from_entropy(entropy: u64) -> Self {
        Self(IncidentId::made("fz-", entropy))
    }

    /// Whether `text` has the form of a freeze's id.
    pub fn is_one(text: &str) -> bool {
        text.strip_prefix("fz-").is_some_and(|rest| rest.len() >= 4 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    }
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(hex::encode(sha2::Sha256::digest(bytes)))
    }

    /// The first eight characters, for people.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}
