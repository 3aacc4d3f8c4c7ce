//! The mirror and the client against the stand-in for Slack, over the socket.

#![cfg(feature = "sandbox")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails with what it saw")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use jiff::SignedDuration;
use rollbot::clock::Clock;
use rollbot::incident::event::{Event, What};
use rollbot::incident::evolve::{evolve, open};
use rollbot::incident::ids::{ChannelId, GroupId, IncidentId, Resource, StepId, TeamId, UserId};
use rollbot::incident::incident::{End, Incident, Proposal, Terms, Verdict};
use rollbot::incident::plan::{Lane, Need, Plan, Purpose, Stage, Step};
use rollbot::incident::policy::Actor;
use rollbot::incident::release::Release;
use rollbot::incident::request::{Manner, Request};
use rollbot::incident::step::Evidence;
use rollbot::incident::time::Pace;
use rollbot::incident::work::{EcsService, Work};
use rollbot::sandbox::record::By;
use rollbot::sandbox::slack::{Message, SlackStandIn, Workspace};
use rollbot::sandbox::wire::{Call, Fault, Moment, Wire};
use rollbot::slack::client::SlackClient;
use rollbot::slack::client_error::SlackError;
use rollbot::slack::client_types::{Mark, Post};
use rollbot::slack::message::Message as Said;
use rollbot::slack::mirror::Mirror;
use rollbot::store::{Commit, Rev, SledStore, Store};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longer than anything here takes.
const WITHIN: Duration = Duration::from_secs(30);

fn workspace(scopes: &[&str]) -> Workspace {
    serde_json::from_value(json!({
        "team_id": "T0SHOP0001", "domain": "example", "signing_secret": "fa2c05deeef5a4077494e89f54394de0",
        "bot_token": "xoxb-1", "bot_user": "U0BOT00001", "bot_id": "B0BOT00001", "bot_name": "rollbot", "app_id": "A0BOT00001",
        "scopes": scopes,
        "commands": [],
        "channels": [
            {"id": "C0INC00001", "name": "incidents", "visibility": "public", "members": ["U0REQ00001"], "bot_is_member": true},
            {"id": "C0ELSE0001", "name": "elsewhere", "visibility": "private", "members": ["U0REQ00001"], "bot_is_member": false}
        ],
        "people": [{"id": "U0REQ00001", "name": "dev", "real_name": "Developer", "team_id": "T0SHOP0001"}],
        "user_groups": [{"id": "S0SRE00001", "handle": "sre", "name": "SRE", "members": ["U0REQ00001"]}]
    }))
    .unwrap()
}

const SCOPES: [&str; 7] =
    ["commands", "chat:write", "channels:read", "groups:read", "users:read", "usergroups:read", "channels:history"];

