//! How operations are started and followed.

use super::*;

#[tokio::test]
async fn how_a_request_is_accepted() {
    let status = format!("{VAULT}/operationStatus/abc==?t=1&s=2");
    let results = format!("{VAULT}/operationResults/abc==?t=1&s=2");
    let resource = format!("{VAULT}/backupInstances/orders");
    let cases = [
        (accepted(201, &status), Ok(Some((&status, 15)))),
        (accepted(200, &status), Ok(Some((&status, 15)))),
        (empty(202, &[("location", &arm_url(&results))]), Ok(Some((&results, 30)))),
        (empty(202, &[("azure-asyncoperation", &arm_url(&status)), ("location", "x")]), Ok(Some((&status, 30)))),
        (empty(201, &[("location", &arm_url(&results)), ("retry-after", "3600")]), Ok(Some((&results, 600)))),
        (empty(201, &[("location", &arm_url(&resource))]), Ok(None)),
        (empty(200, &[("location", "https://evil.example/")]), Ok(None)),
        (empty(200, &[]), Ok(None)),
        (empty(201, &[]), Ok(None)),
        (empty(202, &[]), Err("accepted without saying where")),
        (empty(202, &[("location", &arm_url(&resource))]), Err("is not an operation of")),
        (empty(202, &[("location", "https://evil.example/")]), Err("is not on https://management.azure.com")),
        (
            empty(201, &[("azure-asyncoperation", "https://evil.example/")]),
            Err("the access token is sent nowhere else"),
        ),
        (empty(200, &[("azure-asyncoperation", "/relative")]), Err("not an absolute https URL")),
        (empty(203, &[]), Err("unexpected HTTP status 203")),
    ];
    for (reply, expected) in cases {
        let azure = FakeAzure::new([reply]);
        match (protection(&azure).put_instance(&instance(), &json!({})).await, expected) {
            (Ok(Started::Finished), Ok(None)) => {}
            (Ok(Started::Running(found)), Ok(Some((path, seconds)))) => {
                assert_eq!((found.path().as_str(), found.poll_after().as_secs()), (path.as_str(), seconds));
            }
            (Err(error), Err(text)) => {
                assert!(error.to_string().contains(text), "{error}");
                assert_eq!(error.delivery(), Delivery::Unknown);
            }
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
        assert_eq!(azure.sent().len(), 1);
    }
}

#[tokio::test]
async fn what_a_status_says() {
    let failed = json!({ "status": "Failed", "error": { "code": "UserErrorDBNotFound", "message": "M" } });
    let going_on = OperationState::Running { poll_after: None };
    let cases = [
        (json!({ "status": "Inprogress" }), going_on.clone()),
        (json!({ "status": "Accepted" }), going_on.clone()),
        (json!({ "STATUS": "succeeded", "startTime": 3, "endTime": "0001-01-01T00:00:00" }), OperationState::Succeeded),
        (json!({ "status": "CANCELED" }), OperationState::Canceled),
        (json!({ "status": "Cancelled" }), OperationState::Canceled),
    ];
    let operation = running(&format!("{VAULT}/operationStatus/x"));
    for (body, state) in cases {
        let azure = FakeAzure::new([json(200, body.clone())]);
        assert_eq!(protection(&azure).poll(&vault(), &operation).await.unwrap(), state, "{body}");
    }
    let azure = FakeAzure::new([json(200, failed)]);
    let OperationState::Failed(error) = protection(&azure).poll(&vault(), &operation).await.unwrap() else { panic!() };
    assert_eq!((error.class(), error.code.as_str()), (ErrorClass::Prerequisite, "UserErrorDBNotFound"));

    let later = Reply::Answer {
        status: 200,
        headers: vec![("retry-after", "5".to_owned())],
        body: br#"{"status":"Inprogress"}"#.to_vec(),
    };
    let state = protection(&FakeAzure::new([later])).poll(&vault(), &operation).await.unwrap();
    assert_eq!(state, OperationState::Running { poll_after: Some(Duration::from_secs(5)) });
}

#[tokio::test]
async fn a_status_that_cannot_be_read_is_not_a_failed_operation() {
    let replies = [
        json(404, json!({})),
        json(403, json!({})),
        json(500, json!({})),
        json(200, json!({})),
        json(200, json!(3)),
        Reply::Answer { status: 200, headers: vec![], body: b"<html>".to_vec() },
    ];
    for reply in replies {
        let operation = running(&format!("{VAULT}/operationStatus/x"));
        assert!(protection(&FakeAzure::new([reply])).poll(&vault(), &operation).await.is_err());
    }
}

#[tokio::test]
async fn a_result_is_judged_by_its_http_status() {
    let operation = running(&format!("{VAULT}/operationResults/x"));
    let poll = async |reply| protection(&FakeAzure::new([reply])).poll(&vault(), &operation).await;
    assert!(matches!(poll(empty(202, &[])).await, Ok(OperationState::Running { .. })));
    for reply in [empty(204, &[]), json(200, json!({ "objectType": "OperationJobExtendedInfo" })), json(201, json!({}))]
    {
        assert_eq!(poll(reply).await.unwrap(), OperationState::Succeeded);
    }
    for status in [400, 409, 412] {
        let refused = json(status, json!({ "error": { "code": "C", "message": "M" } }));
        let expected = ServiceError { code: "C".to_owned(), message: "M".to_owned(), ..ServiceError::default() };
        assert_eq!(poll(refused).await.unwrap(), OperationState::Failed(expected));
    }
    for status in [403, 404, 408, 410, 429, 500, 504] {
        assert_eq!(poll(empty(status, &[])).await.unwrap_err().status(), Some(status));
    }
}

#[tokio::test]
async fn an_operation_of_another_vault_is_not_polled() {
    let provider = VAULT.split("/backupVaults/").next().unwrap();
    let (subscription, _) = VAULT.split_at(VAULT.find("/resourceGroups/").unwrap());
    let own = "/backupVaults/team-vault/operationStatus/x";
    for (path, is_polled) in [
        (format!("{provider}{own}"), true),
        (format!("{provider}{}", own.to_uppercase()), true),
        (format!("{subscription}/providers/Microsoft.DataProtection/locations/westeurope/operationStatus/x"), true),
        (format!("{provider}/backupVaults/team-vault2/operationStatus/x"), false),
        (format!("{provider}/backupVaults/other-vault/operationStatus/x"), false),
        (format!("{}{own}", provider.replace("/backup/", "/other/")), false),
        (format!("{provider}/locations/westeurope/operationStatus/x"), false),
    ] {
        let azure = FakeAzure::new([json(200, json!({ "status": "Succeeded" }))]);
        let polled = protection(&azure).poll(&vault(), &running(&path)).await;
        assert_eq!((polled.is_ok(), azure.sent().len()), (is_polled, usize::from(is_polled)), "{path}: {polled:?}");
    }
    let azure = FakeAzure::new([]);
    let elsewhere: VaultId = VAULT.replace("7b1f36a2", "00000000").parse().unwrap();
    let client = first_of(ApiVersion::default(), &azure, &elsewhere);
    let error = client.poll(&elsewhere, &running(&format!("{VAULT}/operationStatus/x"))).await;
    assert!(matches!(error, Err(AzureError::PollUrl { .. })), "{error:?}");
    assert!(azure.sent().is_empty());
}

#[tokio::test]
async fn what_is_not_permitted_is_not_sent() {
    let other: VaultId = VAULT.replace("team-vault", "team-vault2").parse().unwrap();
    let instance = other.instance("orders".parse().unwrap());
    let azure = FakeAzure::new([]);
    let client = protection(&azure);
    let operation = running(&format!("{VAULT}/operationStatus/x"));
    let foreign = InstanceRequest { datasource: DATABASE.replace("empdb11", "empdb12").parse().unwrap(), ..request() };
    let secret =
        InstanceRequest { secret: Some("https://kv1.vault.azure.net/secrets/s".parse().unwrap()), ..request() };
    let version = ApiVersion::default();
    let body = |request: &InstanceRequest| request.resource(instance.name(), version);
    let ours = vault().instance("orders".parse().unwrap());
    for (what, refused) in [
        ("vault", client.vault(&other).await.err()),
        ("instance", client.instance(&instance).await.err()),
        ("deleted instance", client.deleted_instance(&instance).await.err()),
        ("list", client.instances(&other, None).await.err()),
        ("validate", client.validate_for_backup(&other, &request()).await.err()),
        ("validate another database", client.validate_for_backup(&vault(), &foreign).await.err()),
        ("validate another secret", client.validate_for_backup(&vault(), &secret).await.err()),
        ("put", client.put_instance(&instance, &body(&request())).await.err()),
        ("put another database", client.put_instance(&ours, &body(&foreign)).await.err()),
        ("put another secret", client.put_instance(&ours, &body(&secret)).await.err()),
        ("modify", client.validate_for_modify(&ours, &foreign.properties(version)).await.err()),
        ("stop", client.stop_protection(&instance).await.err()),
        ("suspend", client.suspend_backups(&instance).await.err()),
        ("resume", client.resume_protection(&instance).await.err()),
        ("sync", client.sync(&instance).await.err()),
        ("undelete", client.undelete(&instance).await.err()),
        ("delete", client.delete_instance(&instance).await.err()),
        ("poll", client.poll(&other, &operation).await.err()),
    ] {
        let error = refused.unwrap_or_else(|| panic!("{what} was sent"));
        assert!(matches!(error, AzureError::Outside { .. } | AzureError::PollUrl { .. }), "{what}: {error}");
    }
    assert!(azure.sent().is_empty());
}
