//! The contract of executors, on processes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use beidou_controllers::execute::{
    Executor, LocalProcess, Standing,
    contract::{Driver, RUNNER, check},
};
use beidou_schemas::runner::AttemptId;

struct Processes {
    folder: PathBuf,
}

impl Processes {
    fn place(&self, attempt: &AttemptId) -> PathBuf {
        self.folder.join(attempt.as_str())
    }

    async fn until_gone(&self, attempt: &AttemptId) {
        let pid = fs::read_to_string(self.place(attempt).join("process")).unwrap();
        let stat = format!("/proc/{}/stat", pid.split(' ').next().unwrap());
        let lives = |path: &Path| fs::read_to_string(path).is_ok_and(|text| !text.contains(") Z"));
        while lives(Path::new(&stat)) {
            tokio::task::yield_now().await;
        }
    }
}

impl Driver for Processes {
    fn executor(&self) -> Box<dyn Executor> {
        let program = ["/bin/bash", "-c", RUNNER, "runner"].map(str::to_owned).into();
        Box::new(LocalProcess::new(self.folder.clone(), program))
    }

    async fn end(&self, attempt: &AttemptId, exit: i32) {
        fs::write(self.place(attempt).join("work/end"), exit.to_string()).unwrap();
        self.until_gone(attempt).await;
    }

    async fn acts(&self, attempt: &AttemptId) {
        assert_eq!(self.made(attempt).await, 1);
    }

    async fn stopping(&self, _: &AttemptId) {}

    async fn stopped(&self, attempt: &AttemptId) {
        self.until_gone(attempt).await;
    }

    async fn made(&self, attempt: &AttemptId) -> usize {
        let path = self.place(attempt).join("work/made");
        loop {
            // The shell makes the file first and writes its line then: an empty one says nothing yet.
            match fs::read_to_string(&path) {
                Ok(text) if !text.is_empty() => return text.lines().count(),
                _ => tokio::task::yield_now().await,
            }
        }
    }
}

#[tokio::test]
async fn processes_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    check(&Processes { folder: folder.path().into() }).await;
}

#[tokio::test]
async fn a_token_is_for_its_runner_alone_and_goes_with_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let driver = Processes { folder: folder.path().into() };
    let order = beidou_controllers::execute::contract::order("00000000-token-b0-a1", "one");
    let executor = driver.executor();
    executor.launch(&order).await.unwrap();
    let token = PathBuf::from(executor.secret_path(&order.attempt, "token"));
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    let arguments = fs::read_to_string(driver.place(&order.attempt).join("process")).unwrap();
    let arguments = fs::read(format!("/proc/{}/cmdline", arguments.split(' ').next().unwrap())).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains(&"0".repeat(64)), "the token is in no argument");
    driver.end(&order.attempt, 0).await;
    executor.look(&order.attempt).await.unwrap();
    executor.forget(&order.attempt).await.unwrap();
    assert!(!token.exists());
    assert!(matches!(driver.executor().look(&order.attempt).await.unwrap(), Standing::Gone { .. }));
}
