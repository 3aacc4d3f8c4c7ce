//! The way to whoever can answer: the running server, or where none runs a store and an engine of this process.

use crate::admin::{self, Answer, Question};
use crate::config::Config;
use crate::server::{self, ServeError};
use crate::store::StoreError;

use super::output::Outcome;

/// Asks. Neither Slack's secrets nor its address are needed.
pub(super) async fn ask(question: Question) -> Result<Answer, Outcome> {
    let config = Config::from_process().map_err(|errors| Outcome::Wrong(errors.to_string()))?;
    match admin::ask(server::folder(&config), &question).await {
        Ok(Some(answer)) => return Ok(answer),
        Ok(None) => {}
        Err(error) => return Err(Outcome::No(format!("the running server did not answer: {error}"))),
    }
    match server::engine_for_questions(&config).await {
        Ok((engine, _scratch)) => Ok(admin::answer(&engine, question).await),
        // A server has the store and not yet, or no longer, the socket.
        Err(ServeError::Store(StoreError::InUse { .. })) => {
            Err(Outcome::No("the server is starting or ending; ask again in a moment".to_owned()))
        }
        Err(error) => Err(Outcome::No(error.to_string())),
    }
}

/// The running server answered another question than the one that was asked.
pub(super) fn something_else() -> Outcome {
    Outcome::No("the running server is of another version and answered something else; start it again".to_owned())
}
