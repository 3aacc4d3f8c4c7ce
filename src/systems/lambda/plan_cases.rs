//! Which version is gone back to, and what is said of it.

use rstest::rstest;

use super::fixtures::{alias, aliased, code, minutes, plain, standing};
use super::inventory::{Code, LambdaInventory, Package, Provisioned, Standing};
use super::plan::plan;
use super::releases::{releases, stands};
use super::settings::{Fingerprint, Setting};
use super::shifting::Shifting;
use crate::incident::plan::Step;
use crate::systems::planned::{Planned, ProvedRelease, ReleaseStatus};

fn step(inventory: &LambdaInventory, to: Option<&str>) -> (Step, Vec<String>) {
    match plan(inventory, to, &[]).unwrap() {
        Planned::Steps { mut steps, warnings } => (steps.remove(0), warnings),
        Planned::NothingToDo { why, .. } => panic!("nothing to do: {why}"),
    }
}

fn refused(inventory: &LambdaInventory, to: Option<&str>) -> String {
    plan(inventory, to, &[]).unwrap_err().to_string()
}

fn goal(step: &Step) -> &str {
    step.to.as_ref().unwrap().id.rsplit(':').next().unwrap()
}

fn proved(version: &str, at: i64) -> ProvedRelease {
    ProvedRelease { id: format!("{}:{version}", super::fixtures::ARN), at: minutes(at) }
}

fn version<'a>(inventory: &'a mut LambdaInventory, version: &str) -> &'a mut Code {
    inventory.versions.iter_mut().find(|code| code.version == version).unwrap()
}

