//! What is said between the rooms of Beidou: identifiers, topics, the record envelope, the closed sets of facts on
//! each topic, and the SQL schema. No I/O, no clock, no random.
//!
//! Everything here is stored for years or promised to others. Each format has a golden file under `snapshots/`;
//! a change of a format shows there as a diff.
//!
//! ```text
//!  topic                      value                         module
//!  beidou.kube.event.v1       the Event's JSON, raw         envelope, kube_event
//!  beidou.kube.coverage.v1    what a watch proved           coverage
//!  beidou.kube.reject.v1      a frame nobody could decode   reject
//!  beidou.ledger.v1           which range went to a table   ledger
//!  beidou.maintenance.v1      what people ask, and its end  maintenance::fact
//!  beidou.kube.import.v1      an Event of a dump, raw       envelope, kube_event
//!  beidou.operation.command.v1  what is asked of operations  operation::command
//!  beidou.operation.v1        what was decided and seen     operation::fact
//!  beidou.operation.task.v1   what runners tell             operation::said
//!  beidou.operation.ledger.v1  the ledger of these two       ledger
//!  beidou.operation.draft.v1  what is still being written   operation::draft
//! ```
//!
//! What the runner of a step says to the controllers goes over HTTP: `runner`.

pub mod archive;
pub mod coverage;
pub mod ddl;
pub mod envelope;
pub mod fact;
pub mod ids;
pub mod kube_event;
pub mod ledger;
pub mod maintenance;
pub mod numbered;
pub mod operation;
pub mod record;
pub mod reject;
pub mod runner;
pub mod time;
pub mod topic;

pub use ids::{ClusterUid, Epoch, EventUid, Identity, InvalidId, Offset, ResourceVersion};
pub use record::{Headers, Record, ShortHeaders};
pub use time::Micros;
pub use topic::{Topic, TopicPartition};
