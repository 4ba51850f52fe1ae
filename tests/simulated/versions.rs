//! Older api-versions of Azure Data Protection.

use azure_emulator::Kind;
use postgres_backup_operator::api::annotations;
use postgres_backup_operator::api::v1alpha1::{Issue, IssueSource};
use postgres_backup_operator::azure::ApiVersion;

use crate::samples;
use crate::wire::Call;
use crate::world::{Setup, World, status};

fn speaking(api_version: ApiVersion) -> World {
    World::with(Setup { api_version, ..Setup::default() })
}

#[tokio::test(start_paused = true)]
async fn what_the_oldest_version_cannot_say_is_shown_and_not_sent() {
    let world = speaking(ApiVersion::V2021_01_01);
    world.kubernetes.create(&samples::single("empdb11"));
    let object = world.ready("empdb11").await;
    let codes: Vec<_> = status(&object).issues.into_iter().map(|Issue { source, code, .. }| (source, code)).collect();
    let compatibility = |code: &str| (IssueSource::Compatibility, code.to_owned());
    assert_eq!(codes, [compatibility("CredentialsNotSent"), compatibility("TagsNotSent")]);

    let warnings = world.kubernetes.events().into_iter().filter(|event| event.type_.as_deref() != Some("Normal"));
    assert_eq!(warnings.count(), 0, "nothing went wrong");
    let body = world.azure.received(Kind::PutInstance).remove(0).request_body.unwrap();
    assert!(body["tags"].is_null() && body["properties"]["datasourceAuthCredentials"].is_null(), "{body:#}");
}

#[tokio::test(start_paused = true)]
async fn every_version_creates_changes_and_deletes() {
    for version in ApiVersion::ALL {
        let world = speaking(*version);
        world.kubernetes.create(&samples::single("empdb11"));
        world.ready("empdb11").await;
        world.kubernetes.edit("empdb11", |spec| spec.policy.name = "daily".to_owned());
        world.ready("empdb11").await;
        assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/daily"), "{version}");
        // Before soft delete was a setting of vaults, nothing tells whether a deletion can be undone.
        let instance = world.azure.instance().name().to_owned();
        world.kubernetes.annotate("empdb11", annotations::ALLOW_IRREVERSIBLE_DELETE, &instance);
        world.kubernetes.delete("empdb11");
        world.gone("empdb11").await;
        assert_eq!(world.azure.instances().len(), 0, "{version}");
        assert_eq!(world.wire.of(Call::Put).len(), 2, "{version}\n{}", world.wire);
        assert!(
            world
                .azure
                .received(Kind::PutInstance)
                .iter()
                .all(|entry| entry.api_version.as_deref() == Some(version.as_str()))
        );
    }
}
