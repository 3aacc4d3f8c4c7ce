//! The REST protocol of S3: method, path, query and headers come in, headers and a body or XML go out.
//!
//! Where each member travels is in the model (`at`): `uri`, `query`, `header`, `body`, or an XML element. A member that
//! is not listed there is an element of its own name.

use axum::body::{Body, Bytes};
use axum::http::response::Builder;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::query::escaped;
use super::refusal::Refusal;
use super::shapes::{Http, Model, Shape};

/// What SDKs add to a query so that people can read logs.
const OPERATION_HINT: &str = "x-id";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A request as it came.
pub(super) struct Received<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
}

/// The operation that a request means, and what it says.
pub(super) fn read(model: &Model, received: &Received<'_>) -> Option<(String, Result<Value, Refusal>)> {
    let path = received.uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let query: Vec<(String, String)> =
        form_urlencoded::parse(received.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let fits = |http: &Http| {
        let (pattern, asked) = http.uri.split_once('?').unwrap_or((http.uri.as_str(), ""));
        let asked: Vec<(String, String)> = form_urlencoded::parse(asked.as_bytes()).into_owned().collect();
        http.method == received.method.as_str()
            && pattern.contains("{Key") != key.is_empty()
            && asked.iter().all(|(name, value)| {
                query.iter().any(|(sent, with)| sent == name && (value.is_empty() || with == value))
            })
    };
    // Of those that fit, the one that asks for most: `GET /bucket?versions` fits `GET /bucket` too.
    let candidates = model.operations().filter_map(|(name, one)| Some((name, one, one.http.as_ref()?)));
    let (name, operation, http) =
        candidates.filter(|(_, _, http)| fits(http)).max_by_key(|(_, _, http)| http.uri.len())?;
    let Some(Shape::Structure { members, at, .. }) = model.shape(&operation.input) else {
        return None;
    };
    let decoded = |text: &str| percent_decoded(text);
    let mut request = Map::new();
    let mut known = vec![OPERATION_HINT.to_owned()];
    known.extend(http.uri.split_once('?').into_iter().flat_map(|(_, asked)| {
        form_urlencoded::parse(asked.as_bytes()).map(|(name, _)| name.into_owned()).collect::<Vec<_>>()
    }));
    for (member, shape) in members {
        let value = match at.get(member).map(String::as_str).and_then(|place| place.split_once(' ')) {
            Some(("uri", "Bucket")) => Some(decoded(bucket)),
            Some(("uri", _)) => Some(decoded(key)),
            Some(("query", name)) => {
                known.push(name.to_owned());
                query.iter().find(|(sent, _)| sent == name).map(|(_, value)| value.clone())
            }
            Some(("header", name)) => {
                received.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
            }
            Some(_) | None => None,
        };
        if let Some(value) = value {
            request.insert(member.clone(), typed(shape, &value));
        }
    }
    let unknown = query.iter().find(|(name, _)| !known.contains(name));
    let request = match unknown {
        Some((name, _)) => Err(Refusal::new("InvalidArgument", format!("Unknown parameter {name}."))),
        None if !received.body.is_empty() => Err(Refusal::new("MalformedXML", "This operation takes no body.")),
        None => Ok(Value::Object(request)),
    };
    Some((name.clone(), request))
}

fn typed(shape: &str, value: &str) -> Value {
    match shape {
        "integer" => value.parse::<i64>().map_or_else(|_| json!(value), Value::from),
        "boolean" => value.parse::<bool>().map_or_else(|_| json!(value), Value::from),
        _ => json!(value),
    }
}

fn percent_decoded(text: &str) -> String {
    let safe = text.replace('+', "%2B");
    form_urlencoded::parse(format!("={safe}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The response of a successful call.
pub(super) fn reply(model: &Model, operation: &str, reply: &Value, request_id: &str) -> Option<Response<Body>> {
    let shapes = model.operation(operation)?;
    let http = shapes.http.as_ref()?;
    let Some(Shape::Structure { members, at, .. }) = model.shape(&shapes.output) else {
        return None;
    };
    let mut response = started(StatusCode::OK, request_id);
    let mut body = None;
    let mut xml = String::new();
    for (member, value) in reply.as_object()? {
        let shape = members.get(member).map_or("string", String::as_str);
        match at.get(member).map(String::as_str).map(|place| place.split_once(' ').unwrap_or((place, ""))) {
            Some(("header", name)) => response = response.header(name, header_text(shape, value)),
            Some(("body", _)) => body = value.as_str().map(str::to_owned),
            Some((kind, name)) => element(model, &mut xml, Some(kind), name, shape, value),
            None => element(model, &mut xml, None, member, shape, value),
        }
    }
    let body = body.or_else(|| {
        let root = http.root.as_deref()?;
        response = std::mem::take(&mut response).header(header::CONTENT_TYPE, "application/xml");
        Some(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\">{xml}</{root}>"))
    });
    response.body(Body::from(body.unwrap_or_default())).ok()
}

/// The response of a refused call; `HEAD` gets no body.
pub(super) fn error(method: &Method, refusal: &Refusal, request_id: &str) -> Option<Response<Body>> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if method == Method::HEAD {
        String::new()
    } else {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message><RequestId>{request_id}</RequestId></Error>",
            escaped(refusal.code),
            escaped(&refusal.message)
        )
    };
    started(status, request_id).header(header::CONTENT_TYPE, "application/xml").body(Body::from(body)).ok()
}

fn started(status: StatusCode, request_id: &str) -> Builder {
    Response::builder().status(status).header("x-amz-request-id", request_id)
}

/// Times in headers are those of HTTP.
fn header_text(shape: &str, value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let at = (shape == "timestamp").then(|| text.parse::<Timestamp>().ok()).flatten();
    at.and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()).unwrap_or(text)
}

fn element(model: &Model, xml: &mut String, kind: Option<&str>, name: &str, shape: &str, value: &Value) {
    if let (Some("flat"), Some(items), Some(Shape::List { list })) = (kind, value.as_array(), model.shape(shape)) {
        for item in items {
            element(model, xml, None, name, list, item);
        }
        return;
    }
    xml.extend(["<", name, ">"]);
    match (value, model.shape(shape)) {
        (Value::Object(given), Some(Shape::Structure { members, at, .. })) => {
            for (member, value) in given {
                let shape = members.get(member).map_or("string", String::as_str);
                match at.get(member).and_then(|place| place.split_once(' ')) {
                    Some((kind, name)) => element(model, xml, Some(kind), name, shape, value),
                    None => element(model, xml, None, member, shape, value),
                }
            }
        }
        (Value::Array(items), Some(Shape::List { list })) => {
            for item in items {
                element(model, xml, None, "member", list, item);
            }
        }
        (Value::String(text), _) => xml.push_str(&escaped(text)),
        (other, _) => xml.push_str(&other.to_string()),
    }
    xml.extend(["</", name, ">"]);
}
