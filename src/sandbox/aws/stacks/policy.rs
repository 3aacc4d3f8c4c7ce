//! Stack policies: what an update may do to which resource.

use serde_json::Value;

use super::super::json::text;

/// Why the policy denies `action` (`Update:Modify`, `Update:Replace`, `Update:Delete`) on a resource; `None` if it allows it.
/// Without a policy everything is allowed; with one, what no statement allows is denied.
pub(super) fn denial(policy: Option<&Value>, action: &str, logical: &str, kind: &str) -> Option<String> {
    let statements = policy?.get("Statement")?.as_array()?;
    let applies = |statement: &&Value| {
        matches(statement, "Action", action)
            && matches(statement, "Resource", &format!("LogicalResourceId/{logical}"))
            && {
                let condition = statement.get("Condition");
                let kinds = condition.and_then(|condition| {
                    condition
                        .pointer("/StringEquals/ResourceType")
                        .or_else(|| condition.pointer("/StringLike/ResourceType"))
                });
                kinds.is_none_or(|kinds| values(kinds).iter().any(|pattern| like(pattern, kind)))
            }
    };
    let denying = statements.iter().position(|one| text(one, "Effect") == Some("Deny") && applies(&one));
    let allowing = statements.iter().any(|one| text(one, "Effect") == Some("Allow") && applies(&one));
    match denying {
        Some(at) => Some(format!(
            "Action denied by stack policy: Statement [#{}] does not allow [{action}] for resource [{logical}]",
            at + 1
        )),
        None if !allowing => {
            Some(format!("Action denied by stack policy: no statement allows [{action}] for resource [{logical}]"))
        }
        None => None,
    }
}

fn matches(statement: &Value, member: &str, wanted: &str) -> bool {
    let named = statement.get(member).is_some_and(|one| values(one).iter().any(|pattern| like(pattern, wanted)));
    let but = statement.get(format!("Not{member}"));
    named || but.is_some_and(|one| !values(one).iter().any(|pattern| like(pattern, wanted)))
}

fn values(one: &Value) -> Vec<&str> {
    match one {
        Value::String(one) => vec![one.as_str()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// Whether a pattern with `*` matches the text.
fn like(pattern: &str, whole: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == whole,
        Some((start, rest)) => whole.strip_prefix(start).is_some_and(|left| {
            left.char_indices()
                .map(|(at, _)| at)
                .chain([left.len()])
                .any(|at| left.get(at..).is_some_and(|left| like(rest, left)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::allowed("Update:Modify", "Api", "AWS::Lambda::Function", true)]
    #[case::denied_by_name("Update:Replace", "Database", "AWS::RDS::DBInstance", false)]
    #[case::not_this_action("Update:Modify", "Database", "AWS::RDS::DBInstance", true)]
    #[case::denied_by_type("Update:Delete", "Orders", "AWS::DynamoDB::Table", false)]
    fn a_policy_denies_by_name_action_and_type(
        #[case] action: &str,
        #[case] logical: &str,
        #[case] kind: &str,
        #[case] allows: bool,
    ) {
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
            {"Effect": "Deny", "Principal": "*", "Action": ["Update:Replace"], "Resource": "LogicalResourceId/Data*"},
            {"Effect": "Deny", "Principal": "*", "Action": "Update:Delete", "Resource": "*",
             "Condition": {"StringEquals": {"ResourceType": ["AWS::DynamoDB::Table"]}}},
        ]});
        assert_eq!(denial(Some(&policy), action, logical, kind).is_none(), allows);
        assert_eq!(denial(None, action, logical, kind), None);
    }
}
