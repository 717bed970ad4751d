//! The commented example that `beidou config --example` prints. A test reads it with every comment sign removed.

/// The example.
pub const EXAMPLE: &str = "\
# Configuration of Beidou. Every key may be left out; what stands here is the default, unless the line says e.g.
# Order: defaults < this file < environment (BEIDOU_QUERY_API_LISTEN for query_api.listen) < flags. Unknown keys are refused.

# Log, tables, archive and token are kept here [default: $XDG_DATA_HOME/beidou, else ~/.local/share/beidou].
#data: /var/lib/beidou                       # e.g.

# Log lines of the process.
#telemetry:
#  level: info                               # error, warn, info, debug, trace, or target=level,…
#  format: auto                              # text on a terminal, else json

# /healthz, /readyz and /metrics of the roles that serve no API: ingest, projector, controllers, each in a process of its own.
#probe:
#  listen: 127.0.0.1:7481                    # e.g.

# The HTTP API. Plain HTTP is served on loopback addresses only; elsewhere both TLS files are needed.
#query_api:
#  listen: 127.0.0.1:7480
#  tls_cert: /etc/beidou/tls.crt             # e.g.
#  tls_key: /etc/beidou/tls.key              # e.g.
#  tokens:                                   # besides the one in the data directory; each in one of three forms
#  - subject: sre-team                       # e.g.; recorded with each request
#    token_file: /etc/beidou/sre-team.token  # e.g.; at least 16 characters
#  - subject: dashboards                     # e.g.
#    token_sha256: 0000000000000000000000000000000000000000000000000000000000000000  # e.g.; printf %s TOKEN | sha256sum
#  - subject: try-out                        # e.g.
#    token: change-me-change-me              # e.g.; in the clear, so better one of the other forms
#  anonymous: false                          # true answers without a token, as subject `anonymous`
#  cursor_key_file: /etc/beidou/cursor.key   # e.g.; signs cursors, the same for all query-api of a site [default: DATA/cursor.key]
#  archive_files: 1000                       # of the archive, for a question that begins before what the tables hold; 1 to 2000
#  archive_bytes: 4000000000                 # of these files together
#  archive_copies_folder: /var/lib/beidou/archive-copies  # e.g.; of files in a bucket, for the engine [default: DATA/archive-copies]
#  archive_copies_bytes: 10000000000         # of all copies together
#  exports_bytes: 20000000000                # of all exports together
#  exports_days: 7                           # an export is removed so long after its end; 1 to 365
#  exports_folder: /var/lib/beidou/exports   # e.g.; [default: DATA/exports]
#  max_requests: 64                          # worked on at once; more wait a second, then get 503
#  max_tails: 32                             # live tails at once
#  coverage_age_ms: 4000                     # answers tell a coverage at most so old; 0 asks the store each time
#  query_memory_bytes: 1000000000            # of the store, for one query
#  query_time_limit_seconds: 10              # for one query; what takes longer gets 504

# The log. The number of partitions is fixed when the log is made.
#log:
#  event_partitions: 4
#  retention_days: 7
#  retention_gib: 20
#  kafka:                                    # e.g.; Apache Kafka in place of files, for several hosts: docs/kafka.md
#    brokers: [kafka-1:9093, kafka-2:9093]   # e.g.
#    prefix: site-a.                         # e.g.; before each topic, group and transactional id
#    create_topics: true                     # false: only checked
#    replicas: 3
#    buffer_mib: 128                         # of records that wait for an acknowledgement
#    silence_seconds: 30                     # without one, a partition is looked at
#    session_seconds: 10                     # after so long without a sign of life, others take a projector's partitions
#    tls:
#      enabled: true                         # e.g.
#      ca_file: ca.pem                       # e.g.; relative to this file [default: the system's authorities]
#      cert_file: beidou.pem                 # e.g.; where brokers ask for one
#      key_file: beidou.key                  # e.g.
#    sasl:
#      mechanism: SCRAM-SHA-512              # or SCRAM-SHA-256; PLAIN within TLS only
#      user: beidou                          # e.g.; nobody logs in without one
#      password: change-me                   # e.g.; better BEIDOU_LOG_KAFKA_SASL_PASSWORD, or:
#      password_file: kafka.password         # e.g.; goes before `password`

