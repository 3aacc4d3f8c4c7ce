//! A scenario set up on this machine: both stand-ins, the configuration, and the bot.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::incident::time::Pace;

use super::aws::{AwsStandIn, Seed};
use super::bot::{Bot, BotSettings};
use super::pipeline;
use super::record::By;
use super::scenario::Scenario;
use super::script::FaultKind;
use super::slack::SlackStandIn;
use super::wire::{Call, Fault, Moment, Wire};

/// Keys that the stand-in for AWS takes; whoever reads them can do nothing with them.
const KEY_ID: &str = "AKIASANDBOX";

/// A scenario under way.
pub struct Stage {
    /// Slack.
    pub slack: SlackStandIn,
    /// AWS.
    pub aws: AwsStandIn,
    /// Every call of both, and the place to interfere.
    pub wire: Wire,
    /// The bot.
    pub bot: Bot,
    /// The faults that scripts ask for.
    pub faults: Faults,
    /// The sandbox's clock.
    pub clock: Clock,
    stop: CancellationToken,
    tasks: TaskTracker,
    folder: TempDir,
    seed: Seed,
}

impl Stage {
    /// Sets a scenario up; the bot is not started yet. `program` is the `rollbot` to run.
    ///
    /// # Errors
    /// When a port or a folder cannot be had, or the scenario's data is wrong.
    pub async fn set(scenario: &Scenario, program: PathBuf, pace: Pace) -> io::Result<Self> {
        let clock = Clock::start(pace);
        let (stop, tasks, wire) = (CancellationToken::new(), TaskTracker::new(), Wire::of(By::Bot));
        let faults = Faults::default();
        wire.interfere(Some(faults.interference(clock)));
        let aws = AwsStandIn::start(scenario.seed.clone(), clock, wire.clone(), &tasks, stop.clone()).await?;
        let slack = SlackStandIn::start(scenario.workspace.clone(), wire.clone(), clock, &tasks, stop.clone()).await?;
        let folder = tempfile::Builder::new().prefix("rollbot-sandbox-").tempdir()?;
        let site = aws.site(scenario.site_of).unwrap_or_default();
        let mut configuration = scenario.configuration.replace("@site@", &site);
        for (name, site) in aws.sites() {
            configuration = configuration.replace(&format!("@site:{name}@"), site);
        }
        for distribution in scenario.seed.distributions.keys() {
            let site = aws.site(distribution).unwrap_or_default();
            configuration = configuration.replace(&format!("@site:{distribution}@"), &site);
        }
        for function in scenario.seed.functions.keys() {
            let site = aws.site(function).unwrap_or_default();
            configuration = configuration.replace(&format!("@site:{function}@"), &site);
        }
        let secrets = pipeline::secrets(&configuration);
        std::fs::write(folder.path().join("rollbot.yml"), configuration)?;
        let environment = [
            ("ROLLBOT_CONFIG", "rollbot.yml".to_owned()),
            ("ROLLBOT_CLOCK_SPEED", pace.speed().to_string()),
            ("SLACK_API_URL", slack.api_url()),
            ("SLACK_BOT_TOKEN", scenario.workspace.bot_token.clone()),
            ("SLACK_SIGNING_SECRET", scenario.workspace.signing_secret.clone()),
            ("AWS_ENDPOINT_URL", aws.endpoint()),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
            ("AWS_REGION", scenario.seed.region.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("NO_PROXY", "127.0.0.1".to_owned()),
        ];
        let environment =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(secrets).collect();
        let settings = BotSettings { program, folder: folder.path().to_owned(), environment };
        let bot = Bot::new(settings, clock)?;
        slack.connect_app(&bot.base_url());
        Ok(Self { slack, aws, wire, bot, faults, clock, stop, tasks, folder, seed: scenario.seed.clone() })
    }

    /// Starts the bot, and lets the scenario begin when it is ready: what is under way at AWS has not gone on meanwhile.
    ///
    /// # Errors
    /// With the end of its log, when the bot does not get ready.
    pub async fn begin(&mut self) -> io::Result<()> {
        self.bot.start().await?;
        self.aws.begin(&self.seed)
    }

    /// `decide` is asked ahead of the faults that the script asks for.
    pub fn interfere(&self, decide: super::wire::Interference) {
        let faults = self.faults.interference(self.clock);
        self.wire.interfere(Some(Arc::new(move |call: &Call, moment: Moment| {
            let (first, faults, call) = (decide(call, moment), Arc::clone(&faults), call.clone());
            Box::pin(async move {
                match first.await {
                    None => faults(&call, moment).await,
                    fault => fault,
                }
            })
        })));
    }

    /// A pipeline sends `body` to `/triggers/deploys`. Returns the bot's status and answer.
    ///
    /// # Errors
    /// When the bot does not answer.
    pub async fn tell(&self, body: &str) -> io::Result<(u16, String)> {
        pipeline::tell(&self.bot.base_url(), body).await
    }

    /// Where the bot's store, configuration and log lie.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Ends everything.
    ///
    /// # Errors
    /// When the bot cannot be ended.
    pub async fn strike(mut self) -> io::Result<()> {
        let ended = self.bot.terminate().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        ended
    }
}

/// The faults that a script asks for. Clones share.
#[derive(Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Rules>>,
}

#[derive(Default)]
struct Rules {
    calls: Vec<(String, FaultKind, u32)>,
    slack_is_down: bool,
}

impl Faults {
    /// The next `times` calls of `operation` get this fault.
    pub fn add(&self, operation: &str, fault: FaultKind, times: u32) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).calls.push((operation.to_owned(), fault, times));
    }

    /// Slack drops every call until it is told otherwise.
    pub fn slack_down(&self, down: bool) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).slack_is_down = down;
    }

    fn interference(&self, clock: Clock) -> super::wire::Interference {
        /// What a dropped call takes: a connection that is refused at once would be kinder than most outages are.
        const OUTAGE: Duration = Duration::from_millis(50);
        let rules = Arc::clone(&self.rules);
        Arc::new(move |call: &Call, moment: Moment| {
            let fault = rules.lock().unwrap_or_else(PoisonError::into_inner).meet(call, moment);
            Box::pin(async move {
                if fault == Some(Fault::Drop) {
                    clock.sleep_really(OUTAGE).await;
                }
                fault
            })
        })
    }
}

impl Rules {
    fn meet(&mut self, call: &Call, moment: Moment) -> Option<Fault> {
        if self.slack_is_down && call.service.starts_with("slack") && moment == Moment::Before {
            return Some(Fault::Drop);
        }
        let (_, fault, times) = self.calls.iter_mut().find(|(operation, fault, times)| {
            let when = match fault {
                FaultKind::Throttle | FaultKind::Error => Moment::Before,
                FaultKind::Lose => Moment::After,
            };
            *operation == call.operation && when == moment && *times > 0
        })?;
        *times -= 1;
        Some(match fault {
            FaultKind::Throttle => Fault::Throttle,
            FaultKind::Error => Fault::ServerError,
            FaultKind::Lose => Fault::Drop,
        })
    }
}
