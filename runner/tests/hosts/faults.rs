//! What goes wrong with hosts, runners and doors: no host is acted on twice, nothing hangs, nothing is called good that is not.

use beidou_playbooks::Bundle;
use beidou_schemas::runner::{Assignment, Ended, First, HostState, TaskEvent, TaskEventKind};
use serde_json::json;

use crate::{
    door::Door,
    site::{Site, finish, states, until},
    ssh_hosts::Fault,
};

fn count() -> Bundle {
    Bundle::of_folder(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bundles/count").as_ref()).unwrap()
}

fn assignment(site: &Site) -> Assignment {
    site.assignment(&count(), "count", json!({}))
}

async fn begun(site: &Site, numbers: &[usize]) {
    until("every host has begun", async || {
        numbers.iter().all(|number| site.acts(*number).contains("begun")).then_some(())
    })
    .await
    .unwrap();
}

fn ansible_of(runner: u32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{runner}/task/{runner}/children")).ok()?;
    children.split_whitespace().find_map(|pid| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        line.contains("ansible-playbook").then(|| pid.parse().ok())?
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_runner_is_refused_and_touches_nothing() {
    let site = Site::new(1).unwrap();
    let door = Door::open(assignment(&site)).await.unwrap();
    let mut first = site.start(&door, &[]).unwrap();
    begun(&site, &[1]).await;
    let mut second = site.start(&door, &[]).unwrap();
    assert!(!second.end().await.unwrap().success());
    assert!(second.log().contains("nothing was touched"), "{}", second.log());
    site.go();
    assert!(first.end().await.unwrap().success());
    assert_eq!(site.acts(1), "begun done after");
    assert_eq!(states(&door), [(HostState::Ok, String::new())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_runner_leaves_a_fence_behind_that_the_next_attempt_respects() {
    let site = Site::new(2).unwrap();
    let door = Door::open(assignment(&site)).await.unwrap();
    let mut first = site.start(&door, &[]).unwrap();
    begun(&site, &[1, 2]).await;
    first.kill();
    // The command goes on on the hosts; another attempt does not act beside it.
    let busy = site.run(assignment(&site)).await.unwrap();
    assert_eq!(states(&busy), vec![(HostState::Failed, "host-busy".to_owned()); 2]);
    assert_eq!((site.acts(1), site.acts(2)), ("begun".into(), "begun".into()));
    site.go();
    until("the command has ended", async || {
        (site.acts(1) == "begun done" && site.acts(2) == "begun done").then_some(())
    })
    .await
    .unwrap();
    let third = until("the hosts are free", async || {
        let door = site.run(assignment(&site)).await.unwrap();
        states(&door).iter().all(|(state, _)| *state == HostState::Ok).then_some(door)
    });
    third.await.unwrap();
    assert_eq!(site.acts(1), "begun done begun done after");
    let older = Assignment { fence: 1, ..assignment(&site) };
    assert_eq!(states(&site.run(older).await.unwrap()), vec![(HostState::Failed, "fenced".to_owned()); 2]);
    assert_eq!(site.acts(1), "begun done begun done after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_ansible_leaves_its_hosts_unknown() {
    let site = Site::new(2).unwrap();
    let door = Door::open(assignment(&site)).await.unwrap();
    let mut runner = site.start(&door, &[]).unwrap();
    begun(&site, &[1, 2]).await;
    let ansible = until("ansible-playbook runs", async || ansible_of(runner.pid())).await.unwrap();
    // SAFETY: kill takes no pointers; the process is our own grandchild.
    assert_eq!(unsafe { libc::kill(ansible, libc::SIGKILL) }, 0);
    assert!(runner.end().await.unwrap().success(), "{}", runner.log());
    let end = finish(&door);
    assert_eq!((end.ended, end.exit, end.signal), (Ended::Missing, None, Some(libc::SIGKILL)));
    assert_eq!(states(&door), vec![(HostState::Unknown, "run-lost".to_owned()); 2]);
    site.go();
    until("the command has ended", async || (site.acts(1) == "begun done").then_some(())).await.unwrap();
    assert_eq!(site.acts(1), "begun done", "no worker went on to the next task");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_the_run_and_says_what_is_not_known() {
    let site = Site::new(1).unwrap();
    let door = Door::open(assignment(&site)).await.unwrap();
    let mut runner = site.start(&door, &[]).unwrap();
    begun(&site, &[1]).await;
    door.look(|attempt| attempt.cancel = true);
    assert!(runner.end().await.unwrap().success(), "{}", runner.log());
    let end = finish(&door);
    assert_eq!((end.ended, end.reason.as_deref()), (Ended::Missing, Some("cancelled")));
    assert_eq!(end.hosts["host1"].state, HostState::Unknown);
    assert!(door.look(|attempt| attempt.heartbeats > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_goes_and_loses_answers_gets_every_event_once() {
    let site = Site::new(3).unwrap();
    let mut door = Door::open(assignment(&site)).await.unwrap();
    let mut runner = site.start(&door, &[]).unwrap();
    begun(&site, &[1, 2, 3]).await;
    door.close().await;
    site.go();
    until("the run went on", async || site.acts(1).contains("after").then_some(())).await.unwrap();
    door.look(|attempt| attempt.lose_answers.extend([(), (), ()]));
    door.reopen().await.unwrap();
    assert!(runner.end().await.unwrap().success(), "{}", runner.log());
    let end = finish(&door);
    assert_eq!(states(&door), vec![(HostState::Ok, String::new()); 3]);
    let seqs: Vec<_> = door.look(|attempt| attempt.events.iter().map(|event| event.seq).collect());
    assert_eq!(seqs, (1..=end.last_seq).collect::<Vec<_>>());
    let output = door.look(|attempt| attempt.output());
    assert_eq!(output.matches("PLAY RECAP").count(), 1, "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_hosts_are_named_and_do_not_hold_up_the_good_one() {
    let mut site = Site::new(5).unwrap();
    site.go();
    site.hosts.fault(1, Fault::Off).unwrap();
    site.hosts.fault(2, Fault::Hang).unwrap();
    site.hosts.print(3, "rm ~root/.ssh/authorized_keys").unwrap();
    site.hosts.fault(4, Fault::Fill).unwrap();
    let mut assignment = assignment(&site);
    let host5 = site.hosts.hosts()[4].clone();
    let door = site.run(assignment.clone()).await.unwrap();
    let [one, two, three, four, five] = states(&door).try_into().unwrap();
    assert!(matches!(one, (HostState::Unreachable, ref code) if code == "no-route" || code == "timeout"), "{one:?}");
    assert!(matches!(two, (HostState::Unreachable, ref code) if code == "timeout"), "{two:?}");
    assert_eq!(three, (HostState::Unreachable, "auth-refused".into()));
    assert_eq!((four.0, four.1.as_str()), (HostState::Failed, "disk-full"));
    assert_eq!(five, (HostState::Ok, String::new()));
    site.hosts.fault(2, Fault::Wake).unwrap();
    // A host with another key than the one that is known.
    assignment.limit = vec!["host5".into()];
    assignment.fence += 1;
    assignment.attempt = "12345678-count-b0-a99".parse().unwrap();
    assignment.ssh.known_hosts = format!("{} {}\n", host5.address, site.hosts.hosts()[0].public_key);
    let door = site.run(assignment).await.unwrap();
    assert_eq!(states(&door), [(HostState::Unreachable, "host-key".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_stop_answering_in_the_middle_end_the_task_and_hold_up_no_other() {
    let mut site = Site::new(3).unwrap();
    let door = Door::open(assignment(&site)).await.unwrap();
    let mut runner = site.start(&door, &[]).unwrap();
    begun(&site, &[1, 2, 3]).await;
    site.hosts.fault(1, Fault::Hang).unwrap();
    site.hosts.fault(3, Fault::Off).unwrap();
    site.hosts.print(2, "touch /tmp/go").unwrap();
    assert!(runner.end().await.unwrap().success(), "{}", runner.log());
    let [hangs, good, off] = states(&door).try_into().unwrap();
    assert_eq!(good, (HostState::Ok, String::new()));
    assert_eq!((hangs.0, off.0), (HostState::Unreachable, HostState::Unreachable), "{hangs:?} {off:?}");
    site.hosts.fault(1, Fault::Wake).unwrap();
    site.hosts.fault(3, Fault::On).unwrap();
    assert_eq!(site.acts(3), "begun", "the disk outlives the power, what ran does not");
}

/// Of the first host alone; the look at all hosts comes first.
fn looks_first(site: &Site) -> Assignment {
    let assignment = assignment(site);
    let (every, limit) = (assignment.limit.clone(), vec![assignment.limit[0].clone()]);
    let first = First { step: "look".into(), playbook: "look.yml".into(), limit: every };
    Assignment { first: Some(first), limit, ..assignment }
}

fn hosts_of(door: &Door, task: &str) -> Vec<String> {
    let is_of = |event: &&TaskEvent| event.kind == TaskEventKind::Host && event.task.as_deref() == Some(task);
    let mut hosts: Vec<_> =
        door.look(|attempt| attempt.events.iter().filter(is_of).filter_map(|event| event.host.clone()).collect());
    hosts.sort();
    hosts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_first_reaches_all_hosts_and_the_step_its_own() {
    let site = Site::new(2).unwrap();
    site.go();
    let door = site.run(looks_first(&site)).await.unwrap();
    assert_eq!(states(&door), [(HostState::Ok, String::new())]);
    assert_eq!((hosts_of(&door, "answers").len(), hosts_of(&door, "act").len()), (2, 1));
    assert_eq!((site.acts(1), site.acts(2)), ("begun done after".into(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_another_host_does_not_answer_the_step_is_not_begun() {
    let site = Site::new(2).unwrap();
    let lost = |assignment: &mut Assignment| {
        assignment.inventory.hosts.get_mut("host2").unwrap().port = 9;
    };
    let mut first = looks_first(&site);
    lost(&mut first);
    let door = site.run(first).await.unwrap();
    assert_eq!(states(&door), [(HostState::Failed, "others-failed".to_owned())]);
    let message = finish(&door).hosts["host1"].message.clone().unwrap();
    assert!(message.starts_with("look comes first, and failed: host2"), "{message}");
    assert_eq!((finish(&door).ended, site.acts(1)), (Ended::Stats, String::new()));

    let whole = looks_first(&site);
    let mut looks = Assignment {
        first: None,
        reach: whole.first.unwrap().limit,
        playbook: "look.yml".into(),
        mutates: false,
        ..assignment(&site)
    };
    looks.limit.truncate(1);
    assert_eq!(states(&site.run(looks.clone()).await.unwrap()), [(HostState::Ok, String::new())]);
    lost(&mut looks);
    assert_eq!(states(&site.run(looks).await.unwrap()), [(HostState::Failed, "others-failed".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_play_without_hosts_is_passed_over_and_a_run_that_stops_is_not_called_good() {
    let site = Site::new(2).unwrap();
    let ok = (HostState::Ok, String::new());
    let failed = |code: &str| (HostState::Failed, code.to_owned());
    let alone = [failed("wished"), ok.clone()];
    let stopped = [failed("wished"), failed("run-stopped")];
    for (stop, hosts) in [
        ("no", [ok.clone(), ok.clone()]),
        ("own", alone),
        ("fatal", stopped.clone()),
        ("once", stopped.clone()),
        ("share", stopped.clone()),
        ("rescued", stopped.clone()),
        ("all", stopped.clone()),
    ] {
        let door = site.run(site.assignment(&count(), "plays", json!({"stop": stop}))).await.unwrap();
        let output = door.look(|attempt| attempt.output());
        assert_eq!((finish(&door).ended, states(&door)), (Ended::Stats, hosts.to_vec()), "{stop}: {output}");
        let kinds = |kind| door.look(|attempt| attempt.events.iter().filter(|event| event.kind == kind).count());
        assert_eq!(kinds(TaskEventKind::NoHosts) > 0, hosts == stopped, "{stop}: {output}");
        if stop == "no" {
            assert_eq!((kinds(TaskEventKind::Note), kinds(TaskEventKind::Play)), (3, 7), "{output}");
        }
    }
}
