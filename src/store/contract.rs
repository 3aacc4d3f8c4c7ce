//! What every store has to do: cases that run over each of them.

use std::path::Path;
use std::slice;

use super::table::{Table, Tables, Writes};
use super::*;
use crate::incident::event::{Event, What};
use crate::incident::ids::{Digest, IncidentId};
use crate::incident::incident::Incident;
use crate::incident::sample::{at, release, replay, resource, story};

macro_rules! contract {
    ($($case:ident),* $(,)?) => {
        mod sled {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(&super::Home::default()).await;
                }
            )*
        }
    };
}

contract!(
    a_commit_is_read_back_also_after_reopening,
    a_refused_commit_writes_nothing_at_all,
    only_the_present_revision_may_be_changed,
    one_of_two_racing_writers_wins,
    a_dedup_key_works_once,
    locks_are_taken_all_or_none,
    locks_go_with_the_verdict,
    a_closed_incident_is_not_open_and_stays_in_history,
    events_are_numbered_without_gaps,
    history_comes_newest_first_page_by_page,
    proved_releases_are_kept_newest_first,
    the_inbox_keeps_order_and_knows_its_keys,
    a_commit_settles_its_inbox_entry_once,
    a_view_is_kept_apart_from_the_revision,
    blobs_are_kept_under_their_digest_and_verified,
    long_values_come_back_whole_and_shrink_again,
    what_cannot_be_read_is_kept_aside_and_nothing_else_suffers,
    what_can_be_read_again_goes_back_to_its_place,
    many_commits_share_syncs,
    after_a_storage_error_nothing_is_answered,
);

/// A folder, opened and closed at will.
struct Home(tempfile::TempDir);

impl Default for Home {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Home {
    fn path(&self) -> &Path {
        self.0.path()
    }

    async fn open(&self) -> Store {
        Store::Sled(SledStore::open(self.path()).await.unwrap())
    }

    /// Writes `bytes` where a version that we do not know would have; nobody has the store open.
    fn overwrite(&self, table: Table, key: &str, bytes: &[u8]) {
        let tables = Tables::open(self.path()).unwrap();
        let mut writes = Writes::default();
        writes.put(table, key, bytes);
        tables.apply(writes).unwrap();
        tables.sync().unwrap();
    }
}

const REQUESTED: usize = 1;
const PROPOSED: usize = 2;
const VERDICT: usize = 17;

fn id(name: &str) -> IncidentId {
    IncidentId::new(name)
}

/// A new incident in the state after the first `count` events of its story.
fn told(name: &str, service: &str, count: usize) -> (Incident, Vec<Event>) {
    let mut events = story(name, service);
    events.truncate(count);
    (replay(&events), events)
}

fn commit<'a>(incident: &'a Incident, expected: Option<Rev>, events: &'a [Event]) -> Commit<'a> {
    Commit { incident, expected, events, dedup: None, takes_inbox: None }
}

async fn put(store: &Store, name: &str, service: &str, count: usize) -> Stored {
    let (incident, events) = told(name, service, count);
    let rev = store.commit(commit(&incident, None, &events)).await.unwrap();
    Stored { rev, incident }
}

async fn put_next(store: &Store, stored: &Stored, service: &str, until: usize) -> Result<Stored, CommitError> {
    let (incident, events) = told(stored.incident.id.as_str(), service, until);
    let from = store.events(&stored.incident.id, 0).await.unwrap().len();
    let rev = store.commit(commit(&incident, Some(stored.rev), &events[from..])).await?;
    Ok(Stored { rev, incident })
}

async fn names(store: &Store, filter: &HistoryFilter, page: Page) -> (Vec<String>, Option<Cursor>) {
    let page = store.history(filter, page).await.unwrap();
    let names = page.incidents.iter().map(|stored| stored.incident.id.to_string());
    (names.collect(), page.next)
}

async fn a_commit_is_read_back_also_after_reopening(home: &Home) {
    let mut store = home.open().await;
    let stored = put(&store, "rb-aaaaa", "api", PROPOSED).await;
    assert_eq!(stored.rev, Rev::FIRST);
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = home.open().await;
        }
        assert_eq!(store.load(&id("rb-aaaaa")).await, Ok(Some(stored.clone())));
        assert_eq!(store.open().await, Ok(vec![stored.clone()]));
        assert_eq!(store.load(&id("rb-bbbbb")).await, Ok(None));
    }
}

