//! The REST protocol with JSON bodies, which Amplify and Lambda speak: method, path, query, headers and a body come in;
//! a status, headers and JSON go out.
//!
//! Where each member travels is in the model (`at`): `uri`, `query`, `header`, `headers` (a prefix) or `body`, which is
//! the whole body. A member that is not listed there is a member of the JSON body. Labels are cut out of the path before
//! they are decoded: a branch called `feature/cart` is one label, `feature%2Fcart`.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::refusal::Refusal;
use super::rest_xml::{Received, percent_decoded, typed};
use super::shapes::{Http, Model, Operation, Shape};

/// The operation that a request means, and what it says; `None` where no operation lives at this method and path.
pub(super) fn read(model: &Model, received: &Received<'_>) -> Option<(String, Result<Value, Refusal>)> {
    let path = received.uri.path();
    let candidates = model.operations().filter_map(|(name, operation)| {
        let http = operation.http.as_ref().filter(|http| http.method == received.method.as_str())?;
        Some((name, operation, http, labels(pattern(http), path)?))
    });
    // Of those that fit, the one with the fewest labels: `/jobs/stop` would fit `/jobs/{jobId}` too.
    let (name, operation, http, labels) = candidates.min_by_key(|(.., labels)| labels.len())?;
    Some((name.clone(), request(model, operation, http, &labels, received)))
}

/// The path of an operation without the query that some have written behind it.
fn pattern(http: &Http) -> &str {
    http.uri.split_once('?').map_or(http.uri.as_str(), |(path, _)| path)
}

/// The labels of a path that fits the pattern, decoded; `None` where it does not fit.
fn labels(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let wanted = pattern.trim_matches('/').split('/');
    let mut given = path.trim_matches('/').split('/');
    let mut labels = Vec::new();
    for part in wanted {
        let segment = given.next()?;
        match part.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
            None if part == segment => {}
            None => return None,
            Some(label) => match label.strip_suffix('+') {
                None if segment.is_empty() => return None,
                None => labels.push((label.to_owned(), percent_decoded(segment))),
                Some(greedy) => {
                    let rest: Vec<&str> = std::iter::once(segment).chain(given.by_ref()).collect();
                    labels.push((greedy.to_owned(), percent_decoded(&rest.join("/"))));
                }
            },
        }
    }
    given.next().is_none().then_some(labels)
}

fn request(
    model: &Model,
    operation: &Operation,
    http: &Http,
    labels: &[(String, String)],
    received: &Received<'_>,
) -> Result<Value, Refusal> {
    let malformed = |message: String| Refusal::new("SerializationException", message);
    let Some(Shape::Structure { members, at, .. }) = model.shape(&operation.input) else {
        return Err(malformed(format!("The model has no structure {}.", operation.input)));
    };
    let sent: Vec<(String, String)> =
        form_urlencoded::parse(received.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let fixed = http.uri.split_once('?').map_or("", |(_, query)| query);
    let mut known: Vec<String> = form_urlencoded::parse(fixed.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    let mut request = Map::new();
    let mut whole_body = false;
    for (member, shape) in members {
        let value = match at.get(member).map(|place| place.split_once(' ').unwrap_or((place, ""))) {
            Some(("uri", name)) => labels.iter().find(|(label, _)| label == name).map(|(_, value)| typed(shape, value)),
            Some(("query", name)) => {
                known.push(name.to_owned());
                of_query(model, shape, name, &sent)
            }
            Some(("header", name)) => header_text(received.headers, name).map(|value| typed(shape, value)),
            Some(("headers", prefix)) => prefixed(received.headers, prefix),
            Some(("body", _)) => {
                whole_body = true;
                (!received.body.is_empty()).then(|| json!(String::from_utf8_lossy(received.body)))
            }
            Some(_) | None => None,
        };
        if let Some(value) = value {
            request.insert(member.clone(), value);
        }
    }
    if let Some((name, _)) = sent.iter().find(|(name, _)| !known.contains(name)) {
        return Err(malformed(format!("Unknown parameter {name}.")));
    }
    if whole_body || received.body.is_empty() {
        return Ok(Value::Object(request));
    }
    if !header_text(received.headers, "content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(malformed("Content-Type must be application/json.".to_owned()));
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(received.body) else {
        return Err(malformed("The body is not a JSON object.".to_owned()));
    };
    for (member, value) in body {
        if at.contains_key(&member) {
            return Err(malformed(format!("{member} does not belong into the body.")));
        }
        request.insert(member, value);
    }
    Ok(Value::Object(request))
}

fn of_query(model: &Model, shape: &str, name: &str, sent: &[(String, String)]) -> Option<Value> {
    let mut values = sent.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
    if let Some(Shape::List { list }) = model.shape(shape) {
        let items: Vec<Value> = values.map(|value| typed(list, value)).collect();
        return (!items.is_empty()).then_some(Value::Array(items));
    }
    values.next().map(|value| typed(shape, value))
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn prefixed(headers: &HeaderMap, prefix: &str) -> Option<Value> {
    let prefix = prefix.to_ascii_lowercase();
    let found = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().strip_prefix(&prefix)?.to_owned(), json!(value.to_str().ok()?)))
    });
    let found: Map<String, Value> = found.collect();
    (!found.is_empty()).then_some(Value::Object(found))
}

