//! What the mirror writes next for one incident. Pure.
//!
//! The card comes first, everything else is in its thread, and events keep their order. A post of unknown outcome is
//! looked for before anything else is written. Writes are offered in the order of their weight: changed buttons before
//! news, news before progress; whoever carries them out takes the first that the budget allows.

use super::client_types::MessageTs;
use super::message::Message;
use super::mirror_state::{Announcement, Attempt, Item, MirrorState, Shown, state, whole};
use super::views::announcement::announcement;
use super::views::card::card;
use super::views::milestone::milestone;
use super::views::steps::steps;
use crate::incident::event::{Event, What};
use crate::incident::ids::ChannelId;
use crate::incident::incident::Incident;
use crate::incident::request::Manner;
use crate::incident::time::Now;

/// One thing to do at Slack.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Write {
    /// Look whether a post of unknown outcome was made.
    LookUp {
        /// Which.
        attempt: Attempt,
        /// The thread that it would be in; `None`: the channel.
        thread: Option<MessageTs>,
    },
    /// Post a message.
    Post {
        /// Which.
        item: Item,
        /// In whose thread.
        thread: Option<MessageTs>,
        /// What.
        message: Message,
    },
    /// Change a message.
    Update {
        /// Which.
        item: Item,
        /// Its name.
        ts: MessageTs,
        /// What it shall show.
        message: Message,
        /// How urgently.
        urgency: Urgency,
    },
}

/// How urgently a message is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// What is under way has come further.
    Progress,
    /// The state has changed, and with it the buttons that are legal.
    State,
}

/// What is to be done for one incident.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Next {
    /// The first event that is not yet told: those before it are no milestones, or are told.
    pub(super) cursor: u64,
    /// What to write, the weightiest first; empty when Slack shows all there is.
    pub(super) writes: Vec<Write>,
}

/// What is to be done, given what was shown, the record and its events from the cursor on. The record is at least as
/// new as the events. `operations` is the channel in which emergencies are announced.
pub(super) fn next(
    shown: &MirrorState,
    incident: &Incident,
    events: &[(u64, Event)],
    operations: Option<&ChannelId>,
    now: Now,
) -> Next {
    let mut pending = events.iter().filter(|(number, _)| *number >= shown.cursor);
    let told =
        pending.find_map(|(number, event)| milestone(incident, event, now.pace).map(|message| (*number, message)));
    let end = events.last().map_or(shown.cursor, |(number, _)| number.saturating_add(1).max(shown.cursor));
    let cursor = told.as_ref().map_or(end, |(number, _)| *number);
    let thread = shown.card.as_ref().map(|card| card.ts.clone());

    if let Some(attempt) = &shown.attempt {
        let thread = if matches!(attempt.item, Item::Card | Item::Announcement) { None } else { thread };
        let writes = vec![Write::LookUp { attempt: attempt.clone(), thread }];
        return Next { cursor: shown.cursor, writes };
    }
    let message = card(incident, now);
    let Some(card) = &shown.card else {
        return Next { cursor, writes: vec![Write::Post { item: Item::Card, thread: None, message }] };
    };
    let mut writes = Vec::new();
    let card_update = update(Item::Card, card, message);
    let urgent = matches!(&card_update, Some(Write::Update { urgency: Urgency::State, .. }));
    let (now_updates, mut later_updates) = if urgent { (card_update, None) } else { (None, card_update) };
    writes.extend(now_updates);
    if is_to_be_announced(shown, incident, operations) {
        let message = announcement(incident);
        writes.push(Write::Post { item: Item::Announcement, thread: None, message });
    }
    let list = steps(incident, now);
    let starts = events.iter().any(|(number, event)| *number >= cursor && matches!(event.what, What::Started { .. }));
    match (&shown.steps, list) {
        (None, Some(message)) if !starts => {
            writes.push(Write::Post { item: Item::Steps, thread: thread.clone(), message });
        }
        (Some(steps), Some(message)) => later_updates = later_updates.or_else(|| update(Item::Steps, steps, message)),
        (None, _) | (Some(_), None) => {}
    }
    writes.extend(told.map(|(number, message)| Write::Post { item: Item::Event { number }, thread, message }));
    writes.extend(later_updates);
    Next { cursor, writes }
}

/// An emergency is announced where those who run this read, unless that is where the card stands.
fn is_to_be_announced(shown: &MirrorState, incident: &Incident, operations: Option<&ChannelId>) -> bool {
    incident.request.manner == Manner::Emergency
        && shown.announcement == Announcement::Due
        && operations.is_some_and(|operations| *operations != incident.request.channel)
}

