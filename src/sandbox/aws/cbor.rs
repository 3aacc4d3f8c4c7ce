//! Smithy's RPC v2 CBOR: `POST /service/<name>/operation/<operation>`, a map in and a map out. `CloudWatch` speaks it.
//!
//! Within the stand-in everything is JSON. Where the model has a timestamp, JSON has the seconds since the epoch and
//! CBOR the tag 1 around them.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use ciborium::Value as Cbor;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::shapes::{Model, Shape};

/// The header that names the protocol, and its value.
const PROTOCOL: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");
const CONTENT_TYPE: &str = "application/cbor";
/// "Epoch-based date/time" (RFC 8949, 3.4.2).
const EPOCH: u64 = 1;

/// The service and the operation that a request names, if it is one of this protocol.
pub(super) fn named<'a>(uri: &'a Uri, headers: &HeaderMap) -> Option<(&'a str, &'a str)> {
    let (name, value) = PROTOCOL;
    headers.get(name).filter(|given| *given == value)?;
    let path = uri.path().strip_prefix("/service/")?;
    path.split_once("/operation/")
}

/// The request as JSON; no body is an empty one.
pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    if headers.get(header::CONTENT_TYPE).is_none_or(|given| given != CONTENT_TYPE) {
        return Err(Refusal::new("SerializationException", "Content-Type must be application/cbor."));
    }
    let read: Option<Cbor> = ciborium::from_reader(body.as_ref()).ok();
    let read = read.filter(Cbor::is_map).and_then(json);
    read.ok_or_else(|| Refusal::new("SerializationException", "The body is not a map of CBOR."))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the crate's enum grows")]
fn json(value: Cbor) -> Option<Value> {
    match value {
        Cbor::Null => Some(Value::Null),
        Cbor::Bool(is) => Some(Value::Bool(is)),
        Cbor::Text(text) => Some(Value::String(text)),
        Cbor::Float(number) => serde_json::Number::from_f64(number).map(Value::Number),
        Cbor::Integer(number) => i64::try_from(number).ok().map(Value::from),
        Cbor::Tag(EPOCH, seconds) => json(*seconds),
        Cbor::Array(items) => items.into_iter().map(json).collect::<Option<Vec<_>>>().map(Value::Array),
        Cbor::Map(members) => {
            let members = members.into_iter().map(|(name, value)| Some((name.into_text().ok()?, json(value)?)));
            members.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        // Nothing that the stand-in speaks of is a blob or a tag of another kind.
        _ => None,
    }
}

/// A reply of the shape called `shape`.
pub(super) fn reply(model: &Model, shape: &str, reply: &Value, request_id: &str) -> Option<Response<Body>> {
    respond(StatusCode::OK, &cbor(model, shape, reply)?, request_id)
}

/// An error reply.
pub(super) fn error(refusal: &Refusal, request_id: &str) -> Option<Response<Body>> {
    let text = |text: &str| Cbor::Text(text.to_owned());
    let body =
        Cbor::Map(vec![(text("__type"), text(refusal.code)), (text("message"), Cbor::Text(refusal.message.clone()))]);
    respond(StatusCode::from_u16(refusal.status).ok()?, &body, request_id)
}

fn respond(status: StatusCode, body: &Cbor, request_id: &str) -> Option<Response<Body>> {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes).ok()?;
    let (name, value) = PROTOCOL;
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .header(name, value)
        .header("x-amzn-requestid", request_id)
        .body(Body::from(bytes));
    response.ok()
}

/// A value of the shape called `shape`; `None` where it is none.
fn cbor(model: &Model, shape: &str, value: &Value) -> Option<Cbor> {
    match (model.shape(shape), value) {
        (_, Value::Null) => Some(Cbor::Null),
        (Some(Shape::Structure { members, .. }), Value::Object(given)) => {
            let given = given.iter().filter(|(_, value)| !value.is_null());
            let written =
                given.map(|(name, value)| Some((Cbor::Text(name.clone()), cbor(model, members.get(name)?, value)?)));
            written.collect::<Option<Vec<_>>>().map(Cbor::Map)
        }
        (Some(Shape::Map { map }), Value::Object(given)) => {
            let written = given.iter().map(|(name, value)| Some((Cbor::Text(name.clone()), cbor(model, map, value)?)));
            written.collect::<Option<Vec<_>>>().map(Cbor::Map)
        }
        (Some(Shape::List { list }), Value::Array(items)) => {
            items.iter().map(|item| cbor(model, list, item)).collect::<Option<Vec<_>>>().map(Cbor::Array)
        }
        (_, Value::String(text)) => Some(Cbor::Text(text.clone())),
        (_, Value::Bool(is)) => Some(Cbor::Bool(*is)),
        (_, Value::Number(number)) if shape == "timestamp" => {
            Some(Cbor::Tag(EPOCH, Box::new(Cbor::Float(number.as_f64()?))))
        }
        (_, Value::Number(number)) if shape == "double" => Some(Cbor::Float(number.as_f64()?)),
        (_, Value::Number(number)) => Some(Cbor::Integer(number.as_i64()?.into())),
        (_, Value::Object(_) | Value::Array(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_times_bear_their_tag() {
        let model: Model = serde_json::from_str(include_str!("model/cloudwatch.json")).unwrap();
        let value = json!({"MetricAlarms": [
            {"AlarmName": "5xx", "Threshold": 5, "Period": 60, "StateUpdatedTimestamp": 1_793_534_400.25},
        ]});
        let written = cbor(&model, "DescribeAlarmsOutput", &value).unwrap();
        assert!(format!("{written:?}").contains("Tag(1, Float(1793534400.25))"), "{written:?}");
        let mut bytes = Vec::new();
        ciborium::into_writer(&written, &mut bytes).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE.parse().unwrap());
        let read = read(&headers, &Bytes::from(bytes.clone())).unwrap();
        assert_eq!(read.pointer("/MetricAlarms/0/StateUpdatedTimestamp"), Some(&json!(1_793_534_400.25)));
        assert_eq!(read.pointer("/MetricAlarms/0/Period"), Some(&json!(60)));
        bytes.truncate(5);
        assert!(super::read(&headers, &Bytes::from(bytes)).is_err());
    }

    #[test]
    fn a_request_of_another_protocol_is_left_alone() {
        let uri: Uri = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(named(&uri, &headers), None);
        headers.insert(PROTOCOL.0, PROTOCOL.1.parse().unwrap());
        assert_eq!(named(&uri, &headers), Some(("GraniteServiceVersion20100801", "DescribeAlarms")));
    }
}
