//! Templates of messages are stored: golden for real messages of Kubernetes, and bounded for any text.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::fmt::Write;

use beidou_schemas::kube_event::{pattern, pattern_into};
use proptest::prelude::*;

/// Messages as the components of Kubernetes and their neighbours write them.
const MESSAGES: &[&str] = &[
    // Scheduler.
    "Successfully assigned shop/web-7d9f8b5c6d-x2k9q to hz02-gpu-017",
    "0/5 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling.",
    "0/300 nodes are available: 12 node(s) had untolerated taint(s), 288 Insufficient memory. preemption: 0/300 nodes are available: 288 No preemption victims found for incoming pod, 12 Preemption is not helpful for scheduling.",
    "running PreBind plugin \"VolumeBinding\": binding volumes: context deadline exceeded",
    "Preempted by a pod on node hz02-gpu-017",
    "skip schedule deleting pod: shop/web-7d9f8b5c6d-x2k9q",
    // Kubelet: images.
    "Pulling image \"docker.io/library/nginx:1.27.3\"",
    "Successfully pulled image \"mirror.hz/recsys/ranker:4.18.2\" in 1.204s (1.204s including waiting). Image size: 187654321 bytes.",
    "Container image \"registry.k8s.io/pause:3.10\" already present on machine",
    "Back-off pulling image \"mirror.hz/recsys/ranker:4.18.2\"",
    "Failed to pull image \"mirror.hz/recsys/ranker:4.18.2\": rpc error: code = NotFound desc = failed to pull and unpack image \"mirror.hz/recsys/ranker:4.18.2\": failed to resolve reference \"mirror.hz/recsys/ranker:4.18.2\": mirror.hz/recsys/ranker:4.18.2: not found",
    "Failed to pull image \"a/b:1\": failed to pull and unpack image \"a/b:1\": failed to resolve reference \"a/b:1\": unexpected status from HEAD request to https://mirror.hz/v2/recsys/ranker/manifests/4.18.2: 503 Service Unavailable",
    "Error: ErrImagePull",
    "Error: ImagePullBackOff",
    "Failed to apply default image tag \"Web:latest\": couldn't parse image name \"Web:latest\": invalid reference format: repository name (library/Web) must be lowercase",
    // Kubelet: containers.
    "Created container: web",
    "Created container web",
    "Started container kube-rbac-proxy",
    "Stopping container web",
    "Container web failed liveness probe, will be restarted",
    "Back-off restarting failed container",
    "Back-off restarting failed container web in pod web-7d9f8b5c6d-xkzvb_shop(4b2e0c1a-8f7d-4f0e-9b1a-0c2d3e4f5a6b)",
    "Error: failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/app/serve\": stat /app/serve: no such file or directory: unknown",
    "Error: secret \"db-credentials\" not found",
    "Error: couldn't find key PASSWORD in Secret shop/db-credentials",
    "Error: container has runAsNonRoot and image will run as root (pod: \"web-0_shop(4b2e0c1a-8f7d-4f0e-9b1a-0c2d3e4f5a6b)\", container: web)",
    "Exec lifecycle hook ([/bin/sh -c sleep 5]) for Container \"web\" in Pod \"web-0_shop(4b2e)\" failed - error: command '/bin/sh -c sleep 5' exited with 137: , message: \"\"",
    "PreStopHook failed",
    // Kubelet: probes.
    "Readiness probe failed: HTTP probe failed with statuscode: 503",
    "Readiness probe failed: Get \"http://10.84.17.3:8080/readyz\": dial tcp 10.84.17.3:8080: connect: connection refused",
    "Liveness probe failed: Get \"http://10.84.17.3:8080/healthz\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    "Readiness probe failed: dial tcp 10.84.17.3:5432: i/o timeout",
    "Startup probe failed: command timed out: \"/bin/grpc_health_probe -addr=:9090\" timed out after 1s",
    "Readiness probe errored: rpc error: code = NotFound desc = failed to exec in container: failed to load task: no running task found: task 9f8e7d6c5b4a not found: not found",
    "Readiness probe failed: service unhealthy (responded with \"NOT_SERVING\")",
    // Kubelet: volumes, sandboxes, eviction.
    "MountVolume.SetUp failed for volume \"kube-api-access-9xw2q\" : failed to sync configmap cache: timed out waiting for the condition",
    "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data kube-api-access-9xw2q]: timed out waiting for the condition",
    "Multi-Attach error for volume \"pvc-0c2d3e4f\" Volume is already exclusively attached to one node and can't be attached to another",
    "AttachVolume.Attach failed for volume \"pvc-0c2d3e4f\" : rpc error: code = Internal desc = Could not attach volume \"vol-0a1b2c\" to node \"i-0123\": attachment of disk \"vol-0a1b2c\" failed, expected device to be attached but was attaching",
    "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"9f8e7d6c5b4a39281706\": plugin type=\"cni-agent\" name=\"cni-agent\" failed (add): unable to connect to CNI daemon for shop/web-0: dial unix /var/run/cni-agent.sock: connect: connection refused",
    "Pod sandbox changed, it will be killed and re-created.",
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 81204Ki. Container web was using 702Mi, request is 512Mi, has larger consumption of memory.",
    "The node had condition: [DiskPressure]. ",
    "Taint manager: Cancelling deletion of Pod shop/web-0",
    "Marking for deletion Pod shop/web-7d9f8b5c6d-x2k9q",
    "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
    "System OOM encountered, victim process: java, pid: 30514",
    "Memory cgroup out of memory: Killed process 30514 (java) total-vm:9876543kB, anon-rss:1234567kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:5678kB oom_score_adj:985",
    // Nodes.
    "Starting kubelet.",
    "Node hz02-gpu-017 status is now: NodeNotReady",
    "Node hz02-gpu-017 event: Registered Node hz02-gpu-017 in Controller",
    "Node hz02-gpu-017 has been rebooted, boot id: 6f0c2c3e-5b7d-4c1e-8f9a-123456789abc",
    "Updated Node Allocatable limit across pods",
    "Node is not ready",
    "Failed to garbage collect required amount of images. Attempted to free 8123456789 bytes, but only found 0 bytes eligible to free.",
    "invalid capacity 0 on image filesystem",
    // Controllers.
    "Scaled up replica set web-7d9f8b5c6d from 2 to 3",
    "Scaled down replica set web-6c9f7d8b5c to 0 from 1",
    "Created pod: web-7d9f8b5c6d-xkzvb",
    "Deleted pod: calico-node-bcdfg",
    "create Pod postgres-0 in StatefulSet postgres successful",
    "create Claim data-postgres-0 Pod postgres-0 in StatefulSet postgres success",
    "Created job nightly-report-29400120",
    "Saw completed job: nightly-report-29400120, condition: Complete",
    "Job completed",
    "Job has reached the specified backoff limit",
    "Error creating: pods \"web-7d9f8b5c6d-\" is forbidden: exceeded quota: compute, requested: limits.memory=2Gi, used: limits.memory=63Gi, limited: limits.memory=64Gi",
    "No matching pods found",
    "New size: 7; reason: cpu resource utilization (percentage of request) above target",
    "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API",
    "waiting for first consumer to be created before binding",
    "Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
    "External provisioner is provisioning volume for claim \"shop/data-postgres-0\"",
    "Successfully provisioned volume pvc-4b2e0c1a-8f7d-4f0e-9b1a-0c2d3e4f5a6b",
    "pod didn't trigger scale-up: 2 max node group size reached, 1 node(s) had untolerated taint {dedicated: gpu}",
    "pod triggered scale-up: [{asg-workers 3->4 (max: 10)}]",
    "Helm upgrade succeeded for release infra/registry-mirror.v14 with chart registry-mirror@2.9.0",
    "Health check failed after 5m0.03s: timeout waiting for: [Deployment/shop/web status: 'InProgress']",
    "Error deploying load balancer: failed to ensure load balancer: error creating security group: \"VpcLimitExceeded: limit\" status code: 400, request id: 0f1e2d3c-4b5a",
    "Issuing certificate as Secret does not exist",
    "Stored new private key in temporary Secret resource \"web-tls-8xk2p\"",
    "(combined from similar events): Readiness probe failed: HTTP probe failed with statuscode: 500",
    "stale heartbeat, lease expired 41s ago",
    // Odd ones.
    "",
    "   \n\t ",
    "line one\nline   two\r\n",
    "nested \\\"name\\\" and \"outer \\\"inner\\\" outer\" end",
    "an unclosed \"quotation that never ends 12",
    "拉取镜像 nginx:1.27 失败",
    "ids 0a1b, 2c3d, 4e5f and 6a7b 8c9d [1 2, 3]",
];

