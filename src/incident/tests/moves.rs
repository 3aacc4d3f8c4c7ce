//! Random moves: what is due, what a person does who wants to go on, and anything by anybody.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::incident::command::Command;
use crate::incident::due::{Due, blocking, due};
use crate::incident::ids::{Digest, StepId};
use crate::incident::incident::{Froze, Incident};
use crate::incident::plan::{Plan, Purpose, Stage, Step};
use crate::incident::policy::{Actor, Known, Standing};
use crate::incident::sample::{
    ANNA, BEN, CLEO, DORA, PHRASE, by_hand, checks, failure, force, gate, member, optional, person, plan, rolls_back,
    stage, terms,
};
use crate::incident::step::{ActOutcome, Failure, Finding, StepState};

/// Raw material of one move.
#[derive(Debug, Clone)]
pub(super) struct Roll {
    pub(super) sensible: bool,
    command: Index,
    step: Index,
    actor: Index,
    variant: Index,
    /// Seconds since the move before.
    pub(super) passes: u64,
}

pub(super) fn rolls() -> impl Strategy<Value = Vec<Roll>> {
    let indices = (any::<Index>(), any::<Index>(), any::<Index>(), any::<Index>());
    let roll = (any::<bool>(), indices, prop_oneof![6 => 0..5_u64, 1 => 500..2_000_u64]).prop_map(
        |(sensible, (command, step, actor, variant), passes)| Roll { sensible, command, step, actor, variant, passes },
    );
    proptest::collection::vec(roll, 1..120)
}

/// Every shape that a planner may make: lanes side by side, several steps in one, optional ones, several stages.
static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let freeze = || stage(Purpose::Freeze, vec![vec![rolls_back("pipeline")]]);
    let watch = |lanes| stage(Purpose::Watch, lanes);
    vec![
        plan(vec![
            stage(Purpose::RollBack, vec![vec![rolls_back("api")]]),
            stage(Purpose::Verify, vec![vec![checks("verify/1")]]),
            watch(vec![vec![checks("watch/1")]]),
        ]),
        plan(vec![
            freeze(),
            stage(
                Purpose::RollBack,
                vec![vec![rolls_back("api"), rolls_back("web")], vec![optional(rolls_back("monitoring"))]],
            ),
            stage(Purpose::RollBack, vec![vec![optional(rolls_back("jobs"))]]),
            stage(Purpose::Verify, vec![vec![checks("verify/1")], vec![optional(checks("verify/2"))]]),
            watch(vec![vec![checks("watch/1"), checks("watch/2")]]),
        ]),
        plan(vec![stage(Purpose::RollBack, vec![vec![optional(rolls_back("api")), rolls_back("web")]])]),
        plan(vec![
            stage(
                Purpose::RollBack,
                vec![vec![optional(gate("api")), optional(rolls_back("api"))], vec![by_hand("tell")]],
            ),
            stage(Purpose::Verify, vec![vec![checks("verify/1")]]),
        ]),
        // Two services of a group, one after the other.
        plan(vec![
            stage(Purpose::RollBack, vec![vec![rolls_back("api/backend")], vec![rolls_back("api/worker")]]),
            stage(Purpose::RollBack, vec![vec![rolls_back("web/site")]]),
            stage(Purpose::Verify, vec![vec![checks("verify/api/1")], vec![checks("verify/web/1")]]),
            watch(vec![vec![checks("watch/api/1")], vec![checks("watch/web/1")]]),
        ]),
        // Three services of a group side by side, each with stages of its own.
        plan(vec![
            freeze(),
            on_track("api", vec![vec![rolls_back("api/backend")], vec![rolls_back("api/worker")]]),
            on_track("api", vec![vec![rolls_back("api/site")]]),
            on_track("web", vec![vec![rolls_back("web/site")]]),
            on_track("web", vec![vec![optional(rolls_back("web/cache"))], vec![rolls_back("web/edge")]]),
            on_track("jobs", vec![vec![rolls_back("jobs/queue"), rolls_back("jobs/cron")]]),
            stage(Purpose::Verify, vec![vec![checks("verify/api/1")], vec![checks("verify/web/1")]]),
            watch(vec![vec![checks("watch/api/1")]]),
        ]),
    ]
});

