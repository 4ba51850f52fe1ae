#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use azure_core::http::{Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[test]
fn a_bundle_must_hold_certificates() {
    let with = |pem: &str| TransportOptions { extra_ca_pem: Some(pem.into()), ..TransportOptions::default() };
    assert!(http_client(&TransportOptions::default()).is_ok());
    let error = http_client(&with("no certificate")).unwrap_err();
    assert!(matches!(error, TransportError::EmptyCaBundle), "{error}");
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert!(matches!(http_client(&with(broken)), Err(TransportError::CaBundle(_) | TransportError::Build(_))));
}

/// Over plain HTTP, which the client speaks because identity endpoints do; `ArmClient` never asks it to.
#[tokio::test]
async fn redirects_are_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = connection.read(&mut request).await.unwrap();
        let answer = format!("HTTP/1.1 307 x\r\nLocation: http://{address}/elsewhere\r\nContent-Length: 0\r\n\r\n");
        connection.write_all(answer.as_bytes()).await.unwrap();
    };
    let client = http_client(&TransportOptions::default()).unwrap();
    let request = Request::new(format!("http://{address}/").parse().unwrap(), Method::Get);
    let (response, ()) = tokio::join!(client.execute_request(&request), server);
    assert_eq!(u16::from(response.unwrap().status()), 307);
}
