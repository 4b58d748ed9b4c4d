//! The real program, and a PostgreSQL server that a test may stop.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// `kakehashi` with these arguments, without settings from this test's surroundings.
pub fn kakehashi(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kakehashi"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KAKEHASHI_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Output {
    kakehashi(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A gateway in a process of its own. Dropping it kills it.
pub struct Served {
    child: Child,
    /// Kept open: a program that prints into a closed pipe ends.
    _stdout: BufReader<std::process::ChildStdout>,
    /// The FHIR base, without `/` at its end.
    pub base: String,
    pub client: reqwest::Client,
}

impl Served {
    /// Starts it on a free port, with settings as environment variables (`("write_queue", "8")`).
    pub fn start(database_url: &str, settings: &[(&str, &str)]) -> Served {
        Served::start_as(database_url, settings, |_| {})
    }

    /// The same with a command that is changed first: where it runs, where its log goes.
    pub fn start_as(database_url: &str, settings: &[(&str, &str)], change: impl FnOnce(&mut Command)) -> Served {
        let mut command =
            kakehashi(&["serve", "--listen", "127.0.0.1:0", "--database-url", database_url, "--log", "warn"]);
        for (name, value) in settings {
            command.env(format!("KAKEHASHI_{}", name.to_uppercase()), value);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        let base = first.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        assert!(base.starts_with("http://127.0.0.1:"), "{first}");
        Served { child, _stdout: stdout, base, client: reqwest::Client::new() }
    }

    pub fn address(&self) -> String {
        self.base.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// Status, and the body where it is JSON; `None` where the server did not answer.
    pub async fn get(&self, path: &str) -> Option<(u16, Value)> {
        answered(self.client.get(self.url(path))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let request = self.client.post(self.url(path)).header("content-type", "application/fhir+json");
        answered(request.body(body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        answered(self.client.put(self.url(path)).header("content-type", "application/fhir+json").body(body.to_string()))
            .await
    }

    /// `/healthz` or `/readyz`.
    pub async fn health(&self, path: &str) -> u16 {
        let url = format!("http://{}/{path}", self.address());
        self.client.get(url).send().await.map_or(0, |response| response.status().as_u16())
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// The exit code, once it has ended.
    pub fn ended(mut self, within: Duration) -> i32 {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < until, "it still runs");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(|_| ())) {
            println!("kakehashi: {error}");
        }
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Option<(u16, Value)> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let body = response.text().await.ok()?;
    Some((status, serde_json::from_str(&body).unwrap_or_default()))
}

/// A PostgreSQL server of the test's own, made as `tests/with-postgres` makes its.
pub struct PostgresServer {
    bin: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl PostgresServer {
    /// `None` in runs without PostgreSQL.
    pub fn start() -> Option<PostgresServer> {
        if std::env::var("KAKEHASHI_TEST_POSTGRES").is_err() {
            println!("skipped: not run by tests/with-postgres");
            return None;
        }
        let mut versions: Vec<PathBuf> =
            std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path()).collect();
        versions.sort();
        let bin = versions.pop()?.join("bin");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = PostgresServer { bin, folder: tempfile::tempdir().unwrap(), port };
        let owner = Command::new("chown").arg("postgres").arg(server.folder.path()).status().unwrap();
        assert!(owner.success() || !is_root());
        let data = server.data();
        server.program("initdb", &["-D", &data, "-U", "kakehashi", "-A", "trust", "-E", "UTF8", "--no-locale"]);
        server.up();
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("postgres://kakehashi@127.0.0.1:{}/postgres", self.port)
    }

    pub fn up(&self) {
        let folder = self.folder.path().display();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=100",
            self.port
        );
        let log = format!("{folder}/log");
        self.program("pg_ctl", &["-D", &self.data(), "-w", "-l", &log, "-o", &options, "start"]);
    }

    /// As a crash would: without a word to anyone.
    pub fn down(&self) {
        self.program("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// The server refuses to run as root.
    fn program(&self, name: &str, arguments: &[&str]) {
        let program = self.bin.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let done =
            command.args(arguments).current_dir("/tmp").stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(done.success(), "{name} {arguments:?}");
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if Path::new(&self.data()).join("postmaster.pid").exists() {
            self.down();
        }
    }
}

pub fn is_root() -> bool {
    text(&Command::new("id").arg("-u").output().unwrap().stdout).trim() == "0"
}

/// Waits until `holds` does.
pub async fn eventually<F: Future<Output = bool>>(within: Duration, holds: impl Fn() -> F) -> bool {
    let until = Instant::now() + within;
    while Instant::now() < until {
        if holds().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
