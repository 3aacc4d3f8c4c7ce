//! Blocks as lines.

use serde_json::Value;

use super::super::form::Values;
use super::super::workspace::Workspace;
use super::mrkdwn::{emoji, mrkdwn};
use super::rich::rich_text;
use super::wrap::{behind, wrap};

fn at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Draws blocks for one workspace and width, with what is filled in.
pub(super) struct Drawing<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) width: usize,
    pub(super) values: &'a Values,
}

impl Drawing<'_> {
    /// The lines of all blocks.
    pub(super) fn blocks(&self, blocks: &[Value]) -> Vec<String> {
        blocks.iter().flat_map(|block| self.block(block)).collect()
    }

    fn block(&self, block: &Value) -> Vec<String> {
        match at(block, "/type") {
            "header" => {
                let lines = wrap(&emoji(at(block, "/text/text")), self.width);
                let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
                lines.into_iter().chain([("═").repeat(longest)]).collect()
            }
            "section" => self.section(block),
            "divider" => vec!["─".repeat(self.width.min(60))],
            "image" => vec![format!("(image: {})", at(block, "/alt_text"))],
            "actions" => self.row(items(block, "elements").map(|element| self.element(block, element))),
            "context" => {
                let pieces: Vec<String> = items(block, "elements").map(|piece| self.piece(piece)).collect();
                behind("· ", wrap(&pieces.join(" · "), self.width.saturating_sub(2)))
            }
            "input" => self.input(block),
            "markdown" => wrap(at(block, "/text"), self.width),
            "rich_text" => wrap(&rich_text(block, self.workspace), self.width),
            "table" => self.table(block),
            "plan" => {
                let tasks = items(block, "tasks").flat_map(|task| self.task(task));
                wrap(at(block, "/title"), self.width).into_iter().chain(behind("  ", tasks.collect())).collect()
            }
            "task_card" => self.task(block),
            "alert" => wrap(&format!("! {}", self.piece(block.get("text").unwrap_or(&Value::Null))), self.width),
            kind => vec![format!("({kind})")],
        }
    }

    /// A text object or a small image.
    fn piece(&self, piece: &Value) -> String {
        match at(piece, "/type") {
            "mrkdwn" => mrkdwn(at(piece, "/text"), self.workspace),
            "image" => format!("({})", at(piece, "/alt_text")),
            _ => emoji(at(piece, "/text")),
        }
    }

    fn section(&self, block: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(text) = block.get("text") {
            lines.extend(wrap(&self.piece(text), self.width));
        }
        let fields: Vec<Vec<String>> =
            items(block, "fields").map(|field| wrap(&self.piece(field), self.width / 2 - 2)).collect();
        for pair in fields.chunks(2) {
            let (left, right) = (pair.first(), pair.get(1));
            let rows = left.map_or(0, Vec::len).max(right.map_or(0, Vec::len));
            let cell = |side: Option<&Vec<String>>, row: usize| side.and_then(|side| side.get(row)).cloned();
            for row in 0..rows {
                let (left, right) = (cell(left, row).unwrap_or_default(), cell(right, row).unwrap_or_default());
                lines.push(format!("{left:<column$}{right}", column = self.width / 2).trim_end().to_owned());
            }
        }
        if let Some(accessory) = block.get("accessory") {
            lines.extend(wrap(&self.element(block, accessory), self.width));
        }
        lines
    }

    /// Elements beside each other, as many in a line as fit.
    fn row(&self, elements: impl Iterator<Item = String>) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for element in elements {
            match lines.last_mut() {
                Some(line) if line.chars().count() + 2 + element.chars().count() <= self.width => {
                    line.push_str("  ");
                    line.push_str(&element);
                }
                Some(_) | None => lines.push(element),
            }
        }
        lines
    }

    fn element(&self, block: &Value, element: &Value) -> String {
        let value = self
            .values
            .get(at(block, "/block_id"))
            .and_then(|block| block.get(at(element, "/action_id")))
            .unwrap_or(&Value::Null);
        match at(element, "/type") {
            "button" => format!("[ {} ]", emoji(at(element, "/text/text"))),
            "image" => format!("(image: {})", at(element, "/alt_text")),
            "overflow" => "[ … ]".to_owned(),
            "checkboxes" | "radio_buttons" => items(element, "options")
                .map(|option| {
                    let chosen = value.get("selected_option") == Some(option)
                        || items(value, "selected_options").any(|chosen| chosen == option);
                    format!("[{}] {}", if chosen { "x" } else { " " }, self.piece(option.get("text").unwrap_or(option)))
                })
                .collect::<Vec<_>>()
                .join("\n"),
            kind => {
                let filled = self.filled(value);
                let blank = "_".repeat(12);
                let placeholder = Some(at(element, "/placeholder/text")).filter(|text| !text.is_empty());
                let shown = if filled.is_empty() { placeholder.unwrap_or(&blank).to_owned() } else { filled };
                let menu = if kind.contains("select") { " ▾" } else { "" };
                format!("[ {shown}{menu} ]")
            }
        }
    }

    /// What a value of `state.values` shows.
    fn filled(&self, value: &Value) -> String {
        let name = |id: &str| match self.workspace.channel(id) {
            Some(channel) => format!("#{}", channel.name),
            None if self.workspace.person(id).is_some() => format!("@{}", self.workspace.handle(id)),
            None => id.to_owned(),
        };
        let show = |value: &Value| match value {
            Value::String(text) => name(text),
            Value::Number(number) => number.to_string(),
            Value::Object(_) => at(value, "/text/text").to_owned(),
            Value::Null | Value::Bool(_) | Value::Array(_) => String::new(),
        };
        let held = value.as_object().into_iter().flatten().find(|(key, _)| *key != "type").map(|(_, held)| held);
        match held {
            Some(Value::Array(several)) => several.iter().map(show).collect::<Vec<_>>().join(", "),
            Some(held) => show(held),
            None => String::new(),
        }
    }

    fn input(&self, block: &Value) -> Vec<String> {
        let optional = block.get("optional").and_then(Value::as_bool).unwrap_or_default();
        let mark = if optional { " (optional)" } else { "" };
        let mut lines = wrap(&format!("{}{mark}", at(block, "/label/text")), self.width);
        let element = block.get("element").unwrap_or(&Value::Null);
        lines.extend(behind("  ", wrap(&self.element(block, element), self.width.saturating_sub(2))));
        let hint = at(block, "/hint/text");
        if !hint.is_empty() {
            lines.extend(behind("  ", wrap(hint, self.width.saturating_sub(2))));
        }
        lines
    }

    fn task(&self, task: &Value) -> Vec<String> {
        let sign = match at(task, "/status") {
            "complete" => "✓",
            "in_progress" => "▸",
            "error" => "✗",
            _ => "○",
        };
        let mut lines = wrap(&format!("{sign} {}", emoji(at(task, "/title"))), self.width.saturating_sub(2));
        for key in ["details", "output"] {
            if let Some(text) = task.get(key) {
                let text = rich_text(text, self.workspace);
                lines.extend(behind("    ", wrap(&text, self.width.saturating_sub(6))));
            }
        }
        lines
    }

    fn table(&self, block: &Value) -> Vec<String> {
        let rows: Vec<Vec<String>> = items(block, "rows")
            .map(|row| {
                let cells = row.as_array().into_iter().flatten();
                cells
                    .map(|cell| match at(cell, "/type") {
                        "rich_text" => rich_text(cell, self.workspace).replace('\n', " "),
                        _ => at(cell, "/text").to_owned(),
                    })
                    .collect()
            })
            .collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
            })
            .collect();
        rows.iter()
            .map(|row| {
                let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
                cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
            })
            .collect()
    }
}
