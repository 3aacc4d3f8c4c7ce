//! Which releases of several targets belong together. Pure.
//!
//! "The one before" of each target for itself may be a mixture that never ran. So the first target that knows a release
//! before leads: it goes back to that, and the others to what ran together with it. By commit, where every target's releases
//! carry one: the release that was built from the same commit. Else by time: what ran at the moment before the first
//! target's bad deployment. What a target runs already it keeps. Where neither can be told, each goes back to its own
//! release before, and the card says so.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::incident::release::Release;
use crate::systems::planned::Ran;

/// Deployments of one change follow one another within this; targets are not always deployed in the order in which they
/// are taken back. Long enough for a pipeline of several stages, and shorter than two changes usually lie apart.
const ONE_CHANGE: Duration = Duration::from_mins(30);

/// A target that is to go back together with others.
#[derive(Debug, Clone)]
pub(super) struct Member<'a> {
    /// The name of its step.
    pub(super) name: &'a str,
    /// What is asked to run now.
    pub(super) now: &'a Release,
    /// What it would go back to by itself, where it would: a target that has been taken back already would not.
    pub(super) own: Option<&'a Release>,
    /// What ran, newest first.
    pub(super) past: &'a [Ran],
}

/// What belongs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matching {
    /// How it was found, as a sentence for the card.
    pub(super) how: String,
    /// Where each member is to go, in their order.
    pub(super) aims: Vec<Aim>,
    /// What whoever approves should know.
    pub(super) warnings: Vec<String>,
}

/// Where a member is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Aim {
    /// To what it would go back to by itself.
    Own,
    /// To this release; why, as a sentence.
    To {
        /// The release.
        release: Release,
        /// Why.
        why: String,
    },
    /// Nowhere: it runs what belongs to the others already.
    Stay {
        /// Why, as a sentence.
        why: String,
    },
}

/// The member that leads.
struct Lead<'a> {
    name: &'a str,
    now: &'a Release,
    own: &'a Release,
}

/// What belongs to what the first of `members` goes back to that would go anywhere; `None` where there is nobody beside
/// it, or none would.
pub(super) fn matched(members: &[Member<'_>]) -> Option<Matching> {
    let place = members.iter().position(|member| member.own.is_some())?;
    let member = members.get(place)?;
    let lead = Lead { name: member.name, now: member.now, own: member.own? };
    let others: Vec<&Member<'_>> =
        members.iter().enumerate().filter(|(number, _)| *number != place).map(|(_, other)| other).collect();
    if others.is_empty() {
        return None;
    }
    let found = by_commit(&lead, &others).or_else(|| by_time(&lead, &others));
    let mut matching = found.unwrap_or_else(|| apart(&lead, &others));
    matching.aims.insert(place.min(matching.aims.len()), Aim::Own);
    Some(matching)
}

/// `None` unless what runs and what would be gone back to carry commits everywhere, and every other target has a release
/// of the lead's. Older releases may lack theirs: their images are often gone.
fn by_commit(lead: &Lead<'_>, others: &[&Member<'_>]) -> Option<Matching> {
    let commit = lead.own.commit.as_deref()?;
    let carries_one = |release: &Release| release.commit.is_some();
    let all_carry_one = others.iter().all(|other| carries_one(other.now) && other.own.is_none_or(carries_one));
    if !carries_one(lead.now) || !all_carry_one {
        return None;
    }
    let is_same = |release: &Release| release.commit.as_deref().is_some_and(|other| same_commit(commit, other));
    let mut aims = Vec::new();
    for other in others {
        let aim = if is_same(other.now) {
            let why =
                format!("{} was built from {} too and runs already, so it stays.", other.now.name(), short(commit));
            Aim::Stay { why }
        } else {
            let ran = other.past.iter().find(|ran| is_same(&ran.release))?;
            let why = format!("Built from {}, like {} of {}.", short(commit), lead.own.name(), lead.name);
            towards(other, &ran.release, why)
        };
        aims.push(aim);
    }
    let how = format!("Matched by commit: all of these were built from {}.", short(commit));
    Some(Matching { how, aims, warnings: Vec::new() })
}

/// `None` where nobody knows when the lead's bad deployment began.
fn by_time(lead: &Lead<'_>, others: &[&Member<'_>]) -> Option<Matching> {
    let bad = lead.now.deployed_at?;
    let window = SignedDuration::try_from(ONE_CHANGE).ok()?;
    // The same change may have been deployed elsewhere a little earlier; what ran before is what ran before all of it.
    let moment = others
        .iter()
        .filter_map(|other| other.now.deployed_at)
        .filter(|at| *at <= bad && bad.duration_since(*at) <= window)
        .fold(bad, Timestamp::min);
    let when = moment.strftime("%-d %b %H:%M UTC").to_string();
    let (mut aims, mut warnings) = (Vec::new(), Vec::new());
    for other in others {
        aims.push(match other.past.iter().find(|ran| ran.since < moment) {
            Some(ran) if ran.release.id == other.now.id => {
                let why = format!("{} ran before {when} too and runs still, so it stays.", other.now.name());
                Aim::Stay { why }
            }
            Some(ran) => towards(other, &ran.release, format!("It ran before {when}, together with the others.")),
            None => {
                warnings.push(format!(
                    "What {} ran before {when} is not known; it goes back to its own release before.",
                    other.name
                ));
                Aim::Own
            }
        });
    }
    let how = format!("Matched by time: this is what ran before {when}, when {} was deployed.", lead.name);
    Some(Matching { how, aims, warnings })
}