async fn a_refused_commit_writes_nothing_at_all(home: &Home) {
    let store = home.open().await;
    put(&store, "rb-aaaaa", "api", PROPOSED).await;
    store.put_inbox("delivery-1", b"{}").await.unwrap();
    let (incident, events) = told("rb-bbbbb", "api", PROPOSED);
    let refused =
        Commit { dedup: Some("click-1"), takes_inbox: Some("delivery-1"), ..commit(&incident, None, &events) };
    let held = CommitError::Held { resource: resource("api"), by: id("rb-aaaaa") };
    assert_eq!(store.commit(refused).await, Err(held));

    assert_eq!(store.load(&incident.id).await, Ok(None));
    assert_eq!(store.events(&incident.id, 0).await, Ok(Vec::new()));
    assert_eq!(store.open().await.unwrap().len(), 1);
    assert_eq!(names(&store, &HistoryFilter::All, Page::first(9)).await.0, ["rb-aaaaa"]);
    assert_eq!(store.inbox().await.unwrap().len(), 1);
    let (other, events) = told("rb-ccccc", "web", PROPOSED);
    let with_the_same_key =
        Commit { dedup: Some("click-1"), takes_inbox: Some("delivery-1"), ..commit(&other, None, &events) };
    assert_eq!(store.commit(with_the_same_key).await, Ok(Rev::FIRST));
}

async fn only_the_present_revision_may_be_changed(home: &Home) {
    let store = home.open().await;
    let stored = put(&store, "rb-aaaaa", "api", REQUESTED).await;
    let (incident, _) = told("rb-aaaaa", "api", PROPOSED);
    let second = stored.rev.next();
    for (expected, found) in [(None, Some(stored.rev)), (Some(second), Some(stored.rev))] {
        let refused = store.commit(commit(&incident, expected, &[])).await;
        assert_eq!(refused, Err(CommitError::Conflict { expected, found }));
    }
    assert_eq!(store.commit(commit(&incident, Some(stored.rev), &[])).await, Ok(second));
    let (nobody, _) = told("rb-bbbbb", "web", REQUESTED);
    let expected = Some(Rev::FIRST);
    let refused = store.commit(commit(&nobody, expected, &[])).await;
    assert_eq!(refused, Err(CommitError::Conflict { expected, found: None }));
}

async fn one_of_two_racing_writers_wins(home: &Home) {
    let store = home.open().await;
    let mut stored = put(&store, "rb-aaaaa", "api", REQUESTED).await;
    let (incident, _) = told("rb-aaaaa", "api", REQUESTED);
    for _ in 0..20 {
        let change = commit(&incident, Some(stored.rev), &[]);
        let (one, other) = tokio::join!(store.commit(change), store.commit(change));
        let won = [&one, &other].into_iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{one:?} {other:?}");
        stored.rev = stored.rev.next();
    }
}

async fn a_dedup_key_works_once(home: &Home) {
    let store = home.open().await;
    let (incident, events) = told("rb-aaaaa", "api", REQUESTED);
    let first = Commit { dedup: Some("click-1"), ..commit(&incident, None, &events) };
    let rev = store.commit(first).await.unwrap();
    let (other, events) = told("rb-bbbbb", "web", REQUESTED);
    let again = Commit { dedup: Some("click-1"), ..commit(&other, None, &events) };
    let on_top = Commit { dedup: Some("click-1"), ..commit(&incident, Some(rev), &[]) };
    drop(store);
    let store = home.open().await;
    for refused in [again, on_top] {
        let by = id("rb-aaaaa");
        assert_eq!(store.commit(refused).await, Err(CommitError::Duplicate { by }));
    }
    assert_eq!(store.load(&other.id).await, Ok(None));
}

