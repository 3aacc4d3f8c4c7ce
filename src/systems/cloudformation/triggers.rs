//! The stack's own rollback triggers: alarms that take an update back when they fire while it is under way. Pure.
//!
//! They apply to the rollback as well, which is an update like any other. In an incident they may fire already, and then
//! CloudFormation takes the rollback itself back.

use super::inventory::Stack;
use crate::aws::alarms::{Alarm, State, name_of};

/// What is to be said of them before anybody approves.
pub fn warnings(stack: &Stack, alarms: &Result<Vec<Alarm>, String>) -> Vec<String> {
    if stack.triggers.is_empty() {
        return Vec::new();
    }
    let alarms = match alarms {
        Ok(alarms) => alarms,
        Err(why) => {
            let names: Vec<&str> = stack.triggers.iter().map(|arn| name_of(arn)).collect();
            return vec![format!(
                "The stack's own rollback triggers apply to this update too: {}. What they say is not known ({}). One that \
                 fires takes the rollback itself back: look at them in CloudWatch first.",
                names.join(", "),
                why.trim_end_matches('.')
            )];
        }
    };
    let of = |state: fn(&State) -> bool| {
        let names: Vec<&str> =
            alarms.iter().filter(|alarm| state(&alarm.state)).map(|alarm| alarm.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let firing = of(|state| *state == State::Alarm).map(|names| {
        format!(
            "The stack's own rollback triggers fire already: {names}. CloudFormation takes this rollback itself back if \
             one of them is in ALARM while it is under way. Take them off the stack's rollback configuration before you \
             approve, or wait until they are OK."
        )
    });
    let missing = of(|state| *state == State::Missing).map(|names| {
        format!(
            "The stack names rollback triggers that do not exist: {names}. CloudFormation fails every update until the \
             alarms are there again or the triggers are taken off the stack."
        )
    });
    let unclear = of(|state| matches!(state, State::InsufficientData | State::Unknown(_))).map(|names| {
        format!(
            "The stack's own rollback triggers apply to this update too, and nobody knows what these will say, because \
             they have no data now: {names}. One that fires takes the rollback itself back."
        )
    });
    let ok = of(|state| *state == State::Ok).map(|names| {
        format!(
            "The stack's own rollback triggers apply to this update too. OK now: {names}. One that fires takes the \
             rollback itself back."
        )
    });
    [firing, missing, unclear, ok].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;
    use crate::systems::cloudformation::content::Content;
    use crate::systems::cloudformation::inventory::Protection;
    use crate::systems::cloudformation::status::Status;

    fn stack(names: &[&str]) -> Stack {
        let arn = |name: &&str| format!("arn:aws:cloudwatch:eu-north-1:123456789012:alarm:{name}");
        Stack {
            arn: "arn:aws:cloudformation:eu-north-1:123456789012:stack/api/1".to_owned(),
            name: "api".to_owned(),
            status: Status::UpdateComplete,
            reason: None,
            updated_at: None,
            root: None,
            protection: Protection::Off,
            triggers: names.iter().map(arn).collect(),
            resolved: BTreeMap::new(),
            settings: Content {
                template: String::new(),
                parameters: BTreeMap::new(),
                tags: BTreeMap::new(),
                capabilities: Vec::new(),
                role: None,
                notifications: Vec::new(),
                policy: None,
            },
        }
    }

    fn said(alarms: &[(&str, State)]) -> Vec<String> {
        let names: Vec<&str> = alarms.iter().map(|(name, _)| *name).collect();
        let one =
            |(name, state): &(&str, State)| Alarm { name: (*name).to_owned(), state: state.clone(), reason: None };
        warnings(&stack(&names), &Ok(alarms.iter().map(one).collect()))
    }

    #[rstest]
    #[case::firing(State::Alarm, "fire already: 5xx")]
    #[case::missing(State::Missing, "do not exist: 5xx")]
    #[case::no_data(State::InsufficientData, "no data now: 5xx")]
    #[case::new_state(State::Unknown("MUTED".to_owned()), "no data now: 5xx")]
    #[case::ok(State::Ok, "OK now: 5xx")]
    fn each_state_of_a_trigger_is_said(#[case] state: State, #[case] part: &str) {
        let said = said(&[("5xx", state)]);
        assert!(said.len() == 1 && said[0].contains(part), "{said:?}");
    }

    #[test]
    fn what_fires_is_said_first_and_what_is_ok_last() {
        let said = said(&[("a", State::Ok), ("b: with a colon", State::Alarm), ("c", State::Missing)]);
        assert_eq!(said.len(), 3);
        assert!(said[0].contains("fire already: b: with a colon.") && said[2].contains("OK now: a."), "{said:?}");
    }

    #[test]
    fn that_they_could_not_be_looked_at_is_said_with_the_reason_and_a_stack_without_any_says_nothing() {
        let denied = warnings(&stack(&["5xx"]), &Err("access denied.".to_owned()));
        assert!(denied[0].contains("5xx. What they say is not known (access denied). One that fires"), "{denied:?}");
        assert_eq!(warnings(&stack(&[]), &Ok(Vec::new())), Vec::<String>::new());
    }
}
