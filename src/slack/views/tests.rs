//! Every message in every state: read as prose in the snapshots, held to Slack's limits by the lint.

use serde_json::Value;

use super::announcement::announcement;
use super::card::card;
use super::confirm::{Confirming, confirm};
use super::dry_run;
use super::fixtures::{Told, later, plan, start, terms, v41, v42};
use super::help::{Here, help};
use super::lint::{lint, lint_view};
use super::listing::{history, releases, services, status, status_of};
use super::milestone::milestone;
use super::pass::pass;
use super::private::{clicked_twice, rejection, stale_button};
use super::reason::reason;
use super::remedy::remedy;
use super::states::{hostile, huge, states};
use super::steps::steps;
use crate::engine::{ServiceStatus, TargetReleases, TargetStatus};
use crate::incident::ids::{GroupId, UserId};
use crate::incident::incident::{Incident, Verdict};
use crate::incident::policy::{Principal, Right};
use crate::incident::rejection::Rejection;
use crate::incident::request::Manner;
use crate::incident::time::Pace;
use crate::slack::buttons::buttons;
use crate::slack::message::Message;
use crate::systems::planned::{ReleaseLine, ReleaseStatus, Usable};

/// Every message that `told` leads to.
fn messages(told: &Told) -> Vec<(String, Message)> {
    let incident = &told.incident;
    let mut all =
        vec![("card".to_owned(), card(incident, later())), ("status".to_owned(), status_of(incident, later()))];
    if incident.request.manner == Manner::Emergency {
        all.push(("announcement".to_owned(), announcement(incident)));
    }
    all.extend(steps(incident, later()).map(|message| ("steps".to_owned(), message)));
    all.extend(told.events.iter().enumerate().filter_map(|(number, event)| {
        milestone(incident, event, Pace::REAL).map(|message| (format!("event-{}", number + 1), message))
    }));
    all
}

#[test]
fn every_card_reads_as_it_should() {
    for (name, told) in states() {
        insta::assert_json_snapshot!(format!("card-{name}"), card(&told.incident, later()));
    }
}

#[test]
fn every_step_list_and_thread_reads_as_it_should() {
    for (name, told) in states() {
        let thread: Vec<String> = messages(&told)
            .into_iter()
            .filter(|(which, _)| which != "card" && which != "status")
            .map(|(which, message)| format!("── {which}\n{}", as_text(&message)))
            .collect();
        insta::assert_snapshot!(format!("thread-{name}"), thread.join("\n\n"));
    }
}

/// The mrkdwn of a message's blocks, as a reader meets it.
fn as_text(message: &Message) -> String {
    let mut lines = Vec::new();
    for block in &message.blocks {
        lines.extend(block["text"]["text"].as_str().map(str::to_owned));
        let more = block["elements"].as_array().into_iter().chain(block["fields"].as_array()).flatten();
        lines.extend(
            more.filter_map(|element| element["text"].as_str())
                .map(|text| format!("   {}", text.replace('\n', "\n   "))),
        );
    }
    if lines.is_empty() { message.text.clone() } else { lines.join("\n") }
}

#[test]
fn every_message_of_every_state_is_within_slacks_limits() {
    let mut linted = 0;
    for (name, told) in states() {
        for (manner, told) in [
            ("plain", told.clone()),
            ("hostile", hostile(&told)),
            ("huge", huge(&told)),
            ("both", huge(&hostile(&told))),
        ] {
            for (which, message) in messages(&told) {
                assert_eq!(lint(&message), Vec::<String>::new(), "{which} of {name}, {manner}: {message:#?}");
                linted += 1;
            }
            let open = [told.incident.clone()];
            for message in
                [status(&open, Some("prod api"), later()), history(&vec![told.incident.clone(); 30], None, later())]
            {
                assert_eq!(lint(&message), Vec::<String>::new(), "a list of {name}, {manner}: {message:#?}");
            }
        }
    }
    assert!(linted > 400, "{linted}");
}

