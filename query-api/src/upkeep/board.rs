//! What the maintenance topic says, folded: audits and rebuilds with what came of them, saved queries, and short
//! links. Pure.

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    maintenance::{
        AuditReport, RebuildReport,
        fact::{Outcome, QuerySaved, Request, SqlSaved},
    },
};
use uuid::Uuid;

use super::links::Links;

/// Names that can be saved. Each has at most the 16 KB of a request: 16 MB in all.
pub(crate) const MOST_QUERIES: usize = 1000;
/// Pieces of work that are remembered, the newest ones; open ones are never forgotten, and at most so many may be open. A
/// report has at most 1 MB, and most have one KB.
pub(crate) const MOST_WORK: usize = 100;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Audit,
    Rebuild,
}

/// Where a piece of work stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Asked for; it waits for the projector, or runs.
    Open,
    Audited(AuditReport),
    Rebuilt(RebuildReport),
    Failed(String),
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub id: Uuid,
    pub kind: Kind,
    /// Everything is to be compared.
    pub full: bool,
    /// Who asked; `None` where it ran by itself.
    pub subject: Option<String>,
    /// When it was asked for, or told where it ran by itself.
    pub time: Micros,
    pub state: State,
}

/// What stands under a name: the last that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Query {
    Line(QuerySaved),
    Sql(SqlSaved),
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// In the order in which they were asked for.
    work: Vec<Work>,
    queries: BTreeMap<String, Query>,
    links: Links,
}

impl Board {
    /// Takes a request in.
    pub(crate) fn ask(&mut self, request: Request) {
        match request {
            Request::AuditAsked(asked) => self.open(asked.id, Kind::Audit, asked.full, asked.subject, asked.time),
            Request::RebuildAsked(asked) => self.open(asked.id, Kind::Rebuild, true, asked.subject, asked.time),
            Request::QuerySaved(saved) => drop(self.queries.insert(saved.name.clone(), Query::Line(saved))),
            Request::SqlSaved(saved) => drop(self.queries.insert(saved.name.clone(), Query::Sql(saved))),
            Request::QueryDeleted(deleted) => drop(self.queries.remove(&deleted.name)),
            Request::LinkSaved(saved) => self.links.take(saved),
        }
    }

    fn open(&mut self, id: Uuid, kind: Kind, full: bool, subject: String, time: Micros) {
        // What came of it may have been read first, and then stands here as if it had run by itself.
        match self.work.iter_mut().find(|work| work.id == id) {
            Some(work) => (work.kind, work.full, work.subject, work.time) = (kind, full, Some(subject), time),
            None => self.work.push(Work { id, kind, full, subject: Some(subject), time, state: State::Open }),
        }
        self.forget();
    }

    /// Takes an outcome in; `time` is when it was told.
    pub(crate) fn tell(&mut self, outcome: Outcome, time: Micros) {
        let id = outcome.id();
        let (kind, full, state) = match outcome {
            Outcome::Audited(fact) => (Kind::Audit, fact.report.full, State::Audited(fact.report)),
            Outcome::Rebuilt(fact) => (Kind::Rebuild, true, State::Rebuilt(fact.report)),
            // By itself only audits run.
            Outcome::Failed(fact) => (Kind::Audit, false, State::Failed(fact.why)),
        };
        match self.work.iter_mut().find(|work| work.id == id) {
            Some(work) => work.state = state,
            None => self.work.push(Work { id, kind, full, subject: None, time, state }),
        }
        self.forget();
    }

    /// Forgets the oldest that are not open.
    fn forget(&mut self) {
        while self.work.len() > MOST_WORK
            && let Some(oldest) = self.work.iter().position(|work| work.state != State::Open)
        {
            self.work.remove(oldest);
        }
    }

    /// Work of this kind.
    pub(crate) fn work(&self, kind: Kind) -> impl Iterator<Item = &Work> {
        self.work.iter().filter(move |work| work.kind == kind)
    }

    /// One piece of work.
    pub(crate) fn find(&self, kind: Kind, id: Uuid) -> Option<Work> {
        self.work.iter().find(|work| work.kind == kind && work.id == id).cloned()
    }

