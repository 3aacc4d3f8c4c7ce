//! What a rollbot.yml may contain by design and this version does not carry out.
//!
//! A configuration must never promise what does not happen, so each of these is refused by name. A version that learns
//! one deletes its row.

use super::section::Part;

/// Keys and kinds that are known and not carried out, with the part of the file they belong to.
const LATER: &[(Part, &str)] = &[
    (Part::Store, "dynamodb"),
    (Part::Environment, "escalation"),
    (Part::Service, "triggers"),
    (Part::Service, "announce"),
    (Part::Service, "checklist"),
    (Part::Service, "follow_up"),
    (Part::TargetKind, "rds"),
    (Part::TargetKind, "dynamodb"),
    (Part::TargetKind, "sql"),
    (Part::CheckKind, "metric"),
    (Part::CheckKind, "logs"),
    (Part::CheckKind, "stack"),
    (Part::CheckKind, "ecs"),
    (Part::Variable, "incident"),
];

/// The refusal of `word` in `part`, if it is known and not carried out.
pub(super) fn refusal(part: Part, word: &str) -> Option<String> {
    LATER.contains(&(part, word)).then(|| format!("`{word}` is not carried out by this version of Rollbot; remove it"))
}

/// Secrets that people look for a key for, and the variables that hold them.
const SECRETS: &[(&str, &str)] = &[
    ("bot_token", "SLACK_BOT_TOKEN"),
    ("slack_bot_token", "SLACK_BOT_TOKEN"),
    ("token", "SLACK_BOT_TOKEN"),
    ("signing_secret", "SLACK_SIGNING_SECRET"),
    ("slack_signing_secret", "SLACK_SIGNING_SECRET"),
];

/// The refusal of a key that would hold a secret, saying where that belongs.
pub(super) fn secret(key: &str) -> Option<String> {
    let lower = key.to_lowercase();
    if let Some((_, variable)) = SECRETS.iter().find(|(name, _)| *name == lower) {
        return Some(format!(
            "`{key}` would be a secret, and secrets never stand in this file; set {variable} in the environment of the \
             process instead"
        ));
    }
    ["token", "secret", "password", "access_key"].iter().any(|word| lower.contains(word)).then(|| {
        format!(
            "`{key}` would be a secret, and secrets never stand in this file; Rollbot takes SLACK_BOT_TOKEN, \
             SLACK_SIGNING_SECRET and AWS credentials from the environment of the process"
        )
    })
}

/// Whether a value contains a Slack token, so that it must not even be repeated in a message.
pub(super) fn is_token(text: &str) -> bool {
    ["xoxb-", "xoxp-", "xapp-", "xoxe-", "xoxe.", "xoxa-", "xoxs-"].iter().any(|prefix| text.contains(prefix))
}
