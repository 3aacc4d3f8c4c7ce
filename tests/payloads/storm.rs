//! The bot under payloads.

use std::time::{Duration, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rollbot::clock::wall;

use crate::case::{Case, Signed};
use crate::support::Play;

/// A play with its people, and what has been sent to the bot.
pub(crate) struct Storm {
    pub(crate) play: Play,
    pub(crate) http: reqwest::Client,
    pub(crate) secret: String,
}

impl Storm {
    pub(crate) async fn begin() -> Self {
        let play = Play::begin(None).await;
        let secret = play.stage.slack.workspace().signing_secret.clone();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client can be had");
        let mut storm = Self { play, http, secret };
        // Who is foreign is known once the bot knows its own workspace.
        let knows = |play: &Play| {
            play.stage.wire.calls().iter().any(|call| call.operation == "auth.test" && call.status == 200)
        };
        storm.play.until("the bot asks who it is", knows).await;
        storm
    }

    pub(crate) async fn send(&self, case: &Case) -> (u16, String) {
        let now = wall().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        let seconds = if let Signed::At(seconds) = case.signed { seconds } else { 0 };
        let time = (i64::try_from(now).expect("it is not the year 292 billion") + seconds).to_string();
        let url = format!("{}{}", self.play.stage.bot.base_url(), case.door);
        let mut request = self.http.request(case.method.clone(), url);
        if let Some(content_type) = case.content_type {
            request = request.header("Content-Type", content_type);
        }
        for (name, value) in &case.headers {
            request = request.header(*name, *value);
        }
        let secret = if case.signed == Signed::WithAnotherSecret { "another" } else { &self.secret };
        let body = if case.signed == Signed::ForAnotherBody { b"another".as_slice() } else { &case.body };
        let signature = signature(secret, &time, body);
        let version = if case.signed == Signed::WithoutVersion { "" } else { "v0=" };
        if case.signed != Signed::NotAtAll {
            request = request.header("X-Slack-Signature", format!("{version}{signature}"));
        }
        if case.signed != Signed::WithoutTime {
            request = request.header("X-Slack-Request-Timestamp", time);
        }
        // A body that is refused for its size may still be on its way when the answer comes, and the connection then breaks
        // before the answer is read: whoever sends such a thing asks again.
        let request = request.body(case.body.clone());
        let mut reply = None;
        for _ in 0..5 {
            match request.try_clone().expect("a body of bytes").send().await {
                Ok(answered) => {
                    reply = Some(answered);
                    break;
                }
                Err(_broken) => self.play.stage.clock.sleep_really(Duration::from_millis(50)).await,
            }
        }
        let reply = reply.expect("the bot answers");
        (reply.status().as_u16(), reply.text().await.expect("the answer arrives"))
    }

    /// What was said to Slack from a place of the journal on; cards and threads are not.
    pub(crate) fn said(&self, from: usize) -> Vec<String> {
        let calls = self.play.stage.wire.calls();
        let private =
            calls.iter().skip(from).filter(|call| matches!(call.operation.as_str(), "respond" | "chat.postEphemeral"));
        private.map(|call| format!("{} {}", call.operation, call.request)).collect()
    }

    pub(crate) async fn until_said(&self, from: usize, words: &str) -> bool {
        for _ in 0..200 {
            if self.said(from).iter().any(|said| said.contains(words)) {
                return true;
            }
            self.play.stage.clock.sleep_really(Duration::from_millis(25)).await;
        }
        false
    }

    /// Sends them all, one after the other, and fails with everything that came out otherwise.
    pub(crate) async fn withstand(&mut self, cases: &[Case]) {
        let mut wrong = Vec::new();
        let begun = self.play.stage.wire.calls().len();
        for case in cases {
            let from = self.play.stage.wire.calls().len();
            let (status, answer) = self.send(case).await;
            if status != case.status {
                wrong.push(format!("{}: {status}, not {}: {answer}", case.name, case.status));
            }
            if (case.answer.is_empty() && !answer.is_empty()) || !answer.contains(case.answer) {
                wrong.push(format!("{}: answered “{answer}”, not “{}”", case.name, case.answer));
            }
            if !case.said.is_empty() && !self.until_said(from, case.said).await {
                wrong.push(format!("{}: “{}” was not said, but {:#?}", case.name, case.said, self.said(from)));
            }
        }
        self.play.stage.clock.sleep_really(Duration::from_millis(500)).await;
        for said in self.said(begun) {
            if !cases.iter().any(|case| !case.said.is_empty() && said.contains(case.said)) {
                wrong.push(format!("nobody asked for this: {said}"));
            }
        }
        assert!(self.play.stage.bot.exited().expect("the machine says how the bot is").is_none(), "the bot has died");
        assert!(wrong.is_empty(), "of {} payloads:\n{}\n{}", cases.len(), wrong.join("\n"), self.play.seen());
    }

    /// The bot takes production back, once.
    pub(crate) async fn ends_right_after_a_rollback(mut self) {
        self.play.roll_back().await;
        self.ends_right().await;
    }

    pub(crate) async fn ends_right(self) {
        assert_eq!(self.play.restarts, 0, "the bot died on the way");
        let log = std::fs::read_to_string(self.play.stage.bot.log()).unwrap_or_default();
        assert!(!log.contains("panicked"), "{log}");
        let writes: Vec<String> = self.play.aws_writes().into_iter().map(|call| call.operation).collect();
        assert_eq!(writes, ["UpdateService"], "one rollback is one write");
        self.play.end().await;
    }
}

/// The hexadecimal part of Slack's signature.
fn signature(secret: &str, time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(format!("v0:{time}:").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
