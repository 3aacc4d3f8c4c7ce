//! What does not come from Slack, and what comes to the wrong door.

use reqwest::Method;

use crate::case::{COMMANDS, Case, EVENTS, INTERACTIONS, Signed};

/// Requests of every kind that are to be turned away before they are read.
pub(crate) fn forged() -> Vec<Case> {
    let c = |name| Case::command(name, &[("text", Some("prod api"))]);
    let unsigned =
        |name, signed| c(name).signed(signed).status(401).answers("The signature is missing, wrong or older");
    vec![
        unsigned("another secret", Signed::WithAnotherSecret),
        unsigned("another body", Signed::ForAnotherBody),
        unsigned("no version", Signed::WithoutVersion),
        unsigned("no signature", Signed::NotAtAll),
        unsigned("no time", Signed::WithoutTime),
        unsigned("six minutes old", Signed::At(-360)),
        unsigned("six minutes early", Signed::At(360)),
        unsigned("of another age", Signed::At(-1_700_000_000)),
        Case::command("four minutes old", &[]).signed(Signed::At(-240)).says("Nothing is in flight"),
        c("a click with another secret").signed(Signed::WithAnotherSecret).status(401).answers("The signature"),
        Case::new("an event without a signature", EVENTS, "{}")
            .signed(Signed::NotAtAll)
            .status(401)
            .answers("The signature"),
        Case::new("more than a megabyte", COMMANDS, "x".repeat(1024 * 1024 + 1))
            .status(413)
            .answers("larger than 1 MiB"),
        Case::new("a megabyte of nothing", COMMANDS, "x".repeat(1024 * 1024)).status(400).answers("no user_id"),
        Case::new("a large click", INTERACTIONS, "x".repeat(2 * 1024 * 1024)).status(413).answers("larger than 1 MiB"),
        c("read").by(Method::GET).status(405),
        c("put").by(Method::PUT).status(405),
        c("deleted").by(Method::DELETE).status(405),
        Case::new("another door", "/slack/nothing", "").status(404),
        Case::new("above the doors", "/slack/../slack/commands/", "").status(404),
    ]
}