#[test]
fn templates_are_golden() {
    let mut table = String::new();
    for message in MESSAGES {
        writeln!(table, "{message:?}\n{:?}\n", pattern(message)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn messages_that_differ_only_in_names_and_numbers_share_a_template() {
    for (one, other) in [
        ("Created pod: web-7d9f8b5c6d-xkzvb", "Created pod: calico-node-zzzzz"),
        ("Started container web", "Started container istio-proxy"),
        ("Pulling image \"nginx\"", "Pulling image \"a.b/c:1\""),
        ("ids 1, 2, 3", "ids 1, 2"),
        ("Node a1 status is now: NodeReady", "Node b-worker status is now: NodeReady"),
    ] {
        assert_eq!(pattern(one), pattern(other));
    }
}

#[test]
fn different_reasons_keep_different_templates() {
    let of = |what: &str| pattern(&format!("Node hz1 status is now: {what}"));
    assert_ne!(of("NodeReady"), of("NodeNotReady"));
}

/// Texts made of what the rules look at.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,8}",
        "[A-Za-z0-9.:/@=_-]{1,50}",
        Just(" ".to_owned()),
        "[\"'`()\\[\\]{}<>,;.:!?\\\\ =*-]{1,4}",
        "\\PC{1,4}",
        Just("container".to_owned()),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_has_a_bounded_template(message in texts()) {
        let template = pattern(&message);
        prop_assert!(template.chars().count() <= 200);
        prop_assert!(!template.contains(|c: char| c.is_ascii_digit()), "{template}");
        prop_assert!(!template.contains("  ") && !template.starts_with(' ') && !template.ends_with(' '), "{template:?}");
        let mut buffer = "left over".to_owned();
        pattern_into(&message, &mut buffer);
        prop_assert_eq!(buffer, template);
    }

    #[test]
    fn the_template_of_words_is_its_own(words in prop::collection::vec("[a-z]{1,9}|[0-9a-f]{6}|\"[a-z0-9 ]{1,9}\"|k=[a-z0-9]{1,9}", 0..20)) {
        let template = pattern(&words.join(" "));
        prop_assert_eq!(pattern(&template), template);
    }
}
