//! Checks: what says that a service is healthy, and how long that is watched.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::alarms::{self, AlarmsCheck};
use super::amplify_check::{self, AmplifyCheck};
use super::names;
use super::problems::Place;
use super::section::{self, Field, Part, Reader, Section};
use super::targets::{self, Stage, Target, TargetKind};

/// How long between two requests when nothing is said.
const DEFAULT_EVERY: Duration = Duration::from_secs(5);

/// How long a service has for becoming healthy when nothing is said.
const DEFAULT_WITHIN: Duration = Duration::from_mins(5);

/// How long one request may take when nothing is said: a health page that takes longer is not healthy.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How many good answers in a row prove health when nothing is said.
const DEFAULT_PASSES: u32 = 3;

/// How often a watch looks when nothing is said.
const DEFAULT_WATCH_EVERY: Duration = Duration::from_secs(30);

/// Something that says healthy, unhealthy or inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Check {
    /// A page that answers.
    Http(HttpCheck),
    /// A load balancer that sees healthy targets.
    TargetGroup(TargetGroupCheck),
    /// Alarms that are all OK.
    Alarms(AlarmsCheck),
    /// A branch on Amplify Hosting that shows what it should.
    Amplify(AmplifyCheck),
}

impl Check {
    /// The kinds as they are written, in the order of the documentation.
    const KINDS: [&'static str; 4] = ["http", "target_group", "alarms", "amplify"];

    /// Unique within its service: its kind, or its kind and a number (`http`, `http-2`).
    pub fn name(&self) -> &str {
        match self {
            Self::Http(http) => &http.name,
            Self::TargetGroup(group) => &group.name,
            Self::Alarms(alarms) => &alarms.name,
            Self::Amplify(branch) => &branch.name,
        }
    }
}

/// A page that has to answer as expected, several times in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// Unique within its service.
    pub name: String,
    /// A valid `http` or `https` URL.
    pub url: String,
    /// The status that is expected; 200 where nothing is said. Redirects are not followed.
    pub status: u16,
    /// What the body has to contain.
    pub body_contains: Option<String>,
    /// A header that has to be there.
    pub header: Option<Header>,
    /// How many times in a row; at least 1.
    pub passes: u32,
    /// From one request to the next.
    pub every: Duration,
    /// From the first request to giving up.
    pub within: Duration,
    /// For one request.
    pub timeout: Duration,
}

/// A header of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// In whatever case.
    pub name: String,
    /// Exactly this.
    pub value: String,
}

/// A load balancer's view of the new tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroupCheck {
    /// Unique within its service.
    pub name: String,
    /// Which target group.
    pub target_group: TargetGroup,
}

/// How a target group is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetGroup {
    /// By its ARN.
    Arn(String),
    /// Those that the ECS service of this target registers with; the target is one of the same service.
    Of(String),
}

/// How long the checks run on after a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Duration,
    /// From one look to the next.
    pub every: Duration,
}

/// Reads `verify`. `stages` are the targets that a check may be about, if they could be read.
pub(super) fn read(field: Field<'_>, stages: Option<&[Stage]>, reader: &mut Reader<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut taken = Vec::new();
    for item in field.filled_list(reader.report).unwrap_or_default() {
        let Some(entry) = targets::only_entry(item, "check", reader) else {
            continue;
        };
        let field = Field { key: &entry.key, node: &entry.node };
        let name = names::unique(&entry.key, &taken);
        let check = match entry.key.as_str() {
            "http" => read_http(field, name.clone(), reader).map(Check::Http),
            "amplify" => amplify_check::read(field, name.clone(), stages, reader).map(Check::Amplify),
            "alarms" => alarms::read(field, name.clone(), reader).map(Check::Alarms),
            "target_group" => read_target_group(field, name.clone(), stages, reader).map(Check::TargetGroup),
            other => {
                reader.report.error(entry.place, section::refusal(Part::CheckKind, other, &Check::KINDS));
                None
            }
        };
        taken.push(name);
        checks.extend(check);
    }
    checks
}

fn read_http(field: Field<'_>, name: String, reader: &mut Reader<'_>) -> Option<HttpCheck> {
    let mut section = Section::open(field, Part::Http, reader.report)?;
    let url = section
        .required("url", "https://api.example.com/health", reader.report)
        .and_then(|field| http_url(field, reader));
    let status = section
        .optional("status", reader.report)
        .and_then(|field| field.whole(100..=599, reader.report))
        .unwrap_or(200);
    let body_contains = section.optional("body", reader.report).and_then(|field| read_body(field, reader));
    let header = section.optional("header", reader.report).and_then(|field| read_header(field, reader));
    let passes = section
        .optional("passes", reader.report)
        .and_then(|field| field.whole(1..=100, reader.report))
        .and_then(|passes| u32::try_from(passes).ok())
        .unwrap_or(DEFAULT_PASSES);
    let mut duration = |key: &'static str, default: Duration| {
        section.optional(key, reader.report).and_then(|field| field.duration(reader.report)).unwrap_or(default)
    };
    let every = duration("every", DEFAULT_EVERY);
    let within = duration("within", DEFAULT_WITHIN);
    let timeout = duration("timeout", DEFAULT_TIMEOUT);
    must_fit(section.place, passes, every, within, reader);
    section.close(reader.report);
    Some(HttpCheck {
        name,
        url: url?,
        status: u16::try_from(status).unwrap_or_default(),
        body_contains,
        header,
        passes,
        every,
        within,
        timeout,
    })
}

