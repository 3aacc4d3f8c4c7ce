//! One environment: an AWS account and region, who may do what, and where commands are taken.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::incident::ids::ChannelId;
use crate::incident::policy::{Approval, Policy, Principal, SelfApproval};

use super::names;
use super::problems::Report;
use super::scope::{self, Scope};
use super::section::{Field, Part, Reader, Section};
use super::slack::{self, MEMBERS};
use super::yaml::Value;

/// How long a plan waits for votes when nothing is said.
const DEFAULT_EXPIRY: Duration = Duration::from_mins(15);

/// How often people are told of a freeze that stays when nothing is said: twice in a working day.
const FREEZE_REMINDER: Duration = Duration::from_hours(4);

/// The most approvals that one plan may ask for; more than this is a slip of the keyboard.
const MOST_APPROVALS: u64 = 10;

/// Where rollbacks happen, and by whose leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// What people type.
    pub name: String,
    /// The account.
    pub aws: AwsAccount,
    /// Commands are taken here and nowhere else; at least one.
    pub channels: Vec<ChannelId>,
    /// Who may do what.
    pub policy: Policy,
    /// How often people are told of a freeze that stays.
    pub freeze_reminder: Duration,
    /// The values of `${…}` that are its own.
    pub vars: BTreeMap<String, String>,
}

/// An AWS account and region, and how it is entered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AwsAccount {
    /// Such as `eu-north-1`.
    pub region: String,
    /// Twelve digits. Where given, credentials of another account are to be refused.
    pub account: Option<String>,
    /// The ARN of the role to assume.
    pub assume_role: Option<String>,
    /// What the role's trust policy asks for (`sts:ExternalId`).
    pub external_id: Option<String>,
}

/// Reads one environment. Its scope is returned even where it has problems, so that services can be looked at.
pub(super) fn read(
    field: Field<'_>,
    people: &BTreeMap<String, Principal>,
    report: &mut Report,
) -> (Scope, Option<Environment>) {
    let Some(mut section) = Section::open(field, Part::Environment, report) else {
        return (Scope::of(field.key, Some(""), Some("")).with_people(people), None);
    };
    let aws = section.required("aws", "{ region: eu-north-1 }", report);
    let mut aws_section = aws.and_then(|field| Section::open(field, Part::Aws, report));
    let region = aws_section
        .as_mut()
        .and_then(|aws| aws.required("region", "eu-north-1", report))
        .and_then(|field| region(field, report));
    let account = aws_section.as_mut().and_then(|aws| aws.optional("account", report));
    let account_is_given = account.is_some();
    let account = account.and_then(|field| account_id(field, report));

    // A value that is given and wrong has been reported; it must not be reported again wherever it is used.
    let account_in_scope = if account_is_given { account.as_deref().or(Some("")) } else { None };
    let mut scope = Scope::of(field.key, region.as_deref().or(Some("")), account_in_scope).with_people(people);
    let vars = section.optional("vars", report).map(|field| read_vars(field, &mut scope, report)).unwrap_or_default();

    let mut reader = Reader { report, scope: &scope };
    let entry = aws_section.map(|aws| entry_to_account(aws, account.as_deref(), &mut reader));
    let channels = section
        .required("channels", "[C0123456789]", reader.report)
        .and_then(|field| slack::channels(field, reader.report));
    let policy = read_policy(&mut section, people, &mut reader);
    let freeze_reminder =
        section.optional("freeze_reminder", reader.report).and_then(|field| field.duration(reader.report));
    section.close(report);

    let environment = (|| {
        let (assume_role, external_id) = entry?;
        Some(Environment {
            name: field.key.to_owned(),
            aws: AwsAccount { region: region?, account, assume_role, external_id },
            channels: channels?,
            policy,
            freeze_reminder: freeze_reminder.unwrap_or(FREEZE_REMINDER),
            vars,
        })
    })();
    (scope, environment)
}

