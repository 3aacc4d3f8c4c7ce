//! What the process is started with: rollbot.yml and the variables of its environment.
//!
//! Secrets come from here alone. An empty variable counts as one that is not set, because that is how container
//! definitions leave one out; white space around a value is dropped, because files with secrets end in a line break.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use secrecy::SecretString;
use url::{Host, Url};

use crate::incident::time::Pace;

use super::document::Config;
use super::problems::ConfigErrors;
use super::webhooks;

const DEFAULT_CONFIG: &str = "./rollbot.yml";
const DEFAULT_LISTEN: &str = "127.0.0.1:3000";
const DEFAULT_ADMIN_LISTEN: &str = "127.0.0.1:9090";
const DEFAULT_SLACK_API: &str = "https://slack.com/api";

/// The fastest process clock: a quarter of an hour in less than a second.
const FASTEST: u32 = 1000;

/// The SDK's own variables for the services that Rollbot calls; each goes before `AWS_ENDPOINT_URL`.
const SERVICE_ENDPOINTS: [&str; 4] = [
    "AWS_ENDPOINT_URL_ECS",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2",
    "AWS_ENDPOINT_URL_STS",
];

/// Everything that `serve` is started with.
#[derive(Debug)]
pub struct Settings {
    /// rollbot.yml.
    pub config: Config,
    /// `SLACK_BOT_TOKEN`: calls of the Web API bear it.
    pub slack_bot_token: SecretString,
    /// `SLACK_SIGNING_SECRET`: what Slack signs its calls with.
    pub slack_signing_secret: SecretString,
    /// `SLACK_API_URL`: methods are appended to its path after a `/`.
    pub slack_api_url: Url,
    /// `ROLLBOT_LISTEN`: where Slack's calls arrive.
    pub listen: SocketAddr,
    /// `ROLLBOT_ADMIN_LISTEN`: health and metrics.
    pub admin_listen: SocketAddr,
    /// `AWS_ENDPOINT_URL`, which the SDK reads by itself too.
    pub aws_endpoint_url: Option<Url>,
    /// `ECS_CONTAINER_METADATA_URI_V4`: where ECS tells a container which task and service it belongs to.
    pub container_metadata: Option<Url>,
    /// `ROLLBOT_WEBHOOK_SECRET_<ENVIRONMENT>`: what pipelines sign their calls with, by environment.
    pub webhook_secrets: BTreeMap<String, SecretString>,
    /// `ROLLBOT_CLOCK_SPEED`: the pace of the process clock.
    pub pace: Pace,
    /// `ROLLBOT_LOG`: what is logged, in the syntax of tracing's `EnvFilter`.
    pub log: Option<String>,
    /// `ROLLBOT_CRASH_AT`: for crash tests, the durable write at which the process dies; as for the clock's speed, it
    /// is refused unless everything is on loopback.
    #[cfg(feature = "sandbox")]
    pub crash_at: Option<String>,
    /// `ROLLBOT_WRITES`: for crash tests, a file that gets a line for every durable write.
    #[cfg(feature = "sandbox")]
    pub writes: Option<std::path::PathBuf>,
}

/// One thing that keeps the process from starting.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable is missing or wrong.
    #[error("{variable} {problem}")]
    Variable {
        /// Which.
        variable: Cow<'static, str>,
        /// What is wrong and what to do, to be read after the name.
        problem: String,
    },
    /// There is no configuration file.
    #[error("there is no file {path}; copy deploy/rollbot.example.yml there, or set ROLLBOT_CONFIG to where yours is")]
    NoFile {
        /// Where it was looked for.
        path: String,
    },
    /// The configuration file cannot be read.
    #[error("{path} cannot be read ({source}); let the process read it, or set ROLLBOT_CONFIG to another file")]
    Unreadable {
        /// Where it is.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
}

/// Everything that keeps the process from starting, at least one thing.
#[derive(Debug)]
pub struct SettingsErrors(pub Vec<SettingsError>);

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsErrors {}

