//! The house of ARCHITECTURE.md: a room uses only rooms below it.

#![allow(clippy::expect_used, reason = "a source tree that cannot be read fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from top to bottom. Rooms in one row may not use each other.
const ROOMS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["server", "sandbox"],
    &["slack", "admin", "triggers"],
    &["engine"],
    &["systems", "checks"],
    &["store"],
    &["config"],
    &["aws"],
    &["incident"],
    &["clock", "telemetry"],
];

/// Edges that the order of rows does not allow, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[("clock", "incident", "the clock hands out the heart's own `Now`")];

/// What each room outside the sandbox must not touch: it is for rehearsals only.
const ONLY_CLI_USES: &str = "sandbox";

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn room_of(path: &Path, src: &Path) -> String {
    let inside = path.strip_prefix(src).expect("a file of src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn row(room: &str) -> Option<usize> {
    ROOMS.iter().position(|row| row.contains(&room))
}

/// The rooms named by `crate::room` in a file, each with its line.
fn uses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for part in code.split("crate::").skip(1) {
            let room: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if row(&room).is_some() {
                found.push((number + 1, room));
            }
        }
    }
    found
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    let mut wrong = Vec::new();
    let mut edges = 0;
    for path in &all {
        let room = room_of(path, &src);
        if room == "lib" {
            continue;
        }
        let Some(own) = row(&room) else {
            wrong.push(format!("{}: the house has no room `{room}`", path.display()));
            continue;
        };
        let text = fs::read_to_string(path).expect("a source file can be read");
        for (line, used) in uses(&text) {
            edges += 1;
            let below = row(&used).is_some_and(|other| other > own);
            let excepted = EXCEPTIONS.iter().any(|(from, to, _)| *from == room && *to == used);
            let sandboxed = used == ONLY_CLI_USES && room != "cli" && room != "sandbox";
            if used != room && (sandboxed || !(below || excepted)) {
                wrong.push(format!("{}:{line}: `{room}` uses `{used}`, which is not below it", path.display()));
            }
        }
    }
    assert!(edges > 50, "only {edges} uses were found: the test does not read what it should");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