/// A workspace, a store, and one incident whose events are committed one by one.
struct Scene {
    slack: SlackStandIn,
    wire: Wire,
    client: SlackClient,
    store: Store,
    clock: Clock,
    changes: broadcast::Sender<IncidentId>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Scene {
    async fn set(scopes: &[&str]) -> Self {
        let (tasks, stop, wire, clock) =
            (TaskTracker::new(), CancellationToken::new(), Wire::of(By::Bot), Clock::start(Pace::REAL));
        let slack = SlackStandIn::start(workspace(scopes), wire.clone(), clock, &tasks, stop.clone()).await.unwrap();
        let client = SlackClient::new(&slack.api_url(), &SecretString::from("xoxb-1"), clock).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::Sled(SledStore::open(folder.path()).await.unwrap());
        let changes = broadcast::Sender::new(64);
        Self { slack, wire, client, store, clock, changes, tasks, stop, _folder: folder }
    }

    /// Starts a mirror; cancelling the token ends it.
    fn mirror(&self) -> CancellationToken {
        let stop = self.stop.child_token();
        let mirror =
            Mirror::new(self.store.clone(), self.client.clone(), self.clock, self.changes.subscribe(), stop.clone());
        self.tasks.spawn(mirror.run());
        stop
    }

    /// Commits `event`, and tells the mirror.
    async fn commit(&self, incident: &Incident, event: &Event, rev: Option<Rev>) -> Rev {
        let commit =
            Commit { incident, expected: rev, events: std::slice::from_ref(event), dedup: None, takes_inbox: None };
        let rev = self.store.commit(commit).await.unwrap();
        let _nobody_listens = self.changes.send(incident.id.clone());
        rev
    }

    /// Commits a whole story, `between` two events.
    async fn tell(&self, story: &[Event], between: Duration) {
        let mut so_far: Option<(Incident, Rev)> = None;
        for event in story {
            let (incident, rev) = match so_far {
                None => (open(event).unwrap(), None),
                Some((incident, rev)) => (evolve(incident, event), Some(rev)),
            };
            let rev = self.commit(&incident, event, rev).await;
            so_far = Some((incident, rev));
            self.clock.sleep_really(between).await;
        }
    }

    /// Waits until the messages in the incident channel are as `wanted` asks.
    async fn wait(&self, wanted: impl Fn(&[Message]) -> bool) -> Vec<Message> {
        let found = self
            .slack
            .wait_for(WITHIN, |slack| {
                let messages = slack.messages("incidents");
                wanted(&messages).then_some(messages)
            })
            .await;
        found.unwrap_or_else(|| panic!("{:#?}", marks(&self.slack.messages("incidents"))))
    }

    /// Waits until the story is told to its end.
    async fn wait_for_the_end(&self) -> Vec<Message> {
        let last = format!("event-{}", story().len() - 1);
        self.wait(|messages| marks(messages).contains(&last) && messages[0].text.contains("rolled back. ")).await
    }

    /// Interferes with the calls that `which` picks.
    fn interfere(&self, which: impl Fn(&Call, Moment) -> Option<Fault> + Send + Sync + 'static) {
        self.wire.interfere(Some(Arc::new(move |call, moment| {
            let fault = which(call, moment);
            async move { fault }.boxed()
        })));
    }
}

/// The marks of messages, in the order of posting.
fn marks(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| {
            let metadata = message.metadata.as_ref().unwrap();
            assert_eq!(metadata["event_payload"]["incident"], "rb-7k3fq");
            metadata["event_payload"]["message"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// What the story leaves in the channel.
const TOLD: [&str; 8] = ["card", "event-2", "event-3", "steps", "event-6", "event-8", "event-9", "event-10"];

fn release(version: &str) -> Release {
    Release {
        id: format!("arn:aws:ecs:eu-north-1:123456789012:task-definition/api:{version}"),
        label: format!("api:{version}"),
        version: None,
        commit: None,
        images: Vec::new(),
        deployed_at: None,
        deployed_by: None,
    }
}

fn plan() -> Plan {
    let service = "arn:aws:ecs:eu-north-1:123456789012:service/shop-prod/api";
    let step = Step {
        id: StepId::new("backend"),
        title: "ECS service shop-prod/api".into(),
        resource: Resource::new(service),
        from: Some(release("42")),
        to: Some(release("41")),
        chosen: None,
        verbs: vec!["UpdateService".into()],
        loses: Vec::new(),
        need: Need::Required,
        deadline: Duration::from_mins(30),
        estimate: Duration::from_mins(3),
        work: Work::EcsService(EcsService {
            cluster: "shop-prod".into(),
            service: service.into(),
            from: release("42").id,
            target: release("41").id,
            images: Vec::new(),
            register: None,
            platforms: std::collections::BTreeMap::new(),
        }),
    };
    Plan {
        stages: vec![Stage { purpose: Purpose::RollBack, track: None, lanes: vec![Lane { steps: vec![step] }] }],
        warnings: Vec::new(),
        matched: None,
    }
}

/// A rollback from command to end.
fn story() -> Vec<Event> {
    let plan = plan();
    let (digest, step) = (plan.digest(), StepId::new("backend"));
    let start = Clock::start(Pace::REAL).now().at;
    let proposal = Proposal {
        number: 1,
        digest: digest.clone(),
        plan,
        terms: Terms { required: 1, approvers: Vec::new(), confirm_phrase: None, skippers: Vec::new() },
        at: start,
        expires_at: start + SignedDuration::from_mins(15),
        drift: Vec::new(),
        votes: Vec::new(),
        fallen: Vec::new(),
    };
    let request = Request {
        environment: "prod".into(),
        service: "api".into(),
        to: None,
        apart: std::collections::BTreeMap::new(),
        only: Vec::new(),
        with: Vec::new(),
        manner: Manner::Regular,
        reason: Some("checkout answers 502".into()),
        by: UserId::new("U0REQ00001"),
        by_name: "Dev".into(),
        team: TeamId::new("T0SHOP0001"),
        channel: ChannelId::new("C0INC00001"),
    };
    let whats = [
        What::Requested { id: IncidentId::new("rb-7k3fq"), request },
        What::Proposed { proposal: Box::new(proposal) },
        What::Approved { digest: digest.clone() },
        What::Started { digest },
        What::Began { step: step.clone(), attempt: 1 },
        What::Acting { step: step.clone(), number: 1, what: json!("UpdateService") },
        What::Accepted { step: step.clone(), number: 1, receipt: json!(null), request_id: None },
        What::Progressed { step: step.clone(), text: "2 of 4 tasks run api:41".into() },
        What::Finished { step, evidence: vec![Evidence::new("4 of 4 tasks run api:41")], output: json!(null) },
        What::VerdictReached { verdict: Verdict::RolledBack },
        What::Closed { end: End::Verdict { verdict: Verdict::RolledBack } },
    ];
    let event = |(number, what)| Event {
        at: start + SignedDuration::from_secs(i64::try_from(number).unwrap()),
        by: Actor::Rollbot,
        what,
    };
    whats.into_iter().enumerate().map(event).collect()
}

#[tokio::test]
async fn a_story_is_told_once_and_in_order() {
    let scene = Scene::set(&SCOPES).await;
    scene.mirror();
    scene.tell(&story(), Duration::from_millis(60)).await;
    let messages = scene.wait_for_the_end().await;
    assert_eq!(marks(&messages), TOLD);
    let card = &messages[0];
    assert!(messages[1..].iter().all(|message| message.thread_ts.as_deref() == Some(&card.ts)));
    assert!(card.blocks.iter().all(|block| block["type"] != "actions"), "{card:#?}");
    assert_eq!(scene.slack.rate_limited(), 0);
}

#[tokio::test]
async fn a_story_that_is_over_before_the_mirror_starts_is_told_whole() {
    let scene = Scene::set(&SCOPES).await;
    scene.tell(&story(), Duration::ZERO).await;
    scene.mirror();
    let messages = scene.wait_for_the_end().await;
    assert_eq!(messages.len(), TOLD.len(), "{:?}", marks(&messages));
}

#[tokio::test]
async fn a_card_does_not_wait_behind_a_thread_post() {
    let scene = Scene::set(&SCOPES).await;
    scene.mirror();
    let story = story();
    let requested = open(&story[0]).unwrap();
    let rev = scene.commit(&requested, &story[0], None).await;
    let proposed = evolve(requested, &story[1]);
    let rev = scene.commit(&proposed, &story[1], Some(rev)).await;
    scene.wait(|messages| messages.first().is_some_and(|card| card.text.contains("approval"))).await;
    // Four messages of another incident: with the card, the channel has no room for a while.
    let other = Said { text: "another".to_owned(), blocks: Vec::new() };
    for _ in 0..4 {
        let channel = &ChannelId::new("C0INC00001");
        scene.client.post_message(Post { channel, thread: None, message: &other, mark: None }).await.unwrap();
    }
    let since = scene.clock.reading();
    let approved = evolve(proposed, &story[2]);
    let rev = scene.commit(&approved, &story[2], Some(rev)).await;
    scene.clock.sleep_really(Duration::from_millis(300)).await;
    let before = scene.slack.messages("incidents").swap_remove(0).text;
    let started = evolve(approved, &story[3]);
    scene.commit(&started, &story[3], Some(rev)).await;
    let messages = scene.wait(|messages| messages[0].text != before).await;
    let took = since.elapsed();
    assert_eq!(messages.len(), 5, "no thread post was made yet: {messages:#?}");
    assert!(took < Duration::from_secs(3), "the card showed the start after {took:?}");
    scene.wait(|messages| messages.iter().any(|message| message.thread_ts.is_some())).await;
    assert_eq!(scene.slack.rate_limited(), 0);
}

#[tokio::test]
async fn lost_replies_repeat_nothing() {
    let scene = Scene::set(&SCOPES).await;
    let posts = AtomicUsize::new(0);
    scene.interfere(move |call, moment| {
        let post = call.operation == "chat.postMessage" && moment == Moment::After;
        (post && posts.fetch_add(1, Ordering::SeqCst).is_multiple_of(3)).then_some(Fault::Drop)
    });
    scene.mirror();
    scene.tell(&story(), Duration::ZERO).await;
    let messages = scene.wait_for_the_end().await;
    let mut told = marks(&messages);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), messages.len(), "{:?}", marks(&messages));
}

#[tokio::test]
async fn a_death_in_the_middle_of_a_post_repeats_nothing() {
    let scene = Scene::set(&SCOPES).await;
    let died = CancellationToken::new();
    let dying = died.clone();
    // The reply of the first thread post never comes: the message stands, and nobody has recorded it.
    scene.wire.interfere(Some(Arc::new(move |call: &Call, moment| {
        let fatal =
            call.operation == "chat.postMessage" && moment == Moment::After && call.request["thread_ts"].is_string();
        let dying = dying.clone();
        async move {
            if fatal {
                dying.cancel();
                std::future::pending::<()>().await;
            }
            None
        }
        .boxed()
    })));
    let (store, client, clock) = (scene.store.clone(), scene.client.clone(), scene.clock);
    let first = Mirror::new(store, client, clock, scene.changes.subscribe(), CancellationToken::new());
    let running = scene.tasks.spawn(first.run());
    scene.tell(&story(), Duration::ZERO).await;
    died.cancelled().await;
    running.abort();
    scene.wire.interfere(None);
    scene.mirror();
    let messages = scene.wait_for_the_end().await;
    let mut told = marks(&messages);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), messages.len(), "{:?}", marks(&messages));
}