fn update(item: Item, shown: &Shown, message: Message) -> Option<Write> {
    if shown.whole.as_ref() == Some(&whole(&message)) {
        return None;
    }
    let same_state = shown.state.as_ref() == Some(&state(&message));
    let urgency = if item == Item::Card && !same_state { Urgency::State } else { Urgency::Progress };
    Some(Write::Update { item, ts: shown.ts.clone(), message, urgency })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::evolve::{evolve, open};
    use crate::slack::views::fixtures::{Told, later, start, terms};
    use crate::slack::views::states::states;

    fn numbered(told: &Told) -> Vec<(u64, Event)> {
        told.events.iter().enumerate().map(|(number, event)| (number as u64, event.clone())).collect()
    }

    fn looked(shown: &MirrorState, told: &Told) -> Next {
        next(shown, &told.incident, &numbered(told), Some(&ChannelId::new("C0OPS00001")), later())
    }

    /// What a write is, in a few words.
    fn name(write: &Write) -> String {
        match write {
            Write::LookUp { attempt, thread } => format!("look up {:?} in {thread:?}", attempt.item),
            Write::Post { item, thread: None, .. } => format!("post {item:?}"),
            Write::Post { item, thread: Some(_), .. } => format!("post {item:?} in the thread"),
            Write::Update { item, urgency, .. } => format!("update {item:?} ({urgency:?})"),
        }
    }

    /// Slack as it is after `write`.
    fn written(shown: MirrorState, write: &Write, number: usize) -> MirrorState {
        let ts = MessageTs::new(format!("1.{number:06}"));
        match write {
            Write::Post { item, message, .. } => shown.with(*item, Shown::of(ts, message)),
            Write::Update { item, ts, message, .. } => shown.with(*item, Shown::of(ts.clone(), message)),
            Write::LookUp { .. } => panic!("nothing was lost"),
        }
    }

    /// Writes until there is nothing left, and says what was written.
    fn written_out(mut shown: MirrorState, told: &Told) -> (MirrorState, Vec<String>) {
        let mut names = Vec::new();
        loop {
            let next = looked(&shown, told);
            shown.cursor = next.cursor;
            let Some(write) = next.writes.first() else {
                return (shown, names);
            };
            shown = written(shown, write, names.len());
            names.push(name(write));
            assert!(names.len() < 100, "{names:#?}");
        }
    }

    #[test]
    fn the_card_comes_first_then_the_thread_in_order() {
        let (_, names) = written_out(MirrorState::default(), &Told::under_way());
        assert_eq!(
            names,
            [
                "post Card",
                "post Event { number: 1 } in the thread",
                "post Event { number: 2 } in the thread",
                "post Event { number: 3 } in the thread",
                "post Steps in the thread",
                "post Event { number: 6 } in the thread",
            ]
        );
    }

    #[test]
    fn whatever_was_shown_the_end_is_the_same_and_then_it_is_quiet() {
        for (name, told) in states() {
            let (at_once, _) = written_out(MirrorState::default(), &told);
            let mut shown = MirrorState::default();
            let mut so_far: Option<Incident> = None;
            for (number, event) in told.events.iter().enumerate() {
                let incident = match so_far {
                    Some(incident) => evolve(incident, event),
                    None => open(event).unwrap(),
                };
                let mut part = told.clone();
                part.incident = incident.clone();
                part.events.truncate(number + 1);
                so_far = Some(incident);
                shown = written_out(shown, &part).0;
            }
            assert_eq!(looked(&shown, &told).writes, [], "{name}");
            let digests = |state: &MirrorState| {
                (state.card.clone().map(|card| card.whole), state.steps.clone().map(|steps| steps.whole), state.cursor)
            };
            assert_eq!(digests(&shown), digests(&at_once), "{name}");
        }
    }

    #[test]
    fn an_emergency_is_announced_once_and_a_regular_rollback_never() {
        let told = states().into_iter().find(|(name, _)| *name == "waiting-emergency").unwrap().1;
        let (shown, names) = written_out(MirrorState::default(), &told);
        assert_eq!(names, ["post Card", "post Announcement", "post Event { number: 1 } in the thread"]);
        assert_eq!(shown.announcement, Announcement::Over);
        let in_its_own_channel = next(
            &MirrorState { announcement: Announcement::Due, ..shown },
            &told.incident,
            &numbered(&told),
            Some(&told.incident.request.channel),
            later(),
        );
        assert_eq!(in_its_own_channel.writes, []);
    }

    #[test]
    fn a_changed_state_goes_before_news_and_progress_after_it() {
        let (shown, _) = written_out(MirrorState::default(), &Told::under_way());
        let failed: Vec<String> = looked(&shown, &Told::blocked()).writes.iter().map(name).collect();
        assert_eq!(
            failed,
            ["update Card (State)", "post Event { number: 8 } in the thread", "update Steps (Progress)"]
        );
        let further = Told::under_way().progressed("backend", "3 of 4 tasks run api:41");
        let progress: Vec<String> = looked(&shown, &further).writes.iter().map(name).collect();
        assert_eq!(progress, ["update Card (Progress)"]);
    }

    #[test]
    fn a_post_of_unknown_outcome_is_looked_for_before_anything_else() {
        let told = Told::under_way();
        let (mut shown, _) = written_out(MirrorState::default(), &told);
        shown.attempt = Some(Attempt { item: Item::Event { number: 8 }, at: start() });
        let writes: Vec<String> = looked(&shown, &Told::blocked()).writes.iter().map(name).collect();
        assert_eq!(writes, [r#"look up Event { number: 8 } in Some(MessageTs("1.000000"))"#]);
        shown.attempt = Some(Attempt { item: Item::Card, at: start() });
        let writes: Vec<String> = looked(&shown, &told).writes.iter().map(name).collect();
        assert_eq!(writes, ["look up Card in None"]);
    }

    #[test]
    fn what_is_found_again_is_shown_anew_and_not_posted_again() {
        let told = Told::requested().proposed(terms(1));
        let found = MirrorState::default().with(Item::Card, Shown::found(MessageTs::new("1.5")));
        let writes: Vec<String> = looked(&found, &told).writes.iter().map(name).collect();
        assert_eq!(writes, ["update Card (State)", "post Event { number: 1 } in the thread"]);
        let event = MirrorState::default().with(Item::Event { number: 4 }, Shown::found(MessageTs::new("1.6")));
        assert_eq!(event.cursor, 5);
    }

    #[test]
    fn a_deleted_card_is_posted_again_with_its_step_list_and_no_old_news() {
        let told = Told::under_way();
        let (shown, _) = written_out(MirrorState::default(), &told);
        let (_, names) = written_out(shown.without_card(), &told);
        assert_eq!(names, ["post Card", "post Steps in the thread"]);
    }
}
