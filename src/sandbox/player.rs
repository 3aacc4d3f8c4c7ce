//! Plays a script on a stage, and prints the conversation as the people in it would see it.
//!
//! It never hangs: everything that is waited for has a time, and a bot that ends unasked ends the play.

use std::fmt;
use std::io;
use std::time::Duration;

use super::script::{BotEvent, Line, Sight, What};
use super::slack::render::{self, Transcript};
use super::slack::{Message, MessageRef, Outcome, Person, Reply};
use super::stage::Stage;

/// How long something may take to be seen, in simulated time, and in real time where that is longer: looks, posts and
/// Slack's limits do not run faster than they do.
const PATIENCE: Duration = Duration::from_mins(20);
const PATIENCE_AT_LEAST: Duration = Duration::from_mins(1);

/// Where the play takes place.
const CHANNEL: &str = "incidents";

/// Why a play broke off.
#[derive(Debug)]
pub enum Broken {
    /// What the line says cannot be done, or was not seen.
    Line {
        /// The line as it is written.
        line: String,
        /// Why.
        why: String,
    },
    /// The stage itself broke.
    Stage(io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, why } => write!(f, "`{line}`: {why}"),
            Self::Stage(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Broken {}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Stage(error)
    }
}

/// Plays on a stage. What is printed goes to `print`, line by line.
pub struct Player<'a> {
    stage: &'a mut Stage,
    transcript: Transcript,
    patience: Duration,
    print: &'a mut (dyn FnMut(&str) + Send),
}

impl<'a> Player<'a> {
    /// A player before the first line.
    pub fn new(stage: &'a mut Stage, print: &'a mut (dyn FnMut(&str) + Send)) -> Self {
        let patience = stage.clock.pace().shrink(PATIENCE).max(PATIENCE_AT_LEAST);
        Self { stage, transcript: Transcript::default(), patience, print }
    }

    /// The same player, who waits so long for what is to be seen, in real time.
    #[must_use]
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Plays one line.
    ///
    /// # Errors
    /// When it cannot be done, or is not seen in time.
    pub async fn play(&mut self, line: &Line) -> Result<(), Broken> {
        let played = self.perform(&line.what).await;
        self.catch_up();
        played.map_err(|why| match why {
            Broken::Line { why, .. } => Broken::Line { line: line.text.clone(), why },
            stage @ Broken::Stage(_) => stage,
        })
    }

    /// Prints what is new in the channel.
    pub fn catch_up(&mut self) {
        let workspace = self.stage.slack.workspace();
        let lines = self.transcript.news(&self.stage.slack.messages(&self.channel()), &workspace);
        for line in lines {
            (self.print)(&line);
        }
    }

    /// Gives answers that are under way a moment to arrive, and prints them.
    pub async fn settle(&mut self) {
        /// How long nothing has to be new before one stops listening.
        const QUIET: Duration = Duration::from_millis(700);
        let mut changes = self.stage.slack.subscribe();
        while tokio::time::timeout(QUIET, changes.changed()).await.is_ok_and(|changed| changed.is_ok()) {
            self.catch_up();
        }
        self.catch_up();
    }

    async fn perform(&mut self, what: &What) -> Result<(), Broken> {
        match what {
            What::Type { who, text } => {
                let user = self.person(who)?;
                (self.print)(&format!("@{} types {text}", user.name));
                let reply = self.stage.slack.type_command(&user.id, &self.channel(), text).await;
                self.show(&reply)
            }
            What::Click { who, button } => {
                let user = self.person(who)?;
                let card = self.card_with(button)?;
                (self.print)(&format!("@{} clicks [ {button} ]", user.name));
                let reply = self.stage.slack.click(&user.id, &card, button).await;
                self.show(&reply)
            }
            What::Submit { who, values } => {
                let user = self.person(who)?;
                let opened = self.stage.slack.wait_for(self.patience, |slack| slack.open_modal(&user.id)).await;
                let Some(view) = opened else { return Err(no(format!("no form opened for @{}", user.name))) };
                for line in render::modal(&view, &self.stage.slack.workspace()) {
                    (self.print)(&line);
                }
                for (label, value) in values {
                    (self.print)(&format!("@{} fills in {label}: {value}", user.name));
                }
                let values: Vec<(&str, &str)> =
                    values.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
                let reply = self.stage.slack.submit(&user.id, &values).await;
                self.show(&reply)
            }
            What::Leave { who, group } => {
                let user = self.person(who)?;
                (self.print)(&format!("--- @{} leaves the group @{group} ---", user.name));
                if self.stage.slack.leave_group(&user.id, group) {
                    Ok(())
                } else {
                    Err(no(format!("@{} is in no group `{group}`", user.name)))
                }
            }
            What::Wait(sight) => self.wait(sight).await,
            What::Bot(BotEvent::Kill) => {
                (self.print)("--- the bot is killed (SIGKILL) ---");
                Ok(self.stage.bot.kill().await?)
            }
            What::Bot(BotEvent::Terminate) => {
                (self.print)("--- the bot is told to end (SIGTERM) ---");
                Ok(self.stage.bot.terminate().await?)
            }
            What::Bot(BotEvent::Start) => {
                self.stage.bot.start().await?;
                (self.print)("--- the bot is started on the same store ---");
                Ok(())
            }
            What::Deploy { service, task_definition } => {
                let (cluster, name) =
                    service.split_once('/').ok_or_else(|| no(format!("`{service}` is not `cluster/service`")))?;
                (self.print)(&format!("--- somebody else deploys {task_definition} to {service} ---"));
                let deployed = self.stage.aws.deploy(cluster, name, task_definition);
                deployed.map(drop).map_err(|refusal| no(format!("AWS refused: {refusal}")))
            }
            What::Approve { stage, action } => {
                let (pipeline, name) =
                    stage.split_once('/').ok_or_else(|| no(format!("`{stage}` is not `pipeline/stage`")))?;
                (self.print)(&format!("--- somebody gives the manual approval {action} of {stage} in AWS ---"));
                let approved = self.stage.aws.approve_action(pipeline, name, action);
                approved.map_err(|refusal| no(format!("AWS refused: {refusal}")))
            }
            What::Alarm { alarm, state } => {
                (self.print)(&format!("--- the alarm {alarm} is {} now ---", state.word()));
                self.stage.aws.set_alarm(alarm, *state);
                Ok(())
            }
            What::Fault { operation, fault, times } => {
                (self.print)(&format!("--- {times} of the next {operation} will {} ---", fault.words()));
                self.stage.faults.add(operation, *fault, *times);
                Ok(())
            }
            What::Told { body } => {
                (self.print)("--- the pipeline tells how its deployment ended ---");
                let (status, answer) = self.stage.tell(body).await?;
                if status < 300 { Ok(()) } else { Err(no(format!("the bot answers {status}: {answer}"))) }
            }
            What::SlackDown { seconds } => {
                (self.print)(&format!("--- Slack answers nothing for {seconds} s ---"));
                self.stage.faults.slack_down(true);
                self.stage.clock.sleep_really(Duration::from_secs(u64::from(*seconds))).await;
                self.stage.faults.slack_down(false);
                Ok(())
            }
            What::Pause { seconds } => {
                self.stage.clock.sleep_really(Duration::from_secs(u64::from(*seconds))).await;
                Ok(())
            }
        }
    }

