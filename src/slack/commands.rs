//! What somebody typed, carried out.

use crate::engine::Refusal;
use crate::incident::command::Command;
use crate::incident::decide;
use crate::incident::ids::{ChannelId, IncidentId, UserId};
use crate::incident::incident::{Incident, Terms};
use crate::incident::policy::{Actor, Policy, Right};
use crate::incident::rejection::Rejection;
use crate::incident::request::Request;

use super::desk::{Desk, NotDone, full_member};
use super::front::elsewhere;
use super::grammar::{Run, Subject, Typed, Wanted};
use super::grammar_vocabulary::KnownEnvironment;
use super::inbox::Delivery;
use super::message::Message;
use super::payload::SlashCommand;
use super::views::help::{self, Here};
use super::views::{dry_run, listing, private};

/// How many past incidents are looked through for those of this channel.
const LOOKED_THROUGH: usize = 100;

/// How many past incidents are listed.
const LISTED: usize = 10;

impl Desk {
    /// Carries a command out. `None`: what there is to see shows in the channel by itself.
    pub(super) async fn command(
        &self,
        command: &SlashCommand,
        delivery: &Delivery,
    ) -> Result<Option<Message>, NotDone> {
        let typed = self.front.read(command).map_err(NotDone::Said)?;
        match typed {
            Typed::RollBack(wanted) => self.roll_back(wanted, command, &delivery.key).await,
            Typed::Stop(id) => self.stop(&id, command).await.map(Some),
            Typed::Freeze { environment, service, reason } => {
                Box::pin(self.freeze(environment, service, reason, command, &delivery.key)).await.map(Some)
            }
            Typed::Unfreeze { environment, service } => {
                Box::pin(self.unfreeze(&environment, &service, command, &delivery.key)).await.map(Some)
            }
            Typed::Status(subject) => Box::pin(self.status(subject, command)).await.map(Some),
            Typed::Releases { environment, service } => {
                self.may_look(command).await?;
                let targets = Box::pin(self.engine.releases(&environment, &service)).await?;
                let asked = format!("{environment} {service}");
                Ok(Some(listing::releases(&asked, &targets, self.engine.clock.now())))
            }
            Typed::History { environment, service } => self.history(environment, service, command).await.map(Some),
            Typed::Form { environment } => Box::pin(self.form(environment, command, delivery)).await,
            Typed::Help => self.help(command).await.map(Some),
        }
    }

    pub(super) async fn roll_back(
        &self,
        wanted: Wanted,
        command: &SlashCommand,
        key: &str,
    ) -> Result<Option<Message>, NotDone> {
        let actor = self.actor(&command.by, &command.channel, &wanted.environment).await;
        let Some(team) = self.team(command).await else {
            return Err(NotDone::Said(private::rejection(&Rejection::UnknownPerson)));
        };
        let request = Request {
            environment: wanted.environment,
            service: wanted.service,
            to: wanted.to,
            apart: wanted.apart,
            only: wanted.only,
            with: wanted.with,
            manner: wanted.manner,
            reason: wanted.reason,
            by: command.by.user.clone(),
            by_name: command.by.name.clone(),
            team,
            channel: command.channel.clone(),
        };
        match wanted.run {
            Run::Real => self.engine.open(request, actor, key).await.map(|_incident| None).map_err(NotDone::from),
            Run::Dry => self.rehearse(&request, &actor).await.map(Some),
        }
    }

    async fn team(&self, command: &SlashCommand) -> Option<crate::incident::ids::TeamId> {
        match &command.by.team {
            Some(team) => Some(team.clone()),
            None => self.front.directory.home().await.map(|team| (*team).clone()),
        }
    }

    async fn rehearse(&self, request: &Request, actor: &Actor) -> Result<Message, NotDone> {
        let policy = self.policy(&request.environment)?;
        decide::may_ask(request, actor, policy).map_err(Refusal::Rejected)?;
        let plan = self.engine.rehearse(request).await?;
        Ok(dry_run(request, &plan, &Terms::of(policy, request.manner), self.engine.clock.now().at))
    }

    async fn stop(&self, id: &IncidentId, command: &SlashCommand) -> Result<Message, NotDone> {
        let incident = self.incident_here(id, &command.channel).await?;
        let actor = self.actor(&command.by, &command.channel, &incident.request.environment).await;
        self.engine.command(id, Command::Stop, actor).await?;
        Ok(Message::of_text(format!("{} begins nothing new and ends.", self.link(id).await)))
    }

