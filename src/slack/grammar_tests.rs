use proptest::prelude::*;
use rstest::rstest;

use super::grammar::{Misread, Run, Subject, Typed, Wanted, parse};
use super::grammar_vocabulary::{KnownEnvironment, KnownService, Vocabulary};
use crate::incident::ids::{ChannelId, IncidentId};
use crate::incident::request::Manner;

fn vocabulary() -> Vocabulary {
    let service = |name: &str, targets: &[&str]| KnownService {
        name: name.to_owned(),
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        parts: Vec::new(),
    };
    let environment = |name: &str, channels: &[&str], services, groups| KnownEnvironment {
        name: name.to_owned(),
        channels: channels.iter().map(|id| ChannelId::new(*id)).collect(),
        services,
        groups,
    };
    let everything = KnownService {
        parts: vec!["api".to_owned(), "web-shop".to_owned()],
        ..service("everything", &["api/backend", "api/frontend", "api/db", "web-shop/site"])
    };
    let api = service("api", &["backend", "frontend", "db"]);
    Vocabulary {
        environments: vec![
            environment("prod", &["C0INC00001"], vec![api.clone(), service("web-shop", &["site"])], vec![everything]),
            environment("staging", &["C0INC00001", "C0DEV00001"], vec![api], vec![]),
            environment("secret-lab", &["C0LAB00001", "C0LAB00002"], vec![service("laser", &["beam"])], vec![]),
        ],
    }
}

fn read(text: &str) -> Result<Typed, Misread> {
    parse(text, &vocabulary(), &ChannelId::new("C0INC00001"))
}

fn sentence(text: &str) -> String {
    match read(text) {
        Err(Misread::Sentence(sentence)) => sentence,
        other => panic!("`{text}` was read as {other:?}"),
    }
}

/// A rollback of `prod api`, in short: `to 42 | only a,b | with c | because … | dry`.
fn brief(text: &str) -> String {
    let Wanted { environment, service, to, apart, only, with, manner, reason, run } = match read(text) {
        Ok(Typed::RollBack(wanted)) => wanted,
        other => panic!("`{text}` was read as {other:?}"),
    };
    let mut parts = vec![format!("{environment} {service}")];
    parts.extend(to.map(|to| format!("to {to}")));
    parts.extend(apart.into_iter().map(|(target, release)| format!("{target}={release}")));
    parts.extend((!only.is_empty()).then(|| format!("only {}", only.join(","))));
    parts.extend((!with.is_empty()).then(|| format!("with {}", with.join(","))));
    parts.extend(reason.map(|reason| format!("because {reason}")));
    parts.extend((manner == Manner::Emergency).then(|| "emergency".to_owned()));
    parts.extend((run == Run::Dry).then(|| "dry".to_owned()));
    parts.join(" | ")
}

