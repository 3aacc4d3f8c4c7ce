//! Which version is gone back to. Pure.
//!
//! Nobody records where an alias pointed. So the release before is, in this order:
//! 1. where the alias points, if a newer version is only on trial with a part of its calls;
//! 2. what Rollbot's own record calls good, if that was so when the next lower version existed already;
//! 3. the next lower version with other code.

use super::inventory::{AliasInventory, Code, LATEST, LambdaInventory, number, short};
use crate::systems::planned::{PlanRefusal, ProvedRelease};

/// The shortest piece of a commit or of a `CodeSha256` that names a version.
const SHORTEST: usize = 7;

/// A version to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The version.
    pub code: &'a Code,
    /// How it was found, as a sentence.
    pub how: String,
    /// What whoever approves should know of that.
    pub doubts: Vec<String>,
}

/// The version that `to` names; with `None` or `previous`, the release before. `proved` is newest first.
///
/// # Errors
/// Why none can be chosen, and what to do.
pub fn choose<'a>(
    inventory: &'a LambdaInventory,
    to: Option<&str>,
    proved: &[ProvedRelease],
) -> Result<Choice<'a>, PlanRefusal> {
    match asked(to) {
        None => previous(inventory, proved),
        Some(to) => match found(inventory, to).as_slice() {
            [one] => Ok(Choice { code: one, how: "Asked for by name.".to_owned(), doubts: Vec::new() }),
            [] => Err(PlanRefusal::new(format!(
                "`{to}` names no version of {}. Write its number, its description or the beginning of its commit; \
                 `/rollback releases` lists what there is. Versions that were deleted cannot be gone back to.",
                inventory.spec.function
            ))),
            several => Err(PlanRefusal::new(format!(
                "`{to}` names several versions of {}: {}. Write one of these numbers.",
                inventory.spec.function,
                several.iter().map(|code| code.version.as_str()).collect::<Vec<_>>().join(", ")
            ))),
        },
    }
}

/// The version that `to` names, if it names one: it is looked at too.
pub fn named(inventory: &LambdaInventory, to: Option<&str>) -> Option<String> {
    match found(inventory, asked(to)?).as_slice() {
        [one] => Some(one.version.clone()),
        _ => None,
    }
}

fn asked(to: Option<&str>) -> Option<&str> {
    to.map(str::trim).filter(|to| !to.is_empty() && !to.eq_ignore_ascii_case("previous"))
}

fn found<'a>(inventory: &'a LambdaInventory, to: &str) -> Vec<&'a Code> {
    let by = |is: &dyn Fn(&Code) -> bool| inventory.versions.iter().filter(|code| is(code)).collect::<Vec<_>>();
    let lower = to.to_lowercase();
    let plain = lower.strip_prefix("version ").or_else(|| lower.strip_prefix('v')).unwrap_or(&lower);
    let exact =
        by(&|code| code.version == to || code.arn == to || (!code.description.is_empty() && code.description == to));
    if !exact.is_empty() {
        return exact;
    }
    let numbered = by(&|code| code.version == plain);
    if !numbered.is_empty() {
        return numbered;
    }
    let is_piece = to.len() >= SHORTEST;
    by(&|code| {
        is_piece
            && (code.sha256.starts_with(to)
                || commit(&code.description).is_some_and(|commit| commit.starts_with(&lower)))
    })
}

/// The commit that a description names: a whole sha, or a piece that stands alone.
pub fn commit(description: &str) -> Option<String> {
    let is_hex = |word: &str| word.chars().all(|digit| digit.is_ascii_hexdigit());
    let mut words = description.split(|c: char| !c.is_ascii_alphanumeric());
    if let Some(whole) = words.find(|word| word.len() == 40 && is_hex(word)) {
        return Some(whole.to_lowercase());
    }
    let alone = description.trim();
    let is_piece =
        (SHORTEST..40).contains(&alone.len()) && is_hex(alone) && alone.chars().any(|c| c.is_ascii_alphabetic());
    is_piece.then(|| alone.to_lowercase())
}

