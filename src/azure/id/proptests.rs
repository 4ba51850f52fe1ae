#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use proptest::prelude::*;

/// Texts that are nearly ids: the words of an id in any order, mixed with what an attacker would put between.
fn near_id() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("subscriptions".to_owned()),
        Just("resourceGroups".to_owned()),
        Just("providers".to_owned()),
        Just("Microsoft.DBforPostgreSQL".to_owned()),
        Just("flexibleServers".to_owned()),
        Just("7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11".to_owned()),
        Just("..".to_owned()),
        Just("%2e%2e".to_owned()),
        "[a-zA-Z0-9._() %?#-]{0,6}",
        any::<String>(),
    ];
    prop::collection::vec(word, 0..12).prop_map(|words| format!("/{}", words.join("/")))
}

proptest! {
    #[test]
    fn nothing_makes_the_parsers_panic(text in prop_oneof![any::<String>(), near_id()]) {
        let _ = text.parse::<ResourceId>();
        let _ = text.parse::<VaultId>();
        let _ = DatasourceId::parse(&text);
        let _ = text.parse::<SecretUri>();
        let _ = format!("https://{text}").parse::<SecretUri>();
    }

    #[test]
    fn what_parses_prints_as_the_same_id_and_makes_a_plain_path(
        group in "[\\pL\\pN_()-][\\pL\\pN_().-]{0,20}[\\pL\\pN_()-]",
        server in "[A-Za-z0-9][A-Za-z0-9-]{1,30}[A-Za-z0-9]",
        database in "[A-Za-z0-9_][A-Za-z0-9._-]{0,20}[A-Za-z0-9]",
    ) {
        // Rust's alphanumeric characters are those of the categories L and N, and a few more.
        let id = DatasourceId::parse(&format!(
            "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11/resourcegroups/{group}/providers/\
             microsoft.dbforpostgresql/servers/{server}/databases/{database}"
        ))
        .unwrap();
        prop_assert_eq!(&DatasourceId::parse(&id.to_string()).unwrap(), &id);
        let path = id.to_string().parse::<ResourceId>().unwrap().path();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/-._()%".contains(c);
        prop_assert!(path.chars().all(allowed), "{}", path);
        prop_assert_eq!(path.matches('/').count(), 10);
    }

    #[test]
    fn an_id_that_parses_has_no_way_out_of_its_path(text in near_id()) {
        if let Ok(id) = text.parse::<ResourceId>() {
            let url = url::Url::parse(&format!("https://arm{}", id.path())).unwrap();
            prop_assert_eq!(url.path(), id.path());
            prop_assert!(url.query().is_none() && url.fragment().is_none());
        }
    }

    #[test]
    fn a_secret_uri_that_parses_is_what_the_url_library_sees(text in "https://[a-z@:.-]{0,20}(/[a-z]{0,9}){0,3}") {
        if let Ok(secret) = text.parse::<SecretUri>() {
            let url = url::Url::parse(&text).unwrap();
            prop_assert_eq!(url.host_str(), Some(secret.host()));
            prop_assert_eq!(url.path(), format!("/secrets/{}", secret.name()));
        }
    }
}