    /// How many wait or run.
    pub(crate) fn open_work(&self) -> usize {
        self.work.iter().filter(|work| work.state == State::Open).count()
    }

    /// Saved queries, by name.
    pub(crate) fn queries(&self) -> &BTreeMap<String, Query> {
        &self.queries
    }

    /// Short links.
    pub(crate) fn links(&self) -> &Links {
        &self.links
    }
}

#[cfg(test)]
mod tests {
    use beidou_schemas::maintenance::fact::{AuditAsked, Audited, Failed, QueryDeleted, RebuildAsked};

    use super::*;

    fn asked(id: u128, time: i64) -> Request {
        let (id, subject) = (Uuid::from_u128(id), "a".to_owned());
        Request::AuditAsked(AuditAsked { id, full: true, subject, time: Micros(time) })
    }

    fn audited(id: u128) -> Outcome {
        Outcome::Audited(Audited { id: Uuid::from_u128(id), report: AuditReport::default() })
    }

    fn ids(board: &Board) -> Vec<u128> {
        board.work(Kind::Audit).map(|work| work.id.as_u128()).collect()
    }

    #[test]
    fn requests_and_outcomes_meet_in_either_order() {
        for early in [false, true] {
            let mut board = Board::default();
            if early {
                board.tell(audited(1), Micros(9));
            }
            board.ask(asked(1, 5));
            if !early {
                assert_eq!((board.open_work(), board.work(Kind::Audit).count()), (1, 1));
                board.tell(audited(1), Micros(9));
            }
            let found = board.find(Kind::Audit, Uuid::from_u128(1)).unwrap();
            assert_eq!((found.subject.as_deref(), found.time, found.full), (Some("a"), Micros(5), true));
            assert_eq!((board.open_work(), board.work(Kind::Audit).count()), (0, 1));
        }
    }

    #[test]
    fn a_rebuild_that_failed_stays_one() {
        let mut board = Board::default();
        let id = Uuid::from_u128(2);
        board.ask(Request::RebuildAsked(RebuildAsked { id, subject: "a".into(), time: Micros(1) }));
        board.tell(Outcome::Failed(Failed { id, why: "away".into() }), Micros(2));
        board.ask(asked(3, 3));
        board.tell(audited(4), Micros(4));
        let rebuilds: Vec<_> = board.work(Kind::Rebuild).map(|work| &work.state).collect();
        assert_eq!(rebuilds, [&State::Failed("away".into())]);
        assert_eq!(ids(&board), [3, 4]);
        assert_eq!(board.find(Kind::Audit, id), None);
    }

    #[test]
    fn the_oldest_are_forgotten_and_open_ones_are_not() {
        let mut board = Board::default();
        board.ask(asked(1, 0));
        (2..500).for_each(|id| board.tell(audited(id), Micros(id as i64)));
        let found = ids(&board);
        assert_eq!((found.len(), found[0], found[1], found[MOST_WORK - 1]), (MOST_WORK, 1, 401, 499));
    }

    #[test]
    fn the_last_fact_of_a_name_counts() {
        let mut board = Board::default();
        // As it stands on logs from before there was SQL.
        let line =
            br#"{"description":"","kind":3,"line":"x","name":"a","subject":"s","time":"2026-11-23T14:40:00.000000Z"}"#;
        let line = || Request::from_json(line).unwrap();
        let sql = SqlSaved {
            name: "a".into(),
            sql: "SELECT 1".into(),
            description: String::new(),
            subject: "s".into(),
            time: Micros(1),
        };
        board.ask(line());
        board.ask(Request::SqlSaved(sql.clone()));
        assert_eq!(board.queries()["a"], Query::Sql(sql));
        board.ask(line());
        assert!(matches!(&board.queries()["a"], Query::Line(saved) if saved.line == "x"));
        let deleted = || QueryDeleted { name: "a".into(), subject: "s".into(), time: Micros(2) };
        board.ask(Request::QueryDeleted(deleted()));
        board.ask(Request::QueryDeleted(deleted()));
        assert!(board.queries().is_empty());
    }
}
