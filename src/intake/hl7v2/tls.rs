//! TLS for MLLP, by rustls: the server's certificate, and the certificates that clients have to show.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};
use sha2::{Digest, Sha256};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A certificate with its chain, and its key: PEM files.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    pub certificate: &'a Path,
    pub key: &'a Path,
}

/// What the server shows, and whom it lets in: as its files were when they were last read.
#[derive(Clone)]
pub struct Certificates {
    files: Arc<Files>,
    acceptor: Arc<RwLock<TlsAcceptor>>,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

impl Certificates {
    /// Reads the files. With `client_ca`, clients must show a certificate that one of these authorities signed.
    pub fn read(identity: Identity<'_>, client_ca: Option<&Path>) -> Result<Certificates, String> {
        let acceptor = Arc::new(RwLock::new(acceptor(identity, client_ca)?));
        let [certificate, key] = [identity.certificate, identity.key].map(Path::to_path_buf);
        let files = Arc::new(Files { certificate, key, client_ca: client_ca.map(Path::to_path_buf) });
        Ok(Certificates { files, acceptor })
    }

    /// Reads the files again, for connections to come: whole, or the old ones stay in force.
    pub fn renew(&self) -> Result<(), String> {
        let Files { certificate, key, client_ca } = &*self.files;
        let new = acceptor(Identity { certificate, key }, client_ca.as_deref())?;
        *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub(super) fn now(&self) -> TlsAcceptor {
        self.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn acceptor(identity: Identity<'_>, client_ca: Option<&Path>) -> Result<TlsAcceptor, String> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let roots = Arc::new(roots(authorities)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| error.to_string())?)
        }
    };
    let (chain, key) = read(identity)?;
    let config = builder.with_single_cert(chain, key).map_err(|error| told(identity.certificate, &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The client's side, for those who try things out.
pub fn connector(server_ca: &Path, identity: Option<Identity<'_>>) -> Result<TlsConnector, String> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?.with_root_certificates(roots(server_ca)?);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = read(identity)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| told(identity.certificate, &error))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// SHA-256 of the certificate that the client showed.
pub fn peer_digest(connection: &ServerConnection) -> Option<[u8; 32]> {
    connection.peer_certificates()?.first().map(|certificate| Sha256::digest(certificate).into())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(identity: Identity<'_>) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let key = PrivateKeyDer::from_pem_file(identity.key).map_err(|error| told(identity.key, &error))?;
    Ok((certificates(identity.certificate)?, key))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<CertificateDer<'static>> = read.map_err(|error| told(path, &error))?;
    if read.is_empty() { Err(told(path, &"no certificate in it")) } else { Ok(read) }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|error| told(path, &error))?;
    }
    Ok(store)
}

fn told(path: &Path, what: &dyn std::fmt::Display) -> String {
    format!("{}: {what}", path.display())
}
