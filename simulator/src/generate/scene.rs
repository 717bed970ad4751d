//! What a script works with: a cluster, a random stream and the plan; and the makers of pods and Events.

use std::fmt::Write as _;
use std::sync::Arc;

use rand::RngExt;
use uuid::Uuid;

use super::plan::Plan;
use super::record::{EventRecord, Form, ObjectRef, Severity};
use crate::fleet::{Cluster, Controller, Node, Random, Workload, random_uid};

/// Letters of generated name suffixes, as in k8s.io/apimachinery `util/rand`.
const SUFFIX_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The stage of a script.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Where it plays.
    pub cluster: &'a Cluster,
    /// Chance.
    pub random: &'a mut Random,
    /// What is to happen.
    pub plan: &'a mut Plan,
}

/// A pod of a script.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Uid.
    pub uid: Arc<str>,
    /// Node that it runs on.
    pub node: Arc<str>,
    /// Its container.
    pub container: &'static str,
    /// Its image.
    pub image: &'static str,
    /// Port of its probes.
    pub port: u16,
    /// resourceVersion that reporters saw.
    pub resource_version: u64,
}

/// What is said about an object: reason, type, text.
#[derive(Debug)]
pub struct Said {
    /// Reason in CamelCase.
    pub reason: &'static str,
    /// Type.
    pub severity: Severity,
    /// Text for people.
    pub message: String,
}

/// A `Normal` saying.
pub fn normal(reason: &'static str, message: impl Into<String>) -> Said {
    Said { reason, severity: Severity::Normal, message: message.into() }
}

/// A `Warning` saying.
pub fn warning(reason: &'static str, message: impl Into<String>) -> Said {
    Said { reason, severity: Severity::Warning, message: message.into() }
}

impl Scene<'_> {
    /// A number out of `from..to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        self.random.random_range(from..to)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.random.random_bool(probability)
    }

    /// Any node.
    pub fn any_node(&mut self) -> Node {
        self.cluster.nodes[self.random.random_range(0..self.cluster.nodes.len())].clone()
    }

    /// Any workload that one of these controllers keeps.
    pub fn any_workload(&mut self, controllers: &[Controller]) -> Workload {
        let fitting: Vec<&Workload> =
            self.cluster.workloads.iter().filter(|workload| controllers.contains(&workload.controller)).collect();
        fitting[self.random.random_range(0..fitting.len())].clone()
    }

    /// A generated name suffix of `length` letters.
    pub fn suffix(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(SUFFIX_LETTERS[self.random.random_range(0..SUFFIX_LETTERS.len())])).collect()
    }

    /// A pod of the workload, named as its controller names them, on any node.
    pub fn pod_of(&mut self, workload: &Workload) -> Pod {
        let name = match workload.controller {
            Controller::Deployment => format!("{}-{}-{}", workload.name, self.suffix(10), self.suffix(5)),
            Controller::StatefulSet => format!("{}-{}", workload.name, self.between(0, i64::from(workload.replicas))),
            Controller::DaemonSet => format!("{}-{}", workload.name, self.suffix(5)),
            Controller::CronJob => {
                format!("{}-{}-{}", workload.name, self.between(28_000_000, 29_900_000), self.suffix(5))
            }
        };
        let node = self.any_node().name;
        self.pod_named(workload, &name, &node)
    }

    /// A pod with a given name on a given node.
    pub fn pod_named(&mut self, workload: &Workload, name: &str, node: &Arc<str>) -> Pod {
        Pod {
            namespace: workload.namespace.clone(),
            name: name.into(),
            uid: random_uid(self.random).to_string().into(),
            node: node.clone(),
            container: workload.container,
            image: workload.image,
            port: workload.port,
            resource_version: self.random.random_range(100_000..90_000_000),
        }
    }

    /// A legacy Event.
    pub fn legacy(&mut self, object: ObjectRef, component: &'static str, host: &Arc<str>, said: Said) -> EventRecord {
        self.record(object, component, host, said, Form::Legacy)
    }

    /// An Event of the kubelet about a pod's container.
    pub fn of_container(&mut self, pod: &Pod, said: Said) -> EventRecord {
        let node = pod.node.clone();
        self.legacy(pod.container_ref(), "kubelet", &node, said)
    }

    /// An Event of the kubelet about its node.
    pub fn of_node(&mut self, node: &Node, said: Said) -> EventRecord {
        let object = node_ref(&node.name, node.name.clone());
        self.legacy(object, "kubelet", &node.name, said)
    }

    /// An Event of a controller, which names no host.
    pub fn of_controller(&mut self, object: ObjectRef, component: &'static str, said: Said) -> EventRecord {
        self.legacy(object, component, &Arc::from(""), said)
    }

    /// An Event of the scheduler about a pod, in the form of events.k8s.io.
    pub fn of_scheduler(&mut self, pod: &Pod, action: &'static str, said: Said) -> EventRecord {
        let host = self.cluster.nodes[0].name.clone();
        self.record(pod.reference(), "default-scheduler", &host, said, Form::Series { action })
    }

    fn record(
        &mut self,
        object: ObjectRef,
        component: &'static str,
        host: &Arc<str>,
        said: Said,
        form: Form,
    ) -> EventRecord {
        // A reporter joins the object's name and its own clock in hexadecimal nanoseconds; any number will do here.
        let tail: u64 = self.random.random_range(0x1800_0000_0000_0000..0x18ff_ffff_ffff_ffff);
        let mut name = String::with_capacity(object.name.len() + 17);
        name.push_str(&object.name);
        // Writing into a String cannot fail.
        let _ = write!(name, ".{tail:x}");
        let namespace = if object.namespace.is_empty() { Arc::from("default") } else { object.namespace.clone() };
        EventRecord {
            uid: random_uid(self.random),
            name: name.into_boxed_str(),
            namespace,
            object,
            reason: said.reason,
            message: said.message.into_boxed_str(),
            severity: said.severity,
            component,
            host: host.clone(),
            form,
            first_us: 0,
            last_us: 0,
            count: 0,
        }
    }
}

impl Pod {
    /// The pod as an object.
    #[must_use]
    pub fn reference(&self) -> ObjectRef {
        ObjectRef {
            kind: "Pod",
            api_version: "v1",
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            resource_version: self.resource_version,
            container: "",
        }
    }

    /// The pod's container as an object.
    #[must_use]
    pub fn container_ref(&self) -> ObjectRef {
        ObjectRef { container: self.container, ..self.reference() }
    }
}

/// A node as an object; a kubelet gives the name as uid, the node controller the real one.
#[must_use]
pub fn node_ref(name: &Arc<str>, uid: Arc<str>) -> ObjectRef {
    ObjectRef {
        kind: "Node",
        api_version: "v1",
        namespace: Arc::from(""),
        name: name.clone(),
        uid,
        resource_version: 0,
        container: "",
    }
}

/// An object in a namespace that is neither pod nor node.
#[must_use]
pub fn object_ref(
    kind: &'static str,
    api_version: &'static str,
    namespace: &Arc<str>,
    name: &str,
    uid: Uuid,
) -> ObjectRef {
    ObjectRef {
        kind,
        api_version,
        namespace: namespace.clone(),
        name: name.into(),
        uid: uid.to_string().into(),
        resource_version: uid.as_u128() as u64 % 80_000_000 + 100_000,
        container: "",
    }
}
