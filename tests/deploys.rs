//! `POST /triggers/deploys`: who is believed, what is taken, what is remembered, through the whole bot.

#![expect(clippy::unwrap_used, reason = "a test says what it saw and ends")]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use support::Play;

const SECRET: &str = "5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";

#[expect(clippy::disallowed_methods, reason = "whoever signs has the machine's time")]
fn seconds_ago(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (i64::try_from(now.as_secs()).unwrap() - seconds).to_string()
}

fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v1:{timestamp}:").as_bytes());
    mac.update(body);
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

async fn begin() -> Play {
    let mut play = Play::set(None).await;
    play.stage.bot.set("ROLLBOT_WEBHOOK_SECRET_PROD", SECRET);
    play.stage.begin().await.unwrap();
    play
}

/// What is sent: the body, and the headers that are not as they should be.
struct Sent<'a> {
    body: Vec<u8>,
    timestamp: Option<String>,
    signature: Option<&'a str>,
    secret: &'a str,
}

impl Sent<'_> {
    fn body(body: &Value) -> Self {
        Self { body: body.to_string().into_bytes(), timestamp: Some(seconds_ago(0)), signature: None, secret: SECRET }
    }
}

async fn send(play: &Play, sent: Sent<'_>) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let mut request = client.post(format!("{}/triggers/deploys", play.stage.bot.base_url()));
    let own = sent.timestamp.as_ref().map(|timestamp| signature(sent.secret, timestamp, &sent.body));
    if let Some(timestamp) = sent.timestamp {
        request = request.header("X-Rollbot-Timestamp", timestamp);
    }
    match (sent.signature, own) {
        (Some(""), _) | (None, None) => {}
        (Some(other), _) => request = request.header("X-Rollbot-Signature", other),
        (None, Some(own)) => request = request.header("X-Rollbot-Signature", own),
    }
    let answer = request.body(sent.body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap().trim().to_owned())
}

