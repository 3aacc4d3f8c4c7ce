//! Interactive elements: buttons, menus, pickers, inputs.

use serde_json::Value;

use super::checker::{Checker, Object, Texts};

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The accessory of a section.
    Accessory,
    /// An actions block.
    Actions,
    /// An input block.
    Input,
}

/// Keys of every menu.
const MENU: &[&str] = &["action_id", "placeholder", "confirm", "focus_on_load"];

impl Checker {
    /// One element, and its `action_id` for the uniqueness within its block.
    pub(super) fn element(&mut self, value: &Value, at: &str, place: Place) {
        let Some((object, kind)) = self.typed(value, at) else {
            return;
        };
        if !is_allowed(kind, place) {
            self.find(&format!("unsupported type: {kind}"), &format!("{at}/type"));
            return;
        }
        self.string(object, "action_id", at, 255);
        self.confirm(object, at);
        self.text(object, "placeholder", at, Texts::Plain, 150);
        self.flag(object, "focus_on_load", at);
        match kind {
            "button" => self.button(object, at),
            "image" => self.image(object, at),
            "overflow" => {
                self.keys(object, at, &["options"], &["action_id", "confirm"]);
                self.options(object, "options", at, 5);
            }
            "checkboxes" | "radio_buttons" => {
                let initial = if kind == "checkboxes" { "initial_options" } else { "initial_option" };
                self.keys(object, at, &["options"], &["action_id", "confirm", "focus_on_load", initial]);
                self.options(object, "options", at, 10);
                self.initial(object, initial, at);
            }
            "static_select" | "multi_static_select" => self.static_select(object, kind, at),
            "external_select" | "multi_external_select" => {
                let initial = if kind == "external_select" { "initial_option" } else { "initial_options" };
                self.menu(object, at, &["min_query_length", "max_selected_items", initial]);
            }
            "users_select" => self.menu(object, at, &["initial_user"]),
            "multi_users_select" => self.menu(object, at, &["initial_users", "max_selected_items"]),
            "channels_select" => self.menu(object, at, &["initial_channel", "response_url_enabled"]),
            "multi_channels_select" => self.menu(object, at, &["initial_channels", "max_selected_items"]),
            "conversations_select" => self.menu(
                object,
                at,
                &["initial_conversation", "default_to_current_conversation", "response_url_enabled", "filter"],
            ),
            "multi_conversations_select" => self.menu(
                object,
                at,
                &["initial_conversations", "default_to_current_conversation", "max_selected_items", "filter"],
            ),
            "datepicker" => self.menu(object, at, &["initial_date"]),
            "timepicker" => self.menu(object, at, &["initial_time", "timezone"]),
            "datetimepicker" => {
                self.keys(object, at, &[], &["action_id", "initial_date_time", "confirm", "focus_on_load"]);
            }
            "plain_text_input" => self.plain_text_input(object, at),
            "number_input" => self.keys(
                object,
                at,
                &["is_decimal_allowed"],
                &[
                    "action_id",
                    "initial_value",
                    "min_value",
                    "max_value",
                    "dispatch_action_config",
                    "focus_on_load",
                    "placeholder",
                ],
            ),
            // The two inputs that are left: email_text_input and url_text_input.
            _ => self.keys(
                object,
                at,
                &[],
                &["action_id", "initial_value", "dispatch_action_config", "focus_on_load", "placeholder"],
            ),
        }
    }

    fn button(&mut self, object: &Object, at: &str) {
        self.keys(object, at, &["text"], &["action_id", "value", "url", "style", "confirm", "accessibility_label"]);
        self.text(object, "text", at, Texts::Plain, 75);
        self.string(object, "value", at, 2000);
        self.string(object, "accessibility_label", at, 75);
        self.url(object, "url", at);
        self.one_of(object, "style", at, &["primary", "danger"]);
    }

    /// An image block or element.
    pub(super) fn image(&mut self, object: &Object, at: &str) {
        self.keys(object, at, &["alt_text"], &["image_url", "slack_file", "title", "block_id"]);
        if !object.contains_key("image_url") && !object.contains_key("slack_file") {
            self.find("must define either `image_url` or `slack_file`", at);
        }
        self.url(object, "image_url", at);
        self.string(object, "alt_text", at, 2000);
        self.text(object, "title", at, Texts::Plain, 2000);
    }

