//! From a recorded delivery to the engine and back to the person, over a real store and a Slack on loopback.

use std::sync::Arc;

use jiff::Timestamp;
use rstest::rstest;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::buttons::buttons;
use super::client::SlackClient;
use super::client_types::MessageTs;
use super::desk::Desk;
use super::directory::Directory;
use super::front::Front;
use super::inbox::{Arrival, Delivery, Door, Outcome, Turn};
use super::message::Message;
use super::mirror_state::{Item, MirrorState, Shown};
use super::payload::{Interaction, interaction};
use super::scripted_slack::ScriptedSlack;
use super::views::fixtures::{Told, terms};
use super::views::states::states;
use crate::aws::Accounts;
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::{Engine, Parts};
use crate::incident::command::Command;
use crate::incident::ids::{IncidentId, StepId};
use crate::incident::incident::{End, Incident, State, Terms, Verdict};
use crate::incident::policy::Actor;
use crate::incident::step::StepState;
use crate::incident::time::Pace;
use crate::store::{Commit, SledStore, Store};

const CONFIG: &str = r#"
slack: { operations: C0OPS00001 }
people: { sre: S0SRE00001 }
environments:
  prod:
    aws: { region: eu-north-1 }
    channels: [C0INC00001, C0INC00002]
    may: { approve: [sre], stop: [members] }
    approval: { required: 2, confirm_phrase: rollback-production }
  lab:
    aws: { region: eu-north-1 }
    channels: [C0LAB00001]
    approval: { required: 0 }
services:
  api:
    targets: [{ ecs: { name: backend, cluster: shop, service: api } }]
    verify: [{ http: { url: "https://api.example.com/health" } }]
"#;

pub(super) struct House {
    pub(super) slack: ScriptedSlack,
    api: String,
    pub(super) desk: Desk,
    store: Store,
    _folder: TempDir,
}

pub(super) async fn house() -> House {
    let slack = ScriptedSlack::default();
    let ok = json!({ "ok": true });
    slack.says("auth.test", json!({ "ok": true, "team_id": "T0SHOP0001", "user_id": "U0BOT00001" }));
    slack.says(
        "users.info",
        json!({ "ok": true, "user": {
            "id": "U0ANN00001", "team_id": "T0SHOP0001", "deleted": false, "is_bot": false, "is_restricted": false,
            "is_ultra_restricted": false
        } }),
    );
    slack.says("conversations.members", json!({ "ok": true, "members": ["U0ANN00001", "U0BEN00001", "U0REQ00001"] }));
    slack.says("usergroups.users.list", json!({ "ok": true, "users": ["U0ANN00001", "U0REQ00001"] }));
    slack.says("chat.postEphemeral", ok.clone());
    slack.says("respond", ok);
    slack.says("views.open", json!({ "ok": true, "view": { "id": "V1" } }));
    let api = slack.serve().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::Sled(SledStore::open(folder.path()).await.unwrap());
    let (clock, tasks, stop) = (Clock::start(Pace::REAL), TaskTracker::new(), CancellationToken::new());
    let config = Config::parse("rollbot.yml", CONFIG).unwrap();
    // No account: nothing of this is about AWS.
    let accounts = Accounts::new([], None, clock);
    let client = SlackClient::new(&api, &SecretString::from("xoxb-test"), clock).unwrap();
    let directory = Directory::new(client.clone(), clock, tasks.clone());
    let front = Front::new(&config, store.clone(), client, directory, tasks.clone());
    let http = reqwest::Client::new();
    let parts = Parts::new(store.clone(), Arc::new(config), accounts, http, clock, tasks, stop);
    House { slack, api, desk: Desk::new(Engine::new(parts), front), store, _folder: folder }
}

impl House {
    pub(super) async fn with(self, told: Told) -> Self {
        let mut incident = told.incident;
        // The fixtures tell of one day; here it is whatever day it is.
        if let State::Proposed(proposal) = &mut incident.state {
            proposal.expires_at = "2100-01-01T00:00:00Z".parse().unwrap();
        }
        let commit =
            Commit { incident: &incident, expected: None, events: &told.events, dedup: None, takes_inbox: None };
        self.store.commit(commit).await.unwrap();
        self
    }

    pub(super) async fn incident(&self) -> Incident {
        self.store.load(&IncidentId::new("rb-7k3fq")).await.unwrap().unwrap().incident
    }

