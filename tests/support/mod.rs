//! A stage on which tests play: the real bot as a child process, the stand-ins, and people who do not give up when the
//! bot dies under their hands.

#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::panic, reason = "each test binary uses a part of it")]

use std::path::PathBuf;
use std::time::Duration;

use rollbot::incident::time::Pace;
use rollbot::sandbox::scenario;
use rollbot::sandbox::slack::render;
use rollbot::sandbox::slack::{Message, MessageRef, Outcome, Reply};
use rollbot::sandbox::stage::Stage;
use rollbot::sandbox::wire::Call;

/// How fast tests run: a rollback of two minutes takes about a second.
pub const SPEED: u32 = 200;

/// How long anything may take, in real time.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The bot that cargo built for this test.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_rollbot"))
}

/// A scenario with people in it.
pub struct Play {
    pub stage: Stage,
    /// How often the bot was started again after it had died.
    pub restarts: usize,
}

impl Play {
    /// The scenario is set and the bot runs.
    pub async fn begin(variant: Option<&str>) -> Self {
        let mut play = Self::set(variant).await;
        play.stage.bot.start().await.expect("the bot starts");
        play
    }

    /// The scenario is set; the bot does not run yet.
    pub async fn set(variant: Option<&str>) -> Self {
        let scenario = scenario::find("ecs-playbook", variant).expect("the scenario is shipped");
        let stage =
            Stage::set(&scenario, program(), Pace::new(SPEED.min(scenario.fastest))).await.expect("the stage is set");
        Self { stage, restarts: 0 }
    }

    pub fn channel() -> String {
        "C0INC00001".to_owned()
    }

    pub fn user(&self, name: &str) -> String {
        let workspace = self.stage.slack.workspace();
        workspace.whom(name).unwrap_or_else(|| panic!("nobody is called {name}")).id.clone()
    }

    /// What a message reads like.
    pub fn read(&self, message: &Message) -> String {
        render::message(message, &self.stage.slack.workspace()).join("\n")
    }

    /// Everything in the channel that everybody sees, in order.
    pub fn public(&self) -> Vec<Message> {
        let mut messages = self.stage.slack.messages(&Self::channel());
        messages.retain(|message| message.visible_to.is_none());
        messages
    }

    /// The newest card.
    pub fn card(&self) -> Option<Message> {
        self.public().into_iter().rev().find(Message::is_in_channel)
    }

    /// The newest card as text; empty before there is one.
    pub fn card_text(&self) -> String {
        self.card().map(|card| self.read(&card)).unwrap_or_default()
    }

    /// The thread of the newest card as texts, in order.
    pub fn thread(&self) -> Vec<String> {
        let Some(card) = self.card() else { return Vec::new() };
        self.public()
            .iter()
            .filter(|message| message.thread_ts.as_deref() == Some(&card.ts) && message.ts != card.ts)
            .map(|message| self.read(message))
            .collect()
    }

    /// What only `who` sees, in order.
    pub fn alone(&self, who: &str) -> Vec<String> {
        let user = self.user(who);
        self.stage
            .slack
            .messages(&Self::channel())
            .iter()
            .filter(|message| message.visible_to.as_deref() == Some(&user))
            .map(|message| self.read(message))
            .collect()
    }

    /// Everything that could explain why something was not seen.
    pub fn seen(&self) -> String {
        let log = std::fs::read_to_string(self.stage.bot.log()).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(25).collect();
        let all: Vec<String> =
            self.stage.slack.messages(&Self::channel()).iter().map(|message| self.read(message)).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("--- channel\n{}\n--- log\n{}", all.join("\n"), tail.join("\n"))
    }

