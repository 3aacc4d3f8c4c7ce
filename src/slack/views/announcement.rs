//! What is said of an emergency in the operations channel: once, when it is declared.

use super::blocks::section;
use super::words::place;
use crate::incident::incident::Incident;
use crate::slack::message::Message;
use crate::slack::mrkdwn::{foreign, user};

/// The announcement of `incident`, which is an emergency.
pub fn announcement(incident: &Incident) -> Message {
    let request = &incident.request;
    let reason = request.reason.as_ref().map(|reason| format!("\n> {}", foreign(reason, 600))).unwrap_or_default();
    let text = format!(
        "🚨 *Emergency*: {} rolls *{}* back without a second person. It is under way in <#{}> as {}.{reason}",
        user(&request.by),
        foreign(&place(incident), 120),
        request.channel,
        foreign(incident.id.as_str(), 30),
    );
    Message { blocks: vec![section(&text)], text }
}