    async fn votes(&self) -> usize {
        self.incident().await.proposal().unwrap().votes.len()
    }

    async fn deliver(&self, door: Door, body: String, turn: Turn) -> Outcome {
        let at = self.desk.engine.clock.now().at;
        self.deliver_of(door, body, turn, at).await
    }

    async fn deliver_of(&self, door: Door, body: String, turn: Turn, at: Timestamp) -> Outcome {
        let arrival = Arrival { door, at, body };
        let key = "key".to_owned();
        Box::pin(self.desk.work(Delivery { key, arrival, turn })).await
    }

    async fn types(&self, user: &str, channel: &str, text: &str) -> Vec<String> {
        let url = format!("{}/respond", self.api);
        let body = serde_urlencoded::to_string([
            ("command", "/rollback"),
            ("text", text),
            ("user_id", user),
            ("team_id", "T0SHOP0001"),
            ("channel_id", channel),
            ("response_url", &url),
        ]);
        assert_eq!(self.deliver(Door::Commands, body.unwrap(), Turn::First).await, Outcome::Settled);
        self.answers()
    }

    /// A click on the button `verb` of the card as it is now.
    async fn click(&self, user: &str, verb: &str) -> Value {
        self.click_on(user, &format!("{verb}:")).await
    }

    /// A click on the button whose `action_id` begins so.
    pub(super) async fn click_on(&self, user: &str, action: &str) -> Value {
        let incident = self.incident().await;
        let is_it = |button: &super::buttons::Button| button.action_id(&incident.id).starts_with(action);
        let button = buttons(&incident).into_iter().find(is_it).unwrap();
        json!({
            "type": "block_actions",
            "user": { "id": user, "team_id": "T0SHOP0001" },
            "channel": { "id": "C0INC00001" },
            "container": { "message_ts": "1730462400.000100" },
            "trigger_id": "1.2",
            "response_url": format!("{}/respond", self.api),
            "actions": [{ "action_id": button.action_id(&incident.id), "value": button.id, "action_ts": "1" }],
        })
    }

    /// What is wrong with what was filled into a form, by block.
    pub(super) async fn wrong_entry(&self, payload: &Value) -> Option<Value> {
        let body = form(payload);
        let Ok(Interaction::Submission(submission)) = interaction(body.as_bytes()) else { panic!("{body}") };
        self.desk.front.wrong_entry(&submission).await
    }

    pub(super) async fn interacts(&self, payload: &Value) -> Vec<String> {
        assert_eq!(self.deliver(Door::Interactions, form(payload), Turn::First).await, Outcome::Settled);
        self.answers()
    }

    pub(super) fn submission(user: &str, phrase: &str, view: &Value) -> Value {
        json!({
            "type": "view_submission",
            "user": { "id": user, "team_id": "T0SHOP0001" },
            "view": {
                "id": "V1", "hash": "h1", "callback_id": view["callback_id"],
                "private_metadata": view["private_metadata"],
                "state": { "values": { "phrase": { "typed": { "type": "plain_text_input", "value": phrase } } } },
            },
        })
    }

    fn gives_reason(user: &str, reason: &str, view: &Value) -> Value {
        let mut payload = Self::submission(user, "", view);
        payload["view"]["state"]["values"] =
            json!({ "reason": { "typed": { "type": "plain_text_input", "value": reason } } });
        payload
    }

    /// Every private sentence so far.
    pub(super) fn answers(&self) -> Vec<String> {
        let mut answers = self.slack.bodies("respond");
        answers.extend(self.slack.bodies("chat.postEphemeral"));
        answers.iter().map(|body| body["text"].as_str().unwrap().to_owned()).collect()
    }
}

fn form(payload: &Value) -> String {
    serde_urlencoded::to_string([("payload", payload.to_string())]).unwrap()
}

fn without_phrase(required: u8) -> Terms {
    Terms { confirm_phrase: None, ..terms(required) }
}

fn with_phrase(required: u8) -> Terms {
    Terms { confirm_phrase: Some("rollback-production".to_owned()), ..terms(required) }
}

#[tokio::test]
async fn an_approval_is_recorded_and_says_nothing() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let click = house.click("U0ANN00001", "approve").await;
    assert_eq!(house.interacts(&click).await, Vec::<String>::new());
    assert_eq!(house.votes().await, 1);
}

