//! A stage on which tests play: the real bot as a child process, the stand-ins, and people who do not give up when the
//! bot dies under their hands.

#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::panic, reason = "each test binary uses a part of it")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollbot::admin::{self, Answer, Question};
use rollbot::incident::incident::{Incident, Verdict};
use rollbot::incident::time::Pace;
use rollbot::sandbox::player::Player;
use rollbot::sandbox::scenario::{self, Scenario};
use rollbot::sandbox::script::{self, Sight, What};
use rollbot::sandbox::slack::render;
use rollbot::sandbox::slack::{Message, MessageRef, Outcome, Reply};
use rollbot::sandbox::stage::Stage;
use rollbot::sandbox::wire::{Call, Fault, Moment};
use serde_json::Value;

/// How fast tests run: a rollback of two minutes takes about a second.
pub const SPEED: u32 = 200;

/// How long anything may take, in real time.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The bot that cargo built for this test.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_rollbot"))
}

/// How the rollback of an incident ended; `None` before it has.
pub fn verdict(incident: &Incident) -> Option<Verdict> {
    incident.run().and_then(|run| run.verdict).map(|record| record.verdict)
}

/// A scenario with people in it.
pub struct Play {
    pub stage: Stage,
    /// How often the bot was started again after it had died.
    pub restarts: usize,
    /// How long anything may take, in real time.
    pub patience: Duration,
    /// What each message read like when it was last looked at: it is looked at again and again.
    read: Mutex<HashMap<String, (Message, String)>>,
}

impl Play {
    /// The scenario is set and the bot runs.
    pub async fn begin(variant: Option<&str>) -> Self {
        Self::of(&scenario(variant)).await
    }

    /// The scenario is set; the bot does not run yet.
    pub async fn set(variant: Option<&str>) -> Self {
        Self::staged(&scenario(variant)).await
    }

    /// A scenario is set, changed or not; the bot does not run yet.
    pub async fn staged(scenario: &Scenario) -> Self {
        let pace = Pace::new(SPEED.min(scenario.fastest));
        let stage = Stage::set(scenario, program(), pace).await.expect("the stage is set");
        Self { stage, restarts: 0, patience: PATIENCE, read: Mutex::default() }
    }