#[tokio::test]
async fn without_the_history_scope_a_lost_post_is_repeated_and_says_so() {
    let without: Vec<&str> = SCOPES.into_iter().filter(|scope| *scope != "channels:history").collect();
    let scene = Scene::set(&without).await;
    let posts = AtomicUsize::new(0);
    scene.interfere(move |call, moment| {
        let post = call.operation == "chat.postMessage" && moment == Moment::After;
        (post && posts.fetch_add(1, Ordering::SeqCst) == 1).then_some(Fault::Drop)
    });
    scene.mirror();
    scene.tell(&story(), Duration::ZERO).await;
    let messages = scene.wait_for_the_end().await;
    let twice: Vec<&Message> = messages
        .iter()
        .zip(marks(&messages))
        .filter(|(_, mark)| mark == "event-2")
        .map(|(message, _)| message)
        .collect();
    assert_eq!(twice.len(), 2);
    assert!(twice[1].text.contains("Possibly a repetition"), "{}", twice[1].text);
}

#[tokio::test]
async fn an_outage_delays_words_and_loses_none() {
    let scene = Scene::set(&SCOPES).await;
    let away = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_away = Arc::clone(&away);
    scene.interfere(move |_, moment| {
        (is_away.load(Ordering::SeqCst) && moment == Moment::Before).then_some(Fault::ServerError)
    });
    scene.mirror();
    scene.tell(&story(), Duration::ZERO).await;
    scene.clock.sleep_really(Duration::from_secs(2)).await;
    assert_eq!(scene.slack.messages("incidents").len(), 0);
    away.store(false, Ordering::SeqCst);
    let messages = scene.wait_for_the_end().await;
    let mut told = marks(&messages);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), messages.len(), "{:?}", marks(&messages));
}