#[rstest]
#[case::not_in_the_group("U0BEN00001", "You may not approve here")]
#[case::own_request("U0REQ00001", "somebody else has to approve")]
#[tokio::test]
async fn whoever_may_not_approve_reads_why(#[case] user: &str, #[case] part: &str) {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let click = house.click(user, "approve").await;
    let answers = house.interacts(&click).await;
    assert!(answers.len() == 1 && answers[0].contains(part), "{answers:?}");
    assert_eq!(house.votes().await, 0);
}

#[tokio::test]
async fn a_group_that_slack_does_not_tell_is_not_enough() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    house.slack.says("usergroups.users.list", Value::Null);
    let click = house.click("U0ANN00001", "approve").await;
    let answers = house.interacts(&click).await;
    assert!(answers.len() == 1 && answers[0].contains("Slack did not say"), "{answers:?}");
    assert_eq!(house.votes().await, 0);
}

#[tokio::test]
async fn a_second_approval_by_one_person_is_answered_and_counts_once() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let click = house.click("U0ANN00001", "approve").await;
    house.interacts(&click).await;
    let answers = house.interacts(&click).await;
    assert!(answers.len() == 1 && answers[0].contains("approved this plan already"), "{answers:?}");
    assert_eq!(house.votes().await, 1);
}

#[tokio::test]
async fn a_click_that_was_carried_out_before_a_restart_is_no_news_after_it() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let click = house.click("U0ANN00001", "approve").await;
    house.interacts(&click).await;
    assert_eq!(house.deliver(Door::Interactions, form(&click), Turn::Again).await, Outcome::Settled);
    assert_eq!(house.answers(), Vec::<String>::new());
    assert_eq!(house.votes().await, 1);
}

#[tokio::test]
async fn a_stale_button_is_answered() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let mut click = house.click("U0ANN00001", "approve").await;
    click["actions"][0]["value"] = json!("of another plan");
    let answers = house.interacts(&click).await;
    assert!(answers.len() == 1 && answers[0].starts_with("That button no longer applies"), "{answers:?}");
    assert_eq!(house.votes().await, 0);
}

#[tokio::test]
async fn a_card_that_was_taken_to_another_channel_takes_no_clicks() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let mut click = house.click("U0ANN00001", "approve").await;
    click["channel"]["id"] = json!("C0ELSE0001");
    let answers = house.interacts(&click).await;
    assert_eq!(answers, ["That card belongs to <#C0INC00001>; click there."]);
    assert_eq!(house.votes().await, 0);
}

#[tokio::test]
async fn what_proves_nothing_is_accepted_by_a_named_person_and_the_verdict_is_unproved() {
    let blind = states().into_iter().find(|(name, _)| *name == "blocked-blind").unwrap().1;
    let house = house().await.with(blind.finished("verify/http-1", 1, &["healthy"])).await;
    let click = house.click("U0ANN00001", "accept").await;
    house.interacts(&click).await;
    let opened = house.slack.bodies("views.open");
    assert_eq!(opened[0]["view"]["title"]["text"], "Accept unproved");
    house.interacts(&House::gives_reason("U0ANN00001", "the group has no targets yet", &opened[0]["view"])).await;
    let incident = house.incident().await;
    let state = incident.run().unwrap().steps[&StepId::new("verify/target-group")].state.clone();
    assert!(matches!(state, StepState::SkippedAfter { .. }), "{state:?}");
    let settled = house.desk.engine.command(&incident.id, Command::Settle, Actor::Rollbot).await.unwrap();
    assert_eq!(settled.run().unwrap().verdict.unwrap().verdict, Verdict::Unproved);
}

#[rstest]
#[case("", None)]
#[case(" it is the database ", Some("it is the database"))]
#[tokio::test]
async fn a_reject_closes_the_incident_with_its_reason(#[case] typed: &str, #[case] kept: Option<&str>) {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let click = house.click("U0ANN00001", "reject").await;
    assert_eq!(house.interacts(&click).await, Vec::<String>::new());
    assert!(!house.incident().await.is_closed(), "the reason is asked for first");
    let opened = house.slack.bodies("views.open");
    house.interacts(&House::gives_reason("U0ANN00001", typed, &opened[0]["view"])).await;
    let State::Closed(closed) = house.incident().await.state else {
        panic!("it is open");
    };
    assert_eq!(closed.end, End::Rejected { reason: kept.map(str::to_owned) });
}

