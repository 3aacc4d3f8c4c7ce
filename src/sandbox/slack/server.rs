//! The HTTP surface: the Web API and response URLs, each call passed through the wire.

use axum::Router;
use axum::body::Bytes;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, RawQuery, State as Shared};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use serde_json::{Value, json};

use super::answer::{Refusal, to_json};
use super::args::{Args, JsonBodies};
use super::connection::Switch;
use super::limits::Per;
use super::methods::{self, Method};
use super::response_url;
use super::stand_in::SlackStandIn;
use super::state::State;
use crate::sandbox::wire::Fault;

/// The largest body that is read: above the largest view (250 KB) and message.
const LARGEST_BODY: usize = 2 * 1024 * 1024;

/// The routes.
pub(super) fn router(stand_in: SlackStandIn) -> IntoMakeServiceWithConnectInfo<Router, Switch> {
    Router::new()
        .route("/api/{method}", any(call))
        .route("/{kind}/{team}/{id}/{secret}", post(respond))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(stand_in)
        .into_make_service_with_connect_info::<Switch>()
}

/// What leaves, unless the wire interferes.
struct Leaving {
    status: StatusCode,
    body: Value,
    retry_after: Option<u64>,
    scopes: Option<String>,
}

impl Leaving {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body, retry_after: None, scopes: None }
    }

    fn rate_limited(retry_after: u64) -> Self {
        let body = json!({"ok": false, "error": "ratelimited"});
        Self { status: StatusCode::TOO_MANY_REQUESTS, body, retry_after: Some(retry_after), scopes: None }
    }

    fn of_fault(fault: Fault) -> Option<Self> {
        match fault {
            Fault::Throttle => Some(Self::rate_limited(1)),
            Fault::ServerError => {
                let body = json!({"ok": false, "error": "internal_error"});
                Some(Self { status: StatusCode::INTERNAL_SERVER_ERROR, body, retry_after: None, scopes: None })
            }
            Fault::Drop => None,
        }
    }
}

impl IntoResponse for Leaving {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(scopes) = self.scopes.and_then(|scopes| HeaderValue::from_str(&scopes).ok()) {
            headers.insert(HeaderName::from_static("x-oauth-scopes"), scopes);
        }
        response
    }
}

/// Cuts the connection; what is returned never leaves.
fn hang_up(switch: &Switch) -> Response {
    switch.cut();
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

async fn call(
    Shared(stand_in): Shared<SlackStandIn>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let method = methods::find(&name);
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let json_bodies = method.map_or(JsonBodies::Taken, |method| method.json);
    let (mut args, unreadable) = match Args::read(query.as_deref(), content_type, &body, json_bodies) {
        Ok(args) => (args, None),
        Err(code) => (Args::default(), Some(code)),
    };
    let token = bearer(&headers).or(args.take_token());
    let work = |stand_in: &SlackStandIn| {
        let now = stand_in.clock().reading();
        stand_in.change(|state| {
            if let Err(refusal) = authenticate(state, method, token.as_deref()) {
                return Leaving::ok(to_json(Err(refusal)));
            }
            let Some(method) = method else {
                return Leaving::ok(to_json(Err("unknown_method".into())));
            };
            if let Err(seconds) = admit(state, method, &args, now) {
                return Leaving::rate_limited(seconds);
            }
            let answer = match unreadable {
                Some(code) => Err(code.into()),
                None => (method.run)(state, &args, now),
            };
            Leaving { scopes: Some(state.workspace.scopes.join(",")), ..Leaving::ok(to_json(answer)) }
        })
    };
    let writes = method.is_some_and(|method| method.writes);
    through_the_wire(&stand_in, &switch, ("slack", &name, writes), args.to_json(), work).await
}

async fn respond(
    Shared(stand_in): Shared<SlackStandIn>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    Path((kind, team, id, secret)): Path<(String, String, String, String)>,
    body: Bytes,
) -> Response {
    let path = format!("{kind}/{team}/{id}/{secret}");
    let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let posted = request.clone();
    let work = |stand_in: &SlackStandIn| {
        let now = stand_in.clock().reading();
        match stand_in.change(|state| response_url::respond(state, &path, posted, now)) {
            Ok(()) => Leaving::ok(json!({"ok": true})),
            Err((status, refusal)) => Leaving { status, ..Leaving::ok(to_json(Err(refusal))) },
        }
    };
    through_the_wire(&stand_in, &switch, ("slack-response-url", "respond", true), request, work).await
}

/// Records a call, performs it unless the wire says otherwise, and lets the reply leave unless the wire says otherwise.
async fn through_the_wire(
    stand_in: &SlackStandIn,
    switch: &Switch,
    (service, operation, writes): (&str, &str, bool),
    request: Value,
    work: impl FnOnce(&SlackStandIn) -> Leaving,
) -> Response {
    let wire = stand_in.wire();
    let (number, fault) = wire.before(service, operation, writes, request).await;
    let leaving = match fault {
        Some(fault) => match Leaving::of_fault(fault) {
            Some(leaving) => leaving,
            None => return hang_up(switch),
        },
        None => work(stand_in),
    };
    match wire.after(number, leaving.status.as_u16(), leaving.body.clone()).await {
        Some(fault) => Leaving::of_fault(fault).map_or_else(|| hang_up(switch), IntoResponse::into_response),
        None => leaving.into_response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::to_owned)
}

fn authenticate(state: &State, method: Option<&Method>, token: Option<&str>) -> Result<(), Refusal> {
    if method.is_some_and(|method| method.name == "api.test") {
        return Ok(());
    }
    match token {
        None => return Err("not_authed".into()),
        Some(token) if token != state.workspace.bot_token => return Err("invalid_auth".into()),
        Some(_) => {}
    }
    match method.and_then(|method| method.scope) {
        Some(scope) if !state.workspace.grants(scope) => Err(Refusal::missing_scope(scope, &state.workspace.scopes)),
        Some(_) | None => Ok(()),
    }
}

fn admit(state: &mut State, method: &Method, args: &Args, now: std::time::Instant) -> Result<(), u64> {
    let key = match method.limit.per {
        Per::Method => method.name.to_owned(),
        Per::Channel => format!("{} {}", method.name, args.text("channel").unwrap_or_default()),
    };
    state.limiter.admit(&key, method.limit, now)
}
