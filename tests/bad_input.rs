//! Bad input, and the sentence that each gets: commands, payloads, signatures, configurations and orders of the command
//! line, against the real bot over HTTP and its socket, and the real reader of configurations. Kept as one page
//! (`snapshots/bad_input__page.snap`) that is reviewed by reading it.
//!
//! The payloads are those of `payloads.rs`, which shows that the bot survives them; here is what people read.

#![cfg(feature = "sandbox")]
#![allow(dead_code, reason = "the tables of payloads are shared, and a part of them is used here")]
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by them")]

#[path = "payloads/case.rs"]
mod case;
#[path = "payloads/commands.rs"]
mod commands;
#[path = "payloads/forged.rs"]
mod forged;
#[path = "payloads/interactions.rs"]
mod interactions;
#[path = "payloads/storm.rs"]
mod storm;
mod support;

use std::fmt::Write as _;
use std::time::Duration;

use case::{COMMANDS, Case};
use interactions::Approve;
use rollbot::config::Config;
use serde_json::Value;
use storm::Storm;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// What somebody may type, who may or may not; what of it stands in `commands.rs` is not repeated here.
const TYPED: &[(&str, &str)] = &[
    ("U0DEV00001", "prod"),
    ("U0DEV00001", "prod api to"),
    ("U0DEV00001", "prod api to v41 to v40"),
    ("U0DEV00001", "prod api only"),
    ("U0DEV00001", "prod api only frontend"),
    ("U0DEV00001", "prod api with provdier"),
    ("U0DEV00001", "prod api because"),
    ("U0DEV00001", "prod api --emergncy"),
    ("U0DEV00001", "prod api --emergency"),
    ("U0DEV00001", "prod api --emergency because checkout answers 500"),
    ("U0DEV00001", "prod api --dry-run to v999"),
    ("U0DEV00001", "prod api v41"),
    ("U0DEV00001", "stop"),
    ("U0DEV00001", "stop everything"),
    ("U0DEV00001", "releases prod"),
    ("U0DEV00001", "history staging"),
    ("U0GUEST001", "prod api"),
    ("U0PARTNER1", "prod api"),
];

/// How long something that is taken in silence may take to say something all the same.
const SILENCE: Duration = Duration::from_millis(300);

/// What only says that nothing is wrong.
const FINE: &[&str] = &["Nothing is in flight", "There is no rollback", "takes a service back to the release"];

/// What is sent to the socket, and is not an order that can be carried out. `@incident` waits for approval.
const ORDERS: &[&str] = &[
    "approve everything",
    "{}",
    r#"{"ask":"reboot"}"#,
    r#"{"ask":"show","id":"rb-zzzzz"}"#,
    r#"{"ask":"history","environment":null,"service":null}"#,
    r#"{"ask":"order","id":"rb-zzzzz","order":{"order":"stop"}}"#,
    r#"{"ask":"order","id":"@incident","order":{"order":"approve","phrase":null,"plan":null}}"#,
    r#"{"ask":"order","id":"@incident","order":{"order":"approve","phrase":"rollback-staging","plan":null}}"#,
    r#"{"ask":"order","id":"@incident","order":{"order":"approve","phrase":"rollback-production","plan":"ffff"}}"#,
    r#"{"ask":"order","id":"@incident","order":{"order":"retry","step":"backend"}}"#,
    r#"{"ask":"order","id":"@incident","order":{"order":"pass","step":"provider","phrase":null,"note":null}}"#,
    r#"{"ask":"order","id":"@incident","order":{"order":"skip","step":"backend"}}"#,
];

/// The configuration that is spoilt below.
const GOOD: &str = r"slack: { operations: C0OPS00001 }
people: { sre: S0SRE00001, lead: U0LEAD0001 }
environments:
  prod:
    aws: { region: eu-north-1 }
    channels: [C0INC00001]
    may: { approve: [sre] }