async fn locks_are_taken_all_or_none(home: &Home) {
    use crate::incident::plan::Purpose::RollBack;
    use crate::incident::sample::{plan, proposal, rolls_back, stage};
    let store = home.open().await;
    put(&store, "rb-aaaaa", "web", PROPOSED).await;
    let propose = |name: &str, services: [&str; 2]| {
        let lanes = services.map(|service| vec![rolls_back(service)]).into();
        let proposal = Box::new(proposal(plan(vec![stage(RollBack, lanes)]), 1));
        let (_, mut events) = told(name, "api", REQUESTED);
        events.push(Event { what: What::Proposed { proposal }, ..events[0].clone() });
        (replay(&events), events)
    };
    let (both, events) = propose("rb-bbbbb", ["api", "web"]);
    let held = Err(CommitError::Held { resource: resource("web"), by: id("rb-aaaaa") });
    assert_eq!(store.commit(commit(&both, None, &events)).await, held);
    // `api` was not left locked behind.
    put(&store, "rb-ccccc", "api", PROPOSED).await;
}

async fn locks_go_with_the_verdict(home: &Home) {
    let store = home.open().await;
    let stored = put(&store, "rb-aaaaa", "api", VERDICT - 1).await;
    let (second, events) = told("rb-bbbbb", "api", PROPOSED);
    let refused = store.commit(commit(&second, None, &events)).await;
    assert!(matches!(refused, Err(CommitError::Held { .. })), "{refused:?}");
    drop(store);
    let store = home.open().await;
    put_next(&store, &stored, "api", VERDICT).await.unwrap();
    assert_eq!(store.commit(commit(&second, None, &events)).await, Ok(Rev::FIRST));
}

async fn a_closed_incident_is_not_open_and_stays_in_history(home: &Home) {
    let store = home.open().await;
    let running = put(&store, "rb-aaaaa", "api", VERDICT).await;
    put(&store, "rb-bbbbb", "web", PROPOSED).await;
    let closed = put_next(&store, &running, "api", usize::MAX).await.unwrap();
    assert!(closed.incident.is_closed());
    drop(store);
    let store = home.open().await;
    let open: Vec<_> = store.open().await.unwrap().into_iter().map(|stored| stored.incident.id).collect();
    assert_eq!(open, [id("rb-bbbbb")]);
    assert_eq!(store.load(&id("rb-aaaaa")).await, Ok(Some(closed)));
    let (all, _) = names(&store, &HistoryFilter::All, Page::first(9)).await;
    assert_eq!(all, ["rb-bbbbb", "rb-aaaaa"]);
}

async fn events_are_numbered_without_gaps(home: &Home) {
    let store = home.open().await;
    let events = story("rb-aaaaa", "api");
    // Neighbours whose names begin alike, and come before and after.
    put(&store, "rb-aaaa", "web", 5).await;
    put(&store, "rb-aaaaaa", "jobs", 5).await;
    let mut expected = None;
    for number in 1..=events.len() {
        let incident = replay(&events[..number]);
        let rev = store.commit(commit(&incident, expected, slice::from_ref(&events[number - 1]))).await;
        expected = Some(rev.unwrap());
    }
    let numbered: Vec<(u64, Event)> = (0..).zip(events).collect();
    assert_eq!(store.events(&id("rb-aaaaa"), 0).await, Ok(numbered.clone()));
    assert_eq!(store.events(&id("rb-aaaaa"), 7).await, Ok(numbered[7..].to_vec()));
    assert_eq!(store.events(&id("rb-aaaaa"), 1_000).await, Ok(Vec::new()));
}

