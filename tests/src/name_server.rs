//! The DNS of a cluster, as far as Beidou asks it: one name is known, that of the API server.
//!
//! Message format: RFC 1035, section 4. A question has one name, in its whole form; of a known name another type than A has no
//! records, and any other name does not exist.

use std::{io, net::Ipv4Addr};

use tokio::{net::UdpSocket, task::AbortHandle};

/// `kubernetes.default.svc.cluster.local`, as it stands in a question: each word with its length before it.
const API_SERVER: &[u8] = b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\0";
const PORT: u16 = 53;
/// Ids, flags and counts, before the question.
const HEADER: usize = 12;
/// Type A, class IN.
const ADDRESS: [u8; 4] = [0, 1, 0, 1];
/// A question without extensions is never larger.
const LARGEST: usize = 512;

/// Answers at this address, which is that of the API server, too, until the task is aborted.
///
/// # Errors
/// When the port is taken.
pub(crate) async fn serve(address: Ipv4Addr) -> io::Result<AbortHandle> {
    let socket = UdpSocket::bind((address, PORT)).await?;
    let task = tokio::spawn(async move {
        let mut asked = [0; LARGEST];
        while let Ok((length, from)) = socket.recv_from(&mut asked).await {
            if let Some(answer) = answer(&asked[..length], address) {
                // Who does not wait for it any more asks again.
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    Ok(task.abort_handle())
}

/// Nothing where this is no question.
fn answer(asked: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let (header, rest) = asked.split_at_checked(HEADER)?;
    let name_ends = rest.iter().position(|byte| *byte == 0)? + 1;
    let question = rest.get(..name_ends + ADDRESS.len())?;
    let is_known = question[..name_ends].eq_ignore_ascii_case(API_SERVER);
    let has_address = is_known && question[name_ends..] == ADDRESS;
    // An answer with authority, and the wish of whoever asks for recursion; then 0: no error, or 3: no such name.
    let flags = [0x84 | (header[2] & 1), if is_known { 0 } else { 3 }];
    let counts = [0, 1, 0, u8::from(has_address), 0, 0, 0, 0];
    let mut said = [&header[..2], &flags, &counts, question].concat();
    if has_address {
        // The name of the question, type, class, five seconds to live, length, address.
        said.extend([0xc0, HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4]);
        said.extend(address.octets());
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

    fn ask(name: &[u8], kind: u8) -> Vec<u8> {
        [&[7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], name, &[0, kind, 0, 1]].concat()
    }

    #[test]
    fn one_name_has_an_address_and_no_other_exists() {
        let asked = ask(API_SERVER, 1);
        let told = answer(&asked, GATEWAY).unwrap();
        assert_eq!(told[..HEADER], [7, 9, 0x85, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(told[HEADER..asked.len()], asked[HEADER..]);
        assert_eq!(told[asked.len()..], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 198, 18, 0, 1]);

        let of_version_6 = answer(&ask(API_SERVER, 28), GATEWAY).unwrap();
        assert_eq!(of_version_6[2..8], [0x85, 0, 0, 1, 0, 0]);
        let unknown = answer(&ask(b"\x0akubernetes\0", 1), GATEWAY).unwrap();
        assert_eq!(unknown[2..8], [0x85, 3, 0, 1, 0, 0]);
    }

    #[test]
    fn what_is_no_question_has_no_answer() {
        let asked = ask(API_SERVER, 1);
        for length in 0..asked.len() {
            assert!(answer(&asked[..length], GATEWAY).is_none(), "{length}");
        }
    }
}