#[rstest]
#[case("prod api", "prod api")]
#[case("  PROD\t  Api ", "prod api")]
#[case("prod\u{a0}api.", "prod api")]
#[case("/rollback prod api", "prod api")]
#[case("rollback prod api!", "prod api")]
#[case("`prod` *api*", "prod api")]
#[case("“prod” ‘api’", "prod api")]
#[case("prod web–shop", "prod web-shop")]
#[case("p\u{200b}rod api", "prod api")]
#[case("prod api --emergency because fire", "prod api | because fire | emergency")]
#[case("prod api because fire —emergency", "prod api | because fire | emergency")]
#[case("prod api because fire --emergency --dry-run", "prod api | because fire | emergency | dry")]
#[case("prod api to 42", "prod api | to 42")]
#[case("prod api to: 42", "prod api | to 42")]
#[case("prod api to : 42", "prod api | to 42")]
#[case("prod api to:42", "prod api | to 42")]
#[case("prod api TO=42", "prod api | to 42")]
#[case("prod api to #42", "prod api | to 42")]
#[case("prod api to <#C0CHAN0001|42>", "prod api | to 42")]
#[case("prod api to 42.", "prod api | to 42")]
#[case("prod api, to v1.2.3.", "prod api | to v1.2.3")]
#[case("prod api to revision 42", "prod api | to 42")]
#[case("prod api to “v41”", "prod api | to v41")]
#[case("prod api to api:41", "prod api | to api:41")]
#[case("prod api to previous", "prod api")]
#[case("prod api to Previous because 5xx", "prod api | because 5xx")]
#[case("prod api to 2026-11-01T12:00:00Z", "prod api | to 2026-11-01T12:00:00Z")]
#[case(
    "prod api to arn:aws:ecs:eu-north-1:123456789012:task-definition/api:41",
    "prod api | to arn:aws:ecs:eu-north-1:123456789012:task-definition/api:41"
)]
#[case("prod api to sha256:9f86d081884c", "prod api | to sha256:9f86d081884c")]
#[case("prod api only backend", "prod api | only backend")]
#[case("prod api only Backend, frontend", "prod api | only backend,frontend")]
#[case("prod api only: backend and frontend to 42", "prod api | to 42 | only backend,frontend")]
#[case("prod api only backend,backend", "prod api | only backend")]
#[case("prod api with db only backend", "prod api | only backend | with db")]
#[case("prod api because 5xx since 12:10", "prod api | because 5xx since 12:10")]
#[case("prod api because: \"it is down\"", "prod api | because it is down")]
#[case("prod api because “it’s down”, says Ann", "prod api | because “it’s down”, says Ann")]
#[case("prod api because &lt;b&gt; &amp; all", "prod api | because <b> & all")]
#[case("prod api because <@U0ANN0001|ann> says so", "prod api | because @ann says so")]
#[case("prod api because see <https://example.com/x|the graph>", "prod api | because see the graph")]
#[case("prod api because of v42 to be sure", "prod api | because of v42 to be sure")]
#[case("prod api because down — again", "prod api | because down — again")]
#[case("prod api because --force did not help", "prod api | because --force did not help")]
#[case("prod api --dry-run", "prod api | dry")]
#[case("prod api —dry-run", "prod api | dry")]
#[case("prod api –DRY—RUN", "prod api | dry")]
#[case("prod api -dryrun to 42", "prod api | to 42 | dry")]
#[case("prod api dry-run", "prod api | dry")]
#[case("prod api --dry run", "prod api | dry")]
#[case("prod api because bad release —dry-run", "prod api | because bad release | dry")]
#[case("prod api because --dry-run first", "prod api | because first | dry")]
#[case("staging api to 7 because x only y", "staging api | to 7 | because x only y")]
#[case("prod everything", "prod everything")]
#[case("prod everything only api", "prod everything | only api")]
#[case("prod everything only api/backend web-shop", "prod everything | only api/backend,web-shop")]
#[case("prod everything only site", "prod everything | only web-shop/site")]
#[case("prod everything to v42", "prod everything | to v42")]
#[case("prod everything to api=42 web-shop=v7", "prod everything | api=42 | web-shop=v7")]
#[case("prod everything to API/Backend=42, site=prev", "prod everything | api/backend=42 | web-shop/site=previous")]
#[case("prod api to backend=42 frontend=job-7", "prod api | backend=42 | frontend=job-7")]
#[case("prod api backend=42 frontend=job-7 because x", "prod api | backend=42 | frontend=job-7 | because x")]
#[case("prod api only backend to backend=#42", "prod api | backend=42 | only backend")]
fn a_rollback_is_read(#[case] typed: &str, #[case] meant: &str) {
    assert_eq!(brief(typed), meant);
}

#[rstest]
#[case("", Typed::Form { environment: None })]
#[case("   ", Typed::Form { environment: None })]
#[case("help", Typed::Help)]
#[case("HELP!", Typed::Help)]
#[case("?", Typed::Help)]
#[case("—help", Typed::Help)]
#[case("prod api --help", Typed::Help)]
#[case("/rollback", Typed::Form { environment: None })]
#[case("prod", Typed::Form { environment: Some("prod".to_owned()) })]
#[case("releases prod everything", Typed::Releases { environment: "prod".to_owned(), service: "everything".to_owned() })]
#[case("status", Typed::Status(Subject::Everything))]
#[case("Status?", Typed::Status(Subject::Everything))]
#[case("status rb-7k3fq", Typed::Status(Subject::Incident(IncidentId::new("rb-7k3fq"))))]
#[case("status RB–7K3FQ.", Typed::Status(Subject::Incident(IncidentId::new("rb-7k3fq"))))]
#[case("status prod", Typed::Status(Subject::Environment("prod".to_owned())))]
#[case("status prod api", Typed::Status(Subject::Service { environment: "prod".to_owned(), service: "api".to_owned() }))]
#[case("releases prod api", Typed::Releases { environment: "prod".to_owned(), service: "api".to_owned() })]
#[case("history", Typed::History { environment: None, service: None })]
#[case("history prod", Typed::History { environment: Some("prod".to_owned()), service: None })]
#[case("history prod api", Typed::History { environment: Some("prod".to_owned()), service: Some("api".to_owned()) })]
#[case("stop rb-7k3fq", Typed::Stop(IncidentId::new("rb-7k3fq")))]
#[case("stop `rb-7k3fq`", Typed::Stop(IncidentId::new("rb-7k3fq")))]
fn a_verb_is_read(#[case] typed: &str, #[case] meant: Typed) {
    assert_eq!(read(typed), Ok(meant));
}