async fn history_comes_newest_first_page_by_page(home: &Home) {
    let store = home.open().await;
    let opened = [
        ("rb-aaaaa", "prod", "api"),
        ("rb-bbbbb", "prod", "web"),
        ("rb-ccccc", "staging", "api"),
        ("rb-ddddd", "prod", "api"),
        ("rb-eeeee", "prod", "api"),
    ];
    for (second, (name, environment, service)) in (0..).zip(opened) {
        let (mut incident, _) = told(name, service, REQUESTED);
        incident.opened_at = at(second);
        incident.request.environment = environment.to_owned();
        incident.request.service = service.to_owned();
        store.commit(commit(&incident, None, &[])).await.unwrap();
    }
    let environment = "prod".to_owned();
    let of_api = HistoryFilter::Service { environment: environment.clone(), service: "api".to_owned() };
    let (all, next) = names(&store, &HistoryFilter::All, Page::first(9)).await;
    assert_eq!(all, ["rb-eeeee", "rb-ddddd", "rb-ccccc", "rb-bbbbb", "rb-aaaaa"]);
    assert_eq!(next, None);
    let in_prod = HistoryFilter::Environment { environment };
    let (prod, _) = names(&store, &in_prod, Page::first(9)).await;
    assert_eq!(prod, ["rb-eeeee", "rb-ddddd", "rb-bbbbb", "rb-aaaaa"]);

    let (first, next) = names(&store, &of_api, Page::first(2)).await;
    assert_eq!(first, ["rb-eeeee", "rb-ddddd"]);
    let before = Some(Cursor::new(next.unwrap().as_str()));
    let (second, next) = names(&store, &of_api, Page { limit: 2, before }).await;
    assert_eq!((second, next), (vec!["rb-aaaaa".to_owned()], None));
}

async fn proved_releases_are_kept_newest_first(home: &Home) {
    let store = home.open().await;
    let many = plan_commit::GOOD_RELEASES + 3;
    for number in 0..many {
        let (incident, mut events) = told(&format!("rb-{number:05}"), "api", VERDICT);
        let last = events.last_mut().unwrap();
        last.at = at(i64::try_from(number).unwrap());
        store.commit(commit(&incident, None, &events)).await.unwrap();
    }
    let good = store.last_good(&resource("api")).await.unwrap();
    assert_eq!(good.len(), plan_commit::GOOD_RELEASES);
    assert_eq!(good[0].incident, id(&format!("rb-{:05}", many - 1)));
    assert_eq!(good[0].release, release(41));
    assert!(good.is_sorted_by(|newer, older| newer.at > older.at));
    assert_eq!(store.last_good(&resource("ap")).await, Ok(Vec::new()));
}

async fn the_inbox_keeps_order_and_knows_its_keys(home: &Home) {
    let store = home.open().await;
    let entries: [(&str, &[u8]); 3] = [("z", b"first"), ("a", b"\xff\x00second"), ("m", b"")];
    for (key, entry) in entries {
        assert_eq!(store.put_inbox(key, entry).await, Ok(Fresh::New));
        assert_eq!(store.put_inbox(key, b"other").await, Ok(Fresh::Duplicate));
    }
    drop(store);
    let store = home.open().await;
    let expected = entries.map(|(key, entry)| InboxEntry { key: key.to_owned(), entry: entry.to_vec() });
    assert_eq!(store.inbox().await, Ok(expected.to_vec()));
    store.take_inbox("a").await.unwrap();
    store.take_inbox("a").await.unwrap();
    let left: Vec<_> = store.inbox().await.unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!(left, ["z", "m"]);
    assert_eq!(store.put_inbox("a", b"again").await, Ok(Fresh::Duplicate));
}

async fn a_commit_settles_its_inbox_entry_once(home: &Home) {
    let store = home.open().await;
    store.put_inbox("delivery-1", b"{}").await.unwrap();
    let (incident, events) = told("rb-aaaaa", "api", REQUESTED);
    let settles = Commit { takes_inbox: Some("delivery-1"), ..commit(&incident, None, &events) };
    let rev = store.commit(settles).await.unwrap();
    assert_eq!(store.inbox().await, Ok(Vec::new()));
    let again = Commit { expected: Some(rev), ..settles };
    let key = "delivery-1".to_owned();
    assert_eq!(store.commit(again).await, Err(CommitError::NotInInbox { key }));
}

