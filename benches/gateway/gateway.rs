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

/// A bed of the benchmark's ward.
pub fn bed(number: usize, status: char, moment: u64) -> String {
    let display = if status == 'O' { "Occupied" } else { "Unoccupied" };
    format!(
        r#"{{"resourceType":"Location","id":"bed-{number}","meta":{{"profile":["https://kakehashi.example/fhir/StructureDefinition/kh-bed"]}},"extension":[{{"url":"https://kakehashi.example/fhir/StructureDefinition/admittable-sex","valueCoding":{{"system":"https://kakehashi.example/fhir/CodeSystem/admittable-sex","code":"any","display":"Any"}}}},{{"url":"https://kakehashi.example/fhir/StructureDefinition/as-of","valueInstant":"2026-11-22T09:{:02}:{:02}+09:00"}}],"identifier":[{{"system":"https://kakehashi.example/fhir/IdSystem/bed","value":"2719000001-W01-B{number:05}"}}],"status":"active","operationalStatus":{{"system":"http://terminology.hl7.org/CodeSystem/v2-0116","code":"{status}","display":"{display}"}},"name":"201号室 {number}床","mode":"instance","type":[{{"coding":[{{"system":"https://kakehashi.example/fhir/CodeSystem/location-role","code":"bed","display":"Bed"}}],"text":"病床"}}],"physicalType":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/location-physical-type","code":"bd","display":"Bed"}}],"text":"病床"}},"managingOrganization":{{"reference":"Organization/hosp-01"}},"partOf":{{"reference":"Location/hosp-01-w01"}}}}"#,
        moment / 60 % 60,
        moment % 60,
    )
}
