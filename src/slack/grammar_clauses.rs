//! What follows environment and service in a rollback: `to …`, `only …`, `with …`, `because …` and flags, in any order.

use std::collections::BTreeMap;

use crate::config::{KEYWORDS, nearest};
use crate::incident::request::Manner;

use super::grammar::{Misread, Run, Typed, Wanted};
use super::grammar_vocabulary::{KnownEnvironment, KnownService, are};
use super::grammar_words::{Flag, Word, excerpt, unquoted};

/// The longest reason that is taken, in characters: what fits on a card beside everything else.
const LONGEST_REASON: usize = 1000;

/// The longest name of a release that is taken, in characters: an ARN with room to spare.
const LONGEST_RELEASE: usize = 300;

/// A keyword that begins a part of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyword {
    To,
    Only,
    With,
    Because,
}

impl Keyword {
    fn named(word: &str) -> Option<Self> {
        [Self::To, Self::Only, Self::With, Self::Because]
            .into_iter()
            .find(|keyword| keyword.word().eq_ignore_ascii_case(word))
    }

    fn word(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::Only => "only",
            Self::With => "with",
            Self::Because => "because",
        }
    }
}

/// The keyword that `word` is or begins with, and what is glued to it: `to`, `to:`, `to:42`, `to=42`.
fn keyword(word: &Word) -> Option<(Keyword, Option<Word>)> {
    if let Some(keyword) = Keyword::named(&word.plain) {
        return Some((keyword, None));
    }
    let (name, glued) = word.plain.split_once([':', '='])?;
    let keyword = Keyword::named(name)?;
    let raw = word.raw.split_once([':', '=']).map_or(glued, |(_, raw)| raw);
    Some((keyword, Some(Word { raw: raw.to_owned(), plain: glued.to_owned() })))
}

/// Whether `word` ends what came before it.
pub(super) fn begins_a_clause(word: &Word) -> bool {
    keyword(word).is_some() || word.flag().is_some()
}

/// What was said of the release.
#[derive(Debug, PartialEq, Eq)]
enum To {
    Unsaid,
    Previous,
    Release(String),
}

/// Reads what follows environment and service.
pub(super) struct Clauses<'a> {
    environment: &'a KnownEnvironment,
    service: &'a KnownService,
    to: To,
    apart: BTreeMap<String, String>,
    only: Vec<String>,
    with: Vec<String>,
    manner: Manner,
    reason: Option<String>,
    run: Run,
    help: bool,
}

impl<'a> Clauses<'a> {
    pub(super) fn new(environment: &'a KnownEnvironment, service: &'a KnownService) -> Self {
        Self {
            environment,
            service,
            to: To::Unsaid,
            apart: BTreeMap::new(),
            only: Vec::new(),
            with: Vec::new(),
            manner: Manner::Regular,
            reason: None,
            run: Run::Real,
            help: false,
        }
    }

    pub(super) fn read(mut self, words: &[&Word]) -> Result<Typed, Misread> {
        let mut words = words;
        while let Some((word, rest)) = words.split_first() {
            words = if let Some(flag) = word.flag() {
                self.flag(word, &flag, rest)?
            } else if let Some((keyword, glued)) = keyword(word) {
                match keyword {
                    Keyword::To => self.to(glued.as_ref(), rest)?,
                    Keyword::Only | Keyword::With => self.targets(keyword, glued.as_ref(), rest)?,
                    Keyword::Because => self.because(glued.as_ref(), rest)?,
                }
            } else if word.plain.contains('=') {
                self.one_apart(word)?;
                rest
            } else if matches!(word.plain.to_ascii_lowercase().as_str(), "dry-run" | "dryrun") {
                self.run = Run::Dry;
                rest
            } else {
                return Err(self.stray(word));
            };
        }
        if self.help {
            return Ok(Typed::Help);
        }
        if self.manner == Manner::Emergency && self.reason.is_none() {
            return Err(Misread::sentence(format!(
                "An emergency needs a reason: type `/rollback {} {} --emergency because …`.",
                self.environment.name, self.service.name
            )));
        }
        Ok(Typed::RollBack(Wanted {
            environment: self.environment.name.clone(),
            service: self.service.name.clone(),
            to: match self.to {
                To::Unsaid | To::Previous => None,
                To::Release(release) => Some(release),
            },
            apart: self.apart,
            only: self.only,
            with: self.with,
            manner: self.manner,
            reason: self.reason,
            run: self.run,
        }))
    }