#[rstest]
#[case::a_skipper("U0ANN00001", "nothing reads it", None)]
#[case::nobody_in_particular("U0BEN00001", "nothing reads it", Some("You may not skip a step here"))]
#[case::without_a_reason("U0ANN00001", "  ", Some("A reason is compulsory here"))]
#[tokio::test]
async fn a_step_is_skipped_by_whoever_may_with_a_reason(
    #[case] user: &str,
    #[case] typed: &str,
    #[case] refused: Option<&str>,
) {
    let house = house().await.with(Told::blocked()).await;
    let click = house.click(user, "skip").await;
    let mut answers = house.interacts(&click).await;
    if let Some(opened) = house.slack.bodies("views.open").first() {
        answers = house.interacts(&House::gives_reason(user, typed, &opened["view"])).await;
    }
    let state = house.incident().await.run().unwrap().steps[&StepId::new("backend")].state.clone();
    match refused {
        None => {
            let StepState::SkippedAfter { by, reason, .. } = state else { panic!("{state:?}") };
            assert_eq!((by.name(), reason), (user.to_owned(), typed.to_owned()));
            assert_eq!(answers, Vec::<String>::new());
        }
        Some(refused) => {
            assert!(matches!(state, StepState::Failed(_)), "{state:?}");
            assert!(answers.iter().any(|answer| answer.contains(refused)), "{answers:?}");
        }
    }
}

#[tokio::test]
async fn where_a_phrase_is_asked_for_a_form_opens_and_its_submission_approves() {
    let house = house().await.with(Told::requested().proposed(with_phrase(2))).await;
    let click = house.click("U0ANN00001", "approve").await;
    assert_eq!(house.interacts(&click).await, Vec::<String>::new());
    assert_eq!(house.votes().await, 0);
    let opened = house.slack.bodies("views.open");
    assert_eq!((opened.len(), &opened[0]["trigger_id"]), (1, &json!("1.2")));

    let wrong = House::submission("U0ANN00001", "rollback-staging", &opened[0]["view"]);
    let answers = house.interacts(&wrong).await;
    assert!(answers.len() == 1 && answers[0].starts_with("That is not the phrase"), "{answers:?}");
    assert_eq!(house.votes().await, 0);

    let right = House::submission("U0ANN00001", " rollback-production ", &opened[0]["view"]);
    assert_eq!(house.interacts(&right).await.len(), 1);
    assert_eq!(house.votes().await, 1);
}

#[tokio::test]
async fn whoever_may_not_approve_sees_no_form() {
    let house = house().await.with(Told::requested().proposed(with_phrase(2))).await;
    let click = house.click("U0BEN00001", "approve").await;
    let answers = house.interacts(&click).await;
    assert!(answers.len() == 1 && answers[0].contains("You may not approve here"), "{answers:?}");
    assert_eq!(house.slack.asked("views.open"), 0);
}

#[tokio::test]
async fn an_old_trigger_is_not_used_and_the_person_reads_what_to_do() {
    let house = house().await.with(Told::requested().proposed(with_phrase(2))).await;
    let click = form(&house.click("U0ANN00001", "approve").await);
    let before = house.desk.engine.clock.now().at - jiff::SignedDuration::from_secs(60);
    house.deliver_of(Door::Interactions, click, Turn::Again, before).await;
    let answers = house.answers();
    assert!(answers.len() == 1 && answers[0].ends_with("nothing was done. Click again."), "{answers:?}");
    assert_eq!(house.slack.asked("views.open"), 0);
}

#[tokio::test]
async fn an_answer_takes_the_other_way_when_the_response_url_fails() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    house.slack.says("respond", Value::Null);
    let click = house.click("U0BEN00001", "approve").await;
    house.interacts(&click).await;
    let said = house.slack.bodies("chat.postEphemeral");
    assert_eq!((said.len(), &said[0]["user"], &said[0]["channel"]), (1, &json!("U0BEN00001"), &json!("C0INC00001")));
}

#[tokio::test]
async fn a_typed_stop_ends_what_has_changed_nothing() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let answers = house.types("U0BEN00001", "C0INC00002", "stop rb-7k3fq").await;
    assert_eq!(answers, ["`rb-7k3fq` begins nothing new and ends."]);
    assert!(house.incident().await.is_closed());
    let answers = house.types("U0BEN00001", "C0INC00002", "stop rb-7k3fq").await;
    assert!(answers[1].starts_with("This rollback is over (aborted)"), "{answers:?}");
}

