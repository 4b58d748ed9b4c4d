//! The gateway's own binary as a process of its own, on a database of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running gateway; killed when dropped.
pub struct Process {
    child: Child,
    pub address: String,
    /// From the start of the process to its first answer.
    pub ready_after: Duration,
}

impl Process {
    pub async fn start(database_url: &str, flags: &[(&str, &str)]) -> Process {
        Process::run(Command::new(env!("CARGO_BIN_EXE_kakehashi")), database_url, flags).await
    }

    /// Alone on the first processor.
    pub async fn pinned(database_url: &str) -> Process {
        let mut command = Command::new("taskset");
        command.args(["-c", "0", env!("CARGO_BIN_EXE_kakehashi")]);
        Process::run(command, database_url, &[]).await
    }

    async fn run(mut command: Command, database_url: &str, flags: &[(&str, &str)]) -> Process {
        let started = Instant::now();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--database-url", database_url]);
        for (name, value) in flags {
            command.env(format!("KAKEHASHI_{}", name.to_uppercase()), value);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the gateway");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        output.read_line(&mut line).expect("its first line");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("its address");
        let address = address.to_owned();
        let mut connection = super::client::Connection::open(&address).await;
        let status = connection.exchange(&super::client::get("/readyz")).await;
        assert_eq!(status, 200, "the gateway is ready");
        Process { child, address, ready_after: started.elapsed() }
    }

    /// Resident memory in MB.
    pub fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|text| text.parse::<f64>().ok());
        kilobytes.unwrap_or(0.0) / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}
