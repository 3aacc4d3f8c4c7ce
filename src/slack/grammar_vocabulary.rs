//! The names that a command may use, and what to say to somebody who used another.

use crate::config::nearest;
use crate::incident::ids::ChannelId;

use super::grammar::Misread;
use super::grammar_words::{Word, excerpt};

/// Every name that commands may use, as the configuration has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vocabulary {
    /// The environments in their order.
    pub environments: Vec<KnownEnvironment>,
}

/// An environment, where it takes commands, and its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEnvironment {
    /// Its name.
    pub name: String,
    /// The channels in which its commands are taken.
    pub channels: Vec<ChannelId>,
    /// The services that it has.
    pub services: Vec<KnownService>,
    /// The groups of services that it has.
    pub groups: Vec<KnownService>,
}

/// A service or a group and its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownService {
    /// Its name.
    pub name: String,
    /// The names of its targets; in a group with their services before them, as `api/backend`.
    pub targets: Vec<String>,
    /// The services of a group; none for a service.
    pub parts: Vec<String>,
}

impl Vocabulary {
    /// The environments whose commands are taken in `channel`.
    pub fn here<'a>(&'a self, channel: &'a ChannelId) -> impl Iterator<Item = &'a KnownEnvironment> {
        self.environments.iter().filter(move |environment| environment.channels.contains(channel))
    }

    /// The environment called `name`, wherever it takes commands.
    pub fn environment(&self, name: &str) -> Option<&KnownEnvironment> {
        self.environments.iter().find(|environment| environment.name == name)
    }

    /// The environment that `word` names, if its commands are taken in `channel`.
    pub(super) fn named<'a>(
        &'a self,
        word: &Word,
        channel: &ChannelId,
    ) -> Option<Result<&'a KnownEnvironment, Misread>> {
        let found = find(word, &self.environments, |environment| &environment.name)?;
        if found.channels.contains(channel) {
            return Some(Ok(found));
        }
        Some(Err(Misread::Elsewhere { environment: found.name.clone(), channels: found.channels.clone() }))
    }

    /// Whether some environment here has a service that `word` names.
    pub(super) fn service_here<'a>(
        &'a self,
        word: &Word,
        channel: &'a ChannelId,
    ) -> Option<(&'a KnownEnvironment, &'a KnownService)> {
        self.here(channel).find_map(|environment| Some((environment, environment.subject(word)?)))
    }

    /// What to say of a first word that is neither an environment here nor a verb.
    pub(super) fn no_environment(&self, word: &Word, channel: &ChannelId, verbs: &[&str]) -> Misread {
        let typed = excerpt(&word.raw);
        let here: Vec<&str> = self.here(channel).map(|environment| environment.name.as_str()).collect();
        if let Some((environment, service)) = self.service_here(word, channel) {
            return Misread::sentence(format!(
                "The environment comes first: type `/rollback {} {}`.",
                environment.name, service.name
            ));
        }
        match nearest(&word.plain, here.iter().chain(verbs).copied()) {
            Some(near) => {
                Misread::sentence(format!("There is no environment “{typed}” here; did you mean `/rollback {near}`?"))
            }
            None if here.is_empty() => Misread::nothing_here(),
            None => Misread::sentence(format!(
                "There is no environment “{typed}” here; in this channel there {}.",
                are(&here)
            )),
        }
    }
}

impl KnownEnvironment {
    /// The service or group that `word` names.
    pub(super) fn subject(&self, word: &Word) -> Option<&KnownService> {
        find(word, &self.services, |service| &service.name).or_else(|| find(word, &self.groups, |group| &group.name))
    }

    /// The names of its services and groups.
    pub(super) fn subject_names(&self) -> Vec<&str> {
        self.services.iter().chain(&self.groups).map(|subject| subject.name.as_str()).collect()
    }

    /// What to say of a word that is no service of this environment.
    pub(super) fn no_service(&self, word: &Word, verb: &str) -> Misread {
        let typed = excerpt(&word.raw);
        let names = self.subject_names();
        let command = if verb.is_empty() { "/rollback".to_owned() } else { format!("/rollback {verb}") };
        Misread::sentence(match nearest(&word.plain, names.iter().copied()) {
            Some(near) => {
                format!("{} has no service “{typed}”; did you mean `{command} {} {near}`?", self.name, self.name)
            }
            None => format!("{} has no service “{typed}”; there {}.", self.name, are(&names)),
        })
    }
}

impl KnownService {
    /// The target that `word` names; in a group also a service, or a target that no other service has.
    pub(super) fn target(&self, word: &Word) -> Option<&str> {
        let named = find(word, &self.targets, |target| target).or_else(|| find(word, &self.parts, |part| part));
        let named = named.or_else(|| {
            let is_it = |target: &&String| target.split_once('/').is_some_and(|(_, own)| word.is(own));
            let mut called = self.targets.iter().filter(is_it);
            called.next().filter(|_| called.next().is_none())
        });
        named.map(String::as_str)
    }

    /// What to say of a word that is no target of this service.
    pub(super) fn no_target(&self, word: &Word) -> Misread {
        let typed = excerpt(&word.raw);
        let names: Vec<&str> = self.targets.iter().map(String::as_str).collect();
        let near = nearest(
            &word.plain,
            names.iter().chain(&self.parts.iter().map(String::as_str).collect::<Vec<_>>()).copied(),
        );
        let near = near.or_else(|| {
            let own = |target: &'_ &&str| {
                target.split_once('/').is_some_and(|(_, own)| nearest(&word.plain, [own]).is_some())
            };
            names.iter().find(own).copied()
        });
        Misread::sentence(match near {
            Some(near) => format!("{} has no target “{typed}”; did you mean `{near}`?", self.name),
            None => format!("{} has no target “{typed}”; there {}.", self.name, are(&names)),
        })
    }
}

/// `is `api``, `are `api` and `web``, `are none`.
pub(super) fn are(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "are none".to_owned(),
        [one] => format!("is only {one}"),
        [first @ .., last] => format!("are {} and {last}", first.join(", ")),
    }
}

fn find<'a, T>(word: &Word, known: &'a [T], name: impl Fn(&T) -> &String) -> Option<&'a T> {
    known.iter().find(|one| *name(one) == word.raw).or_else(|| known.iter().find(|one| word.is(name(one))))
}
