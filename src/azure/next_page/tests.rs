#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::azure::testing::{VAULT, vault};
use proptest::prelude::*;

fn from_link(link: &str) -> Result<NextPage, NextPageError> {
    NextPage::from_link(link, &Cloud::public(), &vault())
}

#[test]
fn a_link_to_the_same_list_is_followed_with_its_query() {
    let list = format!("{VAULT}/backupInstances");
    let query = "api-version=2026-03-01&$skipToken=YWJj%2BZGVm==&x=/a?b";
    let links = [
        format!("https://management.azure.com{list}?{query}"),
        format!("HTTPS://Management.Azure.com:443{list}?{query}"),
        format!("https://management.azure.com{}?{query}", list.to_uppercase()),
        format!("https://management.azure.com{list}/?{query}#fragment"),
        format!("https://management.azure.com{}?{query}", list.replace("team-vault", "%74eam%2Dvault")),
        format!(" https://management.azure.com{}?{query}", list.replace("team-vault", "other/../team-vault")),
    ];
    for link in links {
        let next = from_link(&link).expect(&link);
        assert_eq!((next.vault(), next.query()), (&vault(), query), "{link}");
        assert!(!format!("{next:?}").contains("YWJj"));
    }
}

#[test]
fn a_link_of_a_group_with_odd_characters_is_followed_however_they_are_escaped() {
    let vault: VaultId = VAULT.replace("backup/", "größe(1)/").parse().unwrap();
    for group in ["größe(1)", "gr%C3%B6%C3%9Fe(1)", "gr%c3%b6%c3%9fe%281%29"] {
        let list = VAULT.replace("backup/", &format!("{group}/"));
        let link = format!("https://management.azure.com{list}/backupInstances?a=b");
        assert!(NextPage::from_link(&link, &Cloud::public(), &vault).is_ok(), "{link}");
    }
}

#[test]
fn a_link_anywhere_else_is_refused() {
    let good = format!("{VAULT}/backupInstances?api-version=2026-03-01&$skipToken=x");
    let at = |origin: &str| format!("{origin}{good}");
    let arm = |path: String| format!("https://management.azure.com{path}");
    let not_https = [String::new(), "nonsense".to_owned(), good.clone(), at("http://management.azure.com"), at("//x")];
    let foreign = [
        at("https://evil.example"),
        at("https://management.azure.com.evil.example"),
        at("https://management.azure.com@evil.example"),
        at("https://user@management.azure.com"),
        at("https://:password@management.azure.com"),
        at("https://management.azure.com:8443"),
        at("https://evil.example\\@management.azure.com"),
    ];
    let elsewhere = [
        arm(String::new()),
        arm(VAULT.to_owned()),
        arm(format!("{VAULT}/backupInstances")),
        arm(format!("{VAULT}/backupInstances?")),
        arm(good.replace("backupInstances", "deletedBackupInstances")),
        arm(good.replace("backupInstances", "backupInstances/orders")),
        arm(good.replace("team-vault", "other-vault")),
        arm(good.replace("team-vault", "other-vault/../../backupVaults/other-vault")),
        arm(good.replace("team-vault", "..%2Fteam-vault")),
        arm(good.replace("team-vault", "%2574eam-vault")),
        arm(good.replace("team-vault", "team-vault%")),
        arm(good.replace("team-vault", "%ff")),
        arm(good.replace("7b1f36a2", "00000000")),
        arm(good.replace("Microsoft.DataProtection", "Microsoft.Compute")),
    ];
    for link in not_https {
        assert_eq!(from_link(&link), Err(NextPageError::NotHttps), "{link}");
    }
    for link in foreign {
        let expected = "https://management.azure.com".to_owned();
        assert_eq!(from_link(&link), Err(NextPageError::ForeignHost { expected }), "{link}");
    }
    for link in elsewhere {
        assert_eq!(from_link(&link), Err(NextPageError::Elsewhere { vault: vault() }), "{link}");
    }
    assert_eq!(from_link(&arm(format!("{good}{}", "x".repeat(LONGEST)))), Err(NextPageError::TooLong));
}

proptest! {
    #[test]
    fn nothing_makes_the_parser_panic(
        text in any::<String>(),
        vault in "[a-zA-Z0-9%./ é-]{0,12}",
        query in any::<String>(),
    ) {
        let _ = from_link(&text);
        let link = format!("https://management.azure.com{}/backupInstances?{query}", VAULT.replace("team-vault", &vault));
        let _ = from_link(&link);
    }

    #[test]
    fn what_is_sent_stays_on_the_list(query in any::<String>()) {
        if let Ok(next) = from_link(&format!("https://management.azure.com{VAULT}/backupInstances?{query}")) {
            let sent = Url::parse(&format!("https://management.azure.com{VAULT}/backupInstances?{}", next.query())).unwrap();
            prop_assert_eq!(sent.host_str(), Some("management.azure.com"));
            prop_assert_eq!(sent.path(), format!("{VAULT}/backupInstances"));
            prop_assert_eq!(sent.query(), Some(next.query()));
        }
    }
}
