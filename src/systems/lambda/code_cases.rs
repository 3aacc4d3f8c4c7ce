//! What follows from what is seen of a function without an alias.

use serde_json::json;

use super::act::Do;
use super::code::{CodeSeen, judge};
use super::fixtures::{act, code, minutes, standing, taken};
use super::inventory::{Code, LATEST};
use super::judge::{Past, Seen};
use super::settings::{Fingerprint, Setting};
use crate::incident::lambda::{LambdaWork, VersionBack};
use crate::incident::step::{Act, ActOutcome, Failure};
use crate::incident::time::Now;
use crate::systems::step_kind::{Judgement, Outcome, StepJournal, StepKind as _};

fn back() -> VersionBack {
    VersionBack {
        function: "jobs".to_owned(),
        version: "2".to_owned(),
        from: "sha-three".to_owned(),
        to: "sha-two".to_owned(),
    }
}

fn send(revision: &str) -> Do {
    Do::UpdateFunctionCode { version: "2".to_owned(), sha256: "sha-two".to_owned(), revision: revision.to_owned() }
}

fn set(sets: &[&str], revision: &str) -> Do {
    let sets = sets.iter().map(|&one| one.to_owned()).collect();
    Do::UpdateFunctionConfiguration { like: Some("2".to_owned()), sets, revision: revision.to_owned() }
}

fn latest(sha256: &str, timeout: u32) -> Code {
    code(LATEST, sha256, timeout, 0)
}

fn judged(latest: &Code, own: &[Past], at: i64) -> Judgement<Do> {
    let seen = CodeSeen { latest: latest.clone(), version: code("2", "sha-two", 3, -4_000) };
    judge(&back(), &seen, &own.iter().collect::<Vec<_>>(), Now::real(minutes(at)))
}

fn fails(judgement: Judgement<Do>) -> Failure {
    let Judgement::Failed(failure) = judgement else { panic!("it does not fail: {judgement:?}") };
    failure
}

#[test]
fn c18_first_the_code_goes_back_then_the_settings_then_it_is_done() {
    assert_eq!(judged(&latest("sha-three", 30), &[], 0), Judgement::Act(send("revision-$LATEST")));
    let sent = act(send("before"), 0, taken());
    let mut updating = latest("sha-two", 30);
    updating.update = standing("InProgress");
    let Judgement::Wait(progress) = judged(&updating, std::slice::from_ref(&sent), 0) else { panic!("it waits") };
    assert_eq!(progress, "jobs is being updated");
    assert_eq!(
        judged(&latest("sha-two", 30), std::slice::from_ref(&sent), 0),
        Judgement::Act(set(&["timeout 30 s → 3 s"], "revision-$LATEST"))
    );
    let configured = act(set(&["timeout 30 s → 3 s"], "between"), 0, taken());
    let Judgement::Done { evidence, .. } = judged(&latest("sha-two", 3), &[sent, configured], 1) else {
        panic!("it is done")
    };
    assert_eq!(evidence[0].text, "jobs has the code of version 2 (CodeSha256 sha-two).");
}

#[test]
fn c18_settings_that_are_as_they_were_are_not_sent() {
    let sent = act(send("before"), 0, taken());
    assert!(matches!(judged(&latest("sha-two", 3), &[sent], 0), Judgement::Done { .. }));
}

#[test]
fn peer_08_the_journal_names_variables_and_holds_no_value() {
    let mut changed = latest("sha-two", 3);
    changed.settings.environment.insert("TABLE".to_owned(), Fingerprint::of("hunter2"));
    let Judgement::Act(what) = judged(&changed, &[], 0) else { panic!("it acts") };
    let journal = serde_json::to_string(&what).unwrap();
    assert!(journal.contains("TABLE") && !journal.contains("hunter2"), "{journal}");
}

#[test]
fn c18_code_that_somebody_else_deployed_is_left_alone() {
    let failure = fails(judged(&latest("sha-four", 3), &[], 0));
    assert!(failure.why.contains("Somebody else has deployed jobs: its code is sha-four now"), "{failure:?}");
    // What was to be replaced is back after AWS had accepted the order: that is somebody else too.
    let mut newer = latest("sha-three", 3);
    "after".clone_into(&mut newer.revision);
    assert!(fails(judged(&newer, &[act(send("before"), 0, taken())], 5)).why.contains("Somebody else"));
}

#[test]
fn c18_an_update_that_failed_says_why() {
    let mut failed = latest("sha-three", 3);
    failed.update = standing("Failed");
    failed.update.code = Some("InvalidImage".to_owned());
    failed.update.reason = Some("The image has no entry point.".to_owned());
    assert!(matches!(judged(&failed, &[], 0), Judgement::Act(_)), "an earlier failure is not ours");
    let failure = fails(judged(&failed, &[act(send("before"), 0, taken())], 1));
    assert_eq!(failure.why, "The update of jobs failed: The image has no entry point (InvalidImage).");
}

#[test]
fn c18_a_lost_reply_is_looked_for_and_a_stale_read_is_waited_for() {
    let lost = [act(send("revision-$LATEST"), 0, Outcome::Unknown)];
    assert_eq!(judged(&latest("sha-three", 3), &lost, 0), Judgement::Act(send("revision-$LATEST")));
    assert!(matches!(judged(&latest("sha-two", 3), &lost, 0), Judgement::Done { .. }));
    let stale = [act(send("revision-$LATEST"), 0, taken())];
    assert!(matches!(judged(&latest("sha-three", 3), &stale, 0), Judgement::Wait(_)));
}

#[test]
fn c18_variables_that_cannot_be_read_are_never_written_over() {
    let mut unreadable = latest("sha-two", 30);
    unreadable.settings.unreadable = Some("Access to KMS denied".to_owned());
    unreadable.settings.values.insert(Setting::Memory, "256 MB".to_owned());
    assert!(fails(judged(&unreadable, &[], 0)).why.contains("environment variables of jobs cannot be read"));
}

#[test]
fn c18_a_stop_between_code_and_settings_lets_the_settings_follow() {
    let work = LambdaWork::Code(back());
    let seen =
        Seen::Code(Box::new(CodeSeen { latest: latest("sha-two", 30), version: code("2", "sha-two", 3, -4_000) }));
    let completes = |what: &Do, outcome: Option<ActOutcome>| {
        let act =
            |outcome| Act { number: 1, attempt: 1, what: json!(send("revision-$LATEST")), at: minutes(0), outcome };
        let acts: Vec<Act> = outcome.into_iter().map(act).collect();
        let journal = StepJournal { key: "rb-1-jobs", attempt: 1, began_at: minutes(0), acts: &acts, remedy: None };
        work.completes(what, &seen, &journal)
    };
    let sent = || Some(ActOutcome::Accepted { receipt: json!({}), request_id: None });
    assert!(completes(&set(&["timeout 30 s → 3 s"], "r"), sent()));
    assert!(completes(&set(&["timeout 30 s → 3 s"], "r"), Some(ActOutcome::Unknown)), "its code is there");
    assert!(!completes(&set(&["timeout 30 s → 3 s"], "r"), None), "settings alone are a beginning");
    assert!(!completes(&send("r"), sent()), "code that was lost again is a new undertaking");
}
