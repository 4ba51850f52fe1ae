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
async fn an_operation_of_another_subscription_is_not_polled() {
    let azure = FakeAzure::new([]);
    let elsewhere: VaultId = VAULT.replace("7b1f36a2", "00000000").parse().unwrap();
    let error = protection(&azure).poll(&elsewhere, &running(&format!("{VAULT}/operationStatus/x"))).await;
    assert!(matches!(error, Err(AzureError::PollUrl { .. })), "{error:?}");
    assert!(azure.sent().is_empty());
}
