//! Machines on which nobody logs in as root, and that are reached through another one.

use std::{collections::BTreeSet, fs};

use beidou_playbooks::shipped;
use beidou_schemas::runner::{Assignment, Hop, HostState};
use serde_json::{Value, json};

use crate::site::{Site, finish, states};

/// Of the user `ops`, on the first host alone.
fn assignment(site: &Site, bundle: &str, step: &str, given: &Value) -> Assignment {
    let bundle = shipped(bundle).unwrap().unwrap();
    let parameters = bundle.parameters(given.as_object().unwrap(), &BTreeSet::new()).unwrap();
    let mut assignment = site.assignment(&bundle, step, parameters.plain.into());
    for host in assignment.inventory.hosts.values_mut() {
        host.user = "ops".into();
    }
    assignment.limit.truncate(1);
    assignment
}

fn who(site: &Site) -> Assignment {
    assignment(site, "command", "command", &json!({"script": "echo $(id -un) of $SUDO_USER >> /var/lib/acts"}))
}

fn through_the_second(site: &Site, key: Option<String>) -> Assignment {
    let mut assignment = who(site);
    let host = site.hosts.hosts()[1].address.clone();
    assignment.ssh.bastion = Some(Hop { host, user: "ops".into(), port: 22, private_key_path: key });
    assignment
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_becomes_root_is_fenced_and_acts_behind_a_bastion() {
    let site = Site::new(2).unwrap();
    // The first host answers nobody but its neighbours.
    site.hosts.print(1, &format!("ip route add blackhole {}", site.hosts.gateway())).unwrap();
    let direct = site.run(who(&site)).await.unwrap();
    assert_eq!(states(&direct)[0].0, HostState::Unreachable, "{:?}", finish(&direct));

    let first = through_the_second(&site, None);
    let holder = format!("{} {}", first.fence, first.attempt);
    let door = site.run(first).await.unwrap();
    assert_eq!(states(&door), [(HostState::Ok, String::new())], "{}", door.look(|attempt| attempt.output()));
    assert_eq!(site.acts(1), "root of ops");
    assert_eq!(site.hosts.print(1, "cat /var/lib/beidou/fence/holder").unwrap(), holder);

    let own_key = Some(site.hosts.private_key().display().to_string());
    let older = Assignment { fence: 1, ..through_the_second(&site, own_key) };
    assert_eq!(states(&site.run(older).await.unwrap()), [(HostState::Failed, "fenced".to_owned())]);

    site.hosts.print(1, "rm /etc/sudoers; echo 'root ALL=(ALL) ALL' > /etc/sudoers; chmod 440 /etc/sudoers").unwrap();
    let refused = site.run(through_the_second(&site, None)).await.unwrap();
    assert_eq!(states(&refused), [(HostState::Failed, "sudo-refused".to_owned())], "{:?}", finish(&refused));
    assert_eq!(site.acts(1), "root of ops");
}

/// What Kubespray does, in short: no play of it asks for root, and the control plane is outside the limit.
const SCALE: &str = "
- name: scale
  hosts: kube_node
  gather_facts: false
  tasks:
    - name: on a new machine
      ansible.builtin.shell: echo $(id -un) of $SUDO_USER >> /var/lib/acts
    - name: on the control plane
      ansible.builtin.shell: echo $(id -un) of $SUDO_USER >> /var/lib/acts
      delegate_to: \"{{ groups['kube_control_plane'] | first }}\"
";

#[tokio::test(flavor = "multi_thread")]
async fn kubespray_acts_as_root_whoever_logs_in() {
    let site = Site::new(2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("ansible.cfg", ""), ("cluster.yml", "kube_version: none\n"), ("scale.yml", SCALE)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let given = json!({"kubespray_path": folder.path(), "group_vars_file": folder.path().join("cluster.yml")});
    let mut assignment = assignment(&site, "scale-up", "scaleUp", &given);
    let names = |numbers: &[usize]| numbers.iter().map(|number| format!("host{number}")).collect::<Vec<_>>();
    assignment.inventory.groups =
        [("new", &[1][..]), ("kube_node", &[1, 2]), ("kube_control_plane", &[2]), ("etcd", &[2])]
            .into_iter()
            .map(|(group, numbers)| (group.to_owned(), names(numbers)))
            .collect();
    let door = site.run(assignment).await.unwrap();
    assert_eq!(states(&door), [(HostState::Ok, String::new())], "{}", door.look(|attempt| attempt.output()));
    assert_eq!((site.acts(1).as_str(), site.acts(2).as_str()), ("root of ops", "root of ops"));
}
