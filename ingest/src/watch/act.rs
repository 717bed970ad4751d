//! What the chain asks for, done; and what came, brought to chain and batch.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use beidou_model::watch::{Action, Asked, Input, Refusal};
use beidou_schemas::{
    Epoch,
    coverage::{CoverageFact, Reason},
    envelope::FoundBy,
};
use bytes::Bytes;
use tokio::time::Instant;

use super::{
    drive::{Answer, Driver, MOST_BATCH_BYTES},
    lines::Line,
    page::decode_page,
    request::ApiError,
    store::{Content, Taken},
};
use crate::{
    error::IngestError,
    fault::Fault,
    metrics::{OfCluster, OfKind},
    publish::{Batch, Change},
    status::ClusterState,
};

impl Driver {
    pub(super) async fn act(&mut self, actions: Vec<Action>) -> Result<(), IngestError> {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Prove => self.ask(),
                Action::Open { from } => {
                    if self.tools.fault == Some(Fault::EverythingDegraded) && !self.listed {
                        let (of, why, detail) = (Asked::Open, Refusal::Expired, "planted".into());
                        actions.extend(self.chain.step(self.now(), Input::Refused { of, why, detail }));
                    } else if self.tools.fault == Some(Fault::OpenedAtNewest) && !self.listed {
                        self.open(from.0.max(self.stands_at.0));
                    } else {
                        self.open(from.0);
                    }
                }
                Action::Close => {
                    self.stream = None;
                    self.ended = None;
                    self.proving = None;
                }
                Action::List { token } => self.list(token),
                Action::Publish(mut facts) => {
                    if self.tools.fault == Some(Fault::ExpiredNotTold) {
                        let told = |fact: &CoverageFact| !matches!(fact, CoverageFact::Broken(broken) if broken.reason == Reason::Expired);
                        facts.retain(told);
                    }
                    self.count_facts(&facts);
                    self.tools.coverage.publish(facts).await?;
                }
                Action::Wait { shortest, longest } => {
                    let micros = self.tools.outside.any_of(shortest..=longest.max(shortest));
                    self.wake = Some(Instant::now() + Duration::from_micros(micros.max(0).cast_unsigned()));
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self) {
        let (mut prover, link, asked) = (self.prover.clone(), self.link.clone(), self.now());
        self.proving = Some(Box::pin(async move {
            let proof = prover.ask(&link, asked).await;
            (prover, asked, proof)
        }));
    }

    fn open(&mut self, from: u64) {
        self.streams += 1;
        let most = self.tools.config.watch_timeout_ms;
        let shorter = self.tools.outside.any_of(0..=i64::try_from(most / 20).unwrap_or_default()).unsigned_abs();
        let timeout = Duration::from_millis(most - shorter);
        let link = self.link.clone();
        self.request = Some(Box::pin(async move { Answer::Opened(link.watch(from, timeout).await, timeout) }));
    }

    fn list(&mut self, token: Option<String>) {
        self.listed = true;
        let (link, limit) = (self.link.clone(), self.page_size);
        self.request = Some(Box::pin(async move { Answer::Page(link.list(limit, token.as_deref()).await) }));
    }

    /// Takes a line and all that have come with it, as far as the batch has room.
    pub(super) async fn lines(&mut self, first: Line) -> Result<(), IngestError> {
        let observed = self.now();
        self.last_frame = Some(observed);
        let mut line = Some(first);
        while let Some(next) = line.take() {
            self.line(next).await?;
            if self.ended.is_none() && self.batch.bytes < MOST_BATCH_BYTES {
                line = self.stream.as_mut().and_then(|stream| stream.buffered());
            }
        }
        Ok(())
    }

    async fn line(&mut self, line: Line) -> Result<(), IngestError> {
        let observed = self.now();
        self.batch.stream = self.streams;
        match self.store.read(line, observed) {
            Taken::Frame { version, what } => {
                let deleted = matches!(what, Content::Ended(_));
                let actions = self.chain.step(observed, Input::Frame { version: Some(version), deleted });
                if !actions.is_empty() {
                    // The chain does not trust this stream any more, nor this frame; it will be read again.
                    return self.act(actions).await;
                }
                match what {
                    Content::State(state) => {
                        let epoch = self.epoch();
                        self.store.push(&mut self.batch, state, epoch, observed, FoundBy::Watch);
                    }
                    Content::Ended(event) => self.batch.changes.extend(event.map(Change::Ended)),
                    Content::Nothing => {}
                }
                self.batch.version = Some(version);
                if self.tools.fault == Some(Fault::PositionBeforeAck) {
                    self.input(Input::Acked { version }).await?;
                }
            }
            Taken::Reject(reject) => {
                self.batch.reject(&reject);
                self.input(Input::Frame { version: None, deleted: false }).await?;
            }
            Taken::Error { code, message } => {
                let reason = if code == 410 { Reason::Expired } else { Reason::ServerError };
                self.ended = Some((reason, message));
            }
        }
        Ok(())
    }

    /// Brings a page into the log, then tells the chain.
    pub(super) async fn page(&mut self, body: &Bytes) -> Result<(), IngestError> {
        let page = match decode_page(body) {
            Ok(page) => page,
            Err(error) => {
                let error = ApiError::Answer(error.to_string());
                self.detail = format!("cannot list Events: {error}");
                let refused = Input::Refused { of: Asked::List, why: error.refusal(), detail: error.to_string() };
                return self.input(refused).await;
            }
        };
        let observed = self.now();
        self.input(Input::PageRead { version: page.version }).await?;
        self.look_who_answers().await;
        if self.replaced {
            return Ok(());
        }
        self.comparer.enter(observed, self.chain.epoch());
        let mut batch = Batch::default();
        let known = self.store.push_items(&mut batch, page.items, &self.comparer, self.epoch(), observed);
        if self.tools.fault != Some(Fault::ListNotKept) {
            Arc::clone(&self.tools.publisher).append_batch(&mut batch).await?;
        }
        self.remember(&batch);
        let (label, metrics) = (OfCluster { cluster: self.config.name.clone() }, &self.tools.metrics);
        metrics.lists.get_or_create(&label).inc();
        metrics.listed.get_or_create(&label).inc_by(batch.changes.len() as u64);
        metrics.listed_known.get_or_create(&label).inc_by(known);
        self.count_appended(&batch);
        self.input(Input::PageStored { next: page.next }).await
    }

    /// The life of etcd that states are written as of.
    pub(super) fn epoch(&self) -> Epoch {
        if self.tools.fault == Some(Fault::EpochStays) { Epoch::default() } else { self.chain.epoch() }
    }

    /// What a batch says of live Events, once the log has it.
    pub(super) fn remember(&mut self, batch: &Batch) {
        for change in &batch.changes {
            match *change {
                Change::Kept(event, version) => self.comparer.kept(event, version),
                Change::Ended(event) => self.comparer.ended(event),
            }
        }
    }

    pub(super) fn count_appended(&self, batch: &Batch) {
        let label = OfCluster { cluster: self.config.name.clone() };
        self.tools.metrics.bytes.get_or_create(&label).inc_by(batch.bytes as u64);
    }

    pub(super) fn count_facts(&mut self, facts: &[CoverageFact]) {
        let label = |kind| OfKind { cluster: self.config.name.clone(), kind };
        for fact in facts {
            match fact {
                CoverageFact::Ended(end) => {
                    self.tools.metrics.sessions.get_or_create(&label(end.reason.name())).inc();
                }
                CoverageFact::Broken(broken) => {
                    let (state, reason) = (broken.state.name(), broken.reason.name());
                    self.tools.metrics.broken.get_or_create(&label(state)).inc();
                    if broken.reason != Reason::FirstList {
                        let seconds = (broken.until.0 - broken.from.0) as f64 / 1e6;
                        self.tools.metrics.broken_seconds.get_or_create(&label(state)).inc_by(seconds);
                    }
                    tracing::warn!(
                        cluster = %self.config.name, state, reason, from = %broken.from, until = %broken.until,
                        detail = %broken.detail, "an interval is not completely covered"
                    );
                }
                CoverageFact::Missed(missed) => {
                    self.tools.metrics.missed.get_or_create(&self.label()).inc_by(missed.states);
                    tracing::warn!(
                        cluster = %self.config.name, states = missed.states, from = %missed.from, until = %missed.until,
                        list = missed.list.0, "a list shows states that the watch did not bring"
                    );
                }
                CoverageFact::Advanced(position) if position.until > self.proven => {
                    self.proven = position.until;
                    let lag = (self.now().0 - position.until.0) as f64 / 1e6;
                    let label = OfCluster { cluster: self.config.name.clone() };
                    self.tools.metrics.lag.get_or_create(&label).set(lag);
                }
                CoverageFact::Started(_)
                | CoverageFact::Advanced(_)
                | CoverageFact::Snapshot(_)
                | CoverageFact::Imported(_) => {}
            }
        }
    }

    pub(super) fn label(&self) -> OfCluster {
        OfCluster { cluster: self.config.name.clone() }
    }

    pub(super) fn gauge(&self) {
        let (label, now) = (OfCluster { cluster: self.config.name.clone() }, self.now());
        let seconds = |since: beidou_schemas::Micros| (now.0 - since.0) as f64 / 1e6;
        self.tools.metrics.proven(&self.config.name, self.chain.until().unwrap_or(self.begun), now);
        if let Some(frame) = self.last_frame {
            self.tools.metrics.quiet.get_or_create(&label).set(seconds(frame));
        }
        self.tools.metrics.live.get_or_create(&label).set(self.comparer.live() as i64);
        self.tools.metrics.live_bytes.get_or_create(&label).set(self.comparer.memory_bytes() as i64);
    }

    /// Shows the state on the board.
    pub(super) fn report(&self) {
        self.tools.board.update(&self.config.name, |status| {
            status.state = ClusterState::from(self.chain.phase());
            if self.chain.is_published() {
                status.until = self.chain.until();
                status.resource_version = self.chain.acknowledged();
            }
            status.last_frame = self.last_frame;
            if status.detail != self.detail {
                status.detail.clone_from(&self.detail);
            }
            let notice = self.prover.notice.as_ref();
            status.notices.retain(|known| !known.starts_with("no heartbeat") || Some(known) == notice);
            if let Some(notice) = notice.filter(|notice| !status.notices.contains(notice)) {
                status.notices.push(notice.clone());
            }
        });
    }
}
