//! What a resource asks for, against what the board knows: commands, each with an id that the same resource gives again.

use beidou_model::operation::{Arrived, Board, Refused, does_same, foresee};
use beidou_schemas::{
    Micros,
    operation::{
        Object, OperationSpec, Owner, Phase, Reason, TaskSpec, Via,
        command::{Ask, Command, Hold, RequestOperation, RequestTask, Word},
    },
};
use uuid::Uuid;

use crate::commands::id_of;

/// Who asks, where a resource does: the API server knows who applied it, and does not tell.
const SUBJECT: &str = "kubernetes";

/// What a resource says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stated {
    pub object: Object,
    pub uid: Uuid,
    /// `namespace/name`.
    pub name: String,
    pub generation: i64,
    pub deleted: bool,
    pub cancel: bool,
    pub suspend: bool,
    /// What it asks for, or why this version does not understand it.
    pub wish: Result<Wish, String>,
}

/// What it asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    Operation(Box<OperationSpec>, Option<Owner>),
    Task(Box<TaskSpec>),
}

impl Stated {
    /// The id of one of its commands.
    fn id_of(&self, what: &str) -> Uuid {
        id_of(&["resource", &self.uid.to_string(), &self.generation.to_string(), what])
    }

    /// None where it is not understood.
    fn request(&self) -> Option<Ask> {
        let name = self.name.clone();
        let why = String::new();
        Some(match self.wish.as_ref().ok()? {
            Wish::Operation(spec, owner) => {
                RequestOperation { name, spec: (**spec).clone(), owner: *owner, why }.into()
            }
            Wish::Task(spec) => RequestTask { name, spec: (**spec).clone(), why }.into(),
        })
    }
}

/// Where the board has it.
struct There {
    phase: Phase,
    reason: Option<Reason>,
    ends: bool,
    /// Nobody acts on it any more, whatever is asked.
    broken: bool,
    same: bool,
}

fn there(board: &Board, stated: &Stated) -> Option<There> {
    match stated.object {
        Object::Operation(id) => board.operations.get(&id).map(|found| {
            let same = matches!(&stated.wish, Ok(Wish::Operation(spec, _)) if does_same(&found.spec, spec));
            let ends = found.ending.is_some() || found.phase == Phase::Cancelling;
            There { phase: found.phase, reason: found.reason, ends, broken: found.broken, same }
        }),
        Object::Task(id) => board.tasks.get(&id).map(|found| {
            let same = matches!(&stated.wish, Ok(Wish::Task(spec)) if {
                TaskSpec { suspend: spec.suspend, ..found.spec.clone() } == **spec
            });
            let ends = found.phase == Phase::Cancelling;
            There { phase: found.phase, reason: found.reason, ends, broken: found.broken, same }
        }),
        Object::Board => None,
    }
}

/// Whether nothing is left to be done for one that was deleted. What the board does not know may have been asked for all the same, if
/// it was `kept` by our finalizer, which comes before the first command: then a cancel goes behind the request, and once that was
/// followed or refused, nothing can come any more.
pub(super) fn is_over(board: &Board, stated: &Stated, kept: bool) -> bool {
    match there(board, stated) {
        Some(there) => there.phase.is_over() || there.broken,
        None => !kept || board.refused.contains_key(&stated.uid) || board.commands.contains(&stated.id_of("delete")),
    }
}

/// Whether what was accepted is what stands in it now.
pub(super) fn is_edited(board: &Board, stated: &Stated) -> bool {
    there(board, stated).is_some_and(|there| !there.same)
}