# Events once more, as Parquet files that any tool reads: rows of the log in files of their own, each day compacted by
# cluster and day. `beidou archive` lists them.
#archive:
#  enabled: true
#  folder: /var/lib/beidou/archive           # e.g.; relative to this file [default: DATA/archive]
#  s3:                                       # e.g.; a bucket, which goes before the folder: docs/archive.md
#    bucket: beidou-events                   # e.g.
#    prefix: site-a                          # e.g.; before each name
#    endpoint: https://s3.example.org        # e.g. [default: that of AWS in the region]
#    region: eu-central-1                    # e.g. [default: AWS_REGION, else us-east-1]
#    allow_http: false                       # true allows an endpoint with http://
#    virtual_hosted: false                   # true: the bucket's name is part of the host
#    ca_file: ca.pem                         # e.g.; beside the system's authorities; relative to this file
#    timeout_seconds: 30                     # an answer that takes longer is no answer
#    access_key_id: AKIAEXAMPLE              # e.g. [default: AWS_… variables, web identity, container, instance]
#    access_key_id_file: s3.key-id           # e.g.; goes before `access_key_id`; read for each request
#    secret_access_key: change-me            # e.g.; better BEIDOU_ARCHIVE_S3_SECRET_ACCESS_KEY, or:
#    secret_access_key_file: s3.secret       # e.g.; goes before `secret_access_key`
#  max_rows: 65536                           # a file is closed at so many rows
#  max_age_seconds: 300                      # or so long after its first one

# How many days Events stay in tables and archive, by the Event's own time, in whole days UTC. What was removed is told as
# `removed_by_retention`, never as complete. A cluster is named by its uid or by a name that it has or had.
#retention:
#  days: 0                                   # 0 for ever
#  table_days: 0                             # in the tables alone; older ones are read from the archive; 0: as long as `days`
#  clusters:
#    hz-prod-02: {days: 30}                  # e.g.; table_days as well

# Log, table and archive are compared, and what differs is repaired; a share of the old rows each time.
#audit:
#  every_seconds: 3600                       # after the last one; 0: never
#  at_start: true

# A ClickHouse server, in place of the embedded engine.
#store:
#  url: https://clickhouse.example.org:8443  # e.g.
#  replica_urls: [https://clickhouse-2.example.org:8443]  # e.g.; further replicas, asked where the first takes no connection
#  ca_file: clickhouse-ca.pem                # e.g.; authorities of your own, PEM
#  cluster: site                             # e.g.; the servers' name of their cluster: replicated tables (docs/clickhouse.md)
#  database: beidou
#  writer_user: beidou_writer                # e.g.
#  writer_password: change-me                # e.g.; better BEIDOU_STORE_WRITER_PASSWORD
#  reader_user: beidou_reader                # e.g.
#  reader_password: change-me                # e.g.; better BEIDOU_STORE_READER_PASSWORD
#  archive_reader_user: beidou_archive_reader  # e.g.; reads the archive's bucket, for retention.table_days (docs/clickhouse.md)
#  archive_reader_password: change-me        # e.g.; better BEIDOU_STORE_ARCHIVE_READER_PASSWORD
#  archive_collection: beidou_archive        # the server's named collection with that bucket's address and key

# The embedded ClickHouse engine.
#engine:
#  memory_mib: 2048

# How the log is brought into the tables. After a broken watch a list repeats the states of all Events that still live;
# those among the last so many states of a log partition are recognised and not stored twice. So the window should be at
# least: states per second of all clusters * event_ttl_ms / 1000 / event_partitions. The default is good for 582 states a
# second at one hour and four partitions. 1000 to 16777216 are allowed; a state takes about 70 bytes of memory. The
# metric beidou_projector_window_span_seconds tells how much time a window holds; less than the TTL is warned of.
#projector:
#  window: 524287

# How clusters are collected.
#ingest:
#  collector: beidou                         # two collectors of one cluster need two names
#  heartbeat_ms: 30000
#  heartbeat_namespace: default
#  event_ttl_ms: 3600000                     # --event-ttl of the API servers
#  compare_every_seconds: 600                # a list beside the watch shows what the watch missed; 0 for never
#  watch_timeout_ms: 295000                  # a watch is opened anew after this; below what proxies on the way allow
#  page_size: 500                            # Events in one page of a list
#  longest_wait_ms: 30000                    # between two tries at a cluster that does not answer

