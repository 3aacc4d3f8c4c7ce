//! Lines of bounded width.

/// How wide a line may get.
pub(super) const WIDTH: usize = 100;

/// Breaks text between words so that no line is wider than `width` unless one word is; line breaks in it stay.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let indent: String = paragraph.chars().take_while(|char| *char == ' ').collect();
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let is_first = line.is_empty();
            if !is_first && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            } else if !is_first {
                line.push(' ');
            }
            if is_first {
                line.push_str(&indent);
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Every line behind `prefix`; blank ones stay without trailing spaces.
pub(super) fn behind(prefix: &str, lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| format!("{prefix}{line}").trim_end().to_owned()).collect()
}
