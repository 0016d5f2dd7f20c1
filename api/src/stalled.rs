//! Sockets that give up on a peer which takes nothing.
//!
//! An answer that can't be sent is asked for no more bytes, so nothing but the socket itself can
//! end it. Without an end a client that stops reading would keep a stream, its frames and its
//! connection for ever.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// The most bytes that are put together for one plain write. A small answer comes in two parts, its
/// head and its body, and to copy them costs less than a vectored write does.
const JOINED: usize = 2048;

/// A listener whose sockets have little patience.
pub(crate) struct Impatient<L> {
    listener: L,
    patience: Duration,
}

impl<L> Impatient<L> {
    /// Sockets that fail when their peer takes no byte for so long.
    pub(crate) fn new(listener: L, patience: Duration) -> Self {
        Self { listener, patience }
    }
}

impl<L: Listener> Listener for Impatient<L> {
    type Io = ImpatientSocket<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (socket, address) = self.listener.accept().await;
        let socket = ImpatientSocket {
            socket,
            patience: self.patience,
            stalled: None,
        };
        (socket, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A socket that fails when its peer takes nothing for too long.
pub(crate) struct ImpatientSocket<S> {
    socket: S,
    patience: Duration,
    /// Runs while bytes wait that the peer does not take.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> ImpatientSocket<S> {
    /// What a write gave, or an error when writes have given nothing for too long.
    fn judge(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        stalled.as_mut().poll(context).map(|()| {
            tracing::debug!("a client took nothing for too long and is disconnected");
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ImpatientSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ImpatientSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
        let socket = Pin::new(&mut self.socket);
        let written = if slices.len() > 1 && bytes <= JOINED {
            socket.poll_write(context, join(slices, &mut [0; JOINED]))
        } else {
            socket.poll_write_vectored(context, slices)
        };
        self.judge(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Puts the slices, one after the other, at the beginning of a buffer that has room for them.
fn join<'b>(slices: &[IoSlice<'_>], buffer: &'b mut [u8; JOINED]) -> &'b [u8] {
    let mut end = 0;
    for slice in slices {
        buffer[end..end + slice.len()].copy_from_slice(slice);
        end += slice.len();
    }
    &buffer[..end]
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn the_parts_of_a_write_arrive_in_order_whatever_their_size() {
        for size in [1, JOINED / 2, JOINED] {
            let (socket, mut peer) = duplex(4 * JOINED);
            let mut socket = ImpatientSocket {
                socket,
                patience: PATIENCE,
                stalled: None,
            };
            let (head, body) = (vec![b'h'; size], vec![b'b'; size]);
            let mut both = bytes::Buf::chain(&head[..], &body[..]);
            socket.write_all_buf(&mut both).await.unwrap();
            drop(socket);
            let mut read = Vec::new();
            peer.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, [head, body].concat());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (socket, _peer) = duplex(10);
        let mut socket = ImpatientSocket {
            socket,
            patience: PATIENCE,
            stalled: None,
        };
        let since = Instant::now();
        let error = socket.write_all(&[0; 11]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(since.elapsed() >= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_a_little_now_and_then_is_served_to_the_end() {
        let (socket, mut peer) = duplex(10);
        let mut socket = ImpatientSocket {
            socket,
            patience: PATIENCE,
            stalled: None,
        };
        let written = tokio::spawn(async move { socket.write_all(&[0; 100]).await });
        for _ in 0..100 {
            // sleeps: in virtual time, a little less than the patience each.
            sleep(PATIENCE - Duration::from_secs(1)).await;
            peer.read_u8().await.unwrap();
        }
        written.await.unwrap().unwrap();
    }
}