services:
  api:
    targets:
      - ecs: { cluster: shop, service: api }
";

/// What is changed in it: this text, to that. `config.rs` has the long table.
const SPOILT: &[(&str, &str)] = &[
    ("people: {", "poeple: {"),
    ("[C0INC00001]", "[incidents]"),
    ("approve: [sre]", "approve: [srre]"),
    ("may: { approve: [sre] }", "may: { approve: sre }"),
    ("S0SRE00001", "@sre"),
    ("region: eu-north-1", "region: europe"),
    ("may: {", "emergency: { from: [boss] }\n    may: {"),
    ("may: {", "approval: { required: 11 }\n    may: {"),
    ("may: {", "approval: { required: 1, expires_after: 15 }\n    may: {"),
    ("      - ecs", "      - manual: { text: Call them. }\n      - ecs"),
    ("      - ecs", "      - manual: { title: Tell them, text: Call them., by: [nobody] }\n      - ecs"),
    ("      - ecs", "      - manual: { title: Tell them, text: Call them., phrase: yes }\n      - ecs"),
    ("cluster: shop, service: api", "cluster: shop service: api"),
    ("service: api }", "service: api, token: xoxb-1-2 }"),
];

/// The page, as it grows.
#[derive(Default)]
struct Page {
    text: String,
    rows: usize,
}

impl Page {
    fn heading(&mut self, heading: &str) {
        writeln!(self.text, "\n== {heading}\n").expect("a text takes more");
    }

    fn row(&mut self, input: &str, sentence: &str) {
        self.rows += 1;
        assert!(!sentence.trim().is_empty(), "{input} gets no sentence");
        let sentence = sentence.trim().replace('\n', "\n    ");
        writeln!(self.text, "{}\n    {sentence}", shown(input)).expect("a text takes more");
    }
}

/// An input on one line, shortened where it is endless.
fn shown(input: &str) -> String {
    let line: String = input.escape_debug().collect::<String>().replace("\\\"", "\"").replace("\\'", "'");
    if line.chars().count() <= 140 { line } else { format!("{}…", line.chars().take(140).collect::<String>()) }
}

/// What changes from run to run is named instead: incidents, digests and times.
fn settled(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("rb-") {
        let (before, name) = rest.split_at(at);
        let length = name.chars().skip(3).take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit()).count();
        let whole = &name[..3 + length];
        out.push_str(before);
        out.push_str(if length == 5 && whole != "rb-zzzzz" { "rb-xxxxx" } else { whole });
        rest = &name[3 + length..];
    }
    out.push_str(rest);
    out
}

/// The sentence of a reply: of Slack's JSON its text, else the body.
fn sentence_of(body: &str) -> String {
    let json: Option<Value> = serde_json::from_str(body).ok();
    let Some(json) = json else { return body.to_owned() };
    let field = json["errors"].as_object().and_then(|errors| errors.values().next());
    json["text"].as_str().or_else(|| field?.as_str()).unwrap_or(body).to_owned()
}

/// Sends `case`, and returns what whoever sent it reads: in the reply, or said to them afterwards.
async fn read(storm: &Storm, case: &Case) -> String {
    let from = storm.play.stage.wire.calls().len();
    let (status, body) = storm.send(case).await;
    if !body.is_empty() {
        let sentence = sentence_of(&body);
        return if status == 200 { sentence } else { format!("{status}: {sentence}") };
    }
    if status != 200 {
        return format!("{status}, and nothing else");
    }
    for _ in 0..400 {
        let calls = storm.play.stage.wire.calls();
        let is_private = |operation: &str| matches!(operation, "respond" | "chat.postEphemeral");
        if let Some(said) = calls.iter().skip(from).find(|call| is_private(&call.operation)) {
            return said.request["text"].as_str().expect("a text").to_owned();
        }
        storm.play.stage.clock.sleep_really(Duration::from_millis(25)).await;
    }
    panic!("{} gets no sentence\n{}", case.name, storm.play.seen());
}