impl Settings {
    /// Settings from the variables that `environment` answers for, and from the file that they name.
    ///
    /// # Errors
    /// Everything that is wrong with the variables and with the file.
    pub fn load(environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsErrors> {
        let mut variables = Variables { environment, errors: Vec::new() };
        let slack_bot_token = variables.bot_token();
        let slack_signing_secret = variables.signing_secret();
        variables.refuse_socket_mode();
        let slack_api_url = variables.url("SLACK_API_URL", Some(DEFAULT_SLACK_API));
        let aws_endpoint_url = variables.url("AWS_ENDPOINT_URL", None);
        let container_metadata = variables.url("ECS_CONTAINER_METADATA_URI_V4", None);
        let listen = variables.address("ROLLBOT_LISTEN", DEFAULT_LISTEN);
        let admin_listen = variables.address("ROLLBOT_ADMIN_LISTEN", DEFAULT_ADMIN_LISTEN);
        if let (Some(listen), Some(admin)) = (listen, admin_listen)
            && listen == admin
            && listen.port() != 0
        {
            variables.error("ROLLBOT_ADMIN_LISTEN", "is the same address as ROLLBOT_LISTEN; give it another port");
        }
        let pace = variables.pace(slack_api_url.as_ref(), aws_endpoint_url.as_ref());
        let log = variables.get("ROLLBOT_LOG");
        #[cfg(feature = "sandbox")]
        let crash_at = variables.crash_at(slack_api_url.as_ref(), aws_endpoint_url.as_ref());
        #[cfg(feature = "sandbox")]
        let writes = variables.get("ROLLBOT_WRITES").map(std::path::PathBuf::from);
        let config = variables.config();
        let webhook_secrets = variables.webhook_secrets(config.as_ref());
        let settings = (|| {
            Some(Self {
                config: config?,
                slack_bot_token: slack_bot_token?,
                slack_signing_secret: slack_signing_secret?,
                slack_api_url: slack_api_url?,
                listen: listen?,
                admin_listen: admin_listen?,
                aws_endpoint_url,
                container_metadata,
                webhook_secrets,
                pace,
                log,
                #[cfg(feature = "sandbox")]
                crash_at,
                #[cfg(feature = "sandbox")]
                writes,
            })
        })();
        match settings {
            Some(settings) if variables.errors.is_empty() => Ok(settings),
            _ => Err(SettingsErrors(variables.errors)),
        }
    }

    /// Settings from the environment of this process.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_process() -> Result<Self, SettingsErrors> {
        Self::load(&process_variable)
    }
}