    fn person(&self, who: &str) -> Result<Person, Broken> {
        let workspace = self.stage.slack.workspace();
        workspace.whom(who).cloned().ok_or_else(|| {
            let people: Vec<&str> = workspace.people.iter().map(|person| person.name.as_str()).collect();
            no(format!("there is nobody called `{who}`; there is {}", people.join(", ")))
        })
    }

    fn channel(&self) -> String {
        let workspace = self.stage.slack.workspace();
        workspace.channel(CHANNEL).map(|channel| channel.id.clone()).unwrap_or_default()
    }

    /// The newest message in the channel that has this button.
    fn card_with(&self, button: &str) -> Result<MessageRef, Broken> {
        let wanted = format!("[ {button} ]");
        let workspace = self.stage.slack.workspace();
        let messages = self.stage.slack.messages(&self.channel());
        messages
            .iter()
            .rev()
            .find(|message| render::message(message, &workspace).join("\n").contains(&wanted))
            .map(Message::reference)
            .ok_or_else(|| no(format!("no message has a button `{button}`")))
    }

    fn show(&mut self, reply: &Reply) -> Result<(), Broken> {
        self.catch_up();
        match &reply.outcome {
            Outcome::Acknowledged => Ok(()),
            Outcome::FieldErrors(errors) => {
                for (label, error) in errors {
                    (self.print)(&format!("    {label}: {error}"));
                }
                Ok(())
            }
            Outcome::Trouble(words) => Err(no(format!("Slack shows: {words}"))),
            Outcome::NotSent(why) => Err(no(why.clone())),
        }
    }

    async fn wait(&mut self, sight: &Sight) -> Result<(), Broken> {
        let since = self.stage.clock.reading();
        let mut changes = self.stage.slack.subscribe();
        loop {
            self.catch_up();
            if self.sees(sight)? {
                return Ok(());
            }
            if let Some(status) = self.stage.bot.exited()? {
                return Err(no(format!("the bot ended with {status}; its log is {}", self.stage.bot.log().display())));
            }
            let left = self.patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Err(no(format!("not seen within {} s", self.patience.as_secs())));
            }
            // A bot that ends by itself changes nothing in Slack, so look up now and then.
            let look_up = left.min(Duration::from_millis(500));
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return Err(no("Slack has ended".to_owned())) },
                () = self.stage.clock.sleep_really(look_up) => {}
            }
        }
    }

    fn sees(&self, sight: &Sight) -> Result<bool, Broken> {
        let workspace = self.stage.slack.workspace();
        let messages = self.stage.slack.messages(&self.channel());
        let bot = |message: &&Message| message.visible_to.is_none();
        let has = |message: &Message, text: &str| render::message(message, &workspace).join("\n").contains(text);
        let card = messages.iter().filter(bot).rev().find(|message| message.is_in_channel());
        Ok(match sight {
            Sight::Card(text) => card.is_some_and(|card| has(card, text)),
            Sight::Thread(text) => card.is_some_and(|card| {
                messages.iter().filter(bot).any(|message| {
                    message.thread_ts.as_deref() == Some(&card.ts) && message.ts != card.ts && has(message, text)
                })
            }),
            Sight::Alone { who, text } => {
                let user = self.person(who)?;
                messages.iter().any(|message| message.visible_to.as_deref() == Some(&user.id) && has(message, text))
            }
        })
    }
}

fn no(why: String) -> Broken {
    Broken::Line { line: String::new(), why }
}