    /// A scenario that the test has changed is set, and the bot runs.
    pub async fn of(scenario: &Scenario) -> Self {
        let mut play = Self::staged(scenario).await;
        play.stage.begin().await.expect("the bot starts");
        play
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
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match read.get(&message.ts) {
            Some((as_it_was, text)) if as_it_was == message => text.clone(),
            _ => {
                let text = render::message(message, &self.stage.slack.workspace()).join("\n");
                read.insert(message.ts.clone(), (message.clone(), text.clone()));
                text
            }
        }
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
    pub async fn until(&mut self, what: &str, there: impl FnMut(&Self) -> bool) {
        let seen = self.glimpse(self.patience, there).await;
        assert!(seen, "not seen: {what}\n{}", self.seen());
    }

    /// Waits until `there` is true, or for so long; says whether it was.
    pub async fn glimpse(&mut self, patience: Duration, mut there: impl FnMut(&Self) -> bool) -> bool {
        let since = self.stage.clock.reading();
        loop {
            let mut changes = self.stage.slack.subscribe();
            self.revive().await;
            if there(self) {
                return true;
            }
            if since.elapsed() > patience {
                return false;
            }
            // What is not seen in Slack, and a bot that has died, is looked for now and then.
            let _ = tokio::time::timeout(Duration::from_millis(100), changes.changed()).await;
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
            assert!(since.elapsed() < self.patience, "nobody answers {text}\n{}", self.seen());
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
            assert!(since.elapsed() < self.patience, "no answer to [ {button} ]\n{}", self.seen());
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
        let phrase = ("Phrase".to_owned(), "rollback-production".to_owned());
        self.click_and_fill_in(who, "Approve", &[phrase]).await;
    }

    /// Clicks a button and fills in the form that it opens, until the button is gone.
    pub async fn click_and_fill_in(&mut self, who: &str, button: &str, values: &[(String, String)]) {
        let user = self.user(who);
        let values: Vec<(&str, &str)> = values.iter().map(|(label, text)| (label.as_str(), text.as_str())).collect();
        let since = self.stage.clock.reading();
        // The button may be there again at once, for another plan: that is not the one that was approved.
        let mark = format!("@{who} approved");
        let votes = |play: &Self| play.thread().iter().filter(|said| said.contains(&mark)).count();
        let before = votes(self);
        while self.with_button(button).is_some() && votes(self) == before {
            assert!(since.elapsed() < self.patience, "[ {button} ] does not go\n{}", self.seen());
            if self.click(who, button).await.is_none() {
                return;
            }
            let opened =
                self.stage.slack.wait_for(Duration::from_secs(3), |slack| slack.open_modal(&user)).await.is_some();
            if !opened {
                // Where several have to approve, the button stays for the others.
                if self.alone(who).last().is_some_and(|told| told.contains("approved this plan already")) {
                    return;
                }
                continue;
            }
            let reply = self.stage.slack.submit(&user, &values).await;
            if matches!(reply.outcome, Outcome::Trouble(_)) {
                self.stage.slack.close_modal(&user).await;
                self.revive().await;
                continue;
            }
            let submitted = self.stage.clock.reading();
            while self.with_button(button).is_some()
                && votes(self) == before
                && submitted.elapsed() < Duration::from_secs(5)
            {
                self.revive().await;
                self.stage.clock.sleep_really(Duration::from_millis(50)).await;
            }
        }
    }

    /// Plays a story line by line, as the sandbox does; what was printed. A story that breaks off fails the test.
    pub async fn tell(&mut self, story: &str) -> String {
        let mut printed = String::new();
        let mut print = |line: &str| {
            printed.push_str(line);
            printed.push('\n');
        };
        let mut player = Player::new(&mut self.stage, &mut print);
        let mut broken = None;
        for line in script::read(story).expect("the story can be read") {
            if let Err(why) = player.play(&line).await {
                broken = Some(why.to_string());
                break;
            }
        }
        assert!(broken.is_none(), "{}\n{printed}\n{}", broken.unwrap_or_default(), self.seen());
        printed
    }

    /// Plays a story as [`rollbot::sandbox::player`] does, but with people who do not give up: what nobody answered is
    /// typed and clicked again. What the story itself does to the bot is left out.
    pub async fn act_out(&mut self, story: &str) {
        let lines = script::read(story).expect("the story can be read");
        let mut lines = lines.iter().peekable();
        while let Some(line) = lines.next() {
            let form = lines.next_if(|next| matches!(next.what, What::Submit { .. })).map(|form| &form.what);
            let values = match form {
                Some(What::Submit { values, .. }) => Some(values),
                _ => None,
            };
            match (&line.what, values) {
                (What::Type { who, text }, None) => {
                    self.type_command(who, text).await;
                }
                (What::Type { who, text }, Some(values)) => self.type_and_fill_in(who, text, values).await,
                (What::Click { who, button }, None) => {
                    self.click(who, button).await;
                }
                (What::Click { who, button }, Some(values)) => self.click_and_fill_in(who, button, values).await,
                // What a crash leaves out of the thread, such as the receipt of an act whose reply was lost, is no loss.
                // Where the world goes on behind it, or the story ends with it, it is waited for a while.
                (What::Wait(sight @ Sight::Thread(_)), _) => {
                    if lines.peek().is_none_or(|next| is_of_the_world(&next.what)) {
                        self.glimpse(Duration::from_secs(10), |play| play.sees(sight)).await;
                    }
                }
                // What passes is waited for so that the bot is killed just then; without that kill it may be over already.
                (What::Wait(sight), _) if lines.peek().is_some_and(|next| matches!(next.what, What::Bot(_))) => {
                    self.glimpse(Duration::from_secs(10), |play| play.sees(sight)).await;
                }
                (What::Bot(_), _) => {}
                (What::Told { body }, _) => self.pipeline_tells(body).await,
                (What::Wait(sight), _) => self.until(&line.text, |play| play.sees(sight)).await,
                _ => {
                    let played = Player::new(&mut self.stage, &mut |_| {}).play(line).await;
                    played.unwrap_or_else(|why| panic!("{why}"));
                }
            }
        }
    }

    /// A pipeline tells how its deployment ended, again until somebody takes it.
    pub async fn pipeline_tells(&mut self, body: &str) {
        let since = self.stage.clock.reading();
        loop {
            self.revive().await;
            match self.stage.tell(body).await {
                Ok((200 | 202, _)) => return,
                answer => assert!(since.elapsed() < self.patience, "{answer:?}\n{}", self.seen()),
            }
            self.stage.clock.sleep_really(Duration::from_millis(200)).await;
        }
    }

    /// Types a command that opens a form, and fills it in; again if nobody answers.
    async fn type_and_fill_in(&mut self, who: &str, text: &str, values: &[(String, String)]) {
        let user = self.user(who);
        let values: Vec<(&str, &str)> = values.iter().map(|(label, text)| (label.as_str(), text.as_str())).collect();
        let since = self.stage.clock.reading();
        loop {
            assert!(since.elapsed() < self.patience, "no form for {text}\n{}", self.seen());
            self.type_command(who, text).await;
            let opened = self.stage.slack.wait_for(Duration::from_secs(3), |slack| slack.open_modal(&user)).await;
            if opened.is_none() {
                continue;
            }
            if !matches!(self.stage.slack.submit(&user, &values).await.outcome, Outcome::Trouble(_)) {
                return;
            }
            self.stage.slack.close_modal(&user).await;
            self.revive().await;
        }
    }

    /// Whether something can be seen now.
    pub fn sees(&self, sight: &Sight) -> bool {
        match sight {
            Sight::Card(text) => self.card_text().contains(text),
            Sight::Thread(text) => self.thread().iter().any(|message| message.contains(text)),
            Sight::Alone { who, text } => self.alone(who).iter().any(|message| message.contains(text)),
        }
    }

    /// The whole story up to the end of the incident.
    pub async fn roll_back(&mut self) {
        self.type_command("dev", "/rollback prod api because checkout answers 500").await;
        self.until("a plan to approve", |play| play.with_button("Approve").is_some()).await;
        self.approve("sre").await;
        self.until("the end of the incident", |play| play.card_text().contains("ended")).await;
    }

    /// What a path of a site answers, and the version that it was made of.
    pub async fn get(&self, site: &str, path: &str) -> (u16, String) {
        let site = self.stage.aws.site(site).expect("the site is there");
        let reply = reqwest::get(format!("{site}{path}")).await.expect("the site answers");
        (reply.status().as_u16(), reply.headers()["x-app-version"].to_str().expect("text").to_owned())
    }

    /// What was written to AWS and took effect, in order.
    pub fn aws_writes(&self) -> Vec<Call> {
        let mut calls = self.stage.wire.calls();
        calls.retain(|call| call.writes && !call.service.starts_with("slack"));
        calls
    }

    /// The versions of the tasks of shop-prod/api that run now and are meant to, sorted; with `, not serving` where one
    /// does not serve.
    pub fn running(&self) -> Vec<String> {
        let running = self.stage.aws.running("shop-prod", "api");
        let mut versions: Vec<String> = running
            .into_iter()
            .map(|task| {
                let version = task.versions.get("app").cloned().unwrap_or_default();
                if task.serves { version } else { format!("{version}, not serving") }
            })
            .collect();
        versions.sort();
        versions
    }

    /// The calls of one operation, in order.
    pub fn calls_of(&self, operation: &str) -> Vec<Call> {
        let mut calls = self.stage.wire.calls();
        calls.retain(|call| call.operation == operation);
        calls
    }

    /// The ids of the deployments that `UpdateService` made, each once: how often it took effect.
    pub fn deployments_made(&self) -> Vec<String> {
        let mut made: Vec<String> = self
            .calls_of("UpdateService")
            .iter()
            .filter_map(|call| call.reply.pointer("/service/deployments/0/id")?.as_str().map(str::to_owned))
            .collect();
        made.sort();
        made.dedup();
        made
    }

    /// Everything that the bot ever sent to Slack to be read, card by card and post by post, whether it arrived or not.
    pub fn sent(&self) -> Vec<String> {
        let mut calls = self.stage.wire.calls();
        calls.retain(|call| call.service.starts_with("slack") && call.writes);
        calls.into_iter().map(|call| strings(&call.request).join("\n")).collect()
    }

    /// Fails if the bot ever said that the service is rolled back, however briefly.
    pub fn assert_never_called_rolled_back(&self) {
        for text in self.sent() {
            let claims = [": rolled back", "is rolled back", "again, proved"];
            let claim = claims.iter().find(|claim| text.contains(**claim));
            assert!(claim.is_none(), "it was called rolled back: {text}\n{}", self.seen());
        }
    }

    /// `react` decides on every call and moment in place of the stage's own faults.
    pub fn on_wire(&self, react: impl Fn(&Call, Moment) -> Option<Fault> + Send + Sync + 'static) {
        self.stage.wire.interfere(Some(Arc::new(move |call: &Call, moment: Moment| {
            let fault = react(call, moment);
            Box::pin(async move { fault })
        })));
    }

    /// Approves, and stops while the first call of `operation` is under way; returns the incident when it is closed.
    pub async fn stop_during(&mut self, operation: &'static str) -> Incident {
        let (came, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (has_come, may_go_on, clock) = (Arc::clone(&came), Arc::clone(&go_on), self.stage.clock);
        self.stage.wire.interfere(Some(Arc::new(move |call: &Call, moment: Moment| {
            let waits = call.operation == operation && moment == Moment::Before;
            has_come.fetch_or(waits, Ordering::SeqCst);
            let go_on = Arc::clone(&may_go_on);
            Box::pin(async move {
                while waits && !go_on.load(Ordering::SeqCst) {
                    clock.sleep_really(Duration::from_millis(5)).await;
                }
                None
            })
        })));
        self.approve("sre").await;
        self.until("the call", |_| came.load(Ordering::SeqCst)).await;
        self.click("dev", "Stop").await;
        self.until_recorded("the stop", |incident| incident.run().is_some_and(|run| run.stopped.is_some())).await;
        go_on.store(true, Ordering::SeqCst);
        self.until_recorded("the end", Incident::is_closed).await
    }

    /// Every incident that the running bot has on record, newest first.
    pub async fn incidents(&self) -> Vec<Incident> {
        let question = Question::History { environment: None, service: None, limit: 20 };
        match admin::ask(&self.stage.folder().join("rollbot-data"), &question).await {
            Ok(Some(Answer::History { incidents })) => incidents,
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// Waits until the newest incident on record is as it should be; the bot is started again whenever it has died.
    pub async fn until_recorded(&mut self, what: &str, mut there: impl FnMut(&Incident) -> bool) -> Incident {
        let since = self.stage.clock.reading();
        loop {
            self.revive().await;
            let newest = self.incidents().await.into_iter().next();
            if let Some(incident) = newest.filter(|incident| there(incident)) {
                return incident;
            }
            assert!(since.elapsed() < self.patience, "not recorded: {what}\n{}", self.seen());
            self.stage.clock.sleep_really(Duration::from_millis(20)).await;
        }
    }

    /// Somebody types a command that is answered to them alone; returns the answer on one line.
    pub async fn ask(&mut self, who: &str, text: &str) -> String {
        let before = self.alone(who).len();
        self.type_command(who, text).await;
        self.told(who, before).await
    }

    /// Somebody clicks a button and is told something alone; returns that.
    pub async fn click_in_vain(&mut self, who: &str, button: &str) -> String {
        let before = self.alone(who).len();
        self.click(who, button).await;
        self.told(who, before).await
    }

    async fn told(&mut self, who: &str, before: usize) -> String {
        self.until(&format!("an answer to {who} alone"), |play| play.alone(who).len() > before).await;
        let told = self.alone(who).pop().expect("it was just seen");
        told.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Asks for a rollback and waits until its plan can be approved.
    pub async fn propose(&mut self, who: &str, text: &str) {
        let cards = self.cards();
        self.type_command(who, text).await;
        self.until("a plan to approve", |play| play.cards() > cards && play.card_text().contains("[ Approve ]")).await;
    }

    /// How many cards stand in the channel.
    pub fn cards(&self) -> usize {
        self.public().iter().filter(|message| message.is_in_channel()).count()
    }

    /// Runs the command line beside the bot, as whoever owns its folder would: exit code, standard output, errors.
    pub async fn command_line(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = tokio::process::Command::new(program())
            .args(arguments)
            .current_dir(self.stage.folder())
            .env_clear()
            .env("ROLLBOT_CONFIG", "rollbot.yml")
            .output()
            .await
            .expect("the command line can be run");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// Leaves in the middle: the bot is killed, for what it would still write is not looked at.
    pub async fn leave(mut self) {
        self.stage.bot.kill().await.expect("the bot can be killed");
        self.stage.strike().await.expect("the stage is struck");
    }

    /// Ends everything in order; a server that does not end when told to fails the test.
    pub async fn end(self) {
        self.stage.strike().await.expect("the bot ends when it is told to");
    }
}

/// Whether a line is about the world, and neither about a person nor about what is seen.
fn is_of_the_world(what: &What) -> bool {
    !matches!(what, What::Type { .. } | What::Click { .. } | What::Submit { .. } | What::Wait(_) | What::Bot(_))
}

/// A shipped scenario, for a test to change.
pub fn scenario(variant: Option<&str>) -> Scenario {
    scenario::find("ecs-playbook", variant).expect("the scenario is shipped")
}

/// The same for a test in which everything is to go well, on a machine that has other things to do as well: half the
/// speed, and checks that are not given up after half a second of real time.
pub fn calm(variant: Option<&str>) -> Scenario {
    let mut scenario = scenario(variant);
    scenario.fastest = scenario.fastest.min(SPEED / 2);
    configure(&mut scenario, "within: 2m", "within: 2h");
    scenario
}

/// Puts `new` in place of `old` in the scenario's rollbot.yml, where it has to stand.
pub fn configure(scenario: &mut Scenario, old: &str, new: &str) {
    assert!(scenario.configuration.contains(old), "rollbot.yml has no {old}");
    scenario.configuration = scenario.configuration.replace(old, new).leak();
}

/// All strings in a value, keys left out.
pub fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