#[test]
fn c18_the_version_before_is_the_next_lower_one_with_other_code() {
    let (planned, warnings) = step(&aliased(alias("3", &[])), None);
    assert_eq!(goal(&planned), "2");
    assert_eq!(planned.verbs, ["UpdateAlias"]);
    assert_eq!(
        planned.chosen.as_deref(),
        Some("The next lower version with other code; nothing records where live pointed before.")
    );
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn peer_08_a_version_with_the_same_code_is_passed_over_and_said() {
    let mut inventory = aliased(alias("3", &[]));
    "sha-three".clone_into(&mut version(&mut inventory, "2").sha256);
    version(&mut inventory, "2").settings.values.insert(Setting::Timeout, "30 s".to_owned());
    let (planned, warnings) = step(&inventory, None);
    assert_eq!(goal(&planned), "1");
    assert_eq!(
        warnings,
        [
            "Version 2 has the code that runs now and other settings (timeout 3 s → 30 s). If the settings are what broke it, \
          go `to 2`."
        ]
    );
}

#[test]
fn peer_08_settings_go_back_with_the_code_and_the_card_says_which() {
    let mut inventory = aliased(alias("3", &[]));
    let bad = version(&mut inventory, "3");
    bad.settings.values.insert(Setting::Timeout, "1 s".to_owned());
    bad.settings.environment.insert("TABLE".to_owned(), Fingerprint::of("secret-other"));
    bad.settings.environment.insert("FLAG".to_owned(), Fingerprint::of("secret-on"));
    let (_, warnings) = step(&inventory, None);
    assert_eq!(
        warnings,
        [
            "Its settings go back with the code: timeout 1 s → 3 s, the environment variable TABLE gets another value, the \
          environment variable FLAG is removed."
        ],
        "names alone"
    );
}

/// What Rollbot's own record says goes before the number, unless newer versions may have run since.
#[rstest]
#[case::proved_while_the_next_lower_existed(&[("1", -100)], "1")]
#[case::a_newer_one_came_since(&[("1", -5_000)], "2")]
#[case::the_next_lower_itself(&[("2", -100)], "2")]
#[case::never_the_present_one(&[("3", -1)], "2")]
fn c18_what_ran_before_comes_from_the_record_where_it_knows(#[case] good: &[(&str, i64)], #[case] goes_to: &str) {
    let good: Vec<ProvedRelease> = good.iter().map(|(version, at)| proved(version, *at)).collect();
    let Planned::Steps { steps, .. } = plan(&aliased(alias("3", &[])), None, &good).unwrap() else {
        panic!("there is something to do")
    };
    assert_eq!(goal(&steps[0]), goes_to);
    let by_record = steps[0].chosen.as_ref().unwrap().contains("Rollbot's record");
    assert_eq!(by_record, good[0].id.ends_with(goes_to), "{:?}", steps[0].chosen);
}

#[test]
fn c18_a_canary_is_taken_away_and_the_version_beside_it_gets_all_calls() {
    let inventory = aliased(alias("2", &[("3", 0.1)]));
    let (planned, warnings) = step(&inventory, None);
    assert_eq!(
        (goal(&planned), planned.from.as_ref().unwrap().label.as_str()),
        ("2", "version 3 with 10 % of the calls")
    );
    assert!(planned.chosen.unwrap().starts_with("Version 3 is on trial with 10 % of the calls to live"));
    assert_eq!(warnings, ["Version 3 gets 10 % of the calls to live now; that is taken away."]);
    let statuses: Vec<ReleaseStatus> = releases(&inventory).into_iter().map(|line| line.status).collect();
    assert_eq!(statuses, [ReleaseStatus::BeingDeployed, ReleaseStatus::RunsNow, ReleaseStatus::RegisteredOnly]);
    assert_eq!(stands(&inventory).as_deref(), Some("runs version 2; 10 % of the calls go to version 3"));
}

#[test]
fn c18_a_weight_on_an_older_version_is_taken_away_too() {
    let (planned, warnings) = step(&aliased(alias("3", &[("1", 0.25)])), None);
    assert_eq!(goal(&planned), "2");
    assert_eq!(warnings, ["Version 1 gets 25 % of the calls to live now; that is taken away."]);
}

#[rstest]
#[case::number("1", "1")]
#[case::with_a_word("version 1", "1")]
#[case::short("v1", "1")]
#[case::arn("arn:aws:lambda:eu-north-1:1:function:jobs:1", "1")]
#[case::description("2.12.0", "1")]
#[case::commit("9f3c1ab", "2")]
#[case::code("sha-one", "1")]
fn c18_a_version_is_named_by_what_people_know_of_it(#[case] to: &str, #[case] goes_to: &str) {
    let mut inventory = aliased(alias("3", &[]));
    "2.12.0".clone_into(&mut version(&mut inventory, "1").description);
    "built from 9f3c1ab0c0ffee0c0ffee0c0ffee0c0ffee0c0ff".clone_into(&mut version(&mut inventory, "2").description);
    assert_eq!(goal(&step(&inventory, Some(to)).0), goes_to);
}

#[test]
fn c18_what_names_no_version_or_several_is_refused() {
    let mut inventory = aliased(alias("3", &[]));
    assert!(refused(&inventory, Some("9")).contains("`9` names no version of jobs"));
    "same".clone_into(&mut version(&mut inventory, "1").description);
    "same".clone_into(&mut version(&mut inventory, "2").description);
    assert!(refused(&inventory, Some("same")).contains("several versions of jobs: 2, 1"));
    inventory.versions.truncate(1);
    assert!(refused(&inventory, None).contains("no published version before what runs now"));
    let mut same = aliased(alias("3", &[]));
    for number in ["1", "2"] {
        "sha-three".clone_into(&mut version(&mut same, number).sha256);
    }
    assert!(refused(&same, None).contains("All 2 versions of jobs before what runs now have the same code"));
}

#[test]
fn c18_what_runs_already_is_nothing_to_do() {
    let Planned::NothingToDo { why, .. } = plan(&aliased(alias("2", &[])), Some("2"), &[]).unwrap() else {
        panic!("there is nothing to do")
    };
    assert_eq!(why, "The alias live of jobs points at version 2 already.");
}

#[rstest]
#[case("InvalidRuntime", "AWS does not run its runtime any more")]
#[case("ImageDeleted", "its container image was deleted from ECR")]
#[case("ImageAccessDenied", "may not read its container image")]
#[case("KMSKeyNotFound", "the KMS key of its environment variables cannot be used")]
#[case("SubnetOutOfIPAddresses", "The reason (SubnetOutOfIPAddresses)")]
fn c18_a_version_that_cannot_be_called_is_refused_with_its_reason(#[case] code: &str, #[case] words: &str) {
    let mut inventory = aliased(alias("3", &[]));
    let failed =
        Standing { status: "Failed".to_owned(), code: Some(code.to_owned()), reason: Some("The reason.".to_owned()) };
    inventory.states.insert("2".to_owned(), failed);
    let sentence = refused(&inventory, None);
    assert!(sentence.starts_with("Version 2 of jobs cannot be called:") && sentence.contains(words), "{sentence}");
}

#[test]
fn c18_idle_versions_warm_instances_and_owners_are_said() {
    let mut inventory = aliased(alias("3", &[]));
    inventory.states.insert("2".to_owned(), standing("Inactive"));
    inventory.stack = Some("jobs-stack".to_owned());
    let found = inventory.alias.as_mut().unwrap();
    found.provisioned = Some(Provisioned { requested: 5, available: 5, status: "READY".to_owned(), reason: None });
    let (planned, warnings) = step(&inventory, None);
    assert!(planned.deadline > std::time::Duration::from_mins(10), "warming up takes its time");
    assert!(warnings[0].contains("5 instances are kept warm"), "{warnings:?}");
    assert!(warnings[1].contains("idle for weeks"), "{warnings:?}");
    assert!(warnings[2].contains("jobs belongs to the stack jobs-stack"), "{warnings:?}");
}

#[test]
fn c18_an_alias_that_codedeploy_is_shifting_is_left_to_it() {
    let mut inventory = aliased(alias("2", &[("3", 0.1)]));
    inventory.alias.as_mut().unwrap().shifting = Shifting::By { deployment: "d-ABC".to_owned() };
    let sentence = refused(&inventory, None);
    assert!(sentence.contains("deployment d-ABC") && sentence.contains("--auto-rollback-enabled"), "{sentence}");
}

#[test]
fn c18_a_function_without_an_alias_gets_code_and_settings_back() {
    let mut inventory = plain();
    inventory.latest.settings.values.insert(Setting::Timeout, "30 s".to_owned());
    let (planned, warnings) = step(&inventory, None);
    assert_eq!(goal(&planned), "2");
    assert_eq!(planned.verbs, ["UpdateFunctionCode", "UpdateFunctionConfiguration"]);
    let chosen = planned.chosen.unwrap();
    assert!(chosen.contains("$LATEST gets that code and those settings whole"), "{chosen}");
    assert_eq!(warnings, ["Its settings go back with the code: timeout 30 s → 3 s."]);
    assert_eq!(planned.loses, ["Settings of $LATEST that no version with its code has: timeout 3 s → 30 s."]);
    assert_eq!(planned.from.unwrap().label, "code of version 3");
}

#[test]
fn c18_unpublished_code_is_lost_and_the_card_says_so() {
    let mut inventory = plain();
    inventory.latest = code("$LATEST", "sha-four", 3, -5);
    inventory.aliases = vec![("live".to_owned(), "2".to_owned())];
    let (planned, warnings) = step(&inventory, None);
    assert_eq!(goal(&planned), "3", "the newest that differs");
    assert!(planned.loses[0].contains("was never published as a version"), "{:?}", planned.loses);
    assert!(warnings[0].contains("Aliases do not follow: live (version 2) stays where it is"), "{warnings:?}");
}

#[test]
fn c18_going_back_twice_does_not_lead_forward_again() {
    let mut inventory = plain();
    // Rollbot has put the code of version 2 back; the bad version 3 is still published.
    inventory.latest = code("$LATEST", "sha-two", 3, -1);
    assert_eq!(goal(&step(&inventory, None).0), "1");
    let Planned::NothingToDo { why, .. } = plan(&inventory, Some("2"), &[]).unwrap() else {
        panic!("there is nothing to do")
    };
    assert_eq!(why, "jobs has the code and the settings of version 2 already.");
}

#[test]
fn c18_what_cannot_be_copied_is_refused_before_anybody_approves() {
    let mut large = plain();
    version(&mut large, "2").size = 80 * 1024 * 1024;
    assert!(refused(&large, None).contains("80 MB as a zip"));
    version(&mut large, "2").package = Package::Image;
    assert_eq!(goal(&step(&large, None).0), "2", "images are not copied");
    let mut unreadable = plain();
    unreadable.latest.settings.unreadable = Some("Lambda was unable to decrypt.".to_owned());
    assert!(refused(&unreadable, None).contains("kms:Decrypt"));
}