async fn a_view_is_kept_apart_from_the_revision(home: &Home) {
    let store = home.open().await;
    let stored = put(&store, "rb-aaaaa", "api", REQUESTED).await;
    assert_eq!(store.view(&stored.incident.id).await, Ok(None));
    store.put_view(&stored.incident.id, b"one").await.unwrap();
    store.put_view(&stored.incident.id, b"\x00two").await.unwrap();
    drop(store);
    let store = home.open().await;
    assert_eq!(store.view(&stored.incident.id).await, Ok(Some(b"\x00two".to_vec())));
    assert_eq!(store.load(&stored.incident.id).await.unwrap().unwrap().rev, stored.rev);
}

async fn blobs_are_kept_under_their_digest_and_verified(home: &Home) {
    let store = home.open().await;
    let template = vec![b'x'; 1_000_000];
    let digest = store.put_blob(&template).await.unwrap();
    assert_eq!(digest, Digest::of(&template));
    assert_eq!(store.put_blob(&template).await, Ok(digest.clone()));
    assert_eq!(store.blob(&Digest::of(b"nobody")).await, Ok(None));
    drop(store);
    let store = home.open().await;
    assert_eq!(store.blob(&digest).await, Ok(Some(template)));

    let file = home.path().join(format!("blobs/{digest}.zst"));
    assert!(file.metadata().unwrap().len() < 10_000);
    std::fs::write(&file, envelope::pack(b"something else").unwrap()).unwrap();
    let damaged = store.blob(&digest).await;
    assert!(matches!(damaged, Err(StoreError::Unreadable { what: "blob", .. })), "{damaged:?}");
    assert_eq!(store.put_blob(b"still works").await, Ok(Digest::of(b"still works")));
}

async fn long_values_come_back_whole_and_shrink_again(home: &Home) {
    let store = home.open().await;
    let id = id("rb-aaaaa");
    // Does not compress, so it spans many parts; then fewer, then none.
    let noise: Vec<u8> =
        (0..2_000_u32).flat_map(|n| hex::decode(Digest::of(&n.to_be_bytes()).as_str()).unwrap()).collect();
    for length in [noise.len(), 9_000, 4_097, 10, 0] {
        store.put_view(&id, &noise[..length]).await.unwrap();
        assert_eq!(store.view(&id).await, Ok(Some(noise[..length].to_vec())), "{length}");
    }
    drop(store);
    let tables = Tables::open(home.path()).unwrap();
    assert_eq!(tables.with_prefix(Table::Parts, b"").count(), 0);
}

async fn what_cannot_be_read_is_kept_aside_and_nothing_else_suffers(home: &Home) {
    let store = home.open().await;
    put(&store, "rb-aaaaa", "api", PROPOSED).await;
    let healthy = put(&store, "rb-bbbbb", "web", PROPOSED).await;
    store.put_view(&id("rb-aaaaa"), b"card").await.unwrap();
    store.put_inbox("delivery-1", b"{}").await.unwrap();
    drop(store);
    home.overwrite(Table::Incidents, "rb-aaaaa", b"record 2 plain\n{}");
    home.overwrite(Table::Views, "rb-aaaaa", b"garbage");
    home.overwrite(Table::Inbox, "delivery-1", b"inbox 1 plain\n[]");
    home.overwrite(Table::Events, "rb-bbbbb\0\0\0\0\0\0\0\0\0", b"event 1 zstd\nnot zstd");

    for _ in 0..2 {
        let store = home.open().await;
        assert_eq!(store.open().await, Ok(vec![healthy.clone()]));
        let unread = store.load(&id("rb-aaaaa")).await.unwrap_err();
        assert_eq!(
            unread.to_string(),
            "the stored record rb-aaaaa cannot be read (it has format 2, and this version knows formats up to 1); \
             it is kept aside untouched until a version that can read it"
        );
        assert!(store.view(&id("rb-aaaaa")).await.is_err());
        assert_eq!(store.inbox().await, Ok(Vec::new()));
        assert_eq!(store.put_inbox("delivery-1", b"{}").await, Ok(Fresh::Duplicate));
        let numbers: Vec<u64> = store.events(&id("rb-bbbbb"), 0).await.unwrap().iter().map(|(n, _)| *n).collect();
        assert_eq!(numbers, [1]);

        let kept = store.quarantined().await.unwrap();
        let kept: Vec<_> = kept.iter().map(|q| (q.what, q.key.as_str(), q.bytes.as_slice())).collect();
        let expected: [(&str, &str, &[u8]); 4] = [
            ("event", "rb-bbbbb #0", b"event 1 zstd\nnot zstd"),
            ("record", "rb-aaaaa", b"record 2 plain\n{}"),
            ("inbox entry", "delivery-1", b"inbox 1 plain\n[]"),
            ("view", "rb-aaaaa", b"garbage"),
        ];
        assert_eq!(kept, expected);

        // Its name is not free, and neither are its resources.
        let (again, events) = told("rb-aaaaa", "jobs", PROPOSED);
        let refused = store.commit(commit(&again, None, &events)).await;
        assert!(matches!(refused, Err(CommitError::Storage(StoreError::Unreadable { .. }))), "{refused:?}");
        let (next, events) = told("rb-ccccc", "api", PROPOSED);
        let refused = store.commit(commit(&next, None, &events)).await;
        assert!(matches!(refused, Err(CommitError::Held { .. })), "{refused:?}");
    }
}

