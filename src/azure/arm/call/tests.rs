#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::azure::request::CallContext;
use crate::azure::testing::{credential, vault};
use crate::azure::transport::{TransportOptions, http_client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The head of a request as it arrives. Over plain HTTP; the client that is used in earnest takes https endpoints only.
async fn head(method: Method) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await.unwrap());
        }
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    };
    let vault = vault();
    let call = Call {
        operation: Operation::StopProtection,
        method,
        subscription: vault.subscription(),
        path_and_query: format!("{}?api-version=2026-03-01", vault.path()),
        body: None,
        expected: &[200],
    };
    let token = credential().0.token().await.unwrap();
    let request = call.request(&endpoint, &RequestIds::new(&CallContext::new()), &token).unwrap();
    let client = http_client(&TransportOptions::default()).unwrap();
    let (answer, head) = tokio::join!(client.execute_request(&request), server);
    assert_eq!(u16::from(answer.unwrap().status()), 200);
    head
}

#[tokio::test]
async fn a_post_without_a_body_says_so() {
    assert!(head(Method::Post).await.contains("\r\ncontent-length: 0\r\n"));
    assert!(!head(Method::Get).await.contains("content-length"));
}
