#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::azure::operation_path::OperationPathError;
use crate::azure::testing::{VAULT, vault};
use proptest::prelude::*;

const SUBSCRIPTION: &str = "7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11";
const ID: &str = "ZmMzNDFmYWMtZWJlMS00NGJhLWE4YTgtMDNjYjI4Y2M5OTExOzM2NDdhZDNj==";

fn subscription() -> SubscriptionId {
    SUBSCRIPTION.parse().unwrap()
}

fn from_url(url: &str) -> Result<OperationPath, OperationPathError> {
    OperationPath::from_url(url, &Cloud::public(), &subscription())
}

#[test]
fn poll_urls_are_kept_to_the_letter() {
    let signature = "A-_~!$&'()*+,;=:@%2B%3d/?".replace('\'', "").repeat(200);
    let locations = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.DataProtection/locations/westus");
    let paths = [
        format!("{VAULT}/operationStatus/{ID}?api-version=2026-03-01&t=638&c={signature}&s=x&h=y"),
        format!("{locations}/operationStatus/{ID}?api-version=2021-01-01"),
        format!("{locations}/operationResults/{ID}?api-version=2021-01-01"),
        format!("{VAULT}/backupInstances/i/operationResults/{ID}?api-version=2021-01-01"),
        format!(
            "/SUBSCRIPTIONS/{SUBSCRIPTION}/resourcegroups/g/providers/microsoft.dataprotection/operationstatus/x%3D"
        ),
    ];
    for path in paths {
        for origin in ["https://management.azure.com", "HTTPS://Management.Azure.com:443"] {
            let parsed = from_url(&format!("{origin}{path}")).unwrap();
            assert_eq!(parsed.as_str(), path);
            assert_eq!(OperationPath::parse_stored(&path, &subscription()).unwrap(), parsed);
        }
    }
}

#[test]
fn a_poll_url_anywhere_else_is_refused() {
    let good = format!("{VAULT}/operationStatus/{ID}?api-version=2026-03-01");
    let foreign = OperationPathError::ForeignHost { expected: "https://management.azure.com".to_owned() };
    let other = OperationPathError::NotAnOperation { subscription: subscription() };
    let at = |origin: &str| format!("{origin}{good}");
    let arm = |path: &str| format!("https://management.azure.com{path}");
    let cases = [
        (String::new(), OperationPathError::NotHttps),
        (good.clone(), OperationPathError::NotHttps),
        (at("http://management.azure.com"), OperationPathError::NotHttps),
        (at("//management.azure.com"), OperationPathError::NotHttps),
        (at("https://evil.example"), foreign.clone()),
        (at("https://management.azure.com.evil.example"), foreign.clone()),
        (at("https://management.azure.com@evil.example"), foreign.clone()),
        (at("https://user@management.azure.com"), foreign.clone()),
        (at("https://management.azure.com:8443"), foreign.clone()),
        (at("https://evil.example\\@management.azure.com"), foreign.clone()),
        (at("https://management.azure.com?x="), foreign.clone()),
        (at("https://"), foreign.clone()),
        ("https://management.azure.com".to_owned(), foreign),
        (arm("/"), other.clone()),
        (arm(VAULT), other.clone()),
        (arm(&good.replace(SUBSCRIPTION, "00000000-0000-0000-0000-000000000000")), other.clone()),
        (arm(&good.replace("Microsoft.DataProtection", "Microsoft.Compute")), other.clone()),
        (arm(&good.replace("operationStatus", "backupInstances")), other.clone()),
        (arm(&good.replace("backupVaults/", "")), other.clone()),
        (arm(&good.replace(ID, "")), other.clone()),
        (arm(&good.replace("team-vault", "..%2F..%2Fx")), other.clone()),
        (arm(&good.replace("team-vault", "%252e")), other),
        (arm(&good.replace("team-vault", "../team-vault")), OperationPathError::NotVerbatim),
        (arm(&good.replace("team-vault", "%2e%2E")), OperationPathError::NotVerbatim),
        (arm(&good.replace("team-vault", "team vault")), OperationPathError::NotVerbatim),
        (arm(&good.replace("team-vault", "tëam")), OperationPathError::NotVerbatim),
        (arm(&good.replace("/operationStatus", "\\operationStatus")), OperationPathError::NotVerbatim),
        (arm(&format!("{good}#fragment")), OperationPathError::NotVerbatim),
        (arm(&format!("{good}\n")), OperationPathError::NotVerbatim),
        (arm(&format!("{good}{}", "x".repeat(16 * 1024))), OperationPathError::TooLong),
    ];
    for (url, error) in cases {
        assert_eq!(from_url(&url).expect_err(&url), error, "{url}");
    }
}

