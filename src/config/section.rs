//! One mapping of the file, read key by key.
//!
//! Reading a key marks it as known; [`Section::close`] reports what is left over. So the list of valid keys is never
//! written down a second time, and a key that nobody reads cannot be accepted.
//!
//! Every method reports what it finds wrong and returns `None`. A caller that falls back to a default then does no
//! harm: a file with a problem never becomes a `Config`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::durations::parse_duration;
use super::later;
use super::names;
use super::problems::{Place, Report};
use super::scope::Scope;
use super::yaml::{Entry, Node, Value};

/// A kind of mapping, or of word, in rollbot.yml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    File,
    Slack,
    Store,
    Sled,
    Environment,
    Aws,
    May,
    Approval,
    Emergency,
    Service,
    FreezeKind,
    PipelineFreeze,
    AutoBuildFreeze,
    Group,
    TargetKind,
    Ecs,
    Stack,
    StackPrevious,
    StackSource,
    CodePipeline,
    CodeBuild,
    Amplify,
    AmplifyDomain,
    Lambda,
    LambdaSettings,
    Manual,
    Site,
    SiteReleases,
    SiteOriginPath,
    SiteVersions,
    CheckKind,
    Http,
    Body,
    Header,
    TargetGroup,
    Alarms,
    AmplifyCheck,
    Watch,
    Variable,
}

impl Part {
    /// What a word in this part is, as in "is not …".
    fn member(self) -> &'static str {
        match self {
            Self::File => "a key of this file",
            Self::Slack => "a key of `slack`",
            Self::Store => "a kind of store",
            Self::Sled => "a key of `sled`",
            Self::Environment => "a key of an environment",
            Self::Aws => "a key of `aws`",
            Self::May => "something one may be allowed to do",
            Self::Approval => "a key of `approval`",
            Self::Emergency => "a key of `emergency`",
            Self::Service => "a key of a service",
            Self::FreezeKind => "something that can be frozen",
            Self::PipelineFreeze => "a key of a `codepipeline` freeze",
            Self::AutoBuildFreeze => "a key of an `amplify_auto_build` freeze",
            Self::Group => "a key of a group",
            Self::TargetKind => "a kind of target",
            Self::Ecs => "a key of an `ecs` target",
            Self::Stack => "a key of a `cloudformation` target",
            Self::StackPrevious => "a place that earlier templates come from",
            Self::StackSource => "a key of `s3`",
            Self::CodePipeline => "a key of a `codepipeline` target",
            Self::CodeBuild => "a key of a `codebuild` target",
            Self::Amplify => "a key of an `amplify` target",
            Self::AmplifyDomain => "a key of an `amplify_domain` target",
            Self::Lambda => "a key of a `lambda` target",
            Self::LambdaSettings => "a key of a `lambda_settings` target",
            Self::Manual => "a key of a `manual` target",
            Self::Site => "a key of a `static_site` target",
            Self::SiteReleases => "a key of `releases`",
            Self::SiteOriginPath => "a key of `origin_path`",
            Self::SiteVersions => "a key of `versions`, which has none",
            Self::CheckKind => "a kind of check",
            Self::Http => "a key of an `http` check",
            Self::Body => "a key of `body`",
            Self::Header => "a key of `header`",
            Self::TargetGroup => "a key of a `target_group` check",
            Self::Alarms => "a key of an `alarms` check",
            Self::AmplifyCheck => "a key of an `amplify` check",
            Self::Watch => "a key of `watch`",
            Self::Variable => "a variable",
        }
    }
}

/// What reading needs beside the file: where to report, and what `${…}` stands for.
pub(super) struct Reader<'r> {
    pub(super) report: &'r mut Report,
    pub(super) scope: &'r Scope,
}

/// A mapping of which some keys have been read.
pub(super) struct Section<'n> {
    part: Part,
    /// Where it begins.
    pub(super) place: Place,
    entries: &'n [Entry],
    known: Vec<&'static str>,
    missing: Vec<(&'static str, String)>,
}

/// A value with its key's name.
#[derive(Clone, Copy)]
pub(super) struct Field<'n> {
    pub(super) key: &'n str,
    pub(super) node: &'n Node,
}

impl<'n> Section<'n> {
    /// Opens the mapping that `field` has to be.
    pub(super) fn open(field: Field<'n>, part: Part, report: &mut Report) -> Option<Self> {
        let entries = field.mapping(report)?;
        Some(Self { part, place: field.node.place, entries, known: Vec::new(), missing: Vec::new() })
    }

