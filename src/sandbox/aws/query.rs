//! The query protocol of `ELBv2`, STS and CloudFormation: a form comes in (`Targets.member.1.Id=10.0.0.1`), XML goes out.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::shapes::{Model, Shape};

/// Decodes a form into JSON after the model's input shape. Fields that the shape does not know are refused.
pub(super) fn decode(model: &Model, shape: &str, form: &[(String, String)]) -> Result<Value, Refusal> {
    let mut used = BTreeSet::from(["Action", "Version"]);
    let request = member(model, shape, "", form, &mut used)?.unwrap_or_else(|| Value::Object(Map::new()));
    match form.iter().find(|(key, _)| !used.contains(key.as_str())) {
        Some((key, _)) => Err(Refusal::new("MalformedInput", format!("Unknown parameter {key}."))),
        None => Ok(request),
    }
}

fn member<'a>(
    model: &Model,
    shape: &str,
    prefix: &str,
    form: &'a [(String, String)],
    used: &mut BTreeSet<&'a str>,
) -> Result<Option<Value>, Refusal> {
    match model.shape(shape) {
        Some(Shape::Structure { members, .. }) => {
            let mut given = Map::new();
            for (name, shape) in members {
                let place = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                if let Some(value) = member(model, shape, &place, form, used)? {
                    given.insert(name.clone(), value);
                }
            }
            Ok((!given.is_empty()).then_some(Value::Object(given)))
        }
        Some(Shape::List { list }) => {
            let mut items = Vec::new();
            while let Some(item) = member(model, list, &format!("{prefix}.member.{}", items.len() + 1), form, used)? {
                items.push(item);
            }
            // An empty list that is sent is a field without a value.
            let empty = form.iter().find(|(key, value)| key == prefix && value.is_empty());
            used.extend(empty.map(|(key, _)| key.as_str()));
            Ok((!items.is_empty() || empty.is_some()).then_some(Value::Array(items)))
        }
        Some(Shape::Map { .. }) => Ok(None),
        Some(Shape::Enum { .. }) | None => {
            let Some((key, value)) = form.iter().find(|(key, _)| key == prefix) else {
                return Ok(None);
            };
            used.insert(key);
            scalar(shape, value)
                .map(Some)
                .ok_or_else(|| Refusal::new("MalformedInput", format!("{key} must be a {shape}.")))
        }
    }
}

fn scalar(kind: &str, value: &str) -> Option<Value> {
    match kind {
        "integer" => value.parse::<i64>().ok().map(Value::from),
        "boolean" => value.parse::<bool>().ok().map(Value::from),
        _ => Some(Value::from(value)),
    }
}

/// The XML of a successful reply.
pub(super) fn reply(namespace: &str, operation: &str, result: &Value, request_id: &str) -> String {
    let mut xml = format!("<{operation}Response xmlns=\"{namespace}\">");
    element(&mut xml, &format!("{operation}Result"), result);
    xml.push_str("<ResponseMetadata>");
    element(&mut xml, "RequestId", &Value::from(request_id));
    xml.push_str("</ResponseMetadata>");
    xml.extend(["</", operation, "Response>"]);
    xml
}

/// The XML of an error reply.
pub(super) fn error(namespace: &str, refusal: &Refusal, request_id: &str) -> String {
    let mut xml = format!("<ErrorResponse xmlns=\"{namespace}\"><Error>");
    element(&mut xml, "Type", &Value::from(if refusal.status < 500 { "Sender" } else { "Receiver" }));
    element(&mut xml, "Code", &Value::from(refusal.code));
    element(&mut xml, "Message", &Value::from(refusal.message.as_str()));
    xml.push_str("</Error>");
    element(&mut xml, "RequestId", &Value::from(request_id));
    xml.push_str("</ErrorResponse>");
    xml
}

fn element(xml: &mut String, name: &str, value: &Value) {
    xml.extend(["<", name, ">"]);
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => xml.push_str(&value.to_string()),
        Value::String(text) => xml.push_str(&escaped(text)),
        Value::Array(items) => items.iter().for_each(|item| element(xml, "member", item)),
        Value::Object(members) => members.iter().for_each(|(name, value)| element(xml, name, value)),
    }
    xml.extend(["</", name, ">"]);
}

/// A text as XML writes it.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(text: &str) -> Vec<(String, String)> {
        serde_urlencoded::from_str(text).unwrap()
    }

    #[test]
    fn a_form_becomes_the_request_it_stands_for() {
        let model: Model = serde_json::from_str(include_str!("model/elasticloadbalancing.json")).unwrap();
        let text = "Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=arn&Targets.member.1.Id=10.0.0.1&Targets.member.1.Port=8080";
        assert_eq!(
            decode(&model, "DescribeTargetHealthInput", &form(text)).unwrap(),
            json!({"TargetGroupArn": "arn", "Targets": [{"Id": "10.0.0.1", "Port": 8080}]})
        );
        let refusal = decode(&model, "DescribeTargetHealthInput", &form("TargetGroup=arn")).unwrap_err();
        assert_eq!(refusal.message, "Unknown parameter TargetGroup.");
    }

    #[test]
    fn lists_become_members_and_texts_are_escaped() {
        let xml = reply("urn:x", "Look", &json!({"Items": [{"Name": "a<b"}]}), "id");
        assert!(xml.contains("<LookResult><Items><member><Name>a&lt;b</Name></member></Items></LookResult>"), "{xml}");
    }
}
