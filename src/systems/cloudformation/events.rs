//! What CloudFormation reports of a stack: events, newest first.

use aws_sdk_cloudformation::types as sdk;
use jiff::Timestamp;

use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};

/// How many pages are read at the most. A page is up to 1 MB, and what is looked for lies among the newest.
const PAGES: usize = 8;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackEvent {
    /// Its id.
    pub id: String,
    /// The logical id of the resource; the stack's name for the stack itself.
    pub resource: String,
    /// The resource's type.
    pub kind: String,
    /// The physical id, where there is one.
    pub physical: String,
    /// The stack's ARN.
    pub stack: String,
    /// The status, of the resource or the stack.
    pub status: String,
    /// Why, where CloudFormation says so.
    pub reason: Option<String>,
    /// The token of the call that led to it.
    pub token: Option<String>,
    /// When, by AWS's clock.
    pub at: Option<Timestamp>,
}

impl StackEvent {
    /// Whether it is about the stack as a whole.
    pub fn is_of_the_stack(&self) -> bool {
        self.kind == "AWS::CloudFormation::Stack" && self.physical == self.stack
    }

    /// Whether it begins something that somebody asked for: an update, a creation, a deletion.
    fn begins_something(&self) -> bool {
        self.is_of_the_stack()
            && matches!(
                self.status.as_str(),
                "UPDATE_IN_PROGRESS" | "CREATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS"
            )
    }

    /// Whether it says that something went wrong, and not merely that it was called off because of something else.
    fn is_a_cause(&self) -> bool {
        let called_off = self.reason.as_deref().is_some_and(|reason| reason.to_ascii_lowercase().contains("cancelled"));
        self.status.ends_with("_FAILED") && !self.is_of_the_stack() && !called_off
    }

    /// The event as a line: `ApiFunction UPDATE_FAILED: handler not found`.
    pub fn line(&self) -> String {
        let what = if self.is_of_the_stack() { format!("stack {}", self.resource) } else { self.resource.clone() };
        match self.reason.as_deref().filter(|reason| !reason.is_empty()) {
            Some(reason) => format!("{what} {}: {}", self.status, clipped(reason)),
            None => format!("{what} {}", self.status),
        }
    }
}

/// A reason without what nobody reads: request ids and handler codes at its end.
fn clipped(reason: &str) -> String {
    /// As much of a reason as a line takes.
    const LONGEST: usize = 240;
    // What a resource handler says stands in quotes, which a cut would leave open.
    let quoted = reason.strip_prefix("Resource handler returned message: ").map(|rest| rest.trim_start_matches('"'));
    let reason = quoted.unwrap_or(reason);
    let cut = ["(Service:", "(RequestToken:"].iter().filter_map(|mark| reason.find(mark)).min();
    let short = cut.and_then(|at| reason.get(..at)).filter(|short| !short.trim().is_empty()).unwrap_or(reason);
    let short = short.trim().trim_end_matches(['.', '"']).trim_end();
    match short.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", short.get(..at).unwrap_or(short)),
        None => short.to_owned(),
    }
}

/// The events of `stack` back to `mark`, and to the beginning of what somebody asked for last.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn back_to(aws: &Aws, stack: &str, mark: Option<&str>) -> Result<Vec<StackEvent>, AwsError> {
    let mut events: Vec<StackEvent> = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..PAGES {
        let page = aws
            .reads()
            .cloudformation
            .describe_stack_events()
            .stack_name(stack)
            .set_next_token(next.take())
            .send()
            .await
            .map_err(|error| AwsError::of("cloudformation", "DescribeStackEvents", &error))?;
        events.extend(page.stack_events.unwrap_or_default().into_iter().map(event));
        let passed = mark.is_none_or(|mark| events.iter().any(|event| event.id == mark));
        let begun = events.iter().any(StackEvent::begins_something);
        next = page.next_token;
        if (passed && begun) || next.is_none() {
            break;
        }
    }
    Ok(events)
}

fn event(event: sdk::StackEvent) -> StackEvent {
    StackEvent {
        id: event.event_id.unwrap_or_default(),
        resource: event.logical_resource_id.unwrap_or_default(),
        kind: event.resource_type.unwrap_or_default(),
        physical: event.physical_resource_id.unwrap_or_default(),
        stack: event.stack_id.unwrap_or_default(),
        status: event.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        reason: event.resource_status_reason,
        token: event.client_request_token,
        at: event.timestamp.and_then(timestamp),
    }
}

/// The events after `mark`, newest first; all of them where there is no mark, or it is too long ago.
pub fn after<'e>(events: &'e [StackEvent], mark: Option<&str>) -> &'e [StackEvent] {
    let at = mark.and_then(|mark| events.iter().position(|event| event.id == mark));
    at.and_then(|at| events.get(..at)).unwrap_or(events)
}

