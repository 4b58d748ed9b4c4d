//! SIGHUP: the folder of definitions, the file of senders and the certificates of MLLP are read again while requests are
//! answered. Each is taken whole or not at all.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::definitions;
use crate::http::Site;
use crate::intake::hl7v2::{Certificates, Senders};
use crate::profile::{LoadError, Settings};

use super::warn_of_missing;

/// The signals, from the moment on at which it is made: before that, one would end the program.
pub struct Hangups {
    signals: Option<Signal>,
    attended: bool,
}

/// What of HL7 v2 is read again.
pub struct Hl7Files {
    pub senders: Option<PathBuf>,
    pub certificates: Option<Certificates>,
}

impl Hangups {
    pub fn listen() -> Hangups {
        let signals = signal(SignalKind::hangup());
        if let Err(error) = &signals {
            tracing::warn!(%error, "definitions cannot be reloaded: no SIGHUP");
        }
        Hangups { signals: signals.ok(), attended: std::io::stdin().is_terminal() }
    }

    /// Reloads at each signal. Ends only when the terminal is gone at which the program was started: then SIGHUP means
    /// what it says.
    pub async fn reload(mut self, site: Site, folder: Option<PathBuf>, settings: Settings, hl7: Hl7Files) {
        let Some(signals) = &mut self.signals else { return std::future::pending().await };
        while signals.recv().await.is_some() {
            if self.attended && !std::io::stdin().is_terminal() {
                return;
            }
            if let Some(senders) = &hl7.senders {
                reload_senders(&site, senders);
            }
            if let Some(certificates) = &hl7.certificates {
                match certificates.renew() {
                    Ok(()) => tracing::info!("the certificates of MLLP are reloaded"),
                    Err(reason) => {
                        tracing::error!(reason, "the certificates are not reloaded: the old ones stay in force")
                    }
                }
            }
            match &folder {
                Some(folder) => reload(&site, folder, settings).await,
                None => tracing::warn!("nothing to reload: the definitions are those built in, no folder is used"),
            }
        }
        std::future::pending().await
    }
}

async fn reload(site: &Site, folder: &Path, settings: Settings) {
    let (started, path, renewed) = (Instant::now(), folder.to_path_buf(), site.clone());
    // Compiling takes a processor for a while; requests go on meanwhile.
    let load = move || definitions::load_folder(&path, settings).map(|loaded| renewed.renew(Arc::new(loaded)));
    let loaded = tokio::task::spawn_blocking(load).await;
    let loaded = loaded.unwrap_or_else(|error| Err(vec![defect(folder, &error)]));
    match loaded {
        Ok(()) => {
            let millis = started.elapsed().as_millis();
            tracing::info!(folder = %folder.display(), millis, "definitions reloaded");
            warn_of_missing(&site.now().gateway).await;
        }
        Err(errors) => {
            for LoadError { file, element, reason } in &errors {
                tracing::error!(file, element, reason, "a definition is refused");
            }
            let problems = errors.len();
            tracing::error!(folder = %folder.display(), problems, "nothing is reloaded: the old definitions stay in force");
        }
    }
}

fn reload_senders(site: &Site, path: &Path) {
    match Senders::load(path) {
        Ok(senders) => {
            site.renew_senders(senders);
            tracing::info!(file = %path.display(), "senders reloaded");
        }
        Err(errors) => {
            errors.iter().for_each(|reason| tracing::error!(reason, "a sender is refused"));
            tracing::error!(file = %path.display(), "the senders are not reloaded: the old ones stay in force");
        }
    }
}

fn defect(folder: &Path, error: &tokio::task::JoinError) -> LoadError {
    LoadError { file: folder.display().to_string(), element: String::new(), reason: error.to_string() }
}