#[tokio::test]
async fn a_429_is_honoured_and_nothing_is_lost() {
    let scene = Scene::set(&SCOPES).await;
    let calls = AtomicUsize::new(0);
    scene.interfere(move |call, moment| {
        let early = moment == Moment::Before && call.writes && calls.fetch_add(1, Ordering::SeqCst) % 4 == 1;
        early.then_some(Fault::Throttle)
    });
    scene.mirror();
    scene.tell(&story(), Duration::ZERO).await;
    let messages = scene.wait_for_the_end().await;
    assert_eq!(messages.len(), TOLD.len(), "{:?}", marks(&messages));
}

#[tokio::test]
async fn a_deleted_card_is_posted_again() {
    let scene = Scene::set(&SCOPES).await;
    scene.mirror();
    let story = story();
    scene.tell(&story[..2], Duration::ZERO).await;
    let card = scene.wait(|messages| !messages.is_empty()).await.remove(0);
    let answer = reqwest::Client::new()
        .post(format!("{}/chat.delete", scene.slack.api_url()))
        .bearer_auth("xoxb-1")
        .json(&json!({ "channel": card.channel, "ts": card.ts }))
        .send()
        .await
        .unwrap();
    assert!(answer.text().await.unwrap().contains("\"ok\":true"));
    let incident = story[..2].iter().skip(1).fold(open(&story[0]).unwrap(), evolve);
    let rev = scene.store.load(&incident.id).await.unwrap().unwrap().rev;
    scene.commit(&evolve(incident, &story[2]), &story[2], Some(rev)).await;
    let messages = scene
        .wait(|messages| {
            marks(messages).iter().any(|mark| mark == "card") && marks(messages).iter().any(|mark| mark == "event-2")
        })
        .await;
    assert_ne!(messages[0].ts, card.ts);
}

