//! The context file: servers that the clients know, each with its URL and token. Written by `demo` and `up`.
//!
//! ```yaml
//! current: demo
//! contexts:
//! - name: demo
//!   url: http://127.0.0.1:7480
//!   token: bd_…
//!   pid: 4711
//! ```

use std::{fs, io, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{
    args::clients::Server,
    exit::{Code, Failure},
    private_file,
};

/// What to do without a server.
const NO_SERVER: &str = "start `beidou demo` or `beidou up`, or name a server with --url and --token";

/// All contexts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contexts {
    /// The one that is used where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// In the order in which they were made known.
    pub contexts: Vec<Context>,
}

/// A server and the right to ask it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// Address of the API.
    pub url: String,
    /// Bearer token.
    pub token: String,
    /// The process that serves it, where that wrote the context itself; its command is called as the context.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pid: Option<u32>,
}

impl Context {
    /// The server that this process is.
    pub fn of_this_process(name: &str, url: String, token: String) -> Self {
        Self { name: name.into(), url, token, pid: Some(std::process::id()) }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

/// Where to ask, with what.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Address of the API, without a slash at its end.
    pub url: String,
    /// Bearer token, if there is one.
    pub token: Option<String>,
    /// Who wrote the context that the address is from, if a process did.
    pub writer: Option<Writer>,
}

/// The process that wrote a context of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Its command: `up`, `demo`.
    pub command: String,
    /// Its process id.
    pub pid: u32,
}

impl Writer {
    /// Whether it runs on this machine; true also where that cannot be found out. A number that meanwhile belongs to
    /// another program counts for nothing.
    pub fn runs(&self) -> bool {
        let program = |process: &str| fs::read_to_string(format!("/proc/{process}/comm"));
        match program("self") {
            Ok(own) => program(&self.pid.to_string()).is_ok_and(|its| its == own),
            Err(_) => true,
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Contexts {
    /// Reads the file; a missing one has no contexts.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => {
                let parsed = serde_yaml_ng::from_str::<Option<Self>>(&text);
                let contexts = parsed.with_context(|| {
                    format!("cannot understand the context file {}; correct it, or remove it", path.display())
                })?;
                Ok(contexts.unwrap_or_default())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read the context file {}", path.display())),
        }
    }

    /// Writes the file, for its owner only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_yaml_ng::to_string(self)?;
        private_file::write(path, text.as_bytes())
            .with_context(|| format!("cannot write the context file {}", path.display()))
    }

    /// Makes a context known and the current one; returns the one that was current before.
    pub fn remember(&mut self, context: Context) -> Option<String> {
        let before = self.current.replace(context.name.clone());
        match self.contexts.iter_mut().find(|known| known.name == context.name) {
            Some(known) => *known = context,
            None => self.contexts.push(context),
        }
        before
    }

    /// Forgets a context, if it still is this one, and goes back to `before`.
    pub fn forget(&mut self, context: &Context, before: Option<&str>) {
        self.contexts.retain(|known| known != context);
        if self.current.as_deref() == Some(&context.name) && self.find(&context.name).is_none() {
            self.current = before.filter(|name| self.find(name).is_some()).map(ToOwned::to_owned);
        }
    }

    /// Makes a known context the current one.
    ///
    /// # Errors
    /// When there is none of the name.
    pub fn choose(&mut self, name: &str) -> Result<(), Failure> {
        self.named(name)?;
        self.current = Some(name.to_owned());
        Ok(())
    }

    /// The server that the flags and the contexts name together.
    ///
    /// # Errors
    /// When none is named, or the named context is not known.
    pub fn target(&self, server: &Server) -> Result<Target, Failure> {
        let given = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        let (url, token) = (given(&server.url), given(&server.token));
        let context = match (given(&server.context), &self.current, &url) {
            (Some(name), _, _) => Some(self.named(&name)?),
            // The current context's token belongs to its own server and is not sent to another.
            (None, _, Some(_)) => None,
            (None, Some(name), None) => Some(self.named(name)?),
            (None, None, None) => return Err(Failure::new(Code::Usage, "no server is known", NO_SERVER)),
        };
        let writer = context
            .filter(|_| url.is_none())
            .and_then(|context| Some(Writer { command: context.name.clone(), pid: context.pid? }));
        let url = url.or_else(|| context.map(|context| context.url.clone())).unwrap_or_default();
        let token = token.or_else(|| context.map(|context| context.token.clone()));
        Ok(Target { url: url.trim_end_matches('/').to_owned(), token, writer })
    }

