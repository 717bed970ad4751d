//! Runners in real Pods: kubelet, containerd and the image that `deploy/image/build --runner` makes. And a real kubelet on a machine
//! that joins.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use beidou_controllers::{
    config::Job as JobSettings,
    execute::{
        Executor,
        contract::{Driver, RUNNER, check},
    },
};
use beidou_schemas::{
    Micros,
    operation::{
        Object,
        fact::{Body, Fact},
    },
    runner::AttemptId,
};
use beidou_tests::{
    installed::installed,
    jobs::Jobs,
    machines::{KUBELET, LIMIT, NAMESPACE, Site},
    node::Image,
    pods::{Pods, processes},
    wait,
};
use k8s_openapi::api::{certificates::v1::CertificateSigningRequest, core::v1::Node};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

/// Of twelve steps each.
const RUNS: usize = 10;
const ENDS: [&str; 4] = ["Succeeded", "Failed", "Held", "Unknown"];
/// A container runtime for a machine, whose network leads nowhere: enough for a node that is Ready.
const RUNTIME: &str = r#"
mkdir -p /etc/cni/net.d /etc/containerd
echo '{"cniVersion": "1.0.0", "name": "none", "plugins": [{"type": "loopback"}]}' > /etc/cni/net.d/10-none.conflist
cat > /etc/containerd/config.toml << 'END'
version = 2
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
END
setsid containerd > /var/log/containerd.log 2>&1 < /dev/null &
"#;

fn on(machines: &[String], bundle: &str, flow: &[&str], parameters: Value) -> Value {
    json!({
        "clusterName": "product-cluster", "operationType": "Command", "bundle": bundle, "operationFlow": flow,
        "operationMachines": machines.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(),
        "parameters": parameters, "batches": {"canary": 0, "poolPercent": 100},
    })
}

async fn apply(site: &Site, name: &str, spec: &Value) {
    site.beidou("Operation", json!({"metadata": {"name": name}, "spec": spec})).await.unwrap();
}

async fn succeeds(site: &Site, name: &str, spec: &Value) {
    apply(site, name, spec).await;
    let status = site.phase("Operation", name, &ENDS).await.unwrap();
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
}

fn acts(site: &Site, line: &str) -> Vec<usize> {
    let count = |text: String| text.lines().filter(|one| *one == line).count();
    let of = |number| site.hosts.print(number, "cat /var/lib/acts 2> /dev/null || true").unwrap();
    site.hosts.hosts().iter().map(|host| count(of(host.number))).collect()
}

/// What the runners of a step printed, as Beidou has it.
fn output(site: &Site, name: &str, step: &str) -> String {
    site.home.print(&["operation", "output", &format!("{NAMESPACE}/{name}"), "--step", step]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_run_in_real_pods() {
    let pods = Pods::start(2).await.unwrap();
    pods.bring(&pods.build_image("runner.tar").unwrap()).unwrap();
    let site = &pods.site;
    let machines = site.addresses();
    check(&Shells { pods: &pods, jobs: Jobs::of(site.admin.clone(), NAMESPACE) }).await;

    succeeds(site, "tally", &on(&machines, "tally", &["first", "second"], json!({"run": "pods"}))).await;
    assert_eq!([acts(site, "pods first"), acts(site, "pods second")], [[1, 1], [1, 1]]);
    let said = output(site, "tally", "first");
    assert!(said.contains("TASK [act]") && said.matches("PLAY RECAP").count() == 1, "{said}");

    a_machine_becomes_a_node(site).await;
    a_killed_pod_is_an_unknown_outcome(&pods, &machines).await;
    steps_follow_one_another(site, &machines[..1]).await;
    nothing_is_left(site).await;
}

/// Jobs with a shell of the image in place of its runner, whose folder the test sees.
struct Shells<'a> {
    pods: &'a Pods,
    jobs: Jobs,
}

impl Shells<'_> {
    /// The folder of an attempt's runner, once it says there that it was made.
    async fn folder(&self, attempt: &AttemptId) -> PathBuf {
        let pod = self.jobs.pods_of(attempt).await.unwrap().pop().unwrap();
        let folder = self.pods.volume(&pod.metadata.uid.unwrap(), "work");
        let made = folder.join("made");
        wait::until("its container runs", LIMIT, async || made.exists().then_some(())).await.unwrap();
        folder
    }
}

