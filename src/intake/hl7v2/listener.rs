//! Listens for MLLP, with or without TLS. Each connection is served by itself, one message after the other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::desk::{self, Desk, Peer};
use super::mllp::{self, Framer};
use super::tls::{self, Certificates};

/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted: out of file handles, mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Of all connections, the share that one address may have: a sender that runs wild keeps no other out.
const SHARE_OF_ONE: usize = 4;
const TELL_EVERY: Duration = Duration::from_secs(60);
const READ_AT_ONCE: usize = 4096;

/// What connections may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    /// Bytes of a message.
    pub message: usize,
    /// From a message's first byte to its last, and for an answer to be taken.
    pub message_time: Duration,
    /// Between messages.
    pub idle_time: Duration,
}

/// What every connection shares.
struct House<D> {
    desk: D,
    tls: Option<Certificates>,
    limits: Limits,
    /// Connections by address.
    guests: Mutex<HashMap<IpAddr, usize>>,
    /// Turned away since that was last told.
    turned_away: Mutex<(u64, Option<Instant>)>,
}

/// Serves connections until `stop` changes or its sender is gone, then lets messages in hand finish. `desk` tells what each
/// message is taken in with, so that what is reloaded concerns the next one.
pub async fn listen<D>(
    listener: TcpListener,
    tls: Option<Certificates>,
    desk: D,
    limits: Limits,
    mut stop: watch::Receiver<()>,
) where
    D: Fn() -> Desk + Send + Sync + 'static,
{
    let house = Arc::new(House { desk, tls, limits, guests: Mutex::default(), turned_away: Mutex::default() });
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            _ = stop.changed() => break,
        };
        match accepted {
            Ok((stream, address)) => match house.admit(address.ip()) {
                Some(guest) => {
                    let (house, stop) = (Arc::clone(&house), stop.clone());
                    connections.spawn(async move { house.receive(stream, stop, guest).await });
                }
                None => house.turned_away(),
            },
            Err(error) => {
                tracing::warn!(%error, "an MLLP connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

/// A place among the connections, given back when it is dropped.
struct Guest {
    leave: Box<dyn FnOnce() + Send>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        std::mem::replace(&mut self.leave, Box::new(|| {}))();
    }
}

impl<D: Fn() -> Desk + Send + Sync + 'static> House<D> {
    fn guests(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Guest> {
        let most_of_one = (self.limits.connections / SHARE_OF_ONE).max(1);
        let mut guests = self.guests();
        let (all, own) = (guests.values().sum::<usize>(), guests.get(&address).copied().unwrap_or(0));
        if all >= self.limits.connections || own >= most_of_one {
            return None;
        }
        guests.insert(address, own + 1);
        let house = Arc::clone(self);
        Some(Guest { leave: Box::new(move || house.dismiss(address)) })
    }

    /// Told once in a while: there may be thousands.
    fn turned_away(&self) {
        let mut turned_away = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        turned_away.0 += 1;
        if turned_away.1.is_none_or(|last| last.elapsed() > TELL_EVERY) {
            tracing::warn!(connections = turned_away.0, "MLLP connections are turned away: there are too many");
            *turned_away = (0, Some(Instant::now()));
        }
    }

    fn dismiss(&self, address: IpAddr) {
        let mut guests = self.guests();
        match guests.get_mut(&address) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                guests.remove(&address);
            }
        }
    }

    async fn receive(&self, stream: TcpStream, stop: watch::Receiver<()>, _guest: Guest) {
        // An answer is one small packet that its sender waits for.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "MLLP");
        }
        let Some(tls) = &self.tls else {
            return self.converse(stream, Peer::Connection { certificate: None }, stop).await;
        };
        match timeout(HANDSHAKE, tls.now().accept(stream)).await {
            Ok(Ok(stream)) => {
                let certificate = tls::peer_digest(stream.get_ref().1);
                self.converse(stream, Peer::Connection { certificate }, stop).await;
            }
            Ok(Err(error)) => tracing::info!(%error, "an MLLP connection ends: no TLS"),
            Err(_) => tracing::info!("an MLLP connection ends: no TLS in time"),
        }
    }

    /// Takes messages until the other side has no more, is too slow, or speaks something else.
    async fn converse(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: Peer,
        mut stop: watch::Receiver<()>,
    ) {
        let (mut framer, mut until) = (Framer::new(self.limits.message), None);
        loop {
            loop {
                match framer.next_message() {
                    Ok(Some(message)) => {
                        if !self.answer(&mut stream, &peer, &message).await {
                            return;
                        }
                        until = None;
                    }
                    Ok(None) => break,
                    Err(reason) => return tracing::warn!(%reason, "an MLLP connection is closed"),
                }
            }
            let deadline = match (framer.is_inside(), until) {
                (true, Some(until)) => until,
                (true, None) => *until.insert(Instant::now() + self.limits.message_time),
                (false, _) => Instant::now() + self.limits.idle_time,
            };
            let inside = framer.is_inside();
            framer.arrived().reserve(READ_AT_ONCE);
            let read = tokio::select! {
                read = timeout_at(deadline, stream.read_buf(framer.arrived())) => read,
                // Nothing is in hand.
                _ = stop.changed(), if !inside => return,
            };
            match read {
                Ok(Ok(0)) if inside => return tracing::info!("an MLLP connection ended within a message"),
                Ok(Ok(0)) => return,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return tracing::debug!(%error, "an MLLP connection broke"),
                Err(_) if inside => {
                    return tracing::warn!("an MLLP connection is closed: a message did not end in time");
                }
                Err(_) => return,
            }
        }
    }

    /// Whether the other side took its answer.
    async fn answer(&self, stream: &mut (impl AsyncWrite + Unpin), peer: &Peer, message: &[u8]) -> bool {
        for answer in desk::answer(&(self.desk)(), peer, message).await {
            match timeout(self.limits.message_time, mllp::send(stream, &answer)).await {
                Ok(Ok(())) => {}
                _ => {
                    tracing::info!("an MLLP connection ended before its answer was taken");
                    return false;
                }
            }
        }
        true
    }
}