# How operations are run. Runners come to `listen`: port 0 is any one, and the same one again after a restart.
#controllers:
#  listen: 127.0.0.1:0
#  url: http://beidou-controllers:7330       # e.g.; how runners and ticket systems reach it [default: that of `listen`]
#  callback_url: https://door.example.org    # e.g.; how ticket systems reach it, where runners come another way [default: url]
#  management:                               # e.g.; the cluster whose Operation, AutoOperationTask and Cluster are followed
#    kubeconfig: management.yaml             # e.g.; relative to this file [default: the Pod's own account]
#    context: admin@management               # e.g. [default: its current context]
#    namespace: beidou-system
#  executor: local                           # a process beside this one; `job`: a Job of the management cluster
#  local:
#    program: [/usr/bin/beidou, run-step]    # e.g.; what a step is run by [default: this program with run-step]
#    ansible_playbook: /opt/ansible/bin/ansible-playbook  # e.g. [default: ansible-playbook of the PATH]
#  job:
#    image: beidou:latest
#    command: [beidou, run-step]
#    user: 65532                             # never 0
#    service_account: default                # of its Pods, which get no token of it
#    cpu: '4'
#    memory: 2Gi                             # 120 MiB, and 20 MiB more for each of 50 hosts at the same time
#  bundles: [bundles/our-scale-up, 'oci://registry.example.org/team/drain:2.0.0']  # e.g.; before the shipped ones of the same name
#  registry_logins: registry/config.json     # e.g.; as `docker login` writes it [default: nobody in particular]
#  clusters:                                 # e.g.; targets beside Cluster resources and `clusters` with a kubeconfig
#  - name: hz-prod-02                        # e.g.
#    kubeconfig: operator.yaml               # e.g.; its user may get, list and patch nodes, and evict pods
#    context: operator@hz-prod-02            # e.g.
#    cluster_uid: 5f0c6a52-8f3e-4b1a-9d57-2f0e7c3b9a10  # e.g.; of its kube-system namespace, where Events of it are kept under another name
#    ssh_user: admin                         # e.g.
#    ssh_key: hz-prod-02.key                 # e.g.
#    known_hosts: hz-prod-02.known_hosts     # e.g.
#    ssh_port: 22                            # where a machine does not say
#    bastion: {host: hop.example.org, user: hop, port: 22, key: hop.key}  # e.g.; the way to its machines
#    role: Compute                           # e.g.; where a machine does not say
#    windows:                                # e.g.; when changes may begin [default: always]
#    - {days: [6], start: '22:30', minutes: 90, time_zone: Europe/Berlin}  # e.g.; in summer as in winter
#    - {start: '03:00', minutes: 60, utc_offset_minutes: 480}  # e.g.; without a zone [default: 0]
#    freezes: [{from: '2026-12-24T00:00:00Z', until: '2026-12-27T00:00:00Z', why: holidays}]  # e.g.; when none may
#    approve_above_hosts: 20                 # e.g.; changes of more hosts need somebody else's approval [default: none do]
#    parameters: {join_command_file: /etc/join}  # e.g.; what bundles begin with
#  webhooks:                                 # e.g.; ticket systems that the gates of tasks name
#  - name: tickets                           # e.g.
#    url: https://tickets.example.org/beidou # e.g.
#    secret_file: tickets.secret             # e.g.; both sign with it
#  notifications:                            # e.g.; told when something is held or over
#  - url: https://chat.example.org/hook      # e.g.; takes what an incoming webhook of Slack takes
#  - url_file: chat.url                      # e.g.; better so, since who knows the address can write there
#  hold_at_warnings: 10                      # more Warnings on touched nodes than in as much time before; 0 for never

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
#- name: lab                                 # e.g.
#  server: https://lab.example.org:6443
#  token: change-me                          # in the clear, so better token_file
#  id: lab-1                                 # in place of the uid of its kube-system namespace; must never change
";