/// The events of what somebody asked for last, newest first: an update with the rollback that followed it.
pub fn newest_operation(events: &[StackEvent]) -> &[StackEvent] {
    let at = events.iter().position(StackEvent::begins_something);
    at.and_then(|at| events.get(..=at)).unwrap_or(events)
}

/// How what was asked for last began.
pub fn beginning(events: &[StackEvent]) -> Option<&StackEvent> {
    events.iter().find(|event| event.begins_something())
}

/// The first real failure among `events`, which are newest first.
pub fn root_cause(events: &[StackEvent]) -> Option<&StackEvent> {
    events.iter().rev().find(|event| event.is_a_cause())
}

/// The event by which the stack itself says why it was taken back, among `events`, which are newest first: an alarm, where
/// nothing failed.
pub fn taken_back(events: &[StackEvent]) -> Option<&StackEvent> {
    events.iter().find(|event| {
        event.is_of_the_stack()
            && matches!(event.status.as_str(), "UPDATE_ROLLBACK_IN_PROGRESS" | "ROLLBACK_IN_PROGRESS")
            && event.reason.as_deref().is_some_and(|reason| !reason.is_empty() && reason != "User Initiated")
    })
}

/// The newest event of the stack itself.
pub fn newest_of_the_stack(events: &[StackEvent]) -> Option<&StackEvent> {
    events.iter().find(|event| event.is_of_the_stack())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const STACK: &str =
        "arn:aws:cloudformation:eu-north-1:123456789012:stack/shop-api/0a1b2c3d-0000-0000-0000-000000000000";

    /// An event whose id is its place, of the stack itself where `resource` is its name.
    pub(in super::super) fn event(id: &str, resource: &str, status: &str, reason: &str, token: &str) -> StackEvent {
        let of_stack = resource == "shop-api";
        StackEvent {
            id: id.to_owned(),
            resource: resource.to_owned(),
            kind: if of_stack { "AWS::CloudFormation::Stack" } else { "AWS::Lambda::Function" }.to_owned(),
            physical: if of_stack { STACK.to_owned() } else { format!("shop-{resource}") },
            stack: STACK.to_owned(),
            status: status.to_owned(),
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            token: (!token.is_empty()).then(|| token.to_owned()),
            at: None,
        }
    }

    fn failed_update() -> Vec<StackEvent> {
        vec![
            event("7", "shop-api", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update", "t"),
            event("6", "Queue", "UPDATE_FAILED", "Resource update cancelled", "t"),
            event("5", "Function", "UPDATE_FAILED", "Handler not found (Service: Lambda, Status Code: 400)", "t"),
            event("4", "Queue", "UPDATE_IN_PROGRESS", "", "t"),
            event("3", "shop-api", "UPDATE_IN_PROGRESS", "User Initiated", "t"),
            event("2", "shop-api", "UPDATE_COMPLETE", "", "s"),
            event("1", "Table", "UPDATE_FAILED", "Of an earlier update", "s"),
        ]
    }

    #[test]
    fn the_root_cause_is_the_first_failure_that_was_not_called_off() {
        let events = failed_update();
        let cause = root_cause(newest_operation(&events)).unwrap();
        assert_eq!(cause.line(), "Function UPDATE_FAILED: Handler not found");
    }

    #[test]
    fn an_operation_ends_where_an_earlier_one_was_over() {
        let events = failed_update();
        assert_eq!(newest_operation(&events).last().map(|event| event.id.as_str()), Some("3"));
        assert_eq!(beginning(&events).map(|event| event.id.as_str()), Some("3"));
    }

    #[test]
    fn what_came_after_a_mark_is_what_is_newer() {
        let events = failed_update();
        let ids = |events: &[StackEvent]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(after(&events, Some("5"))), ["7", "6"]);
        assert_eq!(after(&events, Some("gone")).len(), events.len());
        assert_eq!(after(&events, None).len(), events.len());
    }

    #[test]
    fn a_handler_s_words_lose_their_quotes() {
        let reason = "Resource handler returned message: \"Invalid mapping (Service: Lambda, Status Code: 400)\" (RequestToken: 1)";
        assert_eq!(event("1", "Mapping", "UPDATE_FAILED", reason, "").line(), "Mapping UPDATE_FAILED: Invalid mapping");
    }

    #[test]
    fn a_line_leaves_out_what_nobody_reads() {
        let failed = event("1", "Function", "UPDATE_FAILED", "(Service: Lambda; Status Code: 500)", "");
        assert_eq!(failed.line(), "Function UPDATE_FAILED: (Service: Lambda; Status Code: 500)");
        let stack = event("1", "shop-api", "UPDATE_COMPLETE", "", "");
        assert_eq!(stack.line(), "stack shop-api UPDATE_COMPLETE");
    }
}