    fn find(&self, name: &str) -> Option<&Context> {
        self.contexts.iter().find(|context| context.name == name)
    }

    fn named(&self, name: &str) -> Result<&Context, Failure> {
        self.find(name).ok_or_else(|| {
            let known: Vec<_> = self.contexts.iter().map(|context| context.name.as_str()).collect();
            let next = match known.as_slice() {
                [] => NO_SERVER.to_owned(),
                known => format!("known contexts: {}", known.join(", ")),
            };
            Failure::new(Code::NotFound, format!("context {name:?} is not known"), next)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(name: &str, port: u16) -> Context {
        Context { name: name.into(), url: format!("http://127.0.0.1:{port}/"), token: format!("bd_{name}"), pid: None }
    }

    fn server(context: &str, url: &str, token: &str) -> Server {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Server { context: some(context), url: some(url), token: some(token) }
    }

    #[test]
    fn the_file_reads_back_and_a_missing_one_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x/contexts.yaml");
        assert_eq!(Contexts::read(&path).unwrap(), Contexts::default());
        let mut contexts = Contexts::default();
        contexts.remember(context("mine", 1));
        contexts.remember(Context::of_this_process("up", "http://127.0.0.1:2".into(), "bd_up".into()));
        contexts.write(&path).unwrap();
        assert_eq!(Contexts::read(&path).unwrap(), contexts);
        fs::write(&path, "contexts: 1").unwrap();
        assert!(format!("{:#}", Contexts::read(&path).unwrap_err()).contains("remove it"));
    }

    #[test]
    fn a_demo_comes_and_goes() {
        let mut contexts = Contexts::default();
        assert_eq!(contexts.remember(context("up", 1)), None);
        let before = contexts.remember(context("demo", 2));
        assert_eq!((before.as_deref(), contexts.current.as_deref()), (Some("up"), Some("demo")));
        // A second demo took the name over: the first one's end must not remove it.
        contexts.remember(context("demo", 3));
        contexts.forget(&context("demo", 2), before.as_deref());
        assert_eq!(contexts.current.as_deref(), Some("demo"));
        contexts.forget(&context("demo", 3), before.as_deref());
        assert_eq!((contexts.current.as_deref(), contexts.contexts.len()), (Some("up"), 1));
    }

    #[test]
    fn flags_come_before_the_context() {
        let mut contexts = Contexts::default();
        contexts.remember(context("a", 1));
        contexts.remember(context("b", 2));
        let found = |server: Server| contexts.target(&server).map(|target| (target.url, target.token));
        let b = ("http://127.0.0.1:2".to_owned(), Some("bd_b".to_owned()));
        assert_eq!(found(server("", "", "")).unwrap(), b);
        assert_eq!(found(server("a", "", "")).unwrap().1.as_deref(), Some("bd_a"));
        assert_eq!(found(server("", "http://x", "")).unwrap(), ("http://x".into(), None));
        assert_eq!(found(server("", "http://x", "t")).unwrap(), ("http://x".into(), Some("t".into())));
        assert_eq!(found(server("", "", "t")).unwrap(), ("http://127.0.0.1:2".into(), Some("t".into())));
        let unknown = found(server("c", "", "")).unwrap_err();
        assert_eq!((unknown.code, unknown.next.as_str()), (Code::NotFound, "known contexts: a, b"));
        let none = Contexts::default().target(&Server::default()).unwrap_err();
        assert!(none.code == Code::Usage && none.next.contains("beidou demo"));
    }

    #[test]
    fn the_writer_goes_with_the_address_alone() {
        let mut contexts = Contexts::default();
        contexts.remember(context("mine", 1));
        contexts.remember(Context { pid: Some(4711), ..context("up", 2) });
        let writer = |server: Server| contexts.target(&server).unwrap().writer;
        assert_eq!(writer(server("", "", "t")), Some(Writer { command: "up".into(), pid: 4711 }));
        assert_eq!(writer(server("mine", "", "")), None);
        assert_eq!(writer(server("up", "http://x", "")), None);
    }

    #[test]
    fn a_process_that_has_ended_does_not_run() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let runs = |pid| Writer { command: "up".into(), pid }.runs();
        child.wait().unwrap();
        assert!(!runs(child.id()));
        assert!(!runs(1), "another program with that number");
        assert!(runs(std::process::id()));
    }
}