/// Whether this is wrong, and somebody is told so.
fn is_answered(case: &Case) -> bool {
    let says = |words: &str| !words.is_empty() && !FINE.iter().any(|fine| words.contains(fine));
    case.status != 200 || says(case.answer) || says(case.said)
}

async fn answered(page: &mut Page, storm: &Storm, cases: &[Case]) {
    for case in cases {
        if !is_answered(case) {
            // What is taken in silence may be what the next one is late after.
            if case.answer.is_empty() && case.said.is_empty() {
                storm.send(case).await;
                storm.play.stage.clock.sleep_really(SILENCE).await;
            }
            continue;
        }
        let sentence = settled(&read(storm, case).await);
        page.row(case.name, &sentence);
    }
}

/// Sends one line to the socket of the running bot.
async fn ordered(storm: &Storm, line: &str) -> String {
    let socket = storm.play.stage.folder().join("rollbot-data/rollbot.sock");
    let mut stream = UnixStream::connect(socket).await.expect("the bot listens");
    stream.write_all(format!("{line}\n").as_bytes()).await.expect("it takes a line");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    let json: Value = serde_json::from_str(&answer).expect("it answers in JSON");
    json["why"].as_str().unwrap_or_else(|| panic!("{line} was carried out: {answer}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_bad_gets_a_sentence_of_its_own() {
    let mut storm = Storm::begin().await;
    let mut page = Page::default();

    page.heading("Commands: what was typed after /rollback, and by whom where it matters");
    for (user, text) in TYPED {
        let name: &'static str = Box::leak(format!("{user} {text}").into_boxed_str());
        let case = Case::new(
            name,
            COMMANDS,
            case::form(&case::fields(name, &[("user_id", Some(*user)), ("text", Some(*text))])),
        );
        let sentence = settled(&read(&storm, &case).await);
        let by = if *user == "U0DEV00001" { String::new() } else { format!(" (by {user})") };
        page.row(&format!("{text}{by}"), &sentence);
    }

    page.heading("Commands: payloads of slash commands");
    answered(&mut page, &storm, &commands::commands()).await;

    page.heading("Signatures, and what comes to the wrong door");
    answered(&mut page, &storm, &forged::forged()).await;

    storm.play.propose("dev", "/rollback prod api because checkout answers 500").await;
    let button = Approve::of(&storm.play.card().expect("there is a card"));
    page.heading("Clicks and forms, while a plan waits for approval");
    answered(&mut page, &storm, &interactions::clicks(&button)).await;
    answered(&mut page, &storm, &interactions::others()).await;
    answered(&mut page, &storm, &interactions::forms(&button)).await;

    page.heading("Orders to the socket of a running server; rb-xxxxx waits for approval");
    let incidents = storm.play.incidents().await;
    let (id, digest) = incidents
        .first()
        .and_then(|incident| Some((incident.id.to_string(), incident.proposal()?.digest.short().to_owned())))
        .expect("a plan waits");
    for order in ORDERS {
        let sentence = ordered(&storm, &order.replace("@incident", &id)).await;
        page.row(order, &settled(&sentence).replace(&digest, "(digest)"));
    }

    page.heading("Configurations: what stood there, and what stands there now");
    for (good, bad) in SPOILT {
        assert!(GOOD.contains(good), "{good}");
        let Err(errors) = Config::parse("rollbot.yml", &GOOD.replacen(good, bad, 1)) else {
            panic!("{bad} was accepted");
        };
        page.row(&format!("{good}  →  {bad}"), &errors.to_string());
    }

    assert!(storm.play.aws_writes().is_empty(), "nothing of all this changes anything");
    let Page { text, rows } = page;
    assert!(rows >= 60, "{rows} rows");
    insta::assert_snapshot!("page", format!("{rows} rows\n{text}"));
    storm.play.leave().await;
}