#[test]
fn the_lint_finds_what_slack_refuses() {
    let sound = card(&Told::blocked().incident, later());
    let broken = |change: fn(&mut Message)| {
        let mut message = sound.clone();
        change(&mut message);
        lint(&message)
    };
    assert_eq!(lint(&sound), Vec::<String>::new());
    assert_eq!(broken(|m| m.text.clear()), ["text: 0 characters of 1 to 4000"]);
    assert_eq!(broken(|m| m.text = "a & b".into()), ["text: a bare &"]);
    assert_eq!(broken(|m| m.text = "<!channel>".into()), ["text: <!channel>"]);
    assert_eq!(broken(|m| m.text = "run `this".into()), ["text: an open code span in run `this"]);
    assert_eq!(broken(|m| m.blocks[1]["text"]["verbatim"] = Value::Null), ["block 1: not verbatim mrkdwn"]);
    assert_eq!(
        broken(|m| m.blocks[0]["text"]["text"] = "x".repeat(151).into()),
        ["block 0: 151 characters of 1 to 150"]
    );
    assert_eq!(broken(|m| m.blocks = vec![m.blocks[0].clone(); 51]), ["51 blocks"]);
    assert_eq!(broken(|m| m.blocks[0]["type"] = "alert".into()), ["block 0: alert is not drawn everywhere"]);
    let twice = broken(|m| {
        let again = m.blocks[3]["elements"][0].clone();
        m.blocks[3]["elements"].as_array_mut().unwrap().push(again);
    });
    assert_eq!(twice, ["block 3: retry:rb-7k3fq twice"]);
}

#[test]
fn rolled_back_is_said_only_when_it_is_the_verdict() {
    for (name, told) in states() {
        let verdict = told.incident.run().and_then(|run| run.verdict).map(|record| record.verdict);
        for (which, message) in messages(&told) {
            let said = serde_json::to_string(&message).unwrap().to_lowercase().contains("rolled back");
            assert!(!said || verdict == Some(Verdict::RolledBack), "{which} of {name}: {message:#?}");
        }
    }
    let (_, watching) = states().into_iter().find(|(name, _)| *name == "watching").unwrap();
    assert!(card(&watching.incident, later()).text.contains("rolled back"));
}

#[test]
fn a_card_shows_each_legal_button_once_and_no_other() {
    for (name, told) in states() {
        let shown: Vec<String> = card(&told.incident, later())
            .blocks
            .iter()
            .filter(|block| block["type"] == "actions")
            .flat_map(|block| block["elements"].as_array().unwrap().clone())
            .map(|element| element["value"].as_str().unwrap().to_owned())
            .collect();
        let legal: Vec<String> = buttons(&told.incident).into_iter().map(|button| button.id).collect();
        assert_eq!(shown, legal, "{name}");
    }
}

#[test]
fn a_card_of_one_record_is_always_the_same() {
    for (name, told) in states() {
        let first = card(&told.incident, later());
        let mut much_later = later();
        much_later.at += jiff::SignedDuration::from_hours(200);
        assert_eq!(first, card(&told.incident, much_later), "{name}");
    }
}

#[test]
fn the_form_asks_for_the_phrase_and_carries_its_button() {
    let told = states().into_iter().find(|(name, _)| *name == "waiting-phrase").unwrap().1;
    let button = buttons(&told.incident).remove(0);
    let view = confirm(&told.incident, &button).unwrap();
    assert_eq!(lint_view(&view), Vec::<String>::new());
    let carried = Confirming::read(view["private_metadata"].as_str().unwrap()).unwrap();
    assert_eq!(carried, Confirming { incident: told.incident.id.clone(), button: button.id.clone() });
    insta::assert_json_snapshot!("form-confirm", view);
    for manner in [hostile(&told), huge(&told), huge(&hostile(&told))] {
        assert_eq!(lint_view(&confirm(&manner.incident, &button).unwrap()), Vec::<String>::new());
    }
}

