//! What people type after `/rollback`. Pure.
//!
//! Forgiving where the meaning is plain (case, spaces, curly quotes, dashes that phones join, punctuation) and strict
//! where a guess could roll back the wrong thing: an unknown name is answered with the nearest, never replaced by it.
//! A flag counts wherever it stands, in a reason too: who typed `--dry-run` did not want the real thing.

use std::collections::BTreeMap;

use crate::config::RESERVED_VERBS;
use crate::incident::ids::{ChannelId, IncidentId};
use crate::incident::request::Manner;

use super::grammar_clauses::{Clauses, because, begins_a_clause};
use super::grammar_vocabulary::{KnownEnvironment, Vocabulary, are};
use super::grammar_words::{Flag, Word, excerpt, words};

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// Roll a service back.
    RollBack(Wanted),
    /// What runs, and what is in flight.
    Status(Subject),
    /// What could be gone back to.
    Releases {
        /// The environment's name.
        environment: String,
        /// The service's name.
        service: String,
    },
    /// What was rolled back before.
    History {
        /// Only in this environment.
        environment: Option<String>,
        /// Only this service.
        service: Option<String>,
    },
    /// Hold deployments back.
    Freeze {
        /// The environment's name.
        environment: String,
        /// The service's name.
        service: String,
        /// Why.
        reason: Option<String>,
    },
    /// Let deployments go.
    Unfreeze {
        /// The environment's name.
        environment: String,
        /// The service's name.
        service: String,
    },
    /// Stop an incident.
    Stop(IncidentId),
    /// A form in which one says what to roll back.
    Form {
        /// Of this environment only.
        environment: Option<String>,
    },
    /// What can be typed.
    Help,
}

/// A rollback as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The environment's name.
    pub environment: String,
    /// The service's name, or a group's.
    pub service: String,
    /// Which release; `None` means the one before.
    pub to: Option<String>,
    /// Which release for each target, where they are named apart.
    pub apart: BTreeMap<String, String>,
    /// Only these targets.
    pub only: Vec<String>,
    /// Also these targets.
    pub with: Vec<String>,
    /// Whether a second person is waited for.
    pub manner: Manner,
    /// Why.
    pub reason: Option<String>,
    /// Whether it is meant.
    pub run: Run,
}

/// Whether a rollback is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// It is.
    Real,
    /// Only show the plan.
    Dry,
}

/// What a status is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Everything that this channel may see.
    Everything,
    /// One incident.
    Incident(IncidentId),
    /// All services of an environment.
    Environment(String),
    /// One service.
    Service {
        /// The environment's name.
        environment: String,
        /// The service's name.
        service: String,
    },
}

/// Why what was typed is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misread {
    /// One sentence of mrkdwn: what was wrong, and what to type.
    Sentence(String),
    /// The environment takes commands in other channels.
    Elsewhere {
        /// Its name.
        environment: String,
        /// Where its commands are taken.
        channels: Vec<ChannelId>,
    },
}

impl Misread {
    /// A sentence.
    pub(super) fn sentence(text: impl Into<String>) -> Self {
        Self::Sentence(text.into())
    }

    /// The sentence for a channel that no environment names.
    pub(super) fn nothing_here() -> Self {
        Self::sentence(
            "No environment takes commands in this channel; their `channels` in rollbot.yml say which channels do.",
        )
    }
}

/// Reads what was typed after `/rollback` in `channel`.
///
/// # Errors
/// A [`Misread`]: one sentence that says what was wrong and what to type.
pub fn parse(text: &str, vocabulary: &Vocabulary, channel: &ChannelId) -> Result<Typed, Misread> {
    let words = words(text);
    let mut words: Vec<&Word> = words.iter().filter(|word| !word.plain.is_empty() || word.flag().is_some()).collect();
    // Who pastes a whole command repeats its name.
    if words.first().is_some_and(|word| word.is("/rollback") || word.is("rollback")) {
        words.remove(0);
    }
    let reader = Reader { vocabulary, channel };
    let Some((first, rest)) = words.split_first() else {
        // Where nothing can be filled in, a form is of no use.
        let is_somewhere = vocabulary.here(channel).any(|environment| !environment.services.is_empty());
        return Ok(if is_somewhere { Typed::Form { environment: None } } else { Typed::Help });
    };
    match first.plain.to_ascii_lowercase().as_str() {
        "help" | "?" => return Ok(Typed::Help),
        "status" => return reader.status(rest),
        "releases" => return reader.releases(rest),
        "history" => return reader.history(rest),
        "stop" => return Reader::stop(rest),
        "freeze" => return reader.freeze(rest, "freeze"),
        "unfreeze" => return reader.freeze(rest, "unfreeze"),
        verb @ ("report" | "note") => return Err(not_yet(verb)),
        _ => {}
    }
    match first.flag() {
        Some(Flag::Help) => Ok(Typed::Help),
        Some(_) => {
            Err(Misread::sentence("Say the environment and the service first, as in `/rollback prod api --dry-run`."))
        }
        None => reader.roll_back(first, rest),
    }
}

/// What this version does not do: known by name, so that nobody thinks they mistyped it.
pub(super) fn not_yet(what: &str) -> Misread {
    Misread::sentence(match what {
        "report" => "This version writes no reports; `/rollback status rb-…` shows what happened.",
        _ => "This version keeps no notes; write them into the incident's thread.",
    })
}

struct Reader<'a> {
    vocabulary: &'a Vocabulary,
    channel: &'a ChannelId,
}

