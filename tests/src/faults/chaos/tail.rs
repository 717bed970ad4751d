//! A subscriber of the live tail, as a browser is one: cut off, it goes on behind the last message that it had.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use beidou_simulator::StateId;
use serde::Deserialize;
use tokio::{sync::watch, task::JoinHandle};

use crate::beidou::http;

/// A running subscriber; dropped, it ends.
pub(super) struct Tail {
    shown: Arc<Mutex<Shown>>,
    address: watch::Sender<(String, String)>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shown {
    states: HashSet<StateId>,
    last_id: Option<String>,
    /// Connections that were answered; the first one begins at the end.
    connections: usize,
    /// The present one still stands.
    open: bool,
    wrong: Vec<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    cluster_uid: String,
}

impl Tail {
    pub(super) fn start(address: (String, String)) -> Self {
        let (shown, address) = (Arc::<Mutex<Shown>>::default(), watch::Sender::new(address));
        let task = tokio::spawn(follow(Arc::clone(&shown), address.subscribe()));
        Self { shown, address, task }
    }

    /// The API listens elsewhere.
    pub(super) fn goes_on_at(&self, address: (String, String)) {
        self.address.send_replace(address);
    }

    pub(super) fn runs(&self) -> bool {
        self.read(|shown| shown.last_id.is_some())
    }

    pub(super) fn seen(&self) -> HashSet<StateId> {
        self.read(|shown| shown.states.clone())
    }

    pub(super) fn resumed(&self) -> usize {
        self.read(|shown| shown.connections.saturating_sub(1))
    }

    pub(super) fn is_open(&self) -> bool {
        self.read(|shown| shown.open)
    }

    pub(super) fn wrong(&self) -> Vec<String> {
        self.read(|shown| shown.wrong.clone())
    }

    fn read<T>(&self, read: impl FnOnce(&Shown) -> T) -> T {
        read(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects again when it is cut off and the API has come back.
async fn follow(shown: Arc<Mutex<Shown>>, mut address: watch::Receiver<(String, String)>) {
    loop {
        let (url, token) = address.borrow_and_update().clone();
        if let Err(error) = connection(&shown, &url, &token).await {
            shown.lock().unwrap_or_else(PoisonError::into_inner).wrong.push(format!("the live tail: {error:#}"));
            return;
        }
        if address.changed().await.is_err() {
            return;
        }
    }
}

/// One connection, to its end.
async fn connection(shown: &Mutex<Shown>, url: &str, token: &str) -> anyhow::Result<()> {
    let mut ask = http().get(format!("{url}/api/v1/events/tail")).bearer_auth(token);
    if let Some(id) = &shown.lock().unwrap_or_else(PoisonError::into_inner).last_id {
        ask = ask.header("Last-Event-ID", id);
    }
    let mut answer = ask.send().await?.error_for_status()?;
    change(shown, |shown| (shown.connections, shown.open) = (shown.connections + 1, true));
    let mut buffer = Vec::new();
    // A cut is an error of the body, or its end: what was not whole by then is not counted.
    while let Ok(Some(chunk)) = answer.chunk().await {
        buffer.extend_from_slice(&chunk);
        while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let message: Vec<u8> = buffer.drain(..end + 2).collect();
            change(shown, |shown| take(shown, &String::from_utf8_lossy(&message)));
        }
    }
    change(shown, |shown| shown.open = false);
    Ok(())
}

fn change(shown: &Mutex<Shown>, change: impl FnOnce(&mut Shown)) {
    change(&mut shown.lock().unwrap_or_else(PoisonError::into_inner));
}

fn take(shown: &mut Shown, message: &str) {
    let field = |name: &str| message.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start()));
    if let Some(event) = field("event:") {
        shown.wrong.push(format!("the live tail tells of a {event}: {message}"));
    }
    if let Some(data) = field("data:") {
        match serde_json::from_str::<Item>(data).ok().and_then(|item| state(&item)) {
            Some(state) => drop(shown.states.insert(state)),
            None => shown.wrong.push(format!("the live tail says what is no state: {data}")),
        }
    }
    if let Some(id) = field("id:") {
        shown.last_id = Some(id.to_owned());
    }
}

fn state(item: &Item) -> Option<StateId> {
    let parts: Vec<_> = item.id.split('.').collect();
    let [epoch, uid, version] = parts[..] else { return None };
    Some(StateId {
        cluster: item.cluster_uid.parse().ok()?,
        incarnation: epoch.parse().ok()?,
        resource_version: version.parse().ok()?,
        uid: uid.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_understood_and_strange_ones_told() {
        let uid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let mut shown = Shown::default();
        take(&mut shown, &format!("id: a\ndata: {{\"id\":\"2.{uid}.7\",\"cluster_uid\":\"{uid}\"}}\n\n"));
        take(&mut shown, ": a sign of life\nid: b\n\n");
        let [state] = shown.states.iter().copied().collect::<Vec<_>>()[..] else { panic!("one state") };
        assert_eq!((state.incarnation, state.resource_version), (2, 7));
        assert_eq!((shown.last_id.as_deref(), shown.wrong.len()), (Some("b"), 0));
        take(&mut shown, "event: gap\nid: c\ndata: {\"partition\":0}\n\n");
        assert_eq!(shown.wrong.len(), 2);
    }
}
