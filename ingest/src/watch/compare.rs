//! The comparison of lists with what the watch brought: reads the pages that [`Comparer`] asks for, appends what was
//! missed, and publishes it. It runs beside the open watch, one page at a time, with pauses as long as the server worked.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use beidou_model::watch::{Chain, CompareInput, Comparer, Comparing, Finding, Outcome, Refusal};
use beidou_schemas::{coverage::CoverageFact, envelope::FoundBy};
use bytes::Bytes;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    drive::{Driver, Tools},
    page::{Item, decode_page},
    request::ApiError,
};
use crate::{error::IngestError, metrics::OfKind, publish::Batch};

/// A page of a comparing list, and how long the server worked for it.
pub(super) type ComparePage = (Result<Bytes, ApiError>, Duration);

/// A comparer that knows where its chain begins. Its first comparison falls somewhere into the first period, so that the
/// clusters of a fleet are not listed together.
pub(super) fn comparer(tools: &Tools, chain: &Chain) -> Comparer {
    let (settings, now) = (tools.config.compare_settings(), tools.outside.now());
    let first = now.plus(tools.outside.any_of(0..=settings.every));
    let mut comparer = Comparer::new(settings, now, first);
    comparer.trust(chain.epoch(), chain.acknowledged().unwrap_or_default());
    comparer
}

impl Driver {
    pub(super) async fn compare(&mut self, input: CompareInput) -> Result<(), IngestError> {
        let mut todo = VecDeque::from(self.comparer.step(self.now(), &self.chain, input));
        while let Some(one) = todo.pop_front() {
            match one {
                Comparing::Read { token, pause } => self.read_to_compare(token, pause),
                Comparing::Append(places) => {
                    self.append_missed(&places).await?;
                    todo.extend(self.comparer.step(self.now(), &self.chain, CompareInput::Stored));
                }
                Comparing::Tell(findings) => self.tell(&findings).await?,
                Comparing::Ended(outcome) => self.comparison_ended(outcome),
            }
        }
        Ok(())
    }

    /// Without `resourceVersion`: the server answers with a consistent state of its store, never with an older one.
    fn read_to_compare(&mut self, token: Option<String>, pause: i64) {
        let (link, limit) = (self.link.clone(), self.page_size);
        let pause = Duration::from_micros(pause.max(0).cast_unsigned());
        self.comparing = Some(Box::pin(async move {
            tokio::time::sleep(pause).await;
            let asked = Instant::now();
            let page = link.list(limit, token.as_deref()).await;
            (page, asked.elapsed())
        }));
    }

    pub(super) async fn compare_page(&mut self, (page, took): ComparePage) -> Result<(), IngestError> {
        let (label, metrics) = (self.label(), &self.tools.metrics);
        metrics.compare_pages.get_or_create(&label).inc();
        metrics.compare_seconds.get_or_create(&label).inc_by(took.as_secs_f64());
        let page = page.and_then(|body| {
            metrics.compare_bytes.get_or_create(&label).inc_by(body.len() as u64);
            decode_page(&body).map_err(|error| ApiError::Answer(error.to_string()))
        });
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::info!(cluster = %self.config.name, %error, "a list beside the watch was not answered");
                if matches!(error, ApiError::TooLarge(_)) {
                    self.page_size = (self.page_size / 2).max(1);
                }
                self.stale |= error.refusal() == Refusal::Unauthorized;
                return self.compare(CompareInput::Refused(error.refusal())).await;
            }
        };
        // What nobody understands the watch has brought to the reject topic: once is enough.
        let states = page.items.into_iter().filter_map(|item| match item {
            Item::State(state) => Some(state),
            Item::Heartbeat | Item::Rejected(..) => None,
        });
        self.compared = states.collect();
        metrics.compared.get_or_create(&label).inc_by(self.compared.len() as u64);
        let states = self.compared.iter().map(|state| ((&state.uid).into(), state.version)).collect();
        self.compare(CompareInput::Page { version: page.version, states, next: page.next }).await
    }

    async fn append_missed(&mut self, places: &[usize]) -> Result<(), IngestError> {
        let (mut batch, observed) = (Batch::default(), self.now());
        for state in places.iter().filter_map(|place| self.compared.get(*place)) {
            self.store.push(&mut batch, state.clone(), self.epoch(), observed, FoundBy::List);
        }
        Arc::clone(&self.tools.publisher).append_batch(&mut batch).await?;
        self.count_appended(&batch);
        Ok(())
    }

    async fn tell(&mut self, findings: &[Finding]) -> Result<(), IngestError> {
        let facts: Vec<CoverageFact> =
            findings.iter().map(|finding| self.chain.missed(finding, Uuid::now_v7())).collect();
        self.count_facts(&facts);
        self.tools.coverage.publish(facts).await
    }

    fn comparison_ended(&mut self, outcome: Outcome) {
        self.comparing = None;
        self.compared = Vec::new();
        let kind = outcome.name();
        let label = OfKind { cluster: self.config.name.clone(), kind };
        self.tools.metrics.comparisons.get_or_create(&label).inc();
        if outcome != Outcome::Complete {
            tracing::info!(cluster = %self.config.name, outcome = kind, "a comparison was given up, the next one follows");
        }
    }
}
