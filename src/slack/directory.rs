//! What is known of a person at the moment of a decision.
//!
//! Fails closed: what Slack does not say, or not in time, is unknown, and unknown is not allowed. Answers are kept for
//! a short time, failures never. One question to Slack at a time per thing asked; whoever asks meanwhile shares the
//! answer. A question that outlasts a decision's patience goes on, so that the next click finds its answer.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, join_all};
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::engine::People;
use crate::incident::ids::{ChannelId, GroupId, TeamId, UserId};
use crate::incident::policy::{Known, Member, Standing};

use super::client::SlackClient;
use super::client_types::SlackUser;
use super::payload::Person;

/// How long a decision waits for what Slack knows. A click is answered before a person would click again.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// How long it is remembered who somebody is. Making a guest of a member is rare, and takes an administrator.
const PEOPLE_KEPT: Duration = Duration::from_mins(5);

/// How long it is remembered who is in a group or a channel: whoever is added in the middle of an incident is not kept
/// waiting, and whoever is removed loses the right within a minute.
const LISTS_KEPT: Duration = Duration::from_mins(1);

/// How long it is remembered which workspace is ours. It does not change under a token.
const HOME_KEPT: Duration = Duration::from_hours(24);

/// Looks people up. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub struct Directory(Arc<Shelves>);

struct Shelves {
    client: SlackClient,
    home: Shelf<(), TeamId>,
    clock: Clock,
    tasks: TaskTracker,
    people: Shelf<UserId, SlackUser>,
    channels: Shelf<ChannelId, BTreeSet<UserId>>,
    groups: Shelf<GroupId, BTreeSet<UserId>>,
}

impl Directory {
    /// A directory of the workspace that `client`'s token belongs to.
    pub fn new(client: SlackClient, clock: Clock, tasks: TaskTracker) -> Self {
        Self(Arc::new(Shelves {
            client,
            home: Shelf::new(HOME_KEPT),
            clock,
            tasks,
            people: Shelf::new(PEOPLE_KEPT),
            channels: Shelf::new(LISTS_KEPT),
            groups: Shelf::new(LISTS_KEPT),
        }))
    }

    /// Whether a payload itself says that somebody belongs to another workspace. No, as long as Slack has not said
    /// which workspace is ours; [`Self::member`] asks.
    pub fn is_foreign(&self, person: &Person) -> bool {
        let home = self.0.home.kept(&(), &self.0.clock);
        matches!((&person.team, home), (Some(team), Some(home)) if *team != *home)
    }

    /// The workspace that Rollbot is installed in.
    pub async fn home(&self) -> Option<Arc<TeamId>> {
        let client = self.0.client.clone();
        let question = async move { said("auth.test", client.auth_test().await).map(|identity| identity.team) };
        self.0.home.look(&(), question.boxed(), &self.0.clock, &self.0.tasks).await
    }

    /// What is known of `person` in `channel`, with their membership of `groups`, after at most 2.5 s.
    pub async fn member(&self, person: &Person, channel: &ChannelId, groups: &[GroupId]) -> Member {
        let user = person.user.clone();
        let in_channel = async { is_among(self.in_time(self.channel(channel)).await, &user) };
        let groups = join_all(groups.iter().map(|group| {
            let user = &user;
            async move { (group.clone(), is_among(self.in_time(self.group(group)).await, user)) }
        }));
        let (home, known, in_channel, groups) =
            futures::join!(self.in_time(self.home()), self.in_time(self.user(&user)), in_channel, groups);
        let standing = match (home, known) {
            (Some(home), _) if person.team.as_ref().is_some_and(|team| *team != *home) => Standing::Foreign,
            (Some(home), Some(known)) => standing(&known, &home),
            (None, _) | (_, None) => Standing::Unknown,
        };
        Member { user, standing, in_channel, groups: groups.into_iter().collect() }
    }

    /// As [`Self::member`], and nothing that was found out earlier counts.
    async fn member_afresh(&self, person: &Person, channel: &ChannelId, groups: &[GroupId]) -> Member {
        self.0.people.forget(&person.user);
        self.0.channels.forget(channel);
        for group in groups {
            self.0.groups.forget(group);
        }
        self.member(person, channel, groups).await
    }

    async fn in_time<V>(&self, question: impl Future<Output = Option<V>>) -> Option<V> {
        tokio::select! {
            biased;
            answer = question => answer,
            () = self.0.clock.sleep_really(PATIENCE) => None,
        }
    }

    async fn user(&self, user: &UserId) -> Option<Arc<SlackUser>> {
        let (client, asked) = (self.0.client.clone(), user.clone());
        let question = async move { said("users.info", client.user_info(&asked).await) };
        self.0.people.look(user, question.boxed(), &self.0.clock, &self.0.tasks).await
    }