    fn flag<'w>(&mut self, word: &Word, flag: &Flag, rest: &'w [&'w Word]) -> Result<&'w [&'w Word], Misread> {
        match flag {
            Flag::DryRun => self.run = Run::Dry,
            Flag::Dry => {
                self.run = Run::Dry;
                if let Some((next, behind)) = rest.split_first()
                    && next.is("run")
                {
                    return Ok(behind);
                }
            }
            Flag::Help => self.help = true,
            Flag::Emergency => self.manner = Manner::Emergency,
            Flag::Other(name) => return Err(unknown_flag(word, name)),
        }
        Ok(rest)
    }

    fn to<'w>(&mut self, glued: Option<&Word>, rest: &'w [&'w Word]) -> Result<&'w [&'w Word], Misread> {
        if self.to != To::Unsaid {
            return Err(Misread::sentence("Say `to` once: one rollback goes back to one release."));
        }
        let (word, behind) = match (glued, rest) {
            (Some(glued), rest) => (glued, rest),
            // `to revision 42` is `to 42`.
            (None, [kind, word, behind @ ..]) if is_kind_of_release(kind) && !begins_a_clause(word) => (*word, behind),
            (None, [word, behind @ ..]) if !begins_a_clause(word) => (*word, behind),
            (None, _) => {
                return Err(Misread::sentence(
                    "Say which release after `to`, as in `to 42`; leave `to` out for the one before.",
                ));
            }
        };
        if word.plain.contains('=') {
            // The others, if there are any, follow by themselves.
            self.one_apart(word)?;
            return Ok(behind);
        }
        if !self.apart.is_empty() {
            return Err(one_or_each());
        }
        self.to = release(&word.plain)?;
        Ok(behind)
    }

    /// `backend=42`: a release for one target.
    fn one_apart(&mut self, word: &Word) -> Result<(), Misread> {
        let (name, named) = word.plain.split_once('=').unwrap_or((&word.plain, ""));
        let name = Word { raw: name.to_owned(), plain: name.trim_end_matches(':').to_owned() };
        let target = self.service.target(&name).ok_or_else(|| self.service.no_target(&name))?;
        if self.to != To::Unsaid {
            return Err(one_or_each());
        }
        let named = match release(named.trim_start_matches(['"', '“', '‘', '\'']))? {
            To::Unsaid | To::Previous => "previous".to_owned(),
            To::Release(release) => release,
        };
        if self.apart.insert(target.to_owned(), named).is_some() {
            return Err(Misread::sentence(format!("{target} has two releases; say one.")));
        }
        Ok(())
    }

    fn targets<'w>(
        &mut self,
        keyword: Keyword,
        glued: Option<&Word>,
        rest: &'w [&'w Word],
    ) -> Result<&'w [&'w Word], Misread> {
        let end = rest.iter().position(|word| begins_a_clause(word)).unwrap_or(rest.len());
        let (names, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let mut chosen: Vec<String> = Vec::new();
        for word in glued.into_iter().chain(names.iter().copied()) {
            for part in word.plain.split([',', '+', '&']).filter(|part| !part.is_empty()) {
                let part = Word { raw: part.to_owned(), plain: part.to_owned() };
                match self.service.target(&part) {
                    Some(target) => chosen.push(target.to_owned()),
                    None if part.is("and") => {}
                    None => return Err(self.service.no_target(&part)),
                }
            }
        }
        if chosen.is_empty() {
            let targets: Vec<&str> = self.service.targets.iter().map(String::as_str).collect();
            return Err(Misread::sentence(format!(
                "Say which targets after `{}`; in {} there {}.",
                keyword.word(),
                self.service.name,
                are(&targets)
            )));
        }
        let list = if keyword == Keyword::Only { &mut self.only } else { &mut self.with };
        for target in chosen {
            if !list.contains(&target) {
                list.push(target);
            }
        }
        Ok(behind)
    }

    /// The reason goes on to the end; flags in it are flags.
    fn because<'w>(&mut self, glued: Option<&Word>, rest: &'w [&'w Word]) -> Result<&'w [&'w Word], Misread> {
        let mut said: Vec<&str> = glued.iter().map(|word| word.raw.as_str()).collect();
        let mut left = rest;
        while let Some((word, behind)) = left.split_first() {
            left = behind;
            match word.flag() {
                Some(Flag::Other(name)) if nearest(&name, ["dry-run", "emergency"]).is_none() => said.push(&word.raw),
                Some(flag) => left = self.flag(word, &flag, behind)?,
                None => said.push(&word.raw),
            }
        }
        self.reason = Some(reason(&said)?);
        Ok(left)
    }

    /// A word where a keyword should be.
    fn stray(&self, word: &Word) -> Misread {
        let typed = excerpt(&word.raw);
        let command = format!("/rollback {} {}", self.environment.name, self.service.name);
        if let Some(target) = self.service.target(word) {
            return Misread::sentence(format!("To take only {target} back, type `{command} only {target}`."));
        }
        if let Some(other) = self.environment.subject(word) {
            let environment = &self.environment.name;
            let has_both =
                |group: &&KnownService| group.parts.contains(&self.service.name) && group.parts.contains(&other.name);
            let both = self.environment.groups.iter().find(has_both).map(|group| {
                format!(
                    ", or `/rollback {environment} {} only {} {}` for both",
                    group.name, self.service.name, other.name
                )
            });
            return Misread::sentence(format!(
                "One command takes back one service or group: type `{command}`, then `/rollback {environment} {}`{}.",
                other.name,
                both.unwrap_or_default()
            ));
        }
        if let Some(near) = nearest(&word.plain, KEYWORDS) {
            return Misread::sentence(format!("“{typed}” is not understood; did you mean `{near}`?"));
        }
        let release = word.plain.trim_start_matches('#');
        if is_like_a_release(release) {
            return Misread::sentence(format!(
                "To go back to {}, type `{command} to {}`.",
                excerpt(release),
                excerpt(release)
            ));
        }
        Misread::sentence(format!("“{typed}” is not understood; type `{command} to …` or `{command} because …`."))
    }
}

/// A reason of these words.
fn reason(said: &[&str]) -> Result<String, Misread> {
    let reason = said.join(" ");
    let reason = unquoted(&reason);
    if reason.is_empty() {
        return Err(Misread::sentence("Say why after `because`, as in `because 5xx since 12:10`, or leave it out."));
    }
    if reason.chars().count() > LONGEST_REASON {
        return Err(Misread::sentence(format!(
            "The reason is too long for the card; say it in at most {LONGEST_REASON} characters."
        )));
    }
    Ok(reason.to_owned())
}

/// `because …` and nothing else; `usage` is the command that it may follow. There is nothing that a flag could mean.
pub(super) fn because(words: &[&Word], usage: &str) -> Result<Option<String>, Misread> {
    let Some((first, rest)) = words.split_first() else { return Ok(None) };
    if let Some(flag) = words.iter().find(|word| word.flag().is_some()) {
        return Err(Misread::sentence(format!(
            "`/rollback {usage}` takes no flags; leave {} out.",
            excerpt(&flag.raw)
        )));
    }
    match keyword(first) {
        Some((Keyword::Because, glued)) => {
            let words = glued.iter().map(|word| word.raw.as_str()).chain(rest.iter().map(|word| word.raw.as_str()));
            reason(&words.collect::<Vec<_>>()).map(Some)
        }
        Some((Keyword::To | Keyword::Only | Keyword::With, _)) | None => Err(Misread::sentence(format!(
            "“{}” is too much; say no more than in `/rollback {usage} because …`.",
            excerpt(&first.raw)
        ))),
    }
}

/// A release as it is named after `to` or `=`.
fn release(named: &str) -> Result<To, Misread> {
    let release = named.trim_start_matches('#');
    if release.is_empty() || release.chars().count() > LONGEST_RELEASE {
        return Err(Misread::sentence(
            "That is no name of a release; `/rollback releases` with environment and service lists them.",
        ));
    }
    let previous = ["previous", "prev"].iter().any(|word| release.eq_ignore_ascii_case(word));
    Ok(if previous { To::Previous } else { To::Release(release.to_owned()) })
}

fn one_or_each() -> Misread {
    Misread::sentence("Say one release for all targets (`to 42`), or one for each (`to a=42 b=v7`), not both.")
}

fn unknown_flag(word: &Word, name: &str) -> Misread {
    let typed = excerpt(&word.raw);
    Misread::sentence(match nearest(name, ["dry-run", "emergency"]) {
        Some(near) => format!("There is no {typed}; did you mean `--{near}`?"),
        None => format!(
            "There is no {typed}; the flags are `--dry-run`, which shows the plan and does nothing, and `--emergency`, which waits for no second person."
        ),
    })
}

fn is_kind_of_release(word: &Word) -> bool {
    ["revision", "release", "version", "tag"].iter().any(|kind| word.is(kind))
}

/// Whether a word reads like a release: a number, `v1.2`, a sha, `api:42`, an ARN, `previous`.
fn is_like_a_release(word: &str) -> bool {
    let numbered = word.trim_start_matches(['v', 'V']).starts_with(|c: char| c.is_ascii_digit());
    let sha = word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
    numbered || sha || word.contains(':') || word.eq_ignore_ascii_case("previous")
}
