//! Settings that are changed alone: the plan, and what follows from what is seen.

use std::collections::BTreeMap;

use rstest::rstest;

use super::act::Do;
use super::fixtures::{act, code, minutes, standing, taken};
use super::inventory::{Code, LATEST, SettingsInventory, SettingsSpec};
use super::judge::Past;
use super::settings::Fingerprint;
use super::settings_plan::plan;
use super::settings_step::judge;
use crate::incident::lambda::{Change, LambdaWork, SettingsChange};
use crate::incident::plan::Step;
use crate::incident::step::Failure;
use crate::incident::time::Now;
use crate::incident::work::Work;
use crate::systems::planned::Planned;
use crate::systems::step_kind::Judgement;

fn inventory(timeout: Option<u32>, environment: &[(&str, &str)]) -> SettingsInventory {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    SettingsInventory {
        spec: SettingsSpec {
            name: "timeout".to_owned(),
            function: "jobs".to_owned(),
            timeout,
            memory: None,
            environment: environment.collect(),
        },
        latest: code(LATEST, "sha-three", 3, -20),
        aliases: Vec::new(),
        stack: None,
    }
}

fn step(inventory: &SettingsInventory) -> (Step, Vec<String>) {
    match plan(inventory).unwrap() {
        Planned::Steps { mut steps, warnings } => (steps.remove(0), warnings),
        Planned::NothingToDo { why, .. } => panic!("nothing to do: {why}"),
    }
}

#[test]
fn c18_the_quick_fix_says_what_it_sets_and_the_way_back() {
    let (planned, warnings) = step(&inventory(Some(30), &[]));
    assert_eq!(planned.title, "settings of Lambda function jobs (timeout 3 → 30 s)");
    assert_eq!((planned.from, planned.to), (None, None), "it is no release");
    assert_eq!(planned.chosen.as_deref(), Some("As configured; the code stays as it is. The way back is timeout 3 s."));
    assert_eq!(planned.verbs, ["UpdateFunctionConfiguration"]);
    assert!(warnings.is_empty(), "{warnings:?}");
    let Work::Lambda(LambdaWork::Settings(change)) = planned.work else { panic!("it is about settings") };
    assert_eq!(change.timeout, Some(Change { from: 3, to: 30 }));
}

#[test]
fn c18_a_variable_is_merged_and_its_value_is_in_no_sentence() {
    let (planned, _) = step(&inventory(None, &[("PDF_ENGINE", "hunter2")]));
    assert_eq!(
        planned.chosen.as_deref(),
        Some(
            "As configured; the code stays as it is. Environment variables that are set: PDF_ENGINE; the other one stays."
        )
    );
    let said = format!("{} {:?}", planned.title, planned.chosen);
    assert!(said.contains("(PDF_ENGINE set)"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn c18_versions_keep_their_settings_and_the_card_says_so() {
    let mut aliased = inventory(Some(30), &[]);
    aliased.aliases = vec![("live".to_owned(), "2".to_owned())];
    assert!(step(&aliased).1[0].contains("Only $LATEST is changed"), "{:?}", step(&aliased).1);
    let Planned::NothingToDo { why, .. } = plan(&inventory(Some(3), &[])).unwrap() else {
        panic!("there is nothing to do")
    };
    assert_eq!(why, "jobs has timeout 3 s already.");
}

fn change() -> SettingsChange {
    SettingsChange {
        function: "jobs".to_owned(),
        timeout: Some(Change { from: 3, to: 30 }),
        memory: None,
        environment: BTreeMap::from([("FLAG".to_owned(), "on".to_owned())]),
    }
}

fn latest(timeout: u32, flag: Option<&str>) -> Code {
    let mut latest = code(LATEST, "sha-three", timeout, 0);
    latest.settings.environment.extend(flag.map(|flag| ("FLAG".to_owned(), Fingerprint::of(flag))));
    latest
}

fn order(revision: &str) -> Do {
    let sets = vec!["timeout 30 s".to_owned(), "FLAG set".to_owned()];
    Do::UpdateFunctionConfiguration { like: None, sets, revision: revision.to_owned() }
}

fn judged(latest: &Code, own: &[Past], at: i64) -> Judgement<Do> {
    judge(&change(), latest, &own.iter().collect::<Vec<_>>(), Now::real(minutes(at)))
}

fn fails(judgement: Judgement<Do>) -> Failure {
    let Judgement::Failed(failure) = judgement else { panic!("it does not fail: {judgement:?}") };
    failure
}

#[rstest]
#[case::nothing_is_set(3, None)]
#[case::the_number_is_set(30, None)]
#[case::the_variable_has_another_value(30, Some("off"))]
fn c18_what_is_not_set_is_set_for_the_revision_that_was_seen(#[case] timeout: u32, #[case] flag: Option<&str>) {
    assert_eq!(judged(&latest(timeout, flag), &[], 0), Judgement::Act(order("revision-$LATEST")));
}

#[test]
fn c18_done_is_only_what_is_seen_to_be_set() {
    let own = [act(order("before"), 0, taken())];
    assert!(matches!(judged(&latest(30, Some("on")), &own, 0), Judgement::Done { .. }));
    let mut updating = latest(30, Some("on"));
    updating.update = standing("InProgress");
    assert!(matches!(judged(&updating, &own, 0), Judgement::Wait(_)), "it is not in force yet");
    updating.update = standing("Failed");
    assert!(fails(judged(&updating, &own, 0)).why.contains("The update of jobs failed"));
    let stale = [act(order("revision-$LATEST"), 0, taken())];
    assert!(matches!(judged(&latest(3, None), &stale, 0), Judgement::Wait(_)));
}

#[test]
fn c18_a_number_that_somebody_else_has_set_is_left_alone() {
    let failure = fails(judged(&latest(60, None), &[], 0));
    assert_eq!(
        failure.why,
        "Somebody else has changed the settings of jobs: its timeout is 60 s now, and was to go from 3 to 30 s."
    );
}
