//! The REST protocol with XML bodies, which S3 and CloudFront speak: method, path, query, headers and a body come in; a
//! status, headers and XML or the bytes of an object go out (`rest_xml_reply`).
//!
//! Where each member travels is in the model (`at`): `uri`, `query`, `header`, `headers` (a prefix), `body` (the bytes
//! themselves), `payload` (the one XML document), or an XML element: `flat` (a list whose items stand side by side),
//! `list` (one whose items have this name), `element` (of another name). A member that is not listed there is an element
//! of its own name.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::blob;
use super::payload::{self, Payload};
use super::refusal::Refusal;
use super::shapes::{Http, Model, Operation, Shape};
use super::xml::{self, Element};

/// What SDKs add to a query so that people can read logs.
const OPERATION_HINT: &str = "x-id";

/// A request as it came.
pub(super) struct Received<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
}

type Pairs = Vec<(String, String)>;

/// The operation that a request means, and what it says.
pub(super) fn read(model: &Model, received: &Received<'_>) -> Option<(String, Result<Value, Refusal>)> {
    let query: Pairs =
        form_urlencoded::parse(received.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let fits = |http: &Http| {
        let is_asked = fixed(http)
            .iter()
            .all(|(name, value)| query.iter().any(|(sent, with)| sent == name && (value.is_empty() || with == value)));
        (http.method == received.method.as_str() && is_asked).then(|| labels(http, received.uri.path())).flatten()
    };
    let candidates = model.operations().filter_map(|(name, operation)| {
        let http = operation.http.as_ref()?;
        Some((name, operation, fits(http)?, (http.uri.len(), named_by_headers(model, operation, received)?)))
    });
    // Of those that fit, the one that asks for most: `GET /bucket?versions` fits `GET /bucket` too, and a copy is a put
    // with one header more.
    let (name, operation, labels, _) = candidates.max_by_key(|(.., asks)| *asks)?;
    Some((name.clone(), request(model, operation, &labels, &query, received)))
}

/// What the query of an operation always says.
fn fixed(http: &Http) -> Pairs {
    let query = http.uri.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The labels of a path that the operation's pattern fits, decoded. A greedy one takes the rest, which is not empty.
fn labels(http: &Http, path: &str) -> Option<Pairs> {
    let pattern = http.uri.split_once('?').map_or(http.uri.as_str(), |(path, _)| path);
    let mut rest = Some(path.strip_prefix('/')?);
    let mut labels = Vec::new();
    for part in pattern.strip_prefix('/')?.split('/') {
        let given = rest?;
        let label = part.strip_prefix('{').and_then(|label| label.strip_suffix('}'));
        if let Some(label) = label.and_then(|label| label.strip_suffix('+')) {
            labels.push((label.to_owned(), Some(given).filter(|given| !given.is_empty()).map(percent_decoded)?));
            rest = None;
            continue;
        }
        let (segment, behind) = given.split_once('/').map_or((given, None), |(segment, rest)| (segment, Some(rest)));
        match label {
            Some(label) if !segment.is_empty() => labels.push((label.to_owned(), percent_decoded(segment))),
            None if part == segment => {}
            Some(_) | None => return None,
        }
        rest = behind;
    }
    rest.is_none_or(str::is_empty).then_some(labels)
}

/// How many headers an operation needs; `None` where one of them was not sent.
fn named_by_headers(model: &Model, operation: &Operation, received: &Received<'_>) -> Option<usize> {
    let Some(Shape::Structure { required, at, .. }) = model.shape(&operation.input) else {
        return None;
    };
    let needed = required.iter().filter_map(|member| at.get(member)?.strip_prefix("header "));
    let needed: Vec<&str> = needed.collect();
    needed.iter().all(|name| received.headers.contains_key(*name)).then_some(needed.len())
}

fn request(
    model: &Model,
    operation: &Operation,
    labels: &Pairs,
    query: &Pairs,
    received: &Received<'_>,
) -> Result<Value, Refusal> {
    let Some(Shape::Structure { members, at, .. }) = model.shape(&operation.input) else {
        return Err(Refusal::new("NotImplemented", "The model has no such structure.").with_status(501));
    };
    let payload = Payload::read(received.headers, received.body)?;
    let header = |name: &str| {
        let sent = received.headers.get(name).and_then(|value| value.to_str().ok());
        match name {
            "content-encoding" => sent.and_then(payload::encoding_kept),
            _ => payload.trailer(name).or(sent).map(str::to_owned),
        }
    };
    let mut request = Map::new();
    let mut known: Vec<String> = operation.http.iter().flat_map(fixed).map(|(name, _)| name).collect();
    known.push(OPERATION_HINT.to_owned());
    let mut takes_a_body = false;
    for (member, shape) in members {
        let value = match at.get(member).map(|place| place.split_once(' ').unwrap_or((place, ""))) {
            Some(("uri", name)) => labels.iter().find(|(label, _)| label == name).map(|(_, value)| json!(value)),
            Some(("query", name)) => {
                known.push(name.to_owned());
                query.iter().find(|(sent, _)| sent == name).map(|(_, value)| typed(shape, value))
            }
            Some(("header", name)) => header(name).map(|value| typed(shape, &header_value(shape, &value))),
            Some(("headers", prefix)) => prefixed(received.headers, prefix),
            Some(("body", _)) => {
                takes_a_body = true;
                Some(json!(blob::text_of(&payload.bytes)))
            }
            Some(("payload", name)) => {
                takes_a_body = true;
                document(model, shape, name, &payload.bytes)?
            }
            Some(_) | None => None,
        };
        if let Some(value) = value {
            request.insert(member.clone(), value);
        }
    }
    if let Some((name, _)) = query.iter().find(|(name, _)| !known.contains(name)) {
        return Err(Refusal::new("InvalidArgument", format!("Unknown parameter {name}.")));
    }
    if !takes_a_body && !payload.bytes.is_empty() {
        return Err(Refusal::new("MalformedXML", "This operation takes no body."));
    }
    Ok(Value::Object(request))
}

/// The XML document of a request.
fn document(model: &Model, shape: &str, name: &str, body: &[u8]) -> Result<Option<Value>, Refusal> {
    if body.is_empty() {
        return Ok(None);
    }
    let root = std::str::from_utf8(body).ok().and_then(xml::parse).filter(|root| root.name == name);
    given(model, shape, None, &root.ok_or_else(malformed)?).map(Some)
}

fn malformed() -> Refusal {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    Refusal::new("MalformedXML", message)
}

/// What an element says. `item` is the name of its items, where it is a list.
fn given(model: &Model, shape: &str, item: Option<&str>, element: &Element) -> Result<Value, Refusal> {
    match model.shape(shape) {
        Some(Shape::Structure { members, at, .. }) => {
            let mut said = Map::new();
            for child in &element.children {
                let (member, shape, kind, name) = members
                    .iter()
                    .map(|(member, shape)| {
                        let place = at.get(member).and_then(|place| place.split_once(' '));
                        let (kind, name) = place.unwrap_or(("element", member));
                        (member, shape, kind, name)
                    })
                    .find(|(member, _, kind, name)| child.name == if *kind == "list" { member.as_str() } else { *name })
                    .ok_or_else(malformed)?;
                match (kind, model.shape(shape)) {
                    ("flat", Some(Shape::List { list })) => {
                        let value = given(model, list, None, child)?;
                        let items = said.entry(member.clone()).or_insert_with(|| json!([]));
                        items.as_array_mut().ok_or_else(malformed)?.push(value);
                    }
                    (kind, _) => {
                        let value = given(model, shape, (kind == "list").then_some(name), child)?;
                        if said.insert(member.clone(), value).is_some() {
                            return Err(malformed());
                        }
                    }
                }
            }
            Ok(Value::Object(said))
        }
        Some(Shape::List { list }) => {
            let wanted = item.unwrap_or("member");
            let items = element
                .children
                .iter()
                .map(|child| if child.name == wanted { given(model, list, None, child) } else { Err(malformed()) });
            items.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        Some(Shape::Enum { .. }) | None if element.children.is_empty() => Ok(typed(shape, &element.text)),
        Some(Shape::Map { .. } | Shape::Enum { .. }) | None => Err(malformed()),
    }
}

/// The headers whose names begin with a prefix, by what is behind it.
fn prefixed(headers: &HeaderMap, prefix: &str) -> Option<Value> {
    let found = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(prefix)?;
        Some((name.to_owned(), json!(value.to_str().ok()?)))
    });
    let found: Map<String, Value> = found.collect();
    (!found.is_empty()).then_some(Value::Object(found))
}

/// Times in headers are those of HTTP; in a request they are as in all others.
fn header_value(shape: &str, value: &str) -> String {
    let at = (shape == "timestamp").then(|| DateTimeParser::new().parse_timestamp(value).ok()).flatten();
    at.map_or_else(|| value.to_owned(), |at| at.to_string())
}

/// A member that came as text, as its type has it; what does not fit stays text, and the model refuses it.
pub(super) fn typed(shape: &str, value: &str) -> Value {
    match shape {
        "integer" => value.parse::<i64>().map_or_else(|_| json!(value), Value::from),
        "double" => value.parse::<f64>().map_or_else(|_| json!(value), Value::from),
        "boolean" => value.parse::<bool>().map_or_else(|_| json!(value), Value::from),
        _ => json!(value),
    }
}

/// A part of a path as it was before it was escaped.
pub(super) fn percent_decoded(text: &str) -> String {
    // A plus is a plus in a path, and an ampersand ends nothing.
    let safe = text.replace('+', "%2B").replace('&', "%26");
    form_urlencoded::parse(format!("={safe}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read_by(
        method: &Method,
        uri: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Option<(String, Result<Value, Refusal>)> {
        let model: Model = serde_json::from_str(include_str!("model/s3.json")).unwrap();
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let body = Bytes::from(body.to_owned());
        super::read(&model, &Received { method, uri: &uri.parse().unwrap(), headers: &headers, body: &body })
    }

    #[rstest]
    #[case::list(Method::GET, "/site?list-type=2&prefix=a", &[], "ListObjectsV2")]
    #[case::versions(Method::GET, "/site?versions", &[], "ListObjectVersions")]
    #[case::object(Method::GET, "/site/a/b?x-id=GetObject", &[], "GetObject")]
    #[case::put(Method::PUT, "/site/a", &[], "PutObject")]
    #[case::copy(Method::PUT, "/site/a", &[("x-amz-copy-source", "site/b")], "CopyObject")]
    #[case::delete_several(Method::POST, "/site?delete", &[], "DeleteObjects")]
    #[case::bucket(Method::HEAD, "/site/", &[], "HeadBucket")]
    fn the_operation_is_known_by_its_request(
        #[case] method: Method,
        #[case] uri: &str,
        #[case] headers: &[(&'static str, &str)],
        #[case] operation: &str,
    ) {
        assert_eq!(read_by(&method, uri, headers, "").unwrap().0, operation);
    }

    #[test]
    fn keys_metadata_and_documents_are_decoded() {
        let meta = [("x-amz-meta-release", "v41"), ("content-type", "text/html")];
        let (_, put) = read_by(&Method::PUT, "/site//a+b%20c&d/", &meta, "<h1>").unwrap();
        let wanted = json!({"Bucket": "site", "Key": "/a+b c&d/", "Body": "<h1>", "ContentType": "text/html",
            "Metadata": {"release": "v41"}});
        assert_eq!(put.unwrap(), wanted);
        let xml = "<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key><VersionId>1</VersionId></Object><Quiet>true</Quiet></Delete>";
        let (_, several) = read_by(&Method::POST, "/site?delete", &[], xml).unwrap();
        let wanted = json!({"Objects": [{"Key": "a&b"}, {"Key": "c", "VersionId": "1"}], "Quiet": true});
        assert_eq!(several.unwrap()["Delete"], wanted);
        for wrong in ["<Delete><Quiet/><Quiet/></Delete>", "<Delete><Loud/></Delete>", "<Remove/>", "<Delete>"] {
            let (_, refused) = read_by(&Method::POST, "/site?delete", &[], wrong).unwrap();
            assert_eq!(refused.unwrap_err().code, "MalformedXML", "{wrong}");
        }
    }
}