/// The response of a successful call.
pub(super) fn reply(model: &Model, operation: &str, reply: &Value, request_id: &str) -> Option<Response<Body>> {
    let operation = model.operation(operation)?;
    let Some(Shape::Structure { at, .. }) = model.shape(&operation.output) else {
        return None;
    };
    let status = operation.http.as_ref()?.status;
    let mut response = Response::builder().status(status).header("x-amzn-requestid", request_id);
    let (mut body, mut members) = (None, Map::new());
    for (member, value) in reply.as_object()? {
        let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match at.get(member).map(|place| place.split_once(' ').unwrap_or((place, ""))) {
            Some(("header", name)) => response = response.header(name, text()),
            Some(("headers", prefix)) => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    response = response.header(format!("{prefix}{name}"), value.as_str().unwrap_or_default());
                }
            }
            Some(("body", _)) => body = Some(text()),
            Some(_) | None => {
                members.insert(member.clone(), value.clone());
            }
        }
    }
    if status == StatusCode::NO_CONTENT.as_u16() {
        return response.body(Body::empty()).ok();
    }
    let body = body.unwrap_or_else(|| Value::Object(members).to_string());
    response.header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).ok()
}

/// The response of a refused call: the code in `x-amzn-errortype`, the message in the body.
pub(super) fn error(refusal: &Refusal, request_id: &str) -> Option<Response<Body>> {
    let mut body = json!({"message": refusal.message});
    if let (Some((member, value)), Some(body)) = (&refusal.extra, body.as_object_mut()) {
        body.insert((*member).to_owned(), value.clone());
    }
    Response::builder()
        .status(refusal.status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-amzn-requestid", request_id)
        .header("x-amzn-errortype", refusal.code)
        .body(Body::from(body.to_string()))
        .ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::http::{Method, Uri};
    use rstest::rstest;

    use super::*;

    fn amplify() -> Model {
        serde_json::from_str(include_str!("model/amplify.json")).unwrap()
    }

    fn asked(method: &str, uri: &str, body: &str) -> Option<(String, Result<Value, Refusal>)> {
        let (method, uri): (Method, Uri) = (method.parse().unwrap(), uri.parse().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        let body = Bytes::from(body.to_owned());
        read(&amplify(), &Received { method: &method, uri: &uri, headers: &headers, body: &body })
    }

    #[rstest]
    #[case::plain("GET", "/apps", "", "ListApps", json!({}))]
    #[case::label("GET", "/apps/d1a2", "", "GetApp", json!({"appId": "d1a2"}))]
    #[case::slash_within_a_label(
        "GET", "/apps/d1/branches/feature%2Fcart/jobs?maxResults=5&nextToken=page-5", "", "ListJobs",
        json!({"appId": "d1", "branchName": "feature/cart", "maxResults": 5, "nextToken": "page-5"})
    )]
    #[case::plus_is_no_space("GET", "/apps/d1/branches/a+b%20c", "", "GetBranch", json!({"appId": "d1", "branchName": "a+b c"}))]
    #[case::body(
        "POST", "/apps/d1/branches/main/jobs", r#"{"jobType": "RETRY", "jobId": "7"}"#, "StartJob",
        json!({"appId": "d1", "branchName": "main", "jobType": "RETRY", "jobId": "7"})
    )]
    #[case::fewest_labels(
        "POST", "/apps/d1/branches/main/deployments/start", "{}", "StartDeployment",
        json!({"appId": "d1", "branchName": "main"})
    )]
    #[case::method("DELETE", "/apps/d1/branches/main/jobs/7/stop", "", "StopJob", json!({"appId": "d1", "branchName": "main", "jobId": "7"}))]
    fn the_path_says_what_is_meant(
        #[case] method: &str,
        #[case] uri: &str,
        #[case] body: &str,
        #[case] operation: &str,
        #[case] request: Value,
    ) {
        let (found, read) = asked(method, uri, body).unwrap();
        assert_eq!((found.as_str(), read.unwrap()), (operation, request));
    }

    #[rstest]
    #[case::unknown_parameter("GET", "/apps?colour=red", "", "Unknown parameter colour.")]
    #[case::label_in_the_body(
        "POST",
        "/apps/d1/branches/main/jobs",
        r#"{"appId": "d2"}"#,
        "appId does not belong into the body."
    )]
    #[case::no_json("POST", "/apps/d1/branches/main/jobs", "jobType=RETRY", "The body is not a JSON object.")]
    fn nonsense_is_refused(#[case] method: &str, #[case] uri: &str, #[case] body: &str, #[case] complaint: &str) {
        let (_, read) = asked(method, uri, body).unwrap();
        assert_eq!(read.unwrap_err().message, complaint);
    }

    #[test]
    fn a_path_that_no_operation_has_means_nothing() {
        assert!(asked("GET", "/apps/d1/branches/feature/cart", "").is_none());
        assert!(asked("GET", "/apps//branches/main", "").is_none());
        assert!(asked("PATCH", "/apps", "").is_none());
    }
}