    /// Waits until `there` is true; the bot is started again whenever it has died.
    pub async fn until(&mut self, what: &str, mut there: impl FnMut(&Self) -> bool) {
        let since = self.stage.clock.reading();
        loop {
            self.revive().await;
            if there(self) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "not seen: {what}\n{}", self.seen());
            let mut changes = self.stage.slack.subscribe();
            let _ = tokio::time::timeout(Duration::from_millis(50), changes.changed()).await;
        }
    }

    /// Starts the bot again if it has died.
    pub async fn revive(&mut self) {
        while self.stage.bot.exited().expect("the machine says how the bot is").is_some() {
            self.stage.bot.unset("ROLLBOT_CRASH_AT");
            self.restarts += 1;
            self.stage.bot.spawn().expect("the bot starts again");
            // It may die again at once; otherwise it gets ready.
            self.stage.clock.sleep_really(Duration::from_millis(200)).await;
        }
    }

    /// Somebody types a command, again if Slack shows them that nobody answered.
    pub async fn type_command(&mut self, who: &str, text: &str) -> Reply {
        let (user, channel) = (self.user(who), Self::channel());
        let since = self.stage.clock.reading();
        loop {
            self.revive().await;
            let reply = self.stage.slack.type_command(&user, &channel, text).await;
            if !matches!(reply.outcome, Outcome::Trouble(_)) {
                return reply;
            }
            assert!(since.elapsed() < PATIENCE, "nobody answers {text}\n{}", self.seen());
            self.stage.clock.sleep_really(Duration::from_millis(200)).await;
        }
    }

    /// Somebody clicks a button of the newest card that has it, again if nobody answered. Returns `None` when the
    /// button is gone, because an earlier click was taken after all.
    pub async fn click(&mut self, who: &str, button: &str) -> Option<Reply> {
        let user = self.user(who);
        let since = self.stage.clock.reading();
        let mut tried = false;
        loop {
            self.revive().await;
            if let Some(card) = self.with_button(button) {
                let reply = self.stage.slack.click(&user, &card, button).await;
                match reply.outcome {
                    Outcome::Trouble(_) | Outcome::NotSent(_) => tried = true,
                    Outcome::Acknowledged | Outcome::FieldErrors(_) => return Some(reply),
                }
            } else if tried {
                return None;
            }
            assert!(since.elapsed() < PATIENCE, "no answer to [ {button} ]\n{}", self.seen());
            self.stage.clock.sleep_really(Duration::from_millis(100)).await;
        }
    }

    /// The newest message that shows this button.
    pub fn with_button(&self, button: &str) -> Option<MessageRef> {
        let wanted = format!("[ {button} ]");
        self.public().iter().rev().find(|message| self.read(message).contains(&wanted)).map(Message::reference)
    }

    /// Approves the newest card with the phrase that production asks for, until it is approved.
    pub async fn approve(&mut self, who: &str) {
        let user = self.user(who);
        let since = self.stage.clock.reading();
        while self.with_button("Approve").is_some() {
            assert!(since.elapsed() < PATIENCE, "the plan does not get approved\n{}", self.seen());
            if self.click(who, "Approve").await.is_none() {
                return;
            }
            let opened =
                self.stage.slack.wait_for(Duration::from_secs(3), |slack| slack.open_modal(&user)).await.is_some();
            if opened {
                let reply = self.stage.slack.submit(&user, &[("Phrase", "rollback-production")]).await;
                if matches!(reply.outcome, Outcome::Trouble(_)) {
                    self.stage.slack.close_modal(&user).await;
                    self.revive().await;
                    continue;
                }
                let since = self.stage.clock.reading();
                while self.with_button("Approve").is_some() && since.elapsed() < Duration::from_secs(5) {
                    self.revive().await;
                    self.stage.clock.sleep_really(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// The whole story up to the end of the incident.
    pub async fn roll_back(&mut self) {
        self.type_command("dev", "/rollback prod api because checkout answers 500").await;
        self.until("a plan to approve", |play| play.with_button("Approve").is_some()).await;
        self.approve("sre").await;
        self.until("the end of the incident", |play| play.card_text().contains("ended")).await;
    }

    /// What was written to AWS and took effect, in order.
    pub fn aws_writes(&self) -> Vec<Call> {
        let mut calls = self.stage.wire.calls();
        calls.retain(|call| call.writes && !call.service.starts_with("slack"));
        calls
    }

    /// Ends everything in order; a server that does not end when told to fails the test.
    pub async fn end(self) {
        self.stage.strike().await.expect("the bot ends when it is told to");
    }
}
