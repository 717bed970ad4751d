//! Where the door is: after a restart it should be where it was, for runners that outlived it.

use std::{fs, net::SocketAddr, path::Path};

use tokio::net::TcpListener;

use crate::error::ControllersError;

/// Where it was.
const ADDRESS: &str = "door";

/// Listens there. Where any port will do, the last one is tried first.
pub(crate) async fn listen(address: &str, folder: &Path) -> Result<TcpListener, ControllersError> {
    let noted = folder.join(ADDRESS);
    if let Some(last) = any_port(address).and_then(|host| last(&noted, &host))
        && let Ok(listener) = TcpListener::bind(last).await
    {
        return Ok(listener);
    }
    let listener = TcpListener::bind(address).await.map_err(error(address))?;
    if let Ok(address) = listener.local_addr() {
        // Without the note a runner that outlives a restart is lost, which its heartbeat tells.
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&noted, address.to_string()));
        if let Err(error) = written {
            tracing::warn!(%error, path = %noted.display(), "cannot note where the door is");
        }
    }
    Ok(listener)
}

fn any_port(address: &str) -> Option<SocketAddr> {
    address.parse().ok().filter(|address: &SocketAddr| address.port() == 0)
}

fn last(noted: &Path, host: &SocketAddr) -> Option<SocketAddr> {
    let last: SocketAddr = fs::read_to_string(noted).ok()?.trim().parse().ok()?;
    (last.ip() == host.ip()).then_some(last)
}

/// It cannot be there.
pub(crate) fn error(address: &str) -> impl FnOnce(std::io::Error) -> ControllersError {
    let address = address.to_owned();
    move |source| ControllersError::Door { address, source }
}

#[cfg(test)]
mod tests {
    use beidou_service::held_port::HeldPort;

    use super::*;

    #[tokio::test]
    async fn any_port_stays_the_same_while_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let held = HeldPort::any().unwrap();
        let address = held.address();
        fs::write(folder.path().join(ADDRESS), address.to_string()).unwrap();
        let first = listen("127.0.0.1:0", folder.path()).await.unwrap();
        assert_eq!(first.local_addr().unwrap(), address, "where it was");
        let other = listen("127.0.0.1:0", folder.path()).await.unwrap().local_addr().unwrap();
        assert_ne!(other, address, "it is taken");
        assert_eq!(fs::read_to_string(folder.path().join(ADDRESS)).unwrap(), other.to_string());
        fs::write(folder.path().join(ADDRESS), address.to_string()).unwrap();
        drop(first);
        assert_eq!(listen("127.0.0.1:0", folder.path()).await.unwrap().local_addr().unwrap(), address);
        let error = listen("127.0.0.1:seven", folder.path()).await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:seven"), "{error}");
    }
}
