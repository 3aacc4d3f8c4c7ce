//! What is planned for a name of a domain, and what follows from the domain.

use rstest::rstest;

use super::app::{App, Origin};
use super::domain::{Association, DomainInventory, DomainSeen, DomainSpec, Shown};
use super::domain_act::{DomainDo, DomainReceipt};
use super::domain_judge::judge;
use super::domain_plan::{plan, releases, stands};
use super::fixtures::{BAD, GOOD, act, branch, job, minutes};
use crate::incident::amplify::{AmplifyWork, CertificateKept, DomainRoute, DomainSettings, Subdomain};
use crate::incident::plan::Step;
use crate::incident::step::{Act, ActOutcome, Failure};
use crate::incident::time::Now;
use crate::incident::work::Work;
use crate::systems::planned::{Planned, ReleaseStatus};
use crate::systems::step_kind::{Judgement, StepJournal};

fn settings(www: &str) -> DomainSettings {
    let name = |prefix: &str, branch: &str| Subdomain { prefix: prefix.to_owned(), branch: branch.to_owned() };
    DomainSettings {
        names: vec![name("", "green"), name("beta", "next"), name("www", www)],
        auto_names: true,
        auto_patterns: vec!["feature/*".to_owned()],
        auto_role: Some("arn:aws:iam::123456789012:role/names".to_owned()),
        certificate: Some(CertificateKept { kind: "CUSTOM".to_owned(), arn: Some("arn:aws:acm:1".to_owned()) }),
    }
}

fn association(www: &str, status: &str, update: Option<&str>) -> Association {
    Association {
        arn: "arn:aws:amplify:eu-north-1:123456789012:apps/d1a2b3c4/domains/example.com".to_owned(),
        settings: settings(www),
        status: status.to_owned(),
        update: update.map(str::to_owned),
        reason: "no such role".to_owned(),
    }
}

fn shown(name: &str, id: u64, commit: &str, status: &str) -> Shown {
    Shown { name: name.to_owned(), branch: branch(Some(id)), job: Some(job(id, commit, status, -99)) }
}

fn inventory() -> DomainInventory {
    DomainInventory {
        spec: DomainSpec {
            name: "traffic".to_owned(),
            app: "shop".to_owned(),
            domain: "example.com".to_owned(),
            prefix: "www".to_owned(),
            branch: "blue".to_owned(),
        },
        app: App { id: "d1a2b3c4".to_owned(), name: "shop".to_owned(), origin: Origin::Repository },
        association: association("green", "AVAILABLE", Some("UPDATE_COMPLETE")),
        branches: vec![shown("green", 8, BAD, "SUCCEED"), shown("blue", 5, GOOD, "SUCCEED")],
    }
}

fn planned(inventory: &DomainInventory, to: Option<&str>) -> (Step, String) {
    match plan(inventory, to).unwrap() {
        Planned::Steps { mut steps, warnings } => (steps.remove(0), warnings.join("\n")),
        Planned::NothingToDo { why, .. } => panic!("nothing to do: {why}"),
    }
}

fn work() -> DomainRoute {
    let Work::Amplify(AmplifyWork::Domain(work)) = planned(&inventory(), None).0.work else { panic!("a domain") };
    work
}

#[test]
fn p01_the_name_goes_to_the_standby_and_the_way_back_is_in_the_plan() {
    let (step, warnings) = planned(&inventory(), None);
    assert_eq!(step.title, "www.example.com (domain of Amplify app shop)");
    assert_eq!(step.from.unwrap().name(), "3c9d5e71 (branch green)");
    assert_eq!(step.to.unwrap().name(), "2b7e4d60 (branch blue)");
    assert_eq!(step.verbs, ["UpdateDomainAssociation"]);
    assert!(step.chosen.unwrap().contains("The standby blue shows job 5 of 2b7e4d60. No build is needed"));
    assert!(
        warnings.contains("Only www.example.com moves. The rest stays: example.com to green, beta.example.com to next"),
        "{warnings}"
    );
    assert!(warnings.contains("The way back is the same `to green`: that branch keeps its build"), "{warnings}");
    assert_eq!(planned(&inventory(), Some("2b7e4d6")).0.to.unwrap().id, "blue", "by the commit that it shows");
    assert_eq!(releases(&inventory())[0].status, ReleaseStatus::RunsNow);
    assert_eq!(
        stands(&inventory()).unwrap(),
        "leads to branch green, which shows job 8 of 3c9d5e71 (AVAILABLE, UPDATE_COMPLETE)"
    );
}

