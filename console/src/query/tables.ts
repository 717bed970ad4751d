/** Names that the query line knows. The golden cases of the Rust parser hold them equal (test/query.test.ts). */
export const FIELDS: Record<string, readonly string[]> = {
  cluster: [],
  namespace: ["ns"],
  kind: [],
  name: ["object", "obj"],
  uid: ["id"],
  reason: [],
  type: ["severity", "sev"],
  action: [],
  component: ["reporter", "source"],
  host: [],
  node: [],
  instance: [],
  message: ["msg", "text"],
  pattern: ["template"],
  found_by: ["found-by", "found"],
};

export const COUNT = ["count", "occurrences"] as const;

/** The field that a name means, in any case; null where there is none. */
export function fieldOf(name: string): string | null {
  const lower = name.toLowerCase();
  if ((COUNT as readonly string[]).includes(lower)) return "count";
  for (const [field, aliases] of Object.entries(FIELDS)) if (field === lower || aliases.includes(lower)) return field;
  return null;
}

/** Kinds, with what people type for them beside their own name in any case: kubectl's short names and plurals. */
export const KINDS: Record<string, readonly string[]> = {
  ConfigMap: ["cm", "configmaps"],
  CronJob: ["cj", "cronjobs"],
  CustomResourceDefinition: ["crd", "crds", "customresourcedefinitions"],
  DaemonSet: ["ds", "daemonsets"],
  Deployment: ["deploy", "deployments"],
  Endpoints: ["ep"],
  EndpointSlice: ["endpointslices"],
  Event: ["ev", "events"],
  HelmRelease: ["hr", "helmreleases"],
  HorizontalPodAutoscaler: ["hpa", "horizontalpodautoscalers"],
  Ingress: ["ing", "ingresses"],
  Job: ["jobs"],
  Lease: ["leases"],
  LimitRange: ["limits", "limitranges"],
  Namespace: ["ns", "namespaces"],
  NetworkPolicy: ["netpol", "networkpolicies"],
  Node: ["no", "nodes"],
  PersistentVolume: ["pv", "persistentvolumes"],
  PersistentVolumeClaim: ["pvc", "persistentvolumeclaims"],
  Pod: ["po", "pods"],
  PodDisruptionBudget: ["pdb", "poddisruptionbudgets"],
  PriorityClass: ["pc", "priorityclasses"],
  ReplicaSet: ["rs", "replicasets"],
  ReplicationController: ["rc", "replicationcontrollers"],
  ResourceQuota: ["quota", "resourcequotas"],
  Secret: ["secrets"],
  Service: ["svc", "services"],
  ServiceAccount: ["sa", "serviceaccounts"],
  StatefulSet: ["sts", "statefulsets"],
  StorageClass: ["sc", "storageclasses"],
  VolumeAttachment: ["volumeattachments"],
};

/** The kind that a text means, as Kubernetes writes it; null where it is none of these. */
export function kindOf(text: string): string | null {
  const lower = text.toLowerCase();
  for (const [kind, others] of Object.entries(KINDS)) if (kind.toLowerCase() === lower || others.includes(lower)) return kind;
  return null;
}

export const COMPARISONS = [">=", ">", "<=", "<", "="] as const;
export const OPERATORS = ["OR", "AND", "NOT", "|", "||", "&", "&&"];
export const LIMITS = { lineBytes: 4096, terms: 100, values: 200 };