    async fn status(&self, subject: Subject, command: &SlashCommand) -> Result<Message, NotDone> {
        self.may_look(command).await?;
        let now = self.engine.clock.now();
        match subject {
            Subject::Incident(id) => {
                let incident = self.incident_here(&id, &command.channel).await?;
                Ok(listing::status_of(&incident, now))
            }
            Subject::Everything => {
                let mut open = self.engine.open_incidents().await?;
                open.retain(|incident| self.is_here(incident, &command.channel));
                open.reverse();
                let message = listing::status(&open, self.part_here(&command.channel).as_deref(), now);
                let here = |environment: &str| self.front.here(&command.channel).any(|known| known.name == environment);
                self.with_freezes(message, |environment, _| here(environment)).await
            }
            Subject::Environment(environment) => {
                let services = Box::pin(self.engine.status(Some(&environment), None)).await?;
                self.with_freezes(listing::services(&services, now), |of, _| of == environment).await
            }
            Subject::Service { environment, service } => {
                let services = Box::pin(self.engine.status(Some(&environment), Some(&service))).await?;
                let is_it = |of: &str, name: &str| of == environment && name == service;
                self.with_freezes(listing::services(&services, now), is_it).await
            }
        }
    }

    async fn history(
        &self,
        environment: Option<String>,
        service: Option<String>,
        command: &SlashCommand,
    ) -> Result<Message, NotDone> {
        self.may_look(command).await?;
        let (environment, service) = (environment.as_deref(), service.as_deref());
        let mut past = self.engine.history(environment, service, LOOKED_THROUGH).await?;
        past.retain(|incident| self.is_here(incident, &command.channel));
        past.truncate(LISTED);
        let asked: Vec<&str> = environment.into_iter().chain(service).collect();
        let asked = match asked.as_slice() {
            [] => self.part_here(&command.channel),
            asked => Some(asked.join(" ")),
        };
        Ok(listing::history(&past, asked.as_deref(), self.engine.clock.now()))
    }

    /// What whoever asks may type here. What is not known of them is not allowed, and so not listed.
    async fn help(&self, command: &SlashCommand) -> Result<Message, NotDone> {
        self.may_look(command).await?;
        let mut all = Vec::new();
        for known in self.front.here(&command.channel) {
            let actor = self.actor(&command.by, &command.channel, &known.name).await;
            let services = known.services.iter().chain(&known.groups).map(|service| service.name.clone());
            let (may, unknown) = rights(self.policy(&known.name)?, &actor, &command.by.user);
            all.push(Here { environment: known.name.clone(), services: services.collect(), may, unknown });
        }
        Ok(help::help(&all))
    }

    /// Whoever asks what runs has to be a full member; the channel was looked at before.
    pub(super) async fn may_look(&self, command: &SlashCommand) -> Result<(), NotDone> {
        let member = self.front.directory.member(&command.by, &command.channel, &[]).await;
        full_member(&member).map_err(|rejection| Refusal::Rejected(rejection).into())
    }

    /// An incident of an environment that takes commands in `channel`.
    async fn incident_here(&self, id: &IncidentId, channel: &ChannelId) -> Result<Incident, NotDone> {
        let incident = self.incident(id).await?;
        if self.is_here(&incident, channel) {
            return Ok(incident);
        }
        let environment = &incident.request.environment;
        let channels = self.engine.config.environments.get(environment).map(|environment| &environment.channels);
        match channels {
            Some(channels) => Err(NotDone::Said(elsewhere(environment, channels))),
            None => Err(NotDone::Said(elsewhere(environment, std::slice::from_ref(&incident.request.channel)))),
        }
    }

    /// The environments of this channel, where there are others.
    fn part_here(&self, channel: &ChannelId) -> Option<String> {
        let here: Vec<&str> = self.front.here(channel).map(|environment| environment.name.as_str()).collect();
        (here.len() < self.engine.config.environments.len()).then(|| here.join(", "))
    }

    fn is_here(&self, incident: &Incident, channel: &ChannelId) -> bool {
        let is_it = |environment: &KnownEnvironment| environment.name == incident.request.environment;
        self.front.here(channel).any(is_it)
    }
}

/// What `actor` may do under `policy` by typing, and what Slack did not say enough for. Whoever may ask may stop what
/// they asked for, where the requester may.
fn rights(policy: &Policy, actor: &Actor, user: &UserId) -> (Vec<Right>, Vec<Right>) {
    let (mut may, mut unknown) = (Vec::new(), Vec::new());
    for right in [Right::Request, Right::Emergency, Right::Freeze, Right::Stop] {
        let requester = may.contains(&Right::Request).then_some(user);
        match policy.may(right, actor, requester) {
            Ok(()) => may.push(right),
            Err(rejection) if is_unknown(&rejection) => unknown.push(right),
            Err(_not_allowed) => {}
        }
    }
    (may, unknown)
}

/// Whether somebody was refused only because Slack did not say enough of them.
fn is_unknown(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::UnknownMembership { .. } | Rejection::UnknownPerson)
}