/// What it asks for that was not asked yet.
pub(super) fn commands(board: &Board, stated: &Stated, now: Micros) -> Vec<Command> {
    let command = |what: &str, ask: Ask| {
        let id = stated.id_of(what);
        Command { id, object: stated.object, subject: SUBJECT.into(), via: Via::Resource, time: now, ask }
    };
    let delete = || command("delete", Ask::Cancel(Word { why: "the resource was deleted".into() }));
    let asked = match there(board, stated) {
        None if board.refused.contains_key(&stated.uid) => None,
        None if stated.deleted => Some(delete()),
        None => stated.request().map(|ask| command("request", ask)),
        Some(there) if there.phase.is_over() || there.ends || there.broken => None,
        Some(_) if stated.deleted => Some(delete()),
        Some(_) if stated.cancel => Some(command("cancel", Ask::Cancel(Word { why: "spec.cancel was set".into() }))),
        // An edit is refused, and the log says so. It stops nobody from holding what runs; what goes on is what was accepted, so
        // that nobody is let go on who may mean something else.
        Some(there) => {
            let suspended = there.phase == Phase::Held && there.reason == Some(Reason::Suspended);
            match (stated.suspend, suspended) {
                // One whose outcome is unknown stands still by itself, and would refuse it: it is asked once it goes on.
                (true, false) if matches!(there.phase, Phase::Pending | Phase::Running) => {
                    let why = "spec.suspend was set".into();
                    Some(command("suspend", Ask::Hold(Hold { why, suspend: true })))
                }
                _ if !there.same => stated.request().map(|ask| command("request", ask)),
                (false, true) => {
                    Some(command("resume", Ask::Resume(Word { why: "spec.suspend was taken back".into() })))
                }
                _ => None,
            }
        }
    };
    asked.into_iter().filter(|command| !board.commands.contains(&command.id)).collect()
}

/// The parameter that what is asked for lacks, and that its cluster may be bringing just now.
pub(super) fn lacks(board: &Board, asked: &[Command], now: Micros) -> Option<Refused> {
    let refused = |command: &Command| {
        let arrived = Arrived { command: command.clone(), partition: 0, offset: 0 };
        foresee(board, &arrived, now).err()
    };
    asked.iter().find_map(refused).filter(Refused::is_missing_parameter)
}

#[cfg(test)]
mod tests {
    use beidou_model::operation::{Operation, Seen, begin, built_in, decide, observe, refusal};
    use beidou_schemas::operation::{ClusterRules, Machine, OperationId, OperationType, WISHED, bundle::BundleShape};

    use super::*;

    const NOW: Micros = Micros(1_795_444_800_000_000);
    const RUN: OperationId = OperationId(Uuid::from_u128(7));

    fn of(flow: &[&str]) -> OperationSpec {
        let machine = Machine { ip: "10.0.0.11".into(), ..Machine::default() };
        serde_json::from_value(serde_json::json!({
            "clusterName": "c", "operationType": OperationType::Uncordon, "operationFlow": flow,
            "operationMachines": [machine],
        }))
        .unwrap()
    }

    fn stated(generation: i64) -> Stated {
        Stated {
            object: Object::Operation(RUN),
            uid: RUN.0,
            name: "n/a".into(),
            generation,
            deleted: false,
            cancel: false,
            suspend: false,
            wish: Ok(Wish::Operation(Box::new(of(&["uncordon"])), None)),
        }
    }

    fn board() -> Board {
        let mut board = Board::default();
        let first = begin(&board, "test", NOW);
        board.apply(&first);
        for seen in [Seen::Cluster("c".into(), Some(ClusterRules::default())), Seen::Bundle(Box::new(built_in()))] {
            observe(&board, &seen, NOW).unwrap().iter().for_each(|fact| _ = board.apply(fact));
        }
        board
    }

    fn follow(board: &mut Board, commands: &[Command]) {
        for (offset, command) in commands.iter().enumerate() {
            let arrived = Arrived { command: command.clone(), partition: WISHED.partition, offset: offset as u64 };
            decide(board, &arrived, NOW).unwrap().iter().for_each(|fact| _ = board.apply(fact));
        }
    }

    #[test]
    fn a_resource_is_asked_for_once_and_its_switches_once_each() {
        let mut board = board();
        let asked = commands(&board, &stated(1), NOW);
        assert_eq!(asked, commands(&board, &stated(1), NOW), "the same again until it is followed");
        assert!(matches!(asked[0].ask, Ask::RequestOperation(_)));
        follow(&mut board, &asked);
        assert_eq!(commands(&board, &stated(1), NOW), []);
        let suspend = Stated { suspend: true, generation: 2, ..stated(1) };
        let asked = commands(&board, &suspend, NOW);
        assert!(matches!(&asked[..], [Command { ask: Ask::Hold(Hold { suspend: true, .. }), .. }]), "{asked:?}");
        follow(&mut board, &asked);
        assert_eq!(commands(&board, &suspend, NOW), []);
        let asked = commands(&board, &stated(3), NOW);
        assert!(matches!(asked[0].ask, Ask::Resume(_)), "{asked:?}");
    }

