//! The embedded broker: for demos and tests, not for figures.

use std::{
    net::SocketAddr,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use anyhow::Context as _;
use mqtt5::broker::{
    BrokerConfig, BrokerShutdownHandle, MqttBroker, ResourceLimits,
    config::{StorageBackend, StorageConfig, WebSocketConfig},
};

/// More clients than a process may hold descriptors for: the descriptor limit is what stops first.
const MAX_CLIENTS: usize = 100_000;

/// A broker on a thread of its own; dropping it shuts it down.
pub(crate) struct EmbeddedBroker {
    /// Where MQTT over TCP is served: the port the system gave if 0 was asked for.
    pub(crate) address: SocketAddr,
    /// Where MQTT over WebSocket is served, if asked for.
    pub(crate) websocket: Option<SocketAddr>,
    shutdown: BrokerShutdownHandle,
    thread: Option<JoinHandle<()>>,
}

/// What to serve and where.
pub(crate) struct BrokerSettings {
    pub(crate) address: SocketAddr,
    pub(crate) websocket: Option<SocketAddr>,
}

impl EmbeddedBroker {
    /// Binds and starts the broker; it accepts connections when this returns. All its state is in memory.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub(crate) fn start(settings: BrokerSettings) -> anyhow::Result<Self> {
        let config = BrokerConfig {
            bind_addresses: vec![settings.address],
            max_clients: MAX_CLIENTS,
            websocket_config: settings.websocket.map(|address| WebSocketConfig {
                bind_addresses: vec![address],
                ..WebSocketConfig::default()
            }),
            storage_config: StorageConfig { backend: StorageBackend::Memory, ..StorageConfig::default() },
            ..BrokerConfig::default()
        };
        let (started, start) = mpsc::channel();
        let thread =
            thread::Builder::new().name("broker".to_owned()).spawn(move || serve(config, &started))?;
        let (address, websocket, shutdown) = start
            .recv()
            .context("the embedded broker ended before it began")?
            .with_context(|| format!("could not start the embedded broker on {}", settings.address))?;
        Ok(Self { address, websocket, shutdown, thread: Some(thread) })
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.shutdown.shutdown();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Started = anyhow::Result<(SocketAddr, Option<SocketAddr>, BrokerShutdownHandle)>;

fn serve(config: BrokerConfig, started: &mpsc::Sender<Started>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(started.send(Err(error.into()))),
    };
    runtime.block_on(async {
        let mut broker = match MqttBroker::with_config(config).await {
            Ok(broker) => broker,
            Err(error) => return drop(started.send(Err(error.into()))),
        };
        // Its defaults refuse the ten-thousandth connection of one address, and of one second.
        broker.resource_monitor().update_limits(ResourceLimits {
            max_connections: MAX_CLIENTS,
            max_connections_per_ip: MAX_CLIENTS,
            max_message_rate_per_client: 0,
            max_bandwidth_per_client: 0,
            max_connection_rate: u32::MAX,
            rate_limit_window: std::time::Duration::from_secs(1),
        });
        let Some(address) = broker.local_addr() else {
            return drop(started.send(Err(anyhow::anyhow!("the broker has no TCP listener"))));
        };
        let websocket = broker.ws_local_addr();
        let mut ready = broker.ready_receiver();
        let shutdown = broker.shutdown_handle();
        let announce = async {
            if ready.wait_for(|ready| *ready).await.is_ok() {
                let _ = started.send(Ok((address, websocket, shutdown)));
            }
        };
        // `run` only errs when it cannot start; then `started` is dropped and the caller is told.
        let _ = tokio::join!(broker.run(), announce);
    });
}
