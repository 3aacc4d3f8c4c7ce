//! What takes a second process: a folder that is in use, and dying at a durable write.
//!
//! The tests run this test binary again, in the folder that it is about; what the child shall do stands in a file there.

#![cfg(feature = "sandbox")]

use std::path::Path;
use std::process::{Command, Output};

use super::crash_point::Rehearsal;
use super::{Commit, CommitError, Fresh, Rev, SledStore, Store, StoreError};
use crate::incident::sample::{replay, story};

fn run_child(folder: &Path, name: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("store::processes::{name}"), "--ignored", "--nocapture"])
        .current_dir(folder)
        .output()
        .unwrap()
}

async fn open(folder: &Path) -> Store {
    Store::Sled(SledStore::open(folder).await.unwrap())
}

#[tokio::test]
#[ignore = "the child of `a_folder_belongs_to_one_process`"]
async fn child_that_opens_the_folder() {
    let outcome = SledStore::open(Path::new(".")).await;
    std::fs::write("said", outcome.unwrap_err().to_string()).unwrap();
}

#[tokio::test]
async fn a_folder_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let second = SledStore::open(folder.path()).await.unwrap_err();
    let in_use = StoreError::InUse { folder: folder.path().to_owned() };
    assert_eq!(second, in_use);

    let child = run_child(folder.path(), "child_that_opens_the_folder");
    assert!(child.status.success(), "{child:?}");
    let said = std::fs::read_to_string(folder.path().join("said")).unwrap();
    assert_eq!(
        said,
        "the store in . is open in another process; stop that one, or give this one a folder of its own \
         (store.sled.path)"
    );
    drop(store);
    open(folder.path()).await;
}

#[tokio::test]
async fn the_folder_is_made_and_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data/rollbot");
    drop(open(&folder).await);
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = SledStore::open(&file).await.unwrap_err();
    assert!(matches!(refused, StoreError::Folder { .. }), "{refused:?}");
    assert!(refused.to_string().contains(file.to_str().unwrap()), "{refused}");
}

/// Five durable writes, told one by one.
async fn write_everything(store: &Store) {
    let events = story("rb-23456", "api");
    let incident = replay(&events[..2]);
    assert_eq!(store.put_inbox("delivery-1", b"{}").await, Ok(Fresh::New));
    let first = Commit {
        incident: &incident,
        expected: None,
        events: &events[..2],
        dedup: Some("click-1"),
        takes_inbox: Some("delivery-1"),
    };
    assert_eq!(store.commit(first).await, Ok(Rev::FIRST));
    assert!(matches!(store.commit(first).await, Err(CommitError::Duplicate { .. })));
    store.put_view(&incident.id, b"card").await.unwrap();
    store.put_blob(b"template").await.unwrap();
    assert_eq!(store.put_inbox("delivery-2", b"{}").await, Ok(Fresh::New));
    store.take_inbox("delivery-2").await.unwrap();
}

#[tokio::test]
#[ignore = "the child of `dying_at_a_write_leaves_all_of_it_or_nothing`"]
async fn child_that_dies() {
    let crash = std::fs::read_to_string("crash").unwrap().parse().unwrap();
    let tally = Some("tally".into());
    let rehearsal = Rehearsal { crash: Some(crash), tally };
    let store = SledStore::open_for_rehearsal(Path::new("store"), rehearsal).await.unwrap();
    write_everything(&Store::Sled(store)).await;
}

const KINDS: [&str; 6] = ["put_inbox", "commit requested proposed", "put_view", "put_blob", "put_inbox", "take_inbox"];

#[tokio::test]
async fn dying_at_a_write_leaves_all_of_it_or_nothing() {
    for number in 1..=KINDS.len() {
        for when in ["before", "after"] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("crash"), format!("{number}:{when}")).unwrap();
            let child = run_child(folder.path(), "child_that_dies");
            assert!(!child.status.success(), "{number}:{when} {child:?}");

            let durable = if when == "before" { number - 1 } else { number };
            let tally = std::fs::read_to_string(folder.path().join("tally")).unwrap_or_default();
            let expected: Vec<String> = (1..).zip(&KINDS[..durable]).map(|(n, kind)| format!("{n} {kind}\n")).collect();
            assert_eq!(tally, expected.concat(), "{number}:{when}");
            check_what_is_there(&open(&folder.path().join("store")).await, durable).await;
        }
    }
}

/// What is there after so many of the writes.
async fn check_what_is_there(store: &Store, durable: usize) {
    let events = story("rb-23456", "api");
    let incident = replay(&events[..2]);
    let inbox: Vec<String> = store.inbox().await.unwrap().into_iter().map(|entry| entry.key).collect();
    let expected: &[&str] = match durable {
        1 => &["delivery-1"],
        5 => &["delivery-2"],
        _ => &[],
    };
    assert_eq!(inbox, expected, "{durable}");
    let committed = durable >= 2;
    assert_eq!(store.load(&incident.id).await.unwrap().is_some(), committed, "{durable}");
    assert_eq!(store.open().await.unwrap().len(), usize::from(committed), "{durable}");
    assert_eq!(store.events(&incident.id, 0).await.unwrap().len(), if committed { 2 } else { 0 }, "{durable}");
    assert_eq!(store.view(&incident.id).await.unwrap().is_some(), durable >= 3, "{durable}");
    let blob = store.blob(&crate::incident::ids::Digest::of(b"template")).await;
    assert_eq!(blob.unwrap().is_some(), durable >= 4, "{durable}");
}