#[tokio::test]
async fn the_client_reads_what_slack_knows() {
    let scene = Scene::set(&SCOPES).await;
    let (client, channel, dev) = (&scene.client, ChannelId::new("C0INC00001"), UserId::new("U0REQ00001"));
    assert_eq!(client.auth_test().await.unwrap().team, TeamId::new("T0SHOP0001"));
    assert_eq!(client.user_info(&dev).await.unwrap().real_name.as_deref(), Some("Developer"));
    assert_eq!(client.usergroup_users(&GroupId::new("S0SRE00001")).await.unwrap(), std::slice::from_ref(&dev));
    assert!(client.conversation_members(&channel).await.unwrap().contains(&dev));
    assert_eq!(client.conversation_info(&channel).await.unwrap().name.as_deref(), Some("incidents"));

    let mark = Mark { incident: IncidentId::new("rb-7k3fq"), message: "card".into() };
    let said = Said::of_text("here");
    let post = Post { channel: &channel, thread: None, message: &said, mark: Some(&mark) };
    let before = scene.clock.now().at - SignedDuration::from_secs(5);
    let ts = client.post_message(post).await.unwrap();
    let found = client.history(&channel, before).await.unwrap();
    assert_eq!(found.iter().find(|posted| posted.mark() == Some(mark.clone())).unwrap().ts, ts);
    let reply = Post { thread: Some(&ts), mark: None, ..post };
    client.post_message(reply).await.unwrap();
    assert_eq!(client.replies(&channel, &ts, before).await.unwrap().len(), 2);
    assert!(client.permalink(&channel, &ts).await.unwrap().starts_with("https://"));
    client.update(client.try_update().unwrap(), &channel, &ts, &Said::of_text("there"), Some(&mark)).await.unwrap();
    client.post_ephemeral(&channel, &dev, None, &Said::of_text("only you")).await.unwrap();
    let texts: Vec<String> = scene.slack.messages("incidents").into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["there", "here", "only you"]);
}

#[tokio::test]
async fn a_channel_without_rollbot_is_a_refusal_that_says_so() {
    let scene = Scene::set(&SCOPES).await;
    let said = Said::of_text("here");
    let post = Post { channel: &ChannelId::new("C0ELSE0001"), thread: None, message: &said, mark: None };
    let error = scene.client.post_message(post).await.unwrap_err();
    assert!(
        matches!(&error, SlackError::Refused { code, .. } if code == "channel_not_found" || code == "not_in_channel"),
        "{error:?}"
    );
}