/// Reports a check whose answers in a row do not fit into its time.
pub(super) fn must_fit(place: Place, passes: u32, every: Duration, within: Duration, reader: &mut Reader<'_>) {
    if every.saturating_mul(passes.saturating_sub(1)) >= within {
        reader.report.error(
            place,
            format!(
                "this check can never pass: {passes} answers, one every {} s, do not fit into {} s; raise `within`",
                every.as_secs(),
                within.as_secs()
            ),
        );
    }
}

fn http_url(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let text = field.text(reader)?;
    match Url::parse(&text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            field.error(reader.report, format!("`{text}` is neither an http nor an https URL; write one that is"));
        }
        Ok(url) if url.password().is_some() || !url.username().is_empty() => {
            field.error(
                reader.report,
                "this URL contains a user or password, and secrets never stand in this file; check a page that needs none",
            );
        }
        Ok(_) => return Some(text),
        Err(error) => field.error(
            reader.report,
            format!("`{text}` is not a URL ({error}); write one such as `https://api.example.com/health`"),
        ),
    }
    None
}

fn read_body(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let mut section = Section::open(field, Part::Body, reader.report)?;
    let contains = section.required("contains", "ok", reader.report).and_then(|field| field.text(reader));
    section.close(reader.report);
    contains
}

fn read_header(field: Field<'_>, reader: &mut Reader<'_>) -> Option<Header> {
    let mut section = Section::open(field, Part::Header, reader.report)?;
    let name = section.required("name", "x-version", reader.report).and_then(|field| {
        let name = field.text(reader)?;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)) {
            field.error(
                reader.report,
                format!("`{name}` cannot be the name of a header; write one such as `x-version`"),
            );
        }
        Some(name)
    });
    let value = section.required("value", "stable", reader.report).and_then(|field| field.text(reader));
    section.close(reader.report);
    Some(Header { name: name?, value: value? })
}

fn read_target_group(
    field: Field<'_>,
    name: String,
    stages: Option<&[Stage]>,
    reader: &mut Reader<'_>,
) -> Option<TargetGroupCheck> {
    let mut section = Section::open(field, Part::TargetGroup, reader.report)?;
    let arn = section.optional("arn", reader.report);
    let of = section.optional("of", reader.report);
    let place = section.place;
    section.close(reader.report);
    let target_group = match (arn, of) {
        (Some(arn), None) => TargetGroup::Arn(target_group_arn(arn, reader)?),
        (None, Some(of)) => TargetGroup::Of(ecs_target(of, stages, reader)?),
        (Some(_), Some(_)) => {
            reader.report.error(place, "a `target_group` check has either `arn` or `of`; remove one of the two");
            return None;
        }
        (None, None) => {
            reader.report.error(
                place,
                "a `target_group` check needs the `arn` of a target group, or the name of an `ecs` target as `of`",
            );
            return None;
        }
    };
    Some(TargetGroupCheck { name, target_group })
}

fn target_group_arn(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let arn = field.text(reader)?;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "elasticloadbalancing", region, account, group] if group.starts_with("targetgroup/") => {
            targets::belongs_here(field, ("region", region), reader);
            targets::belongs_here(field, ("account", account), reader);
            Some(arn)
        }
        _ => {
            field.error(
                reader.report,
                format!("`{arn}` is not the ARN of a target group (`arn:aws:elasticloadbalancing:…:targetgroup/…`)"),
            );
            None
        }
    }
}

fn ecs_target(field: Field<'_>, stages: Option<&[Stage]>, reader: &mut Reader<'_>) -> Option<String> {
    let name = field.text(reader)?;
    let Some(stages) = stages else { return Some(name) };
    let ecs = |target: &&Target| match &target.kind {
        TargetKind::Ecs(_) => true,
        TargetKind::CodePipeline(_)
        | TargetKind::CodeBuild(_)
        | TargetKind::Site(_)
        | TargetKind::Amplify(_)
        | TargetKind::AmplifyDomain(_)
        | TargetKind::Lambda(_)
        | TargetKind::LambdaSettings(_)
        | TargetKind::Manual(_)
        | TargetKind::Stack(_) => false,
    };
    let targets = || stages.iter().flat_map(|stage| &stage.targets).filter(ecs).map(|target| target.name.as_str());
    if targets().any(|target| target == name) {
        return Some(name);
    }
    let instead = names::instead(&name, targets(), "there are");
    field.error(reader.report, format!("`{name}` is not an `ecs` target of this service; {instead}"));
    None
}

/// Reads `watch`.
pub(super) fn read_watch(field: Field<'_>, reader: &mut Reader<'_>) -> Option<Watch> {
    let mut section = Section::open(field, Part::Watch, reader.report)?;
    let lasts = section.required("for", "30m", reader.report).and_then(|field| field.duration(reader.report));
    let every = section
        .optional("every", reader.report)
        .and_then(|field| field.duration(reader.report))
        .unwrap_or(DEFAULT_WATCH_EVERY);
    let place = section.place;
    section.close(reader.report);
    let watch = Watch { lasts: lasts?, every };
    if watch.every > watch.lasts {
        reader.report.error(
            place,
            format!(
                "this watch would end before its first look: `every` is {} s and `for` is {} s; make `for` the longer one",
                watch.every.as_secs(),
                watch.lasts.as_secs()
            ),
        );
    }
    Some(watch)
}
