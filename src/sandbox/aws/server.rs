//! The wire: which service and operation a call is for, whether it may be made, what it does, and how the answer leaves.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use serde_json::{Value, json};

use super::account::Account;
use super::api::{Api, failed, spoken_by, throttled, writes};
use super::buckets::Writing;
use super::cbor;
use super::functions::Functions;
use super::query;
use super::refusal::Refusal;
use super::rest_json;
use super::rest_xml::{self, Received};
use super::rest_xml_reply;
use super::shapes::{Model, Protocol};
use super::signature;
use crate::clock::Clock;
use crate::sandbox::wire::{Fault, Wire};

/// The region of the services that have only one.
const GLOBAL: &str = "us-east-1";

/// What the stand-in says when its own reply does not fit the published model: an error of none of the services, so that
/// whoever judges its replies finds it.
const UNFIT: &str = "StandInReplyDoesNotFit";

/// A call whose service and operation are known; its request may still be nonsense.
struct Incoming {
    api: Api,
    operation: String,
    request: Result<Value, Refusal>,
}

/// What all connections share.
pub(super) struct Server {
    account: Arc<Mutex<Account>>,
    clock: Clock,
    wire: Wire,
    models: HashMap<Api, Model>,
}

impl Server {
    pub(super) fn new(account: Arc<Mutex<Account>>, clock: Clock, wire: Wire) -> io::Result<Self> {
        let mut models = HashMap::new();
        for api in Api::ALL {
            models.insert(api, serde_json::from_str(api.published())?);
        }
        Ok(Self { account, clock, wire, models })
    }