fn on_track(track: &str, lanes: Vec<Vec<Step>>) -> Stage {
    Stage { track: Some(track.to_owned()), ..stage(Purpose::RollBack, lanes) }
}

static DIGESTS: LazyLock<Vec<Digest>> = LazyLock::new(|| PLANS.iter().map(Plan::digest).collect());

fn actors() -> Vec<Actor> {
    let mut guest = member(BEN);
    guest.standing = Standing::Guest;
    let mut foreign = member(CLEO);
    foreign.standing = Standing::Foreign;
    let mut of_unknown_groups = member(DORA);
    of_unknown_groups.groups.values_mut().for_each(|known| *known = Known::Unknown);
    let mut actors = [ANNA, BEN, CLEO, DORA].map(person).to_vec();
    actors.extend([guest, foreign, of_unknown_groups].map(Actor::Slack));
    actors.push(Actor::Machine { user: "root".to_owned() });
    actors
}

fn steps(incident: &Incident) -> Vec<StepId> {
    let planned = incident.proposal().into_iter().flat_map(|proposal| proposal.plan.steps());
    let mut steps: Vec<StepId> = planned.map(|(_, step)| step.id.clone()).collect();
    steps.push(StepId::new("nobody"));
    steps
}

fn digests(incident: &Incident) -> Vec<Digest> {
    let mut digests = DIGESTS.clone();
    digests.extend(incident.proposal().map(|proposal| proposal.digest.clone()));
    digests
}

/// What somebody does who wants it to go on: the engine what is due, else a person what is possible.
pub(super) fn sensible(incident: &Incident, roll: &Roll, required: u8) -> (Actor, Command) {
    let due = due(incident);
    let engine = |command| (Actor::Rollbot, command);
    if !due.is_empty() {
        match roll.command.get(&due) {
            Due::Plan => {
                let plan = roll.variant.get(&PLANS).clone();
                let terms = terms(required);
                return engine(Command::Propose { plan, terms });
            }
            Due::Start => {
                let digest = incident.proposal().unwrap().digest.clone();
                // Now and then somebody has left the group since they voted.
                let mut voters = vec![member(BEN)];
                if roll.variant.index(8) == 0 {
                    for group in voters.iter_mut().flat_map(|voter| voter.groups.values_mut()) {
                        *group = Known::No;
                    }
                }
                return engine(Command::Start { digest, voters });
            }
            Due::Run(step) => return engine(carry_on(incident, step, roll.variant.index(8))),
            Due::Freeze => return engine(Command::Froze { froze: Froze::default() }),
            Due::Settle => return engine(Command::Settle),
            Due::Remove(made) => {
                return engine(Command::Remove { stack: made.stack.clone(), name: made.name.clone() });
            }
            Due::Await { step, attempt } => return about_what_waits(step, *attempt, roll),
            Due::Expire { .. } => {}
        }
    }
    if let Some(run) = incident.run() {
        let blocked: Vec<(StepId, u32)> =
            blocking(run).map(|(step, record)| (step.id.clone(), record.attempt)).collect();
        if !blocked.is_empty() {
            let (step, attempt) = roll.step.get(&blocked).clone();
            let command = match roll.variant.index(4) {
                3 => Command::Remedy { step, attempt, remedy: "force".to_owned(), chosen: vec!["one".to_owned()] },
                0 => Command::Skip { step, attempt, reason: "it is not needed".to_owned() },
                1 => Command::Stop,
                _ => Command::Retry { step, attempt },
            };
            return (person(BEN), command);
        }
    }
    let digest = incident.proposal().map_or_else(|| Digest::of(b""), |proposal| proposal.digest.clone());
    let who = *roll.actor.get(&[ANNA, BEN, CLEO]);
    (person(who), Command::Approve { digest, phrase: None })
}

