//! `POST /triggers/deploys`: a pipeline tells how a deployment has ended.
//!
//! A success makes the release a known good one, and a failure is said when somebody is about to go back to it. Each
//! environment has a secret of its own, so that whoever may speak for staging cannot speak for production. What is
//! answered with 202 or 200 is durable; `id` makes it idempotent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use secrecy::SecretString;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tracing::warn;

use super::payload::Body;
use super::signature;
use crate::clock;
use crate::engine::Engine;
use crate::store::Fresh;

/// The largest body that is read: eleven short texts.
const BODY_LIMIT: usize = 64 * 1024;
/// How long a request may take in all: as long as most pipelines wait.
const TIME_OUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Door {
    engine: Engine,
    secrets: Arc<BTreeMap<String, SecretString>>,
}

type Answer = (StatusCode, String);

/// The route, over `engine`; `secrets` by environment.
pub fn router(engine: Engine, secrets: BTreeMap<String, SecretString>) -> Router {
    Router::new()
        .route("/triggers/deploys", post(told))
        .route_layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .route_layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIME_OUT))
        .with_state(Door { engine, secrets: Arc::new(secrets) })
}

async fn told(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Answer {
    match take(&door, &headers, &body).await {
        Ok((status, sentence)) => (status, format!("{sentence}\n")),
        Err((status, sentence)) => {
            // Neither the body nor a signature.
            warn!(http.status = status.as_u16(), %sentence, "a call of a pipeline was refused");
            (status, format!("{sentence}\n"))
        }
    }
}

async fn take(door: &Door, headers: &HeaderMap, body: &[u8]) -> Result<Answer, Answer> {
    let read =
        Body::read(body).map_err(|why| (StatusCode::BAD_REQUEST, format!("The body could not be read: {why}.")))?;
    // Which secret it has to be signed with follows from the body; nothing else of it counts before it is believed.
    let secret = door.secrets.get(&read.environment).ok_or_else(|| {
        let variable = crate::config::webhook_variable(&read.environment);
        let sentence =
            format!("There is no secret for this environment. Set {variable} where Rollbot runs, if it is configured.");
        (StatusCode::UNAUTHORIZED, sentence)
    })?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    signature::check(secret, header("x-rollbot-timestamp"), header("x-rollbot-signature"), body, clock::wall())
        .map_err(|why| (StatusCode::UNAUTHORIZED, why.to_string()))?;
    let deploy = read.deploy(door.engine.clock.now().at).map_err(|sentence| (StatusCode::BAD_REQUEST, sentence))?;
    if door.engine.config.service(&deploy.environment, &deploy.service).is_none() {
        let sentence = format!(
            "The configuration has no service {} in {}. Correct `service`, or add it to rollbot.yml.",
            deploy.service, deploy.environment
        );
        return Err((StatusCode::NOT_FOUND, sentence));
    }
    match door.engine.deployed(&deploy).await {
        Ok(Fresh::New) => Ok((StatusCode::ACCEPTED, format!("Recorded: {} of {}.", deploy.id, deploy.service))),
        Ok(Fresh::Duplicate) => Ok((StatusCode::OK, format!("Known already: {} of {}.", deploy.id, deploy.service))),
        Err(error) => {
            warn!(%error, "nothing was recorded");
            let sentence = "Rollbot could not write this down, so nothing was done. Send it again.".to_owned();
            Err((StatusCode::SERVICE_UNAVAILABLE, sentence))
        }
    }
}
