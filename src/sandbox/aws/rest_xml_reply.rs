//! Replies of the REST protocol with XML bodies: where each member goes is in the model, as `rest_xml` says.

use axum::body::Body;
use axum::http::response::Builder;
use axum::http::{Method, Response, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::Value;

use super::blob;
use super::query::escaped;
use super::refusal::Refusal;
use super::shapes::{Model, Shape};

/// The response of a successful call.
pub(super) fn reply(
    model: &Model,
    namespace: &str,
    operation: &str,
    reply: &Value,
    request_id: &str,
) -> Option<Response<Body>> {
    let shapes = model.operation(operation)?;
    let http = shapes.http.as_ref()?;
    let Some(Shape::Structure { members, at, .. }) = model.shape(&shapes.output) else {
        return None;
    };
    let mut response = started(StatusCode::from_u16(http.status).ok()?, request_id);
    let mut body = None;
    let mut xml = String::new();
    for (member, value) in reply.as_object()? {
        let shape = members.get(member).map_or("string", String::as_str);
        match at.get(member).map(String::as_str).map(|place| place.split_once(' ').unwrap_or((place, ""))) {
            Some(("header", name)) => response = response.header(name, header_text(shape, value)),
            Some(("headers", prefix)) => {
                for (name, value) in value.as_object()? {
                    response = response.header(format!("{prefix}{name}"), header_text("string", value));
                }
            }
            Some(("body", _)) => body = value.as_str().map(blob::bytes_of),
            Some(("payload", _)) => within(model, &mut xml, shape, None, value),
            Some((kind, name)) => element(model, &mut xml, member, (kind, name), shape, value),
            None => element(model, &mut xml, member, ("element", member), shape, value),
        }
    }
    let body = body.or_else(|| {
        let root = http.root.as_deref()?;
        response = std::mem::take(&mut response).header(header::CONTENT_TYPE, "application/xml");
        let document =
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{namespace}\">{xml}</{root}>");
        Some(document.into_bytes())
    });
    response.body(Body::from(body.unwrap_or_default())).ok()
}

/// The response of a call that S3 refuses; `HEAD` gets no body.
pub(super) fn error(method: &Method, refusal: &Refusal, request_id: &str) -> Option<Response<Body>> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
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

/// S3 tells a request's id in a header of its own.
fn started(status: StatusCode, request_id: &str) -> Builder {
    Response::builder().status(status).header("x-amz-request-id", request_id).header("x-amzn-requestid", request_id)
}

/// Times in headers are those of HTTP.
fn header_text(shape: &str, value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let at = (shape == "timestamp").then(|| text.parse::<Timestamp>().ok()).flatten();
    at.and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()).unwrap_or(text)
}

/// A member as XML: `kind` says how, and `name` is the element's, or that of a list's items.
fn element(model: &Model, xml: &mut String, member: &str, (kind, name): (&str, &str), shape: &str, value: &Value) {
    if let ("flat", Some(items), Some(Shape::List { list })) = (kind, value.as_array(), model.shape(shape)) {
        for item in items {
            element(model, xml, name, ("element", name), list, item);
        }
        return;
    }
    let tag = if kind == "list" { member } else { name };
    xml.extend(["<", tag, ">"]);
    within(model, xml, shape, (kind == "list").then_some(name), value);
    xml.extend(["</", tag, ">"]);
}

/// What stands within an element. `item` is the name of its items, where it is a list.
fn within(model: &Model, xml: &mut String, shape: &str, item: Option<&str>, value: &Value) {
    match (value, model.shape(shape)) {
        (Value::Object(given), Some(Shape::Structure { members, at, .. })) => {
            for (member, value) in given {
                let shape = members.get(member).map_or("string", String::as_str);
                let place = at.get(member).and_then(|place| place.split_once(' ')).unwrap_or(("element", member));
                element(model, xml, member, place, shape, value);
            }
        }
        (Value::Array(items), Some(Shape::List { list })) => {
            let name = item.unwrap_or("member");
            for one in items {
                element(model, xml, name, ("element", name), list, one);
            }
        }
        (Value::String(text), _) => xml.push_str(&escaped(text)),
        (other, _) => xml.push_str(&other.to_string()),
    }
}
