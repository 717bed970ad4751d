//! Facts in the making: each gets the next number of its object, and the writer's epoch.

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    operation::{
        Object,
        fact::{Body, Cause, Fact},
    },
};

use super::Board;

/// Facts that are not in the log yet.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    board: &'a Board,
    now: Micros,
    cause: Option<Cause>,
    last: BTreeMap<Object, u64>,
    facts: Vec<Fact>,
}

impl<'a> Draft<'a> {
    pub fn new(board: &'a Board, now: Micros) -> Self {
        Self { board, now, cause: None, last: BTreeMap::new(), facts: Vec::new() }
    }

    pub fn caused_by(board: &'a Board, now: Micros, cause: Cause) -> Self {
        Self { cause: Some(cause), ..Self::new(board, now) }
    }

    pub fn add(&mut self, object: Object, body: impl Into<Body>) {
        let last = self.last.entry(object).or_insert_with(|| self.board.seq_of(object));
        *last += 1;
        let (seq, epoch, time, cause) = (*last, self.board.epoch, self.now, self.cause);
        self.facts.push(Fact { object, seq, epoch, time, cause, body: body.into() });
    }

    pub fn has(&self, object: Object) -> bool {
        self.last.contains_key(&object)
    }

    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    pub fn done(self) -> Vec<Fact> {
        self.facts
    }
}
