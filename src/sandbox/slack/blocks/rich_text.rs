//! Rich text: sections, lists, quotes, code, and the inline pieces in them.

use serde_json::Value;

use super::checker::{Checker, Object};

impl Checker {
    /// A `rich_text` block, cell or field.
    pub(super) fn rich_text(&mut self, object: &Object, at: &str) {
        self.keys(object, at, &["elements"], &["block_id"]);
        for (element, at) in self.items(object, "elements", at, 1000) {
            self.rich_text_part(element, &at);
        }
    }

    /// A field that has to be a whole `rich_text` object, where present.
    pub(super) fn rich_text_field(&mut self, object: &Object, key: &str, at: &str) {
        let Some(value) = object.get(key) else { return };
        let at = format!("{at}/{key}");
        match self.typed(value, &at) {
            Some((object, "rich_text")) => self.rich_text(object, &at),
            Some((_, kind)) => self.find(&format!("unsupported type: {kind}"), &format!("{at}/type")),
            None => {}
        }
    }

    fn rich_text_part(&mut self, value: &Value, at: &str) {
        let Some((object, kind)) = self.typed(value, at) else {
            return;
        };
        match kind {
            "rich_text_section" => self.keys(object, at, &["elements"], &[]),
            "rich_text_preformatted" => self.keys(object, at, &["elements"], &["border", "language"]),
            "rich_text_quote" => self.keys(object, at, &["elements"], &["border"]),
            "rich_text_list" => {
                self.keys(object, at, &["elements", "style"], &["indent", "offset", "border"]);
                self.one_of(object, "style", at, &["bullet", "ordered"]);
            }
            _ => {
                self.find(&format!("unsupported type: {kind}"), &format!("{at}/type"));
                return;
            }
        }
        for (element, at) in self.items(object, "elements", at, 1000) {
            if kind == "rich_text_list" {
                self.rich_text_part(element, &at);
            } else {
                self.inline(element, &at);
            }
        }
    }

    fn inline(&mut self, value: &Value, at: &str) {
        let Some((object, kind)) = self.typed(value, at) else {
            return;
        };
        let (required, optional): (&[&str], &[&str]) = match kind {
            "text" => (&["text"], &["style"]),
            "link" => (&["url"], &["text", "unsafe", "style"]),
            "user" => (&["user_id"], &["style"]),
            "usergroup" => (&["usergroup_id"], &["style"]),
            "channel" => (&["channel_id"], &["style"]),
            "emoji" => (&["name"], &["unicode", "skin_tone", "style"]),
            "date" => (&["timestamp", "format"], &["url", "fallback"]),
            "broadcast" => (&["range"], &["style"]),
            "color" => (&["value"], &[]),
            _ => {
                self.find(&format!("unsupported type: {kind}"), &format!("{at}/type"));
                return;
            }
        };
        self.keys(object, at, required, optional);
        self.string(object, "text", at, 40_000);
        self.url(object, "url", at);
        if let Some(style) = object.get("style") {
            let at = format!("{at}/style");
            match style.as_object() {
                Some(style) => self.keys(
                    style,
                    &at,
                    &[],
                    &["bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"],
                ),
                None => self.find("must be an object", &at),
            }
        }
    }
}
