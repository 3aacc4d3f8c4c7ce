//! STS: who calls. Keys that `AssumeRole` gave out stand for their role and session; any other keys for the seed's caller.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::ids::Ids;
use super::json::{iso, text};
use super::refusal::Refusal;
use super::seed::SeedRole;
use super::signature::Signature;

/// Keys that `AssumeRole` gave out.
#[derive(Debug)]
struct Session {
    arn: String,
    id: String,
    token: String,
    expires_at: Timestamp,
}

/// Who may call, and as whom.
#[derive(Debug)]
pub(super) struct Identities {
    pub(super) account: String,
    pub(super) caller: String,
    pub(super) roles: Vec<SeedRole>,
    sessions: BTreeMap<String, Session>,
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) arn: String,
    id: String,
}

impl Identities {
    pub(super) fn new(account: &str, caller: String, roles: Vec<SeedRole>) -> Self {
        Self { account: account.to_owned(), caller, roles, sessions: BTreeMap::new() }
    }

    /// Whom a signature stands for at the real time `at`. Temporary keys need their session token and expire.
    pub(super) fn caller(&self, signature: &Signature, at: Timestamp) -> Result<Caller, Refusal> {
        let invalid =
            || Refusal::new("UnrecognizedClientException", "The security token included in the request is invalid.");
        match self.sessions.get(&signature.access_key) {
            Some(session) if signature.session_token.as_deref() != Some(session.token.as_str()) => Err(invalid()),
            Some(session) if session.expires_at <= at => {
                Err(Refusal::new("ExpiredTokenException", "The security token included in the request is expired"))
            }
            Some(session) => Ok(Caller { arn: session.arn.clone(), id: session.id.clone() }),
            None if signature.access_key.starts_with("ASIA") => Err(invalid()),
            None => Ok(Caller { arn: self.caller.clone(), id: "AIDAEXAMPLEOPERATOR00".to_owned() }),
        }
    }

    /// Performs an STS operation whose request fits the model.
    pub(super) fn perform(
        &mut self,
        operation: &str,
        request: &Value,
        caller: &Caller,
        ids: &mut Ids,
        at: Timestamp,
    ) -> Result<Value, Refusal> {
        match operation {
            "GetCallerIdentity" => Ok(json!({"UserId": caller.id, "Account": self.account, "Arn": caller.arn})),
            _ => self.assume_role(request, caller, ids, at),
        }
    }

    fn assume_role(
        &mut self,
        request: &Value,
        caller: &Caller,
        ids: &mut Ids,
        at: Timestamp,
    ) -> Result<Value, Refusal> {
        let arn = text(request, "RoleArn").unwrap_or_default();
        let session = text(request, "RoleSessionName").unwrap_or_default();
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_=,.@-".contains(letter);
        if !(2..=64).contains(&session.len()) || !session.chars().all(allowed) {
            let message = format!(
                "1 validation error detected: Value '{session}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
            );
            return Err(Refusal::new("ValidationError", message));
        }
        let seconds = request.get("DurationSeconds").and_then(Value::as_i64).unwrap_or(3600);
        if !(900..=43_200).contains(&seconds) {
            return Err(Refusal::new("ValidationError", "DurationSeconds must be between 900 and 43200."));
        }
        let name = arn.strip_prefix(&format!("arn:aws:iam::{}:role/", self.account)).unwrap_or_default();
        let role = self.roles.iter().find(|role| {
            role.name == name && role.external_id.as_deref().is_none_or(|id| text(request, "ExternalId") == Some(id))
        });
        if role.is_none() {
            let message =
                format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}", caller.arn);
            return Err(Refusal::new("AccessDenied", message).with_status(403));
        }
        let access_key = format!("ASIA{}", ids.hex().to_uppercase().chars().take(16).collect::<String>());
        let expires_at = at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        let opened = Session {
            arn: format!("arn:aws:sts::{}:assumed-role/{name}/{session}", self.account),
            id: format!("AROAEXAMPLEROLE000000:{session}"),
            token: format!("{}{}", ids.hex(), ids.hex()),
            expires_at,
        };
        let reply = json!({
            "Credentials": {
                "AccessKeyId": access_key,
                "SecretAccessKey": ids.hex(),
                "SessionToken": opened.token,
                "Expiration": iso(expires_at),
            },
            "AssumedRoleUser": {"AssumedRoleId": opened.id, "Arn": opened.arn},
        });
        self.sessions.insert(access_key, opened);
        Ok(reply)
    }
}
