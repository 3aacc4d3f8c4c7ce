//! Whole messages and views.

use serde_json::Value;

use super::checker::{Checker, Surface, Texts};

/// Blocks of a message.
const MESSAGE_BLOCKS: usize = 50;
/// Blocks of a view.
const VIEW_BLOCKS: usize = 100;

/// What is wrong with the blocks of a message; empty when nothing is.
pub(in crate::sandbox::slack) fn check_blocks(blocks: &[Value]) -> Vec<String> {
    let mut checker = Checker { surface: Surface::Message, findings: Vec::new() };
    checker.all(blocks, "/blocks", MESSAGE_BLOCKS);
    checker.findings
}

/// What is wrong with a view; empty when nothing is.
pub(in crate::sandbox::slack) fn check_view(view: &Value) -> Vec<String> {
    let mut checker = Checker { surface: Surface::Modal, findings: Vec::new() };
    checker.view(view);
    checker.findings
}

impl Checker {
    fn all(&mut self, blocks: &[Value], at: &str, max: usize) {
        if blocks.len() > max {
            self.find(&format!("no more than {max} items allowed"), at);
        }
        let mut ids: Vec<&str> = Vec::new();
        for (position, block) in blocks.iter().enumerate() {
            let at = format!("{at}/{position}");
            self.block(block, &at);
            if let Some(id) = block.get("block_id").and_then(Value::as_str) {
                if ids.contains(&id) {
                    self.find(&format!("`block_id` \"{id}\" already exists"), &format!("{at}/block_id"));
                }
                ids.push(id);
            }
        }
        let count = |kind: &str| blocks.iter().filter(|block| block.get("type").is_some_and(|is| is == kind)).count();
        if count("table") > 1 {
            self.find("only_one_table_allowed", at);
        }
        if count("plan") > 0 && count("task_card") > 0 {
            self.find("plan and task_card blocks cannot be combined", at);
        }
    }

