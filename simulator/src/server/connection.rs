//! Connections that a fault can break at any byte, and a door that can be shut without giving the port away.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::shared::Shared;

/// Wait after a failed accept (out of file handles, mostly), so that the loop does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The listener of a simulated server.
pub(super) struct Door {
    pub listener: TcpListener,
    pub shared: Arc<Shared>,
}

impl Listener for Door {
    type Io = Breakable;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Breakable, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => match self.shared.admit() {
                    Some(token) => {
                        // Small frames must not wait for one another.
                        let _ = stream.set_nodelay(true);
                        return (Breakable::new(stream, token), address);
                    }
                    // The port stays ours, or a neighbour could take it meanwhile; the client sees a reset.
                    None => drop(stream.set_zero_linger()),
                },
                Err(error) => {
                    tracing::warn!(%error, "simulated server cannot accept");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A TCP stream that fails once its token is cancelled.
pub(super) struct Breakable {
    stream: TcpStream,
    broken: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Breakable {
    fn new(stream: TcpStream, token: CancellationToken) -> Self {
        Self { stream, broken: Box::pin(token.cancelled_owned()) }
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.broken.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Breakable {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
