//! Server settings of the embedded engine, written as the configuration files that it reads at start.
//!
//! Invariants: all memory that the engine may take is bounded by one number; every MergeTree table syncs each insert
//! to disk before it is acknowledged; SQL reaches no other machine (no URL, S3 or remote sources are granted), whoever sends
//! it, and writes no file. Files are read for whoever may read the archive; of a reader both gateway and engine (`readonly`)
//! refuse it.
//! Absent on purpose: a default for `non_replicated_deduplication_window`. It would
//! silently drop equal inserts without a token; a table that wants it says so in its DDL, as on a server.

use std::io;
use std::path::{Path, PathBuf};

/// Each of the three caches gets at most this share of the memory limit; the server's default of 5 GiB each would
/// alone exceed the limit of a small machine.
const CACHE_SHARE: u64 = 16;

/// Writes both configuration files into `folder`; returns the path of the main one.
pub(super) fn write(folder: &Path, memory_limit_bytes: u64) -> io::Result<PathBuf> {
    let users = folder.join("users.xml");
    std::fs::write(&users, USERS)?;
    let main = folder.join("engine.xml");
    std::fs::write(&main, server(memory_limit_bytes, &users))?;
    Ok(main)
}

fn server(memory_limit_bytes: u64, users: &Path) -> String {
    let cache = memory_limit_bytes / CACHE_SHARE;
    let users = escape(&users.display().to_string());
    format!(
        "<clickhouse>
  <max_server_memory_usage>{memory_limit_bytes}</max_server_memory_usage>
  <mark_cache_size>{cache}</mark_cache_size>
  <index_mark_cache_size>{cache}</index_mark_cache_size>
  <primary_index_cache_size>{cache}</primary_index_cache_size>
  <users_config>{users}</users_config>
  <merge_tree>
    <fsync_after_insert>1</fsync_after_insert>
    <fsync_part_directory>1</fsync_part_directory>
  </merge_tree>
</clickhouse>
"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The one user that the embedded engine knows, without the right to any source outside of this machine.
const USERS: &str = "<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, SYSTEM, KILL QUERY, BACKUP, dictGet ON *.*</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
        <query>GRANT READ ON FILE</query>
      </grants>
    </default>
  </users>
</clickhouse>
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_and_caches_follow_the_limit() {
        let text = server(1 << 30, Path::new("/a&b/<c>/users.xml"));
        assert!(text.contains("<users_config>/a&amp;b/&lt;c&gt;/users.xml</users_config>"), "{text}");
        assert!(text.contains("<mark_cache_size>67108864</mark_cache_size>"), "{text}");
    }
}
