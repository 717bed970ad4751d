//! The `beidou` binary as a user runs it: `up` in the background, the clients beside it, all in a home of their own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, bail};
use beidou_store::{Credentials, Endpoint};
use serde_json::Value;
use tempfile::TempDir;

use crate::{control_plane::part::Part, machines::LIMIT, wait::until};

/// From the start of the process to the first answer: the engine opens in a second, a busy machine takes longer.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// The binary under test, built by `make test`.
///
/// # Errors
/// When it is not there.
pub fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    // A test runs from target/<profile>/deps, a bench from the folder above it.
    let places = own.ancestors().skip(1).take(2).map(|folder| folder.join("beidou"));
    let missing = || format!("no program beidou near {}: run cargo build -p beidou, or make test", own.display());
    places.into_iter().find(|place| place.is_file()).with_context(missing)
}

/// An HTTP client. The library is built without a choice of cryptography, so that there is one in the whole house.
#[must_use]
pub fn http() -> reqwest::Client {
    // Fails only where another test of this process has done it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// A home directory with everything that Beidou keeps, and perhaps a running server.
pub struct Home {
    server: Option<Part>,
    folder: TempDir,
    variables: Vec<(&'static str, &'static str)>,
}

impl Home {
    /// An empty home.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { server: None, folder: tempfile::tempdir()?, variables: Vec::new() })
    }

    /// The same home, with variables for whatever is started in it.
    #[must_use]
    pub fn with(self, variables: &[(&'static str, &'static str)]) -> Self {
        Self { variables: variables.to_vec(), ..self }
    }

    /// The data directory that [`Home::serve`] gives to the server.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The home itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A client command of this home, to be started.
    ///
    /// # Errors
    /// When the program cannot be found.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(binary()?);
        command.args(arguments).env("XDG_CONFIG_HOME", self.path().join("config"));
        command.envs(self.variables.iter().copied());
        Ok(command)
    }

    /// Starts `beidou <arguments> --data … --listen 127.0.0.1:0` and waits until its API is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready in time.
    pub async fn serve(&mut self, arguments: &[&str]) -> anyhow::Result<()> {
        let data = self.data();
        let mut command = self.command(arguments)?;
        command.arg("--data").arg(&data).args(["--listen", "127.0.0.1:0"]);
        self.server = Some(Part::launch("beidou", command, self.path())?);
        let ready = until("the API is ready", READY_LIMIT, async || {
            let server = self.server.as_mut()?;
            if let Ok(Some(status)) = server.ended() {
                return Some(Err(anyhow::anyhow!("beidou ended: {status}\n{}", server.log_tail())));
            }
            let (url, _) = self.target().ok()?;
            let answer = http().get(format!("{url}/readyz")).send().await.ok()?;
            answer.status().is_success().then_some(Ok(()))
        });
        match ready.await {
            Ok(result) => result,
            Err(overdue) => bail!("{overdue}\n{}", self.log()),
        }
    }

    /// Starts the server with one more variable, as for a fail point, and waits until it has ended by itself; or until `is_over`,
    /// and then kills it.
    ///
    /// # Errors
    /// When it cannot be started, or neither comes.
    pub async fn serve_until_it_ends(
        &mut self,
        arguments: &[&str],
        (name, value): (&str, &str),
        mut is_over: impl AsyncFnMut() -> bool,
    ) -> anyhow::Result<()> {
        self.kill();
        let mut command = self.command(arguments)?;
        command.arg("--data").arg(self.data()).args(["--listen", "127.0.0.1:0"]).env(name, value);
        let mut server = Part::launch("beidou", command, self.path())?;
        let ended = until("it has ended by itself, or there is nothing more to do", LIMIT, async || {
            let has_ended = server.ended().is_ok_and(|status| status.is_some());
            (has_ended || is_over().await).then_some(())
        });
        Ok(ended.await?)
    }

    /// Ends the server as a crash does; its data stays.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// What the server has printed.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("beidou.log")).unwrap_or_default()
    }

    /// URL and token, as the server wrote them for the clients.
    ///
    /// # Errors
    /// When the context file is not there yet, or not understood.
    pub fn target(&self) -> anyhow::Result<(String, String)> {
        let text = fs::read_to_string(self.path().join("config/beidou/contexts.yaml"))?;
        let field = |name: &str| {
            let line = text.lines().map(|line| line.trim_start_matches(['-', ' '])).find(|line| line.starts_with(name));
            line.map(|line| line[name.len()..].trim().trim_matches(['\'', '"']).to_owned())
                .with_context(|| format!("{name} in {text}"))
        };
        Ok((field("url:")?, field("token:")?))
    }

    /// Runs a client command.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    /// Runs a client command that must succeed, and gives what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn print(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments)?;
        if !output.status.success() {
            bail!("beidou {arguments:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// GETs a path of the API.
    ///
    /// # Errors
    /// When the answer is no success or no JSON.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (url, token) = self.target()?;
        let answer = http().get(format!("{url}{path}")).bearer_auth(token).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{path}: {status}: {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// Asks the engine itself; the answer as TSV lines.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn sql(&self, statement: &str) -> anyhow::Result<Vec<String>> {
        sql(&self.data(), statement).await
    }
}

/// Runs a statement on the engine of a data directory, past all code of ours but the engine's own door.
///
/// # Errors
/// When the engine does not answer, or refuses.
pub async fn sql(data: &Path, statement: &str) -> anyhow::Result<Vec<String>> {
    let endpoint = Endpoint::read(data)?;
    ask(&endpoint, &endpoint.reader, statement).await
}

/// Runs a statement as this user.
pub(crate) async fn ask(endpoint: &Endpoint, user: &Credentials, statement: &str) -> anyhow::Result<Vec<String>> {
    let request = http()
        .post(format!("{}/?database={}", endpoint.url, endpoint.database))
        .header("X-ClickHouse-User", &user.user)
        .header("X-ClickHouse-Key", &user.password)
        .body(statement.to_owned());
    let answer = request.send().await?;
    let good = answer.status().is_success();
    let text = answer.text().await?;
    if !good {
        bail!("{statement}: {text}");
    }
    Ok(text.lines().map(String::from).collect())
}
