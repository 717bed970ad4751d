//! A world around the board: it writes the facts that are due, does the acts, or fails to, and lets time pass. A seed makes
//! it deterministic. With every fact it checks what must always hold.

use std::collections::{BTreeMap, BTreeSet};

use beidou_schemas::{
    Micros,
    operation::{
        AttemptEnd, AttemptId, Object, OperationId, Owner, Purpose, TaskStepKind, UndoKind, Via,
        command::{Answer, Ask, Command, Hold, RequestOperation, Retry, Skip, Word},
        fact::{
            AttemptClaimed, AttemptEnded, AttemptLaunched, AttemptOffered, Body, Fact, Heard, HostResult, NotifyFailed,
        },
    },
    runner::{HostOutcome, HostState},
    time::SECOND,
};
use uuid::Uuid;

use super::setting::{self, START, outcome};
use crate::operation::{Action, Applied, Arrived, Board, Seen, begin, decide, next, observe, refusal, wake};

pub struct World {
    pub board: Board,
    pub log: Vec<Fact>,
    pub now: Micros,
    pub commands: u128,
    /// How often of a hundred an act goes well.
    pub luck: u64,
    random: u64,
    attempts: BTreeSet<(OperationId, AttemptId)>,
    started: BTreeSet<(OperationId, AttemptId)>,
}

impl World {
    pub fn new(seed: u64, luck: u64) -> Self {
        let mut world = Self {
            board: Board::default(),
            log: Vec::new(),
            now: START,
            commands: 1000,
            luck,
            random: seed | 1,
            attempts: BTreeSet::new(),
            started: BTreeSet::new(),
        };
        world.write(vec![begin(&Board::default(), "w", START)]);
        world.see(&Seen::Bundle(Box::new(setting::scale_up())));
        world.see(&Seen::Bundle(Box::new(setting::reboot())));
        world.see(&Seen::Cluster("c1".into(), Some(setting::rules())));
        world
    }

    /// A number below `most`.
    pub fn pick(&mut self, most: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % most
    }

    fn lucky(&mut self) -> bool {
        self.pick(100) < self.luck
    }

    pub fn write(&mut self, facts: Vec<Fact>) {
        for fact in facts {
            if let (Body::LockTaken(taken), Object::Operation(id)) = (&fact.body, fact.object) {
                for lock in &taken.locks {
                    assert!(self.board.locks.get(lock).is_none_or(|holder| *holder == id), "{lock:?} is held");
                }
            }
            if let (Body::AttemptIntended(intended), Object::Operation(id)) = (&fact.body, fact.object) {
                assert!(self.attempts.insert((id, intended.attempt.clone())), "{} twice", intended.attempt);
            }
            let json = fact.to_json();
            assert_eq!(Fact::from_json(&json).unwrap(), fact);
            assert_eq!(self.board.apply(&fact), Applied::Taken, "{fact:?}");
            self.check_awake();
            self.log.push(fact);
        }
    }

    /// What is found without a look at all is what a look at all would find.
    fn check_awake(&self) {
        let Board { operations, tasks, .. } = &self.board;
        let runs = operations
            .values()
            .filter(|run| !run.phase.is_over() || run.open_attempt().is_some() || !run.notices.is_empty());
        assert!(runs.map(|run| run.id).eq(operations.awake().map(|run| run.id)));
        let due = tasks.values().filter(|task| !task.phase.is_over() || !task.notices.is_empty());
        assert!(due.map(|task| task.id).eq(tasks.awake().map(|task| task.id)));
    }

    pub fn see(&mut self, seen: &Seen) {
        if let Ok(facts) = observe(&self.board, seen, self.now) {
            self.write(facts);
        }
    }

    /// Whether it was followed.
    pub fn ask(&mut self, object: Object, subject: &str, ask: Ask) -> bool {
        let command = setting::command(self.commands, object, subject, ask);
        self.send(command)
    }

    pub fn send(&mut self, command: Command) -> bool {
        let arrived = Arrived { command, partition: 0, offset: self.commands as u64 };
        self.commands += 1;
        let decided = decide(&self.board, &arrived, self.now);
        let followed = decided.is_ok();
        let facts = decided.unwrap_or_else(|refused| refusal(&self.board, &arrived, &refused, self.now));
        assert!(!facts.is_empty(), "each command leaves a trace");
        self.write(facts);
        assert_eq!(decide(&self.board, &arrived, self.now), Ok(Vec::new()), "a command is followed once");
        followed
    }

