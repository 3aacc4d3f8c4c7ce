//! Where the journals of the stand-ins are kept, for the judges of tests/judges to read.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Who makes the calls of a journal. A judge forgives a test what the stand-in refused it, and the bot nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The bot's own code.
    Bot,
    /// A test, which also asks for what cannot be had.
    Test,
}

/// A file of its own for a journal, in the folder that `ROLLBOT_RECORD` names; none where it is not set.
#[expect(clippy::disallowed_methods, reason = "the judges are no part of the bot's configuration")]
pub fn file(by: By) -> Option<PathBuf> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = PathBuf::from(std::env::var_os("ROLLBOT_RECORD")?);
    let by = match by {
        By::Bot => "bot",
        By::Test => "test",
    };
    let test = std::thread::current().name().unwrap_or("unnamed").replace("::", ".");
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    Some(folder.join(format!("{by}-{test}-{process}-{count}.jsonl")))
}
