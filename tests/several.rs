//! Several targets and groups of services, through the whole bot: what people type and fill in, and what they read.

mod support;

use rollbot::sandbox::slack::Outcome;
use support::{Play, SPEED, configure, scenario};

async fn play(variant: &str) -> Play {
    let mut scenario = scenario(Some(variant));
    scenario.fastest = SPEED / 2;
    configure(&mut scenario, "within: 2m", "within: 2h");
    Play::of(&scenario).await
}

fn versions(play: &Play, service: &str) -> Vec<String> {
    let running = play.stage.aws.running("shop-prod", service);
    let mut versions: Vec<String> = running.into_iter().flat_map(|task| task.versions.into_values()).collect();
    versions.sort();
    versions.dedup();
    versions
}

/// A message on one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn several_targets_go_back_to_what_ran_together_on_one_card() {
    let mut play = play("several").await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    let card = flat(&play.card_text());
    assert!(card.contains("ECS service shop-prod/api: v43 → v42"), "{card}");
    assert!(card.contains("ECS service shop-prod/worker: v43 → v42"), "{card}");
    assert!(card.contains("Matched by commit: all of these were built from 77ab0d2."), "{card}");
    assert!(card.contains("to v42 (2 targets)"), "{card}");
    play.approve("sre").await;
    play.until("the verdict", |play| play.card_text().contains("rolled back")).await;
    assert_eq!((versions(&play, "api"), versions(&play, "worker")), (vec!["v42".to_owned()], vec!["v42".to_owned()]));
    assert!(flat(&play.card_text()).contains("All 2 targets of api run v42 again"), "{}", play.card_text());
    assert_eq!(play.cards(), 1);
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_chosen_in_a_form_that_shows_what_runs() {
    let mut play = play("group").await;
    let dev = play.user("dev");
    let reply = play.type_command("dev", "/rollback prod").await;
    assert!(matches!(reply.outcome, Outcome::Acknowledged), "{reply:?}");
    let shown = |play: &Play| {
        let view = play.stage.slack.open_modal(&dev)?;
        let lines = rollbot::sandbox::slack::render::modal(&view, &play.stage.slack.workspace());
        Some(flat(&lines.join("\n")))
    };
    play.until("a form that says what runs", |play| shown(play).is_some_and(|form| form.contains("runs v43"))).await;
    let form = shown(&play).unwrap_or_default();
    for line in
        ["api backend runs v43 (api:4)", "api worker runs v43 (worker:3)", "web runs v8 (web:3)", "prod everything"]
    {
        assert!(form.contains(line), "{line}: {form}");
    }
    // What cannot be read is said in the form, which stays.
    let wrong = play.stage.slack.submit(&dev, &[("Only", "wep")]).await;
    let Outcome::FieldErrors(errors) = &wrong.outcome else { panic!("{wrong:?}") };
    assert_eq!(errors, &[("Only".to_owned(), "everything has no target “wep”; did you mean `web`?".to_owned())]);
    let sent = play.stage.slack.submit(&dev, &[("Only", ""), ("Reason", "checkout answers 500")]).await;
    assert!(matches!(sent.outcome, Outcome::Acknowledged), "{sent:?}");
    play.until("a plan to approve", |play| play.with_button("Approve").is_some()).await;
    let card = flat(&play.card_text());
    assert!(card.contains("prod everything: waiting for approval"), "{card}");
    assert!(card.contains("Matched by time: this is what ran before"), "{card}");
    assert!(card.contains("checkout answers 500"), "{card}");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_without_an_environment_leads_to_a_plan_too() {
    let mut play = play("several").await;
    let dev = play.user("dev");
    play.type_command("dev", "/rollback").await;
    play.until("a form", |play| play.stage.slack.open_modal(&dev).is_some()).await;
    let sent = play.stage.slack.submit(&dev, &[("What", "prod api"), ("Release", "backend=v41 worker=v42")]).await;
    assert!(matches!(sent.outcome, Outcome::Acknowledged), "{sent:?}");
    play.until("a plan to approve", |play| play.with_button("Approve").is_some()).await;
    let card = flat(&play.card_text());
    assert!(card.contains("shop-prod/api: v43 → v41") && card.contains("shop-prod/worker: v43 → v42"), "{card}");
    assert!(!card.contains("Matched"), "{card}");
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lane_fails_and_the_card_names_what_is_not_back() {
    let mut play = play("several-fails").await;
    play.propose("dev", "/rollback prod api because checkout answers 500").await;
    play.approve("sre").await;
    play.until("the failure", |play| play.card_text().contains("a person has to decide")).await;
    play.until("the other lane", |play| flat(&play.card_text()).contains("ECS service shop-prod/api: runs v42")).await;
    play.click_and_fill_in("sre", "Skip worker", &[("Reason".to_owned(), "the queue can wait".to_owned())]).await;
    play.until("the verdict", |play| play.card_text().contains("only partly back")).await;
    let card = flat(&play.card_text());
    assert!(
        card.contains("1 of 2 targets is back; not back: ECS service shop-prod/worker: may run v43 or v42."),
        "{card}"
    );
    assert!(card.contains("the queue can wait"), "{card}");
    play.assert_never_called_rolled_back();
    play.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_a_group_are_answered_for_each_target() {
    let mut play = play("group").await;
    let status = play.ask("dev", "/rollback status prod everything").await;
    for line in ["shop-prod/api: runs v43", "shop-prod/worker: runs v43", "shop-prod/web: runs v8"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    let releases = play.ask("dev", "/rollback releases prod everything").await;
    for name in ["api/backend", "api/worker", "web/frontend", "v42", "v7"] {
        assert!(releases.contains(name), "{name}: {releases}");
    }
    let dry = play.ask("dev", "/rollback prod everything only web to v7 --dry-run").await;
    assert!(dry.contains("prod everything: dry run") && dry.contains("v7"), "{dry}");
    let wrong = play.ask("dev", "/rollback prod everything to v42 --dry-run").await;
    assert!(wrong.contains("v42 cannot be gone back to everywhere"), "{wrong}");
    let (code, plan, errors) = play.command_line(&["plan", "prod", "everything"]).await;
    assert_eq!(code, 0, "{plan}{errors}");
    assert!(plan.contains("Roll back api, beside the other services") && plan.contains("Matched by time"), "{plan}");
    let (code, plan, errors) =
        play.command_line(&["plan", "prod", "everything", "--to", "api=v41", "--to", "web=v6", "--json"]).await;
    assert_eq!(code, 0, "{plan}{errors}");
    assert!(plan.contains("web/frontend"), "{plan}");
    let (code, _, errors) = play.command_line(&["plan", "prod", "everything", "--to", "v1", "--to", "api=v41"]).await;
    assert!(code == 2 && errors.contains("not both"), "{code} {errors}");
    play.leave().await;
}
