//! A CloudFormation stack as a target.

use serde::{Deserialize, Serialize};

use super::belongs_here;
use crate::config::section::{Field, Part, Reader, Section};

/// A CloudFormation stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackTarget {
    /// The stack's name or ARN.
    pub stack: String,
    /// Where earlier templates come from.
    pub previous: Previous,
    /// Whether it may be deleted.
    pub delete: Deletion,
    /// The types of resources that hold data and may be removed or replaced all the same.
    pub may_replace: Vec<String>,
}

/// Where earlier templates come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Previous {
    /// Rollbot's own snapshots.
    History,
    /// A template in S3, with its parameters beside it.
    S3 {
        /// The bucket.
        bucket: String,
        /// The template's key.
        key: String,
    },
}

/// Whether a stack may be deleted from Slack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deletion {
    /// No.
    Refused,
    /// Yes, by somebody who types `DELETE`.
    Allowed,
}

impl StackTarget {
    pub(super) fn identity(&self) -> String {
        let name = self.stack.split('/').nth(1).unwrap_or(&self.stack);
        format!("CloudFormation stack {name}")
    }
}

pub(super) fn read(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<StackTarget> {
    let stack = section.required("stack", "\"shop-${env}\"", reader.report).and_then(|field| stack(field, reader));
    let previous = match section.optional("previous", reader.report) {
        None => Some(Previous::History),
        Some(field) => previous(field, reader),
    };
    let delete = section.optional("delete", reader.report).and_then(|field| field.flag(reader.report));
    let may_replace = section.optional("may_replace", reader.report).map(|field| types(field, reader));
    Some(StackTarget {
        stack: stack?,
        previous: previous?,
        delete: if delete == Some(true) { Deletion::Allowed } else { Deletion::Refused },
        may_replace: may_replace.unwrap_or_default(),
    })
}

fn stack(field: Field<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let stack = field.text(reader)?;
    if !stack.starts_with("arn:") {
        if !is_stack_name(&stack) {
            field.error(
                reader.report,
                format!(
                    "`{stack}` cannot be the name of a stack; those begin with a letter and are made of letters, digits \
                     and `-`"
                ),
            );
        }
        return Some(stack);
    }
    let parts: Vec<&str> = stack.splitn(6, ':').collect();
    let (region, account) = match parts.as_slice() {
        ["arn", _, "cloudformation", region, account, name] if name.starts_with("stack/") => (*region, *account),
        _ => {
            field.error(
                reader.report,
                format!(
                    "`{stack}` is not the ARN of a stack; write one such as \
                     `arn:aws:cloudformation:eu-north-1:123456789012:stack/shop/…`, or the stack's name"
                ),
            );
            return None;
        }
    };
    belongs_here(field, ("region", region), reader);
    belongs_here(field, ("account", account), reader);
    Some(stack)
}

/// CloudFormation: "A stack name can contain only alphanumeric characters (case-sensitive) and hyphens. It must start
/// with an alphabetical character and can't be longer than 128 characters."
fn is_stack_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn previous(field: Field<'_>, reader: &mut Reader<'_>) -> Option<Previous> {
    if let crate::config::yaml::Value::Text(text) = &field.node.value {
        if text == "history" {
            return Some(Previous::History);
        }
        field.error(
            reader.report,
            format!("`{text}` is no place that earlier templates come from; write `history` or `{{ s3: {{ bucket, key }} }}`"),
        );
        return None;
    }
    let mut section = Section::open(field, Part::StackPrevious, reader.report)?;
    let source = section.required("s3", "{ bucket: shop-deploys, key: prod/template.yml }", reader.report);
    section.close(reader.report);
    let mut s3 = Section::open(source?, Part::StackSource, reader.report)?;
    let bucket = s3.required("bucket", "shop-deploys", reader.report).and_then(|field| field.text(reader));
    let key = s3.required("key", "prod/template.yml", reader.report).and_then(|field| field.text(reader));
    s3.close(reader.report);
    Some(Previous::S3 { bucket: bucket?, key: key? })
}

fn types(field: Field<'_>, reader: &mut Reader<'_>) -> Vec<String> {
    let items = field.filled_list(reader.report).unwrap_or_default();
    let types = items.into_iter().filter_map(|item| {
        let kind = item.text(reader)?;
        if kind.split("::").count() < 3 {
            item.error(
                reader.report,
                format!("`{kind}` is not a type of resource; write one such as `AWS::DynamoDB::Table`"),
            );
        }
        Some(kind)
    });
    types.collect()
}
