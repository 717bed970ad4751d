//! The commented example that `beidou config --example` prints. A test reads it with every comment sign removed.

/// The example.
pub const EXAMPLE: &str = "\
# Configuration of Beidou. Every key may be left out; what stands here is the default, unless the line says e.g.
# Order: defaults < this file < environment (BEIDOU_QUERY_API_LISTEN for query_api.listen) < flags. Unknown keys are refused.

# Log, engine and token are kept here [default: $XDG_DATA_HOME/beidou, else ~/.local/share/beidou].
#data: /var/lib/beidou                       # e.g.

# Log lines of the process.
#telemetry:
#  level: info                               # error, warn, info, debug, trace, or target=level,…
#  format: auto                              # text on a terminal, else json

# /healthz, /readyz and /metrics of roles that serve no API.
#probe:
#  listen: 127.0.0.1:7481                    # e.g.

# The HTTP API. Plain HTTP is served on loopback addresses only; elsewhere both TLS files are needed.
#query_api:
#  listen: 127.0.0.1:7480
#  tls_cert: /etc/beidou/tls.crt             # e.g.
#  tls_key: /etc/beidou/tls.key              # e.g.
#  tokens:                                   # besides the one in the data directory
#  - subject: sre-team                       # e.g.; recorded with each request
#    token_file: /etc/beidou/sre-team.token  # e.g.

# The log. The number of partitions is fixed when the log is made.
#log:
#  event_partitions: 4
#  retention_days: 7
#  retention_gib: 20

# A ClickHouse server, in place of the embedded engine.
#store:
#  url: https://clickhouse.example.org:8443  # e.g.
#  database: beidou
#  writer_user: beidou_writer                # e.g.
#  writer_password: change-me                # e.g.; better BEIDOU_STORE_WRITER_PASSWORD
#  reader_user: beidou_reader                # e.g.
#  reader_password: change-me                # e.g.; better BEIDOU_STORE_READER_PASSWORD

# The embedded ClickHouse engine.
#engine:
#  memory_mib: 2048

# How clusters are collected.
#ingest:
#  collector: beidou                         # two collectors of one cluster need two names
#  heartbeat_ms: 30000
#  heartbeat_namespace: default
#  event_ttl_ms: 3600000                     # --event-ttl of the API servers

# The clusters; `beidou up` takes up changes of this list while it runs.
#clusters:
#- name: hz-prod-02                          # e.g.
#  kubeconfig: kubeconfig.yaml               # relative to this file
#  context: admin@hz-prod-02                 # its current context if left out
#- name: sz-prod-01                          # e.g.
#  server: https://sz-prod-01.example.org:6443
#  token_file: sz-prod-01.token
#  ca_file: sz-prod-01.crt
#  heartbeat: false                          # where Beidou may not create Events
";
