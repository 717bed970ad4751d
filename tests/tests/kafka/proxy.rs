//! A proxy before a broker that can swallow what producers send: a partition that is silent while its broker answers.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use beidou_tests::kafka::{Broker, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// The number of a request that stores records.
const PRODUCE: u16 = 0;

/// A broker that clients reach only through the proxy.
pub struct Proxied {
    pub broker: Broker,
    pub address: String,
    pub switch: Arc<Switch>,
}

/// What the proxy does.
#[derive(Default)]
pub struct Switch {
    /// Requests that store records vanish.
    pub mute: AtomicBool,
    /// How many have vanished.
    pub swallowed: AtomicUsize,
}

impl Proxied {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let settings = Settings { advertised: Some(port), ..Settings::default() };
        let broker = Broker::with(&settings).await.unwrap();
        let (switch, target) = (Arc::new(Switch::default()), broker.address());
        let of_task = Arc::clone(&switch);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(&target).await {
                    tokio::spawn(pass(client, server, Arc::clone(&of_task)));
                }
            }
        });
        Self { broker, address: format!("127.0.0.1:{port}"), switch }
    }
}

async fn pass(client: TcpStream, server: TcpStream, switch: Arc<Switch>) {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let answers = async { tokio::io::copy(&mut from_server, &mut to_client).await.map(drop) };
    // Either end of it ends both: the halves are dropped.
    tokio::select! {
        _ended = requests(from_client, to_server, &switch) => {}
        _ended = answers => {}
    }
}

/// Passes whole requests: a length of four bytes, then the number of its kind.
async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, switch: &Switch) -> std::io::Result<()> {
    loop {
        let length = from.read_u32().await?;
        let mut request = vec![0; length as usize];
        from.read_exact(&mut request).await?;
        if switch.mute.load(SeqCst) && request.starts_with(&PRODUCE.to_be_bytes()) {
            switch.swallowed.fetch_add(1, SeqCst);
            continue;
        }
        to.write_u32(length).await?;
        to.write_all(&request).await?;
    }
}
