#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

#[test]
fn secret_uris() {
    let secret: SecretUri = "HTTPS://Team-KV.vault.azure.net/secrets/orders-Login".parse().unwrap();
    assert_eq!(secret.to_string(), "https://team-kv.vault.azure.net/secrets/orders-Login");
    assert_eq!((secret.host(), secret.name()), ("team-kv.vault.azure.net", "orders-Login"));
    assert_eq!(secret, "https://team-kv.vault.azure.net/secrets/orders-login".parse().unwrap());

    let belongs = |text: &str, cloud: &Cloud| text.parse::<SecretUri>().unwrap().belongs_to(cloud);
    assert!(belongs("https://team-kv.vault.azure.net/secrets/s", &Cloud::public()));
    assert!(belongs("https://team-kv.vault.azure.cn/secrets/s", &Cloud::china()));
    assert!(!belongs("https://team-kv.vault.azure.cn/secrets/s", &Cloud::public()));
    assert!(!belongs("https://team-kv.vault.azure.net.evil.example/secrets/s", &Cloud::public()));
    assert!(!belongs("https://a.team-kv.vault.azure.net/secrets/s".replace("a.", "abc.").as_str(), &Cloud::public()));
}

#[test]
fn what_is_wrong_with_a_secret_uri_is_said() {
    let cases = [
        ("", "begin with https://"),
        ("http://team-kv.vault.azure.net/secrets/s", "begin with https://"),
        ("https://team-kv.vault.azure.net", "the path is not /secrets/<name>"),
        ("https://team-kv.vault.azure.net/keys/s", "the path is not /secrets/<name>"),
        ("https://team-kv.vault.azure.net/secrets/s/", "the path is not /secrets/<name>"),
        ("https://team-kv.vault.azure.net/secrets", "the name of the secret"),
        ("https://team-kv.vault.azure.net/secrets/", "the name of the secret"),
        ("https://team-kv.vault.azure.net/secrets/a_b", "the name of the secret"),
        ("https://team-kv.vault.azure.net/secrets/..", "the name of the secret"),
        ("https://team-kv.vault.azure.net/secrets/s/0123456789abcdef", "leave out the version"),
        ("https://team-kv.vault.azure.net:443/secrets/s", "leave out the port"),
        ("https://me@team-kv.vault.azure.net/secrets/s", "leave out the user name"),
        ("https://team-kv.vault.azure.net/secrets/s?x=1", "from '?' or '#' on"),
        ("https://team-kv.vault.azure.net/secrets/s#x", "from '?' or '#' on"),
        ("https://kv/secrets/s", "the host is not the name of a Key Vault"),
        ("https://1kv.vault.azure.net/secrets/s", "the host is not the name of a Key Vault"),
        ("https://team-kv.vault..net/secrets/s", "the host is not the name of a Key Vault"),
        ("https://team-kv.vault.azure.net\\@evil.example/secrets/s", "leave out the user name"),
    ];
    for (text, reason) in cases {
        let error = text.parse::<SecretUri>().expect_err(text).to_string();
        assert!(error.contains(reason), "{error}");
    }
}