    /// The value of a key that may be left out, but not be empty.
    pub(super) fn optional(&mut self, key: &'static str, report: &mut Report) -> Option<Field<'n>> {
        let entry = self.entry(key)?;
        if matches!(entry.node.value, Value::Nothing) {
            report.error(entry.place, format!("`{key}` is empty; give it a value or remove it"));
            return None;
        }
        Some(Field { key: &entry.key, node: &entry.node })
    }

    /// The value of a compulsory key, reported when the section is closed if it is missing. `example` shows one.
    pub(super) fn required(&mut self, key: &'static str, example: &str, report: &mut Report) -> Option<Field<'n>> {
        if self.entry(key).is_none() {
            self.missing.push((key, example.to_owned()));
        }
        self.optional(key, report)
    }

    /// Where the value of a key stands; where the section begins if it is left out.
    pub(super) fn place_of(&self, key: &str) -> Place {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.place, |entry| entry.node.place)
    }

    /// Reports every key that was not asked for, and every compulsory one that is missing and not merely misspelt.
    pub(super) fn close(self, report: &mut Report) {
        let mut misspelt = Vec::new();
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str())) {
            report.error(entry.place, refusal(self.part, &entry.key, &self.known));
            misspelt.extend(names::nearest(&entry.key, self.known.iter().copied()));
        }
        for (key, example) in self.missing.into_iter().filter(|(key, _)| !misspelt.contains(key)) {
            report.error(self.place, format!("`{key}` is missing here; add it, for example `{key}: {example}`"));
        }
    }

    fn entry(&mut self, key: &'static str) -> Option<&'n Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// Why `word` is not taken in `part`, where `known` are.
pub(super) fn refusal(part: Part, word: &str, known: &[&str]) -> String {
    if later::is_token(word) {
        return "a Slack token stands here, and secrets never stand in this file; set SLACK_BOT_TOKEN in the environment \
                of the process instead, and revoke the token if this file has been shared"
            .to_owned();
    }
    later::refusal(part, word).or_else(|| later::secret(word)).unwrap_or_else(|| {
        let instead = names::instead(word, known.iter().copied(), "known here are");
        format!("`{word}` is not {}; {instead}", part.member())
    })
}

impl<'n> Field<'n> {
    /// Reports what is wrong with this value.
    pub(super) fn error(self, report: &mut Report, sentence: impl Into<String>) {
        report.error(self.node.place, sentence);
    }

    fn mismatch(self, report: &mut Report, wanted: &str) {
        if let Value::Text(text) = &self.node.value
            && later::is_token(text)
        {
            self.error(report, refusal(Part::Variable, text, &[]));
            return;
        }
        self.error(report, format!("`{}` must be {wanted}, but is {}", self.key, self.node.describe()));
    }

    /// The entries of a mapping.
    pub(super) fn mapping(self, report: &mut Report) -> Option<&'n [Entry]> {
        if let Value::Mapping(entries) = &self.node.value {
            return Some(entries);
        }
        self.mismatch(report, "a mapping (`key: value`)");
        None
    }

    /// The entries of a mapping that has at least one.
    pub(super) fn filled_mapping(self, report: &mut Report) -> Option<&'n [Entry]> {
        let entries = self.mapping(report)?;
        if entries.is_empty() {
            self.error(report, format!("`{}` is empty; it needs at least one entry", self.key));
            return None;
        }
        Some(entries)
    }

    /// The items of a list.
    pub(super) fn list(self, report: &mut Report) -> Option<Vec<Field<'n>>> {
        if let Value::List(items) = &self.node.value {
            return Some(items.iter().map(|node| Field { key: self.key, node }).collect());
        }
        self.mismatch(report, "a list");
        None
    }

    /// The items of a list that has at least one.
    pub(super) fn filled_list(self, report: &mut Report) -> Option<Vec<Field<'n>>> {
        let items = self.list(report)?;
        if items.is_empty() {
            self.error(report, format!("`{}` is an empty list; it needs at least one entry", self.key));
            return None;
        }
        Some(items)
    }

    /// Text as it stands, not empty.
    pub(super) fn plain_text(self, report: &mut Report) -> Option<&'n str> {
        match &self.node.value {
            Value::Text(text) if later::is_token(text) => {
                self.error(report, refusal(Part::Variable, text, &[]));
                None
            }
            Value::Text(text) if text.trim().is_empty() => {
                self.error(report, format!("`{}` is empty text; give it a value or remove it", self.key));
                None
            }
            Value::Text(text) => Some(text),
            Value::Flag(_) | Value::Whole(_) | Value::OtherNumber => {
                self.error(
                    report,
                    format!("`{}` must be text, but is {}; put it in quotes", self.key, self.describe()),
                );
                None
            }
            Value::Nothing | Value::List(_) | Value::Mapping(_) => {
                self.mismatch(report, "text");
                None
            }
        }
    }

    fn describe(self) -> String {
        self.node.describe()
    }

    /// Text with every `${…}` replaced.
    pub(super) fn text(self, reader: &mut Reader<'_>) -> Option<String> {
        let text = self.plain_text(reader.report)?;
        match reader.scope.resolve(text) {
            Ok(resolved) => Some(resolved),
            Err(sentence) => {
                self.error(reader.report, sentence);
                None
            }
        }
    }

    /// A whole number within `range`.
    pub(super) fn whole(self, range: RangeInclusive<u64>, report: &mut Report) -> Option<u64> {
        match &self.node.value {
            Value::Whole(number) if range.contains(number) => Some(*number),
            Value::Nothing
            | Value::Flag(_)
            | Value::Whole(_)
            | Value::OtherNumber
            | Value::Text(_)
            | Value::List(_)
            | Value::Mapping(_) => {
                self.mismatch(report, &format!("a whole number from {} to {}", range.start(), range.end()));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(self, report: &mut Report) -> Option<bool> {
        if let Value::Flag(flag) = self.node.value {
            return Some(flag);
        }
        self.mismatch(report, "`true` or `false`");
        None
    }

    /// A duration longer than nothing.
    pub(super) fn duration(self, report: &mut Report) -> Option<Duration> {
        if let Value::Text(text) = &self.node.value {
            match parse_duration(text) {
                Some(Duration::ZERO) => {
                    self.error(report, format!("`{}` is `{text}`, but has to be longer than nothing", self.key));
                    return None;
                }
                Some(duration) => return Some(duration),
                None => {}
            }
        }
        self.mismatch(report, "a duration such as `30s`, `15m` or `1h30m` (numbers with d, h, m, s)");
        None
    }
}