fn region(field: Field<'_>, report: &mut Report) -> Option<String> {
    let text = field.plain_text(report)?;
    let mut parts = text.split('-');
    let area = parts.next().is_some_and(|part| part.len() == 2 && is_lower(part));
    let number =
        parts.next_back().is_some_and(|part| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let direction: Vec<&str> = parts.collect();
    if area && number && !direction.is_empty() && direction.into_iter().all(is_lower) {
        return Some(text.to_owned());
    }
    field.error(report, format!("`{text}` is not an AWS region; write one such as `eu-north-1`"));
    None
}

fn is_lower(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase())
}

fn account_id(field: Field<'_>, report: &mut Report) -> Option<String> {
    let text = field.plain_text(report)?;
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.to_owned());
    }
    field.error(report, format!("`{text}` is not an AWS account; write its twelve digits in quotes"));
    None
}

/// Reads what is left of `aws`: the role and its external id.
fn entry_to_account(
    mut aws: Section<'_>,
    account: Option<&str>,
    reader: &mut Reader<'_>,
) -> (Option<String>, Option<String>) {
    let role_field = aws.optional("assume_role", reader.report);
    let role = role_field.and_then(|field| {
        let role = field.text(reader)?;
        let parts: Vec<&str> = role.splitn(6, ':').collect();
        let owner = match parts.as_slice() {
            ["arn", partition, "iam", "", owner, name] if partition.starts_with("aws") && name.starts_with("role/") => {
                *owner
            }
            _ => {
                field.error(
                    reader.report,
                    format!(
                        "`{role}` is not the ARN of a role; write one such as `arn:aws:iam::123456789012:role/rollbot`"
                    ),
                );
                return None;
            }
        };
        if let Some(account) = account
            && owner != account
        {
            field.error(
                reader.report,
                format!("this role is in the account `{owner}`, but `account` is `{account}`; make them agree"),
            );
        }
        Some(role)
    });
    let external_id = aws.optional("external_id", reader.report).and_then(|field| {
        if role_field.is_none() {
            field.error(
                reader.report,
                "`external_id` is used only when a role is assumed; add `assume_role` or remove it",
            );
        }
        field.text(reader)
    });
    aws.close(reader.report);
    (role, external_id)
}

/// Reads `vars` and defines them in `scope`; their values may use what the environment defines itself.
fn read_vars(field: Field<'_>, scope: &mut Scope, report: &mut Report) -> BTreeMap<String, String> {
    let built_in = scope.clone();
    let mut vars = BTreeMap::new();
    for entry in field.mapping(report).unwrap_or_default() {
        let name = &entry.key;
        if scope::BUILT_IN.contains(&name.as_str()) || name == "incident" {
            report.error(entry.place, format!("`{name}` is defined by Rollbot itself; choose another name"));
            continue;
        }
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !is_name {
            report.error(entry.place, format!("`{name}` cannot be a variable; write one word of a-z, 0-9 and `_`"));
        }
        let value = Field { key: name, node: &entry.node }.text(&mut Reader { report, scope: &built_in });
        scope.define(name.clone(), value.clone().unwrap_or_default());
        vars.insert(name.clone(), value.unwrap_or_default());
    }
    vars
}

fn read_policy(section: &mut Section<'_>, people: &BTreeMap<String, Principal>, reader: &mut Reader<'_>) -> Policy {
    let mut may =
        section.optional("may", reader.report).and_then(|field| Section::open(field, Part::May, reader.report));
    let mut holders = |right: &'static str| {
        let field = may.as_mut()?.optional(right, reader.report)?;
        Some(principals(field, people, reader.report))
    };
    let request = holders("request").unwrap_or_else(|| vec![Principal::Members]);
    let approve = holders("approve").unwrap_or_default();
    let skip = holders("skip").unwrap_or_else(|| approve.clone());
    let stop = holders("stop")
        .unwrap_or_else(|| approve.iter().cloned().chain(std::iter::once(Principal::Requester)).collect());
    let freeze = holders("freeze").unwrap_or_else(|| approve.clone());
    if let Some(may) = may {
        may.close(reader.report);
    }
    let approval = read_approval(section, reader);
    let emergency = read_emergency(section, people, reader.report);
    warn_of_what_cannot_be(section, &request, &approve, &approval, reader);
    Policy { request, approve, skip, stop, freeze, emergency, approval }
}

