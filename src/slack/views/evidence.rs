//! What was seen, as the proof of a result.

use crate::incident::incident::Run;
use crate::incident::plan::Purpose;

use super::brief::brief;

/// How many sentences of evidence are shown at once.
const SHOWN: usize = 6;

/// The evidence of a run's targets and checks, one bullet each; empty where there is none.
pub(super) fn of_run(run: &Run) -> String {
    let texts = [Purpose::RollBack, Purpose::Verify]
        .into_iter()
        .flat_map(|purpose| run.of(purpose))
        .flat_map(|(_, record)| &record.evidence)
        .map(|evidence| evidence.text.as_str());
    bullets(texts)
}

/// One bullet for each text; the last counts what is left out.
pub(super) fn bullets<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = texts.collect();
    let mut lines: Vec<String> = all.iter().take(SHOWN).map(|text| format!("• {}", brief(text, 220))).collect();
    if all.len() > SHOWN {
        lines.push(format!("• and {} more", all.len() - SHOWN));
    }
    lines.join("\n")
}