fn apart(lead: &Lead<'_>, others: &[&Member<'_>]) -> Matching {
    let how = format!(
        "Not matched: it is not known when {} was deployed, so each target goes back to its own release before.",
        lead.name
    );
    let warnings = vec!["These releases may never have run together.".to_owned()];
    Matching { how, aims: vec![Aim::Own; others.len()], warnings }
}

/// To `release`, which may be where the member goes by itself; then its own words stand, for they say more.
fn towards(member: &Member<'_>, release: &Release, why: String) -> Aim {
    if member.own.is_some_and(|own| own.id == release.id) {
        Aim::Own
    } else {
        Aim::To { release: release.clone(), why }
    }
}

/// Whether two names stand for one commit: one may be the beginning of the other.
fn same_commit(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// A commit as people write it.
fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A time on the incident's day.
    fn at(time: &str) -> Timestamp {
        format!("2026-11-12T{time}:00Z").parse().unwrap()
    }

    /// `41@10:00#9f3c1ab`: release 41, deployed at ten, built from that commit; time and commit may be left out.
    fn release(text: &str) -> Release {
        let (rest, commit) = text.split_once('#').map_or((text, None), |(rest, commit)| (rest, Some(commit)));
        let (id, time) = rest.split_once('@').map_or((rest, None), |(id, time)| (id, Some(time)));
        Release {
            id: id.to_owned(),
            label: id.to_owned(),
            version: None,
            commit: commit.map(str::to_owned),
            images: Vec::new(),
            deployed_at: time.map(at),
            deployed_by: None,
        }
    }

    /// A target as `now < own < older …`: what runs, what it would go back to, and what ran before that. With `! ` before
    /// it, it would not go back by itself.
    fn matching_of(targets: &[&str]) -> Option<Matching> {
        let told: Vec<(String, Vec<Release>, Vec<Ran>)> = targets
            .iter()
            .zip(["a", "b", "c"])
            .map(|(target, name)| {
                let releases: Vec<Release> = target.trim_start_matches("! ").split(" < ").map(release).collect();
                let past = releases
                    .iter()
                    .filter_map(|release| Some(Ran { release: release.clone(), since: release.deployed_at? }));
                (name.to_owned(), releases.clone(), past.collect())
            })
            .collect();
        let members: Vec<Member<'_>> = told
            .iter()
            .zip(targets)
            .map(|((name, releases, past), target)| {
                let own = releases.get(1).filter(|_| !target.starts_with('!'));
                Member { name, now: &releases[0], own, past }
            })
            .collect();
        matched(&members)
    }

    /// How it was matched, and where each target goes: `own`, `stay`, or a release.
    fn outcome(targets: &[&str]) -> String {
        let Some(Matching { how, aims, warnings }) = matching_of(targets) else { return "alone".to_owned() };
        let how = how.split(':').next().unwrap().replace("Matched by ", "").to_lowercase();
        let aims: Vec<String> = aims
            .into_iter()
            .map(|aim| match aim {
                Aim::Own => "own".to_owned(),
                Aim::To { release, .. } => release.id,
                Aim::Stay { .. } => "stay".to_owned(),
            })
            .collect();
        let doubt = if warnings.is_empty() { "" } else { "?" };
        format!("{how}{doubt}: {}", aims.join(" "))
    }

    #[rstest]
    #[case::one_target_alone(&["42@12:00 < 41@10:00"], "alone")]
    // By commit.
    #[case::both_were_built_from_it(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "8@12:00#cccccc2 < 7@10:00#aaaaaa1"], "commit: own own")]
    #[case::the_other_was_deployed_once_more(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "9@12:30#ddddd33 < 8@12:00#cccccc2 < 7@10:00#aaaaaa1"], "commit: own 7")]
    #[case::the_other_runs_it_already(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "7@10:00#aaaaaa1 < 6@08:00#9999999"], "commit: own stay")]
    #[case::a_short_and_a_long_sha(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "8@12:00#cccccc2 < 7@10:00#aaaaaa1bbbbbbb"], "commit: own own")]
    #[case::three_targets(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "9@13:00#eeeeee5 < 8@12:00#cccccc2 < 7@10:00#aaaaaa1", "3@10:00#aaaaaa1 < 2@08:00#9999999"], "commit: own 7 stay")]
    #[case::commits_count_more_than_times(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "9@11:00#bbbbbb2 < 8@09:00#aaaaaa1 < 7@08:00#9999999"], "commit: own own")]
    #[case::the_same_commit_deployed_twice(&["42@12:00#aaaaaa1 < 41@10:00#aaaaaa1", "8@12:00#aaaaaa1 < 7@10:00#9999999"], "commit: own stay")]
    #[case::an_old_one_carries_none(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "8@12:01#cccccc2 < 7@10:00#aaaaaa1 < 6@08:00"], "commit: own own")]
    // No release of the commit, or none carries one: by time.
    #[case::the_other_has_no_build_of_it(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "8@12:01#cccccc2 < 7@09:00#9999999"], "time: own own")]
    #[case::the_others_own_carries_none(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "9@12:01#cccccc2 < 8@11:00 < 7@10:00#aaaaaa1"], "time: own own")]
    #[case::the_first_carries_none(&["42@12:00 < 41@10:00", "8@12:01#cccccc2 < 7@10:00#aaaaaa1"], "time: own own")]
    // By time.
    #[case::deployed_one_after_the_other(&["42@12:00 < 41@10:00", "8@12:05 < 7@10:05"], "time: own own")]
    #[case::deployed_the_other_way_round(&["42@12:05 < 41@10:05", "8@12:00 < 7@10:00"], "time: own own")]
    #[case::the_other_was_not_deployed_since(&["42@12:00 < 41@10:00", "7@09:00 < 6@08:00"], "time: own stay")]
    #[case::the_other_was_deployed_twice_since(&["42@12:00 < 41@10:00", "9@12:40 < 8@12:03 < 7@09:00"], "time: own 7")]
    #[case::the_other_had_a_change_of_its_own_before(&["42@12:00 < 41@08:00", "8@11:00 < 7@09:00"], "time: own stay")]
    #[case::half_an_hour_is_one_change(&["42@12:00 < 41@08:00", "8@11:30 < 7@09:00"], "time: own own")]
    #[case::more_is_two(&["42@12:00 < 41@08:00", "8@11:29 < 7@09:00"], "time: own stay")]
    #[case::the_third_only_was_earlier(&["42@12:00 < 41@08:00", "8@12:00 < 7@11:55 < 6@07:00", "3@11:50 < 2@07:30"], "time: own 6 own")]
    #[case::nobody_knows_what_ran_then(&["42@12:00 < 41@10:00", "8@13:00 < 7@12:30"], "time?: own own")]
    #[case::a_time_is_missing_on_the_other(&["42@12:00 < 41@10:00", "8 < 7"], "time?: own own")]
    // One that has been taken back already does not go back by itself.
    #[case::taken_back_to_the_same_commit(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "! 7@12:40#aaaaaa1 < 8@12:00#cccccc2"], "commit: own stay")]
    #[case::taken_back_too_far(&["42@12:00#cccccc2 < 41@10:00#aaaaaa1", "! 6@12:40#9999999 < 8@12:00#cccccc2 < 7@10:00#aaaaaa1"], "commit: own 7")]
    #[case::the_first_was_taken_back(&["! 41@12:40#aaaaaa1 < 42@12:00#cccccc2", "8@12:00#cccccc2 < 7@10:00#aaaaaa1"], "commit: stay own")]
    #[case::none_would_go(&["! 41@12:40 < 42@12:00", "! 7@12:40 < 8@12:00"], "alone")]
    // Neither.
    #[case::nobody_knows_when_the_first_was_deployed(&["42 < 41@10:00", "8@12:00 < 7@10:00"], "not matched?: own own")]
    fn releases_that_ran_together_are_found(#[case] targets: &[&str], #[case] expected: &str) {
        assert_eq!(outcome(targets), expected);
    }

    #[test]
    fn the_card_says_how() {
        let by_commit = matching_of(&[
            "42@12:00#cccccc2 < 41@10:00#aaaaaa1",
            "9@12:30#ddddd33 < 8@12:00#cccccc2 < 7@10:00#aaaaaa1",
        ]);
        let by_commit = by_commit.unwrap();
        assert_eq!(by_commit.how, "Matched by commit: all of these were built from aaaaaa1.");
        assert!(matches!(&by_commit.aims[1], Aim::To { why, .. } if why == "Built from aaaaaa1, like 41 of a."));
        let by_time = matching_of(&["42@12:00 < 41@10:00", "7@09:00 < 6@08:00"]).unwrap();
        assert_eq!(by_time.how, "Matched by time: this is what ran before 12 Nov 12:00 UTC, when a was deployed.");
        let Aim::Stay { why } = &by_time.aims[1] else { panic!("{by_time:?}") };
        assert_eq!(why, "7 ran before 12 Nov 12:00 UTC too and runs still, so it stays.");
    }
}
