//! The kinds of problem, as one table: name, last part of `type`, HTTP status, title, and what to do about it.
//!
//! Stable: callers rely on `type`. Each kind has a page at `/problems/<last part>`.

use axum::http::StatusCode;

macro_rules! kinds {
    ($($kind:ident $slug:literal $status:ident $title:literal $explanation:literal)+) => {
        /// The kinds of problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($kind,)+ }

        impl Kind {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The last part of `type`.
            pub(crate) const fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug,)+ }
            }

            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)+ }
            }

            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)+ }
            }

            /// What it means, and what to do.
            pub(crate) const fn explanation(self) -> &'static str {
                match self { $(Self::$kind => $explanation,)+ }
            }
        }
    };
}

kinds! {
    BadParameter "bad-parameter" BAD_REQUEST
        "A parameter has a value that is not allowed"
        "The field `parameter` names it, with the value that was sent and what is allowed. Times are RFC 3339, or \
         relative to now: `-6h`, `-30m`, `-7d`, `now`. A `+` in a URL must be written `%2B`."
    BadQueryLine "bad-query-line" BAD_REQUEST
        "The query line cannot be read"
        "The field `parameter.line` tells the place, counted from 0, what stands there, and `parameter.allowed` what is \
         allowed. A line is made of words of the message, `field:value`, `field:(a b)`, `count>10`, `/regular \
         expressions/` and `\"phrases\"`; all must hold, a minus excludes, and quotation marks make anything a text."
    BadSql "bad-sql" BAD_REQUEST
        "The SQL is not allowed, or the engine does not take it"
        "One SELECT over the views of `/api/v1/sql/schema`, with its functions. `parameter.line` tells the place, \
         counted from 0, and `parameter.allowed` what is allowed; where the engine refuses, `detail` has its words. \
         docs/sql.md has examples."
    UnknownParameter "unknown-parameter" BAD_REQUEST
        "The call has no such parameter"
        "A misspelt filter would silently give a wrong answer, so unknown parameters are refused. The field \
         `parameter` names it and what is allowed."
    BadCursor "bad-cursor" BAD_REQUEST
        "The cursor cannot be used"
        "A cursor is the `next` of the answer before, and belongs to exactly that query: same path, same filters. It \
         was altered, belongs to another query, or was made before the signing key changed. Ask for the first page \
         again."
    BadPosition "bad-position" BAD_REQUEST
        "The position cannot be used"
        "`Last-Event-ID` and `after` take the `id` of an earlier message of this tail. It was altered, or comes from \
         another installation. Begin without it."
    Unauthenticated "unauthenticated" UNAUTHORIZED
        "A valid token is missing"
        "Send `Authorization: Bearer TOKEN`. `beidou up` and `beidou demo` write URL and token into the context file \
         of the command line; an administrator finds the tokens under `query_api.tokens`."
    ForeignOrigin "foreign-origin" FORBIDDEN
        "A page of another site wanted to change something"
        "A browser sends along which site a page is of (`Origin`), and only pages of this server may write. A proxy in \
         front must pass the header `Host` on as the browser sent it. Programs send no `Origin`."
    NotFound "not-found" NOT_FOUND
        "There is nothing at this path"
        "All calls are described at `/api/reference` and in `/openapi.json`."
    UnknownCluster "unknown-cluster" NOT_FOUND
        "No cluster has this name or uid"
        "`/api/v1/clusters` lists the clusters that were ever watched. A cluster appears there with its first Event \
         or its first watch."
    UnknownEvent "unknown-event" NOT_FOUND
        "The cluster has no stored Event with this uid"
        "The uid is the Event object's `metadata.uid`. It may lie in a part of time that is not complete: see \
         `/api/v1/coverage`."
    NoExport "no-export" NOT_FOUND
        "There is no such export, or it has no file"
        "`/api/v1/exports` lists them; only those that are `done` have a file."
    ExportsFull "exports-full" CONFLICT
        "There is no room for an export"
        "Remove some with `DELETE /api/v1/exports/{id}`, or raise `query_api.exports_bytes`; without \
         `query_api.exports_folder` there are none."
    NotRunning "not-running" NOT_FOUND
        "Nothing of this id runs"
        "It has ended, was cancelled, or runs in another process. `/api/v1/running` lists what runs in this one."
    Cancelled "cancelled" CONFLICT
        "The statement was cancelled"
        "Somebody stopped it with `DELETE /api/v1/running/{id}`, or the engine was told to."
    UnknownQuery "unknown-query" NOT_FOUND
        "No query is saved under this name"
        "`/api/v1/queries` lists the saved ones."
    UnknownLink "unknown-link" NOT_FOUND
        "No short link has this id"
        "`POST /api/v1/links` makes them. The oldest are forgotten where there are too many; the same address gets the same \
         id again."
    UnknownWork "unknown-work" NOT_FOUND
        "No audit or rebuild has this id"
        "`/api/v1/audits` and `/api/v1/rebuilds` list the last ones."
    UnknownOperation "unknown-operation" NOT_FOUND
        "No operation has this id"
        "`/api/v1/operations` lists the operations. One that was refused never was one: `detail` says what was wrong."
    UnknownDraft "unknown-draft" NOT_FOUND
        "No draft has this id"
        "`/api/v1/operations/drafts` lists the drafts. One that was started or deleted is gone."
    DraftChanged "draft-changed" CONFLICT
        "Somebody saved the draft meanwhile"
        "`detail` tells who and when. Read the draft again; what is put with its present `version` takes its place."
    DraftsFull "drafts-full" CONFLICT
        "There is no room for another draft"
        "Delete some with `DELETE /api/v1/operations/drafts/{id}`: `/api/v1/operations/drafts` has the oldest at its end."
    UnknownTask "unknown-task" NOT_FOUND
        "No task has this id"
        "`/api/v1/tasks` lists the tasks. One that was refused never was one: `detail` says what was wrong."
    UnknownCommand "unknown-command" NOT_FOUND
        "No command has this id"
        "The id of a command is the idempotency key with which it was sent, or the `command` of its answer. Commands are \
         forgotten some time after they were followed."
    SpecRefused "spec-refused" UNPROCESSABLE_ENTITY
        "What is asked for is not possible"
        "The field `parameter` names the field of the body, the value that was sent and what is allowed. Clusters, bundles \
         and steps are those that controllers know: see `/api/v1/operations/bundles` and `/api/v1/operations/calendar`."
    NotPossible "not-possible" CONFLICT
        "It is not possible as things stand"
        "The field `parameter` names what stands in the way and in which state it would be possible. `actions` of \
         `/api/v1/operations/{id}` tells what is possible now."
    KeyReused "key-reused" CONFLICT
        "The idempotency key stands for another command"
        "A key is good for one command: the same key again must come from the same caller and ask for the same. Make a new \
         UUID for each command."
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED
        "The path does not take this method"
        "All calls are described at `/api/reference` and in `/openapi.json`."
    TooLarge "too-large" PAYLOAD_TOO_LARGE
        "The request is too large"
        "A body has at most 16 KiB, a statement 12 KiB, an operation, a task or a list of machines 2 MiB, a draft 256 KiB; only dumps to import may be of any size. Split a long list of filters over several calls."
    TooMuch "too-much" UNPROCESSABLE_ENTITY
        "The query needs more than its limits allow"
        "Narrow the range of time or add filters; cluster, kind, namespace and name are the cheapest ones. In SQL a \
         condition on `time` does it; where `parameter` names `max_rows`, the answer has more rows than it allows."
    Busy "busy" SERVICE_UNAVAILABLE
        "Too many requests at once"
        "Come back after the time in `Retry-After`."
    StoreAway "store-away" SERVICE_UNAVAILABLE
        "The store does not answer"
        "The embedded engine starts, restarts, or the ClickHouse server cannot be reached. Nothing is lost: Events go \
         on into the log. Come back after the time in `Retry-After`; `/readyz` tells more."
    Restoring "restoring" SERVICE_UNAVAILABLE
        "The history is being restored"
        "The store lost its tables. A projector with an archive fills them again before it goes on: some seconds per million \
         Events. Without an archive it refuses, and its log says what to do. Come back after the time in `Retry-After`."
    ArchiveAway "archive-away" SERVICE_UNAVAILABLE
        "The archive cannot be read"
        "The range begins before what the tables hold (`retention.table_days`), and `detail` says why the archive, which has \
         the rest, cannot be asked. A later begin of the range is answered by the tables alone."
    LogAway "log-away" SERVICE_UNAVAILABLE
        "The log cannot be read"
        "Come back after the time in `Retry-After`; `/readyz` tells more."
    TimeLimit "time-limit" GATEWAY_TIMEOUT
        "The query took longer than allowed"
        "Narrow the range of time or add filters; cluster, kind, namespace and name are the cheapest ones. In SQL a \
         condition on `time` does it. The limit is `query_api.query_time_limit_seconds`, for SQL twice that."
    Internal "internal" INTERNAL_SERVER_ERROR
        "Something failed here"
        "An error of this program or its setup. The log of the query-api role holds the details under the request id \
         in `instance`."
}