/// Who may do without a second person; nobody when nothing is said.
fn read_emergency(
    section: &mut Section<'_>,
    people: &BTreeMap<String, Principal>,
    report: &mut Report,
) -> Vec<Principal> {
    let opened = section.optional("emergency", report).and_then(|field| Section::open(field, Part::Emergency, report));
    let Some(mut section) = opened else { return Vec::new() };
    let from = section.required("from", "[lead]", report).map(|field| principals(field, people, report));
    section.close(report);
    from.unwrap_or_default()
}

fn warn_of_what_cannot_be(
    section: &Section<'_>,
    request: &[Principal],
    approve: &[Principal],
    approval: &Approval,
    reader: &mut Reader<'_>,
) {
    let environment = reader.scope.environment().to_owned();
    if request.is_empty() {
        reader.report.warn(
            section.place_of("may"),
            format!("nobody may ask for a rollback in `{environment}`: `request` is empty"),
        );
    }
    let everyone_is_a_person = approve.iter().all(|principal| matches!(principal, Principal::Person { .. }));
    if approve.is_empty() && approval.required > 0 {
        reader.report.warn(
            section.place,
            format!(
                "nobody may approve in `{environment}`, so it refuses every rollback; add `may: {{ approve: […] }}`, or \
                 set `approval: {{ required: 0 }}`"
            ),
        );
    } else if everyone_is_a_person && approve.len() < usize::from(approval.required) {
        reader.report.warn(
            section.place_of("approval"),
            format!(
                "`{environment}` asks for {} approvals, but only {} can approve, so no rollback is ever approved",
                approval.required,
                approve.len()
            ),
        );
    }
}

/// Names of people and groups.
pub(super) fn principals(
    field: Field<'_>,
    people: &BTreeMap<String, Principal>,
    report: &mut Report,
) -> Vec<Principal> {
    let mut principals = Vec::new();
    for item in field.list(report).unwrap_or_default() {
        let Some(name) = item.plain_text(report) else { continue };
        let principal = if name == MEMBERS { Some(Principal::Members) } else { people.get(name).cloned() };
        match principal {
            Some(principal) if principals.contains(&principal) => {
                item.error(report, format!("`{name}` stands here a second time; remove one"));
            }
            Some(principal) => principals.push(principal),
            None => {
                let names = people.keys().map(String::as_str).chain(std::iter::once(MEMBERS));
                let instead = names::instead(name, names, "known are");
                item.error(report, format!("`{name}` is not defined under `people`; {instead}"));
            }
        }
    }
    principals
}

fn read_approval(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Approval {
    let mut approval = Approval {
        required: 1,
        self_approval: SelfApproval::Refused,
        confirm_phrase: None,
        expires_after: DEFAULT_EXPIRY,
    };
    let opened = section
        .optional("approval", reader.report)
        .and_then(|field| Section::open(field, Part::Approval, reader.report));
    let Some(mut section) = opened else { return approval };
    if let Some(required) =
        section.optional("required", reader.report).and_then(|field| field.whole(0..=MOST_APPROVALS, reader.report))
    {
        approval.required = u8::try_from(required).unwrap_or(u8::MAX);
    }
    if let Some(true) = section.optional("self_approval", reader.report).and_then(|field| field.flag(reader.report)) {
        approval.self_approval = SelfApproval::Allowed;
    }
    if let Some(field) = section.optional("confirm_phrase", reader.report) {
        approval.confirm_phrase = field.text(reader);
        if let Value::Text(text) = &field.node.value
            && (text.trim() != text || text.contains('\n'))
        {
            field.error(
                reader.report,
                "`confirm_phrase` must be one line without spaces around it, or nobody could type it",
            );
        }
    }
    if let Some(expires_after) =
        section.optional("expires_after", reader.report).and_then(|field| field.duration(reader.report))
    {
        approval.expires_after = expires_after;
    }
    section.close(reader.report);
    approval
}