/// Somebody does what is asked of them, types something else, or does nothing until it is late.
fn about_what_waits(step: &StepId, attempt: u32, roll: &Roll) -> (Actor, Command) {
    let step = step.clone();
    if roll.variant.index(6) == 0 {
        return (Actor::Rollbot, Command::Fail { step, failure: failure(Finding::Inconclusive) });
    }
    let typed = *roll.step.get(&[PHRASE, " DELETE api\n", "delete api"]);
    let who = *roll.actor.get(&[ANNA, BEN, CLEO, DORA]);
    (person(who), Command::Pass { step, attempt, phrase: Some(typed.to_owned()), note: None })
}

pub(super) fn carry_on(incident: &Incident, step: &StepId, chance: usize) -> Command {
    let record = incident.run().unwrap().record(step);
    let step = step.clone();
    let unknown = record.acts.iter().find(|act| act.outcome == ActOutcome::Unknown);
    match (&record.state, unknown, chance) {
        (StepState::Active, Some(act), 0..=1) => {
            Command::Accept { step, number: act.number, receipt: Value::Null, request_id: None }
        }
        (StepState::Active, Some(act), 2) => Command::Refuse { step, number: act.number, why: "no".to_owned() },
        (StepState::Active, _, 0..=2) => Command::Act { step, what: json!({}) },
        (StepState::Active, _, 3) if !step.as_str().starts_with("verify") => {
            let failure = Failure { remedies: vec![force()], ..failure(Finding::Wrong) };
            Command::Fail { step, failure }
        }
        (StepState::Active, _, 3..=4) => {
            let failure = failure(Finding::Inconclusive);
            Command::Fail { step, failure }
        }
        (StepState::Active, _, _) => {
            let (evidence, output) = (Vec::new(), Value::Null);
            Command::Finish { step, evidence, output }
        }
        _ => Command::Begin { step },
    }
}

/// Anything, by anybody.
pub(super) fn anything(incident: &Incident, roll: &Roll, required: u8) -> (Actor, Command) {
    let step = roll.step.get(&steps(incident)).clone();
    let digest = roll.variant.get(&digests(incident)).clone();
    let recorded = incident.run().map(|run| run.record(&step)).unwrap_or_default();
    let (attempt, number) = match roll.variant.index(3) {
        0 => (u32::try_from(roll.actor.index(4)).unwrap(), 1),
        _ => (recorded.attempt, u32::try_from(recorded.acts.len()).unwrap()),
    };
    let (why, text) = ("why".to_owned(), format!("{attempt} of 4"));
    let (phrase, reason) = (None, "reason".to_owned());
    let plan = roll.variant.get(&PLANS).clone();
    let people = [
        Command::Approve { digest: digest.clone(), phrase },
        Command::Reject { digest: digest.clone(), reason: None },
        Command::Retry { step: step.clone(), attempt },
        Command::Skip { step: step.clone(), attempt, reason },
        Command::FreezeNow,
        Command::Remedy { step: step.clone(), attempt, remedy: "force".to_owned(), chosen: Vec::new() },
        Command::Pass { step: step.clone(), attempt, phrase: Some(PHRASE.to_owned()), note: None },
        Command::Stop,
    ];
    let (receipt, output, what) = (Value::Null, Value::Null, json!({}));
    let engine = [
        Command::Propose { plan, terms: terms(required) },
        Command::NothingToDo { why: why.clone() },
        Command::CannotPlan { why: why.clone() },
        Command::Froze { froze: Froze::default() },
        Command::Expire,
        Command::Start { digest, voters: Vec::new() },
        Command::Begin { step: step.clone() },
        Command::Act { step: step.clone(), what },
        Command::Accept { step: step.clone(), number, receipt, request_id: None },
        Command::Refuse { step: step.clone(), number, why },
        Command::Progress { step: step.clone(), text },
        Command::Finish { step: step.clone(), evidence: Vec::new(), output },
        Command::Fail { step: step.clone(), failure: failure(Finding::Wrong) },
        Command::Withdraw { step },
        Command::Settle,
    ];
    // The ends are rare, so that walks come far.
    let at = roll.command.index(people.len() + engine.len());
    match people.get(at) {
        Some(Command::Stop) if roll.variant.index(4) != 0 => (person(DORA), Command::Stop),
        Some(command) => (roll.actor.get(&actors()).clone(), command.clone()),
        None => (Actor::Rollbot, engine[at - people.len()].clone()),
    }
}