    /// The account at the present time.
    fn present_account(&self) -> MutexGuard<'_, Account> {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.pass(self.clock.now().at);
        account
    }

    /// Answers a call.
    pub(super) async fn answer(&self, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
        if method == Method::GET && Functions::hands_out(uri.path()) {
            return self.hand_out(uri.path());
        }
        if let Some(answer) = self.present_account().answer_presigned(&method, uri.path(), &body) {
            return answer;
        }
        let request_id = self.present_account().ids.uuid();
        let received = Received { method: &method, uri: &uri, headers: &headers, body: &body };
        let incoming = match self.read(&received) {
            Ok(incoming) => incoming,
            Err((api, refusal)) => return self.respond(api, &method, None, &Err(refusal), &request_id),
        };
        let (api, operation) = (incoming.api, incoming.operation.as_str());
        let journaled = incoming.request.clone().unwrap_or(Value::Null);
        let (number, fault) = self.wire.before(api.name(), operation, writes(operation), journaled).await;
        let outcome = match fault {
            Some(Fault::Drop) => return dropped(),
            Some(Fault::Throttle) => Err(throttled(api)),
            Some(Fault::ServerError) => Err(failed(api)),
            None => self.perform(&incoming, &headers),
        };
        let outcome = outcome.map_err(|refusal| self.with_its_status(api, refusal));
        let (status, reply) = match &outcome {
            Ok(reply) => (self.success(api, operation), reply.clone()),
            Err(refusal) => (refusal.status, error_body(refusal)),
        };
        match self.wire.after(number, status, reply).await {
            Some(Fault::Drop) => dropped(),
            Some(Fault::Throttle) => self.respond(api, &method, Some(operation), &Err(throttled(api)), &request_id),
            Some(Fault::ServerError) => self.respond(api, &method, Some(operation), &Err(failed(api)), &request_id),
            None => self.respond(api, &method, Some(operation), &outcome, &request_id),
        }
    }

    /// The code of a function under an address that was handed out.
    fn hand_out(&self, path: &str) -> Response<Body> {
        let account = self.present_account();
        let code = account.functions.code_at(path, account.at);
        let status = if code.is_some() { StatusCode::OK } else { StatusCode::FORBIDDEN };
        let mut response = Response::new(Body::from(code.unwrap_or_default()));
        *response.status_mut() = status;
        response
    }

    /// Tells the service by `X-Amz-Target`, or by the `Version` of a form, and decodes the request.
    fn read(&self, received: &Received<'_>) -> Result<Incoming, (Api, Refusal)> {
        let Received { method, headers, body, .. } = *received;
        // Where the path says what is meant, the signature says of whom.
        let signature = signature::read(headers).ok();
        let by_path =
            Api::ALL.into_iter().filter(|api| matches!(api.protocol(), Protocol::RestXml | Protocol::RestJson));
        let meant = by_path.into_iter().find(|api| signature.as_ref().is_some_and(|it| it.is_for(api.name())));
        if let Some(api) = meant {
            let model = self.models.get(&api);
            let read = match api.protocol() {
                Protocol::RestXml => model.and_then(|model| rest_xml::read(model, received)),
                Protocol::RestJson => model.and_then(|model| rest_json::read(model, received)),
                Protocol::Json | Protocol::Query | Protocol::Cbor => None,
            };
            let (operation, request) = read.ok_or_else(|| (api, api.no_such_operation()))?;
            return Ok(Incoming { api, operation, request });
        }
        let unknown = |api: Api, what: &str| (api, Refusal::new("UnknownOperationException", what.to_owned()));
        if *method != Method::POST {
            return Err(unknown(Api::Ecs, "Every operation here is a POST."));
        }
        if let Some((service, operation)) = cbor::named(received.uri, headers) {
            let api = Api::ALL.into_iter().find(|api| api.protocol() == Protocol::Cbor && api.address() == service);
            let api = api.ok_or_else(|| unknown(Api::CloudWatch, "No such service."))?;
            if self.models.get(&api).and_then(|model| model.operation(operation)).is_none() {
                return Err(unknown(api, operation));
            }
            return Ok(Incoming { api, operation: operation.to_owned(), request: cbor::read(headers, body) });
        }
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = text("content-type").unwrap_or_default();
        if let Some(target) = text("x-amz-target") {
            let (prefix, operation) = target.split_once('.').unwrap_or((target, ""));
            let api = Api::ALL.into_iter().find(|api| api.protocol() == Protocol::Json && api.address() == prefix);
            let api = api.ok_or_else(|| unknown(Api::Ecs, "No such service."))?;
            if self.models.get(&api).and_then(|model| model.operation(operation)).is_none() {
                return Err(unknown(api, operation));
            }
            let request = if content_type.starts_with("application/x-amz-json-1.1") {
                serde_json::from_slice(body)
                    .ok()
                    .ok_or_else(|| Refusal::new("SerializationException", "The body is not JSON."))
            } else {
                Err(Refusal::new("SerializationException", "Content-Type must be application/x-amz-json-1.1."))
            };
            return Ok(Incoming { api, operation: operation.to_owned(), request });
        }
        let form: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let version = field("Version").unwrap_or_default();
        let chosen = [Api::ElasticLoadBalancing, Api::Sts, Api::CloudFormation].into_iter().find_map(|api| {
            let model = self.models.get(&api).filter(|model| model.version == version)?;
            Some((api, model))
        });
        let Some((api, model)) = chosen else {
            return Err(unknown(Api::Ecs, "Neither X-Amz-Target nor Version names a service."));
        };
        let operation = field("Action").unwrap_or_default();
        let Some(shapes) = model.operation(operation) else {
            let message = format!("Could not find operation {operation} for version {version}");
            return Err((api, Refusal::new("InvalidAction", message)));
        };
        let request = if content_type.starts_with("application/x-www-form-urlencoded") {
            query::decode(model, &shapes.input, &form)
        } else {
            Err(Refusal::new("MalformedInput", "Content-Type must be application/x-www-form-urlencoded."))
        };
        Ok(Incoming { api, operation: operation.to_owned(), request })
    }

    /// The status of a successful reply.
    fn success(&self, api: Api, operation: &str) -> u16 {
        let http = self.models.get(&api).and_then(|model| model.operation(operation)?.http.as_ref());
        http.map_or(200, |http| http.status)
    }

    /// The answer as the service writes it.
    fn respond(
        &self,
        api: Api,
        method: &Method,
        operation: Option<&str>,
        outcome: &Result<Value, Refusal>,
        request_id: &str,
    ) -> Response<Body> {
        let written = match (api.protocol(), outcome, self.models.get(&api), operation) {
            (Protocol::Cbor, Ok(reply), Some(model), Some(operation)) => {
                let shape = model.operation(operation).map(|one| one.output.as_str());
                shape.and_then(|shape| cbor::reply(model, shape, reply, request_id))
            }
            (Protocol::RestXml, Ok(reply), Some(model), Some(operation)) => {
                rest_xml_reply::reply(model, api.address(), operation, reply, request_id)
            }
            (Protocol::RestXml, Err(refusal), ..) if api == Api::S3 => {
                rest_xml_reply::error(method, refusal, request_id)
            }
            (Protocol::RestJson, Ok(reply), Some(model), Some(operation)) => {
                rest_json::reply(model, operation, reply, request_id)
            }
            (Protocol::RestJson, Err(refusal), ..) => rest_json::error(refusal, request_id),
            (Protocol::RestXml | Protocol::RestJson | Protocol::Cbor, Ok(_), ..) => None,
            (Protocol::Cbor, Err(refusal), ..) => cbor::error(refusal, request_id),
            (Protocol::RestXml, Err(_), ..) | (Protocol::Json | Protocol::Query, ..) => {
                Some(respond(api, operation, outcome, request_id))
            }
        };
        written.unwrap_or_else(dropped)
    }

    /// The refusal with the status that the model has for its code.
    fn with_its_status(&self, api: Api, refusal: Refusal) -> Refusal {
        let published = self.models.get(&api).and_then(|model| model.status_of(refusal.code));
        let status = published.unwrap_or(refusal.status);
        refusal.with_status(status)
    }

    /// Checks the signature and the request, has the effect, and checks the reply.
    fn perform(&self, incoming: &Incoming, headers: &HeaderMap) -> Result<Value, Refusal> {
        let (api, operation) = (incoming.api, incoming.operation.as_str());
        let signature = signature::read(headers).map_err(|refusal| spoken_by(api, refusal))?;
        let mut account = self.present_account();
        // It lives in one region; a client that is given an endpoint signs for its own.
        let is_global = api == Api::CloudFront && signature.must_be_for(api.name(), GLOBAL).is_ok();
        let signed_for = if is_global { GLOBAL } else { account.region.as_str() };
        signature.must_be_for(api.name(), signed_for).map_err(|refusal| spoken_by(api, refusal))?;
        let caller = account.identities.caller(&signature, account.at).map_err(|refusal| spoken_by(api, refusal))?;
        let request = incoming.request.as_ref().map_err(Refusal::clone)?;
        let Some((model, shapes)) = self.models.get(&api).and_then(|model| Some((model, model.operation(operation)?)))
        else {
            return Err(Refusal::new("UnknownOperationException", operation));
        };
        model.check(&shapes.input, request, api.protocol()).map_err(|violation| spoken_by(api, violation.into()))?;
        let account = &mut *account;
        let reply = match api {
            Api::Ecs => account.perform_ecs(operation, request, &caller.arn),
            Api::Ecr => account.images.perform(operation, request),
            Api::ElasticLoadBalancing => account.perform_elb(operation, request),
            Api::S3 => {
                let mut writing = Writing { at: account.at, ids: &mut account.ids };
                account.buckets.perform(operation, request, &mut writing)
            }
            Api::CloudFormation => account.perform_cloudformation(operation, request),
            Api::CodeDeploy => account.perform_code_deploy(operation, request),
            Api::SecretsManager => account.supplies.describe_secret(request),
            Api::SystemsManager => account.supplies.describe_parameters(request),
            Api::Logs => Ok(account.supplies.describe_log_groups(request)),
            Api::Sts => account.identities.perform(operation, request, &caller, &mut account.ids, account.at),
            Api::CodePipeline => {
                account.perform_codepipeline(operation, request, &caller.arn).map_err(|refusal| spoken_by(api, refusal))
            }
            Api::CodeBuild => account.perform_codebuild(operation, request, &caller.arn),
            Api::Lambda => {
                let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
                account.perform_lambda(operation, request, host).map_err(|refusal| spoken_by(api, refusal))
            }
            Api::CloudFront => {
                let now = account.now();
                let performed = account.distributions.perform(operation, request, now, &mut account.ids);
                performed.map_err(|refusal| spoken_by(api, refusal))
            }
            Api::Amplify => {
                let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
                account.perform_amplify(operation, request, host).map_err(|refusal| spoken_by(api, refusal))
            }
            Api::CloudWatch => account.alarms.describe(request),
        }?;
        model.check(&shapes.output, &reply, api.protocol()).map_err(|violation| {
            let message = format!("The stand-in's own reply does not fit the published model: {violation}");
            Refusal::new(UNFIT, message).with_status(500)
        })?;
        Ok(reply)
    }
}

