//! The gateway's own binary as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running gateway; killed when dropped.
pub struct Process {
    child: Child,
    /// Where it listens for MLLP.
    pub mllp: String,
}

impl Process {
    pub async fn start(database_url: &str, folder: &Path) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kakehashi"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--mllp-listen", "127.0.0.1:0", "--log", "warn"]);
        command.args(["--database-url", database_url, "--mllp-senders"]).arg(folder.join("senders.toml"));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the gateway");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = output.lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("MLLP")).expect("where it listens");
        let mllp = line.rsplit(' ').next().expect("an address").to_owned();
        Process { child, mllp }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}
