//! What is said of a deployment that a pipeline calls failed: at once, to those who may approve that it is taken back.

use super::blocks::{context, section};
use crate::incident::deploy::Deploy;
use crate::incident::policy::Principal;
use crate::slack::message::Message;
use crate::slack::mrkdwn::{code, foreign, group, time, user};

/// The longest reason that is shown: enough of a log to know which team it is for.
const REASON: usize = 600;
/// The longest name.
const NAME: usize = 120;
/// The longest command: two names and three words.
const COMMAND: usize = 300;
/// As much of a revision as people say to each other; a tag that is longer is cut too.
const REVISION: usize = 40;

/// The notice of `deploy`, which failed; `approvers` may approve in its environment.
pub fn failed_deploy(deploy: &Deploy, approvers: &[Principal]) -> Message {
    let what = deploy.revision.as_ref().map(|revision| format!(" of {}", code(short(revision), REVISION)));
    let stage = deploy.stage.as_ref().map(|stage| format!(" in {}", foreign(stage, NAME)));
    let headline = format!(
        "🚨 *{}* in *{}*: the deployment{} failed{}.",
        foreign(&deploy.service, NAME),
        foreign(&deploy.environment, NAME),
        what.unwrap_or_default(),
        stage.unwrap_or_default(),
    );
    let reason = deploy.reason.as_ref().map(|reason| format!("\n> {}", foreign(reason, REASON)));
    let called = approvers.iter().filter_map(|principal| match principal {
        Principal::Members | Principal::Requester => None,
        Principal::Person { id, .. } => Some(user(id)),
        Principal::Group { id, .. } => Some(group(id)),
    });
    let called: Vec<String> = called.collect();
    let to = if called.is_empty() { "To".to_owned() } else { format!("{}: to", called.join(" ")) };
    let command = code(&format!("/rollback {} {}", deploy.environment, deploy.service), COMMAND);
    let text = format!("{headline}{}\n{to} take it back, type {command}", reason.unwrap_or_default());
    let facts = [
        deploy.branch.as_ref().map(|branch| format!("Branch {}", code(branch, NAME))),
        deploy.revision.as_ref().map(|revision| format!("commit {}", code(revision, NAME))),
        deploy.author.as_ref().map(|author| format!("by {}", foreign(author, NAME))),
        deploy.url.as_ref().map(|url| format!("<{}|the run>", link(url))),
        Some(time(deploy.at)),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    Message { blocks: vec![section(&text), context(&facts.join(" · "))], text }
}

/// A sha as people say it; anything else as it is.
fn short(revision: &str) -> &str {
    let is_sha = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_sha { revision.get(..8).unwrap_or(revision) } else { revision }
}

/// An address that cannot end the link that it stands in.
fn link(url: &str) -> String {
    let shut = url.replace('<', "%3C").replace('>', "%3E").replace('|', "%7C").replace(' ', "%20");
    shut.replace('&', "&amp;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::deploy::DeployStatus;
    use crate::incident::ids::{GroupId, UserId};
    use crate::slack::views::lint::lint;

    fn deploy() -> Deploy {
        Deploy {
            id: "run-4711".to_owned(),
            environment: "development".to_owned(),
            service: "coagent".to_owned(),
            status: DeployStatus::Failed,
            stage: Some("smoke tests".to_owned()),
            revision: Some("9f3c1ab2b7e4d609f3c1ab2b7e4d609f3c1ab2b7".to_owned()),
            branch: Some("develop".to_owned()),
            author: Some("dev".to_owned()),
            url: Some("https://ci.example.com/runs/4711?a=1&b=2".to_owned()),
            reason: Some("3 of 40 tests failed\nGET / answered 500".to_owned()),
            at: "2026-11-01T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn the_notice_says_what_failed_why_and_what_to_type() {
        let approvers = [
            Principal::Group { name: "sre".to_owned(), id: GroupId::new("S0SRE00001") },
            Principal::Person { name: "lead".to_owned(), id: UserId::new("U0LEAD0001") },
        ];
        let message = failed_deploy(&deploy(), &approvers);
        assert_eq!(lint(&message), Vec::<String>::new());
        insta::assert_snapshot!(message.text);
        insta::assert_snapshot!(message.blocks[1]["elements"][0]["text"].as_str().unwrap());
    }

    #[test]
    fn what_was_not_told_is_left_out_and_what_is_hostile_stays_text() {
        let bare =
            Deploy { stage: None, revision: None, branch: None, author: None, url: None, reason: None, ..deploy() };
        let message = failed_deploy(&bare, &[Principal::Members]);
        assert_eq!(
            message.text,
            "🚨 *coagent* in *development*: the deployment failed.\nTo take it back, type `/rollback development coagent`"
        );
        let hostile = Deploy {
            reason: Some("<!channel> `x` *y*".to_owned()),
            url: Some("https://ci.example.com/|<!here>".to_owned()),
            author: Some("<@U0DEV00001>".to_owned()),
            ..deploy()
        };
        let message = failed_deploy(&hostile, &[]);
        assert_eq!(lint(&message), Vec::<String>::new());
        assert!(!message.text.contains("<!channel>"), "{}", message.text);
    }
}
