//! The real bot as a child process, so that it can be killed.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::clock::Clock;

/// How long a start or an orderly end may take, in real time.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the start is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What the bot is started with.
#[derive(Debug, Clone)]
pub struct BotSettings {
    /// The program: `rollbot`.
    pub program: PathBuf,
    /// Where its store and its configuration lie; one per sandbox.
    pub folder: PathBuf,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
}

/// The bot, running or not.
pub struct Bot {
    settings: BotSettings,
    listen: SocketAddr,
    admin: SocketAddr,
    child: Option<Child>,
    http: reqwest::Client,
    clock: Clock,
}

impl Bot {
    /// A bot that is not running yet, with two ports of its own on loopback.
    ///
    /// # Errors
    /// When the machine has no free port.
    pub fn new(settings: BotSettings, clock: Clock) -> io::Result<Self> {
        let (listen, admin) = free_ports()?;
        let http = reqwest::Client::builder().no_proxy().build().map_err(io::Error::other)?;
        Ok(Self { settings, listen, admin, child: None, http, clock })
    }

    /// Where Slack's calls go.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Where health and metrics are.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// Where its log goes.
    pub fn log(&self) -> PathBuf {
        self.settings.folder.join("rollbot.log")
    }

    /// Adds to the environment of the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.environment.retain(|(known, _)| known != name);
        self.settings.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Takes something out of the environment of the next start.
    pub fn unset(&mut self, name: &str) {
        self.settings.environment.retain(|(known, _)| known != name);
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// With the end of its log, when it does not get ready.
    pub async fn start(&mut self) -> io::Result<()> {
        self.spawn()?;
        let since = self.clock.reading();
        loop {
            if let Some(status) = self.exited()? {
                return Err(io::Error::other(format!("the bot ended with {status}:\n{}", tail(&self.log()))));
            }
            let ready = self.http.get(format!("{}/readyz", self.admin_url())).send().await;
            if ready.is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                return Err(io::Error::other(format!("the bot did not get ready:\n{}", tail(&self.log()))));
            }
            self.clock.sleep_really(LOOK).await;
        }
    }

    /// Starts it without waiting.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(&mut self) -> io::Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let child = Command::new(&self.settings.program)
            .arg("serve")
            .current_dir(&self.settings.folder)
            .env_clear()
            .envs(self.settings.environment.iter().map(|(name, value)| (name, value)))
            .env("ROLLBOT_LISTEN", self.listen.to_string())
            .env("ROLLBOT_ADMIN_LISTEN", self.admin.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()?;
        self.child = Some(child);
        Ok(())
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the machine does not say.
    pub fn exited(&mut self) -> io::Result<Option<std::process::ExitStatus>> {
        match &mut self.child {
            Some(child) => child.try_wait(),
            None => Ok(None),
        }
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&mut self) -> io::Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await,
            None => Ok(()),
        }
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn terminate(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if let Some(pid) = child.id() {
            let told = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
            if !told.success() {
                return Err(io::Error::other("the bot could not be told to end"));
            }
        }
        match tokio::time::timeout(PATIENCE, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(io::Error::other(format!("the bot ended with {status}:\n{}", tail(&self.log())))),
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => {
                child.kill().await?;
                Err(io::Error::other(format!("the bot did not end when told to:\n{}", tail(&self.log()))))
            }
        }
    }
}

/// The last lines of a log.
fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
}

/// Two ports that are free now. The bot binds them a moment later; on loopback nobody is likely to come between.
fn free_ports() -> io::Result<(SocketAddr, SocketAddr)> {
    let one = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok((one.local_addr()?, other.local_addr()?))
}
