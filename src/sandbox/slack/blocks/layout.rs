//! Layout blocks.

use serde_json::Value;

use super::checker::{Checker, Object, Surface, Texts};
use super::elements::Place;

impl Checker {
    /// One block.
    pub(super) fn block(&mut self, value: &Value, at: &str) {
        let Some((object, kind)) = self.typed(value, at) else {
            return;
        };
        self.string(object, "block_id", at, 255);
        match kind {
            "section" => self.section(object, at),
            "header" => {
                self.keys(object, at, &["text"], &["block_id", "level"]);
                self.text(object, "text", at, Texts::Plain, 150);
                self.number(object, "level", at, 1..=4);
            }
            "divider" => self.keys(object, at, &[], &["block_id"]),
            "image" => self.image(object, at),
            "actions" => {
                self.keys(object, at, &["elements"], &["block_id"]);
                for (element, at) in self.items(object, "elements", at, 25) {
                    self.element(element, &at, Place::Actions);
                }
                self.unique_action_ids(object, at);
            }
            "context" => self.context(object, at),
            "input" => self.input(object, at),
            "markdown" => {
                self.keys(object, at, &["text"], &["block_id"]);
                self.string(object, "text", at, 12_000);
            }
            "rich_text" => self.rich_text(object, at),
            "table" => self.table(object, at),
            "plan" => self.plan(object, at),
            "task_card" => self.task_card(object, at),
            "alert" if self.surface == Surface::Modal => {
                self.keys(object, at, &["text"], &["block_id", "level"]);
                self.text(object, "text", at, Texts::Either, 3000);
                self.one_of(object, "level", at, &["default", "info", "warning", "error", "success"]);
            }
            _ => self.find(&format!("unsupported type: {kind}"), &format!("{at}/type")),
        }
    }

    fn section(&mut self, object: &Object, at: &str) {
        self.keys(object, at, &[], &["text", "fields", "accessory", "expand", "block_id"]);
        if !object.contains_key("text") && !object.contains_key("fields") {
            self.find("must define either `text` or `fields`", at);
        }
        self.text(object, "text", at, Texts::Either, 3000);
        for (field, at) in self.items(object, "fields", at, 10) {
            self.text_object(field, &at, Texts::Either, 2000);
        }
        self.flag(object, "expand", at);
        if let Some(accessory) = object.get("accessory") {
            self.element(accessory, &format!("{at}/accessory"), Place::Accessory);
        }
    }

    fn context(&mut self, object: &Object, at: &str) {
        self.keys(object, at, &["elements"], &["block_id"]);
        for (element, at) in self.items(object, "elements", at, 10) {
            match self.typed(element, &at) {
                Some((image, "image")) => self.image(image, &at),
                Some(_) => self.text_object(element, &at, Texts::Either, 3000),
                None => {}
            }
        }
    }

    fn input(&mut self, object: &Object, at: &str) {
        self.keys(object, at, &["label", "element"], &["block_id", "dispatch_action", "hint", "optional"]);
        self.text(object, "label", at, Texts::Plain, 2000);
        self.text(object, "hint", at, Texts::Plain, 2000);
        self.flag(object, "optional", at);
        self.flag(object, "dispatch_action", at);
        if let Some(element) = object.get("element") {
            self.element(element, &format!("{at}/element"), Place::Input);
        }
    }

    fn table(&mut self, object: &Object, at: &str) {
        self.keys(object, at, &["rows"], &["block_id", "column_settings"]);
        for (row, at) in self.items(object, "rows", at, 100) {
            let Some(cells) = row.as_array() else {
                self.find("must be an array", &at);
                continue;
            };
            if cells.len() > 20 {
                self.find("no more than 20 items allowed", &at);
            }
            for (position, cell) in cells.iter().enumerate() {
                let at = format!("{at}/{position}");
                match self.typed(cell, &at) {
                    Some((cell, "raw_text")) => {
                        self.keys(cell, &at, &["text"], &[]);
                        self.string(cell, "text", &at, 10_000);
                    }
                    Some((cell, "rich_text")) => self.rich_text(cell, &at),
                    Some((_, kind)) => self.find(&format!("unsupported type: {kind}"), &format!("{at}/type")),
                    None => {}
                }
            }
        }
        for (setting, at) in self.items(object, "column_settings", at, 20) {
            let Some(setting) = setting.as_object() else { continue };
            self.keys(setting, &at, &[], &["align", "is_wrapped"]);
            self.one_of(setting, "align", &at, &["left", "center", "right"]);
        }
    }

    fn plan(&mut self, object: &Object, at: &str) {
        self.keys(object, at, &["title"], &["tasks", "block_id"]);
        self.string(object, "title", at, 256);
        let mut seen: Vec<&Value> = Vec::new();
        for (task, at) in self.items(object, "tasks", at, 50) {
            match self.typed(task, &at) {
                Some((task, "task_card")) => {
                    self.task_card(task, &at);
                    if let Some(id) = task.get("task_id") {
                        if seen.contains(&id) {
                            self.find(&format!("`task_id` {id} already exists"), &format!("{at}/task_id"));
                        }
                        seen.push(id);
                    }
                }
                Some((_, kind)) => self.find(&format!("unsupported type: {kind}"), &format!("{at}/type")),
                None => {}
            }
        }
    }

    fn task_card(&mut self, object: &Object, at: &str) {
        self.keys(
            object,
            at,
            &["task_id", "title"],
            &["status", "details", "output", "sources", "icon", "hide_title", "block_id"],
        );
        self.string(object, "task_id", at, 255);
        self.string(object, "title", at, 256);
        self.one_of(object, "status", at, &["pending", "in_progress", "complete", "error"]);
        self.rich_text_field(object, "details", at);
        self.rich_text_field(object, "output", at);
        for (source, at) in self.items(object, "sources", at, 50) {
            if let Some((source, _)) = self.typed(source, &at) {
                self.keys(source, &at, &["url", "text"], &[]);
                self.url(source, "url", &at);
            }
        }
    }

    fn unique_action_ids(&mut self, object: &Object, at: &str) {
        let mut seen: Vec<&str> = Vec::new();
        let elements = object.get("elements").and_then(Value::as_array).into_iter().flatten();
        for (position, element) in elements.enumerate() {
            let Some(id) = element.get("action_id").and_then(Value::as_str) else {
                continue;
            };
            if seen.contains(&id) {
                self.find(
                    &format!("`action_id` \"{id}\" already exists for block"),
                    &format!("{at}/elements/{position}/action_id"),
                );
            }
            seen.push(id);
        }
    }
}
