//! What is sent for a new instance.

use super::*;

/// The request that the properties of a recorded or documented instance answer to.
fn request_of(properties: &Value) -> InstanceRequest {
    let instance = Instance::parse(json!({ "properties": properties })).unwrap();
    InstanceRequest {
        friendly_name: properties["friendlyName"].as_str().unwrap_or_default().to_owned(),
        datasource: instance.datasource().unwrap(),
        location: properties["dataSourceInfo"]["resourceLocation"].as_str().unwrap().to_owned(),
        policy: instance.policy().unwrap(),
        secret: instance.secret(),
        identity: instance.identity(),
        owner: owner(),
    }
}

/// The JSON request bodies of the article, in order: validate (twice), PUT.
///
/// One typo is repaired: the body of the PUT closes `properties` before `objectType`, and has a brace too many.
fn article_requests() -> [Value; 3] {
    let repaired = ARTICLE.replace("        }\n    },\n    \"objectType\"", "        },\n    \"objectType\"");
    assert_ne!(repaired, ARTICLE);
    let blocks = repaired.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let bodies = blocks.map(|block| serde_json::from_str::<Value>(block).unwrap());
    let requests: Vec<Value> = bodies.filter(|body| body["status"].is_null()).collect();
    requests.try_into().unwrap()
}

#[test]
fn the_bodies_of_the_article() {
    let [prepared, validated, put] = article_requests();
    let request = request_of(&validated["backupInstance"]);
    assert_eq!(request.validation(ApiVersion::V2021_01_01), prepared);
    assert_eq!(request.validation(ApiVersion::V2021_01_01), validated);
    let name: BackupInstanceName = put["name"].as_str().unwrap().parse().unwrap();
    assert_eq!(request.resource(&name, ApiVersion::V2021_01_01), put);
}

#[test]
fn the_recorded_request_for_a_single_server() {
    let [validated] = recorded(SINGLE, "request", "POST", "validateForBackup").try_into().unwrap();
    let [put] = recorded(SINGLE, "request", "PUT", "backupInstances").try_into().unwrap();
    let request = request_of(&put["properties"]);
    assert_eq!(request.datasource.kind(), DatasourceKind::SingleServerDatabase);
    assert_eq!(request.validation(ApiVersion::V2023_11_01), validated);
    assert_eq!(request.properties(ApiVersion::V2023_11_01), put["properties"]);
}

/// The Azure CLI leaves `dataSourceSetInfo` out; Microsoft's article on Flexible Server and Terraform send the server again.
#[test]
fn the_recorded_request_for_a_flexible_server() {
    let [put] = recorded(FLEXIBLE, "request", "PUT", "backupInstances").try_into().unwrap();
    let request = request_of(&put["properties"]);
    let mut sent = request.properties(ApiVersion::V2024_04_01);
    let set = sent.as_object_mut().unwrap().remove("dataSourceSetInfo").unwrap();
    assert_eq!(sent, put["properties"]);
    let mut info = sent["dataSourceInfo"].clone();
    info["objectType"] = json!("DatasourceSet");
    assert_eq!(set, info);
}

#[test]
fn each_version_is_sent_what_it_carries() {
    let request = InstanceRequest {
        secret: Some("https://team-kv.vault.azure.net/secrets/login".parse().unwrap()),
        identity: Some(
            "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11/resourceGroups/g/providers/\
             Microsoft.ManagedIdentity/userAssignedIdentities/backup"
                .parse()
                .unwrap(),
        ),
        ..flexible()
    };
    let name: BackupInstanceName = "orders-1".parse().unwrap();
    for version in ApiVersion::ALL.iter().copied() {
        let bodies = [request.resource(&name, version), request.merged_into(&json!({ "properties": {} }), version)];
        for body in bodies {
            let properties = &body["properties"];
            assert_eq!(body["tags"].is_object(), version.carries_tags(), "{version}");
            assert_eq!(properties["datasourceAuthCredentials"].is_object(), version.carries_credentials(), "{version}");
            assert_eq!(properties["identityDetails"].is_object(), version.carries_identity_details(), "{version}");
            assert_eq!(body["name"].is_string(), version == ApiVersion::V2021_01_01, "{version}");
        }
    }
    let properties = request.properties(ApiVersion::default());
    assert_eq!(properties["identityDetails"]["useSystemAssignedIdentity"], false);
    assert_eq!(properties["datasourceAuthCredentials"]["secretStoreResource"]["secretStoreType"], "AzureKeyVault");
}

#[test]
fn fingerprints_tell_requests_apart() {
    let base = flexible();
    let changes = [
        InstanceRequest { friendly_name: "other".to_owned(), ..base.clone() },
        InstanceRequest { location: "northeurope".to_owned(), ..base.clone() },
        InstanceRequest { policy: vault().policy(&"daily".parse().unwrap()), ..base.clone() },
        InstanceRequest {
            secret: Some("https://team-kv.vault.azure.net/secrets/login".parse().unwrap()),
            ..base.clone()
        },
        InstanceRequest { owner: OwnerTag { value: "other".to_owned(), ..owner() }, ..base.clone() },
    ];
    let version = ApiVersion::default();
    let hash = base.fingerprint(version);
    assert_eq!(hash, base.clone().fingerprint(version));
    assert_eq!(hash, base.fingerprint(ApiVersion::V2026_06_01), "the same body");
    assert_ne!(hash, base.fingerprint(ApiVersion::V2021_01_01));
    assert!(changes.iter().all(|change| change.fingerprint(version) != hash));
    assert_eq!(hash.as_str().len(), 16);
    assert!(hash == *hash.as_str());
}