    #[test]
    fn what_is_unknown_is_suspended_once_it_goes_on() {
        let mut board = board();
        let asked = commands(&board, &stated(1), NOW);
        follow(&mut board, &asked);
        let suspend = Stated { suspend: true, generation: 2, ..stated(1) };
        let enter = |board: &mut Board, phase: Phase| board.operations.change(&RUN, |one| one.phase = phase).unwrap();
        enter(&mut board, Phase::Unknown);
        assert_eq!(commands(&board, &suspend, NOW), [], "it would be refused, and never asked for again");
        enter(&mut board, Phase::Running);
        let asked = commands(&board, &suspend, NOW);
        assert!(matches!(&asked[..], [Command { ask: Ask::Hold(_), .. }]), "{asked:?}");
    }

    /// As the task of an operation holds it.
    #[test]
    fn only_what_its_own_switch_holds_is_let_go_on_by_it() {
        for (reason, goes_on) in
            [(Reason::Suspended, true), (Reason::HeldOnRequest, false), (Reason::FailedHosts, false)]
        {
            let mut board = board();
            let asked = commands(&board, &stated(1), NOW);
            follow(&mut board, &asked);
            let held = |one: &mut Operation| (one.phase, one.reason) = (Phase::Held, Some(reason));
            board.operations.change(&RUN, held).unwrap();
            let asked = commands(&board, &stated(2), NOW);
            let resumes = matches!(&asked[..], [Command { ask: Ask::Resume(_), .. }]);
            assert_eq!((resumes, asked.is_empty()), (goes_on, !goes_on), "{reason}: {asked:?}");
        }
    }

    #[test]
    fn what_a_cluster_may_bring_is_waited_for() {
        let mut board = board();
        let parameters = serde_json::json!({"required": ["folder"], "properties": {"folder": {"type": "string"}}});
        let bundle = Box::new(BundleShape { parameters, ..built_in() });
        let rules = |names: &[&str]| {
            let parameters = Some(names.iter().map(|name| (*name).to_owned()).collect());
            Seen::Cluster("c".into(), Some(ClusterRules { parameters, ..ClusterRules::default() }))
        };
        let see = |board: &mut Board, seen: Seen| {
            observe(board, &seen, NOW).unwrap().iter().for_each(|fact| _ = board.apply(fact));
        };
        see(&mut board, Seen::Bundle(bundle));
        let asked = commands(&board, &stated(1), NOW);
        assert_eq!(lacks(&board, &asked, NOW), None, "nobody knows what it brings");
        see(&mut board, rules(&["other"]));
        assert_eq!(lacks(&board, &asked, NOW).unwrap().field, "parameters.folder");
        let odd = Stated { wish: Ok(Wish::Operation(Box::new(of(&["odd"])), None)), ..stated(1) };
        let refused = lacks(&board, &commands(&board, &odd, NOW), NOW);
        assert_eq!(refused, None, "what is wrong otherwise is refused at once");
        see(&mut board, rules(&["folder"]));
        assert_eq!(lacks(&board, &asked, NOW), None);
    }

    #[test]
    fn a_number_in_another_form_is_no_edit() {
        let mut board = board();
        let parameters = serde_json::json!({"properties": {"share": {"type": "number"}}});
        let bundle = Seen::Bundle(Box::new(BundleShape { parameters, ..built_in() }));
        observe(&board, &bundle, NOW).unwrap().iter().for_each(|fact| _ = board.apply(fact));
        let with = |share: serde_json::Value| {
            let mut spec = of(&["uncordon"]);
            spec.parameters.insert("share".into(), share);
            Stated { wish: Ok(Wish::Operation(Box::new(spec), None)), ..stated(1) }
        };
        let asked = commands(&board, &with(serde_json::json!(2.0)), NOW);
        follow(&mut board, &asked);
        assert!(!is_edited(&board, &with(serde_json::json!(2))));
        assert!(is_edited(&board, &with(serde_json::json!(3))));
    }

    #[test]
    fn a_node_whose_address_was_found_is_no_edit() {
        let mut board = board();
        let with = |ip: &str| {
            let mut spec = of(&["uncordon"]);
            let name = Some("worker-7".to_owned());
            spec.operation_machines = vec![Machine { ip: ip.into(), name, ..Machine::default() }];
            Stated { wish: Ok(Wish::Operation(Box::new(spec), None)), ..stated(1) }
        };
        assert_eq!(lacks(&board, &commands(&board, &with(""), NOW), NOW), None, "it lacks no parameter");
        let asked = commands(&board, &with("10.0.0.7"), NOW);
        follow(&mut board, &asked);
        assert!(!is_edited(&board, &with("")));
        assert!(is_edited(&board, &with("10.0.0.8")));
    }

