#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

#[test]
fn versions_are_ordered_as_their_texts_and_parse_back() {
    let texts: Vec<&str> = ApiVersion::ALL.iter().map(|version| version.as_str()).collect();
    assert!(texts.is_sorted());
    assert!(ApiVersion::ALL.is_sorted());
    for version in ApiVersion::ALL {
        assert_eq!(version.to_string().parse::<ApiVersion>().unwrap(), *version);
    }
    assert_eq!(ApiVersion::default().as_str(), "2026-03-01");
}

#[test]
fn an_unknown_version_is_told_the_known_ones() {
    for text in ["", "2020-01-01", "2026-03-01-preview", "latest"] {
        let error = text.parse::<ApiVersion>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("api-version {text:?} is not supported; use one of 2021-01-01, ")));
        assert!(error.ends_with("2026-03-01, 2026-06-01"));
    }
}

#[test]
fn what_each_version_carries() {
    use Limitation::{NoCredentials, NoIdentity, NoTags};
    let cases: [(&str, &[Limitation]); 7] = [
        ("2021-01-01", &[NoCredentials, NoTags, NoIdentity]),
        ("2021-07-01", &[NoTags, NoIdentity]),
        ("2022-04-01", &[NoTags, NoIdentity]),
        ("2022-05-01", &[NoIdentity]),
        ("2023-01-01", &[NoIdentity]),
        ("2023-05-01", &[]),
        ("2026-06-01", &[]),
    ];
    for (version, limitations) in cases {
        assert_eq!(version.parse::<ApiVersion>().unwrap().limitations(), limitations, "{version}");
    }
    assert!(!"2025-07-01".parse::<ApiVersion>().unwrap().always_soft_deletes());
    assert!("2025-09-01".parse::<ApiVersion>().unwrap().always_soft_deletes());
}

#[test]
fn what_each_version_can_do() {
    type Can = fn(ApiVersion) -> bool;
    let cases: [(&str, Can); 4] = [
        ("2022-01-01", ApiVersion::stops_protection),
        ("2022-01-01", ApiVersion::syncs),
        ("2022-12-01", ApiVersion::shows_deleted_instances),
        ("2025-01-01", ApiVersion::validates_changes),
    ];
    for (first, can) in cases {
        let first: ApiVersion = first.parse().unwrap();
        for version in ApiVersion::ALL {
            assert_eq!(can(*version), *version >= first, "{version}");
        }
    }
    for operation in Operation::ALL {
        assert!(ApiVersion::default().has(operation), "{operation}");
    }
}