#[test]
fn p01_a_standby_that_is_not_there_or_shows_nothing_good_is_refused() {
    let refused = |inventory: &DomainInventory, to| plan(inventory, to).unwrap_err().to_string();
    let mut gone = inventory();
    gone.branches.pop();
    assert!(refused(&gone, None).contains("has no branch blue"), "{}", refused(&gone, None));
    let mut empty = inventory();
    empty.branches[1].job = None;
    assert!(refused(&empty, None).contains("shows nothing: no job of it has been deployed. Deploy a good commit"));
    let mut failed = inventory();
    failed.branches[1].job.as_mut().unwrap().status = "FAILED".to_owned();
    assert!(refused(&failed, None).contains("which did not succeed (FAILED)"));
    let mut other = inventory();
    other.spec.prefix = "shop".to_owned();
    assert!(refused(&other, None).contains("has no name shop.example.com; it has example.com to green"));
    assert!(refused(&inventory(), Some("nowhere")).contains("`nowhere` names no branch"));
    let mut there = inventory();
    there.association.settings = settings("blue");
    let Planned::NothingToDo { why, .. } = plan(&there, None).unwrap() else { panic!("nothing to do") };
    assert_eq!(why, "www.example.com leads to branch blue already. To lead it elsewhere, name a branch with `to`.");
}

fn judged(seen: &DomainSeen, acts: &[Act], at: i64) -> Judgement<DomainDo> {
    judged_in(1, seen, acts, at)
}

fn judged_in(attempt: u32, seen: &DomainSeen, acts: &[Act], at: i64) -> Judgement<DomainDo> {
    let journal = StepJournal { key: "k", attempt, began_at: minutes(0), acts, remedy: None };
    judge(&work(), seen, &journal, Now::real(minutes(at)))
}

fn seen(www: &str, status: &str, update: Option<&str>) -> DomainSeen {
    DomainSeen { association: association(www, status, update), to: Some(shown("blue", 5, GOOD, "SUCCEED")) }
}

fn fails(judgement: Judgement<DomainDo>) -> Failure {
    let Judgement::Failed(failure) = judgement else { panic!("it does not fail: {judgement:?}") };
    failure
}

fn order() -> DomainDo {
    let (app, domain) = ("d1a2b3c4".to_owned(), "example.com".to_owned());
    DomainDo::Update { app, domain, settings: settings("blue") }
}

fn accepted() -> [Act; 1] {
    let receipt = DomainReceipt { status: "UPDATING".to_owned(), update: None };
    let receipt = serde_json::to_value(receipt).unwrap();
    [act(&order(), ActOutcome::Accepted { receipt, request_id: None })]
}

#[test]
fn p01_everything_is_written_with_one_change_waited_for_and_verified() {
    let ready = seen("green", "AVAILABLE", Some("UPDATE_COMPLETE"));
    assert_eq!(judged(&ready, &[], 0), Judgement::Act(order()), "with every other name and setting");
    let busy = seen("blue", "UPDATING", Some("PENDING_DEPLOYMENT"));
    assert_eq!(
        judged(&busy, &accepted(), 1),
        Judgement::Wait("example.com is being changed: UPDATING, PENDING_DEPLOYMENT".to_owned())
    );
    let done = seen("blue", "AVAILABLE", Some("UPDATE_COMPLETE"));
    assert!(matches!(judged(&done, &accepted(), 0), Judgement::Wait(_)), "the statuses may be those from before");
    let Judgement::Done { evidence, .. } = judged(&done, &accepted(), 2) else { panic!("it is done") };
    assert!(evidence[0].text.contains("www.example.com leads to branch blue, which shows job 5 of 2b7e4d60"));
}

#[rstest]
#[case::update(seen("blue", "AVAILABLE", Some("UPDATE_FAILED")))]
#[case::domain(seen("blue", "FAILED", None))]
fn a_change_that_failed_says_why(#[case] seen: DomainSeen) {
    let failure = fails(judged(&seen, &accepted(), 2));
    assert!(failure.why.starts_with("The change of example.com failed"), "{}", failure.why);
    assert_eq!(failure.details, ["no such role"]);
}