#[rstest::rstest]
#[case::reject("waiting", 1)]
#[case::skip("blocked", 1)]
#[case::accept("blocked-blind", 1)]
fn the_form_asks_why_and_carries_its_button(#[case] state: &str, #[case] which: usize) {
    let told = states().into_iter().find(|(name, _)| *name == state).unwrap().1;
    let button = buttons(&told.incident).remove(which);
    let view = reason(&told.incident, &button).unwrap();
    assert_eq!(lint_view(&view), Vec::<String>::new());
    let carried = Confirming::read(view["private_metadata"].as_str().unwrap()).unwrap();
    assert_eq!(carried, Confirming { incident: told.incident.id.clone(), button: button.id.clone() });
    insta::assert_json_snapshot!(format!("form-reason-{state}"), view);
    for manner in [hostile(&told), huge(&told), huge(&hostile(&told))] {
        assert_eq!(lint_view(&reason(&manner.incident, &button).unwrap()), Vec::<String>::new());
    }
}

#[rstest::rstest]
#[case::gate("awaiting", "gate")]
#[case::by_hand("awaiting", "done")]
fn the_form_of_what_people_do_says_what_and_carries_its_button(#[case] state: &str, #[case] verb: &str) {
    let told = states().into_iter().find(|(name, _)| *name == state).unwrap().1;
    let button = buttons(&told.incident).into_iter().find(|button| button.action.verb() == verb).unwrap();
    let view = pass(&told.incident, &button).unwrap();
    assert_eq!(lint_view(&view), Vec::<String>::new());
    let carried = Confirming::read(view["private_metadata"].as_str().unwrap()).unwrap();
    assert_eq!(carried, Confirming { incident: told.incident.id.clone(), button: button.id.clone() });
    insta::assert_json_snapshot!(format!("form-pass-{verb}"), view);
    for manner in [hostile(&told), huge(&told), huge(&hostile(&told))] {
        assert_eq!(lint_view(&pass(&manner.incident, &button).unwrap()), Vec::<String>::new());
    }
}

#[test]
fn the_form_of_a_remedy_has_each_choice_with_its_reason() {
    let told = states().into_iter().find(|(name, _)| *name == "blocked-remedies").unwrap().1;
    let of = |action_id: &str| {
        let is_it = |button: &crate::slack::buttons::Button| button.action_id(&told.incident.id) == action_id;
        buttons(&told.incident).into_iter().find(is_it).unwrap()
    };
    assert_eq!(remedy(&told.incident, &of("remedy-again:rb-7k3fq")), None, "there is nothing to choose");
    let button = of("remedy-skip-resources:rb-7k3fq");
    let view = remedy(&told.incident, &button).unwrap();
    assert_eq!(lint_view(&view), Vec::<String>::new());
    insta::assert_json_snapshot!("form-remedy", view);
    for manner in [hostile(&told), huge(&told), huge(&hostile(&told))] {
        assert_eq!(lint_view(&remedy(&manner.incident, &button).unwrap()), Vec::<String>::new());
    }
}

#[test]
fn without_a_phrase_there_is_no_form() {
    let told = Told::requested().proposed(terms(1));
    assert_eq!(confirm(&told.incident, &buttons(&told.incident)[0]), None);
}

#[test]
fn every_private_sentence_reads_as_it_should() {
    let sre = || vec![Principal::Group { id: GroupId::new("S0SRE00001"), name: "sre".into() }, Principal::Requester];
    let lead = || vec![UserId::new("U0LEAD0001")];
    let rejections = [
        Rejection::Guest,
        Rejection::ForeignWorkspace,
        Rejection::NotAPerson,
        Rejection::UnknownPerson,
        Rejection::NotAllowed { right: Right::Approve, holders: sre() },
        Rejection::NotAllowed { right: Right::Request, holders: vec![Principal::Members] },
        Rejection::NotAllowed { right: Right::Skip, holders: Vec::new() },
        Rejection::UnknownMembership { right: Right::Stop, holders: sre() },
        Rejection::OwnRequest,
        Rejection::NotNamed { holders: sre() },
        Rejection::UnknownNamed { holders: sre() },
        Rejection::NothingChosen,
        Rejection::GateNotSkipped,
        Rejection::AlreadyApproved,
        Rejection::WrongPhrase { phrase: "rollback-production".into() },
        Rejection::StalePlan,
        Rejection::Expired { at: start() },
        Rejection::AlreadyApprovedAndRunning { by: lead() },
        Rejection::AlreadyApprovedAndRunning { by: Vec::new() },
        Rejection::Over { how: "nothing to do".into() },
        Rejection::AlreadyStopping { by: "U0LEAD0001".into() },
        Rejection::AlreadyStopping { by: "dev (command line)".into() },
        Rejection::NoReason,
        Rejection::NotAllowed { right: Right::Emergency, holders: Vec::new() },
        Rejection::NotPlannedYet,
        Rejection::NotNow { state: "The plan waits for approval; nothing runs yet.".into() },
        Rejection::NotNow { state: "backend is not waiting for that any more".into() },
    ];
    let mut sentences: Vec<Message> = rejections.iter().map(rejection).collect();
    sentences.extend([stale_button(), clicked_twice()]);
    for message in &sentences {
        assert_eq!(lint(message), Vec::<String>::new(), "{message:#?}");
    }
    let text: Vec<&str> = sentences.iter().map(|message| message.text.as_str()).collect();
    insta::assert_snapshot!("private", text.join("\n"));
}

