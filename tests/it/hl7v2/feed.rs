//! A hospital's feed: a listener on the test's gateway, and a connection to it.

use std::net::SocketAddr;
use std::time::Duration;

use kakehashi::intake::hl7v2::{Client, Limits, Senders, listen, read_answer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::app::TestApp;
use crate::beds::city::BED_IDS;

/// The sender of [`message`]: ward W, room 1, bed `b0` is the bed with that id in [`crate::beds::city`].
pub fn senders(settings: &str) -> String {
    format!(
        "[[sender]]\nname = \"hosp\"\napplication = \"HIS\"\nfacility = \"H\"\n{settings}\n\
         [[sender.location]]\npoint_of_care = \"ER\"\nno_bed = true\n\
         [[sender.location]]\npoint_of_care = \"W\"\nbed = \"*\"\nidentifier = \"{BED_IDS}|2710000011-W-{{bed}}\"\n"
    )
}

pub const LIMITS: Limits = Limits {
    connections: 400,
    message: 64 << 10,
    message_time: Duration::from_millis(700),
    idle_time: Duration::from_secs(20),
};

/// A listener. Dropping it stops it.
pub struct Feed {
    pub address: SocketAddr,
    stop: watch::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Feed {
    /// Listens for senders as a file names them.
    pub async fn start(app: &TestApp, senders: &str) -> Feed {
        Feed::limited(app, senders, LIMITS).await
    }

    pub async fn limited(app: &TestApp, senders: &str, limits: Limits) -> Feed {
        app.site.renew_senders(Senders::parse(senders).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, site) = (listener.local_addr().unwrap(), app.site.clone());
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(listen(listener, None, move || site.now().desk(), limits, stopped));
        Feed { address, stop, task }
    }

    pub async fn connect(&self) -> Client<TcpStream> {
        Client::new(self.raw().await)
    }

    pub async fn raw(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Ends the listener, as `serve` does.
    pub async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }

    /// Sends a message over a connection of its own; answers what comes back, segment by segment.
    pub async fn send(&self, message: impl AsRef<[u8]>) -> Answered {
        let mut client = self.connect().await;
        Answered::of(client.send(message.as_ref(), Duration::from_secs(20)).await.unwrap())
    }
}

/// The acknowledgements of a message.
#[derive(Debug)]
pub struct Answered(pub Vec<Vec<String>>);

impl Answered {
    pub fn of(answers: Vec<impl AsRef<[u8]>>) -> Answered {
        Answered(answers.iter().map(|answer| read_answer(answer.as_ref()).0).collect())
    }

    /// The codes, such as `CA AA`.
    pub fn codes(&self) -> String {
        let code = |answer: &Vec<String>| {
            answer.iter().find_map(|line| line.strip_prefix("MSA|")?.get(..2).map(str::to_owned))
        };
        self.0.iter().filter_map(code).collect::<Vec<_>>().join(" ")
    }

    /// Where the first ERR segment points (2.5 and later): `NPU-1`, and its code.
    pub fn error(&self) -> String {
        let Some(err) = self.0.iter().flatten().find(|line| line.starts_with("ERR")) else { return String::new() };
        let fields: Vec<&str> = err.split('|').collect();
        let place: Vec<&str> = fields[2].split('^').collect();
        format!("{}-{} {} {}", place[0], place[2], fields[3].split('^').next().unwrap(), fields[4])
    }
}

/// A message of version 2.5 in ASCII, recorded at `time` (YYYYMMDDHHMMSS, Japan).
pub fn message(event: &str, control_id: &str, time: &str, segments: &str) -> String {
    versioned("2.5", event, control_id, time, segments)
}

pub fn versioned(version: &str, event: &str, control_id: &str, time: &str, segments: &str) -> String {
    format!(
        "MSH|^~\\&|HIS|H|K|R|{time}||ADT^{event}|{control_id}|P|{version}\rEVN|{event}|{time}\r\
         PID|1||12345^^^H||YAMADA^HANAKO||19500101|F\r{segments}\r"
    )
}

pub fn a20(bed: &str, status: &str, control_id: &str, time: &str) -> String {
    message("A20", control_id, time, &format!("NPU|W^1^{bed}|{status}"))
}

/// PV1 with the assigned and the prior bed.
pub fn pv1(assigned: &str, prior: &str) -> String {
    let place = |bed: &str| if bed.is_empty() { String::new() } else { format!("W^1^{bed}") };
    format!("PV1|1|I|{}|||{}", place(assigned), place(prior))
}

/// A moment that is so many seconds ago, as a sender in Japan writes it.
pub fn ago(seconds: i64) -> String {
    let moment = chrono::Utc::now() - chrono::TimeDelta::seconds(seconds) + chrono::TimeDelta::hours(9);
    moment.format("%Y%m%d%H%M%S").to_string()
}

/// The stored status of each bed: `O U H`.
pub async fn statuses(app: &TestApp, beds: usize) -> String {
    let mut found = Vec::new();
    for bed in 0..beds {
        let bed = app.get(&format!("Location/b{bed}")).await.expect(200);
        found.push(bed["operationalStatus"]["code"].as_str().unwrap().to_owned());
    }
    found.join(" ")
}

pub async fn version(app: &TestApp, bed: &str) -> String {
    let bed = app.get(&format!("Location/{bed}")).await.expect(200);
    bed["meta"]["versionId"].as_str().unwrap().to_owned()
}

/// A city whose beds were reported an hour ago.
pub async fn city(app: &TestApp, beds: &[&str]) {
    use crate::beds::city;
    city::build(app, &[]).await;
    let then = (chrono::Utc::now() - chrono::TimeDelta::hours(1)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    for (number, status) in beds.iter().enumerate() {
        let id = format!("b{number}");
        app.put(&format!("Location/{id}"), &city::bed(&id, "w", status, Some(&then))).await.expect(201);
    }
}
