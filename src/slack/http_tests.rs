//! The doors over a real socket, with requests signed as Slack signs them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, Response, StatusCode};
use rstest::rstest;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::client::SlackClient;
use super::directory::Directory;
use super::front::Front;
use super::http::Doors;
use super::inbox::{Arrival, Delivery, Door, Inbox, Outcome, Turn, Work};
use super::scripted_slack::ScriptedSlack;
use crate::clock::{Clock, wall};
use crate::config::Config;
use crate::incident::time::Pace;
use crate::store::{SledStore, Store};

const SECRET: &str = "fa2c05deeef5a4077494e89f54394de0";

const CONFIG: &str = r#"
slack: { operations: C0OPS00001 }
environments:
  prod:
    aws: { region: eu-north-1 }
    channels: [C0INC00001]
    approval: { required: 0 }
services:
  api:
    targets: [{ ecs: { name: backend, cluster: shop, service: api } }]
    verify: [{ http: { url: "https://api.example.com/health" } }]
"#;

fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{timestamp}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn seconds_from_now(seconds: i64) -> String {
    let now = i64::try_from(wall().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    (now + seconds).to_string()
}

struct House {
    slack: ScriptedSlack,
    url: String,
    http: Client,
    store: Store,
    inbox: Inbox,
    tasks: TaskTracker,
    worked: Arc<Mutex<Vec<Delivery>>>,
    _folder: TempDir,
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
    url
}

/// The doors of a house whose work is to note what it was given and to say `outcome`.
async fn house_where(outcome: Outcome) -> House {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::Sled(SledStore::open(folder.path()).await.unwrap());
    let tasks = TaskTracker::new();
    let clock = Clock::start(Pace::REAL);
    let slack = ScriptedSlack::default();
    slack.says("auth.test", json!({ "ok": true, "team_id": "T0HOME0001", "user_id": "U0BOT00001" }));
    slack.says("chat.postEphemeral", json!({ "ok": true }));
    let api = slack.serve().await;
    let client = SlackClient::new(&api, &SecretString::from("xoxb-test"), clock).unwrap();
    let directory = Directory::new(client.clone(), clock, tasks.clone());
    directory.home().await.unwrap();
    let config = Config::parse("rollbot.yml", CONFIG).unwrap();
    let front = Front::new(&config, store.clone(), client, directory, tasks.clone());
    let worked: Arc<Mutex<Vec<Delivery>>> = Arc::default();
    let notes = Arc::clone(&worked);
    let work: Work = Arc::new(move |delivery| {
        notes.lock().unwrap().push(delivery);
        Box::pin(async move { outcome })
    });
    let inbox = Inbox::new(store.clone(), clock, tasks.clone(), work);
    let router = Doors::new(front, inbox.clone(), clock).router(&SecretString::from(SECRET));
    House { slack, url: serve(router).await, http: Client::new(), store, inbox, tasks, worked, _folder: folder }
}

async fn house() -> House {
    house_where(Outcome::Settled).await
}

impl House {
    async fn post_signed(&self, path: &str, timestamp: &str, signature: &str, body: Vec<u8>) -> Response {
        self.http
            .post(format!("{}{path}", self.url))
            .header("X-Slack-Request-Timestamp", timestamp)
            .header("X-Slack-Signature", signature)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Response {
        let (body, now) = (body.into(), seconds_from_now(0));
        let signature = signature(SECRET, &now, &body);
        self.post_signed(path, &now, &signature, body).await
    }

    /// What was worked on, once nothing is under way any more.
    async fn worked(&self) -> Vec<Delivery> {
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(5), self.tasks.wait()).await.unwrap();
        self.tasks.reopen();
        self.worked.lock().unwrap().clone()
    }
}

fn typed(text: &str, trigger: &str) -> String {
    serde_urlencoded::to_string([
        ("command", "/rollback"),
        ("text", text),
        ("user_id", "U0ANN00001"),
        ("user_name", "ann"),
        ("team_id", "T0HOME0001"),
        ("channel_id", "C0INC00001"),
        ("trigger_id", trigger),
    ])
    .unwrap()
}

fn form(payload: &Value) -> String {
    serde_urlencoded::to_string([("payload", payload.to_string())]).unwrap()
}

fn click(team: &str, action_ts: &str) -> Value {
    json!({
        "type": "block_actions",
        "user": { "id": "U0ANN00001", "team_id": team },
        "team": null,
        "container": { "message_ts": "1730462400.000100", "channel_id": "C0INC00001" },
        "actions": [{ "action_id": "approve:rb-7k3fq", "value": "0123456789", "action_ts": action_ts }],
    })
}

#[test]
fn these_tests_sign_as_slack_does() {
    assert_eq!(
        signature(SECRET, "1531420618", b"test-body"),
        "v0=baa91ef62d346e56607bbdd278a8acd570b91226854f15a382f43d33be42f666"
    );
}

#[rstest]
#[case::fresh(0, StatusCode::OK)]
#[case::four_minutes_old(-240, StatusCode::OK)]
#[case::four_minutes_ahead(240, StatusCode::OK)]
#[case::replayed_after_six_minutes(-360, StatusCode::UNAUTHORIZED)]
#[case::six_minutes_ahead(360, StatusCode::UNAUTHORIZED)]
#[case::of_another_year(-40_000_000, StatusCode::UNAUTHORIZED)]
#[tokio::test]
async fn a_signature_is_good_for_five_minutes(#[case] age: i64, #[case] status: StatusCode) {
    let house = house().await;
    let (timestamp, body) = (seconds_from_now(age), typed("prod api", "1.2"));
    let signature = signature(SECRET, &timestamp, body.as_bytes());
    let answer = house.post_signed("/slack/commands", &timestamp, &signature, body.into_bytes()).await;
    assert_eq!(answer.status(), status);
    assert_eq!(house.worked().await.len(), usize::from(status == StatusCode::OK));
}

#[rstest]
#[case::another_secret("8f742231b10e8888abcd99yyyzzz85a5", "/slack/commands")]
#[case::another_secret_for_clicks("8f742231b10e8888abcd99yyyzzz85a5", "/slack/interactions")]
#[case::another_secret_for_events("8f742231b10e8888abcd99yyyzzz85a5", "/slack/events")]
#[tokio::test]
async fn what_slack_did_not_sign_is_refused_with_a_sentence(#[case] secret: &str, #[case] path: &str) {
    let house = house().await;
    let (timestamp, body) = (seconds_from_now(0), typed("prod api", "1.2"));
    let forged = signature(secret, &timestamp, body.as_bytes());
    let answer = house.post_signed(path, &timestamp, &forged, body.into_bytes()).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let sentence = answer.text().await.unwrap();
    assert!(sentence.starts_with("The signature is missing, wrong or older"), "{sentence}");
    assert_eq!(house.worked().await, []);
}

#[tokio::test]
async fn a_changed_body_and_a_missing_signature_are_refused() {
    let house = house().await;
    let timestamp = seconds_from_now(0);
    let other = signature(SECRET, &timestamp, typed("prod api", "1.2").as_bytes());
    let body = typed("prod api to 1", "1.2").into_bytes();
    let changed = house.post_signed("/slack/commands", &timestamp, &other, body.clone()).await;
    assert_eq!(changed.status(), StatusCode::UNAUTHORIZED);
    let bare = house.http.post(format!("{}/slack/commands", house.url)).body(body).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(house.worked().await, []);
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused_whether_or_not_its_length_is_said() {
    let house = house().await;
    let large = vec![b'a'; 1024 * 1024 + 1];
    assert_eq!(house.post("/slack/events", large.clone()).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let now = seconds_from_now(0);
    let head = format!(
        "POST /slack/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\
         X-Slack-Request-Timestamp: {now}\r\nX-Slack-Signature: {}\r\n\r\n{:x}\r\n",
        signature(SECRET, &now, &large),
        large.len()
    );
    let mut socket = TcpStream::connect(house.url.trim_start_matches("http://")).await.unwrap();
    socket.write_all(&[head.as_bytes(), &large, b"\r\n0\r\n\r\n"].concat()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.ends_with("The body is larger than 1 MiB.\n"), "{answer}");
}

#[rstest]
#[case::no_json("/slack/events", "{nope")]
#[case::no_payload("/slack/interactions", "a=b")]
#[case::no_json_in_the_payload("/slack/interactions", "payload=%7Bnope")]
#[case::nobody("/slack/commands", "command=%2Frollback")]
#[tokio::test]
async fn a_signed_body_that_cannot_be_read_is_refused_with_a_sentence(#[case] path: &str, #[case] body: &str) {
    let house = house().await;
    let answer = house.post(path, body).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.text().await.unwrap().starts_with("This could not be read: the payload"));
}

#[rstest]
#[case::ssl_check("/slack/commands", "ssl_check=1&token=x".to_owned())]
#[case::closed_form("/slack/interactions", form(&json!({ "type": "view_closed" })))]
#[case::unknown_interaction("/slack/interactions", form(&json!({ "type": "from_the_future" })))]
#[case::unknown_event("/slack/events", json!({ "type": "event_callback", "event_id": "Ev1" }).to_string())]
#[case::rate_limited("/slack/events", json!({ "type": "app_rate_limited" }).to_string())]
#[tokio::test]
async fn what_is_of_no_concern_is_acknowledged(#[case] path: &str, #[case] body: String) {
    let house = house().await;
    let answer = house.post(path, body).await;
    assert_eq!((answer.status(), answer.text().await.unwrap()), (StatusCode::OK, String::new()));
    assert_eq!(house.worked().await, []);
}

#[tokio::test]
async fn the_challenge_is_given_back() {
    let body = json!({ "type": "url_verification", "challenge": "c1" }).to_string();
    let answer: Value = house().await.post("/slack/events", body).await.json().await.unwrap();
    assert_eq!(answer, json!({ "challenge": "c1" }));
}

#[tokio::test]
async fn a_command_is_recorded_acknowledged_worked_off_and_gone_from_the_inbox() {
    let house = house().await;
    let body = typed("prod api to 42", "1.2");
    let answer = house.post("/slack/commands", body.clone()).await;
    assert_eq!((answer.status(), answer.text().await.unwrap()), (StatusCode::OK, String::new()));
    let worked = house.worked().await;
    assert_eq!(worked.len(), 1);
    assert_eq!(worked[0].key, "command/1.2");
    assert_eq!(worked[0].turn, Turn::First);
    assert_eq!((worked[0].arrival.door, &worked[0].arrival.body), (Door::Commands, &body));
    assert_eq!(house.store.inbox().await.unwrap(), []);
}

#[tokio::test]
async fn the_same_delivery_again_is_acknowledged_and_not_worked_on() {
    let house = house().await;
    for _ in 0..3 {
        let answer = house.post("/slack/commands", typed("prod api", "1.2")).await;
        assert_eq!((answer.status(), answer.text().await.unwrap()), (StatusCode::OK, String::new()));
    }
    assert_eq!(house.worked().await.len(), 1);
    house.post("/slack/commands", typed("prod api", "1.3")).await;
    assert_eq!(house.worked().await.len(), 2);
}

#[rstest]
#[case("prod apu", "did you mean `/rollback prod api`?")]
#[case("prdo api", "did you mean `/rollback prod`?")]
#[case("freeze prod apu", "did you mean `/rollback freeze prod api`?")]
#[tokio::test]
async fn questions_and_slips_are_answered_in_the_response_and_leave_no_trace(#[case] text: &str, #[case] part: &str) {
    let house = house().await;
    let answer: Value = house.post("/slack/commands", typed(text, "1.2")).await.json().await.unwrap();
    assert_eq!(answer["response_type"], "ephemeral");
    assert!(answer["text"].as_str().unwrap().contains(part), "{answer}");
    assert_eq!(house.worked().await, []);
    assert_eq!(house.store.inbox().await.unwrap(), []);
}

#[tokio::test]
async fn a_command_in_another_channel_is_sent_to_the_right_one() {
    let house = house().await;
    let body = typed("prod api", "1.2").replace("C0INC00001", "C0OTHER001");
    let answer: Value = house.post("/slack/commands", body).await.json().await.unwrap();
    assert_eq!(answer["text"], "Commands for prod are not taken in this channel; type them in <#C0INC00001>.");
    assert_eq!(house.worked().await, []);
}

#[tokio::test]
async fn somebody_of_another_workspace_is_refused_at_once() {
    let house = house().await;
    let body = typed("prod api", "1.2").replace("T0HOME0001", "T0ELSE0001");
    let answer: Value = house.post("/slack/commands", body).await.json().await.unwrap();
    assert!(answer["text"].as_str().unwrap().contains("another one"), "{answer}");
    house.post("/slack/interactions", form(&click("T0ELSE0001", "1"))).await;
    assert_eq!(house.worked().await, []);
    assert_eq!(house.slack.asked("chat.postEphemeral"), 1);
}

#[tokio::test]
async fn a_double_click_is_one_click_and_the_other_half_is_answered() {
    let house = house().await;
    for action_ts in ["1730462410.000100", "1730462410.300100"] {
        let answer = house.post("/slack/interactions", form(&click("T0HOME0001", action_ts))).await;
        assert_eq!((answer.status(), answer.text().await.unwrap()), (StatusCode::OK, String::new()));
    }
    let worked = house.worked().await;
    assert_eq!(worked.len(), 1);
    assert_eq!(worked[0].arrival.door, Door::Interactions);
    let said = house.slack.bodies("chat.postEphemeral");
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["text"], "Your first click was taken; this one changed nothing.");
}

#[tokio::test]
async fn a_click_that_is_delivered_twice_is_one_click_and_nobody_hears_of_it() {
    let house = house().await;
    for _ in 0..2 {
        house.post("/slack/interactions", form(&click("T0HOME0001", "1730462410.000100"))).await;
    }
    assert_eq!(house.worked().await.len(), 1);
    assert_eq!(house.slack.asked("chat.postEphemeral"), 0);
}

#[tokio::test]
async fn a_form_closes_with_an_empty_answer() {
    let house = house().await;
    let body = form(&json!({
        "type": "view_submission",
        "user": { "id": "U0ANN00001", "team_id": "T0HOME0001" },
        "view": { "id": "V1", "hash": "h1", "callback_id": "confirm", "private_metadata": "", "state": { "values": [] } },
    }));
    let answer = house.post("/slack/interactions", body).await;
    assert_eq!((answer.status(), answer.text().await.unwrap()), (StatusCode::OK, String::new()));
    assert_eq!(house.worked().await.len(), 1);
}

#[tokio::test]
async fn work_that_could_not_be_settled_is_done_again_at_the_next_start() {
    let house = house_where(Outcome::Unsettled).await;
    house.post("/slack/commands", typed("prod api", "1.2")).await;
    assert_eq!(house.worked().await.len(), 1);
    house.inbox.resume().await.unwrap();
    let worked = house.worked().await;
    assert_eq!(worked.len(), 2);
    assert_eq!((&worked[1].key, worked[1].turn), (&worked[0].key, Turn::Again));
    assert_eq!(worked[1].arrival, worked[0].arrival);
    assert_eq!(house.store.inbox().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_an_earlier_process_left_is_worked_off_in_its_order() {
    let house = house().await;
    for key in ["a", "b"] {
        let arrival =
            Arrival { door: Door::Commands, at: "2026-11-01T12:00:00Z".parse().unwrap(), body: typed("prod api", key) };
        house.store.put_inbox(key, &serde_json::to_vec(&arrival).unwrap()).await.unwrap();
    }
    house.store.put_inbox("c", b"of a newer version").await.unwrap();
    house.inbox.resume().await.unwrap();
    let mut keys: Vec<String> = house.worked().await.into_iter().map(|delivery| delivery.key).collect();
    keys.sort();
    assert_eq!(keys, ["a", "b"]);
    let left = house.store.inbox().await.unwrap();
    assert_eq!(left.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test]
async fn the_machine_is_asked_for_its_health_without_a_signature() {
    let house = house().await;
    let answer = house.http.get(format!("{}/healthz", house.url)).send().await.unwrap();
    assert_eq!((answer.status(), answer.text().await.unwrap().as_str()), (StatusCode::OK, "ok"));
    let wrong = house.http.get(format!("{}/slack/commands", house.url)).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
}