#[test]
fn every_list_reads_as_it_should() {
    let all: Vec<Incident> = states().into_iter().map(|(_, told)| told.incident).collect();
    let open: Vec<Incident> = all.iter().filter(|incident| !incident.is_closed()).take(3).cloned().collect();
    let over: Vec<Incident> = all.iter().filter(|incident| incident.is_closed()).cloned().collect();
    let emergencies = [Told::emergency().proposed(terms(0)).incident];
    let (v41, v42) = (v41(), v42());
    let line = |release, status, usable| ReleaseLine { release, status, usable };
    let target = |title: &str, releases| TargetReleases { target: "backend".into(), title: title.into(), releases };
    let known = Ok(vec![
        line(v42, ReleaseStatus::RunsNow, Usable::Yes),
        line(v41.clone(), ReleaseStatus::Good, Usable::Yes),
        line(v41, ReleaseStatus::Failed, Usable::Deregistered),
    ]);
    let targets = [
        target("ECS service shop-prod/api", known),
        target("ECS service shop-prod/jobs", Ok(Vec::new())),
        target("ECS service shop-prod/mail", Err("AWS refused ListServiceDeployments: access denied".into())),
    ];
    let stands = |title: &str, stands| TargetStatus { target: "backend".into(), title: title.into(), stands };
    let service = ServiceStatus {
        environment: "prod".into(),
        service: "api".into(),
        targets: vec![
            stands("ECS service shop-prod/api", Ok("api:42 runs, 4 of 4 tasks".into())),
            stands("ECS service shop-prod/jobs", Err("access denied".into())),
        ],
        incident: Some(open[1].clone()),
    };
    let idle = ServiceStatus { incident: None, ..service.clone() };
    let known = |may: &[Right]| Here {
        environment: "prod".to_owned(),
        services: vec!["api".to_owned(), "web".to_owned()],
        may: may.to_vec(),
        unknown: Vec::new(),
    };
    let request = &all[0].request;
    let lists = [
        ("status", status(&open, None, later())),
        ("status of nothing", status(&[], Some("prod api"), later())),
        ("services", services(&[service, idle], later())),
        ("history", history(&over, Some("prod api"), later())),
        ("history of nothing", history(&[], None, later())),
        ("status of an emergency", status(&emergencies, None, later())),
        ("status of one emergency", status_of(&emergencies[0], later())),
        ("history of an emergency", history(&emergencies, None, later())),
        ("releases", releases("prod api", &targets, later())),
        ("help", help(&[known(&[Right::Request, Right::Emergency, Right::Freeze, Right::Stop])])),
        ("help for whoever may only ask", help(&[known(&[Right::Request])])),
        ("dry run", dry_run(request, &plan(), &terms(1), start())),
    ];
    let mut text = Vec::new();
    for (name, message) in &lists {
        assert_eq!(lint(message), Vec::<String>::new(), "{name}: {message:#?}");
        text.push(format!("══ {name}: {}\n{}", message.text, as_text(message)));
    }
    insta::assert_snapshot!("lists", text.join("\n\n"));
}