    /// Writes what is due until only acts are left.
    pub fn settle(&mut self) -> Vec<Action> {
        for _ in 0..1000 {
            let actions = next(&self.board, self.now);
            match actions.first() {
                Some(Action::Record(facts)) => self.write(facts.clone()),
                _ => return actions,
            }
        }
        panic!("facts without end: {:?}", self.log.iter().rev().take(8).collect::<Vec<_>>());
    }

    /// One step of the world; false when nothing will ever happen by itself.
    pub fn step(&mut self) -> bool {
        let actions = self.settle();
        let acts: Vec<&Action> = actions.iter().filter(|action| !matches!(action, Action::Wait { .. })).collect();
        let runners = self.runners();
        let all = acts.len() + runners.len();
        // Where all goes well nobody dawdles either.
        let moves = all > 0 && (self.luck >= 100 || self.pick(8) > 0);
        if !moves {
            let Some(until) = wake(&actions) else { return all > 0 };
            self.now = if self.pick(3) == 0 { self.now.plus(SECOND) } else { until.max(self.now.plus(1)) };
            return true;
        }
        self.now = self.now.plus(SECOND);
        let chosen = self.pick(all as u64) as usize;
        match acts.get(chosen) {
            Some(action) => self.act(&(*action).clone()),
            None => self.run(&runners[chosen - acts.len()].clone()),
        }
        true
    }

    fn runners(&self) -> Vec<(OperationId, AttemptId)> {
        let open = self.board.operations.values().filter_map(|run| Some((run.id, run.open_attempt()?)));
        let running = open.filter(|(_, attempt)| attempt.launched.is_some());
        running.map(|(id, attempt)| (id, attempt.id.clone())).collect()
    }

    /// A runner does something.
    fn run(&mut self, (id, attempt): &(OperationId, AttemptId)) {
        let (id, attempt) = (*id, attempt.clone());
        let found = self.board.operations[&id].open_attempt().unwrap().clone();
        let hosts = self.board.operations[&id].addresses(&found.hosts);
        if found.claimed.is_none() {
            let runner = Uuid::from_u128(u128::from(self.pick(2)));
            return self.see(&Seen::Claimed(id, AttemptClaimed::new(attempt, runner)));
        }
        match self.pick(4) {
            0 => self.see(&Seen::Heard(id, Heard { attempt, next: found.next + 3 })),
            1 => {
                let host = hosts[self.pick(hosts.len() as u64) as usize].clone();
                let outcome = self.fate();
                self.see(&Seen::Result(id, HostResult { attempt, host, outcome }));
            }
            _ if self.lucky() => {
                let outcomes: BTreeMap<String, HostOutcome> =
                    hosts.into_iter().map(|host| (host, self.fate())).collect();
                self.end(id, attempt, AttemptEnd::Finished, outcomes);
            }
            _ => self.end(id, attempt, AttemptEnd::Missing, BTreeMap::new()),
        }
    }

    fn fate(&mut self) -> HostOutcome {
        let bad = [HostState::Failed, HostState::Unreachable, HostState::Skipped, HostState::Unknown];
        outcome(if self.lucky() { HostState::Ok } else { bad[self.pick(4) as usize] })
    }

    fn end(&mut self, id: OperationId, attempt: AttemptId, end: AttemptEnd, outcomes: BTreeMap<String, HostOutcome>) {
        let ended = AttemptEnded { attempt, end, exit: Some(0), signal: None, message: "as told".into() };
        self.see(&Seen::Ended(id, ended, outcomes));
    }

    /// The shell does what is due, or fails to.
    fn act(&mut self, action: &Action) {
        let lucky = self.lucky();
        match action.clone() {
            Action::StartAttempt { operation, attempt } if lucky => {
                assert!(self.started.insert((operation, attempt.clone())), "{attempt} is started twice");
                let token_sha256 = "cd".repeat(32);
                self.see(&Seen::Offered(operation, AttemptOffered { attempt: attempt.clone(), token_sha256 }));
                let (executor, place) = ("local".to_owned(), attempt.to_string());
                let run = &self.board.operations[&operation];
                let hosts = run.open_attempt().map(|open| run.addresses(&open.hosts)).unwrap_or_default();
                let nodes = hosts.into_iter().map(|host| (host.clone(), format!("node-{host}"))).collect();
                self.see(&Seen::Launched(operation, AttemptLaunched { attempt, executor, place, nodes }));
            }
            Action::StartAttempt { operation, attempt } => {
                self.end(operation, attempt, AttemptEnd::NotStarted, BTreeMap::new());
            }
            Action::StopAttempt { operation, attempt } if lucky => {
                self.end(operation, attempt, AttemptEnd::Stopped, BTreeMap::new());
            }
            Action::StopAttempt { .. } => self.now = self.now.plus(30 * SECOND),
            Action::Release { operation, attempt, host } => {
                let outcome = outcome(if lucky { HostState::Ok } else { HostState::Failed });
                self.see(&Seen::Result(operation, HostResult { attempt, host, outcome }));
            }
            Action::Undo { operation, kind, host } if lucky => self.see(&Seen::UndoDone(operation, kind, host)),
            Action::Undo { operation, kind, host } => {
                self.see(&Seen::UndoFailed(operation, kind, host, "forbidden".into()));
            }
            Action::CreateOperation { task, asked } if lucky => {
                let step: TaskStepKind = self.board.tasks[&task].steps[asked.step as usize].kind;
                let owner = Some(Owner { task, step });
                let ask = RequestOperation { name: asked.name, spec: asked.spec, owner, why: String::new() }.into();
                let subject = self.board.tasks[&task].subject.clone();
                assert!(self.ask(Object::Operation(asked.operation), &subject, ask), "what a task asks for is valid");
            }
            Action::CreateOperation { .. } => {}
            Action::OpenGate { task, of_seq, .. } => self.tell(Object::Task(task), of_seq, lucky),
            Action::Notify { object, of_seq } => self.tell(object, of_seq, lucky),
            Action::Record(_) | Action::Wait { .. } => unreachable!("neither is an act"),
        }
    }