fn error_body(refusal: &Refusal) -> Value {
    let mut body = json!({"__type": refusal.code, "message": refusal.message});
    if let (Some((member, value)), Some(body)) = (&refusal.extra, body.as_object_mut()) {
        body.insert((*member).to_owned(), value.clone());
    }
    body
}

fn respond(api: Api, operation: Option<&str>, outcome: &Result<Value, Refusal>, request_id: &str) -> Response<Body> {
    let status = outcome.as_ref().map_or_else(|refusal| refusal.status, |_| 200);
    let (content_type, body) = match (api.protocol(), outcome) {
        (Protocol::Json | Protocol::RestJson | Protocol::Cbor, Ok(reply)) => {
            ("application/x-amz-json-1.1", reply.to_string())
        }
        (Protocol::Json | Protocol::RestJson | Protocol::Cbor, Err(refusal)) => {
            ("application/x-amz-json-1.1", error_body(refusal).to_string())
        }
        (Protocol::Query | Protocol::RestXml, Ok(reply)) => {
            ("text/xml", query::reply(api.address(), operation.unwrap_or_default(), reply, request_id))
        }
        (Protocol::Query | Protocol::RestXml, Err(refusal)) => {
            ("text/xml", query::error(api.address(), refusal, request_id))
        }
    };
    let response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, content_type)
        .header("x-amzn-requestid", request_id)
        .body(Body::from(body));
    response.unwrap_or_else(|_| dropped())
}

/// A reply that never leaves: the body fails before the first byte is flushed, and the connection is closed.
fn dropped() -> Response<Body> {
    let lost = io::Error::new(io::ErrorKind::ConnectionAborted, "the reply is lost");
    Response::new(Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(lost) })))
}
