//! A wall clock that steps for the processes of a test, and for nobody else: `tests/clock/step.c`, loaded before them.
//!
//! A time namespace has no wall clock of its own, and the machine's belongs to all.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};

/// A clock that stands right until it is set.
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    place: PathBuf,
    offset: File,
}

impl Clock {
    /// Builds the library in this folder, which must live as long as the processes.
    ///
    /// # Errors
    /// When there is no C compiler, or the folder cannot be written.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clock/step.c");
        let (library, place) = (folder.join("clock.so"), folder.join("clock"));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        let built = compiler.output().context("run cc: install build-essential")?;
        ensure!(built.status.success(), "cc: {}", String::from_utf8_lossy(&built.stderr));
        let mut offset = File::create(&place)?;
        offset.write_all(&0_i64.to_ne_bytes())?;
        Ok(Self { library, place, offset })
    }

    /// What a process needs to go by it.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", self.library.clone()), ("BEIDOU_CLOCK_FILE", self.place.clone())]
    }

    /// Sets it so far before the right time, from now on.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn runs_ahead(&self, by: Duration) -> std::io::Result<()> {
        self.set(by.as_nanos() as i64)
    }

    /// Sets it so far behind the right time.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn runs_behind(&self, by: Duration) -> std::io::Result<()> {
        self.set(-(by.as_nanos() as i64))
    }

    /// Sets it right.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn is_right(&self) -> std::io::Result<()> {
        self.set(0)
    }

    fn set(&self, nanos: i64) -> std::io::Result<()> {
        self.offset.write_all_at(&nanos.to_ne_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Seconds by which a process is ahead of us.
    fn ahead(clock: &Clock) -> i64 {
        let printed = Command::new("date").arg("+%s").envs(clock.variables()).output().unwrap();
        let told: i64 = String::from_utf8(printed.stdout).unwrap().trim().parse().unwrap();
        told - SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64
    }

    #[test]
    fn processes_go_by_it_and_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(folder.path()).unwrap();
        // Half an hour for a process that is started by a machine with much to do.
        let near = |hours: i64, seconds: i64| (seconds - hours * 3600).abs() < 1800;
        assert!(near(0, ahead(&clock)));
        clock.runs_ahead(HOUR).unwrap();
        assert!(near(1, ahead(&clock)));
        clock.runs_behind(HOUR).unwrap();
        assert!(near(-1, ahead(&clock)));
        clock.is_right().unwrap();
        assert!(near(0, ahead(&clock)));
    }
}
