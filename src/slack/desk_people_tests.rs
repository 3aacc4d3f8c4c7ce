//! Gates, manual steps and remedies: from a click to the form, and from the form to the record.

use rstest::rstest;
use serde_json::{Value, json};

use super::desk_tests::{House, house};
use super::views::fixtures::Told;
use super::views::states::states;
use crate::incident::ids::StepId;
use crate::incident::step::{StepRecord, StepState};

/// May approve and skip, as one of the group.
const ANN: &str = "U0ANN00001";
/// In the channel, in no group.
const BEN: &str = "U0BEN00001";

fn state(name: &str) -> Told {
    states().into_iter().find(|(of, _)| *of == name).unwrap().1
}

impl House {
    async fn step(&self, name: &str) -> StepRecord {
        self.incident().await.run().unwrap().record(&StepId::new(name))
    }

    /// The form that opens for `user` at the button whose `action_id` begins so; `None`: none does.
    async fn opens(&self, user: &str, action: &str) -> Option<Value> {
        let before = self.slack.asked("views.open");
        let click = self.click_on(user, action).await;
        self.interacts(&click).await;
        self.slack.bodies("views.open").get(before).map(|opened| opened["view"].clone())
    }

    /// What Slack sends back for a form that was filled in like this.
    fn filled_in(user: &str, view: &Value, values: &Value) -> Value {
        let mut payload = Self::submission(user, "", view);
        payload["view"]["state"]["values"] = values.clone();
        payload
    }
}

fn phrase(typed: &str) -> Value {
    json!({ "phrase": { "typed": { "type": "plain_text_input", "value": typed } } })
}

#[tokio::test]
async fn a_gate_opens_a_form_and_a_wrong_phrase_is_answered_in_it() {
    let house = house().await.with(state("awaiting")).await;
    let view = house.opens(ANN, "gate:").await.unwrap();
    assert_eq!(view["title"]["text"], "Open the gate");
    let wrong = House::filled_in(ANN, &view, &phrase("shop-prod"));
    let errors = house.wrong_entry(&wrong).await.unwrap();
    assert_eq!(errors, json!({ "phrase": "That is not the phrase. Type shop-prod-old exactly." }));
    // Whoever sends it past the form is told alone, and nothing is open.
    let answers = house.interacts(&wrong).await;
    assert!(answers.last().unwrap().starts_with("That is not the phrase, so nothing was done."), "{answers:?}");
    assert_eq!(house.step("backend/gate").await.state, StepState::Waiting);

    let right = House::filled_in(ANN, &view, &phrase("  shop-prod-old "));
    assert_eq!(house.wrong_entry(&right).await, None);
    house.interacts(&right).await;
    let opened = house.step("backend/gate").await;
    assert_eq!((opened.state, opened.passed.unwrap().by.name()), (StepState::Done, ANN.to_owned()));
    // The same form, sent late by somebody else.
    let answers = house.interacts(&House::filled_in("U0REQ00001", &view, &phrase("shop-prod-old"))).await;
    assert!(answers.last().unwrap().starts_with("That button no longer applies"), "{answers:?}");
}

#[rstest]
#[case::not_an_approver(BEN, "You may not approve here")]
#[case::the_requester("U0REQ00001", "somebody else has to approve")]
#[tokio::test]
async fn whoever_may_not_open_a_gate_sees_no_form_and_reads_why(#[case] user: &str, #[case] part: &str) {
    let house = house().await.with(state("awaiting")).await;
    assert_eq!(house.opens(user, "gate:").await, None);
    let answers = house.answers();
    assert!(answers.len() == 1 && answers[0].contains(part), "{answers:?}");
}