#[rstest]
#[case("prdo api", "There is no environment “prdo” here; did you mean `/rollback prod`?")]
#[case("histroy", "There is no environment “histroy” here; did you mean `/rollback history`?")]
#[case("api prod", "The environment comes first: type `/rollback prod api`.")]
#[case("elsewhere web", "There is no environment “elsewhere” here; in this channel there are `prod` and `staging`.")]
#[case("prod apu", "prod has no service “apu”; did you mean `/rollback prod api`?")]
#[case("prod all", "prod has no service “all”; there are `api`, `web-shop` and `everything`.")]
#[case("prod everthing", "prod has no service “everthing”; did you mean `/rollback prod everything`?")]
#[case("prod everything only backned", "everything has no target “backned”; did you mean `api/backend`?")]
#[case("prod everything only wep-shop", "everything has no target “wep-shop”; did you mean `web-shop`?")]
#[case("prod api to bakend=42", "api has no target “bakend”; did you mean `backend`?")]
#[case(
    "prod api to 42 backend=42",
    "Say one release for all targets (`to 42`), or one for each (`to a=42 b=v7`), not both."
)]
#[case(
    "prod api backend=42 to 42",
    "Say one release for all targets (`to 42`), or one for each (`to a=42 b=v7`), not both."
)]
#[case("prod api backend=42 backend=43", "backend has two releases; say one.")]
#[case("releases prod apu", "prod has no service “apu”; did you mean `/rollback releases prod api`?")]
#[case(
    "prod because it is down",
    "Say what to roll back after the environment, as in `/rollback prod api …`; in prod there are `api`, `web-shop` and `everything`."
)]
#[case(
    "prod api web-shop",
    "One command takes back one service or group: type `/rollback prod api`, then `/rollback prod web-shop`, or `/rollback prod everything only api web-shop` for both."
)]
#[case("prod api 42", "To go back to 42, type `/rollback prod api to 42`.")]
#[case("prod api backend", "To take only backend back, type `/rollback prod api only backend`.")]
#[case("prod api becuase it is down", "“becuase” is not understood; did you mean `because`?")]
#[case(
    "prod api quickly",
    "“quickly” is not understood; type `/rollback prod api to …` or `/rollback prod api because …`."
)]
#[case("prod api to", "Say which release after `to`, as in `to 42`; leave `to` out for the one before.")]
#[case("prod api to because x", "Say which release after `to`, as in `to 42`; leave `to` out for the one before.")]
#[case("prod api to 42 to 43", "Say `to` once: one rollback goes back to one release.")]
#[case("prod api only bakcend", "api has no target “bakcend”; did you mean `backend`?")]
#[case("prod web-shop only zzz", "web-shop has no target “zzz”; there is only `site`.")]
#[case("prod api only", "Say which targets after `only`; in api there are `backend`, `frontend` and `db`.")]
#[case("prod api because", "Say why after `because`, as in `because 5xx since 12:10`, or leave it out.")]
#[case("prod api --dyr-run", "There is no --dyr-run; did you mean `--dry-run`?")]
#[case(
    "prod api --force",
    "There is no --force; the flags are `--dry-run`, which shows the plan and does nothing, and `--emergency`, which waits for no second person."
)]
#[case("prod api because x --dry-rnu", "There is no --dry-rnu; did you mean `--dry-run`?")]
#[case("prod api --emergency", "An emergency needs a reason: type `/rollback prod api --emergency because …`.")]
#[case("prod api --emergncy because fire", "There is no --emergncy; did you mean `--emergency`?")]
#[case("--dry-run prod api", "Say the environment and the service first, as in `/rollback prod api --dry-run`.")]
#[case("freeze", "Say of what, as in `/rollback freeze prod api`.")]
#[case(
    "unfreeze prod",
    "Say which service: `/rollback unfreeze prod …`; in prod there are `api`, `web-shop` and `everything`."
)]
#[case("freeze prod apu", "prod has no service “apu”; did you mean `/rollback freeze prod api`?")]
#[case(
    "freeze prod api until monday",
    "“until” is too much; say no more than in `/rollback freeze prod api because …`."
)]
#[case("freeze prod api --dry-run", "`/rollback freeze prod api` takes no flags; leave --dry-run out.")]
#[case("freeze prod api because", "Say why after `because`, as in `because 5xx since 12:10`, or leave it out.")]
#[case("report rb-7k3fq", "This version writes no reports; `/rollback status rb-…` shows what happened.")]
#[case("note rb-7k3fq cause x", "This version keeps no notes; write them into the incident's thread.")]
#[case("releases", "Say of what, as in `/rollback releases prod api`.")]
#[case(
    "releases prod",
    "Say which service: `/rollback releases prod …`; in prod there are `api`, `web-shop` and `everything`."
)]
#[case("stop", "Say which incident, as in `/rollback stop rb-7k3fq`; `/rollback status` lists what is in flight.")]
#[case("stop prod", "“prod” is no incident; type `/rollback stop rb-…` with an id that `/rollback status` lists.")]
#[case("stop rb-7k3fq now", "“now” is too much; say no more than in `/rollback stop rb-7k3fq`.")]
#[case("status prod api now", "“now” is too much; say no more than in `/rollback status prod api`.")]
fn what_cannot_be_read_is_answered_in_one_sentence(#[case] typed: &str, #[case] answer: &str) {
    assert_eq!(sentence(typed), answer);
}