#[rstest]
#[case::update(seen("blue", "AVAILABLE", Some("UPDATE_FAILED")))]
#[case::domain(seen("blue", "FAILED", None))]
fn p01_a_new_attempt_sends_a_change_that_failed_once_more(#[case] failed: DomainSeen) {
    let mut acts = accepted().to_vec();
    assert_eq!(judged_in(2, &failed, &acts, 5), Judgement::Act(order()), "with every other name and setting");
    acts.push(Act { number: 2, attempt: 2, at: minutes(5), ..accepted()[0].clone() });
    assert!(matches!(judged_in(2, &failed, &acts, 5), Judgement::Wait(_)), "the statuses may be those from before");
    assert!(fails(judged_in(2, &failed, &acts, 7)).why.starts_with("The change of example.com failed"));
    acts[1].outcome = ActOutcome::Unknown;
    let lost = fails(judged_in(2, &failed, &acts, 7));
    assert!(
        lost.why.starts_with("The change of example.com failed"),
        "it may be that order which failed: {}",
        lost.why
    );
}

#[test]
fn p01_what_changed_since_the_plan_is_seen_before_anything_is_written() {
    let ready = || seen("green", "AVAILABLE", None);
    let mut moved = ready();
    moved.association.settings.names[1].branch = "main".to_owned();
    assert!(fails(judged(&moved, &[], 0)).why.contains("beta.example.com leads to main now"));
    let mut more = ready();
    more.association.settings.names.push(Subdomain { prefix: "x".to_owned(), branch: "main".to_owned() });
    assert!(fails(judged(&more, &[], 0)).why.contains("x.example.com leads to main now"));
    let mut less = ready();
    less.association.settings.names.remove(0);
    assert!(fails(judged(&less, &[], 0)).why.contains("example.com is gone now"));
    let mut automatic = ready();
    automatic.association.settings.auto_names = false;
    assert!(fails(judged(&automatic, &[], 0)).why.contains("automatic names of example.com have changed"));
    let mut elsewhere = seen("next", "AVAILABLE", None);
    assert!(fails(judged(&elsewhere, &[], 0)).why.contains("www.example.com leads to next now"));
    elsewhere = ready();
    elsewhere.to = Some(shown("blue", 6, BAD, "SUCCEED"));
    assert!(fails(judged(&elsewhere, &[], 0)).why.contains("shows job 6 of 3c9d5e71 now, and not job 5"));
    elsewhere.to = None;
    assert!(fails(judged(&elsewhere, &[], 0)).why.contains("There is no branch blue any more"));
}

#[test]
fn two_names_of_a_domain_may_go_the_same_way_in_one_plan() {
    let mut seen = seen("green", "AVAILABLE", Some("UPDATE_COMPLETE"));
    seen.association.settings.names[0].branch = "blue".to_owned();
    let Judgement::Act(DomainDo::Update { settings, .. }) = judged(&seen, &[], 0) else { panic!("it acts") };
    assert_eq!((settings.branch_of(""), settings.branch_of("www")), (Some("blue"), Some("blue")));
}

#[test]
fn a_lost_reply_is_looked_for_and_then_said_again() {
    let lost = [act(&order(), ActOutcome::Unknown)];
    let before = seen("green", "AVAILABLE", None);
    assert!(matches!(judged(&before, &lost, 0), Judgement::Wait(_)));
    assert_eq!(judged(&before, &lost, 1), Judgement::Act(order()));
    assert!(matches!(judged(&seen("blue", "AVAILABLE", None), &lost, 1), Judgement::Done { .. }));
    let failure = fails(judged(&before, &accepted(), 1));
    assert!(failure.why.contains("www.example.com leads to green again"), "{}", failure.why);
    assert!(matches!(judged(&seen("green", "UPDATING", None), &[], 1), Judgement::Wait(_)), "somebody else's change");
}

#[test]
fn an_order_without_a_reply_is_not_made_again_where_a_change_has_failed() {
    let lost = [act(&order(), ActOutcome::Unknown)];
    let reverted = seen("green", "AVAILABLE", Some("UPDATE_FAILED"));
    let failure = fails(judged(&reverted, &lost, 1));
    assert!(failure.why.starts_with("The change of example.com failed"), "{}", failure.why);
    assert_eq!(judged(&reverted, &[], 0), Judgement::Act(order()), "a new attempt makes it");
}