    #[test]
    fn a_deleted_one_is_cancelled_and_an_edited_one_is_refused() {
        let mut board = board();
        let gone = Stated { deleted: true, ..stated(1) };
        let asked = commands(&board, &stated(1), NOW);
        follow(&mut board, &asked);
        assert!(!is_over(&board, &gone, true));
        assert!(matches!(commands(&board, &gone, NOW)[0].ask, Ask::Cancel(_)));
        let mut edited = stated(2);
        if let Ok(Wish::Operation(spec, _)) = &mut edited.wish {
            spec.parameters.insert("a".into(), 1.into());
        }
        assert!(is_edited(&board, &edited));
        let asked = commands(&board, &edited, NOW);
        let arrived = Arrived { command: asked[0].clone(), partition: 1, offset: 9 };
        assert!(decide(&board, &arrived, NOW).unwrap_err().to_string().contains("make a new one"));
        let held = Stated { suspend: true, ..edited.clone() };
        let asked = commands(&board, &held, NOW);
        assert!(matches!(&asked[..], [Command { ask: Ask::Hold(_), .. }]), "an edit does not keep it going: {asked:?}");
        follow(&mut board, &asked);
        assert!(
            matches!(commands(&board, &edited, NOW)[0].ask, Ask::RequestOperation(_)),
            "what was edited stays held"
        );
        let ended = Stated { cancel: true, ..edited };
        assert!(matches!(commands(&board, &ended, NOW)[0].ask, Ask::Cancel(_)));
    }

    #[test]
    fn nothing_keeps_what_nobody_acts_on_any_more() {
        let mut board = board();
        let asked = commands(&board, &stated(1), NOW);
        follow(&mut board, &asked);
        board.operations.change(&RUN, |one| (one.broken, one.phase) = (true, Phase::Held)).unwrap();
        let gone = Stated { deleted: true, ..stated(1) };
        assert!(is_over(&board, &gone, true), "a cancel would be refused for ever");
        assert_eq!(commands(&board, &gone, NOW), []);
    }

    #[test]
    fn what_is_not_understood_asks_for_nothing_and_can_be_deleted() {
        let mut board = board();
        let odd = Stated { wish: Err("a type of tomorrow".into()), ..stated(1) };
        assert_eq!(commands(&board, &odd, NOW), []);
        let asked = commands(&board, &stated(1), NOW);
        follow(&mut board, &asked);
        assert_eq!(commands(&board, &odd, NOW), [], "what runs goes on");
        let gone = Stated { deleted: true, ..odd };
        assert!(!is_over(&board, &gone, true));
        assert!(matches!(commands(&board, &gone, NOW)[0].ask, Ask::Cancel(_)));
    }

    #[test]
    fn one_that_is_deleted_before_its_request_is_followed_is_cancelled_behind_it() {
        let (mut asked, mut never) = (board(), board());
        let gone = Stated { deleted: true, ..stated(2) };
        let request = commands(&asked, &stated(1), NOW);
        let cancel = commands(&asked, &gone, NOW);
        assert!(matches!(&cancel[..], [Command { ask: Ask::Cancel(_), .. }]), "{cancel:?}");
        assert!(!is_over(&asked, &gone, true), "its request is on the way");
        assert!(is_over(&asked, &gone, false), "nothing is asked for before the finalizer is there");
        follow(&mut asked, &[request, cancel.clone()].concat());
        assert_eq!((asked.operations[&RUN].phase, is_over(&asked, &gone, true)), (Phase::Cancelling, false));
        assert_eq!(commands(&asked, &gone, NOW), []);

        // Nobody knows whether there was a request until the cancel is refused.
        let arrived = Arrived { command: cancel[0].clone(), partition: WISHED.partition, offset: 0 };
        let refused = decide(&never, &arrived, NOW).unwrap_err();
        refusal(&never, &arrived, &refused, NOW).iter().for_each(|fact| _ = never.apply(fact));
        assert!(is_over(&never, &gone, true));
        assert_eq!(commands(&never, &gone, NOW), []);
    }
}