#[tokio::test]
async fn incidents_of_other_channels_are_neither_stopped_nor_told() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let elsewhere = "Commands for prod are not taken in this channel; type them in <#C0INC00001> and <#C0INC00002>.";
    assert_eq!(house.types("U0BEN00001", "C0LAB00001", "stop rb-7k3fq").await, [elsewhere]);
    assert_eq!(house.types("U0BEN00001", "C0LAB00001", "status rb-7k3fq").await, [elsewhere, elsewhere]);
    let answers = house.types("U0BEN00001", "C0LAB00001", "status").await;
    assert_eq!(answers[2], "Nothing is in flight for lab.");
    let answers = house.types("U0BEN00001", "C0LAB00001", "history").await;
    assert_eq!(answers[3], "There is no rollback of lab on record.");
    assert!(!house.incident().await.is_closed());
}

#[tokio::test]
async fn what_is_in_flight_and_what_was_is_told_in_its_channel() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let answers = house.types("U0BEN00001", "C0INC00001", "status").await;
    assert_eq!(answers, ["1 rollback in flight for prod."]);
    let answers = house.types("U0BEN00001", "C0INC00001", "status rb-7k3fq").await;
    assert!(answers[1].contains("*prod api* `rb-7k3fq`"), "{answers:?}");
    let answers = house.types("U0BEN00001", "C0INC00001", "history prod api").await;
    assert_eq!(answers[2], "1 rollback of prod api on record.");
    let answers = house.types("U0BEN00001", "C0INC00001", "status rb-zzzzz").await;
    assert!(answers[3].starts_with("There is no incident rb-zzzzz;"), "{answers:?}");
}

#[tokio::test]
async fn a_guest_is_told_nothing_and_starts_nothing() {
    let house = house().await;
    house.slack.says(
        "users.info",
        json!({ "ok": true, "user": {
            "id": "U0GST00001", "team_id": "T0SHOP0001", "deleted": false, "is_bot": false, "is_restricted": true,
            "is_ultra_restricted": false
        } }),
    );
    for typed in ["status", "releases prod api", "history", "prod api", "prod api --dry-run"] {
        let answers = house.types("U0GST00001", "C0INC00001", typed).await;
        assert!(answers.last().unwrap().starts_with("Guests of this workspace"), "{typed}: {answers:?}");
    }
    assert_eq!(house.store.open().await.unwrap(), []);
}

#[tokio::test]
async fn a_command_opens_one_incident_however_often_it_is_worked_on() {
    let house = house().await;
    house.types("U0BEN00001", "C0INC00001", "prod api because 5xx").await;
    let open = house.store.open().await.unwrap();
    assert_eq!(open.len(), 1);
    let request = &open[0].incident.request;
    assert_eq!((request.by.as_str(), request.reason.as_deref()), ("U0BEN00001", Some("5xx")));
    assert_eq!(request.channel.as_str(), "C0INC00001");
    house.types("U0BEN00001", "C0INC00001", "prod api because 5xx").await;
    let page = crate::store::Page::first(10);
    let all = house.store.history(&crate::store::HistoryFilter::default(), page).await.unwrap();
    assert_eq!(all.incidents.len(), 1);
}

#[tokio::test]
async fn a_second_rollback_of_a_service_is_sent_to_the_card_of_the_first() {
    let house = house().await.with(Told::requested().proposed(without_phrase(2))).await;
    let answers = house.types("U0BEN00001", "C0INC00001", "prod api").await;
    assert_eq!(answers, ["`rb-7k3fq` is at work on this already; go on there, or stop it first."]);

    let url = "https://shop.slack.com/archives/C0INC00001/p1730462400000100";
    house.slack.says("chat.getPermalink", json!({ "ok": true, "permalink": url }));
    let shown = Shown::of(MessageTs::new("1730462400.000100"), &Message::of_text("the card"));
    let view = MirrorState::default().with(Item::Card, shown).to_bytes();
    house.store.put_view(&IncidentId::new("rb-7k3fq"), &view).await.unwrap();
    let answers = house.types("U0BEN00001", "C0INC00002", "prod api").await;
    assert!(answers[1].starts_with(&format!("<{url}|rb-7k3fq> is at work on this already")), "{answers:?}");
    assert_eq!(house.store.open().await.unwrap().len(), 1);
}
