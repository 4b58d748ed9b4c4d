//! MLLP over TLS, with client certificates.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kakehashi::intake::hl7v2::{Certificates, Client, Identity, Senders, connector, listen};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::feed::{Answered, LIMITS, a20, ago, city, senders, statuses};
use crate::app::TestApp;
use crate::both;

both!(
    client_certificates_are_asked_for,
    a_sender_comes_with_its_own_certificate,
    certificates_are_renewed_while_serving,
);

/// An authority in a folder, and what it signs: `NAME.pem` and `NAME.key`.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { folder, issuer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Signs a certificate; answers its SHA-256 in hexadecimal.
    fn sign(&self, name: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        Sha256::digest(certificate.der()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

struct SecureFeed {
    port: u16,
    certificates: Certificates,
    _stop: watch::Sender<()>,
}

async fn start(app: &TestApp, authority: &Authority, senders: &str) -> SecureFeed {
    let (certificate, key, ca) = (authority.path("server.pem"), authority.path("server.key"), authority.path("ca.pem"));
    let tls = Certificates::read(Identity { certificate: &certificate, key: &key }, Some(&ca)).unwrap();
    let certificates = tls.clone();
    app.site.renew_senders(Senders::parse(senders).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, site) = (listener.local_addr().unwrap().port(), app.site.clone());
    let (stop, stopped) = watch::channel(());
    tokio::spawn(listen(listener, Some(tls), move || site.now().desk(), LIMITS, stopped));
    SecureFeed { port, certificates, _stop: stop }
}

/// What comes back to a message; an error where there is no conversation.
async fn send(
    feed: &SecureFeed,
    ca: &Path,
    identity: Option<(&Path, &Path)>,
    message: &str,
) -> std::io::Result<String> {
    let identity = identity.map(|(certificate, key)| Identity { certificate, key });
    let stream = TcpStream::connect(("127.0.0.1", feed.port)).await?;
    let stream = connector(ca, identity).unwrap().connect(ServerName::try_from("localhost").unwrap(), stream).await?;
    let answers = Client::new(stream).send(message.as_bytes(), Duration::from_secs(5)).await?;
    Ok(Answered::of(answers).codes())
}

async fn client_certificates_are_asked_for(app: &TestApp) {
    city(app, &["U"]).await;
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.sign("server");
    authority.sign("hosp");
    stranger.sign("hosp");
    let feed = start(app, &authority, &senders("")).await;
    let (ca, message) = (authority.path("ca.pem"), a20("b0", "O", "1", &ago(1)));
    assert!(send(&feed, &ca, None, &message).await.is_err(), "none");
    let (certificate, key) = (stranger.path("hosp.pem"), stranger.path("hosp.key"));
    assert!(send(&feed, &ca, Some((&certificate, &key)), &message).await.is_err(), "of another authority");
    assert!(send(&feed, &stranger.path("ca.pem"), None, &message).await.is_err(), "the server is known by its own");
    assert_eq!(statuses(app, 1).await, "U");
    let (certificate, key) = (authority.path("hosp.pem"), authority.path("hosp.key"));
    assert_eq!(send(&feed, &ca, Some((&certificate, &key)), &message).await.unwrap(), "AA");
    assert_eq!(statuses(app, 1).await, "O");
}

async fn a_sender_comes_with_its_own_certificate(app: &TestApp) {
    city(app, &["U"]).await;
    let authority = Authority::new();
    authority.sign("server");
    authority.sign("other");
    let digest = authority.sign("hosp");
    let feed = start(app, &authority, &senders(&format!("certificate = \"{digest}\""))).await;
    let (ca, message) = (authority.path("ca.pem"), a20("b0", "O", "1", &ago(1)));
    for (name, code) in [("other", "AR"), ("hosp", "AA")] {
        let (certificate, key) = (authority.path(&format!("{name}.pem")), authority.path(&format!("{name}.key")));
        assert_eq!(send(&feed, &ca, Some((&certificate, &key)), &message).await.unwrap(), code, "{name}");
    }
}

/// The old authority's certificate is replaced by another's: whoever knows the new one is served, and what cannot be read
/// changes nothing.
async fn certificates_are_renewed_while_serving(app: &TestApp) {
    city(app, &["U"]).await;
    let (old, new) = (Authority::new(), Authority::new());
    old.sign("server");
    old.sign("hosp");
    new.sign("server");
    new.sign("hosp");
    let feed = start(app, &old, &senders("")).await;
    let codes = async |authority: &Authority, number: &str| {
        let (certificate, key) = (authority.path("hosp.pem"), authority.path("hosp.key"));
        let message = a20("b0", "O", number, &ago(1));
        send(&feed, &authority.path("ca.pem"), Some((&certificate, &key)), &message).await
    };
    assert_eq!(codes(&old, "1").await.unwrap(), "AA");
    assert!(codes(&new, "2").await.is_err());
    for name in ["server.pem", "server.key", "ca.pem"] {
        std::fs::copy(new.path(name), old.path(&format!("{name}.new"))).unwrap();
        std::fs::rename(old.path(&format!("{name}.new")), old.path(name)).unwrap();
    }
    feed.certificates.renew().unwrap();
    assert_eq!(codes(&new, "3").await.unwrap(), "AA");
    std::fs::write(old.path("server.key"), "no key").unwrap();
    assert!(feed.certificates.renew().is_err());
    assert_eq!(codes(&new, "4").await.unwrap(), "AA", "the old ones stay in force");
}