async fn what_can_be_read_again_goes_back_to_its_place(home: &Home) {
    let store = home.open().await;
    let stored = put(&store, "rb-aaaaa", "api", PROPOSED).await;
    drop(store);
    let tables = Tables::open(home.path()).unwrap();
    let bytes = tables.get(Table::Incidents, b"rb-aaaaa").unwrap().unwrap();
    let mut writes = Writes::default();
    writes.remove(Table::Incidents, "rb-aaaaa");
    writes.put(Table::Quarantine, "irb-aaaaa", [b"it was too new\n", bytes.as_slice()].concat());
    tables.apply(writes).unwrap();
    tables.sync().unwrap();
    drop(tables);
    let store = home.open().await;
    assert_eq!(store.quarantined().await, Ok(Vec::new()));
    assert_eq!(store.open().await, Ok(vec![stored]));
}

async fn many_commits_share_syncs(home: &Home) {
    let store = home.open().await;
    let before = store.grouping();
    let many = 200;
    let commits = (0..many).map(|number| {
        let store = store.clone();
        async move { put(&store, &format!("rb-{number:05}"), &format!("service-{number}"), PROPOSED).await.rev }
    });
    let revs = futures::future::join_all(commits).await;
    assert!(revs.iter().all(|rev| *rev == Rev::FIRST));
    let after = store.grouping();
    let (writes, syncs) = (after.writes - before.writes, after.syncs - before.syncs);
    assert_eq!(writes, many);
    assert!(syncs < many / 4, "{syncs} syncs for {many} commits");
    assert_eq!(store.open().await.unwrap().len(), 200);
}

async fn after_a_storage_error_nothing_is_answered(home: &Home) {
    let store = home.open().await;
    let stored = put(&store, "rb-aaaaa", "api", PROPOSED).await;
    let mut failed = Box::pin(store.failed());
    assert!(futures::poll!(&mut failed).is_pending());
    // A folder that turns into a file stands for a disk that goes away.
    std::fs::remove_dir_all(home.path().join("blobs")).unwrap();
    std::fs::write(home.path().join("blobs"), "").unwrap();
    let error = store.put_blob(b"template").await.unwrap_err();
    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");

    assert_eq!(failed.await, error);
    assert_eq!(store.load(&stored.incident.id).await, Err(error.clone()));
    let refused = store.commit(commit(&stored.incident, Some(stored.rev), &[])).await;
    assert_eq!(refused, Err(CommitError::Storage(error.clone())));
    assert_eq!(store.put_inbox("delivery-1", b"{}").await, Err(error));
    drop(store);

    std::fs::remove_file(home.path().join("blobs")).unwrap();
    let store = home.open().await;
    assert_eq!(store.load(&stored.incident.id).await, Ok(Some(stored)));
    assert_eq!(store.inbox().await, Ok(Vec::new()));
}