#[test]
fn a_stored_path_must_be_a_path() {
    let good = format!("{VAULT}/operationStatus/{ID}");
    for text in [format!("https://management.azure.com{good}"), format!("@evil.example{good}"), format!(":8443{good}")]
    {
        assert_eq!(OperationPath::parse_stored(&text, &subscription()), Err(OperationPathError::NotVerbatim), "{text}");
    }
}

#[test]
fn the_signature_of_a_poll_url_is_not_printed() {
    let path = from_url(&format!("https://management.azure.com{VAULT}/operationStatus/x?s=signature")).unwrap();
    assert!(!format!("{path:?}").contains("signature"));
}

#[test]
fn poll_intervals_are_kept_within_reason() {
    let path = from_url(&format!("https://management.azure.com{VAULT}/operationStatus/x")).unwrap();
    for (given, kept) in [(0, 1), (1, 1), (30, 30), (600, 600), (601, 600), (u64::MAX, 600)] {
        let running = RunningOperation::new(path.clone(), Duration::from_secs(given));
        assert_eq!(running.poll_after(), Duration::from_secs(kept));
    }
}

fn near_url() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("subscriptions".to_owned()),
        Just(SUBSCRIPTION.to_owned()),
        Just("providers".to_owned()),
        Just("Microsoft.DataProtection".to_owned()),
        Just("operationStatus".to_owned()),
        Just("..".to_owned()),
        "[a-zA-Z0-9%?#'@:=\\\\ ]{0,8}",
        any::<String>(),
    ];
    let tail = prop::collection::vec(word, 0..9).prop_map(|words| words.join("/"));
    ("(https://|HTTPS://|http://|//|)", "(management.azure.com|evil.example|)", tail)
        .prop_map(|(scheme, host, tail)| format!("{scheme}{host}/{tail}"))
}

proptest! {
    #[test]
    fn nothing_makes_the_parsers_panic(text in prop_oneof![any::<String>(), near_url()]) {
        let _ = from_url(&text);
        let _ = OperationPath::parse_stored(&text, &subscription());
    }

    #[test]
    fn a_path_that_parses_is_sent_as_it_is_and_stays_in_the_subscription(
        middle in "(resourceGroups/[a-zA-Z0-9%._-]{1,9}/|)",
        tail in "(locations/[a-z%.]{1,9}/|backupVaults/[a-z']{1,9}/|)(operationStatus|operationResults)/[A-Za-z0-9=%']{1,30}",
        query in "(\\?[A-Za-z0-9=&%'_-]{0,40}|)",
    ) {
        // A resource group stands before the provider.
        let path = format!("/subscriptions/{SUBSCRIPTION}/{middle}providers/Microsoft.DataProtection/{tail}{query}");
        if let Ok(parsed) = OperationPath::parse_stored(&path, vault().subscription()) {
            prop_assert_eq!(parsed.as_str(), &path);
            let url = url::Url::parse(&format!("https://management.azure.com{}", parsed.as_str())).unwrap();
            prop_assert_eq!(url.as_str(), format!("https://management.azure.com{path}"));
            prop_assert_eq!(url.host_str(), Some("management.azure.com"));
            prop_assert_eq!(OperationPath::parse_stored(parsed.as_str(), &subscription()).unwrap(), parsed);
        }
    }
}