#[test]
fn an_environment_of_other_channels_is_sent_there_before_its_services_are_named() {
    let elsewhere = Misread::Elsewhere {
        environment: "secret-lab".to_owned(),
        channels: vec![ChannelId::new("C0LAB00001"), ChannelId::new("C0LAB00002")],
    };
    for typed in ["secret-lab lasre", "status secret-lab", "releases Secret-Lab laser", "history secret-lab"] {
        assert_eq!(read(typed), Err(elsewhere.clone()), "{typed}");
    }
    let near = sentence("secret-lba laser");
    assert!(!near.contains("secret-lab"), "{near}");
    assert!(!near.contains("`laser`"), "{near}");
}

#[test]
fn a_channel_without_environments_says_so() {
    for typed in ["mars api", "status", "history"] {
        let answer = parse(typed, &vocabulary(), &ChannelId::new("C0NONE0001"));
        assert_eq!(answer, Err(Misread::nothing_here()), "{typed}");
    }
}

#[test]
fn long_foreign_words_are_repeated_in_part() {
    let answer = sentence(&format!("{} api", "x`".repeat(200)));
    assert!(answer.chars().count() < 200, "{answer}");
    assert!(!answer.contains("x`"), "{answer}");
}

#[test]
fn foreign_words_cannot_mention_or_format() {
    let answer = sentence("&lt;!here&gt; api");
    assert!(answer.contains("&lt;!here&gt;") && !answer.contains('<'), "{answer}");
    assert!(!sentence("prod api *bold*ly").contains("“*"));
}

#[test]
fn an_endless_reason_is_refused() {
    let answer = sentence(&format!("prod api because {}", "why ".repeat(400)));
    assert!(answer.contains("1000 characters"), "{answer}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_answered(text in "\\PC*") {
        let _ = read(&text);
    }

    #[test]
    fn commands_in_pieces_are_read_or_answered_in_one_line(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("prod"), Just("api"), Just("to"), Just("to:"), Just("only"), Just("with"), Just("because"),
                Just("backend"), Just("db,"), Just("—dry-run"), Just("--"), Just("<@U1|"), Just("<"), Just("&lt;"),
                Just("\u{201c}"), Just("status"), Just("stop"), Just("rb-7k3fq"), Just("="), Just("42"), Just("\n"),
            ],
            0..12,
        ),
        glue in prop_oneof![Just(" "), Just("")],
    ) {
        match read(&pieces.join(glue)) {
            Err(Misread::Sentence(sentence)) => {
                prop_assert!(!sentence.contains('\n'), "{}", sentence);
                prop_assert!(sentence.ends_with(['.', '?']), "{}", sentence);
                prop_assert!(!sentence.contains('<'), "{}", sentence);
            }
            Ok(Typed::RollBack(wanted)) => prop_assert_eq!(wanted.environment, "prod"),
            Ok(_) | Err(Misread::Elsewhere { .. }) => {}
        }
    }
}