impl<'a> Reader<'a> {
    fn environment(&self, word: &Word) -> Result<&'a KnownEnvironment, Misread> {
        self.vocabulary
            .named(word, self.channel)
            .unwrap_or_else(|| Err(self.vocabulary.no_environment(word, self.channel, &RESERVED_VERBS)))
    }

    /// A question about everything is about everything of this channel, so there has to be something.
    fn somewhere(&self) -> Result<(), Misread> {
        match self.vocabulary.here(self.channel).next() {
            Some(_) => Ok(()),
            None => Err(Misread::nothing_here()),
        }
    }

    fn roll_back(&self, first: &Word, rest: &[&Word]) -> Result<Typed, Misread> {
        let environment = self.environment(first)?;
        let Some((second, clauses)) = rest.split_first().filter(|(word, _)| !begins_a_clause(word)) else {
            if rest.iter().any(|word| word.flag() == Some(Flag::Help)) {
                return Ok(Typed::Help);
            }
            if rest.is_empty() {
                return Ok(Typed::Form { environment: Some(environment.name.clone()) });
            }
            let example = environment.services.first().map_or("…", |service| &service.name);
            return Err(Misread::sentence(format!(
                "Say what to roll back after the environment, as in `/rollback {} {example} …`; in {} there {}.",
                environment.name,
                environment.name,
                are(&environment.subject_names())
            )));
        };
        let service = environment.subject(second).ok_or_else(|| environment.no_service(second, ""))?;
        Clauses::new(environment, service).read(clauses)
    }

    fn status(&self, rest: &[&Word]) -> Result<Typed, Misread> {
        let subject = match rest {
            [] => {
                self.somewhere()?;
                Subject::Everything
            }
            [one] if incident(one).is_some() => incident(one).map_or(Subject::Everything, Subject::Incident),
            [environment] => Subject::Environment(self.environment(environment)?.name.clone()),
            [environment, service, more @ ..] => {
                let (environment, service) = self.service(environment, service, "status")?;
                nothing_more(more, "status prod api")?;
                Subject::Service { environment, service }
            }
        };
        Ok(Typed::Status(subject))
    }

    fn releases(&self, rest: &[&Word]) -> Result<Typed, Misread> {
        match rest {
            [] => Err(Misread::sentence("Say of what, as in `/rollback releases prod api`.")),
            [environment] => {
                let environment = self.environment(environment)?;
                Err(Misread::sentence(format!(
                    "Say which service: `/rollback releases {} …`; in {} there {}.",
                    environment.name,
                    environment.name,
                    are(&environment.subject_names())
                )))
            }
            [environment, service, more @ ..] => {
                let (environment, service) = self.service(environment, service, "releases")?;
                nothing_more(more, "releases prod api")?;
                Ok(Typed::Releases { environment, service })
            }
        }
    }

    fn history(&self, rest: &[&Word]) -> Result<Typed, Misread> {
        let (environment, service) = match rest {
            [] => {
                self.somewhere()?;
                (None, None)
            }
            [environment] => (Some(self.environment(environment)?.name.clone()), None),
            [environment, service, more @ ..] => {
                let (environment, service) = self.service(environment, service, "history")?;
                nothing_more(more, "history prod api")?;
                (Some(environment), Some(service))
            }
        };
        Ok(Typed::History { environment, service })
    }

    /// `freeze` and `unfreeze`: environment and service, and why.
    fn freeze(&self, rest: &[&Word], verb: &str) -> Result<Typed, Misread> {
        let (environment, service, clauses) = match rest {
            [] => return Err(Misread::sentence(format!("Say of what, as in `/rollback {verb} prod api`."))),
            [environment] => {
                let environment = self.environment(environment)?;
                return Err(Misread::sentence(format!(
                    "Say which service: `/rollback {verb} {} …`; in {} there {}.",
                    environment.name,
                    environment.name,
                    are(&environment.subject_names())
                )));
            }
            [environment, service, clauses @ ..] => (environment, service, clauses),
        };
        let (environment, service) = self.service(environment, service, verb)?;
        let reason = because(clauses, &format!("{verb} {environment} {service}"))?;
        Ok(match verb {
            "freeze" => Typed::Freeze { environment, service, reason },
            _ => Typed::Unfreeze { environment, service },
        })
    }

    fn stop(rest: &[&Word]) -> Result<Typed, Misread> {
        match rest {
            [] => Err(Misread::sentence(
                "Say which incident, as in `/rollback stop rb-7k3fq`; `/rollback status` lists what is in flight.",
            )),
            [one, more @ ..] => {
                let id = incident(one).ok_or_else(|| {
                    Misread::sentence(format!(
                        "“{}” is no incident; type `/rollback stop rb-…` with an id that `/rollback status` lists.",
                        excerpt(&one.raw)
                    ))
                })?;
                nothing_more(more, "stop rb-7k3fq")?;
                Ok(Typed::Stop(id))
            }
        }
    }

    fn service(&self, environment: &Word, service: &Word, verb: &str) -> Result<(String, String), Misread> {
        let environment = self.environment(environment)?;
        let service = environment.subject(service).ok_or_else(|| environment.no_service(service, verb))?;
        Ok((environment.name.clone(), service.name.clone()))
    }
}

fn incident(word: &Word) -> Option<IncidentId> {
    let id = word.plain.trim_start_matches('#').to_ascii_lowercase();
    IncidentId::is_one(&id).then(|| IncidentId::new(id))
}

fn nothing_more(more: &[&Word], usage: &str) -> Result<(), Misread> {
    match more.first() {
        None => Ok(()),
        Some(word) => Err(Misread::sentence(format!(
            "“{}” is too much; say no more than in `/rollback {usage}`.",
            excerpt(&word.raw)
        ))),
    }
}
