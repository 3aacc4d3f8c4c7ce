//! The inbound half of Slack, put together.

use std::sync::Arc;

use axum::Router;
use tracing::error;

use crate::config::Settings;
use crate::engine::Engine;

use super::client::SlackClient;
use super::desk::Desk;
use super::directory::Directory;
use super::front::Front;
use super::http::Doors;
use super::inbox::{Inbox, Work};

/// The doors for Slack's calls, over `engine`; takes up what an earlier process left in the inbox.
pub fn inbound(settings: &Settings, engine: &Engine, client: &SlackClient) -> Router {
    let (store, tasks, clock) = (engine.store.clone(), engine.tasks.clone(), engine.clock);
    let directory = Directory::new(client.clone(), clock, tasks.clone());
    engine.introduce(Arc::new(directory.clone()));
    let front = Front::new(&settings.config, store.clone(), client.clone(), directory.clone(), tasks.clone());
    let desk = Desk::new(engine.clone(), front.clone());
    let work: Work = Arc::new(move |delivery| {
        let desk = desk.clone();
        Box::pin(async move { desk.work(delivery).await })
    });
    let inbox = Inbox::new(store, clock, tasks.clone(), work);
    let left = inbox.clone();
    tasks.spawn(async move {
        // Asked once ahead of the first call, which is then compared with it at once.
        directory.home().await;
        if let Err(error) = left.resume().await {
            error!(%error, "what an earlier process left in the inbox is not taken up");
        }
    });
    Doors::new(front, inbox, clock).router(&settings.slack_signing_secret)
}
