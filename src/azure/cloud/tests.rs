#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

#[test]
fn known_clouds_by_name() {
    let cases = [
        ("public", Cloud::public(), "https://management.azure.com/.default"),
        ("AzureCloud", Cloud::public(), "https://management.azure.com/.default"),
        ("us-government", Cloud::us_government(), "https://management.core.usgovcloudapi.net/.default"),
        ("AzureChinaCloud", Cloud::china(), "https://management.core.chinacloudapi.cn/.default"),
    ];
    for (name, cloud, scope) in cases {
        let made = Cloud::new(name.parse().unwrap(), CloudOverrides::default()).unwrap();
        assert_eq!(made, cloud);
        assert_eq!(made.scope(), scope);
    }
    let error = "germany".parse::<CloudName>().unwrap_err().to_string();
    assert_eq!(error, r#""germany" is not a known cloud; use public, us-government, china or custom"#);
}

#[test]
fn endpoints_can_be_replaced_one_by_one() {
    let cloud = Cloud::new(
        CloudName::Public,
        CloudOverrides { arm_endpoint: Some("https://127.0.0.1:8443/".to_owned()), ..CloudOverrides::default() },
    )
    .unwrap();
    assert_eq!(cloud.arm_endpoint(), "https://127.0.0.1:8443");
    assert_eq!((cloud.arm_host(), Cloud::public().arm_host()), ("127.0.0.1", "management.azure.com"));
    assert_eq!(cloud.audience(), "https://management.azure.com");
    assert_eq!(cloud.authority_host(), "https://login.microsoftonline.com");
}

#[test]
fn a_custom_cloud_takes_its_audience_from_its_endpoint() {
    let overrides = CloudOverrides {
        arm_endpoint: Some("https://MANAGEMENT.stack.example:443".to_owned()),
        audience: None,
        authority_host: Some("https://login.stack.example/".to_owned()),
        key_vault_suffix: Some(".Vault.Stack.Example".to_owned()),
    };
    let cloud = Cloud::new(CloudName::Custom, overrides.clone()).unwrap();
    assert_eq!(cloud.arm_endpoint(), "https://management.stack.example");
    assert_eq!(cloud.scope(), "https://management.stack.example/.default");
    assert_eq!(cloud.key_vault_suffix(), "vault.stack.example");

    let missing = CloudOverrides { authority_host: None, ..overrides };
    let error = Cloud::new(CloudName::Custom, missing).unwrap_err();
    assert_eq!(error.to_string(), "a custom cloud lacks its authority host");
}

#[test]
fn only_https_origins_are_endpoints() {
    let cases = [
        ("http://management.azure.com", "only https is allowed"),
        ("management.azure.com", "it is not a URL"),
        ("https://user@management.azure.com", "it must not carry a user name or password"),
        ("https://management.azure.com/tenant", "it must not have a path"),
        ("https://management.azure.com/?x", "it must not have a query or fragment"),
    ];
    for (given, reason) in cases {
        let arm = CloudOverrides { arm_endpoint: Some(given.to_owned()), ..CloudOverrides::default() };
        let authority = CloudOverrides { authority_host: Some(given.to_owned()), ..CloudOverrides::default() };
        for overrides in [arm, authority] {
            let error = Cloud::new(CloudName::Public, overrides).expect_err(given).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
    for suffix in ["", "vault/azure", "vault..net", "https://vault.azure.net"] {
        let overrides = CloudOverrides { key_vault_suffix: Some(suffix.to_owned()), ..CloudOverrides::default() };
        assert!(Cloud::new(CloudName::Public, overrides).is_err(), "{suffix}");
    }
}