impl Config {
    /// The file alone that the environment names, for commands that need neither Slack nor AWS.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn load(environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsErrors> {
        let mut variables = Variables { environment, errors: Vec::new() };
        variables.config().ok_or(SettingsErrors(variables.errors))
    }

    /// The file that the environment of this process names.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_process() -> Result<Self, SettingsErrors> {
        Self::load(&process_variable)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn process_variable(name: &str) -> Option<String> {
    // What is not UTF-8 is kept visible, so that it is refused where it is used instead of passing for unset.
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

struct Variables<'e> {
    environment: &'e dyn Fn(&str) -> Option<String>,
    errors: Vec<SettingsError>,
}

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let value = (self.environment)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn error(&mut self, variable: impl Into<Cow<'static, str>>, problem: impl Into<String>) {
        self.errors.push(SettingsError::Variable { variable: variable.into(), problem: problem.into() });
    }

    fn bot_token(&mut self) -> Option<SecretString> {
        let name = "SLACK_BOT_TOKEN";
        let Some(token) = self.get(name) else {
            self.error(name, "is not set; set it to the app's Bot User OAuth Token (xoxb-…)");
            return None;
        };
        let is_bot = token.starts_with("xoxb-") || token.starts_with("xoxe.xoxb-");
        if !is_bot || !token.bytes().all(|b| b.is_ascii_graphic()) {
            self.error(name, "is not a bot token; set it to the app's Bot User OAuth Token (xoxb-…)");
            return None;
        }
        Some(SecretString::from(token))
    }

    fn signing_secret(&mut self) -> Option<SecretString> {
        let name = "SLACK_SIGNING_SECRET";
        let Some(secret) = self.get(name) else {
            self.error(name, "is not set; set it to the Signing Secret under the app's Basic Information");
            return None;
        };
        if secret.starts_with("xox") || secret.starts_with("xapp-") {
            self.error(name, "is a token; set it to the Signing Secret under the app's Basic Information");
            return None;
        }
        Some(SecretString::from(secret))
    }

    fn webhook_secrets(&mut self, config: Option<&Config>) -> BTreeMap<String, SecretString> {
        let environments = config.into_iter().flat_map(|config| config.environments.keys());
        let (secrets, problems) = webhooks::read(environments, |name| self.get(name));
        for (variable, problem) in problems {
            self.error(variable, problem);
        }
        secrets
    }

    fn refuse_socket_mode(&mut self) {
        if self.get("SLACK_APP_TOKEN").is_some() {
            self.error(
                "SLACK_APP_TOKEN",
                "asks for Socket Mode, which is not carried out by this version of Rollbot; unset it and give the app \
                 request URLs",
            );
        }
    }

    fn url(&mut self, name: &'static str, default: Option<&str>) -> Option<Url> {
        let text = self.get(name).or_else(|| default.map(str::to_owned))?;
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
            Ok(_) | Err(_) => {
                self.error(name, format!("is `{text}`, which is not an http or https URL; set it to one or unset it"));
                None
            }
        }
    }

    fn address(&mut self, name: &'static str, default: &str) -> Option<SocketAddr> {
        let text = self.get(name).unwrap_or_else(|| default.to_owned());
        let address = text.parse().ok();
        if address.is_none() {
            self.error(
                name,
                format!("is `{text}`, which is not an address and port; set it to one such as `{default}`"),
            );
        }
        address
    }

    fn pace(&mut self, slack: Option<&Url>, aws: Option<&Url>) -> Pace {
        let name = "ROLLBOT_CLOCK_SPEED";
        let Some(text) = self.get(name) else { return Pace::REAL };
        let Some(speed) = text.parse::<u32>().ok().filter(|speed| (1..=FASTEST).contains(speed)) else {
            self.error(name, format!("is `{text}`; set it to a whole number from 1 to {FASTEST}, or unset it"));
            return Pace::REAL;
        };
        if speed > 1
            && let Some(why) = self.not_a_rehearsal(slack, aws)
        {
            self.error(
                name,
                format!(
                    "is {speed}, but {why}; a faster clock is for rehearsals, with SLACK_API_URL and AWS_ENDPOINT_URL on \
                     loopback, so unset it"
                ),
            );
        }
        Pace::new(speed)
    }

    #[cfg(feature = "sandbox")]
    fn crash_at(&mut self, slack: Option<&Url>, aws: Option<&Url>) -> Option<String> {
        let name = "ROLLBOT_CRASH_AT";
        let point = self.get(name)?;
        if let Some(why) = self.not_a_rehearsal(slack, aws) {
            self.error(name, format!("is set, but {why}; dying on purpose is for crash tests, so unset it"));
        }
        Some(point)
    }

    /// What leads out of this machine, if anything does.
    fn not_a_rehearsal(&self, slack: Option<&Url>, aws: Option<&Url>) -> Option<String> {
        if !slack.is_some_and(is_loopback) {
            return Some("SLACK_API_URL is not on loopback".to_owned());
        }
        if !aws.is_some_and(is_loopback) {
            return Some("AWS_ENDPOINT_URL is not on loopback".to_owned());
        }
        if self.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| !value.eq_ignore_ascii_case("false")) {
            return Some("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS makes the SDK ignore AWS_ENDPOINT_URL".to_owned());
        }
        SERVICE_ENDPOINTS
            .into_iter()
            .find(|name| self.get(name).is_some_and(|text| !Url::parse(&text).is_ok_and(|url| is_loopback(&url))))
            .map(|name| format!("{name} is not on loopback"))
    }

    fn config(&mut self) -> Option<Config> {
        let path = self.get("ROLLBOT_CONFIG").unwrap_or_else(|| DEFAULT_CONFIG.to_owned());
        let error = match std::fs::read_to_string(&path) {
            Ok(text) => match Config::parse(&path, &text) {
                Ok(config) => return Some(config),
                Err(errors) => SettingsError::Config(errors),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => SettingsError::NoFile { path },
            Err(source) => SettingsError::Unreadable { path, source },
        };
        self.errors.push(error);
        None
    }
}

/// Whether `url` leads to this machine itself: 127.0.0.0/8, `::1` or `localhost`.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}