    fn view(&mut self, view: &Value) {
        let at = "/view";
        let Some((object, kind)) = self.typed(view, at) else {
            return;
        };
        let common = ["private_metadata", "callback_id", "external_id"];
        match kind {
            "modal" => {
                let modal = ["close", "submit", "clear_on_close", "notify_on_close", "submit_disabled"];
                self.keys(object, at, &["title", "blocks"], &[&common[..], &modal[..]].concat());
                for key in ["title", "submit", "close"] {
                    self.text(object, key, at, Texts::Plain, 24);
                }
                self.flag(object, "clear_on_close", at);
                self.flag(object, "notify_on_close", at);
            }
            "home" => {
                self.surface = Surface::Home;
                self.keys(object, at, &["blocks"], &common);
            }
            _ => self.find(&format!("unsupported type: {kind}"), "/view/type"),
        }
        for (key, max) in [("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)] {
            // An empty string is as good as none here.
            if object.get(key).is_some_and(|value| value != "") {
                self.string(object, key, at, max);
            }
        }
        let Some(blocks) = object.get("blocks").and_then(Value::as_array) else {
            return;
        };
        self.all(blocks, "/view/blocks", VIEW_BLOCKS);
        let has_input = blocks.iter().any(|block| block.get("type").is_some_and(|kind| kind == "input"));
        if kind == "modal" && has_input && !object.contains_key("submit") {
            self.find("missing required field: submit", at);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn button(id: &str) -> Value {
        json!({"type": "button", "action_id": id, "text": {"type": "plain_text", "text": "Approve"}})
    }

    #[test]
    fn a_card_with_everything_in_it_is_fine() {
        let blocks = json!([
            {"type": "header", "text": {"type": "plain_text", "text": "Roll back api in prod"}},
            {"type": "section", "block_id": "b1", "text": {"type": "mrkdwn", "text": "*12* → *11*"},
                "fields": [{"type": "mrkdwn", "text": "one"}], "accessory": button("more")},
            {"type": "divider"},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "by <@U1>"}]},
            {"type": "plan", "title": "Steps", "tasks": [
                {"type": "task_card", "task_id": "1", "title": "Freeze", "status": "in_progress", "details":
                    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
                        {"type": "text", "text": "waiting", "style": {"bold": true}}]}]}}]},
            {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]},
            {"type": "actions", "elements": [button("approve"), button("reject")]}
        ]);
        assert_eq!(check_blocks(blocks.as_array().unwrap()), Vec::<String>::new());
    }

    #[rstest]
    #[case::long_section(json!({"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(3001)}}),
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]")]
    #[case::long_header(json!({"type": "header", "text": {"type": "plain_text", "text": "x".repeat(151)}}),
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]")]
    #[case::mrkdwn_header(json!({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}),
        "failed to match all allowed schemas [json-pointer:/blocks/0/text]")]
    #[case::empty_text(json!({"type": "section", "text": {"type": "mrkdwn", "text": ""}}),
        "must be more than 0 characters [json-pointer:/blocks/0/text/text]")]
    #[case::unknown_block(json!({"type": "marquee"}), "unsupported type: marquee [json-pointer:/blocks/0/type]")]
    #[case::unknown_key(json!({"type": "divider", "colour": "red"}),
        "invalid additional property: colour [json-pointer:/blocks/0]")]
    #[case::alert_in_message(json!({"type": "alert", "text": {"type": "mrkdwn", "text": "x"}}),
        "unsupported type: alert [json-pointer:/blocks/0/type]")]
    #[case::same_action_twice(json!({"type": "actions", "elements": [button("a"), button("a")]}),
        "`action_id` \"a\" already exists for block [json-pointer:/blocks/0/elements/1/action_id]")]
    #[case::no_elements(json!({"type": "actions", "elements": []}),
        "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]")]
    #[case::status(json!({"type": "task_card", "task_id": "1", "title": "x", "status": "completed"}),
        "must be one of: pending, in_progress, complete, error [json-pointer:/blocks/0/status]")]
    #[case::nothing_in_section(json!({"type": "section"}),
        "must define either `text` or `fields` [json-pointer:/blocks/0]")]
    #[case::half_a_confirm(json!({"type": "actions", "elements": [{"type": "button", "action_id": "a",
        "text": {"type": "plain_text", "text": "x"}, "confirm": {"title": {"type": "plain_text", "text": "t"},
        "text": {"type": "plain_text", "text": "t"}, "confirm": {"type": "plain_text", "text": "t"}}}]}),
        "missing required field: deny [json-pointer:/blocks/0/elements/0/confirm]")]
    #[case::foreign_initial_option(json!({"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "accessory":
        {"type": "static_select", "options": [{"text": {"type": "plain_text", "text": "a"}, "value": "a"}],
        "initial_option": {"text": {"type": "plain_text", "text": "b"}, "value": "b"}}}),
        "must be one of the provided options [json-pointer:/blocks/0/accessory/initial_option]")]
    fn slack_says_what_is_wrong_and_where(#[case] block: Value, #[case] finding: &str) {
        assert_eq!(check_blocks(&[block]), [finding]);
    }

    #[test]
    fn block_ids_and_counts_are_held_to_the_message() {
        let twice = json!({"type": "divider", "block_id": "same"});
        assert_eq!(
            check_blocks(&[twice.clone(), twice]),
            ["`block_id` \"same\" already exists [json-pointer:/blocks/1/block_id]"]
        );
        let many = vec![json!({"type": "divider"}); 51];
        assert_eq!(check_blocks(&many), ["no more than 50 items allowed [json-pointer:/blocks]"]);
    }

    #[test]
    fn a_form_needs_a_submit_button_and_a_short_title() {
        let view = json!({"type": "modal", "title": {"type": "plain_text", "text": "x".repeat(25)}, "blocks": [
            {"type": "input", "label": {"type": "plain_text", "text": "Why"},
                "element": {"type": "plain_text_input", "action_id": "why"}}]});
        assert_eq!(
            check_view(&view),
            [
                "must be less than 25 characters [json-pointer:/view/title/text]",
                "missing required field: submit [json-pointer:/view]"
            ]
        );
    }
}