impl Driver for Shells<'_> {
    fn executor(&self) -> Box<dyn Executor> {
        let command = ["/bin/sh", "-c", RUNNER, "runner"].map(str::to_owned).into();
        self.jobs.executor(JobSettings { image: Image::Runner.name(), command, ..JobSettings::default() })
    }

    async fn end(&self, attempt: &AttemptId, exit: i32) {
        fs::write(self.folder(attempt).await.join("end"), exit.to_string()).unwrap();
        self.jobs.ended(attempt).await.unwrap();
    }

    async fn acts(&self, attempt: &AttemptId) {
        self.folder(attempt).await;
    }

    async fn stopping(&self, attempt: &AttemptId) {
        self.jobs.suspended(attempt).await.unwrap();
        assert!(!processes(&[attempt.as_str()]).is_empty(), "it was told to end, and acts");
    }

    async fn stopped(&self, attempt: &AttemptId) {
        self.jobs.over(attempt).await.unwrap();
        assert!(processes(&[attempt.as_str()]).is_empty(), "it acts no more");
    }

    async fn made(&self, attempt: &AttemptId) -> usize {
        self.jobs.pods_of(attempt).await.unwrap().len()
    }
}

async fn a_machine_becomes_a_node(site: &Site) {
    let machine = &site.hosts.hosts()[1];
    // Baked into the machine: the image of runners has none.
    let kubelet = fs::read_to_string(Path::new(KUBELET)).unwrap();
    let script = format!("cat > /usr/local/bin/kubelet << 'EOF'\n{kubelet}\nEOF\nchmod 755 /usr/local/bin/kubelet");
    site.hosts.print(machine.number, &script).unwrap();
    succeeds(site, "scaleup-2024", &join(&machine.address, &json!({"kubelet_from": "host"}))).await;
    let nodes = site.nodes().await.unwrap();
    assert!(nodes.contains(&(machine.address.clone(), false, true)), "it takes pods: {nodes:?}");
}

fn join(machine: &str, parameters: &Value) -> Value {
    json!({
        "clusterName": "product-cluster", "operationType": "ScaleUp", "bundle": "node-join",
        "operationFlow": ["preCheck", "scaleUp", "postCheck"],
        "operationMachines": [{"ip": machine, "role": "Compute", "user": "root"}],
        "parameters": parameters,
        "secrets": [{"parameter": "bootstrap_token", "secret": "join", "key": "token"}],
        "batches": {"soakSeconds": 0},
    })
}

/// The container is killed after both machines were acted on, and before it can tell.
async fn a_killed_pod_is_an_unknown_outcome(pods: &Pods, machines: &[String]) {
    let site = &pods.site;
    let script = "echo killed >> /var/lib/acts; until [ -e /var/lib/go ]; do sleep 0.1; done";
    let mut spec = on(machines, "command", &["command"], json!({"script": script}));
    apply(site, "killed", &spec).await;
    wait::until("both machines were acted on", LIMIT, async || (acts(site, "killed") == [1, 1]).then_some(()))
        .await
        .unwrap();
    let runners = pods.runners();
    assert_eq!(runners.len(), 1);
    is_confined(runners[0]);
    // SAFETY: kill takes no pointers; the process is the first of the container, which was found by its words.
    assert_eq!(unsafe { libc::kill(runners[0], libc::SIGKILL) }, 0);
    let status = site.phase("Operation", "killed", &ENDS).await.unwrap();
    assert_eq!((&status["phase"], &status["hosts"]["failed"]), (&json!("Unknown"), &json!(2)), "{status:#}");
    for host in site.hosts.hosts() {
        site.hosts.print(host.number, "touch /var/lib/go").unwrap();
    }
    spec["cancel"] = true.into();
    apply(site, "killed", &spec).await;
    site.phase("Operation", "killed", &["Cancelled", "Failed"]).await.unwrap();
    assert_eq!(acts(site, "killed"), [1, 1]);
    let made = site.facts().await.unwrap();
    let made = made
        .iter()
        .filter(|fact| matches!(&fact.body, Body::AttemptLaunched(one) if one.attempt.as_str().contains("-command-")));
    assert_eq!(made.count(), 1, "nothing is tried again by itself");
}

/// As Job and chart say, by what the kernel says.
pub fn is_confined(pid: i32) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    for wanted in [
        "Uid:\t65532\t65532",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(wanted), "{wanted}: {status}");
    }
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(root.split(' ').nth(5).unwrap().split(',').any(|option| option == "ro"), "{root}");
}

async fn steps_follow_one_another(site: &Site, machines: &[String]) {
    let flow: Vec<_> = (1..=12).map(|number| format!("s{number}")).collect();
    let flow: Vec<_> = flow.iter().map(String::as_str).collect();
    for run in 0..RUNS {
        succeeds(site, &format!("chain-{run}"), &on(machines, "chain", &flow, json!({}))).await;
    }
    let said: Vec<_> = (0..RUNS).map(|run| output(site, &format!("chain-{run}"), "s12")).collect();
    assert!(said.iter().all(|text| text.lines().last() == Some("65532")), "who ran there: {said:?}");
    let facts = site.facts().await.unwrap();
    show("its Job is made", gaps(&facts, |body| matches!(body, Body::AttemptLaunched(_))));
    show("it has claimed its step", gaps(&facts, |body| matches!(body, Body::AttemptClaimed(_))));
}

