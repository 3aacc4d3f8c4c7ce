//! The Unix socket in the store's folder, by which the command line asks a running server.
//!
//! sled is open in one process only. So `history`, `show` and `plan` go to the server where one runs, and open the
//! store themselves only where none does; either way [`answer`] does the work. Orders need a running server. One JSON line
//! asks, one JSON line answers.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

use crate::engine::{Engine, Refusal};
use crate::incident::event::Event;
use crate::incident::ids::IncidentId;
use crate::incident::incident::Incident;
use crate::incident::plan::Plan;
use crate::incident::request::Request;

mod orders;

pub use orders::Order;

/// The socket's name in the store's folder.
const SOCKET: &str = "rollbot.sock";
/// Why an order is not carried out where no server runs.
pub const NO_SERVER: &str = "No server runs here, so nothing was done. Start `rollbot serve`, then order again.";
/// The longest question that is read.
const QUESTION_LIMIT: u64 = 64 * 1024;
/// How long one may take to ask, in real time.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer may take, in real time: a plan looks at AWS, and its slowest call may take half a minute.
const ANSWER: Duration = Duration::from_mins(1);

/// What the command line asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// Incidents, newest first.
    History {
        /// Of this environment only.
        environment: Option<String>,
        /// Of this service only.
        service: Option<String>,
        /// How many at the most.
        limit: usize,
    },
    /// One incident with everything that happened.
    Show {
        /// Which.
        id: IncidentId,
    },
    /// The plan that a request would lead to.
    Plan {
        /// What would be asked.
        request: Request,
    },
    /// Something is to be done with an incident; a running server alone does it.
    Order {
        /// With which.
        id: IncidentId,
        /// What.
        order: Order,
    },
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Incidents, newest first.
    History {
        /// Them.
        incidents: Vec<Incident>,
    },
    /// One incident.
    Incident {
        /// It.
        incident: Box<Incident>,
        /// Everything that happened, in order.
        events: Vec<Event>,
    },
    /// A plan.
    Plan {
        /// It.
        plan: Box<Plan>,
    },
    /// An order was carried out.
    Done {
        /// What was done, as a sentence.
        what: String,
    },
    /// There is nothing to do.
    NothingToDo {
        /// Why.
        why: String,
    },
    /// No; says why.
    No {
        /// As a sentence.
        why: String,
    },
}

/// Answers over an engine; orders need a running server.
pub async fn answer(engine: &Engine, question: Question) -> Answer {
    let no = |why: String| Answer::No { why };
    match question {
        Question::History { environment, service, limit } => {
            match engine.history(environment.as_deref(), service.as_deref(), limit).await {
                Ok(incidents) => Answer::History { incidents },
                Err(error) => no(error.to_string()),
            }
        }
        Question::Show { id } => {
            let incident = match engine.incident(&id).await {
                Ok(Some(incident)) => incident,
                Ok(None) => return no(Refusal::NoSuchIncident(id).to_string()),
                Err(error) => return no(error.to_string()),
            };
            match engine.store.events(&id, 0).await {
                Ok(events) => Answer::Incident {
                    incident: Box::new(incident),
                    events: events.into_iter().map(|(_, event)| event).collect(),
                },
                Err(error) => no(error.to_string()),
            }
        }
        Question::Plan { request } => match engine.rehearse(&request).await {
            Ok(plan) => Answer::Plan { plan: Box::new(plan) },
            Err(Refusal::NothingToDo(why)) => Answer::NothingToDo { why },
            Err(refusal) => no(refusal.to_string()),
        },
        Question::Order { .. } => no(NO_SERVER.to_owned()),
    }
}

/// A bound socket; the file goes with it.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Binds the socket in the store's folder, readable by this user only. The store must be open: its lock makes sure
    /// that a socket left behind has no owner.
    ///
    /// # Errors
    /// When the folder does not allow it.
    pub fn bind(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join(SOCKET);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers until the engine stops.
    pub async fn serve(self, engine: Engine) {
        loop {
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        warn!(%error, "the admin socket could not accept");
                        engine.clock.sleep_really(PATIENCE).await;
                        continue;
                    }
                },
                () = engine.stop.cancelled() => break,
            };
            let one = engine.clone();
            engine.tasks.spawn(async move {
                if let Err(error) = converse(stream, &one).await {
                    warn!(%error, "a question on the admin socket broke off");
                }
            });
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            warn!(%error, "the admin socket could not be removed");
        }
    }
}

async fn converse(stream: UnixStream, engine: &Engine) -> io::Result<()> {
    let user = orders::peer(&stream).await?;
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(QUESTION_LIMIT));
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let answered = match serde_json::from_str(&line) {
        Ok(Question::Order { id, order }) => match orders::carry_out(engine, &id, order, user).await {
            Ok(what) => Answer::Done { what },
            Err(why) => Answer::No { why },
        },
        Ok(question) => answer(engine, question).await,
        Err(error) => Answer::No { why: format!("The server does not understand the question: {error}.") },
    };
    let mut bytes = serde_json::to_vec(&answered)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await?;
    write.shutdown().await
}

/// Asks the server that has the store in `folder` open; `None` where none runs.
///
/// # Errors
/// When a server runs and does not answer as expected.
pub async fn ask(folder: &Path, question: &Question) -> io::Result<Option<Answer>> {
    let mut stream = match UnixStream::connect(folder.join(SOCKET)).await {
        Ok(stream) => stream,
        // Where the path is too long for a socket, no server can run.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput
            ) =>
        {
            return Ok(None);
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let why = format!("{} belongs to another user; ask as the one that the server runs as", folder.display());
            return Err(io::Error::new(error.kind(), why));
        }
        Err(error) => return Err(error),
    };
    let mut bytes = serde_json::to_vec(question)?;
    bytes.push(b'\n');
    stream.write_all(&bytes).await?;
    let mut answered = Vec::new();
    tokio::time::timeout(ANSWER, stream.read_to_end(&mut answered)).await.map_err(|_elapsed| {
        io::Error::new(io::ErrorKind::TimedOut, format!("nothing came within {} s", ANSWER.as_secs()))
    })??;
    serde_json::from_slice(&answered).map(Some).map_err(io::Error::from)
}
