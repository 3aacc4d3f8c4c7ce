//! What every block and element is checked for: keys, lengths, counts, texts. Findings are worded as Slack words them.

use serde_json::{Map, Value};

/// Where blocks stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox::slack) enum Surface {
    /// A message.
    Message,
    /// A modal view.
    Modal,
    /// The App Home.
    Home,
}

/// Which text objects are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// `plain_text`.
    Plain,
    /// `plain_text` or `mrkdwn`.
    Either,
}

/// Collects what is wrong.
pub(super) struct Checker {
    pub(super) surface: Surface,
    pub(super) findings: Vec<String>,
}

pub(super) type Object = Map<String, Value>;

impl Checker {
    pub(super) fn find(&mut self, words: &str, at: &str) {
        self.findings.push(format!("{words} [json-pointer:{at}]"));
    }

    /// The value as an object with a `type`; otherwise says so.
    pub(super) fn typed<'a>(&mut self, value: &'a Value, at: &str) -> Option<(&'a Object, &'a str)> {
        let Some(object) = value.as_object() else {
            self.find("must be an object", at);
            return None;
        };
        let Some(Value::String(kind)) = object.get("type") else {
            self.find("missing required field: type", at);
            return None;
        };
        Some((object, kind))
    }

    /// Every required key is there, and no key is unknown.
    pub(super) fn keys(&mut self, object: &Object, at: &str, required: &[&str], optional: &[&str]) {
        for key in required {
            if object.get(*key).is_none_or(Value::is_null) {
                self.find(&format!("missing required field: {key}"), at);
            }
        }
        for key in object.keys() {
            let key = key.as_str();
            if key != "type" && !required.contains(&key) && !optional.contains(&key) {
                self.find(&format!("invalid additional property: {key}"), at);
            }
        }
    }

    /// A string of 1 to `max` characters, where present.
    pub(super) fn string(&mut self, object: &Object, key: &str, at: &str, max: usize) {
        let at = format!("{at}/{key}");
        match object.get(key) {
            None => {}
            Some(Value::String(text)) => self.length(text, &at, max),
            Some(_) => self.find("must be a string", &at),
        }
    }

    fn length(&mut self, text: &str, at: &str, max: usize) {
        let count = text.chars().count();
        if count == 0 {
            self.find("must be more than 0 characters", at);
        } else if count > max {
            self.find(&format!("must be less than {} characters", max + 1), at);
        }
    }

    /// `true` or `false`, where present.
    pub(super) fn flag(&mut self, object: &Object, key: &str, at: &str) {
        if object.get(key).is_some_and(|value| !value.is_boolean()) {
            self.find("must be a boolean", &format!("{at}/{key}"));
        }
    }

    /// A whole number between two bounds, where present.
    pub(super) fn number(&mut self, object: &Object, key: &str, at: &str, bounds: std::ops::RangeInclusive<u64>) {
        if object.get(key).is_some_and(|value| value.as_u64().is_none_or(|number| !bounds.contains(&number))) {
            self.find(&format!("must be between {} and {}", bounds.start(), bounds.end()), &format!("{at}/{key}"));
        }
    }

    /// One of the words, where present.
    pub(super) fn one_of(&mut self, object: &Object, key: &str, at: &str, allowed: &[&str]) {
        let Some(value) = object.get(key) else { return };
        if value.as_str().is_none_or(|word| !allowed.contains(&word)) {
            self.find(&format!("must be one of: {}", allowed.join(", ")), &format!("{at}/{key}"));
        }
    }

    /// An `http`, `https` or `mailto` address, where present.
    pub(super) fn url(&mut self, object: &Object, key: &str, at: &str) {
        self.string(object, key, at, 3000);
        if let Some(address) = object.get(key).and_then(Value::as_str)
            && url::Url::parse(address).is_err()
        {
            self.find("invalid url", &format!("{at}/{key}"));
        }
    }

    /// The items of an array of 1 to `max`, with where they stand.
    pub(super) fn items<'a>(
        &mut self,
        object: &'a Object,
        key: &str,
        at: &str,
        max: usize,
    ) -> Vec<(&'a Value, String)> {
        let at = format!("{at}/{key}");
        match object.get(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                if items.is_empty() {
                    self.find("no fewer than 1 items allowed", &at);
                } else if items.len() > max {
                    self.find(&format!("no more than {max} items allowed"), &at);
                }
                items.iter().enumerate().map(|(position, item)| (item, format!("{at}/{position}"))).collect()
            }
            Some(_) => {
                self.find("must be an array", &at);
                Vec::new()
            }
        }
    }

    /// A text object under `key`, where present.
    pub(super) fn text(&mut self, object: &Object, key: &str, at: &str, texts: Texts, max: usize) {
        if let Some(value) = object.get(key) {
            self.text_object(value, &format!("{at}/{key}"), texts, max);
        }
    }

    /// A text object.
    pub(super) fn text_object(&mut self, value: &Value, at: &str, texts: Texts, max: usize) {
        let Some((object, kind)) = self.typed(value, at) else {
            return;
        };
        match (kind, texts) {
            ("plain_text", _) => self.keys(object, at, &["text"], &["emoji"]),
            ("mrkdwn", Texts::Either) => self.keys(object, at, &["text"], &["verbatim"]),
            _ => {
                self.find("failed to match all allowed schemas", at);
                return;
            }
        }
        self.string(object, "text", at, max);
        self.flag(object, "emoji", at);
        self.flag(object, "verbatim", at);
    }

    /// A confirmation dialogue under `confirm`, where present.
    pub(super) fn confirm(&mut self, object: &Object, at: &str) {
        let Some(value) = object.get("confirm") else { return };
        let at = format!("{at}/confirm");
        let Some(confirm) = value.as_object() else {
            self.find("must be an object", &at);
            return;
        };
        self.keys(confirm, &at, &["title", "text", "confirm", "deny"], &["style"]);
        self.text(confirm, "title", &at, Texts::Plain, 100);
        self.text(confirm, "text", &at, Texts::Either, 300);
        self.text(confirm, "confirm", &at, Texts::Plain, 30);
        self.text(confirm, "deny", &at, Texts::Plain, 30);
        self.one_of(confirm, "style", &at, &["primary", "danger"]);
    }
}
