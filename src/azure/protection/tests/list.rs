//! Lists of backup instances.

use super::*;
use crate::azure::next_page::NextPageError;

const LIST: &str = include_str!("../../../../tests/vectors/azure/list.json");

fn entry(name: &str) -> Value {
    json!({ "name": name, "properties": {} })
}

fn page_link(query: &str) -> String {
    arm_url(&format!("{VAULT}/backupInstances?{query}"))
}

#[tokio::test]
async fn a_recorded_list() {
    let recording = Recording::of(LIST);
    let azure = recording.azure();
    let page = first_of(ApiVersion::V2024_04_01, &azure, &recording.vault())
        .instances(&recording.vault(), None)
        .await
        .unwrap();
    recording.assert_replayed(&azure);
    assert_eq!((page.unreadable, page.next), (0, None));
    let [instance] = &page.items[..] else { panic!("{:?}", page.items) };
    assert_eq!(instance.name, "clitest-pgflex-server-faec6818-0720-11ec-bd1b-c8f750f92764");
    assert_eq!(instance.datasource().unwrap().server_name(), "clitest-pgflex-server-2");
    assert_eq!(instance.protection_state, ProtectionState::ConfiguringProtection);
}

#[tokio::test]
async fn a_list_is_followed_page_by_page() {
    let second = "api-version=2026-03-01&$skipToken=2";
    let azure = FakeAzure::new([
        json(200, json!({ "value": [entry("a"), entry("b")], "nextLink": page_link(second) })),
        json(200, json!({ "value": [], "nextLink": page_link("api-version=2026-03-01&$skipToken=3") })),
        json(200, json!({ "VALUE": [entry("c")], "nextLink": null })),
    ]);
    let client = protection(&azure);
    let mut names = Vec::new();
    let mut page = client.instances(&vault(), None).await.unwrap();
    loop {
        names.extend(page.items.into_iter().map(|instance| instance.name));
        let Some(next) = page.next else { break };
        page = client.instances(&vault(), Some(&next)).await.unwrap();
    }
    assert_eq!(names, ["a", "b", "c"]);
    let sent: Vec<String> = azure.sent().into_iter().map(|sent| sent.url).collect();
    let expected = ["api-version=2026-03-01", second, "api-version=2026-03-01&$skipToken=3"].map(page_link);
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn what_cannot_be_read_is_left_out_and_counted() {
    let odd = [
        json!(null),
        json!(3),
        json!("x"),
        json!([]),
        json!({}),
        json!({ "name": "n" }),
        json!({ "name": "n", "properties": 3 }),
        json!({ "properties": {} }),
        json!({ "name": " ", "properties": {} }),
    ];
    let entries: Vec<Value> = odd.iter().cloned().chain([entry("good")]).collect();
    let azure = FakeAzure::new([json(200, json!({ "value": entries, "nextLink": "" }))]);
    let page = protection(&azure).instances(&vault(), None).await.unwrap();
    assert_eq!((page.items.len(), page.unreadable, page.next), (1, odd.len(), None));
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_an_error() {
    let bodies = [json!({}), json!([]), json!({ "value": null }), json!({ "value": {} }), json!("x")];
    for body in bodies.into_iter().chain([json!({ "value": [], "nextLink": 3 })]) {
        let error = protection(&FakeAzure::new([json(200, body)])).instances(&vault(), None).await.unwrap_err();
        assert!(matches!(error, AzureError::Decode { .. }), "{error}");
    }
    let gone = json(404, json!({ "error": { "code": "ResourceNotFound", "message": "No vault." } }));
    assert!(protection(&FakeAzure::new([gone])).instances(&vault(), None).await.unwrap_err().is_gone());
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_or_nowhere_is_refused() {
    let list = async |link: String| {
        let azure = FakeAzure::new([json(200, json!({ "value": [entry("a")], "nextLink": link }))]);
        let outcome = protection(&azure).instances(&vault(), None).await;
        assert_eq!(azure.sent().len(), 1);
        outcome.unwrap_err()
    };
    let foreign = page_link("a=b").replace("management.azure.com", "evil.example");
    let cases = [
        (foreign, "is not on https://management.azure.com"),
        (page_link("a=b").replace("team-vault", "other"), "does not go on with the backup instances of"),
        (format!("{VAULT}/backupInstances?a=b"), "is not an absolute https URL"),
        (page_link("api-version=2026-03-01"), "leads back to the same page"),
    ];
    for (link, text) in cases {
        let error = list(link).await;
        assert!(matches!(error, AzureError::PageUrl { .. }) && error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn a_page_of_another_vault_is_not_asked_for() {
    let azure = FakeAzure::new([json(200, json!({ "value": [], "nextLink": page_link("a=b") }))]);
    let client = protection(&azure);
    let next = client.instances(&vault(), None).await.unwrap().next.unwrap();
    let other: VaultId = VAULT.replace("team-vault", "other").parse().unwrap();
    let error = client.instances(&other, Some(&next)).await.unwrap_err();
    assert!(matches!(error, AzureError::PageUrl { source: NextPageError::Elsewhere { .. }, .. }), "{error}");
    assert_eq!(azure.sent().len(), 1);
}