    fn menu(&mut self, object: &Object, at: &str, more: &[&str]) {
        self.keys(object, at, &[], &[MENU, more].concat());
        self.number(object, "max_selected_items", at, 1..=100);
    }

    fn static_select(&mut self, object: &Object, kind: &str, at: &str) {
        let initial = if kind == "static_select" { "initial_option" } else { "initial_options" };
        self.menu(object, at, &["options", "option_groups", "max_selected_items", initial]);
        match (object.contains_key("options"), object.contains_key("option_groups")) {
            (true, false) => self.options(object, "options", at, 100),
            (false, true) => {
                for (group, at) in self.items(object, "option_groups", at, 100) {
                    let Some(group) = group.as_object() else {
                        self.find("must be an object", &at);
                        continue;
                    };
                    self.keys(group, &at, &["label", "options"], &[]);
                    self.text(group, "label", &at, Texts::Plain, 75);
                    self.options(group, "options", &at, 100);
                }
            }
            (true, true) | (false, false) => self.find("must define either `options` or `option_groups`", at),
        }
        self.initial(object, initial, at);
    }

    fn options(&mut self, object: &Object, key: &str, at: &str, max: usize) {
        let mut seen: Vec<&Value> = Vec::new();
        for (option, at) in self.items(object, key, at, max) {
            let Some(option) = option.as_object() else {
                self.find("must be an object", &at);
                continue;
            };
            self.keys(option, &at, &["text", "value"], &["description", "url"]);
            self.text(option, "text", &at, Texts::Either, 75);
            self.text(option, "description", &at, Texts::Either, 75);
            self.string(option, "value", &at, 150);
            if let Some(value) = option.get("value") {
                if seen.contains(&value) {
                    self.find("duplicate value", &format!("{at}/value"));
                }
                seen.push(value);
            }
        }
    }

    /// What is chosen at first has to be one of the options, to the letter.
    fn initial(&mut self, object: &Object, key: &str, at: &str) {
        let Some(initial) = object.get(key) else { return };
        let chosen: Vec<&Value> = match initial {
            Value::Array(chosen) => chosen.iter().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![initial],
        };
        if chosen.is_empty() {
            self.find("no fewer than 1 items allowed", &format!("{at}/{key}"));
        }
        let options = all_options(object);
        if chosen.iter().any(|choice| !options.contains(choice)) {
            self.find("must be one of the provided options", &format!("{at}/{key}"));
        }
    }

    fn plain_text_input(&mut self, object: &Object, at: &str) {
        self.keys(
            object,
            at,
            &[],
            &[
                "action_id",
                "initial_value",
                "multiline",
                "min_length",
                "max_length",
                "dispatch_action_config",
                "focus_on_load",
                "placeholder",
            ],
        );
        self.flag(object, "multiline", at);
        self.number(object, "min_length", at, 0..=3000);
        self.number(object, "max_length", at, 1..=3000);
    }
}

/// The options of a menu, those in groups included.
pub(super) fn all_options(object: &Object) -> Vec<&Value> {
    let mut options: Vec<&Value> = Vec::new();
    options.extend(object.get("options").and_then(Value::as_array).into_iter().flatten());
    for group in object.get("option_groups").and_then(Value::as_array).into_iter().flatten() {
        options.extend(group.get("options").and_then(Value::as_array).into_iter().flatten());
    }
    options
}

fn is_allowed(kind: &str, place: Place) -> bool {
    match kind {
        "static_select"
        | "external_select"
        | "users_select"
        | "conversations_select"
        | "channels_select"
        | "multi_static_select"
        | "multi_external_select"
        | "multi_users_select"
        | "multi_conversations_select"
        | "multi_channels_select"
        | "datepicker"
        | "timepicker"
        | "checkboxes"
        | "radio_buttons" => true,
        "button" | "overflow" => place != Place::Input,
        "image" => place == Place::Accessory,
        "datetimepicker" => place != Place::Accessory,
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => place == Place::Input,
        _ => false,
    }
}
