//! What one can type: only what whoever asks may do (P-12).

use super::blocks::section;
use crate::incident::policy::Right;
use crate::slack::message::Message;
use crate::slack::mrkdwn::{all_of, foreign};

/// What one can type, and the right that it takes; without one, every full member may. In the order of the list.
const TYPED: [(Option<Right>, &str); 14] = [
    (Some(Right::Request), "`/rollback prod api` back to the last release that worked"),
    (Some(Right::Request), "`/rollback` or `/rollback prod` asks in a form, and shows what runs"),
    (Some(Right::Request), "`/rollback prod everything` a group of services, as one"),
    (Some(Right::Request), "`/rollback prod api to v41` to a release: a tag, a git sha, a revision, `previous`"),
    (Some(Right::Request), "`/rollback prod api to backend=42 worker=v7` a release for each target"),
    (Some(Right::Request), "`/rollback prod api only backend` not all of it"),
    (Some(Right::Request), "`/rollback prod api because checkout is down` with the reason"),
    (
        Some(Right::Emergency),
        "`/rollback prod api --emergency because …` without a second person, for whoever is named for that; it is announced \
         loudly",
    ),
    (Some(Right::Request), "`/rollback prod api --dry-run` shows the plan and does nothing"),
    (None, "`/rollback status` what is in flight; also `status rb-7k3fq`, `status prod api`"),
    (None, "`/rollback releases prod api` what runs and what one can go back to"),
    (None, "`/rollback history prod api` earlier rollbacks"),
    (Some(Right::Freeze), "`/rollback freeze prod api` holds deployments back; `unfreeze` lets them go"),
    (Some(Right::Stop), "`/rollback stop rb-7k3fq` begins nothing new and ends"),
];

/// An environment that takes commands here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// Its name.
    pub environment: String,
    /// Its services and groups.
    pub services: Vec<String>,
    /// What whoever asks may do there.
    pub may: Vec<Right>,
    /// What they may do or not: Slack did not say.
    pub unknown: Vec<Right>,
}

/// The grammar, as far as whoever asks may use it, and the environments and services that there are.
pub fn help(here: &[Here]) -> Message {
    let text = "*Rollbot* takes a service back to the release that ran before.";
    let grammar: Vec<String> = TYPED.iter().filter_map(|(right, typed)| line(*right, typed, here)).collect();
    let known: Vec<String> = here
        .iter()
        .take(20)
        .map(|here| {
            let names = here.services.iter().map(|service| foreign(service, 60)).collect();
            format!("*{}*: {}", foreign(&here.environment, 60), all_of(names))
        })
        .collect();
    let mut blocks = vec![section(text), section(&grammar.join("\n"))];
    if here.iter().any(|here| !here.unknown.is_empty()) {
        blocks.push(section(
            "Whether you may do more could not be found out: Slack did not say who is in which group. Ask again in a moment.",
        ));
    }
    if known.is_empty() {
        blocks.push(section("No environment takes commands in this channel."));
    } else {
        blocks.push(section(&format!("Here you can name\n{}", known.join("\n"))));
    }
    Message { text: format!("{text} Type `/rollback`, an environment and a service."), blocks }
}

/// What can be typed, with the environments where that is allowed, if it is not in all of them; `None` where it is in
/// none.
fn line(right: Option<Right>, typed: &str, here: &[Here]) -> Option<String> {
    let Some(right) = right else { return Some(typed.to_owned()) };
    let allowed: Vec<String> =
        here.iter().filter(|here| here.may.contains(&right)).map(|here| foreign(&here.environment, 60)).collect();
    match allowed.len() {
        0 => None,
        all if all == here.len() => Some(typed.to_owned()),
        _ => Some(format!("{typed} (in {})", all_of(allowed))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(environment: &str, may: &[Right], unknown: &[Right]) -> Here {
        Here {
            environment: environment.to_owned(),
            services: vec!["api".to_owned()],
            may: may.to_vec(),
            unknown: unknown.to_vec(),
        }
    }

    fn told(here: &[Here]) -> String {
        serde_json::to_string(&help(here).blocks).unwrap()
    }

    #[test]
    fn peer_12_help_lists_only_what_one_may_do() {
        let told = told(&[here("prod", &[Right::Request], &[])]);
        assert!(told.contains("/rollback prod api to v41") && told.contains("/rollback status"), "{told}");
        for verb in ["freeze", "emergency", "stop rb-7k3fq", "could not be found out"] {
            assert!(!told.contains(verb), "{verb} is in {told}");
        }
    }

    #[test]
    fn peer_12_help_says_where_one_may_do_it() {
        let told = told(&[here("prod", &[], &[]), here("staging", &[Right::Request, Right::Freeze], &[])]);
        assert!(told.contains("`unfreeze` lets them go (in staging)") && !told.contains("stop rb-7k3fq"), "{told}");
    }

    #[test]
    fn peer_12_what_slack_does_not_say_is_not_listed_and_that_is_said() {
        let told = told(&[here("prod", &[Right::Request], &[Right::Freeze])]);
        assert!(!told.contains("freeze") && told.contains("Whether you may do more could not be found out"), "{told}");
    }
}
