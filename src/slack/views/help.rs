//! What one can type.

use super::blocks::section;
use crate::slack::message::Message;
use crate::slack::mrkdwn::{all_of, foreign};

/// The grammar, and the environments and services that there are (environment, its services).
pub fn help(services: &[(String, Vec<String>)]) -> Message {
    let text = "*Rollbot* takes a service back to the release that ran before.";
    let grammar = "`/rollback prod api` back to the last release that worked\n\
        `/rollback` or `/rollback prod` asks in a form, and shows what runs\n\
        `/rollback prod everything` a group of services, as one\n\
        `/rollback prod api to v41` to a release: a tag, a git sha, a revision, `previous`\n\
        `/rollback prod api to backend=42 worker=v7` a release for each target\n\
        `/rollback prod api only backend` not all of it\n\
        `/rollback prod api because checkout is down` with the reason\n\
        `/rollback prod api --emergency because …` without a second person, for whoever is named for that; it is \
        announced loudly\n\
        `/rollback prod api --dry-run` shows the plan and does nothing\n\
        `/rollback status` what is in flight; also `status rb-7k3fq`, `status prod api`\n\
        `/rollback releases prod api` what runs and what one can go back to\n\
        `/rollback history prod api` earlier rollbacks\n\
        `/rollback freeze prod api` holds deployments back; `unfreeze` lets them go\n\
        `/rollback stop rb-7k3fq` begins nothing new and ends";
    let known: Vec<String> = services
        .iter()
        .take(20)
        .map(|(environment, services)| {
            let names = services.iter().map(|service| foreign(service, 60)).collect();
            format!("*{}*: {}", foreign(environment, 60), all_of(names))
        })
        .collect();
    let mut blocks = vec![section(text), section(grammar)];
    if !known.is_empty() {
        blocks.push(section(&format!("Here you can name\n{}", known.join("\n"))));
    }
    Message { text: format!("{text} Type `/rollback`, an environment and a service."), blocks }
}
