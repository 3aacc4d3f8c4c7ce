//! The directory over a socket, against a Slack that says what each test lets it say.

use std::collections::BTreeMap;
use std::time::Duration;

use rstest::rstest;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::client::SlackClient;
use super::directory::Directory;
use super::payload::Person;
use super::scripted_slack::ScriptedSlack;
use crate::clock::Clock;
use crate::engine::People;
use crate::incident::ids::{ChannelId, GroupId, TeamId, UserId};
use crate::incident::policy::{Known, Member, Standing};
use crate::incident::time::Pace;

fn ann() -> Value {
    json!({
        "id": "U0ANN00001", "team_id": "T0HOME0001", "name": "ann", "deleted": false, "is_bot": false,
        "is_restricted": false, "is_ultra_restricted": false
    })
}

async fn slack_and_directory() -> (ScriptedSlack, Directory) {
    let slack = ScriptedSlack::default();
    slack.says("auth.test", json!({ "ok": true, "team_id": "T0HOME0001", "user_id": "U0BOT00001" }));
    slack.says("users.info", json!({ "ok": true, "user": ann() }));
    slack.says("conversations.members", json!({ "ok": true, "members": ["U0ANN00001"] }));
    slack.says("usergroups.users.list", json!({ "ok": true, "users": ["U0ANN00001", "U0BEN00001"] }));
    let url = slack.serve().await;
    let clock = Clock::start(Pace::REAL);
    let client = SlackClient::new(&url, &SecretString::from("xoxb-test"), clock).unwrap();
    (slack, Directory::new(client, clock, TaskTracker::new()))
}

fn person(user: &str, team: Option<&str>) -> Person {
    Person { user: UserId::new(user), name: user.to_owned(), team: team.map(TeamId::new) }
}

async fn ask(directory: &Directory, user: &str) -> Member {
    let person = person(user, Some("T0HOME0001"));
    directory.member(&person, &ChannelId::new("C0INC00001"), &[GroupId::new("S0SRE00001")]).await
}

#[tokio::test]
async fn a_full_member_of_channel_and_group_is_known_as_one() {
    let (_slack, directory) = slack_and_directory().await;
    let member = ask(&directory, "U0ANN00001").await;
    assert_eq!(
        member,
        Member {
            user: UserId::new("U0ANN00001"),
            standing: Standing::Full,
            in_channel: Known::Yes,
            groups: BTreeMap::from([(GroupId::new("S0SRE00001"), Known::Yes)]),
        }
    );
    assert_eq!(ask(&directory, "U0BEN00001").await.in_channel, Known::No);
}

#[rstest]
#[case::guest(json!({ "is_restricted": true }), Standing::Guest)]
#[case::guest_of_one_channel(json!({ "is_ultra_restricted": true }), Standing::Guest)]
#[case::stranger(json!({ "is_stranger": true }), Standing::Foreign)]
#[case::of_another_workspace(json!({ "team_id": "T0ELSE0001" }), Standing::Foreign)]
#[case::deactivated(json!({ "deleted": true }), Standing::NotAPerson)]
#[case::bot(json!({ "is_bot": true }), Standing::NotAPerson)]
#[case::guest_and_foreign(json!({ "is_restricted": true, "is_stranger": true }), Standing::Foreign)]
#[case::guesthood_not_said(json!({ "is_restricted": null }), Standing::Unknown)]
#[case::workspace_not_said(json!({ "team_id": null }), Standing::Unknown)]
#[tokio::test]
async fn standing_is_what_slack_says_and_nothing_more(#[case] said: Value, #[case] standing: Standing) {
    let (slack, directory) = slack_and_directory().await;
    let mut user = ann();
    for (field, value) in said.as_object().unwrap() {
        user[field] = value.clone();
    }
    slack.says("users.info", json!({ "ok": true, "user": user }));
    assert_eq!(ask(&directory, "U0ANN00001").await.standing, standing);
}

#[tokio::test]
async fn a_foreign_workspace_in_the_payload_is_foreign_whatever_else_is_known() {
    let (_slack, directory) = slack_and_directory().await;
    let stranger = person("U0ANN00001", Some("T0ELSE0001"));
    let member = directory.member(&stranger, &ChannelId::new("C0INC00001"), &[]).await;
    assert_eq!(member.standing, Standing::Foreign);
    assert!(directory.is_foreign(&stranger));
    assert!(!directory.is_foreign(&person("U0ANN00001", None)));
}

#[tokio::test]
async fn answers_are_kept_and_failures_are_not() {
    let (slack, directory) = slack_and_directory().await;
    slack.says("usergroups.users.list", Value::Null);
    let unknown = ask(&directory, "U0ANN00001").await;
    assert_eq!(unknown.groups[&GroupId::new("S0SRE00001")], Known::Unknown);
    slack.says("usergroups.users.list", json!({ "ok": true, "users": ["U0ANN00001"] }));
    for _ in 0..3 {
        assert_eq!(ask(&directory, "U0ANN00001").await.groups[&GroupId::new("S0SRE00001")], Known::Yes);
    }
    assert_eq!(slack.asked("usergroups.users.list"), 2);
    assert_eq!(slack.asked("users.info"), 1);
    assert_eq!(slack.asked("conversations.members"), 1);
    assert_eq!(slack.asked("auth.test"), 1);
}

#[tokio::test]
async fn people_who_click_at_the_same_moment_share_one_question() {
    let (slack, directory) = slack_and_directory().await;
    slack.takes("conversations.members", Duration::from_millis(200));
    let (ann, ben) = futures::join!(ask(&directory, "U0ANN00001"), ask(&directory, "U0BEN00001"));
    assert_eq!((ann.in_channel, ben.in_channel), (Known::Yes, Known::No));
    assert_eq!(slack.asked("conversations.members"), 1);
    assert_eq!(slack.asked("users.info"), 2);
}

#[tokio::test]
async fn a_slow_slack_leaves_unknown_what_it_did_not_say_and_is_not_asked_again_meanwhile() {
    let (slack, directory) = slack_and_directory().await;
    slack.takes("usergroups.users.list", Duration::from_millis(3_500));
    let clock = Clock::start(Pace::REAL);
    let before = clock.reading();
    let member = ask(&directory, "U0ANN00001").await;
    assert!(clock.reading() - before < Duration::from_secs(3));
    assert_eq!(member.standing, Standing::Full);
    assert_eq!(member.groups[&GroupId::new("S0SRE00001")], Known::Unknown);
    let later = ask(&directory, "U0ANN00001").await;
    assert_eq!(later.groups[&GroupId::new("S0SRE00001")], Known::Yes);
    assert_eq!(slack.asked("usergroups.users.list"), 1);
}

#[tokio::test]
async fn a_second_look_at_a_voter_does_not_rest_on_what_was_found_out_before() {
    let (slack, directory) = slack_and_directory().await;
    let voted = ask(&directory, "U0ANN00001").await;
    slack.says("usergroups.users.list", json!({ "ok": true, "users": ["U0BEN00001"] }));
    let group = GroupId::new("S0SRE00001");
    assert_eq!(ask(&directory, "U0ANN00001").await.groups[&group], Known::Yes, "what was found out is kept");
    let channel = ChannelId::new("C0INC00001");
    let now = directory.look_again(&voted, &channel, std::slice::from_ref(&group)).await;
    assert_eq!((now.standing, now.groups[&group]), (Standing::Full, Known::No));
}