    async fn channel(&self, channel: &ChannelId) -> Option<Arc<BTreeSet<UserId>>> {
        let (client, asked) = (self.0.client.clone(), channel.clone());
        let question = async move {
            said("conversations.members", client.conversation_members(&asked).await).map(BTreeSet::from_iter)
        };
        self.0.channels.look(channel, question.boxed(), &self.0.clock, &self.0.tasks).await
    }

    async fn group(&self, group: &GroupId) -> Option<Arc<BTreeSet<UserId>>> {
        let (client, asked) = (self.0.client.clone(), group.clone());
        let question =
            async move { said("usergroups.users.list", client.usergroup_users(&asked).await).map(BTreeSet::from_iter) };
        self.0.groups.look(group, question.boxed(), &self.0.clock, &self.0.tasks).await
    }
}

impl People for Directory {
    fn look_again<'a>(
        &'a self,
        member: &'a Member,
        channel: &'a ChannelId,
        groups: &'a [GroupId],
    ) -> BoxFuture<'a, Member> {
        // Their workspace is what Slack says of them now.
        let person = Person { user: member.user.clone(), name: member.user.to_string(), team: None };
        async move { self.member_afresh(&person, channel, groups).await }.boxed()
    }
}

fn said<V>(what: &'static str, answer: Result<V, super::client_error::SlackError>) -> Option<V> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            tracing::warn!(slack.method = what, %error, "membership is unknown, and counts as none");
            None
        }
    }
}

/// A person's standing, as Slack describes them. What Slack leaves out is not taken for a no.
fn standing(user: &SlackUser, home: &TeamId) -> Standing {
    if user.is_stranger == Some(true) || user.team_id.as_ref().is_some_and(|team| team != home) {
        return Standing::Foreign;
    }
    if user.deleted == Some(true) || user.is_bot == Some(true) {
        return Standing::NotAPerson;
    }
    if user.is_restricted == Some(true) || user.is_ultra_restricted == Some(true) {
        return Standing::Guest;
    }
    let full = [user.deleted, user.is_bot, user.is_restricted, user.is_ultra_restricted]
        .into_iter()
        .all(|said| said == Some(false));
    if full && user.team_id.is_some() { Standing::Full } else { Standing::Unknown }
}

fn is_among(list: Option<Arc<BTreeSet<UserId>>>, user: &UserId) -> Known {
    match list {
        None => Known::Unknown,
        Some(list) if list.contains(user) => Known::Yes,
        Some(_) => Known::No,
    }
}

/// Answers that are kept for a time, and questions that are under way.
struct Shelf<K, V> {
    kept: Duration,
    questions: Mutex<HashMap<K, Question<V>>>,
}

/// A question: under way, or answered with something and the time at which it was asked, or come to nothing.
type Question<V> = Shared<BoxFuture<'static, Option<(Arc<V>, Instant)>>>;

impl<K: Clone + Eq + Hash, V: Send + Sync + 'static> Shelf<K, V> {
    fn new(kept: Duration) -> Self {
        Self { kept, questions: Mutex::default() }
    }

    /// The answer that is kept under `key`.
    fn kept(&self, key: &K, clock: &Clock) -> Option<Arc<V>> {
        let questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, since) = questions.get(key)?.peek()?.as_ref()?;
        (clock.reading().saturating_duration_since(*since) < self.kept).then(|| Arc::clone(answer))
    }

    /// Forgets the answer that is kept under `key`; a question that is under way goes on.
    fn forget(&self, key: &K) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        if questions.get(key).is_some_and(|asked| asked.peek().is_some()) {
            questions.remove(key);
        }
    }

    /// The answer that is kept under `key`, or the one to `question`, which is asked only if nobody asks already.
    async fn look(
        &self,
        key: &K,
        question: BoxFuture<'static, Option<V>>,
        clock: &Clock,
        tasks: &TaskTracker,
    ) -> Option<Arc<V>> {
        let asked = {
            let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
            let now = clock.reading();
            questions.retain(|_, asked| match asked.peek() {
                None => true,
                Some(None) => false,
                Some(Some((_, since))) => now.saturating_duration_since(*since) < self.kept,
            });
            let under_way = questions.get(key).cloned();
            under_way.unwrap_or_else(|| {
                let asked = question.map(move |answer| Some((Arc::new(answer?), now))).boxed().shared();
                questions.insert(key.clone(), asked.clone());
                // Carried on also when whoever asked has given up waiting.
                tasks.spawn(asked.clone());
                asked
            })
        };
        asked.await.map(|(answer, _)| answer)
    }
}