#[expect(clippy::print_stdout, reason = "a figure")]
fn show(what: &str, mut gaps: Vec<Duration>) {
    gaps.sort();
    let count = gaps.len();
    assert!(count >= 100);
    let at = |percent: usize| gaps[(count * percent).div_ceil(100) - 1];
    println!(
        "step finished -> the next runner: {what}: p50 {:?}, p99 {:?}, most {:?} of {count}",
        at(50),
        at(99),
        at(100)
    );
}

/// From each end of a step of `chain` to the next fact of its operation that fits.
fn gaps(facts: &[Fact], fits: impl Fn(&Body) -> bool) -> Vec<Duration> {
    let (mut since, mut found) = (None::<(Object, Micros)>, Vec::new());
    for fact in facts {
        match &fact.body {
            Body::AttemptEnded(end) if is_of_chain(end.attempt.as_str()) => since = Some((fact.object, fact.time)),
            body if fits(body) => {
                if let Some((_, before)) = since.take().filter(|(of, _)| *of == fact.object) {
                    found.push(Duration::from_micros((fact.time.0 - before.0).unsigned_abs()));
                }
            }
            _ => {}
        }
    }
    found
}

/// Its steps are s1 to s12.
fn is_of_chain(attempt: &str) -> bool {
    let number = attempt.split('-').nth(1).and_then(|step| step.strip_prefix('s'));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

async fn nothing_is_left(site: &Site) {
    let ours = ListParams::default().labels("app.kubernetes.io/managed-by=beidou");
    for (group, kind) in [("batch", "Job"), ("", "Secret"), ("", "Pod")] {
        let api = site.api(group, "v1", kind);
        wait::until("it is cleared away", LIMIT, async || api.list(&ours).await.ok()?.items.is_empty().then_some(()))
            .await
            .unwrap_or_else(|overdue| panic!("{kind}: {overdue}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_cannot_start_holds_its_operation_and_says_why() {
    let pods = Pods::start(1).await.unwrap();
    let site = &pods.site;
    apply(site, "absent", &on(&site.addresses(), "chain", &["s1", "s2"], json!({}))).await;
    let api = site.api("caas.beidou.io", "v1alpha1", "Operation");
    // A runner may take five minutes to claim its step: an image is pulled meanwhile.
    let held = wait::until("the operation is held", LIMIT * 2, async || {
        let status = api.get("absent").await.ok()?.data["status"].clone();
        ENDS.contains(&status["phase"].as_str()?).then_some(status)
    });
    let held = held.await.unwrap();
    assert_eq!(held["phase"], "Held", "{held:#}");
    assert!(held.to_string().contains("ImagePull") && held.to_string().contains("beidou.test/runner"), "{held:#}");

    let [first, second] = ["first.tar", "second.tar"].map(|name| pods.build_image(name).unwrap());
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "the same image each time");
    pods.bring(&second).unwrap();
    site.home.print(&["operation", "retry", &format!("{NAMESPACE}/absent")]).unwrap();
    let status = site.phase("Operation", "absent", &["Succeeded", "Failed", "Unknown"]).await.unwrap();
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    nothing_is_left(site).await;
}

/// TLS bootstrap, a certificate that the controllers of the cluster approve and sign, and the settings of `node-join`, read by the
/// kubelet's own code. The runner is a process: the machine is what counts here.
#[tokio::test(flavor = "multi_thread")]
async fn node_join_meets_a_real_kubelet() {
    let mut site = Site::start(1).await.unwrap();
    let token = site.control_plane.bootstrap().await.unwrap();
    let machine = site.addresses().remove(0);
    bake(&site).await;
    let spec = join(&machine, &real());

    // The token that is there by now may register Nodes, and ask for no certificate.
    is_refused(&site, &machine, spec.clone()).await;
    let given = Patch::Merge(json!({"stringData": {"token": token}}));
    site.api("", "v1", "Secret").patch("join", &PatchParams::default(), &given).await.unwrap();

    apply(&site, "joins", &spec).await;
    let status = site.phase("Operation", "joins", &ENDS).await.unwrap();
    assert_eq!(status["phase"], "Succeeded", "{status:#}\n{}", by_hand(&site, &machine));
    assert_eq!(site.nodes().await.unwrap(), [(machine.clone(), false, true)]);
    has_its_certificate(&site, &machine, &token).await;

    let steps = ["preCheck", "cordon", "drain", "scaleDown", "deleteNode", "postCheck"];
    let removal = json!({
        "clusterName": "product-cluster", "operationType": "ScaleDown", "bundle": "node-remove", "operationFlow": steps,
        "operationMachines": [{"ip": machine}],
    });
    succeeds(&site, "leaves", &removal).await;
    assert!(site.nodes().await.unwrap().is_empty(), "its Node is gone");
    assert_eq!(site.left_of_kubelet(1).unwrap(), "");
}

/// What is on the machine before it joins.
async fn bake(site: &Site) {
    let host = &site.hosts.hosts()[0];
    let program = format!("/proc/{}/root/usr/local/bin/kubelet", host.pid.unwrap());
    fs::copy(installed("kubernetes").unwrap().join("kubelet"), program).unwrap();
    site.hosts.print(host.number, RUNTIME).unwrap();
    wait::until("containerd answers", LIMIT, async || {
        let asked = site.hosts.inside(host.number, "ctr --address /run/containerd/containerd.sock version").ok()?;
        asked.status.success().then_some(())
    })
    .await
    .unwrap();
}

/// Parameters of the join: as in `tests/kubernetes/node`, the kubelet runs below a container of somebody's.
fn real() -> Value {
    json!({
        "kubelet_from": "host", "runtime_endpoint": "unix:///run/containerd/containerd.sock", "start_limit_s": 60,
        "kubelet_settings": {
            "cgroupDriver": "cgroupfs", "failCgroupV1": false, "cgroupsPerQOS": false, "enforceNodeAllocatable": [],
            "oomScoreAdj": 0, "failSwapOn": false, "localStorageCapacityIsolation": false,
            "makeIPTablesUtilChains": false, "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "50Mi"},
        },
    })
}

async fn is_refused(site: &Site, machine: &str, mut spec: Value) {
    apply(site, "refused", &spec).await;
    let status = site.phase("Operation", "refused", &ENDS).await.unwrap();
    let id = site.id("Operation", "refused").await.unwrap();
    let bad = site.home.get(&format!("/api/v1/operations/{id}/hosts?state=bad")).await.unwrap();
    let told = (&status["phase"], &bad["items"][0]["error"]["code"]);
    let wanted = (&json!("Held"), &json!("bootstrap-refused"));
    assert_eq!(told, wanted, "{status:#} {bad:#}\n{}", by_hand(site, machine));
    assert!(site.nodes().await.unwrap().is_empty(), "it is no node");
    spec["cancel"] = true.into();
    apply(site, "refused", &spec).await;
    let status = site.phase("Operation", "refused", &["Cancelled", "Failed"]).await.unwrap();
    assert_eq!(status["phase"], "Cancelled", "{status:#}");
    assert_eq!(site.left_of_kubelet(1).unwrap(), "");
}

/// The kubelet is known by a certificate that it asked for with the token, which the machine has no more.
async fn has_its_certificate(site: &Site, machine: &str, token: &str) {
    let asked = Api::<CertificateSigningRequest>::all(site.admin.clone()).list(&ListParams::default()).await.unwrap();
    let user = format!("system:bootstrap:{}", token.split('.').next().unwrap());
    let signed = asked.items.into_iter().filter(|one| one.spec.username.as_deref() == Some(user.as_str()));
    let signed = signed.filter_map(|one| one.status?.certificate).count();
    assert_eq!(signed, 1, "of {user}");
    let kept = "ls /etc/kubernetes/*.conf; cat /etc/kubernetes/kubelet.conf";
    let kept = site.hosts.print(1, kept).unwrap();
    assert!(kept.contains("client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem"), "{kept}");
    assert!(!kept.contains("bootstrap-kubelet") && !kept.contains(token), "{kept}");
    let node = Api::<Node>::all(site.admin.clone()).get(machine).await.unwrap();
    let about = node.status.unwrap().node_info.unwrap();
    assert!(about.container_runtime_version.starts_with("containerd://"), "{about:?}");
}

/// What a kubelet says that is started by hand, and its runtime: the service of a machine without systemd keeps nothing of it.
fn by_hand(site: &Site, machine: &str) -> String {
    let files = "--config=/etc/kubernetes/kubelet.yaml --kubeconfig=/etc/kubernetes/kubelet.conf \
        --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf";
    let kubelet =
        format!("timeout 20 /usr/local/bin/kubelet {files} --hostname-override={machine} --node-ip={machine}");
    let both = format!("{kubelet} 2>&1 | tail -n 40; tail -n 20 /var/log/containerd.log");
    let said = site.hosts.inside(1, &both).map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).into_owned()
}
