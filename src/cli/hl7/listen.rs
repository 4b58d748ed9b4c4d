//! The MLLP listener of `serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::failed;
use crate::config::{Config, MllpConfig};
use crate::http::Site;
use crate::intake::hl7v2::{Certificates, Identity, Limits, Senders, listen};

/// A listener at work.
pub struct Listening {
    pub address: SocketAddr,
    /// `None`: without TLS.
    pub certificates: Option<Certificates>,
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// The senders of a file; tells all that is wrong with it.
pub fn senders(path: &Path) -> Result<Senders, ExitCode> {
    Senders::load(path).map_err(|errors| {
        errors.iter().for_each(|error| eprintln!("kakehashi: {error}"));
        ExitCode::from(2)
    })
}

impl Listening {
    /// Listens as the settings say; `None`: not at all.
    pub async fn start(config: &Config, site: &Site) -> Result<Option<Listening>, ExitCode> {
        let MllpConfig { listen: address, tls, client_ca, connections, message_bytes, idle, .. } = &config.mllp;
        let Some(address) = address else { return Ok(None) };
        let read = |(certificate, key): &(PathBuf, PathBuf)| {
            Certificates::read(Identity { certificate, key }, client_ca.as_deref())
        };
        let tls = tls.as_ref().map(read);
        let tls = tls.transpose().map_err(|error| failed(&error))?;
        let listener = TcpListener::bind(address).await.map_err(|error| failed(&format!("mllp_listen: {error}")))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let limits = Limits {
            connections: *connections,
            message: *message_bytes,
            message_time: config.body_timeout,
            idle_time: *idle,
        };
        let (stop, stopped) = watch::channel(());
        let (site, certificates) = (site.clone(), tls.clone());
        let task = tokio::spawn(listen(listener, tls, move || site.now().desk(), limits, stopped));
        Ok(Some(Listening { address, certificates, stop, task }))
    }

    /// Finishes the messages in hand.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the MLLP listener ended badly");
        }
    }
}
