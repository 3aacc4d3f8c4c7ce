//! What arrives where slash commands do.

use crate::case::{COMMANDS, Case, fields, form};

/// Commands of every shape.
pub(crate) fn commands() -> Vec<Case> {
    let c = Case::command;
    let typed = |name, text| Case::command(name, &[("text", Some(text))]);
    let endless: &'static str = Box::leak(format!("prod api because {}", "why ".repeat(20_000)).into_boxed_str());
    vec![
        c("a question", &[]).says("Nothing is in flight"),
        c("the same delivery again", &[("trigger_id", Some("a question"))]).retried("http_timeout"),
        c("help", &[("text", Some("help"))]).says("takes a service back to the release that ran before"),
        // These ask for a form, which Slack does not open for a trigger that it did not give.
        c("nothing typed", &[("text", Some(""))]).says("The form could not be opened in time"),
        c("no text at all", &[("text", None)]).says("The form could not be opened in time"),
        typed("blanks of every kind", " \t\u{a0}\u{2003}\u{200b} ").says("The form could not be opened in time"),
        typed("an environment alone", "prod").says("The form could not be opened in time"),
        typed("a typing error", "prdo api").answers("did you mean"),
        typed("a service that is not", "prod apu").answers("did you mean"),
        typed("pictures", "🔥 💥").answers("There is no environment"),
        typed("from right to left", "\u{202e}ipa dorp").answers("There is no environment"),
        typed("zero bytes", "pro\0d\0 ap\0u").answers("did you mean"),
        typed("another script", "продакшн апи").answers("There is no environment"),
        typed("a mention of everybody", "&lt;!channel&gt; api").answers("&lt;!channel&gt;"),
        typed("markup", "*prod* _apu_").answers("prod has no service"),
        typed("an escaped mention", "<@U0SRE00001|sre> api").answers("There is no environment"),
        typed("an endless reason", endless).answers("1000 characters"),
        typed("an incident that is not", "status rb-zzzzz").says("There is no incident rb-zzzzz"),
        typed("stopping what is not", "stop rb-zzzzz").says("There is no incident rb-zzzzz"),
        c("no trigger", &[("trigger_id", None), ("text", Some("history"))]).says("There is no rollback"),
        c("an empty trigger", &[("trigger_id", Some("")), ("text", Some("history prod"))]).says("There is no rollback"),
        c("no workspace", &[("team_id", None), ("team_domain", None)]).says("Nothing is in flight"),
        c("an empty workspace", &[("team_id", Some(""))]).says("Nothing is in flight"),
        c(
            "an install for an organisation",
            &[
                ("is_enterprise_install", Some("true")),
                ("enterprise_id", Some("E0ORG00001")),
                ("enterprise_name", Some("Org")),
            ],
        )
        .says("Nothing is in flight"),
        c("fields that came later", &[("thread_ts", Some("1.2")), ("yet_unknown", Some("{}"))])
            .says("Nothing is in flight"),
        c("another workspace", &[("team_id", Some("T0ELSE0001"))]).answers("you come from another one"),
        c("a guest", &[("user_id", Some("U0GUEST001"))]).says("Guests of this workspace"),
        c("somebody whom Slack does not know", &[("user_id", Some("U0NOBODY01"))])
            .says("Slack did not say who you are"),
        c("a partner under our workspace's name", &[("user_id", Some("U0PARTNER1"))]).says("you come from another one"),
        c("a channel without environments", &[("channel_id", Some("C0RANDOM01"))])
            .answers("No environment takes commands in this channel"),
        c("a channel that is not", &[("channel_id", Some("C0NOWHERE1"))])
            .answers("No environment takes commands in this channel"),
        c("a response URL elsewhere", &[("response_url", Some("http://127.0.0.1:9/commands/1/2/3"))])
            .says("Nothing is in flight"),
        c("a response URL that is none", &[("response_url", Some("javascript:alert(1)"))]).says("Nothing is in flight"),
        Case::new("the probe of the certificate", COMMANDS, "ssl_check=1&token=x"),
        c("the probe with everything", &[("ssl_check", Some("1"))]),
        c("no probe", &[("ssl_check", Some("0"))]).says("Nothing is in flight"),
        c("nobody", &[("user_id", None)]).status(400).answers("no user_id"),
        c("nowhere", &[("channel_id", None)]).status(400).answers("no channel_id"),
        c("no command", &[("command", None)]).status(400).answers("no command"),
        Case::new("nothing", COMMANDS, "").status(400).answers("no user_id"),
        Case::new("JSON for a form", COMMANDS, "{\"user_id\": \"U0DEV00001\"}").status(400).answers("no user_id"),
        Case::new("broken escapes", COMMANDS, "user_id=%zz&channel_id=%&command=%2"),
        Case::new(
            "no UTF-8",
            COMMANDS,
            b"user_id=U0DEV00001&channel_id=C0INC00001&command=/rollback&text=\xff\xfe".as_slice(),
        )
        .status(400)
        .answers("The body could not be read"),
        Case::new("cut off", COMMANDS, {
            let whole = form(&fields("cut off", &[]));
            whole.split_at(whole.find("channel_id").unwrap_or_default()).0.to_owned()
        })
        .status(400)
        .answers("no user_id"),
        Case::new("a field twice", COMMANDS, format!("{}&text=help", form(&fields("a field twice", &[]))))
            .says("takes a service back to the release that ran before"),
        c("no type of content", &[]).of_content_type(None).says("Nothing is in flight"),
        c("another type of content", &[]).of_content_type(Some("text/plain")).says("Nothing is in flight"),
    ]
}
