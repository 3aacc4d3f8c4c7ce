//! Two templates compared by their resources, where no change set is made: for dry runs. Pure.
//!
//! CloudFormation alone knows what it would replace, so a comparison never says so.

use std::collections::BTreeMap;

use serde_json::Value;

use super::content::Content;
use crate::incident::stack::{Replacement, StackChange};

/// A resource as its template writes it.
struct Written {
    kind: String,
    text: String,
}

/// What differs between what is deployed and what would be.
pub fn changes(present: &Content, wanted: &Content) -> Vec<StackChange> {
    let (now, then) = (resources(&present.template), resources(&wanted.template));
    let change = |action: &str, resource: &str, written: &Written| StackChange {
        action: action.to_owned(),
        resource: resource.to_owned(),
        kind: written.kind.clone(),
        replacement: Replacement::No,
        policy: None,
    };
    let gone = now.iter().filter(|(name, _)| !then.contains_key(*name)).map(|(name, was)| change("Remove", name, was));
    let come = then.iter().filter_map(|(name, written)| match now.get(name) {
        None => Some(change("Add", name, written)),
        Some(was) if was.text != written.text => Some(change("Modify", name, written)),
        Some(_) => None,
    });
    come.chain(gone).collect()
}

/// The names of parameters whose values differ, or which only one of the two has.
pub fn parameters(present: &Content, wanted: &Content) -> Vec<String> {
    let (now, then) = (&present.parameters, &wanted.parameters);
    let mut names: Vec<String> = now
        .keys()
        .chain(then.keys())
        .filter(|name| match (now.get(*name), then.get(*name)) {
            (Some(one), Some(other)) => one != other,
            (Some(_), None) | (None, Some(_)) => true,
            (None, None) => false,
        })
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

fn resources(template: &str) -> BTreeMap<String, Written> {
    match serde_json::from_str::<Value>(template) {
        Ok(template) => of_json(&template),
        Err(_not_json) => of_yaml(template),
    }
}

fn of_json(template: &Value) -> BTreeMap<String, Written> {
    let resources = template.get("Resources").and_then(Value::as_object).into_iter().flatten();
    let written = resources.map(|(name, resource)| {
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
        (name.clone(), Written { kind, text: resource.to_string() })
    });
    written.collect()
}

/// The blocks under `Resources:` by their indentation: CloudFormation's short tags (`!Ref`) are no plain YAML, and which
/// resource a line belongs to is all that is asked.
fn of_yaml(template: &str) -> BTreeMap<String, Written> {
    let mut found: BTreeMap<String, Written> = BTreeMap::new();
    let mut depth: Option<usize> = None;
    let mut present: Option<String> = None;
    let lines = template.lines().skip_while(|line| line.trim_end() != "Resources:").skip(1);
    for line in lines.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let indent = line.len().saturating_sub(line.trim_start().len());
        if indent == 0 {
            break;
        }
        let depth = *depth.get_or_insert(indent);
        if indent == depth {
            let name = line.trim().trim_end_matches(':').trim_matches(['"', '\'']).to_owned();
            found.insert(name.clone(), Written { kind: String::new(), text: String::new() });
            present = Some(name);
        } else if let Some(written) = present.as_ref().and_then(|name| found.get_mut(name)) {
            if let Some(kind) = line.trim().strip_prefix("Type:").filter(|_| written.kind.is_empty()) {
                written.kind = kind.trim().trim_matches(['"', '\'']).to_owned();
            }
            written.text.push_str(line.trim_end());
            written.text.push('\n');
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::content::tests::content;
    use super::*;

    const YAML: &str = "Parameters:\n  Version: { Type: String }\nResources:\n  Function:\n    Type: AWS::Lambda::Function\n    \
                        Properties:\n      Code: !Ref Version\n\n  Queue:\n    Type: AWS::SQS::Queue\nOutputs:\n  Url: {}\n";

    fn with(template: &str) -> Content {
        Content { template: template.to_owned(), ..content("v41") }
    }

    fn words(changes: &[StackChange]) -> Vec<String> {
        changes.iter().map(StackChange::words).collect()
    }

    #[test]
    fn yaml_templates_are_compared_by_resource() {
        let then = YAML.replace("!Ref Version", "old").replace("  Queue:\n    Type: AWS::SQS::Queue\n", "");
        assert_eq!(
            words(&changes(&with(YAML), &with(&then))),
            ["Modify Function (Lambda::Function)", "Remove Queue (SQS::Queue)"]
        );
        assert_eq!(changes(&with(YAML), &with(YAML)), []);
    }

    #[test]
    fn json_templates_are_compared_by_resource() {
        let now = r#"{"Resources": {"A": {"Type": "AWS::S3::Bucket"}}}"#;
        let then = r#"{"Resources": {"A": {"Type": "AWS::S3::Bucket"}, "B": {"Type": "AWS::SQS::Queue"}}}"#;
        assert_eq!(words(&changes(&with(now), &with(then))), ["Add B (SQS::Queue)"]);
    }

    #[test]
    fn parameters_that_differ_are_named() {
        assert_eq!(parameters(&content("v42"), &content("v41")), ["ApiVersion"]);
        assert_eq!(parameters(&content("v41"), &content("v41")), Vec::<String>::new());
    }
}