#[tokio::test]
async fn what_is_done_by_hand_is_said_by_whoever_it_names_with_a_note() {
    let house = house().await.with(state("awaiting")).await;
    assert_eq!(house.opens(ANN, "done:").await, None, "it names somebody else");
    let answers = house.answers();
    assert!(answers[0].starts_with("Only <@U0LEAD0001> may say that this is done"), "{answers:?}");
    let view = house.opens("U0LEAD0001", "done:").await.unwrap();
    let note = json!({ "note": { "typed": { "type": "plain_text_input", "value": "they know" } } });
    let sent = House::filled_in("U0LEAD0001", &view, &note);
    assert_eq!(house.wrong_entry(&sent).await, None);
    house.interacts(&sent).await;
    let done = house.step("provider").await;
    assert_eq!((done.state, done.passed.unwrap().note.as_deref()), (StepState::Done, Some("they know")));
}

#[tokio::test]
async fn a_note_may_be_left_out() {
    let house = house().await.with(state("awaiting")).await;
    let view = house.opens("U0LEAD0001", "done:").await.unwrap();
    let empty = House::filled_in("U0LEAD0001", &view, &json!([]));
    assert_eq!(house.wrong_entry(&empty).await, None);
    house.interacts(&empty).await;
    assert_eq!(house.step("provider").await.passed.unwrap().note, None);
}

fn ticked(numbers: &[&str]) -> Value {
    let option = |number: &&str| json!({ "text": { "type": "plain_text", "text": "x" }, "value": number });
    let options: Vec<Value> = numbers.iter().map(option).collect();
    json!({ "choices-0": { "chosen": { "type": "checkboxes", "selected_options": options } } })
}

#[tokio::test]
async fn a_remedy_with_choices_takes_at_least_one_and_records_who_chose_what() {
    let house = house().await.with(state("blocked-remedies")).await;
    let view = house.opens(ANN, "remedy-skip-resources:").await.unwrap();
    let element = &view["blocks"][2]["element"];
    assert_eq!(element["options"].as_array().unwrap().len(), 2);
    assert_eq!(element["initial_options"][0]["text"]["text"], "Cache");
    let nothing = House::filled_in(ANN, &view, &ticked(&[]));
    let errors = house.wrong_entry(&nothing).await.unwrap();
    assert_eq!(errors, json!({ "choices-0": "Choose at least one, or cancel." }));
    let answers = house.interacts(&nothing).await;
    assert_eq!(answers, ["Nothing was chosen, so nothing was done. Choose at least one."]);
    assert!(matches!(house.step("backend").await.state, StepState::Failed(_)));

    let both = House::filled_in(ANN, &view, &ticked(&["1", "0", "7"]));
    assert_eq!(house.wrong_entry(&both).await, None);
    house.interacts(&both).await;
    let remedy = house.step("backend").await.remedy.unwrap();
    assert_eq!((remedy.id.as_str(), remedy.by.name()), ("skip-resources", ANN.to_owned()));
    assert_eq!(remedy.chosen, ["Cache", "QueuePolicy"]);
    let answers = house.interacts(&both).await;
    assert!(answers.last().unwrap().starts_with("That button no longer applies"), "{answers:?}");
}

#[tokio::test]
async fn a_remedy_without_choices_needs_no_form() {
    let house = house().await.with(state("blocked-remedies")).await;
    assert_eq!(house.opens(ANN, "remedy-again:").await, None);
    assert_eq!(house.answers(), Vec::<String>::new());
    assert_eq!(house.step("backend").await.remedy.unwrap().id, "again");
}

#[rstest]
#[case::changes_what_is_done("remedy-skip-resources:", "You may not skip a step here")]
#[case::does_the_same_again("remedy-again:", "You may not approve here")]
#[tokio::test]
async fn whoever_may_not_choose_a_remedy_reads_why(#[case] action: &str, #[case] part: &str) {
    let house = house().await.with(state("blocked-remedies")).await;
    assert_eq!(house.opens(BEN, action).await, None);
    let answers = house.answers();
    assert!(answers.len() == 1 && answers[0].contains(part), "{answers:?}");
    assert_eq!(house.step("backend").await.remedy, None);
}