fn previous<'a>(inventory: &'a LambdaInventory, proved: &[ProvedRelease]) -> Result<Choice<'a>, PlanRefusal> {
    if let Some(trial) = inventory.alias.as_ref().and_then(|alias| on_trial(inventory, alias)) {
        return Ok(trial);
    }
    let function = &inventory.spec.function;
    let (now, below) = standing(inventory);
    let older: Vec<&Code> = inventory.versions.iter().filter(|code| code.number() < below).collect();
    let Some(next) = older.iter().copied().find(|code| !code.is_same_code(now)) else {
        let count = older.len();
        return Err(PlanRefusal::new(if count == 0 {
            format!(
                "{function} has no published version before what runs now, so there is nothing to go back to. Deploy the \
                 earlier code; versions that the deployment publishes (PublishVersion) can be gone back to."
            )
        } else {
            format!(
                "All {count} versions of {function} before what runs now have the same code. If their settings are what is \
                 wanted, name one with `to <version>`."
            )
        }));
    };
    let before = match &inventory.spec.alias {
        Some(alias) => format!("where {alias} pointed before"),
        None => "what it ran before".to_owned(),
    };
    let own = proved.iter().find_map(|proved| {
        let code = older.iter().copied().find(|code| code.arn == proved.id && !code.is_same_code(now))?;
        let existed = next.modified.is_none_or(|published| published <= proved.at);
        (code.version == next.version || existed).then_some((code, proved.at))
    });
    let (code, how) = match own {
        Some((code, at)) => (
            code,
            format!(
                "Version {} was good on {}: that is {before}, as far as Rollbot's record goes.",
                code.version,
                at.strftime("%-d %b at %H:%M UTC")
            ),
        ),
        None => (next, format!("The next lower version with other code; nothing records {before}.")),
    };
    let passed =
        older.iter().copied().take_while(|one| one.version != code.version).filter(|one| one.is_same_code(now));
    let doubts = passed.map(|one| {
        let changes = now.settings.changes_to(&one.settings);
        let changes = if changes.is_empty() { String::new() } else { format!(" ({})", changes.join(", ")) };
        format!(
            "Version {} has the code that runs now and other settings{changes}. If the settings are what broke it, go \
             `to {}`.",
            one.version, one.version
        )
    });
    Ok(Choice { code, how, doubts: doubts.collect() })
}

/// What runs now, and the number below which versions are older than that.
fn standing(inventory: &LambdaInventory) -> (&Code, u64) {
    let now = inventory.present().unwrap_or(&inventory.latest);
    if now.version != LATEST {
        return (now, now.number());
    }
    // `$LATEST` has no number of its own: the newest version with its code stands for it.
    let same = inventory.versions.iter().find(|code| code.is_same_code(now));
    (now, same.map_or(u64::MAX, Code::number))
}

/// The version that an alias points at, where a newer one has only a part of the calls.
fn on_trial<'a>(inventory: &'a LambdaInventory, alias: &AliasInventory) -> Option<Choice<'a>> {
    let alias = &alias.alias;
    let (trial, weight) = alias.weights.iter().max_by_key(|(version, _)| number(version))?;
    if number(trial) < number(&alias.version) {
        return None;
    }
    let code = inventory.code(&alias.version)?;
    Some(Choice {
        code,
        how: format!(
            "Version {trial} is on trial with {weight} of the calls to {}; version {} has the rest, and gets all of them.",
            alias.name, alias.version
        ),
        doubts: Vec::new(),
    })
}

/// What runs now, for people: `version 3`, or `the code of version 3` where `$LATEST` has it.
pub fn words(inventory: &LambdaInventory, code: &Code) -> String {
    if code.version != LATEST {
        return format!("version {}", code.version);
    }
    match inventory.versions.iter().find(|version| version.is_same_code(code)) {
        Some(version) => format!("code of version {}", version.version),
        None => format!("unpublished code {}", short(&code.sha256)),
    }
}