    fn tell(&mut self, object: Object, of_seq: u64, lucky: bool) {
        let again = self.now.plus(60 * SECOND);
        let failed = NotifyFailed { of_seq, why: "502".into(), again, for_good: false };
        let seen = if lucky { Seen::Told(object, of_seq) } else { Seen::NotTold(object, failed) };
        self.see(&seen);
    }

    /// Somebody asks for something, sensible or not.
    pub fn meddle(&mut self) {
        let operations: Vec<Object> = self.board.operations.keys().copied().map(Object::Operation).collect();
        let objects: Vec<Object> =
            operations.into_iter().chain(self.board.tasks.keys().copied().map(Object::Task)).collect();
        let object = objects[self.pick(objects.len() as u64) as usize];
        let steps = ["preCheck", "scaleUp", "drain", "postCheck", "ScaleUpWorkprocess", "nonsense"];
        let step = steps[self.pick(6) as usize].to_owned();
        let ask = match self.pick(9) {
            0 => Ask::Approve(Answer { ticket: "CHG-1".into(), why: String::new() }),
            1 if self.pick(4) == 0 => Ask::Reject(Answer { ticket: String::new(), why: "no".into() }),
            2 => Ask::Hold(Hold::default()),
            3 if self.pick(4) == 0 => Ask::Cancel(Word { why: "enough".into() }),
            4 | 5 => Ask::Retry(Retry::default()),
            6 => Ask::Skip(Skip { step, why: String::new() }),
            _ => Ask::Resume(Word::default()),
        };
        let via = if self.pick(2) == 0 { Via::Api } else { Via::Callback };
        let command = setting::command(self.commands, object, "boss", ask);
        self.send(Command { via, ..command });
    }

    /// Lets a crash pass: the board is what the log says, and a new writer begins.
    pub fn crash(&mut self) {
        let board = Board::fold(&self.log);
        assert_eq!(board, self.board, "the log says it all");
        assert_eq!(next(&board, self.now), next(&self.board, self.now), "and what is due");
        self.write(vec![begin(&board, "w2", self.now)]);
    }

    /// What holds when something is over.
    pub fn check_ends(&self) {
        for run in self.board.operations.values() {
            let why = || format!("{}: {} {:?} {}", run.name, run.phase, run.reason, run.message);
            assert!(run.phase.is_over() || (run.phase.stands_still() && run.reason.is_some()), "{}", why());
            if !run.phase.is_over() {
                continue;
            }
            assert!(
                run.held_locks().is_none() && !self.board.locks.values().any(|holder| *holder == run.id),
                "{}",
                why()
            );
            assert!(run.open_attempt().is_none(), "{}", why());
            for debt in &run.debts {
                let behind = debt.kind != UndoKind::Join && debt.stands();
                assert!(behind || !debt.is_open(run.plan.limits.undo_tries), "{debt:?} {}", why());
                let named = run.message.contains(&run.plan.hosts[debt.host as usize]);
                assert!(!debt.stands() || named, "{debt:?} is not named: {}", why());
            }
            let acts = run.attempts.iter().filter(|attempt| attempt.purpose == Purpose::Act);
            assert!(acts.clone().all(|attempt| attempt.over.is_some()), "{}", why());
        }
        for task in self.board.tasks.values() {
            let fine = task.phase.is_over() || task.phase.stands_still();
            assert!(fine, "{}: {} {:?} {}", task.name, task.phase, task.reason, task.message);
        }
    }
}