fn told(id: &str, status: &str, revision: &str) -> Value {
    json!({
        "id": id, "environment": "prod", "service": "api", "status": status, "stage": "smoke-tests", "revision": revision,
        "branch": "main", "author": "dev", "url": "https://ci.example.com/4711", "reason": "3 of 40 tests failed",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_or_not_well_formed_is_refused_with_a_sentence() {
    let play = begin().await;
    let fine = || told("run-1", "succeeded", "v42");
    let with = |name: &str, value: Value| {
        let mut body = told("run-1", "succeeded", "v42");
        body[name] = value;
        Sent::body(&body)
    };
    let without = |name: &str| {
        let mut body = told("run-1", "succeeded", "v42");
        body.as_object_mut().unwrap().remove(name);
        Sent::body(&body)
    };
    let raw = |body: &[u8]| Sent { body: body.to_vec(), ..Sent::body(&fine()) };
    let cases: Vec<(&str, Sent<'_>, u16, &str)> = vec![
        (
            "no timestamp",
            Sent { timestamp: None, signature: Some("v1=00"), ..Sent::body(&fine()) },
            401,
            "X-Rollbot-Timestamp is missing",
        ),
        (
            "a timestamp in words",
            Sent { timestamp: Some("now".to_owned()), ..Sent::body(&fine()) },
            401,
            "X-Rollbot-Timestamp is missing or is no number",
        ),
        (
            "six minutes old",
            Sent { timestamp: Some(seconds_ago(360)), ..Sent::body(&fine()) },
            401,
            "more than five minutes",
        ),
        (
            "six minutes ahead",
            Sent { timestamp: Some(seconds_ago(-360)), ..Sent::body(&fine()) },
            401,
            "more than five minutes",
        ),
        ("no signature", Sent { signature: Some(""), ..Sent::body(&fine()) }, 401, "X-Rollbot-Signature is missing"),
        (
            "another version of the signature",
            Sent { signature: Some("v0=00"), ..Sent::body(&fine()) },
            401,
            "X-Rollbot-Signature is missing",
        ),
        ("no hexadecimal", Sent { signature: Some("v1=zz"), ..Sent::body(&fine()) }, 401, "does not fit"),
        ("half a signature", Sent { signature: Some("v1=00ff"), ..Sent::body(&fine()) }, 401, "does not fit"),
        (
            "another secret",
            Sent { secret: "another secret of some length", ..Sent::body(&fine()) },
            401,
            "does not fit",
        ),
        (
            "an environment without a secret",
            with("environment", json!("staging")),
            401,
            "ROLLBOT_WEBHOOK_SECRET_STAGING",
        ),
        ("no JSON", raw(b"status=failed"), 400, "The body could not be read"),
        ("nothing", raw(b""), 400, "The body could not be read"),
        ("a list", raw(b"[]"), 400, "The body could not be read"),
        ("no id", without("id"), 400, "missing field `id`"),
        ("no environment", without("environment"), 400, "missing field `environment`"),
        ("no service", without("service"), 400, "missing field `service`"),
        ("no status", without("status"), 400, "missing field `status`"),
        ("an empty id", with("id", json!(" ")), 400, "`id` is empty"),
        ("an endless id", with("id", json!("x".repeat(201))), 400, "`id` is longer than 200"),
        ("an id that is a number", with("id", json!(7)), 400, "invalid type"),
        ("another status", with("status", json!("cancelled")), 400, "unknown variant `cancelled`"),
        ("a misspelt member", with("revison", json!("v42")), 400, "unknown field `revison`"),
        ("no URL", with("url", json!("ci")), 400, "`url` is no http or https URL"),
        ("a script for a URL", with("url", json!("javascript:alert(1)")), 400, "`url` is no http or https URL"),
        ("an endless reason", with("reason", json!("x".repeat(2001))), 400, "`reason` is longer than 2000"),
        ("an unknown service", with("service", json!("web")), 404, "The configuration has no service web in prod"),
        ("a body beyond the limit", with("reason", json!("x".repeat(70_000))), 413, ""),
    ];
    for (what, sent, status, sentence) in cases {
        let answer = send(&play, sent).await;
        assert_eq!(answer.0, status, "{what}: {answer:?}");
        assert!(answer.1.contains(sentence), "{what}: {answer:?}");
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let got = client.get(format!("{}/triggers/deploys", play.stage.bot.base_url())).send().await.unwrap();
    assert_eq!(got.status().as_u16(), 405);
    // Nothing of all this was kept: the id is still free.
    assert_eq!(send(&play, Sent::body(&fine())).await.0, 202);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_kept_once_and_survives_a_crash() {
    let mut play = begin().await;
    let told = told("run-4711", "failed", "v42");
    assert_eq!(send(&play, Sent::body(&told)).await, (202, "Recorded: run-4711 of api.".to_owned()));
    play.stage.bot.kill().await.unwrap();
    play.stage.bot.start().await.unwrap();
    assert_eq!(send(&play, Sent::body(&told)).await, (200, "Known already: run-4711 of api.".to_owned()));
    // It starts nothing and is told to people once, and it is said when somebody is about to go back to that release.
    play.until("the notice", |play| play.card_text().contains("to take it back")).await;
    assert_eq!((play.cards(), play.aws_writes().len()), (1, 0));
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains("The pipeline called the deployment of v42 (api:3) failed in smoke-tests"), "{card}");
    assert!(card.contains("3 of 40 tests failed."), "{card}");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_makes_a_release_known_good() {
    // ECS remembers no deployment but the present one, as after its 90 days.
    let mut scenario = support::calm(None);
    let service = scenario.seed.services.first_mut().expect("the service");
    service.history.drain(..3);
    let mut play = Play::of(&scenario).await;
    play.stage.bot.terminate().await.unwrap();
    play.stage.bot.set("ROLLBOT_WEBHOOK_SECRET_PROD", SECRET);
    play.stage.bot.start().await.unwrap();
    // Without a record the next older task definition would be taken, and that is v42.
    assert_eq!(send(&play, Sent::body(&told("run-41", "succeeded", "9f3c1ab"))).await.0, 202);
    assert_eq!(send(&play, Sent::body(&told("run-40", "succeeded", "v41"))).await.0, 202);
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains("v41 (api:2)"), "{card}");
    assert!(!card.contains("has ever run well"), "{card}");
    play.leave().await;
}
