//! The HTTPS server around the engine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::clock::{TimeScale, Timing};
use crate::engine::{Engine, EngineConfig};
use crate::http::{Delivery, Request};
use crate::tls::{Tls, TlsError};
use crate::world::World;

/// How the emulator is set up.
#[derive(Clone, Debug)]
pub struct EmulatorConfig {
    /// Where it listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// What exists at the start.
    pub world: World,
    /// How fast Azure's time passes.
    pub time_scale: TimeScale,
    /// How long Azure takes.
    pub timing: Timing,
    /// How long tokens are good, in real time.
    pub token_lifetime: Duration,
    /// Decides every GUID and every duration within its range.
    pub seed: u64,
}

impl Default for EmulatorConfig {
    /// Nothing exists, Azure's own pace, any free port on 127.0.0.1.
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            world: World::default(),
            time_scale: TimeScale::REAL,
            timing: Timing::default(),
            token_lifetime: Duration::from_secs(3600),
            seed: 0,
        }
    }
}

/// Why the emulator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running emulator. It stops when it is dropped.
#[derive(Debug)]
pub struct Emulator {
    engine: Arc<Mutex<Engine>>,
    base_url: String,
    ca_pem: String,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Emulator {
    /// Creates its certificates and starts serving. When this returns, connections are accepted.
    ///
    /// # Errors
    /// When the address cannot be listened on, or TLS cannot be set up.
    pub async fn start(config: EmulatorConfig) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let tls = Tls::for_address(address.ip())?;
        let base_url = format!("https://{address}");
        let engine = Arc::new(Mutex::new(Engine::new(EngineConfig {
            world: config.world,
            base_url: base_url.clone(),
            start: Timestamp::now(),
            time_scale: config.time_scale,
            timing: config.timing,
            token_lifetime: config.token_lifetime,
            seed: config.seed,
        })));
        let stop = CancellationToken::new();
        let acceptor = TlsAcceptor::from(tls.server);
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&engine), stop.clone()));
        Ok(Self { engine, base_url, ca_pem: tls.ca_pem, stop, accepting })
    }

    /// Where it serves Azure Resource Manager, the token endpoints and the admin API, without a final slash.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The certificate to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The value for `IDENTITY_ENDPOINT`.
    pub fn identity_endpoint(&self) -> String {
        format!("{}/msi/token", self.base_url)
    }

    /// The engine, to look at and to change. Requests wait while it is locked.
    pub fn engine(&self) -> Arc<Mutex<Engine>> {
        Arc::clone(&self.engine)
    }

    /// Stops accepting, closes the connections and returns when all are closed.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, "the accept loop ended badly");
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, engine: Arc<Mutex<Engine>>, stop: CancellationToken) {
    // Dropping the set closes what is still open.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&engine)));
                }
                // Out of file descriptors, or a client that went away at once: the next one may succeed.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, engine: Arc<Mutex<Engine>>) {
    let stream = match acceptor.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "TLS handshake failed");
            return;
        }
    };
    let service = service_fn(move |request| answer(request, Arc::clone(&engine)));
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("the request's body did not arrive")]
    Body(#[source] hyper::Error),
    #[error("a fault drops this connection")]
    Dropped,
}

async fn answer(
    request: http::Request<Incoming>,
    engine: Arc<Mutex<Engine>>,
) -> Result<http::Response<Full<Bytes>>, NoAnswer> {
    let (head, body) = request.into_parts();
    let request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.collect().await.map_err(NoAnswer::Body)?.to_bytes(),
    };
    let response = lock(&engine).handle(Timestamp::now(), &request);
    tracing::info!(method = %request.method, path = request.path, status = response.status.as_u16(), "request");
    match response.delivery {
        Delivery::Now => {}
        Delivery::After(wait) => tokio::time::sleep(wait).await,
        Delivery::Never => return Err(NoAnswer::Dropped),
    }
    let mut wire = http::Response::new(Full::new(response.body));
    *wire.status_mut() = response.status;
    *wire.headers_mut() = response.headers;
    Ok(wire)
}

/// The engine stays usable after a panic in a test that held it.
fn lock(engine: &Mutex<Engine>) -> MutexGuard<'_, Engine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}
